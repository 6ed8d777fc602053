//! Rendering by a SoundFont, through `rustysynth`.

use super::{Audio, SoundError, SynthOptions, events};
use crate::Score;
use rustysynth::{SoundFont, Synthesizer, SynthesizerSettings};
use std::cell::Cell;
use std::io::Read;
use std::panic::{self, AssertUnwindSafe};
use std::sync::{Arc, Once};

/// Seconds that the last note may ring on.
const TAIL: f64 = 2.0;

/// Plays a score by the instruments of a SoundFont (`.sf2`).
///
/// # Errors
/// When the SoundFont cannot be read, the piece is longer than `options.longest` or the sample
/// rate is out of range.
pub fn render_soundfont(
    score: &Score,
    font: &mut impl Read,
    options: &SynthOptions,
) -> Result<Audio, SoundError> {
    let events = events(score, options)?;
    let mut bytes = Vec::new();
    font.read_to_end(&mut bytes).map_err(|e| SoundError::SoundFont(e.to_string()))?;
    let rendered = caught(|| play(score, &events, &bytes, options));
    rendered.unwrap_or_else(|| Err(SoundError::SoundFont("its tables contradict one another".to_owned())))
}

/// Runs what may panic: `rustysynth` indexes by what a broken file says, which must neither end the
/// program nor print anything. `None` where it did panic.
fn caught<T>(run: impl FnOnce() -> T) -> Option<T> {
    thread_local!(static QUIET: Cell<bool> = const { Cell::new(false) });
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let usual = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !QUIET.get() {
                usual(info);
            }
        }));
    });
    QUIET.set(true);
    let result = panic::catch_unwind(AssertUnwindSafe(run));
    QUIET.set(false);
    result.ok()
}

fn play(
    score: &Score,
    events: &[super::Event],
    font: &[u8],
    options: &SynthOptions,
) -> Result<Audio, SoundError> {
    let broken = |e: &dyn std::fmt::Display| SoundError::SoundFont(e.to_string());
    let mut reader = font;
    let font = Arc::new(SoundFont::new(&mut reader).map_err(|e| broken(&e))?);
    let settings = SynthesizerSettings::new(options.sample_rate as i32);
    let mut synth = Synthesizer::new(&font, &settings).map_err(|e| broken(&e))?;
    let channel = |part: usize| {
        let channel = (part % 15) as i32;
        channel + i32::from(channel >= 9)
    };
    const PROGRAM_CHANGE: i32 = 0xC0;
    for (part, p) in score.parts.iter().enumerate() {
        synth.process_midi_message(channel(part), PROGRAM_CHANGE, p.program.into(), 0);
    }
    let rate = f64::from(options.sample_rate);
    // What begins and ends, by sample; ends before beginnings.
    let mut changes: Vec<(usize, bool, &super::Event)> = Vec::with_capacity(2 * events.len());
    for event in events {
        changes.push(((event.start * rate).round() as usize, true, event));
        changes.push(((event.end * rate).round() as usize, false, event));
    }
    changes.sort_by_key(|c| (c.0, c.1));
    let samples = changes.last().map_or(0, |c| c.0 + (TAIL * rate) as usize);
    let mut audio = Audio::silence(options.sample_rate, samples);
    let mut now = 0;
    for (at, begins, event) in changes {
        synth.render(&mut audio.left[now..at], &mut audio.right[now..at]);
        now = at;
        if begins {
            synth.note_on(channel(event.part), event.pitch.into(), event.velocity.into());
        } else {
            synth.note_off(channel(event.part), event.pitch.into());
        }
    }
    synth.render(&mut audio.left[now..], &mut audio.right[now..]);
    audio.normalise();
    Ok(audio)
}
