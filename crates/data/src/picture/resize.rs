//! Another size of a picture.

use super::{Fit, Picture, Size};

/// Brings a picture to a size by a triangle filter that reaches over all pixels which become one, as Pillow's
/// `BILINEAR` does.
pub(super) fn resize(picture: &Picture, size: Size) -> Picture {
    let (width, height) = (size.width as usize, size.height as usize);
    let (old_width, old_height) = (picture.width as f64, picture.height as f64);
    // The part of the picture that is kept, in pixels.
    let (across, down) = match size.fit {
        Fit::Stretch => (old_width, old_height),
        Fit::Crop => {
            let scale = (old_width / width as f64).min(old_height / height as f64);
            (scale * width as f64, scale * height as f64)
        }
    };
    let columns = weights((old_width - across) / 2.0, across, picture.width, width);
    let rows = weights((old_height - down) / 2.0, down, picture.height, height);
    let channels = picture.channels;
    let mut narrow = Vec::with_capacity(picture.height * width * channels);
    for row in picture.pixels.chunks_exact(picture.width * channels) {
        for (first, weights) in &columns {
            for channel in 0..channels {
                let pixels = row[first * channels + channel..].iter().step_by(channels);
                narrow
                    .push(pixels.zip(weights).map(|(&pixel, weight)| f32::from(pixel) * weight).sum::<f32>());
            }
        }
    }
    let stride = width * channels;
    let mut pixels = Vec::with_capacity(height * stride);
    for (first, weights) in &rows {
        for column in 0..stride {
            let values = narrow[first * stride + column..].iter().step_by(stride);
            let value: f32 = values.zip(weights).map(|(value, weight)| value * weight).sum();
            pixels.push(value.round() as u8);
        }
    }
    Picture { width, height, channels, pixels }
}

/// For each of `count` new pixels that share the old ones from `start` over `length`, of `old` in all: the first that
/// counts and the weights from there, whose sum is 1.
fn weights(start: f64, length: f64, old: usize, count: usize) -> Vec<(usize, Vec<f32>)> {
    let scale = length / count as f64;
    let reach = scale.max(1.0);
    let of_pixel = |index: usize| {
        let middle = start + (index as f64 + 0.5) * scale;
        let first = ((middle - reach - 0.5).ceil().max(0.0) as usize).min(old - 1);
        let last = ((middle + reach - 0.5).floor().max(0.0) as usize).clamp(first, old - 1);
        let weight = |pixel: usize| (1.0 - ((pixel as f64 + 0.5 - middle) / reach).abs()).max(0.0);
        let weights: Vec<f64> = (first..=last).map(weight).collect();
        let sum: f64 = weights.iter().sum();
        (first, weights.iter().map(|weight| (weight / sum) as f32).collect())
    };
    (0..count).map(of_pixel).collect()
}
