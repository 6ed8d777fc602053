//! What the steps of an example are made of: how a text, a row of numbers, a sound or a picture becomes what a model reads.

use std::path::Path;

use anaphora_data::Frames;
use anaphora_data::audio::{AudioError, LogMel, MelOptions, Sound, read_wav};
use anaphora_data::picture::{Colour, Fit, Picture, PictureError, Size, read_picture};
use serde::{Deserialize, Serialize};

use crate::recipe::{Data, Input};

/// What the steps of an example are made of.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Steps {
    /// The tokens of a text.
    Text {
        /// Whether capitals are read as small letters.
        lowercase: bool,
        /// Whether tokens are words: the first one of a text then has the space before it that the others have.
        words: bool,
    },
    /// The numbers of a row.
    Numbers {
        /// How many each row has.
        columns: usize,
        /// How many of them make a frame.
        width: usize,
    },
    /// Frames of a sound.
    Sound(SoundSteps),
    /// Frames of a picture.
    Picture(PictureSteps),
}

/// How a sound is cut into frames.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SoundSteps {
    /// Samples a second, to which other sounds are resampled.
    pub rate: u32,
    /// The frames.
    pub frames: SoundFrames,
}

/// The frames of a sound.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SoundFrames {
    /// Logarithms of the power in so many mel bands, every 10 ms.
    Mel(usize),
    /// So many samples.
    Samples(usize),
}

/// How a picture is cut into frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PictureSteps {
    /// Pixels across, to which other pictures are stretched.
    pub width: usize,
    /// Pixels down.
    pub height: usize,
    /// Gray or in colours.
    pub colour: Colour,
    /// The frames.
    pub frames: PictureFrames,
}

/// The frames of a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PictureFrames {
    /// Its rows from above.
    Rows,
    /// Its pixels row by row.
    Pixels,
    /// Squares of this side row by row.
    Patches(usize),
    /// Its pixels, of which the model's convolutions make steps.
    Whole,
}

impl Steps {
    /// What the recipe calls it.
    pub fn input(&self) -> Input {
        match self {
            Self::Text { .. } => Input::Text,
            Self::Numbers { .. } => Input::Numbers,
            Self::Sound(SoundSteps { frames: SoundFrames::Mel(_), .. }) => Input::Mel,
            Self::Sound(_) => Input::Samples,
            Self::Picture(steps) => match steps.frames {
                PictureFrames::Rows => Input::Rows,
                PictureFrames::Pixels => Input::Pixels,
                PictureFrames::Patches(_) => Input::Patches,
                PictureFrames::Whole => Input::Picture,
            },
        }
    }

    /// Whether the columns of a frame are alike, samples or pixels, so that one scale serves them all.
    pub fn columns_are_alike(&self) -> bool {
        match self {
            Self::Text { .. } => false,
            Self::Sound(steps) => matches!(steps.frames, SoundFrames::Samples(_)),
            Self::Numbers { .. } | Self::Picture(_) => true,
        }
    }

    /// The files that a prediction is made from.
    pub fn files(&self) -> &'static str {
        match self {
            Self::Sound(_) => "sounds (WAV)",
            Self::Picture(_) => "pictures (PNG, JPEG or IDX)",
            _ => "lines of text",
        }
    }

    /// What a step is called.
    pub fn unit(&self) -> &'static str {
        match self {
            Self::Text { .. } => "token",
            Self::Picture(PictureSteps { frames: PictureFrames::Rows, .. }) => "row",
            Self::Picture(PictureSteps { frames: PictureFrames::Pixels | PictureFrames::Whole, .. }) => {
                "pixel"
            }
            Self::Picture(_) => "patch",
            _ => "frame",
        }
    }
}

/// A row of numbers as frames of so many; the last one is filled with the row's last number.
pub fn number_frames(mut values: Vec<f32>, width: usize) -> Frames {
    let last = values.last().copied().unwrap_or(0.0);
    values.resize(values.len().next_multiple_of(width), last);
    Frames { width, values }
}

/// Cuts sounds into frames.
pub struct SoundReader {
    steps: SoundSteps,
    mel: Option<LogMel>,
}

impl SoundReader {
    /// One that makes such frames.
    pub fn new(steps: SoundSteps) -> Result<Self, AudioError> {
        let mel = match steps.frames {
            SoundFrames::Mel(bands) => {
                Some(LogMel::new(steps.rate, &MelOptions { bands, ..MelOptions::default() })?)
            }
            SoundFrames::Samples(_) => None,
        };
        Ok(Self { steps, mel })
    }

    /// One that makes what the recipe asks for of a sound like this.
    pub fn like(sound: &Sound, data: &Data) -> Result<Self, AudioError> {
        let frames = match data.input {
            // A hundredth of a second.
            Input::Samples => SoundFrames::Samples(data.patch.unwrap_or(sound.rate as usize / 100).max(1)),
            _ => SoundFrames::Mel(data.mels),
        };
        Self::new(SoundSteps { rate: sound.rate, frames })
    }

    /// How it cuts.
    pub fn steps(&self) -> &SoundSteps {
        &self.steps
    }

    /// The frames of a sound.
    pub fn frames(&self, sound: &Sound) -> Result<Frames, AudioError> {
        match (&self.mel, self.steps.frames) {
            (Some(mel), _) => mel.frames(sound),
            (None, SoundFrames::Samples(width) | SoundFrames::Mel(width)) => sound.raw_frames(width),
        }
    }

    /// The frames of a file, and its rate where it had to be resampled.
    pub fn read(&self, path: &Path) -> Result<(Frames, Option<u32>), AudioError> {
        let recording = read_wav(path, Some(self.steps.rate))?;
        let other = Some(recording.file_rate).filter(|&rate| rate != self.steps.rate);
        Ok((self.frames(&recording.sound)?, other))
    }
}

impl PictureSteps {
    /// What the recipe asks for of a picture like this.
    pub fn like(picture: &Picture, data: &Data) -> Self {
        let &Picture { width, height, channels, .. } = picture;
        let gray = picture.pixels.chunks_exact(channels).all(|pixel| pixel.iter().all(|&x| x == pixel[0]));
        let frames = match data.input {
            Input::Pixels => PictureFrames::Pixels,
            Input::Picture => PictureFrames::Whole,
            Input::Patches => PictureFrames::Patches(data.patch.unwrap_or_else(|| patch(width, height))),
            _ => PictureFrames::Rows,
        };
        Self { width, height, colour: if gray { Colour::Gray } else { Colour::Rgb }, frames }
    }

    /// The frames of a picture of this size, in these colours.
    pub fn frames(&self, picture: &Picture) -> Result<Frames, PictureError> {
        match self.frames {
            PictureFrames::Rows => Ok(picture.rows()),
            PictureFrames::Pixels | PictureFrames::Whole => Ok(picture.pixels()),
            PictureFrames::Patches(side) => picture.patches(side),
        }
    }

    /// A file as a picture of this size, in these colours.
    pub fn read(&self, path: &Path) -> Result<Picture, PictureError> {
        let size = Size { width: self.width as u32, height: self.height as u32, fit: Fit::Stretch };
        read_picture(path, self.colour, Some(size))
    }

    /// Whether a picture has this size and these colours.
    pub fn fit(&self, picture: &Picture) -> bool {
        let channels = if self.colour == Colour::Gray { 1 } else { 3 };
        (picture.width, picture.height, picture.channels) == (self.width, self.height, channels)
    }
}

/// The largest side of a patch with which four or more fit into each side of a picture; else that of one pixel.
fn patch(width: usize, height: usize) -> usize {
    let fits = |side: &usize| width.is_multiple_of(*side) && height.is_multiple_of(*side);
    (1..=width.min(height) / 4).rev().find(fits).unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_patch_divides_both_sides() {
        assert_eq!(
            [(28, 28), (32, 64), (30, 45), (7, 11), (3, 3)].map(|(w, h)| patch(w, h)),
            [7, 8, 5, 1, 1]
        );
    }

    #[test]
    fn what_a_picture_is_like_is_seen_from_its_pixels() {
        let picture = |pixels: [u8; 6]| Picture { width: 2, height: 1, channels: 3, pixels: pixels.to_vec() };
        let data = Data { input: Input::Pixels, ..Data::default() };
        let gray = PictureSteps::like(&picture([1, 1, 1, 9, 9, 9]), &data);
        assert_eq!((gray.colour, gray.frames), (Colour::Gray, PictureFrames::Pixels));
        assert_eq!(PictureSteps::like(&picture([1, 1, 1, 9, 9, 8]), &data).colour, Colour::Rgb);
    }
}
