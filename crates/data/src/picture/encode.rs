//! Pictures as files.

use super::Picture;

impl Picture {
    /// The picture as a PNG file, with `most` pixels along its longer side at most: of one that has more, every few pixels. None of a
    /// picture without pixels.
    pub fn png(&self, most: usize) -> Option<Vec<u8>> {
        let Self { width, height, channels, pixels } = self;
        let every = width.max(height).div_ceil(most.max(1)).max(1);
        let pixel = |row: usize, column: usize| &pixels[(row * width + column) * channels..][..*channels];
        let rows = (0..*height).step_by(every);
        let some: Vec<u8> = rows
            .flat_map(|row| (0..*width).step_by(every).flat_map(move |column| pixel(row, column)))
            .copied()
            .collect();
        let size = |side: usize| u32::try_from(side.div_ceil(every)).ok();
        let mut file = Vec::new();
        let mut encoder = png::Encoder::new(&mut file, size(*width)?, size(*height)?);
        encoder.set_color(if *channels == 1 { png::ColorType::Grayscale } else { png::ColorType::Rgb });
        let mut writer = encoder.write_header().ok()?;
        writer.write_image_data(&some).ok()?;
        writer.finish().ok()?;
        Some(file)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::{Colour, parse_picture};
    use super::*;

    #[test]
    fn a_picture_is_read_again_as_it_was() {
        for (channels, colour) in [(1, Colour::Gray), (3, Colour::Rgb)] {
            let pixels = (0..6 * 4 * channels as u8).collect();
            let picture = Picture { width: 6, height: 4, channels, pixels };
            let read = |most| {
                let file = picture.png(most).unwrap();
                parse_picture(&file, Path::new("a.png"), colour, None).unwrap()
            };
            assert_eq!(read(6), picture);
            let small = read(3);
            assert_eq!((small.width, small.height), (3, 2));
            assert_eq!(small.pixels[channels..2 * channels], picture.pixels[2 * channels..3 * channels]);
        }
        assert_eq!(Picture { width: 0, height: 0, channels: 1, pixels: Vec::new() }.png(9), None);
    }
}
