//! Reads a Standard MIDI File into a score.

use crate::{Key, Metre, Note, Part, Score, TICKS_PER_QUARTER, Tempo, Ticks};
use midly::{MetaMessage, MidiMessage, Smf, Timing, TrackEventKind};
use std::collections::{BTreeMap, VecDeque};

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
    /// The rest of it is missing.
    #[error("this MIDI file is cut off: {wanted} were to come, and {found} are there")]
    Cut {
        /// What its headers state.
        wanted: String,
        /// What there is.
        found: String,
    },
    /// It lasts absurdly long.
    #[error("this MIDI file lasts {0} quarter notes; at most {MOST_QUARTERS} are read")]
    TooLong(Ticks),
}

/// Longest file that is read: some 14 hours at a usual tempo.
const MOST_QUARTERS: Ticks = 100_000;

/// Reads a MIDI file: a part for each track and channel that has notes.
///
/// Notes whose end is missing last until the end of their track; percussion is left out.
///
/// # Errors
/// When the bytes are no MIDI file or count time in film frames.
pub fn read(bytes: &[u8]) -> Result<Score, ReadError> {
    if counts_frames(bytes) {
        return Err(ReadError::Timecode);
    }
    let smf = Smf::parse(bytes)?;
    check_whole(bytes)?;
    let Timing::Metrical(division) = smf.header.timing else { return Err(ReadError::Timecode) };
    let division = Ticks::from(division.as_int());
    if division == 0 {
        return Err(ReadError::NoDivision);
    }
    let mut score = Score::default();
    for track in &smf.tracks {
        read_track(track, division, &mut score)?;
    }
    score.tempos.sort_by_key(|t| t.0);
    score.metres.sort_by_key(|t| t.0);
    score.keys.sort_by_key(|t| t.0);
    Ok(score)
}

/// Whether the header says that times are in frames of film: the parser stumbles over some rates of theirs.
fn counts_frames(bytes: &[u8]) -> bool {
    let header = bytes.windows(4).position(|name| name == b"MThd");
    header.and_then(|at| bytes.get(at + 12)).is_some_and(|division| division & 0x80 != 0)
}

/// Refuses a file that ends before the tracks that it states.
fn check_whole(bytes: &[u8]) -> Result<(), ReadError> {
    let mut rest = bytes;
    let (mut wanted, mut tracks) = (0, 0);
    while let Some((head, body)) = rest.split_first_chunk::<8>() {
        let length = u32::from_be_bytes([head[4], head[5], head[6], head[7]]) as usize;
        let Some((chunk, after)) = body.split_at_checked(length) else {
            let wanted = format!("{length} bytes of track {}", tracks + 1);
            return Err(ReadError::Cut { wanted, found: body.len().to_string() });
        };
        match (&head[..4], chunk) {
            (b"MThd", [_, _, high, low, ..]) => wanted = u16::from_be_bytes([*high, *low]),
            (b"MTrk", _) => tracks += 1,
            _ => {}
        }
        rest = after;
    }
    if tracks < wanted {
        return Err(ReadError::Cut { wanted: format!("{wanted} tracks"), found: tracks.to_string() });
    }
    Ok(())
}

fn read_track(track: &[midly::TrackEvent], division: Ticks, score: &mut Score) -> Result<(), ReadError> {
    let mut parts: BTreeMap<u8, Part> = BTreeMap::new();
    let mut open: BTreeMap<(u8, u8), VecDeque<(Ticks, u8)>> = BTreeMap::new();
    let mut name = String::new();
    let mut ticks: Ticks = 0;
    let mut now = 0;
    for event in track {
        ticks += Ticks::from(event.delta.as_int());
        if ticks / division > MOST_QUARTERS {
            return Err(ReadError::TooLong(ticks / division));
        }
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
                        open.entry((channel, key.as_int())).or_default().push_back((now, vel.as_int()));
                    }
                    MidiMessage::NoteOn { key, .. } | MidiMessage::NoteOff { key, .. } => {
                        let begun = open.get_mut(&(channel, key.as_int())).and_then(VecDeque::pop_front);
                        if let Some((start, velocity)) = begun {
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
    Ok(())
}

fn note(start: Ticks, end: Ticks, pitch: u8, velocity: u8) -> Note {
    Note { start, duration: end.saturating_sub(start).max(1), pitch, velocity }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{abc, midi};
    use proptest::prelude::*;

    const TUNE: &str = "X:1\nT:A tune\nM:6/8\nL:1/8\nQ:3/8=100\nK:Ador\n\"Am\"A2B (3cde f|[ceg]3 [M:3/4]A6|[K:C][Q:1/4=90]c4 _B2|]\n";

    #[test]
    fn what_is_written_is_read() {
        let score = abc::parse_tune(TUNE).0.score();
        let read = read(&midi::write(&score)).unwrap();
        assert_eq!(read.title, score.title);
        assert_eq!(read.metres, score.metres);
        assert_eq!(read.parts.len(), 2);
        for (a, b) in read.parts.iter().zip(&score.parts) {
            assert_eq!(a.notes, b.notes);
        }
        let quarters = |s: &Score| -> Vec<_> {
            s.tempos.iter().map(|(at, t)| (*at, t.quarters_per_minute().round())).collect()
        };
        assert_eq!(quarters(&read), quarters(&score));
        let sharps = |s: &Score| -> Vec<_> { s.keys.iter().map(|(at, k)| (*at, k.sharps())).collect() };
        assert_eq!(sharps(&read), sharps(&score));
    }

    #[test]
    fn what_is_no_midi_file_is_refused() {
        assert!(matches!(read(b"RIFF"), Err(ReadError::Format(_))));
        assert!(matches!(read(b""), Err(ReadError::Format(_))));
        let header = |division: [u8; 2]| {
            [
                b"MThd\0\0\0\x06\0\0\0\x01".as_slice(),
                &division,
                b"MTrk\0\0\0\x0a\xff\xff\xff\x7f\x90\x40\x40\0\xff\x2f",
            ]
            .concat()
        };
        assert!(matches!(read(&header([0xE7, 40])), Err(ReadError::Timecode)));
        assert!(matches!(read(&header([0, 0])), Err(ReadError::NoDivision)));
        assert!(matches!(read(&header([0, 1])), Err(ReadError::TooLong(_))));
    }

    #[test]
    fn a_file_that_is_cut_off_is_refused_wherever_that_is() {
        let whole = midi::write(&abc::parse_tune(TUNE).0.score());
        assert!(read(&whole).is_ok());
        for length in 0..whole.len() {
            assert!(read(&whole[..length]).is_err(), "{length} of {} bytes", whole.len());
        }
        let half = read(&whole[..whole.len() / 2]).unwrap_err().to_string();
        assert!(half.contains("cut off") && half.contains("track"), "{half}");
    }

    #[test]
    fn every_rate_of_film_frames_is_refused() {
        let mut file = midi::write(&abc::parse_tune(TUNE).0.score());
        for rate in 128..=255 {
            file[12] = rate;
            assert!(matches!(read(&file), Err(ReadError::Timecode)), "{rate}");
        }
    }

    proptest! {
        #[test]
        fn damaged_files_do_no_harm(at in any::<prop::sample::Index>(), bytes in prop::collection::vec(any::<u8>(), 1..8)) {
            let mut file = midi::write(&abc::parse_tune(TUNE).0.score());
            let at = at.index(file.len());
            let end = file.len().min(at + bytes.len());
            file[at..end].copy_from_slice(&bytes[..end - at]);
            if let Ok(score) = read(&file) {
                let text = abc::write(&abc::from_score(&score));
                prop_assert!(!text.is_empty());
            }
        }
    }
}
