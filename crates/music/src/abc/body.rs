//! Reads a line of music.

use super::cursor::Cursor;
use super::fields::{alteration, scale};
use super::header::Reader;
use super::tune::{Bar, Element, Length, Sound, Tone, Tune};
use crate::key::{SEMITONES, step_of};
use crate::{Key, Metre, TICKS_PER_WHOLE, Ticks};

/// Longest note or rest that is read; keeps positions far from overflow.
const LONGEST: Ticks = 64 * TICKS_PER_WHOLE;

/// Most bars in one `Z`, most times a section is repeated, most numbers in an ending.
const MOST_BARS: u64 = 64;
const MOST_REPEATS: u8 = 8;
const MOST_ENDINGS: usize = 16;

/// What holds for a voice at the place that is being read.
#[derive(Clone, Debug)]
pub(super) struct VoiceState {
    pub metre: Metre,
    pub unit: Ticks,
    signature: [i8; 7],
    /// Accidentals of this bar, by step.
    bar: [Option<i8>; 7],
    /// Notes tied over: step, octave, alteration.
    tied: Vec<(u8, i8, i8)>,
    /// The tuplet being filled: p, q and how many notes are still to come.
    tuplet: Option<(u8, u8, u8)>,
    /// `>` above zero or `<` below, still to act on the next note; and its column.
    broken: Option<(i8, u32)>,
    /// Item of the last note or rest, and its tuplet's q and p: what `>` acts on.
    last: Option<(usize, (u8, u8))>,
    /// Which `P:` was last seen by the voice.
    pub part: u32,
}

impl VoiceState {
    pub fn new(tune: &Tune) -> Self {
        Self {
            metre: tune.metre.clone(),
            unit: tune.unit_length,
            signature: tune.key.as_ref().map_or([0; 7], Key::signature),
            bar: [None; 7],
            tied: Vec::new(),
            tuplet: None,
            broken: None,
            last: None,
            part: 0,
        }
    }

    pub fn set_key(&mut self, key: &Key) {
        self.signature = key.signature();
        self.bar = [None; 7];
    }

    /// The ratio of the tuplet that the next note falls in, one note of which is thereby used up.
    fn take_tuplet(&mut self) -> (u8, u8) {
        match &mut self.tuplet {
            Some((p, q, left)) if *left > 0 => {
                *left -= 1;
                (*q, *p)
            }
            _ => (1, 1),
        }
    }
}

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
    /// A line of the body that is no field.
    pub fn music_line(&mut self, line: &str) {
        self.music(Cursor::new(line));
        let column = line.chars().count() as u32 + 1;
        // An old-style "!" at the end is a line break; so is the end of the line itself.
        self.push(column, Element::LineBreak);
    }

    pub fn music(&mut self, mut c: Cursor) {
        while let Some(sign) = c.peek() {
            self.sign(sign, &mut c);
        }
    }

    fn state(&mut self) -> &mut VoiceState {
        &mut self.states[self.current]
    }

    fn sign(&mut self, sign: char, c: &mut Cursor) {
        let column = c.column;
        match sign {
            'A'..='G' | 'a'..='g' | '^' | '_' | '=' => {
                if let Some((tone, length)) = self.tone(c, true) {
                    self.sound(column, vec![tone], length);
                }
            }
            'z' | 'x' => {
                c.next();
                self.state().tied.clear();
                let written = self.length(c);
                let length = self.timed(written);
                self.push(column, Element::Rest { length, visible: sign == 'z' });
                self.remember();
            }
            'Z' | 'X' => {
                c.next();
                let bars = c.number().unwrap_or(1).clamp(1, MOST_BARS);
                let bar = self.state().metre.bar().unwrap_or(TICKS_PER_WHOLE);
                self.push(column, Element::BarRest { bars: bars as u16, duration: bars * bar });
            }
            '|' => self.bar_line(c),
            ':' if matches!(c.peek_second(), Some('|' | ':')) => self.bar_line(c),
            '[' => self.bracket(c),
            '(' => self.open_parenthesis(c),
            ')' => {
                c.next();
                self.push(column, Element::SlurEnd);
            }
            '>' | '<' => self.broken_rhythm(c),
            '-' => {
                // A tie set apart from its note by a space; elsewhere the note takes it.
                c.next();
                self.tie_last(column);
            }
            '{' => self.grace(c),
            '"' => self.quoted(c),
            '!' => self.exclamation(c),
            '&' => {
                c.next();
                self.state().bar = [None; 7];
                self.push(column, Element::Overlay);
            }
            '.' if matches!(c.peek_second(), Some('(' | '|' | '-')) => {
                c.next(); // a dotted slur, bar line or tie
            }
            'K' | 'L' | 'M' | 'Q' if c.peek_second() == Some(':') => self.bare_field(sign, c),
            '.' | '~' | 'H'..='W' | 'h'..='w' => {
                c.next();
                self.push(column, Element::Decoration(sign.to_string()));
            }
            // Spaces and back quotes part beams; y is space in print; $ and a trailing \ concern line breaks.
            c_space if c_space.is_whitespace() || c_space == '`' => {
                c.next();
            }
            '$' => {
                c.next();
            }
            'y' => {
                c.next();
                c.number();
            }
            '\\' if c.rest().trim() == "\\" => {
                c.next();
            }
            other => {
                c.next();
                self.problem(column, format!("'{}' means nothing here", other.escape_debug()));
            }
        }
    }

    /// A field in the middle of a line without its brackets, such as ` M:4/4 `.
    fn bare_field(&mut self, code: char, c: &mut Cursor) {
        let column = c.column;
        c.next();
        c.next();
        let text_column = c.column;
        let text = c.take_while(|l| !l.is_whitespace());
        self.problem(column, format!("a field within a line is to stand in brackets: [{code}:{text}]"));
        let mut value = Cursor::new(text);
        value.column = text_column;
        self.body_field(code, value);
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
        let pitch = crate::score::into_range(pitch);
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

    fn tie_last(&mut self, column: u32) {
        let items = &mut self.tune.voices[self.current].items;
        let last = items.iter_mut().rev().find(|i| i.element.duration().is_some());
        let Some(Element::Sound(sound)) = last.map(|i| &mut i.element) else {
            return self.problem(column, "a tie is to follow a note");
        };
        sound.tones.iter_mut().for_each(|t| t.tie = true);
        let tied = sound.tones.iter().map(|t| (t.step, t.octave, sounding_alteration(t))).collect();
        self.state().tied = tied;
    }

    fn broken_rhythm(&mut self, c: &mut Cursor) {
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

    /// `(`: a slur, or a tuplet such as `(3` and `(5:4:5`.
    fn open_parenthesis(&mut self, c: &mut Cursor) {
        let column = c.column;
        c.next();
        if !c.peek().is_some_and(|d| d.is_ascii_digit()) {
            return self.push(column, Element::SlurStart);
        }
        let p = c.number().unwrap_or(0);
        let mut more = [None, None];
        for value in &mut more {
            if c.peek() != Some(':') || c.rest().starts_with(":|") {
                break;
            }
            c.next();
            *value = c.number();
        }
        let compound = self.state().metre.is_compound();
        let q = more[0].unwrap_or(match p {
            2 | 4 | 8 => 3,
            3 | 6 => 2,
            5 | 7 | 9 if compound => 3,
            5 | 7 | 9 => 2,
            _ => 0,
        });
        let r = more[1].unwrap_or(p);
        let small = |n: u64| u8::try_from(n).ok().filter(|n| (1..=32).contains(n));
        let (Some(p), Some(q), Some(r)) = (small(p), small(q), small(r)) else {
            return self.problem(column, "a tuplet is to be such as (3 or (5:4:5, with numbers from 1 to 32");
        };
        self.state().tuplet = Some((p, q, r));
        self.push(column, Element::Tuplet { p, q, r });
    }

    /// `[`: a chord, an inline field, a variant ending or part of a bar line.
    fn bracket(&mut self, c: &mut Cursor) {
        let column = c.column;
        let mut inside = *c;
        inside.next();
        match (inside.peek(), inside.peek_second()) {
            (Some('|' | ']'), _) => self.bar_line(c),
            (Some(d), _) if d.is_ascii_digit() => {
                *c = inside;
                self.ending(column, c);
            }
            (Some(code), Some(':')) if code.is_ascii_alphabetic() => {
                let Some(text) = inside.take_through(']') else {
                    c.next();
                    return self.problem(column, "an inline field is to be closed with ]");
                };
                let mut value = Cursor::after_ascii(text, 2);
                value.column = column + 3;
                value.skip_spaces();
                *c = inside;
                self.body_field(code, value);
            }
            _ => self.chord(c),
        }
    }

    fn chord(&mut self, c: &mut Cursor) {
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

    fn grace(&mut self, c: &mut Cursor) {
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

    fn quoted(&mut self, c: &mut Cursor) {
        let column = c.column;
        c.next();
        let Some(text) = c.take_through('"') else {
            return self.problem(column, "a chord symbol or annotation is to be closed with \"");
        };
        let is_annotation = text.starts_with(['^', '_', '<', '>', '@']);
        let text = text.to_owned();
        self.push(column, if is_annotation { Element::Annotation(text) } else { Element::ChordSymbol(text) });
    }

    /// `!trill!`, or the `!` that once marked the end of a printed line.
    fn exclamation(&mut self, c: &mut Cursor) {
        let column = c.column;
        c.next();
        let mut inside = *c;
        let named = |s: &str| {
            !s.is_empty() && s.chars().all(|l| l.is_ascii_alphanumeric() || ".~+-<>()/_;#".contains(l))
        };
        if let Some(name) = inside.take_through('!').filter(|s| named(s)) {
            *c = inside;
            self.push(column, Element::Decoration(name.to_owned()));
        }
    }

    /// A bar line in any of its forms, with the number of an ending where one is joined to it.
    fn bar_line(&mut self, c: &mut Cursor) {
        let column = c.column;
        let mut bar = Bar::default();
        let mut lines = 0;
        let colons_before = c.take_while(|s| s == ':').len();
        loop {
            match c.peek() {
                Some('|') => lines += 1,
                Some(']') => {
                    bar.double = true;
                    bar.last = true;
                }
                // "[|" and "[|]", but not "|[1", "|[ceg]" or "|[K:G]".
                Some('[') if c.peek_second() == Some('|') || (lines == 0 && c.peek_second() == Some(']')) => {
                    bar.double = true;
                }
                _ => break,
            }
            c.next();
            if bar.last {
                break;
            }
        }
        let colons_after = if lines > 0 && !bar.last { c.take_while(|s| s == ':').len() } else { 0 };
        bar.double |= lines > 1;
        let few = |n: usize| n.min(usize::from(MOST_REPEATS)) as u8;
        if lines == 0 && colons_before > 1 {
            // "::" is ":||:".
            bar.repeats_before = few(colons_before / 2);
            bar.repeats_after = few(colons_before / 2);
        } else {
            bar.repeats_before = few(colons_before);
            bar.repeats_after = few(colons_after);
        }
        if bar.repeats_before > 0 || bar.repeats_after > 0 {
            // A sign to repeat is a thick line by itself, and not every program reads "||:".
            (bar.double, bar.last) = (false, false);
        }
        let state = self.state();
        state.bar = [None; 7];
        if let Some((_, at)) = state.broken.take() {
            self.problem(at, "broken rhythm is to stand between two notes");
        }
        self.push(column, Element::Bar(bar));
        if c.peek().is_some_and(|d| d.is_ascii_digit()) {
            self.ending(c.column, c);
        }
    }

    /// `1`, `1,3`, `1-3` after a bar line or `[`.
    fn ending(&mut self, column: u32, c: &mut Cursor) {
        let text = c.take_while(|l| l.is_ascii_digit() || l == ',' || l == '-');
        let mut passes: Vec<u8> = Vec::new();
        for range in text.split(',').filter(|r| !r.is_empty()) {
            let (first, last) = range.split_once('-').unwrap_or((range, range));
            if let (Ok(first), Ok(last)) = (first.parse::<u8>(), last.parse::<u8>()) {
                passes.extend((first..=last).take(MOST_ENDINGS));
            }
        }
        passes.sort_unstable();
        passes.dedup();
        if passes.is_empty() || passes.len() > MOST_ENDINGS || !passes.iter().all(|p| (1..=16).contains(p)) {
            return self.problem(column, format!("an ending is to be numbered from 1 to 16, not \"{text}\""));
        }
        self.push(column, Element::Ending(passes));
    }
}
