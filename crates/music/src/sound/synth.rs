//! The built-in synthesiser: plucked strings in a small room.

use super::reverb::reverberate;
use super::string::{Pluck, pluck};
use super::{Audio, SoundError, SynthOptions, events};
use crate::Score;

/// Seconds that the last note and the room may ring on.
const TAIL: f64 = 1.5;

/// Seconds over which the end is faded to silence.
const FADE: f32 = 0.3;

/// Plays a score on plucked strings. The same score gives the same samples.
///
/// # Errors
/// When the piece is longer than `options.longest` or the sample rate is out of range.
pub fn render(score: &Score, options: &SynthOptions) -> Result<Audio, SoundError> {
    let events = events(score, options)?;
    let rate = f64::from(options.sample_rate);
    let end = events.iter().map(|e| e.end).fold(0.0, f64::max);
    let samples = if events.is_empty() { 0 } else { ((end + TAIL) * rate).ceil() as usize };
    let mut audio = Audio::silence(options.sample_rate, samples);
    for event in &events {
        let from = (event.start * rate).round() as usize;
        let note = Pluck {
            sample_rate: options.sample_rate as f32,
            frequency: 440.0 * 2f32.powf((f32::from(event.pitch) - 69.0) / 12.0),
            held: ((event.end - event.start) * rate) as usize,
            gain: (f32::from(event.velocity) / 127.0).powf(1.5),
            pan: pan(event.part, event.pitch),
        };
        pluck(&mut audio.left[from..], &mut audio.right[from..], &note);
    }
    reverberate(&mut audio.left, &mut audio.right, options.sample_rate as f32, options.reverb);
    fade(&mut audio.left, options.sample_rate);
    fade(&mut audio.right, options.sample_rate);
    audio.normalise();
    Ok(audio)
}

/// Parts stand beside one another; within a part low notes lie a little to the left, as on a harp.
fn pan(part: usize, pitch: u8) -> f32 {
    let place = [0.0, 0.35, -0.35, 0.6, -0.6][part % 5];
    place + (f32::from(pitch) - 69.0) / 150.0
}

fn fade(samples: &mut [f32], sample_rate: u32) {
    let length = ((FADE * sample_rate as f32) as usize).min(samples.len());
    let from = samples.len() - length;
    for (index, sample) in samples[from..].iter_mut().enumerate() {
        *sample *= 1.0 - index as f32 / length as f32;
    }
}
