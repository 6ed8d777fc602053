//! Between scores of the music crate and what models of music read.

use anaphora_data::roll::Note;
use anaphora_music::{Part, Score, TICKS_PER_QUARTER, Ticks};

/// Ticks in a second at the tempo that a score has where it names none.
pub const TICKS_PER_SECOND: f64 = 2.0 * TICKS_PER_QUARTER as f64;

/// The notes of all parts, times in seconds.
pub fn in_seconds(score: &Score) -> Vec<Note> {
    let notes = score.in_seconds().into_iter();
    notes.map(|(start, end, note)| Note { start, end, pitch: note.pitch, velocity: note.velocity }).collect()
}

/// The notes of all parts, times in quarter notes.
pub fn in_quarters(score: &Score) -> Vec<Note> {
    let quarters = |ticks: Ticks| ticks as f64 / TICKS_PER_QUARTER as f64;
    let notes = score.parts.iter().flat_map(|part| &part.notes);
    notes
        .map(|note| {
            let (start, end) = (quarters(note.start), quarters(note.end()));
            Note { start, end, pitch: note.pitch, velocity: note.velocity }
        })
        .collect()
}

/// Notes whose unit of time is so many ticks as a score of one part.
pub fn to_score(title: &str, notes: &[Note], ticks: f64) -> Score {
    let note = |note: &Note| {
        let at = |time: f64| (time * ticks).round() as Ticks;
        let start = at(note.start);
        let duration = at(note.end).saturating_sub(start).max(1);
        anaphora_music::Note { start, duration, pitch: note.pitch, velocity: note.velocity }
    };
    let mut notes: Vec<_> = notes.iter().map(note).collect();
    notes.sort();
    let part = Part { name: String::new(), program: 0, notes };
    Score { title: Some(title.to_owned()), parts: vec![part], ..Score::default() }
}
