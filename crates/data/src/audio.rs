//! Recordings: WAV files, their sampling rate, and how one is made a sequence of frames.

mod mel;
mod resample;
mod wav;

pub use mel::{LogMel, MelOptions, MelScale};
pub use resample::resample;

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use crate::error::DataError;
use crate::files::{files_of, has_extension, io_error};
use crate::frames::Frames;
use wav::{Fault, Wav};

/// Rates that sound is recorded at, in Hz, with room on both sides.
pub const RATES: std::ops::RangeInclusive<u32> = 100..=768_000;

/// One channel of sound.
#[derive(Debug, Clone, PartialEq)]
pub struct Sound {
    /// Samples a second.
    pub rate: u32,
    /// The samples, full scale being -1..=1.
    pub samples: Vec<f32>,
}

/// A recording, and what was done to make it one channel of the wanted rate.
#[derive(Debug, Clone, PartialEq)]
pub struct Recording {
    /// The sound.
    pub sound: Sound,
    /// Channels of the file, mixed to one in equal shares.
    pub channels: u16,
    /// The rate of the file; where it is not that of [`Recording::sound`], the sound was resampled.
    pub file_rate: u32,
}

/// Why sound could not be read or made frames.
#[derive(Debug, thiserror::Error)]
pub enum AudioError {
    /// The file or folder could not be read.
    #[error(transparent)]
    File(#[from] DataError),
    /// It is no WAV file, or one of a kind that is not read.
    #[error("{}: no WAV file that can be read, PCM of 8 to 32 bits or float of 32 or 64 is needed ({reason})", path.display())]
    NoWav {
        /// The file.
        path: PathBuf,
        /// The decoder's message.
        reason: String,
    },
    /// The file ends early.
    #[error("{}: the file ends after {found} of {promised} samples, get it anew", path.display())]
    Cut {
        /// The file.
        path: PathBuf,
        /// Samples that are there, of all channels.
        found: usize,
        /// Samples that its head promises.
        promised: usize,
    },
    /// No sample.
    #[error("{}: the recording has no sample, at least one is needed", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// A float sample that is no number.
    #[error("{}: sample {at} is not finite, a number is needed", path.display())]
    NotFinite {
        /// The file.
        path: PathBuf,
        /// Its place among the samples of all channels, from 0.
        at: usize,
    },
    /// A rate that no sound has.
    #[error("a rate of {rate} Hz, {} to {} Hz are needed", RATES.start(), RATES.end())]
    Rate {
        /// The rate.
        rate: u32,
    },
    /// Options for frames that contradict each other.
    #[error("{0}")]
    Options(String),
    /// A folder without recordings.
    #[error("{}: the folder holds no file with the extension .wav", path.display())]
    NoFile {
        /// The folder.
        path: PathBuf,
    },
    /// A name that does not say what is heard.
    #[error("{}: the name says no label, one like 7_george_12.wav (label, speaker, take) is needed", path.display())]
    Name {
        /// The file.
        path: PathBuf,
    },
}

/// Reads a WAV file, mixed to one channel and brought to a rate where one is wanted.
///
/// One that was written to a pipe, and so does not know its size, is read to the end of the file.
///
/// # Errors
/// A file that is missing, no WAV file, cut short, without a sample, of a rate outside [`RATES`].
pub fn read_wav(path: &Path, rate: Option<u32>) -> Result<Recording, AudioError> {
    let file = fs::File::open(path).map_err(|e| io_error(path, e))?;
    parse_wav(file, path, rate)
}

/// Decodes a WAV file; `name` is for messages.
///
/// # Errors
/// Those of [`read_wav`] that concern content.
pub fn parse_wav(mut content: impl Read, name: &Path, rate: Option<u32>) -> Result<Recording, AudioError> {
    let path = || name.to_owned();
    let mut bytes = Vec::new();
    content.read_to_end(&mut bytes).map_err(|e| io_error(name, e))?;
    let Wav { channels, rate: file_rate, samples } = wav::decode(&bytes).map_err(|fault| match fault {
        Fault::NoWav(reason) => AudioError::NoWav { path: path(), reason },
        Fault::Cut { found, promised } => AudioError::Cut { path: path(), found, promised },
    })?;
    if let Some(at) = samples.iter().position(|sample| !sample.is_finite()) {
        return Err(AudioError::NotFinite { path: path(), at });
    }
    let samples: Vec<f32> = match usize::from(channels) {
        1 => samples,
        many => samples.chunks_exact(many).map(|all| all.iter().sum::<f32>() / many as f32).collect(),
    };
    if samples.is_empty() {
        return Err(AudioError::Empty { path: path() });
    }
    let sound = Sound { rate: file_rate, samples };
    let sound = resample(sound, rate.unwrap_or(file_rate))?;
    Ok(Recording { sound, channels, file_rate })
}

impl Sound {
    /// The samples themselves, `width` to a frame, the last frame filled with silence.
    ///
    /// # Errors
    /// A width of 0.
    pub fn raw_frames(&self, width: usize) -> Result<Frames, AudioError> {
        if width == 0 {
            return Err(AudioError::Options(
                "frames of 0 samples were asked for, 1 or more are needed".into(),
            ));
        }
        let mut values = self.samples.clone();
        values.resize(values.len().next_multiple_of(width), 0.0);
        Ok(Frames { width, values })
    }
}

/// A recording whose name says what is heard: `label_speaker_take.wav`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Take {
    /// The file.
    pub path: PathBuf,
    /// What is said: the name up to the first `_`.
    pub label: String,
    /// Who says it: the name between the first and the last `_`, where there are two.
    pub speaker: Option<String>,
    /// Which of their recordings it is: the number behind the last `_`, where there is one.
    pub take: Option<u32>,
}

/// The recordings of a folder whose names say what is heard, in the order of the names.
///
/// # Errors
/// A folder that cannot be read or holds no WAV file, a name without a label.
pub fn list_takes(folder: &Path) -> Result<Vec<Take>, AudioError> {
    let files = files_of(folder)?.into_iter().filter(|path| has_extension(path, &["wav"]));
    let takes: Vec<Take> = files.map(take).collect::<Result<_, _>>()?;
    if takes.is_empty() { Err(AudioError::NoFile { path: folder.to_owned() }) } else { Ok(takes) }
}

fn take(path: PathBuf) -> Result<Take, AudioError> {
    let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let (label, rest) = name.split_once('_').unwrap_or((&name, ""));
    if label.is_empty() {
        return Err(AudioError::Name { path });
    }
    let (speaker, number) = rest.rsplit_once('_').unwrap_or(("", rest));
    let take = number.parse().ok();
    let speaker = if take.is_some() { speaker } else { rest };
    let speaker = Some(speaker).filter(|speaker| !speaker.is_empty()).map(str::to_owned);
    Ok(Take { label: label.to_owned(), speaker, take, path })
}
