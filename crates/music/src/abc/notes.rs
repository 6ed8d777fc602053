//! Reads notes, chords and grace notes, and works out how long they last.

use super::cursor::Cursor;
use super::fields::{alteration, scale};
use super::header::Reader;
use super::tune::{Element, Length, Sound, Tone};
use crate::key::{SEMITONES, step_of};
use crate::score::into_range;
use crate::{TICKS_PER_WHOLE, Ticks};

/// Longest note or rest that is read; keeps positions far from overflow.
const LONGEST: Ticks = 64 * TICKS_PER_WHOLE;

fn played(written: Ticks, (q, p): (u8, u8)) -> Ticks {
    scale(written, u64::from(q), u64::from(p)).max(1)
}

/// What a length is multiplied with on the long and the short side of `n` signs of broken rhythm:
/// 2 − 1/2ⁿ and 1/2ⁿ, as numerator and denominator.
fn broken(sign: i8, left_side: bool) -> (u64, u64) {
    let d = 1 << sign.unsigned_abs();
    if (sign > 0) == left_side { (2 * d - 1, d) } else { (1, d) }
}

/// The alteration with which a tone sounds, whatever it was that altered it.
fn sounding_alteration(tone: &Tone) -> i8 {
    let above_natural = i16::from(tone.pitch) - SEMITONES[usize::from(tone.step)];
    ((above_natural + 6).rem_euclid(12) - 6) as i8
}

impl Reader<'_> {
    pub(super) fn note(&mut self, c: &mut Cursor) {
        let column = c.column;
        if let Some((tone, length)) = self.tone(c, true) {
            self.sound(column, vec![tone], length);
        }
    }

    /// What follows the letter of a rest.
    pub(super) fn rest(&mut self, column: u32, c: &mut Cursor, visible: bool) {
        self.state().tied.clear();
        let written = self.length(c);
        let length = self.timed(written);
        self.push(column, Element::Rest { length, visible });
        self.remember();
    }

    /// A note head with its length in ticks; `None`, with a problem, where an accidental has no note.
    fn tone(&mut self, c: &mut Cursor, may_be_tied: bool) -> Option<(Tone, Ticks)> {
        let column = c.column;
        let accidental = alteration(c);
        let Some((letter, step)) = c.peek().and_then(|l| Some((l, step_of(l)?))) else {
            self.problem(column, "an accidental is to stand before a note A to G or a to g");
            return None;
        };
        c.next();
        let mut octave = i8::from(letter.is_ascii_lowercase());
        let marks = c.take_while(|m| m == '\'' || m == ',');
        for mark in marks.chars() {
            octave = octave.saturating_add(if mark == '\'' { 1 } else { -1 });
        }
        let written = self.length(c);
        let state = self.state();
        let index = usize::from(step);
        if accidental.is_some() {
            state.bar[index] = accidental;
        }
        let tied = state.tied.iter().find(|t| may_be_tied && (t.0, t.1) == (step, octave)).map(|t| t.2);
        let alteration = accidental.or(tied).or(state.bar[index]).unwrap_or(state.signature[index]);
        let pitch = 60 + 12 * i16::from(octave) + SEMITONES[index] + i16::from(alteration);
        let tie = c.rest().starts_with('-');
        if tie {
            c.next();
        }
        if !(0..=127).contains(&pitch) {
            self.problem(column, "this note lies outside the range of MIDI; it is moved by octaves");
        }
        let pitch = into_range(pitch);
        Some((Tone { step, octave, accidental, pitch, tie }, written))
    }

    /// A length after a note or rest, in ticks.
    fn length(&mut self, c: &mut Cursor) -> Ticks {
        let column = c.column;
        let (n, d) = c.fraction();
        let unit = self.state().unit;
        let ticks = if n == 0 || d == 0 { 0 } else { scale(unit, n, d) };
        if ticks == 0 || ticks > LONGEST {
            let message =
                if ticks == 0 { "a length of nothing" } else { "a length of more than 64 whole notes" };
            self.problem(column, format!("{message}; the unit length is taken"));
            return unit;
        }
        ticks
    }

    /// Works broken rhythm and tuplet into the length of the next note or rest.
    fn timed(&mut self, written: Ticks) -> Length {
        let state = self.state();
        let ratio = state.take_tuplet();
        let written = match state.broken.take() {
            Some((sign, _)) => {
                let (n, d) = broken(sign, false);
                scale(written, n, d).clamp(1, LONGEST)
            }
            None => written,
        };
        state.last = Some((usize::MAX, ratio));
        Length { written, played: played(written, ratio) }
    }

    /// Notes that the element just pushed is what `>` would act on.
    fn remember(&mut self) {
        let index = self.tune.voices[self.current].items.len() - 1;
        if let Some(last) = &mut self.state().last {
            last.0 = index;
        }
    }

    fn sound(&mut self, column: u32, tones: Vec<Tone>, written: Ticks) {
        let length = self.timed(written);
        let state = self.state();
        state.tied.clear();
        for tone in tones.iter().filter(|t| t.tie) {
            state.tied.push((tone.step, tone.octave, sounding_alteration(tone)));
        }
        self.push(column, Element::Sound(Sound { tones, length }));
        self.remember();
    }

    pub(super) fn tie_last(&mut self, column: u32) {
        let last = self.states[self.current].last.map(|(index, _)| index);
        let items = &mut self.tune.voices[self.current].items;
        let Some(Element::Sound(sound)) = last.map(|index| &mut items[index].element) else {
            return self.problem(column, "a tie is to follow a note");
        };
        sound.tones.iter_mut().for_each(|t| t.tie = true);
        let tied = sound.tones.iter().map(|t| (t.step, t.octave, sounding_alteration(t))).collect();
        self.state().tied = tied;
    }

    pub(super) fn broken_rhythm(&mut self, c: &mut Cursor) {
        let column = c.column;
        let sign = c.peek();
        let signs = c.take_while(|s| Some(s) == sign).len();
        let count = if sign == Some('>') { signs.min(3) as i8 } else { -(signs.min(3) as i8) };
        if signs > 3 {
            self.problem(column, "more than three signs of broken rhythm; three are taken");
        }
        let state = &self.states[self.current];
        let (Some((index, ratio)), None) = (state.last, state.broken) else {
            return self.problem(column, "broken rhythm is to stand between two notes");
        };
        let (n, d) = broken(count, true);
        match &mut self.tune.voices[self.current].items[index].element {
            Element::Sound(Sound { length, .. }) | Element::Rest { length, .. } => {
                length.written = scale(length.written, n, d).clamp(1, LONGEST);
                length.played = played(length.written, ratio);
            }
            other => unreachable!("only a note or rest is remembered, not {other:?}"),
        }
        self.state().broken = Some((count, column));
    }

    pub(super) fn chord(&mut self, c: &mut Cursor) {
        let column = c.column;
        c.next();
        let mut tones: Vec<Tone> = Vec::new();
        let mut first_length = None;
        loop {
            let here = c.column;
            match c.peek() {
                Some(']') => break,
                Some('A'..='G' | 'a'..='g' | '^' | '_' | '=') => {
                    if let Some((tone, length)) = self.tone(c, true) {
                        first_length.get_or_insert(length);
                        tones.push(tone);
                    }
                }
                Some('"') => self.quoted(c),
                Some('!') => self.exclamation(c),
                Some('(') => {
                    c.next();
                    self.push(here, Element::SlurStart);
                }
                Some(')') => {
                    c.next();
                    self.push(here, Element::SlurEnd);
                }
                Some(sign @ ('.' | '~' | 'H'..='W' | 'h'..='w')) => {
                    c.next();
                    self.push(here, Element::Decoration(sign.to_string()));
                }
                Some(space) if space.is_whitespace() => {
                    c.next();
                }
                other => {
                    let found =
                        other.map_or("the end of the line".to_owned(), |o| format!("'{}'", o.escape_debug()));
                    self.problem(here, format!("a chord is to hold notes and end with ], not {found}"));
                    if other.is_some_and(|o| o != '|') {
                        c.next();
                        continue;
                    }
                    break;
                }
            }
        }
        c.eat(']');
        let Some(first_length) = first_length else {
            return self.problem(column, "a chord without a note");
        };
        let at = c.column;
        let (n, d) = c.fraction();
        let mut written = if n == 0 || d == 0 { 0 } else { scale(first_length, n, d) };
        if written == 0 || written > LONGEST {
            self.problem(at, "a chord cannot have this length; that of its first note is taken");
            written = first_length;
        }
        if c.eat('-') {
            tones.iter_mut().for_each(|t| t.tie = true);
        }
        self.sound(column, tones, written);
    }

    pub(super) fn grace(&mut self, c: &mut Cursor) {
        let column = c.column;
        c.next();
        c.eat('/');
        let mut sounds: Vec<Sound> = Vec::new();
        loop {
            let here = c.column;
            match c.peek() {
                Some('}') => break,
                Some('A'..='G' | 'a'..='g' | '^' | '_' | '=') => {
                    if let Some((tone, written)) = self.tone(c, false) {
                        sounds.push(Sound { tones: vec![tone], length: Length { written, played: written } });
                    }
                }
                Some(c_quiet) if c_quiet.is_whitespace() || "()[]~.>-".contains(c_quiet) => {
                    c.next();
                }
                other => {
                    let found =
                        other.map_or("the end of the line".to_owned(), |o| format!("'{}'", o.escape_debug()));
                    self.problem(here, format!("grace notes are to end with }}, not {found}"));
                    if other.is_some_and(|o| o != '|') {
                        c.next();
                        continue;
                    }
                    break;
                }
            }
        }
        c.eat('}');
        if !sounds.is_empty() {
            self.push(column, Element::Grace(sounds));
        }
    }
}
