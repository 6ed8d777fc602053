//! Scores as sound: a built-in synthesiser, SoundFonts, WAV files.

mod reverb;
mod soundfont;
mod string;
mod synth;
mod wav;

pub use soundfont::render_soundfont;
pub use synth::render;
pub use wav::{write_mono_wav, write_wav};

use crate::Score;

/// Peak of a rendered piece: −3 dB below full scale.
const PEAK: f32 = 0.707;

/// Stereo sound.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Audio {
    /// Samples a second on each side.
    pub sample_rate: u32,
    /// Left samples, from −1 to 1.
    pub left: Vec<f32>,
    /// Right samples, as many as left ones.
    pub right: Vec<f32>,
}

impl Audio {
    /// Silence of a given number of samples.
    fn silence(sample_rate: u32, samples: usize) -> Self {
        Self { sample_rate, left: vec![0.0; samples], right: vec![0.0; samples] }
    }

    /// How long it lasts.
    pub fn seconds(&self) -> f64 {
        self.left.len() as f64 / f64::from(self.sample_rate.max(1))
    }

    /// Scales the loudest sample to [`PEAK`]; silence stays silent.
    fn normalise(&mut self) {
        let samples = || self.left.iter().chain(&self.right);
        let peak = samples().fold(0.0f32, |peak, s| peak.max(s.abs()));
        if peak > 0.0 && peak.is_finite() {
            let gain = PEAK / peak;
            self.left.iter_mut().chain(&mut self.right).for_each(|s| *s *= gain);
        }
    }
}

/// How to render a score.
#[derive(Clone, Debug, PartialEq)]
pub struct SynthOptions {
    /// Samples a second, 8,000 to 192,000.
    pub sample_rate: u32,
    /// Share of reverberation, 0 for none to 1; the built-in synthesiser only.
    pub reverb: f32,
    /// Longest piece that is rendered, in seconds: a bound on memory.
    pub longest: f64,
}

impl Default for SynthOptions {
    /// 44,100 samples a second, a small room, at most an hour.
    fn default() -> Self {
        Self { sample_rate: 44_100, reverb: 0.25, longest: 3600.0 }
    }
}

/// Why a score could not be rendered.
#[derive(Debug, thiserror::Error)]
pub enum SoundError {
    /// The score lasts longer than the options allow.
    #[error("the piece lasts {found:.0} seconds; at most {longest:.0} are rendered")]
    TooLong {
        /// Its length in seconds.
        found: f64,
        /// The range that the options allow.
        longest: f64,
    },
    /// The sample rate is out of range.
    #[error("a sample rate of {0} is not possible; it is to be from 8000 to 192000")]
    SampleRate(u32),
    /// The SoundFont could not be read.
    #[error("this is not a readable SoundFont (.sf2): {0}")]
    SoundFont(String),
}

/// A note in seconds, for those who render it.
#[derive(Clone, Copy, Debug)]
struct Event {
    part: usize,
    start: f64,
    end: f64,
    pitch: u8,
    velocity: u8,
}

/// The notes of a score in order of time, with their times in seconds.
fn events(score: &Score, options: &SynthOptions) -> Result<Vec<Event>, SoundError> {
    if !(8_000..=192_000).contains(&options.sample_rate) {
        return Err(SoundError::SampleRate(options.sample_rate));
    }
    let mut events = Vec::new();
    for (part, notes) in score.parts.iter().map(|p| &p.notes).enumerate() {
        let base = events.len();
        // Starts ascend; ends do not, so each end is walked to by a clock that stands at its start.
        let mut clock = score.clock();
        for note in notes {
            let start = clock.seconds_at(note.start);
            let end = clock.clone().seconds_at(note.end());
            events.push(Event { part, start, end, pitch: note.pitch, velocity: note.velocity });
        }
        debug_assert!(events[base..].is_sorted_by(|a, b| a.start <= b.start), "notes are in order");
    }
    events.sort_by(|a, b| a.start.total_cmp(&b.start));
    let found = events.iter().map(|e| e.end).fold(0.0, f64::max);
    if found > options.longest {
        return Err(SoundError::TooLong { found, longest: options.longest });
    }
    Ok(events)
}
