//! The sound of a tune, small enough to lie in a page.

use anaphora_music::sound::{SynthOptions, render, write_mono_wav};
use anaphora_music::{Note, Part, Score, TICKS_PER_QUARTER, Ticks};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;

use crate::chart::Sounding;

/// Bytes of a WAV file, at most: a third more in base64.
const MOST: f64 = 1_000_000.0;
/// Samples a second, of which the first is taken with which the whole tune fits.
const RATES: [u32; 3] = [16_000, 11_025, 8_000];
/// Bytes of a sample.
const SAMPLE: f64 = 2.0;
/// Seconds for the last note to die away.
const TAIL: f64 = 1.5;
/// Of how many ticks a second has: two quarters, as a score has it where it says nothing.
const TICKS: f64 = 2.0 * TICKS_PER_QUARTER as f64;

/// A WAV file, mono, of 16 bits.
#[derive(Clone, Debug, Serialize)]
pub struct Sound {
    /// In base64.
    wav: String,
    /// Seconds of the notes that are in it.
    seconds: f64,
}

impl Sound {
    /// Plays notes; of a tune that is too long, those that begin before its end.
    pub fn of(notes: &[Sounding]) -> Self {
        let end = notes.iter().map(|note| note.start + note.seconds).fold(0.0, f64::max);
        let fits = |rate: u32| MOST / (SAMPLE * f64::from(rate)) - TAIL;
        let rate = RATES.into_iter().find(|&rate| end <= fits(rate)).unwrap_or(RATES[RATES.len() - 1]);
        let seconds = end.min(fits(rate));
        let ticks = |seconds: f64| (seconds.max(0.0) * TICKS).round() as Ticks;
        let heard = notes.iter().filter(|note| note.start < seconds);
        let note = |note: &Sounding| Note {
            start: ticks(note.start),
            duration: ticks(note.seconds.min(seconds - note.start)).max(1),
            pitch: note.pitch.min(127),
            velocity: 90,
        };
        let mut notes: Vec<Note> = heard.map(note).collect();
        notes.sort();
        let score = Score { parts: vec![Part { notes, ..Part::default() }], ..Score::default() };
        let options = SynthOptions { sample_rate: rate, ..SynthOptions::default() };
        let audio = render(&score, &options).unwrap_or_default();
        Self { wav: STANDARD.encode(write_mono_wav(&audio)), seconds }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn notes(count: usize) -> Vec<Sounding> {
        let note = |k: usize| Sounding {
            start: k as f64 * 0.25,
            seconds: 0.25,
            pitch: 62 + (k % 12) as u8,
            step: None,
        };
        (0..count).map(note).collect()
    }

    #[test]
    fn a_sound_is_mono_and_no_larger_than_it_says() {
        for (count, rate, whole) in [(40, 16_000, true), (160, 11_025, true), (400, 8_000, false)] {
            let sound = Sound::of(&notes(count));
            let wav = STANDARD.decode(&sound.wav).expect("base64");
            assert!(wav.len() as f64 <= MOST + 100.0, "{}", wav.len());
            assert_eq!(&wav[..4], b"RIFF");
            assert_eq!(wav[22..24], [1, 0], "mono");
            assert_eq!(u32::from_le_bytes(wav[24..28].try_into().expect("four")), rate);
            assert_eq!(sound.seconds >= count as f64 * 0.25, whole, "{}", sound.seconds);
            let loud = wav[44..]
                .chunks_exact(2)
                .map(|two| i16::from_le_bytes([two[0], two[1]]).unsigned_abs())
                .max();
            assert!(loud.is_some_and(|loud| loud > 10_000), "{loud:?}");
        }
    }
}
