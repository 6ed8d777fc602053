//! Polyphonic music: piano rolls, each frame the notes that sound in it, and notes on a line of time.

pub mod coding;

pub use coding::{Coding, Notes};

use std::path::Path;

use serde::Deserialize;

use crate::error::{At, DataError};
use crate::files::{decode, read};
use crate::frames::Frames;

/// Pitches of a frame, as in MIDI (60 is middle C), ascending and each once.
pub type Chord = Vec<u8>;

/// Number of pitches that MIDI has.
pub const PITCHES: u8 = 128;

/// One note. Times are in seconds, quarter notes or whatever the caller counts in.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Note {
    /// When it begins.
    pub start: f64,
    /// When it ends.
    pub end: f64,
    /// Its pitch, 0 to 127.
    pub pitch: u8,
    /// How hard it is struck, 1 to 127.
    pub velocity: u8,
}

/// Faults of music.
#[derive(Debug, thiserror::Error)]
pub enum RollError {
    /// The file could not be read.
    #[error(transparent)]
    File(#[from] DataError),
    /// It is not the JSON that was to be.
    #[error(
        "{}: {reason}; an object is needed whose fields train, valid and test hold pieces, lists of frames, lists of pitches",
        path.display()
    )]
    NotChorales {
        /// The file.
        path: std::path::PathBuf,
        /// What the parser said, with line and column.
        reason: String,
    },
    /// A pitch that MIDI does not have.
    #[error("{part} piece {piece}, frame {frame}: the pitch {pitch}, pitches from 0 to 127 are needed")]
    Pitch {
        /// Where: the file and `train`, `valid` or `test`.
        part: String,
        /// The piece, from 1.
        piece: usize,
        /// The frame, from 1.
        frame: usize,
        /// What was found.
        pitch: i64,
    },
    /// A pitch that a model does not know.
    #[error(transparent)]
    Unknown(#[from] At<coding::UnknownPitch>),
    /// A note that cannot be.
    #[error(
        "note {index} lasts from {start} to {end} with pitch {pitch} and velocity {velocity}: a finite start of 0 or \
         later, an end behind it, a pitch up to 127 and a velocity from 1 to 127 are needed",
        start = note.start, end = note.end, pitch = note.pitch, velocity = note.velocity
    )]
    Note {
        /// Its place, from 1.
        index: usize,
        /// The note.
        note: Note,
    },
    /// Options for events that leave nothing to tell apart.
    #[error(
        "{longest} steps to an event and {velocities} velocities, at least one step and 1 to 127 velocities are needed"
    )]
    Events {
        /// The steps of the longest event.
        longest: u32,
        /// The velocities.
        velocities: u32,
    },
    /// A step that is none, or far too short for the music.
    #[error("steps of {step} up to the time {end}: a step above 0 is needed, and 10 million of them at most")]
    Step {
        /// The step.
        step: f64,
        /// When the last note ends.
        end: f64,
    },
}

/// The JSB chorales, or pieces in their form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chorales {
    /// Pieces to learn from, each a list of frames.
    pub train: Vec<Vec<Chord>>,
    /// Pieces to choose by.
    pub valid: Vec<Vec<Chord>>,
    /// Pieces to be judged by.
    pub test: Vec<Vec<Chord>>,
}

/// Reads `{train, valid, test}`, each a list of pieces, each a list of frames, each a list of the pitches that sound.
///
/// # Errors
/// A file that is missing or holds something else, a pitch outside MIDI's.
pub fn read_chorales(path: &Path) -> Result<Chorales, RollError> {
    parse_chorales(&read(path)?, path)
}

/// Reads pieces from a file's content; `name` is for messages.
///
/// # Errors
/// Those of [`read_chorales`] that concern content.
pub fn parse_chorales(content: &[u8], name: &Path) -> Result<Chorales, RollError> {
    type Pieces = Vec<Vec<Vec<i64>>>;
    #[derive(Deserialize)]
    struct File {
        train: Pieces,
        valid: Pieces,
        test: Pieces,
    }
    let text = decode(content, name, crate::Encoding::AUTO)?;
    let file: File = serde_json::from_str(&text)
        .map_err(|e| RollError::NotChorales { path: name.to_owned(), reason: e.to_string() })?;
    let part = |pieces: Pieces, part: &str| {
        let chord = |piece: usize, frame: usize, pitches: Vec<i64>| {
            let pitch = |&pitch: &i64| match u8::try_from(pitch) {
                Ok(midi) if midi < PITCHES => Ok(midi),
                _ => {
                    let part = format!("{}, {part}", name.display());
                    Err(RollError::Pitch { part, piece: piece + 1, frame: frame + 1, pitch })
                }
            };
            let mut chord = pitches.iter().map(pitch).collect::<Result<Chord, _>>()?;
            chord.sort_unstable();
            chord.dedup();
            Ok(chord)
        };
        let piece = |(piece, frames): (usize, Vec<Vec<i64>>)| {
            frames.into_iter().enumerate().map(|(frame, pitches)| chord(piece, frame, pitches)).collect()
        };
        pieces.into_iter().enumerate().map(piece).collect::<Result<Vec<_>, RollError>>()
    };
    Ok(Chorales {
        train: part(file.train, "train")?,
        valid: part(file.valid, "valid")?,
        test: part(file.test, "test")?,
    })
}

/// The lowest and the highest pitch of some frames, if a note sounds in any.
pub fn range<'a>(frames: impl IntoIterator<Item = &'a Chord>) -> Option<(u8, u8)> {
    let pitches = frames.into_iter().flatten();
    pitches.fold(None, |range, &pitch| {
        let (low, high) = range.unwrap_or((pitch, pitch));
        Some((low.min(pitch), high.max(pitch)))
    })
}

/// Frames of ones and zeros, one for each pitch from `low` to `high`, and how many notes lie outside.
///
/// # Panics
/// If `low` lies above `high`.
pub fn to_frames(chords: &[Chord], low: u8, high: u8) -> (Frames, usize) {
    assert!(low <= high, "pitches from {low} to {high}");
    let width = usize::from(high - low) + 1;
    let mut values = vec![0.0; chords.len() * width];
    let mut outside = 0;
    for (frame, chord) in values.chunks_mut(width).zip(chords) {
        for &pitch in chord {
            match pitch.checked_sub(low).and_then(|index| frame.get_mut(usize::from(index))) {
                Some(value) => *value = 1.0,
                None => outside += 1,
            }
        }
    }
    (Frames { width, values }, outside)
}

/// Frames of the given length in time in which notes sound: from the step nearest to a note's start to the one nearest
/// to its end, one at least. Notes that are struck anew without a pause become one, velocities are lost.
///
/// # Errors
/// A note that cannot be, a step that is not above 0 or far too short.
pub fn to_chords(notes: &[Note], step: f64) -> Result<Vec<Chord>, RollError> {
    check(notes, step)?;
    let mut chords: Vec<Chord> = vec![];
    for note in notes {
        let (start, end) = steps(note, step);
        chords.resize(chords.len().max(end), vec![]);
        chords[start..end].iter_mut().for_each(|chord| chord.push(note.pitch));
    }
    for chord in &mut chords {
        chord.sort_unstable();
        chord.dedup();
    }
    Ok(chords)
}

/// Notes of frames, each as long as its pitch sounds without a pause, ordered by start and pitch.
pub fn to_notes(chords: &[Chord], step: f64, velocity: u8) -> Vec<Note> {
    let mut notes = vec![];
    let mut since = [None; 256];
    for (index, chord) in chords.iter().map(Vec::as_slice).chain([[].as_slice()]).enumerate() {
        for pitch in 0..=u8::MAX {
            let start = &mut since[usize::from(pitch)];
            match (*start, chord.contains(&pitch)) {
                (None, true) => *start = Some(index),
                (Some(began), false) => {
                    let (start_time, end) = (began as f64 * step, index as f64 * step);
                    notes.push(Note { start: start_time, end, pitch, velocity });
                    *start = None;
                }
                _ => {}
            }
        }
    }
    notes.sort_by(|a, b| a.start.total_cmp(&b.start).then(a.pitch.cmp(&b.pitch)));
    notes
}

/// The steps nearest to a note's start and end, the second behind the first.
pub(crate) fn steps(note: &Note, step: f64) -> (usize, usize) {
    let start = (note.start / step).round() as usize;
    (start, ((note.end / step).round() as usize).max(start + 1))
}

/// Refuses notes that cannot be, and steps that would take memory without end.
pub(crate) fn check(notes: &[Note], step: f64) -> Result<(), RollError> {
    let wrong = |note: &Note| {
        !(note.start >= 0.0 && note.start < note.end && note.end.is_finite())
            || note.pitch >= PITCHES
            || !(1..=127).contains(&note.velocity)
    };
    if let Some(index) = notes.iter().position(wrong) {
        return Err(RollError::Note { index: index + 1, note: notes[index] });
    }
    let end = notes.iter().fold(0.0, |end: f64, note| end.max(note.end));
    if !(step > 0.0 && end / step <= 1e7) {
        return Err(RollError::Step { step, end });
    }
    Ok(())
}
