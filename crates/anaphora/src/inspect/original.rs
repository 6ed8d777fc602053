//! An input in its own units: curves over time or a picture, before it was scaled and cut into steps.

use anaphora_data::frames::{PictureFrames, PictureSteps};
use serde::Serialize;
use serde_json::json;

use super::Inspection;

/// An input that is no text, as it was before the model's scale.
pub enum Original {
    /// Numbers over time.
    Curves(Curves),
    /// A picture.
    Picture(Pixels),
}

/// Numbers over time.
pub struct Curves {
    /// What the numbers are, with their unit.
    pub what: String,
    /// A name for each column.
    pub channels: Vec<String>,
    /// `[times, channels]`.
    pub values: Vec<f32>,
    /// When each row was.
    pub times: Times,
    /// Which rows make a step.
    pub cut: Cut,
}

/// When the rows of curves were.
pub enum Times {
    /// At times with names.
    Named {
        /// What the names are: dates, distances.
        unit: &'static str,
        /// One for each row.
        names: Vec<String>,
    },
    /// At 0 and so far apart.
    Even {
        /// What is counted, as seconds.
        unit: &'static str,
        /// From one row to the next.
        apart: f64,
    },
}

/// The rows that a step reads: `size` from `first` on, those of the next step `stride` later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Cut {
    /// The first row that is read.
    pub first: usize,
    /// Rows of a step.
    pub size: usize,
    /// Rows from one step's first to the next one's.
    pub stride: usize,
}

impl Cut {
    /// Steps of so many rows, one behind the other.
    pub fn every(size: usize) -> Self {
        Self { first: 0, size, stride: size }
    }
}

/// The pixels of a picture.
pub struct Pixels {
    /// Its size and colours, and how it was cut.
    pub steps: PictureSteps,
    /// Rows and columns of the steps that the backbone reads, which lie row by row.
    pub grid: [usize; 2],
    /// `[height, width, colours]`, from 0 to 1.
    pub values: Vec<f32>,
}

impl Pixels {
    /// Puts a picture together of the frames that it was cut into, `frames` in 0 to 1; where the last are not there, the pixels are
    /// not numbers.
    pub fn of_frames(steps: PictureSteps, grid: [usize; 2], frames: &[f32]) -> Self {
        let (width, channels) = (steps.width, steps.channels());
        let mut values = vec![f32::NAN; steps.height * width * channels];
        let PictureFrames::Patches(side) = steps.frames else {
            values[..frames.len()].copy_from_slice(frames);
            return Self { steps, grid, values };
        };
        let (across, row) = (width / side, side * channels);
        for (number, line) in frames.chunks_exact(row).enumerate() {
            let (patch, down) = (number / side, number % side);
            let place = (patch / across * side + down) * width + patch % across * side;
            values[place * channels..][..row].copy_from_slice(line);
        }
        Self { steps, grid, values }
    }
}

impl Inspection {
    /// Adds `input [times, channels]` or `picture [height, width, colours]`, and how its steps were cut to what it is about.
    pub fn add_original(&mut self, original: Original) {
        match original {
            Original::Curves(Curves { what, channels, values, times, cut }) => {
                let shape = [values.len() / channels.len().max(1), channels.len()];
                let mut about =
                    json!({ "what": what, "first": cut.first, "size": cut.size, "stride": cut.stride });
                match times {
                    Times::Named { unit, names } => {
                        about["unit"] = unit.into();
                        self.labels.insert("times".into(), names);
                    }
                    Times::Even { unit, apart } => {
                        about["unit"] = unit.into();
                        about["apart"] = apart.into();
                    }
                }
                self.labels.insert("channels".into(), channels);
                self.add("input", &["times", "channels"], &shape, values, format!("what was read: {what}"));
                self.about.insert("input".into(), about);
            }
            Original::Picture(Pixels { steps, grid, values }) => {
                let colours: &[&str] =
                    if steps.channels() == 1 { &["gray"] } else { &["red", "green", "blue"] };
                self.labels.insert("colours".into(), colours.iter().map(|&name| name.to_owned()).collect());
                let mut about = json!(steps);
                about["grid"] = json!(grid);
                self.about.insert("picture".into(), about);
                let shape = [steps.height, steps.width, colours.len()];
                let what = "the picture that was read, from 0 to 1";
                self.add("picture", &["height", "width", "colours"], &shape, values, what);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use anaphora_data::picture::{Colour, Picture};

    use super::*;

    #[test]
    fn a_picture_is_put_together_of_its_patches() {
        let pixels: Vec<u8> = (0..6 * 4 * 3).collect();
        let picture = Picture { width: 6, height: 4, channels: 3, pixels };
        for frames in [PictureFrames::Patches(2), PictureFrames::Rows, PictureFrames::Pixels] {
            let steps = PictureSteps { width: 6, height: 4, colour: Colour::Rgb, frames };
            let cut = steps.frames(&picture).unwrap();
            let whole = Pixels::of_frames(steps, [2, 3], &cut.values);
            assert_eq!(whole.values, picture.pixels().values, "{frames:?}");
            let part = Pixels::of_frames(steps, [2, 3], &cut.values[..cut.width]);
            assert_eq!(part.values.iter().filter(|value| value.is_finite()).count(), cut.width, "{frames:?}");
            assert_eq!(part.values[..3], whole.values[..3]);
        }
    }
}
