//! Between scores of the music crate and what models of music read.

use std::fs;
use std::path::{Path, PathBuf};

use anaphora_data::roll::Note;
use anaphora_music::{Part, Score, TICKS_PER_QUARTER, Ticks, midi};

use crate::{Error, Result};

/// Ticks in a second at the tempo that a score has where it names none.
pub const TICKS_PER_SECOND: f64 = 2.0 * TICKS_PER_QUARTER as f64;

/// The scores of a MIDI file, or of those in a folder and its folders, with their paths; files that cannot be read are told
/// to `bad` where there is one, and else end it.
pub fn read_scores(path: &Path, bad: Option<&mut dyn FnMut(&str)>) -> Result<Vec<(PathBuf, Score)>> {
    let mut scores = Vec::new();
    each_score(path, bad, |path, score| scores.push((path, score)))?;
    Ok(scores)
}

/// Shows such scores one by one.
pub fn each_score(
    path: &Path,
    mut bad: Option<&mut dyn FnMut(&str)>,
    mut see: impl FnMut(PathBuf, Score),
) -> Result<()> {
    let mut files = Vec::new();
    if path.is_dir() {
        collect(path, &mut files)?;
    } else {
        files.push(path.to_owned());
    }
    let mut any = false;
    for file in files {
        match (read_score(&file), &mut bad) {
            (Ok(score), _) => {
                any = true;
                see(file, score);
            }
            (Err(error), Some(bad)) => bad(&format!("{error}; it was passed over")),
            (Err(error), None) => return Err(error),
        }
    }
    if !any {
        let reason =
            "there is no MIDI file with notes in it; files that end in .mid or .midi are read".into();
        return Err(Error::Malformed { path: path.to_owned(), reason });
    }
    Ok(())
}

/// The score of a MIDI file.
pub fn read_score(path: &Path) -> Result<Score> {
    let malformed = |reason: String| Error::Malformed { path: path.to_owned(), reason };
    let bytes = fs::read(path).map_err(Error::io("read", path))?;
    let score = midi::read(&bytes).map_err(|error| malformed(error.to_string()))?;
    if score.parts.is_empty() {
        return Err(malformed("there is no note in this MIDI file, percussion aside".to_owned()));
    }
    Ok(score)
}

/// The MIDI files of a folder, sorted by path.
fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    let entries = fs::read_dir(folder).map_err(Error::io("read", folder))?;
    let mut paths = entries
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<Vec<_>, _>>()
        .map_err(Error::io("read", folder))?;
    paths.sort();
    for path in paths {
        if path.is_dir() {
            collect(&path, files)?;
        } else if is_midi(&path) {
            files.push(path);
        }
    }
    Ok(())
}

/// Whether a file's name says that it is a MIDI file.
pub fn is_midi(path: &Path) -> bool {
    path.extension()
        .is_some_and(|ending| ending.eq_ignore_ascii_case("mid") || ending.eq_ignore_ascii_case("midi"))
}

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
