//! Reads a Standard MIDI File into a score.

use crate::{Key, Metre, Note, Part, Score, TICKS_PER_QUARTER, Tempo, Ticks};
use midly::{MetaMessage, MidiMessage, Smf, Timing, TrackEventKind};
use std::collections::BTreeMap;

/// Why a file could not be read as MIDI.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The bytes are no MIDI file, or a broken one.
    #[error("this is not a readable MIDI file: {0}")]
    Format(#[from] midly::Error),
    /// Times are in frames of film.
    #[error(
        "this MIDI file counts time in film frames; one that counts it in parts of a quarter note is needed"
    )]
    Timecode,
    /// It states that a quarter note has no ticks.
    #[error("this MIDI file gives a quarter note 0 ticks; it is to have at least 1")]
    NoDivision,
}

/// Reads a MIDI file: a part for each track and channel that has notes.
///
/// Notes whose end is missing last until the end of their track; percussion is left out.
///
/// # Errors
/// When the bytes are no MIDI file or count time in film frames.
pub fn read(bytes: &[u8]) -> Result<Score, ReadError> {
    let smf = Smf::parse(bytes)?;
    let Timing::Metrical(division) = smf.header.timing else { return Err(ReadError::Timecode) };
    let division = Ticks::from(division.as_int());
    if division == 0 {
        return Err(ReadError::NoDivision);
    }
    let mut score = Score::default();
    for track in &smf.tracks {
        read_track(track, division, &mut score);
    }
    score.tempos.sort_by_key(|t| t.0);
    score.metres.sort_by_key(|t| t.0);
    score.keys.sort_by_key(|t| t.0);
    Ok(score)
}

fn read_track(track: &[midly::TrackEvent], division: Ticks, score: &mut Score) {
    let mut parts: BTreeMap<u8, Part> = BTreeMap::new();
    let mut open: BTreeMap<(u8, u8), Vec<(Ticks, u8)>> = BTreeMap::new();
    let mut name = String::new();
    let mut ticks: Ticks = 0;
    let mut now = 0;
    for event in track {
        ticks += Ticks::from(event.delta.as_int());
        now = (2 * ticks * TICKS_PER_QUARTER + division) / (2 * division);
        match event.kind {
            TrackEventKind::Meta(MetaMessage::TrackName(text)) => {
                name = String::from_utf8_lossy(text).trim().to_owned();
            }
            TrackEventKind::Meta(MetaMessage::Tempo(micros)) if micros.as_int() > 0 => {
                let per_minute = (60e9 / f64::from(micros.as_int())).round() / 1000.0;
                let per_minute = per_minute.clamp(5.0, 2000.0);
                score.tempos.push((now, Tempo { beat: TICKS_PER_QUARTER, per_minute, text: None }));
            }
            TrackEventKind::Meta(MetaMessage::TimeSignature(beats, power, ..)) => {
                let unit = 1u16.checked_shl(power.into()).unwrap_or(0);
                if let Ok(metre) = Metre::parse(&format!("{beats}/{unit}")) {
                    score.metres.push((now, metre));
                }
            }
            TrackEventKind::Meta(MetaMessage::KeySignature(sharps, minor)) => {
                score.keys.extend(Key::from_sharps(sharps, minor).map(|key| (now, key)));
            }
            TrackEventKind::Midi { channel, message } if channel != 9 => {
                let channel = channel.as_int();
                match message {
                    MidiMessage::ProgramChange { program } => {
                        parts.entry(channel).or_default().program = program.as_int();
                    }
                    MidiMessage::NoteOn { key, vel } if vel > 0 => {
                        open.entry((channel, key.as_int())).or_default().push((now, vel.as_int()));
                    }
                    MidiMessage::NoteOn { key, .. } | MidiMessage::NoteOff { key, .. } => {
                        let begun = open.get_mut(&(channel, key.as_int())).filter(|o| !o.is_empty());
                        if let Some(begun) = begun {
                            let (start, velocity) = begun.remove(0);
                            let part = parts.entry(channel).or_default();
                            part.notes.push(note(start, now, key.as_int(), velocity));
                        }
                    }
                    _ => {}
                }
            }
            _ => {}
        }
    }
    for ((channel, pitch), begun) in open {
        let part = parts.entry(channel).or_default();
        part.notes.extend(begun.into_iter().map(|(start, velocity)| note(start, now, pitch, velocity)));
    }
    parts.retain(|_, part| !part.notes.is_empty());
    if parts.is_empty() && score.title.is_none() && score.parts.is_empty() && !name.is_empty() {
        score.title = Some(name.clone());
    }
    for (_, mut part) in parts {
        part.notes.sort();
        part.name.clone_from(&name);
        score.parts.push(part);
    }
}

fn note(start: Ticks, end: Ticks, pitch: u8, velocity: u8) -> Note {
    Note { start, duration: end.saturating_sub(start).max(1), pitch, velocity }
}
