//! How a sound is cut into frames.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::Frames;
use crate::audio::{AudioError, LogMel, MelOptions, Sound, read_wav};

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

/// Cuts sounds into frames.
pub struct SoundReader {
    steps: SoundSteps,
    mel: Option<LogMel>,
}

impl SoundReader {
    /// One that makes such frames.
    ///
    /// # Errors
    /// Mel bands that no sound of this rate has.
    pub fn new(steps: SoundSteps) -> Result<Self, AudioError> {
        let mel = match steps.frames {
            SoundFrames::Mel(bands) => {
                Some(LogMel::new(steps.rate, &MelOptions { bands, ..MelOptions::default() })?)
            }
            SoundFrames::Samples(_) => None,
        };
        Ok(Self { steps, mel })
    }

    /// How it cuts.
    pub fn steps(&self) -> &SoundSteps {
        &self.steps
    }

    /// The frames of a sound.
    ///
    /// # Errors
    /// A sound of another rate, frames of no sample.
    pub fn frames(&self, sound: &Sound) -> Result<Frames, AudioError> {
        match (&self.mel, self.steps.frames) {
            (Some(mel), _) => mel.frames(sound),
            (None, SoundFrames::Samples(width) | SoundFrames::Mel(width)) => sound.raw_frames(width),
        }
    }

    /// The frames of a file, and its rate where it had to be resampled.
    ///
    /// # Errors
    /// Those of [`read_wav`].
    pub fn read(&self, path: &Path) -> Result<(Frames, Option<u32>), AudioError> {
        let recording = read_wav(path, Some(self.steps.rate))?;
        let other = Some(recording.file_rate).filter(|&rate| rate != self.steps.rate);
        Ok((self.frames(&recording.sound)?, other))
    }
}
