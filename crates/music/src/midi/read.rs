//! Reads a Standard MIDI File into a score.

use super::PERCUSSION;
use super::events::{Broken, Event, Events};
use crate::{Key, Metre, Note, Part, Score, TICKS_PER_QUARTER, Tempo, Ticks};
use midly::Timing;
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
    /// Its tracks are pieces of their own.
    #[error(
        "this MIDI file holds {0} sequences that are independent of each other (format 2); a file for each of them is needed"
    )]
    Sequences(usize),
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
    /// An event of a track cannot be read, and what comes behind it neither.
    #[error("track {track} of this MIDI file cannot be read from its byte {at} on: {reason}")]
    Event {
        /// The track, from 1.
        track: usize,
        /// Where the event begins, in bytes from the beginning of the track.
        at: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// It lasts absurdly long.
    #[error("this MIDI file lasts {0} quarter notes; at most {MOST_QUARTERS} are read")]
    TooLong(Ticks),
}

/// Longest file that is read: some 14 hours at a usual tempo.
const MOST_QUARTERS: Ticks = 100_000;

/// Whether bytes begin as a MIDI file does, in a RIFF wrapper or without.
pub fn is_midi(bytes: &[u8]) -> bool {
    bytes.starts_with(b"MThd") || (bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"RMID"))
}

/// Reads a MIDI file, also one in a RIFF wrapper: a part for each track and channel that has notes.
///
/// Notes whose end is missing last until the end of their track; percussion is left out. Events that are not as the
/// standard has them are passed over where players do so; where notes might be lost the file is refused.
///
/// # Errors
/// When the bytes are no MIDI file, a broken one, count time in film frames, or hold several sequences (format 2).
pub fn read(bytes: &[u8]) -> Result<Score, ReadError> {
    let start = bytes.windows(4).position(|name| name == b"MThd").unwrap_or(0);
    if counts_frames(&bytes[start..]) {
        return Err(ReadError::Timecode);
    }
    let (header, tracks) = midly::parse(bytes)?;
    check_whole(&bytes[start..])?;
    let Timing::Metrical(division) = header.timing else { return Err(ReadError::Timecode) };
    let division = Ticks::from(division.as_int());
    if division == 0 {
        return Err(ReadError::NoDivision);
    }
    let tracks: Vec<_> = tracks.collect();
    if header.format == midly::Format::Sequential && tracks.len() > 1 {
        return Err(ReadError::Sequences(tracks.len()));
    }
    let mut score = Score::default();
    for (index, track) in tracks.into_iter().enumerate() {
        read_track(index + 1, track?.unread(), division, &mut score)?;
    }
    score.tempos.sort_by_key(|t| t.0);
    score.metres.sort_by_key(|t| t.0);
    score.keys.sort_by_key(|t| t.0);
    Ok(score)
}

/// Whether the header says that times are in frames of film: the parser stumbles over some rates of theirs.
fn counts_frames(bytes: &[u8]) -> bool {
    bytes.get(12).is_some_and(|division| division & 0x80 != 0)
}

/// Refuses a file that ends before the tracks that it states. What is behind them may be anything.
fn check_whole(bytes: &[u8]) -> Result<(), ReadError> {
    let mut rest = bytes;
    let (mut wanted, mut tracks) = (0, 0);
    while let Some((head, body)) = rest.split_first_chunk::<8>() {
        if wanted > 0 && tracks >= wanted && !head.starts_with(b"MTrk") {
            break;
        }
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

fn read_track(number: usize, track: &[u8], division: Ticks, score: &mut Score) -> Result<(), ReadError> {
    let mut parts: BTreeMap<u8, Part> = BTreeMap::new();
    let mut open: BTreeMap<(u8, u8), VecDeque<(Ticks, u8)>> = BTreeMap::new();
    let mut name = String::new();
    let mut ticks: Ticks = 0;
    let mut now = 0;
    for event in Events::new(track) {
        let (delta, event) =
            event.map_err(|Broken { at, reason }| ReadError::Event { track: number, at, reason })?;
        ticks += Ticks::from(delta);
        if ticks / division > MOST_QUARTERS {
            return Err(ReadError::TooLong(ticks / division));
        }
        now = (2 * ticks * TICKS_PER_QUARTER + division) / (2 * division);
        match event {
            Event::Name(text) => name = String::from_utf8_lossy(text).trim().to_owned(),
            Event::Tempo(micros) if micros > 0 => {
                let per_minute = (60e9 / f64::from(micros)).round() / 1000.0;
                let per_minute = per_minute.clamp(5.0, 2000.0);
                score.tempos.push((now, Tempo { beat: TICKS_PER_QUARTER, per_minute, text: None }));
            }
            Event::Metre { beats, power } => {
                let unit = 1u16.checked_shl(power.into()).unwrap_or(0);
                if let Ok(metre) = Metre::parse(&format!("{beats}/{unit}")) {
                    score.metres.push((now, metre));
                }
            }
            Event::Key { sharps, minor } => {
                score.keys.extend(Key::from_sharps(sharps, minor).map(|key| (now, key)));
            }
            Event::Program { channel, program } if channel != PERCUSSION => {
                parts.entry(channel).or_default().program = program;
            }
            Event::On { channel, pitch, velocity } if channel != PERCUSSION => {
                open.entry((channel, pitch)).or_default().push_back((now, velocity));
            }
            Event::Off { channel, pitch } => {
                let begun = open.get_mut(&(channel, pitch)).and_then(VecDeque::pop_front);
                if let Some((start, velocity)) = begun {
                    parts.entry(channel).or_default().notes.push(note(start, now, pitch, velocity));
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

    /// A file with one more track, of these bytes.
    fn with_a_track(track: &[u8]) -> Vec<u8> {
        let mut file = midi::write(&abc::parse_tune(TUNE).0.score());
        file[11] += 1;
        file.extend([b"MTrk".as_slice(), &(track.len() as u32).to_be_bytes(), track].concat());
        file
    }

    #[test]
    fn a_track_is_read_to_its_end_or_refused() {
        let notes = |file: &[u8]| read(file).map(|score| score.parts.last().unwrap().notes.len());
        let sound = b"\0\x90\x3c\x50\x60\x3c\0\0\xff\x59\0\0\x3e\x50\x60\x3e\0\0\xff\x2f\0";
        assert_eq!(notes(&with_a_track(sound)).unwrap(), 2);
        let broken = b"\0\x90\x3c\x50\x60\x3c\0\0\xff\x01\x7f\0\x3e\x50\x60\x3e\0";
        let error = notes(&with_a_track(broken)).unwrap_err().to_string();
        let wanted = "track 4 of this MIDI file cannot be read from its byte 7 on: \
                      an event is to have 127 bytes, and 6 are left in the track";
        assert_eq!(error, wanted);
    }

    #[test]
    fn a_wrapper_and_bytes_behind_the_end_are_none_of_the_music() {
        let file = midi::write(&abc::parse_tune(TUNE).0.score());
        let score = read(&file).unwrap();
        for behind in [&b"\n"[..], b"\r\n", &[0; 9], b"MTrash, and text of some length"] {
            assert_eq!(read(&[&file, behind].concat()).unwrap(), score, "{behind:?}");
        }
        let wrapped = |file: &[u8]| {
            let size = |length: usize| (length as u32).to_le_bytes();
            let list = b"LIST\x04\0\0\0INFO";
            let data = [b"data".as_slice(), &size(file.len()), file, &[0; 1][..file.len() % 2]].concat();
            let chunks = [b"RMID".as_slice(), &data, list].concat();
            [b"RIFF".as_slice(), &size(chunks.len()), &chunks].concat()
        };
        assert!(is_midi(&file) && is_midi(&wrapped(&file)) && !is_midi(b"RIFF\0\0\0\0WAVE"));
        assert_eq!(read(&wrapped(&file)).unwrap(), score);
        let error = read(&wrapped(&file)[..file.len() / 2]).unwrap_err().to_string();
        assert!(error.contains("cut off"), "{error}");
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

    #[test]
    fn independent_sequences_are_no_voices_of_one_piece() {
        let mut file = midi::write(&abc::parse_tune(TUNE).0.score());
        file[9] = 2;
        let error = read(&file).unwrap_err().to_string();
        assert!(error.contains("holds 3 sequences that are independent of each other (format 2)"), "{error}");
        let track = file.windows(4).rposition(|name| name == b"MTrk").unwrap();
        let single = [b"MThd\0\0\0\x06\0\x02\0\x01", &file[12..14], &file[track..]].concat();
        assert_eq!(read(&single).unwrap().parts.len(), 1, "a single sequence is a piece");
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
