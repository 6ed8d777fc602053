//! Chord symbols: what the words in quotes above a note name.

use crate::key::{SEMITONES, step_of};

/// A harmony, as a chord symbol names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Chord {
    /// Pitch class of the root, 0 for C.
    pub root: u8,
    /// Pitch class of the bass.
    pub bass: u8,
    /// Semitones above the root, ascending.
    pub intervals: Vec<u8>,
}

/// What words in quotes are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Symbol {
    /// A chord, such as `Am7` or `G/B`. Of `G(Em)` it is the first.
    Chord(Chord),
    /// `N.C.`: no chord from here on.
    Silence,
    /// `(Em)`: what may be played in place of the chord that sounds.
    Alternative,
    /// A chord such as `C7x`, whose notes are not known.
    Unknown,
    /// Anything else, such as `Refrain`.
    Words,
}

impl Symbol {
    pub fn read(text: &str) -> Self {
        let text = text.trim();
        let letters: String = text.chars().filter(|c| !matches!(c, '.' | ' ')).collect();
        if ["nc", "nochord", "tacet"].contains(&letters.to_lowercase().as_str()) {
            return Self::Silence;
        }
        if let Some(inner) = text.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')) {
            return if chord(inner).is_some() { Self::Alternative } else { Self::Words };
        }
        // Of "G(Em)" the first counts; what is in the brackets of "C7(b9)" belongs to it.
        let first = text.split_once('(').filter(|(_, other)| chord(other.trim_end_matches(')')).is_some());
        let text = first.map_or(text, |(first, _)| first);
        match (chord(text), root(text)) {
            (Some(chord), _) => Self::Chord(chord),
            (None, Some((_, rest))) if names_an_interval(rest) => Self::Unknown,
            _ => Self::Words,
        }
    }
}

/// Whether what follows a note name is that of a chord: "A1" and "B2" name parts of a tune.
fn names_an_interval(rest: &str) -> bool {
    rest.contains(|c: char| ('5'..='9').contains(&c) || "#♯♭°øΔ".contains(c))
        && !rest.contains(char::is_whitespace)
}

fn chord(text: &str) -> Option<Chord> {
    // The slash of 6/9 is none before a bass; an o alone is more often a word's, as in "Go".
    let text = text.trim().replace("6/9", "69").replace("o7", "°7");
    let (name, bass) = text.split_once('/').map_or((&*text, None), |(name, bass)| (name, Some(bass)));
    let (root, kind) = root(name)?;
    let bass = match bass {
        Some(bass) => pitch_class(bass).filter(|(_, rest)| rest.is_empty())?.0,
        None => root,
    };
    Some(Chord { root, bass, intervals: intervals(kind)? })
}

/// The root of a chord, a capital, and what follows.
fn root(text: &str) -> Option<(u8, &str)> {
    pitch_class(text).filter(|_| !text.starts_with(char::is_lowercase))
}

/// A note name at the front of a text, as a pitch class, and what follows.
fn pitch_class(text: &str) -> Option<(u8, &str)> {
    let mut chars = text.chars();
    let natural = SEMITONES[usize::from(step_of(chars.next()?)?)];
    let rest = chars.as_str();
    let (alteration, rest) = match rest.chars().next() {
        Some(sign @ ('#' | '♯')) => (1, &rest[sign.len_utf8()..]),
        Some(sign @ ('b' | '♭')) => (-1, &rest[sign.len_utf8()..]),
        _ => (0, rest),
    };
    Some(((natural + alteration).rem_euclid(12) as u8, rest))
}

/// Signs of a chord's kind, longest first where one begins another, and what each does.
const SIGNS: [(&str, Change); 52] = [
    ("maj", Change::Major),
    ("Maj", Change::Major),
    ("min", Change::Third(3)),
    ("mi", Change::Third(3)),
    ("ma", Change::Major),
    ("m", Change::Third(3)),
    ("M", Change::Major),
    ("dim", Change::Diminished),
    ("°", Change::Diminished),
    ("ø", Change::HalfDiminished),
    ("Δ7", Change::Add(11)),
    ("Δ", Change::Add(11)),
    ("aug", Change::Fifth(8)),
    ("sus2", Change::Third(2)),
    ("sus4", Change::Third(5)),
    ("sus", Change::Third(5)),
    ("add2", Change::Add(14)),
    ("add4", Change::Add(17)),
    ("add9", Change::Add(14)),
    ("add11", Change::Add(17)),
    ("add13", Change::Add(21)),
    ("no3", Change::NoThird),
    ("no5", Change::NoFifth),
    ("b5", Change::Fifth(6)),
    ("♭5", Change::Fifth(6)),
    ("-5", Change::Fifth(6)),
    ("#5", Change::Fifth(8)),
    ("♯5", Change::Fifth(8)),
    ("+5", Change::Fifth(8)),
    ("b9", Change::Add(13)),
    ("♭9", Change::Add(13)),
    ("-9", Change::Add(13)),
    ("#9", Change::Add(15)),
    ("♯9", Change::Add(15)),
    ("+9", Change::Add(15)),
    ("b13", Change::Add(20)),
    ("♭13", Change::Add(20)),
    ("#11", Change::Add(18)),
    ("♯11", Change::Add(18)),
    ("+11", Change::Add(18)),
    ("69", Change::Six(&[14])),
    ("6", Change::Six(&[])),
    ("7", Change::Seventh(&[])),
    ("9", Change::Seventh(&[14])),
    ("11", Change::Seventh(&[14, 17])),
    ("13", Change::Seventh(&[14, 21])),
    ("5", Change::NoThird),
    ("+", Change::Fifth(8)),
    ("-", Change::Third(3)),
    ("(", Change::Nothing),
    (")", Change::Nothing),
    (",", Change::Nothing),
];

/// What a sign does to a chord.
#[derive(Clone, Copy)]
enum Change {
    Nothing,
    Third(u8),
    Fifth(u8),
    NoThird,
    NoFifth,
    /// The seventh that follows is a major one.
    Major,
    Diminished,
    HalfDiminished,
    Six(&'static [u8]),
    /// A seventh, and what is piled on it.
    Seventh(&'static [u8]),
    Add(u8),
}

/// The notes of a kind of chord, in semitones above its root; `None` for a kind that is not known.
fn intervals(kind: &str) -> Option<Vec<u8>> {
    let (mut third, mut fifth, mut seventh) = (Some(4), Some(7), 10);
    let mut others: Vec<u8> = Vec::new();
    let mut rest = kind;
    while !rest.is_empty() {
        // A minus at the front is minor, also before a number.
        let minor = rest.len() == kind.len() && rest.starts_with('-');
        let fits = |sign: &&(&str, Change)| rest.starts_with(sign.0) && (!minor || sign.0 == "-");
        let (sign, change) = SIGNS.iter().find(fits)?;
        match *change {
            Change::Nothing => {}
            Change::Third(interval) => third = Some(interval),
            Change::Fifth(interval) => fifth = Some(interval),
            Change::NoThird => third = None,
            Change::NoFifth => fifth = None,
            Change::Major => seventh = 11,
            Change::Diminished => (third, fifth, seventh) = (Some(3), Some(6), 9),
            Change::HalfDiminished => {
                (third, fifth) = (Some(3), Some(6));
                others.push(10);
            }
            Change::Six(more) => {
                others.push(9);
                others.extend(more);
            }
            Change::Seventh(more) => {
                others.push(seventh);
                others.extend(more);
            }
            Change::Add(interval) => others.push(interval),
        }
        rest = &rest[sign.len()..];
    }
    let mut intervals: Vec<u8> = [Some(0), third, fifth].into_iter().flatten().chain(others).collect();
    intervals.sort_unstable();
    intervals.dedup();
    Some(intervals)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_of_chords() {
        for (kind, notes) in [
            ("", &[0, 4, 7][..]),
            ("m", &[0, 3, 7]),
            ("7", &[0, 4, 7, 10]),
            ("min7", &[0, 3, 7, 10]),
            ("-7", &[0, 3, 7, 10]),
            ("maj7", &[0, 4, 7, 11]),
            ("M7", &[0, 4, 7, 11]),
            ("mmaj7", &[0, 3, 7, 11]),
            ("m(maj7)", &[0, 3, 7, 11]),
            ("m6", &[0, 3, 7, 9]),
            ("69", &[0, 4, 7, 9, 14]),
            ("+", &[0, 4, 8]),
            ("+7", &[0, 4, 8, 10]),
            ("dim", &[0, 3, 6]),
            ("dim7", &[0, 3, 6, 9]),
            ("°7", &[0, 3, 6, 9]),
            ("Δ", &[0, 4, 7, 11]),
            ("m7b5", &[0, 3, 6, 10]),
            ("ø", &[0, 3, 6, 10]),
            ("ø7", &[0, 3, 6, 10]),
            ("7b9", &[0, 4, 7, 10, 13]),
            ("7(b9)", &[0, 4, 7, 10, 13]),
            ("7#5", &[0, 4, 8, 10]),
            ("9", &[0, 4, 7, 10, 14]),
            ("maj9", &[0, 4, 7, 11, 14]),
            ("13", &[0, 4, 7, 10, 14, 21]),
            ("add9", &[0, 4, 7, 14]),
            ("sus", &[0, 5, 7]),
            ("sus2", &[0, 2, 7]),
            ("7sus4", &[0, 5, 7, 10]),
            ("5", &[0, 7]),
        ] {
            assert_eq!(intervals(kind).as_deref(), Some(notes), "{kind}");
        }
    }

    #[test]
    fn words_in_quotes() {
        let chord =
            |root, bass, intervals: &[u8]| Symbol::Chord(Chord { root, bass, intervals: intervals.to_vec() });
        for (text, symbol) in [
            ("F#m7/C#", chord(6, 1, &[0, 3, 7, 10])),
            ("Bb", chord(10, 10, &[0, 4, 7])),
            ("C6/9", chord(0, 0, &[0, 4, 7, 9, 14])),
            ("G(Em)", chord(7, 7, &[0, 4, 7])),
            ("(Em)", Symbol::Alternative),
            ("N.C.", Symbol::Silence),
            ("NC", Symbol::Silence),
            ("C7x", Symbol::Unknown),
            ("G7/x", Symbol::Unknown),
        ] {
            assert_eq!(Symbol::read(text), symbol, "{text}");
        }
        for text in [
            "", "Verse", "h", "Hm", "am", "G/x", "Refrain", "A1", "B2", "D.C.", "Fine", "(slowly)", "Go to 8",
        ] {
            assert_eq!(Symbol::read(text), Symbol::Words, "{text}");
        }
    }
}
