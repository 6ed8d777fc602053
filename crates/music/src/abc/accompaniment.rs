//! Chord symbols as sound: bass and chord in alternation, by the metre.

use crate::key::{SEMITONES, step_of};
use crate::{Metre, Note, Part, TICKS_PER_WHOLE, Ticks};

/// Intervals above the root for each chord name. The longest name that fits is taken.
const CHORDS: [(&str, &[u8]); 27] = [
    ("", &[0, 4, 7]),
    ("m", &[0, 3, 7]),
    ("min", &[0, 3, 7]),
    ("maj", &[0, 4, 7]),
    ("7", &[0, 4, 7, 10]),
    ("m7", &[0, 3, 7, 10]),
    ("min7", &[0, 3, 7, 10]),
    ("maj7", &[0, 4, 7, 11]),
    ("M7", &[0, 4, 7, 11]),
    ("6", &[0, 4, 7, 9]),
    ("m6", &[0, 3, 7, 9]),
    ("aug", &[0, 4, 8]),
    ("+", &[0, 4, 8]),
    ("dim", &[0, 3, 6]),
    ("dim7", &[0, 3, 6, 9]),
    ("m7b5", &[0, 3, 6, 10]),
    ("9", &[0, 4, 7, 10, 14]),
    ("m9", &[0, 3, 7, 10, 14]),
    ("maj9", &[0, 4, 7, 11, 14]),
    ("11", &[0, 4, 7, 10, 14, 17]),
    ("13", &[0, 4, 7, 10, 14, 21]),
    ("add9", &[0, 4, 7, 14]),
    ("sus", &[0, 5, 7]),
    ("sus2", &[0, 2, 7]),
    ("sus4", &[0, 5, 7]),
    ("7sus4", &[0, 5, 7, 10]),
    ("5", &[0, 7]),
];

/// Most notes of an accompaniment; short beats in long bars could make any number.
const MOST_NOTES: usize = 200_000;

/// A harmony, as a chord symbol names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Chord {
    /// Pitch class of the root, 0 for C.
    root: u8,
    /// Pitch class of the bass.
    bass: u8,
    intervals: &'static [u8],
}

impl Chord {
    /// Reads `Am7`, `Bb`, `G/B`; `None` for words that are no chord.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let (name, bass) = text.split_once('/').map_or((text, None), |(n, b)| (n, Some(b)));
        let (root, rest) = pitch_class(name).filter(|_| !name.starts_with(|c: char| c.is_lowercase()))?;
        let intervals = CHORDS.iter().find(|c| c.0 == rest)?.1;
        let bass = match bass {
            Some(bass) => pitch_class(bass).filter(|(_, rest)| rest.is_empty())?.0,
            None => root,
        };
        Some(Self { root, bass, intervals })
    }
}

/// A note name at the front of a text, as a pitch class, and what follows.
fn pitch_class(text: &str) -> Option<(u8, &str)> {
    let mut chars = text.chars();
    let natural = SEMITONES[usize::from(step_of(chars.next()?)?)];
    let (alteration, rest) = match chars.clone().next() {
        Some('#' | '♯') => (1, &chars.as_str()[chars.clone().next()?.len_utf8()..]),
        Some('b' | '♭') => (-1, &chars.as_str()[chars.clone().next()?.len_utf8()..]),
        _ => (0, chars.as_str()),
    };
    Some(((natural + alteration).rem_euclid(12) as u8, rest))
}

/// What the accompaniment has to know of a voice, in order of time.
#[derive(Clone, Debug)]
pub(super) enum Harmony {
    /// A bar begins, in a metre.
    Bar(Ticks, Metre),
    /// From here on this chord sounds.
    Symbol(Ticks, Chord),
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
            Harmony::Symbol(_, c) => chord = Some(c.clone()),
        }
        // Rests may lie behind the last note.
        let until = harmony.get(index + 1).map_or(end, time).max(time(event));
        if let Some(chord) = &chord
            && notes.len() < MOST_NOTES
        {
            strum(chord, &metre, time(event) - bar, until - bar, bar, &mut notes);
        }
    }
    notes.sort();
    Part { name: "chords".to_owned(), program: 24, notes }
}

/// Plays the strokes of one bar that fall between two positions in it.
fn strum(chord: &Chord, metre: &Metre, from: Ticks, until: Ticks, bar: Ticks, notes: &mut Vec<Note>) {
    let unit = match metre.fraction() {
        Some((_, unit)) => TICKS_PER_WHOLE / Ticks::from(unit),
        None => TICKS_PER_WHOLE / 4,
    };
    let beats = metre.fraction().map_or(4, |f| f.0);
    for stroke in (from.div_ceil(unit)..until.div_ceil(unit)).take(MOST_NOTES) {
        let beat = stroke % u64::from(beats.max(1));
        // Compound time: bass on the first, chord on the third of each group; triple time: bass,
        // chord, chord; else bass and chord in turn.
        let (bass, sounds) = match beat {
            b if metre.is_compound() => (b % 3 == 0, b % 3 != 1),
            b if beats == 3 => (b == 0, true),
            b => (b % 2 == 0, true),
        };
        if !sounds {
            continue;
        }
        let start = bar + stroke * unit;
        let duration = unit.min(bar + until - start);
        if bass {
            notes.push(Note { start, duration, pitch: 36 + chord.bass, velocity: 70 });
        } else {
            let root = 48 + chord.root;
            notes.extend(chord.intervals.iter().map(|i| Note {
                start,
                duration,
                pitch: root + i,
                velocity: 60,
            }));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn symbols() {
        let chord = Chord::parse("F#m7/C#").unwrap();
        assert_eq!((chord.root, chord.bass, chord.intervals), (6, 1, &[0, 3, 7, 10][..]));
        for text in ["", "Verse", "h", "Hm", "am", "G/x", "Refrain"] {
            assert_eq!(Chord::parse(text), None, "{text}");
        }
    }

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
}
