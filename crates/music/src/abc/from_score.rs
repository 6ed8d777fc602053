//! From a score back to a tune that can be written: voices, bars, ties, spelling.

use super::{Bar, Element, Item, Length, Sound, Tone, Tune, Voice};
use crate::key::SEMITONES;
use crate::{Key, Metre, Note, Part, Score, TICKS_PER_WHOLE, Ticks};

/// Bars in a line of print.
const BARS_IN_LINE: usize = 4;

/// Longest note that is written as one; longer ones are tied.
const LONGEST: Ticks = 4 * TICKS_PER_WHOLE;

/// Most lines that a part is laid out in, as many as there are pitches; a note too many joins the chord that ends first.
const MOST_LINES: usize = 128;

/// Makes a tune of a score: what [`write`](super::write) makes of it plays the same notes at the
/// same times, though not with the same velocities.
///
/// Notes of a part that overlap are laid out in as many voices as that takes. Bars follow the
/// score's metres from its beginning. A performance is to be [quantised](Score::quantise) first.
pub fn from_score(score: &Score) -> Tune {
    let first_metre = holding(&score.metres, 0).map_or(Metre::Common, |m| m.1.clone());
    let key = holding(&score.keys, 0).map_or_else(Key::default, |k| k.1.clone());
    let lines: Vec<(&Part, Vec<Chord>)> =
        score.parts.iter().flat_map(|part| lines(part).into_iter().map(move |line| (part, line))).collect();
    let several = lines.len() > 1;
    let end = score.end();
    let voices = lines.iter().enumerate().map(|(index, (part, line))| Voice {
        id: if several { (index + 1).to_string() } else { String::new() },
        // Quotes would end the name where it is written.
        name: (several && !part.name.is_empty()).then(|| part.name.replace('"', "'")),
        transpose: 0,
        items: Writer::new(score, index == 0).line(line, end),
    });
    Tune {
        line: 1,
        reference: Some(1),
        titles: score.title.iter().map(|t| t.split_whitespace().collect::<Vec<_>>().join(" ")).collect(),
        unit_length: first_metre.default_unit(),
        tempo: holding(&score.tempos, 0).map(|t| t.1.clone()),
        metre: first_metre,
        key: Some(key),
        voices: voices.collect(),
        ..Tune::default()
    }
}

/// Notes that begin and end together.
struct Chord {
    start: Ticks,
    end: Ticks,
    pitches: Vec<u8>,
}

/// What holds at a time, in a list of what holds from each time on.
fn holding<T>(list: &[(Ticks, T)], now: Ticks) -> Option<&(Ticks, T)> {
    list[..list.partition_point(|entry| entry.0 <= now)].last()
}

/// Parts a part into lines, in each of which one chord ends before the next begins.
fn lines(part: &Part) -> Vec<Vec<Chord>> {
    let mut notes: Vec<Note> = part.notes.clone();
    notes.sort_by_key(|n| (n.start, n.duration, n.pitch));
    let mut chords: Vec<Chord> = Vec::new();
    for note in notes {
        match chords.last_mut().filter(|c| (c.start, c.end) == (note.start, note.end())) {
            Some(chord) => chord.pitches.push(note.pitch),
            None => chords.push(Chord { start: note.start, end: note.end(), pitches: vec![note.pitch] }),
        }
    }
    let mut lines: Vec<Vec<Chord>> = Vec::new();
    for mut chord in chords {
        chord.pitches.dedup();
        let free = |line: &&mut Vec<Chord>| line.last().is_none_or(|last| last.end <= chord.start);
        if let Some(line) = lines.iter_mut().find(free) {
            line.push(chord);
        } else if lines.len() < MOST_LINES {
            lines.push(vec![chord]);
        } else if let Some(last) = lines.iter_mut().filter_map(|l| l.last_mut()).min_by_key(|last| last.end) {
            last.pitches.append(&mut chord.pitches);
        }
    }
    lines
}

/// Writes one line bar by bar.
struct Writer<'a> {
    score: &'a Score,
    /// Whether this voice carries the changes of tempo.
    leads: bool,
    tempo_written: Ticks,
    items: Vec<Item>,
    signature: [i8; 7],
    /// Accidentals of this bar.
    bar: [Option<i8>; 7],
    metre: Metre,
}

impl<'a> Writer<'a> {
    fn new(score: &'a Score, leads: bool) -> Self {
        Self {
            score,
            leads,
            tempo_written: 0,
            items: Vec::new(),
            signature: [0; 7],
            bar: [None; 7],
            metre: Metre::Common,
        }
    }

    fn push(&mut self, element: Element) {
        self.items.push(Item { element, line: 1, column: 1 });
    }

    fn line(mut self, chords: &[Chord], end: Ticks) -> Vec<Item> {
        let mut chords = chords.iter().peekable();
        let mut now = 0;
        let mut bars = 0;
        // What still sounds of a chord that was cut at a bar line.
        let mut rest_of: Option<&Chord> = None;
        while now < end {
            self.changes(now, bars == 0);
            let bar_end = self.bar_end(now);
            while now < bar_end {
                let chord = rest_of.take().or_else(|| chords.next_if(|c| c.start <= now));
                let (until, pitches) = match chord {
                    Some(chord) => (chord.end, chord.pitches.as_slice()),
                    None => (chords.peek().map_or(bar_end, |c| c.start), [].as_slice()),
                };
                let until_here = until.min(bar_end).min(now + LONGEST);
                let length = Length { written: until_here - now, played: until_here - now };
                if pitches.is_empty() {
                    self.push(Element::Rest { length, visible: true });
                } else {
                    let tie = until > until_here;
                    let tones = pitches.iter().map(|&p| self.spell(p, tie)).collect();
                    self.push(Element::Sound(Sound { tones, length }));
                    rest_of = chord.filter(|_| tie);
                }
                now = until_here;
            }
            self.bar = [None; 7];
            let last = now >= end;
            self.push(Element::Bar(Bar { double: last, last, ..Bar::default() }));
            bars += 1;
            if bars % BARS_IN_LINE == 0 || last {
                self.push(Element::LineBreak);
            }
        }
        self.items
    }

    /// Where the bar that begins at `now` ends: at a full bar, or at the next change of metre.
    fn bar_end(&self, now: Ticks) -> Ticks {
        let full = now + self.metre.bar().unwrap_or(TICKS_PER_WHOLE);
        let next = self.score.metres.partition_point(|m| m.0 <= now);
        self.score.metres.get(next).map_or(full, |m| full.min(m.0))
    }

    /// Takes up the metre, key and tempo that hold at a bar's beginning, and writes what is new.
    fn changes(&mut self, now: Ticks, first: bool) {
        if let Some((_, metre)) = holding(&self.score.metres, now)
            && (first || *metre != self.metre)
        {
            self.metre = metre.clone();
            if !first {
                self.push(Element::Metre(metre.clone()));
            }
        }
        if let Some((_, key)) = holding(&self.score.keys, now)
            && (first || key.signature() != self.signature)
        {
            self.signature = key.signature();
            if !first {
                self.push(Element::Key(key.clone()));
            }
        }
        // A tempo that changed within the last bar is written at the end of it.
        if let Some((at, tempo)) = holding(&self.score.tempos, now)
            && self.leads
            && *at > self.tempo_written
        {
            self.tempo_written = *at;
            self.push(Element::Tempo(tempo.clone()));
        }
    }

    /// Chooses step and accidental: what the key and the bar already give, else a sharp in keys
    /// with sharps and a flat in keys with flats.
    fn spell(&mut self, pitch: u8, tie: bool) -> Tone {
        let class = i16::from(pitch % 12);
        let in_force = |w: &Self, step: usize| w.bar[step].unwrap_or(w.signature[step]);
        let sounds =
            |step: usize, alteration: i8| (SEMITONES[step] + i16::from(alteration)).rem_euclid(12) == class;
        let flats = self.signature.iter().any(|&a| a < 0);
        let preferred = if flats { [0, -1, 1] } else { [0, 1, -1] };
        let given = (0..7).find(|&step| sounds(step, in_force(self, step)));
        let chosen = given.map(|step| (step, None)).or_else(|| {
            let pairs = preferred.iter().flat_map(|&a| (0..7).map(move |step| (step, a)));
            pairs.into_iter().find(|&(step, a)| sounds(step, a)).map(|(step, a)| (step, Some(a)))
        });
        let (step, accidental) = chosen.unwrap_or((0, Some(0)));
        if accidental.is_some() {
            self.bar[step] = accidental;
        }
        let alteration = accidental.unwrap_or_else(|| in_force(self, step));
        let octave = (i16::from(pitch) - i16::from(alteration) - SEMITONES[step] - 60) / 12;
        Tone { step: step as u8, octave: octave as i8, accidental, pitch, tie }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::abc::{parse_tune, write};
    use crate::{Mode, TICKS_PER_QUARTER};
    use proptest::prelude::*;

    fn score() -> impl Strategy<Value = Score> {
        let note = (0u64..200, 1u64..40, 0u8..128).prop_map(|(start, duration, pitch)| Note {
            start: start * TICKS_PER_QUARTER / 12,
            duration: duration * TICKS_PER_QUARTER / 12,
            pitch,
            velocity: 80,
        });
        let metre = prop::sample::select(vec![
            Metre::Common,
            Metre::new(6, 8),
            Metre::new(3, 4),
            Metre::Fraction { groups: vec![2, 3], unit: 8 },
        ]);
        let key = (-7i8..=7, any::<bool>()).prop_map(|(s, minor)| Key::from_sharps(s, minor).unwrap());
        (prop::collection::vec(note, 1..60), metre, key).prop_map(|(mut notes, metre, key)| {
            // The same pitch twice at once cannot be told apart in any score.
            notes.sort();
            let mut kept: Vec<Note> = Vec::new();
            for note in notes {
                if kept.iter().all(|k| k.pitch != note.pitch || k.end() <= note.start) {
                    kept.push(note);
                }
            }
            let parts = vec![Part { notes: kept, ..Part::default() }];
            Score { metres: vec![(0, metre)], keys: vec![(0, key)], parts, ..Score::default() }
        })
    }

    fn heard(score: &Score) -> Vec<(Ticks, Ticks, u8)> {
        let mut notes: Vec<_> =
            score.parts.iter().flat_map(|p| &p.notes).map(|n| (n.start, n.duration, n.pitch)).collect();
        notes.sort_unstable();
        notes
    }

    proptest! {
        #[test]
        fn what_is_written_is_heard_again(score in score()) {
            let text = write(&from_score(&score));
            let (tune, problems) = parse_tune(&text);
            prop_assert_eq!(problems, vec![], "{}", text);
            prop_assert_eq!(heard(&tune.score()), heard(&score), "{}", text);
            prop_assert_eq!(tune.bar_problems(), vec![], "{}", text);
        }
    }

    #[test]
    fn as_many_voices_are_written_as_sound_at_once() {
        let note = |i: u8| Note {
            start: u64::from(i) * TICKS_PER_QUARTER,
            duration: 40 * TICKS_PER_QUARTER,
            pitch: 40 + i,
            velocity: 80,
        };
        let parts = vec![Part { notes: (0..24).map(note).collect(), ..Part::default() }];
        let score = Score { parts, ..Score::default() };
        assert_eq!(heard(&parse_tune(&write(&from_score(&score))).0.score()), heard(&score));
    }

    #[test]
    fn spelling_follows_the_key() {
        let scale = |key: Key, pitches: &[u8]| {
            let notes = (0..).zip(pitches).map(|(i, &pitch)| Note {
                start: i * TICKS_PER_QUARTER,
                duration: TICKS_PER_QUARTER,
                pitch,
                velocity: 80,
            });
            let parts = vec![Part { notes: notes.collect(), ..Part::default() }];
            let score = Score { keys: vec![(0, key)], parts, ..Score::default() };
            write(&from_score(&score)).lines().last().unwrap().to_owned()
        };
        let flat = Key::new('F', 0, Mode::Major).unwrap();
        let sharp = Key::new('G', 0, Mode::Major).unwrap();
        assert_eq!(scale(flat, &[65, 70, 68, 71]), "F2B2 _A2=B2|]");
        assert_eq!(scale(sharp, &[66, 68, 67, 65]), "F2^G2 =G2=F2|]");
    }
}
