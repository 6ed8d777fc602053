//! A tune as it is written, note by note, so that what a model did at each symbol can be followed while it sounds.

use anaphora_data::error::counted;
use anaphora_music::abc::{Element, Tune, parse_tune};
use anaphora_music::{TICKS_PER_QUARTER, Ticks};
use serde::Serialize;
use serde_json::json;

use super::Inspection;

/// A note of what was read.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Sounding {
    /// When it begins, in seconds.
    pub start: f64,
    /// How long it sounds, in seconds.
    pub seconds: f64,
    /// Its MIDI pitch.
    pub pitch: u8,
    /// The step that read it.
    pub step: usize,
}

/// A note of a text in ABC.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WrittenNote {
    /// When it begins, in seconds.
    pub start: f64,
    /// How long it sounds, in seconds.
    pub seconds: f64,
    /// MIDI pitch; 60 is middle C.
    pub pitch: u8,
    /// The character of the text with which it begins, counted from 0, where that is known.
    pub place: Option<usize>,
}

/// Adds `notes` to what an inspection is about, in their order in time; nothing where there are none.
pub fn sounding(inspection: &mut Inspection, mut notes: Vec<Sounding>) {
    notes.sort_by(|a, b| a.start.total_cmp(&b.start));
    if !notes.is_empty() {
        inspection.about.insert("notes".into(), json!(notes));
    }
}

/// The notes of the tune in a text as they are written, repeats not followed, in the order in which they sound.
pub fn written_notes(text: &str) -> Vec<WrittenNote> {
    let mut all = written(text, &parse_tune(text).0);
    all.sort_by(|a, b| a.start.total_cmp(&b.start));
    all
}

/// The notes of a tune that was read from a text.
fn written(text: &str, tune: &Tune) -> Vec<WrittenNote> {
    let mut lines = vec![0];
    lines.extend(text.chars().enumerate().filter(|(_, c)| *c == '\n').map(|(at, _)| at + 1));
    let tempo = tune.tempo.clone().unwrap_or_default();
    let seconds = |ticks: Ticks| ticks as f64 / TICKS_PER_QUARTER as f64 * 60.0 / tempo.quarters_per_minute();
    let note = |(start, duration, pitch, [line, column]): (Ticks, Ticks, u8, [usize; 2])| {
        let place = lines.get(line.saturating_sub(tune.line.max(1) as usize)).map(|first| first + column - 1);
        WrittenNote { start: seconds(start), seconds: seconds(duration), pitch, place }
    };
    as_written(tune).into_iter().map(note).collect()
}

/// Problems of a tune that are listed one by one.
const LISTED: usize = 5;

/// Adds the [notes](sounding) of a tune as they are written, repeats not followed. `place_of` gives the step that read
/// the character at a place of the text. What of the tune could not be read as it stands is noted, and stands in
/// `problems` too.
pub fn notes(inspection: &mut Inspection, text: &str, place_of: impl Fn(usize) -> Option<usize>) {
    let (tune, problems) = parse_tune(text);
    let said = |problem| format!("the tune, {problem}");
    let mut said: Vec<String> = problems.iter().take(LISTED).map(said).collect();
    if problems.len() > LISTED {
        let more = counted(problems.len() - LISTED, "other place");
        said.push(format!("{more} of the tune could not be read as it stands either"));
    }
    if !said.is_empty() {
        inspection.about.insert("problems".into(), said.clone().into());
        inspection.notes.extend(said);
    }
    let note = |WrittenNote { start, seconds, pitch, place }| {
        Some(Sounding { start, seconds, pitch, step: place.and_then(&place_of)? })
    };
    let all = written(text, &tune).into_iter().filter_map(note).collect();
    sounding(inspection, all);
}

/// The notes of all voices in the order in which they are written: beginning and duration, pitch, line and column.
fn as_written(tune: &Tune) -> Vec<(Ticks, Ticks, u8, [usize; 2])> {
    let mut all: Vec<(Ticks, Ticks, u8, [usize; 2])> = Vec::new();
    for voice in &tune.voices {
        let (mut now, mut transpose) = (0, voice.transpose);
        // Where the notes are that go on in the next one of their pitch.
        let mut tied: Vec<(u8, usize)> = Vec::new();
        for item in &voice.items {
            if let Element::Transpose(semitones) = item.element {
                transpose = semitones;
            }
            if let Element::Sound(sound) = &item.element {
                let before = std::mem::take(&mut tied);
                for tone in &sound.tones {
                    let pitch = (i16::from(tone.pitch) + transpose).clamp(0, 127) as u8;
                    let goes_on = before.iter().find(|(known, _)| *known == pitch).map(|(_, index)| *index);
                    let index = match goes_on {
                        Some(index) => {
                            all[index].1 += sound.length.played;
                            index
                        }
                        None => {
                            let place = [item.line as usize, (item.column as usize).max(1)];
                            all.push((now, sound.length.played, pitch, place));
                            all.len() - 1
                        }
                    };
                    if tone.tie {
                        tied.push((pitch, index));
                    }
                }
            }
            now += item.element.duration().unwrap_or(0);
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_begin_at_the_symbols_that_write_them() {
        let text = "X:1\nM:4/4\nL:1/4\nQ:1/4=60\nK:D\nD2-D f|[Fa]4|]\n";
        let mut inspection = Inspection::default();
        notes(&mut inspection, text, |place| Some(place + 1));
        let found = inspection.about["notes"].as_array().unwrap();
        let body = text.find("D2-").unwrap() as u64 + 1;
        let wanted = [
            (0.0, 3.0, 62, body),
            (3.0, 1.0, 78, body + 5),
            (4.0, 4.0, 66, body + 7),
            (4.0, 4.0, 81, body + 7),
        ];
        for (found, (start, seconds, pitch, step)) in found.iter().zip(wanted) {
            let wanted = json!({ "start": start, "seconds": seconds, "pitch": pitch, "step": step });
            assert_eq!(*found, wanted);
        }
        assert_eq!(found.len(), wanted.len());
        assert_eq!((&inspection.notes[..], inspection.about.get("problems")), (&[][..], None));
    }

    #[test]
    fn lengths_that_are_none_are_noted_with_their_places() {
        let mut inspection = Inspection::default();
        notes(&mut inspection, "X:1\nL:1/8\nK:D\nd1000000 d/0 d0 |[df]0 z0 A/0 B/0|]\n", Some);
        let wanted = [
            "the tune, line 4, column 2: a length of more than 64 whole notes; the unit length is taken",
            "the tune, line 4, column 11: a length of nothing; the unit length is taken",
            "the tune, line 4, column 15: a length of nothing; the unit length is taken",
            "the tune, line 4, column 22: a chord cannot have this length; that of its first note is taken",
            "the tune, line 4, column 25: a length of nothing; the unit length is taken",
            "2 other places of the tune could not be read as it stands either",
        ];
        assert_eq!(inspection.notes, wanted);
        assert_eq!(inspection.about["problems"], json!(wanted));
    }
}
