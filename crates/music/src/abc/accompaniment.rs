//! Chord symbols as sound: bass and chord in alternation, by the metre.

use std::ops::Range;

use super::chords::Chord;
use crate::{Metre, Note, Part, TICKS_PER_WHOLE, Ticks};

/// Most notes of an accompaniment; short beats in long bars could make any number.
const MOST_NOTES: usize = 200_000;

/// What the accompaniment has to know of a voice, in order of time.
#[derive(Clone, Debug)]
pub(super) enum Harmony {
    /// A bar begins, in a metre.
    Bar(Ticks, Metre),
    /// From here on this chord sounds, or none.
    Symbol(Ticks, Option<Chord>),
}

/// Plays bass and chord through the bars up to `end`.
pub(super) fn part(mut harmony: Vec<Harmony>, end: Ticks) -> Part {
    let time = |h: &Harmony| match h {
        Harmony::Bar(at, _) | Harmony::Symbol(at, _) => *at,
    };
    harmony.sort_by_key(|h| (time(h), matches!(h, Harmony::Symbol(..))));
    let mut notes = Vec::new();
    let mut chord: Option<Chord> = None;
    let mut bar = 0;
    let mut metre = Metre::Free;
    for (index, event) in harmony.iter().enumerate() {
        match event {
            Harmony::Bar(at, m) => {
                bar = *at;
                metre = m.clone();
            }
            Harmony::Symbol(_, c) => chord.clone_from(c),
        }
        // Rests may lie behind the last note.
        let until = harmony.get(index + 1).map_or(end, time).max(time(event));
        if let Some(chord) = &chord
            && notes.len() < MOST_NOTES
        {
            let begins = matches!(event, Harmony::Symbol(..));
            strum(chord, &metre, time(event) - bar..until - bar, begins, bar, &mut notes);
        }
    }
    notes.sort();
    Part { name: "chords".to_owned(), program: 24, notes }
}

/// Plays the strokes of one bar that fall into a stretch of it. A chord that begins where there is none gets one of its own.
fn strum(
    chord: &Chord,
    metre: &Metre,
    stretch: Range<Ticks>,
    begins: bool,
    bar: Ticks,
    notes: &mut Vec<Note>,
) {
    let unit = match metre.fraction() {
        Some((_, unit)) => TICKS_PER_WHOLE / Ticks::from(unit),
        None => TICKS_PER_WHOLE / 4,
    };
    let beats = metre.fraction().map_or(4, |f| f.0);
    // Whether the bass sounds on a beat, and whether anything does.
    let stroke = |number: Ticks| {
        let beat = number % u64::from(beats.max(1));
        // Compound time: bass on the first, chord on the third of each group; triple time: bass,
        // chord, chord; else bass and chord in turn.
        match beat {
            b if metre.is_compound() => (b % 3 == 0, b % 3 != 1),
            b if beats == 3 => (b == 0, true),
            b => (b % 2 == 0, true),
        }
    };
    let Range { start: from, end: until } = stretch;
    let mut play = |from: Ticks, bass: bool| {
        let (start, duration) = (bar + from, ((from / unit + 1) * unit).min(until) - from);
        if bass {
            notes.push(Note { start, duration, pitch: 36 + chord.bass, velocity: 70 });
        } else {
            let note = |interval| Note { start, duration, pitch: 48 + chord.root + interval, velocity: 60 };
            notes.extend(chord.intervals.iter().map(note));
        }
    };
    if begins && from < until && !(from.is_multiple_of(unit) && stroke(from / unit).1) {
        play(from, false);
    }
    for number in (from.div_ceil(unit)..until.div_ceil(unit)).take(MOST_NOTES) {
        let (bass, sounds) = stroke(number);
        if sounds {
            play(number * unit, bass);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_of_two_chords() {
        let (tune, _) = crate::abc::parse_tune("X:1\nM:4/4\nL:1/4\nK:C\n\"C\"CD\"G7\"EF|\n");
        let score = tune.score();
        let chords = &score.parts[1];
        let at = |beat: u64| -> Vec<u8> {
            let start = beat * TICKS_PER_WHOLE / 4;
            chords.notes.iter().filter(|n| n.start == start).map(|n| n.pitch).collect()
        };
        assert_eq!(
            [at(0), at(1), at(2), at(3)],
            [vec![36], vec![48, 52, 55], vec![43], vec![55, 59, 62, 65]]
        );
    }
    /// Beginnings in quarters and lowest pitches of what the chords of a tune play.
    fn played(header: &str, body: &str) -> Vec<(f64, u8)> {
        let (tune, problems) = crate::abc::parse_tune(&format!("X:1\n{header}\nK:C\n{body}\n"));
        let unknown = body.contains("C7x");
        assert_eq!(problems.len(), usize::from(unknown), "{problems:?}");
        let mut notes: Vec<(f64, u8)> = Vec::new();
        for note in &tune.score().parts[1].notes {
            let at = note.start as f64 * 4.0 / TICKS_PER_WHOLE as f64;
            if notes.last().is_none_or(|last| last.0 != at) {
                notes.push((at, note.pitch));
            }
        }
        notes
    }

    #[test]
    fn what_is_no_chord_to_play() {
        let four = "M:4/4\nL:1/4";
        let g = [(0.0, 43), (1.0, 55), (2.0, 43), (3.0, 55)];
        let on = |from: f64| g.map(|(at, pitch)| (at + from, pitch));
        assert_eq!(played(four, "\"G\"GABc|\"(Em)\"GABc|"), [g, on(4.0)].concat(), "an alternative");
        for none in ["N.C.", "C7x"] {
            let body = format!("\"G\"GABc|\"{none}\"GABc|GABc|\"G\"GABc|");
            assert_eq!(played(four, &body), [g, on(12.0)].concat(), "{none}");
        }
        assert_eq!(played(four, "\"G(Em)\"GABc|"), g, "the first of two");
    }

    #[test]
    fn a_chord_begins_where_it_stands() {
        let four = "M:4/4\nL:1/8";
        assert_eq!(
            played(four, "\"Gm\"G2A2\"F\"B2c2|"),
            [(0.0, 43), (1.0, 55), (2.0, 41), (3.0, 53)],
            "on a beat"
        );
        assert_eq!(
            played(four, "\"G\"G3\"F\"A4B|"),
            [(0.0, 43), (1.0, 55), (1.5, 53), (2.0, 41), (3.0, 53)],
            "between two"
        );
        assert_eq!(
            played("M:6/8\nL:1/8", "\"G\"GA\"F\"B cde|"),
            [(0.0, 43), (1.0, 53), (1.5, 41), (2.5, 53)],
            "on the third eighth"
        );
        assert_eq!(
            played("M:6/8\nL:1/8", "\"G\"G\"F\"AB cde|"),
            [(0.0, 43), (0.5, 53), (1.0, 53), (1.5, 41), (2.5, 53)],
            "where the metre has no stroke"
        );
    }
}
