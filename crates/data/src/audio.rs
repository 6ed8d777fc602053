//! Recordings: WAV files, their sampling rate, and how one is made a sequence of frames.

mod mel;
mod resample;

pub use mel::{LogMel, MelOptions, MelScale};
pub use resample::resample;

use std::fs;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

use hound::{SampleFormat, WavReader};

use crate::error::DataError;
use crate::files::{files_of, has_extension, io_error};
use crate::frames::Frames;

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
    #[error("{}: no WAV file that can be read, PCM of 8 to 32 bits or 32-bit float is needed ({reason})", path.display())]
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
        promised: u32,
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
/// # Errors
/// A file that is missing, no WAV file, cut short, without a sample, of a rate outside [`RATES`].
pub fn read_wav(path: &Path, rate: Option<u32>) -> Result<Recording, AudioError> {
    let file = fs::File::open(path).map_err(|e| io_error(path, e))?;
    parse_wav(BufReader::new(file), path, rate)
}

/// Decodes a WAV file; `name` is for messages.
///
/// # Errors
/// Those of [`read_wav`] that concern content.
pub fn parse_wav(content: impl Read, name: &Path, rate: Option<u32>) -> Result<Recording, AudioError> {
    let path = || name.to_owned();
    let no_wav = |e: hound::Error| AudioError::NoWav { path: path(), reason: e.to_string() };
    let mut reader = WavReader::new(content).map_err(no_wav)?;
    let (spec, promised) = (reader.spec(), reader.len());
    let mut samples: Vec<f32> = vec![];
    let result = match spec.sample_format {
        SampleFormat::Float => reader.samples::<f32>().try_for_each(|sample| {
            samples.push(sample?);
            Ok(())
        }),
        SampleFormat::Int => {
            let scale = 0.5f32.powi(i32::from(spec.bits_per_sample) - 1);
            reader.samples::<i32>().try_for_each(|sample| {
                samples.push(sample? as f32 * scale);
                Ok(())
            })
        }
    };
    match result {
        Err(hound::Error::IoError(e)) if is_end(&e) => {
            return Err(AudioError::Cut { path: path(), found: samples.len(), promised });
        }
        Err(e) => return Err(no_wav(e)),
        Ok(()) => {}
    }
    if let Some(at) = samples.iter().position(|sample| !sample.is_finite()) {
        return Err(AudioError::NotFinite { path: path(), at });
    }
    let channels = usize::from(spec.channels);
    let samples: Vec<f32> = match channels {
        1 => samples,
        _ => samples.chunks_exact(channels).map(|all| all.iter().sum::<f32>() / channels as f32).collect(),
    };
    if samples.is_empty() {
        return Err(AudioError::Empty { path: path() });
    }
    let sound = Sound { rate: spec.sample_rate, samples };
    let sound = resample(sound, rate.unwrap_or(spec.sample_rate))?;
    Ok(Recording { sound, channels: spec.channels, file_rate: spec.sample_rate })
}

/// hound has no kind of its own for the end of a file within a sample.
fn is_end(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::UnexpectedEof | io::ErrorKind::Other)
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
