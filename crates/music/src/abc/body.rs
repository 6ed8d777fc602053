//! Reads a line of music.

use super::chords::Symbol;
use super::cursor::Cursor;
use super::header::Reader;
use super::tune::{Bar, Element, Tune};
use crate::{Key, Metre, TICKS_PER_WHOLE, Ticks};

/// Most bars in one `Z`, most times a section is repeated, most numbers in an ending.
const MOST_BARS: u64 = 64;
const MOST_REPEATS: u8 = 8;
const MOST_ENDINGS: usize = 16;

/// What holds for a voice at the place that is being read.
#[derive(Clone, Debug)]
pub(super) struct VoiceState {
    pub metre: Metre,
    pub unit: Ticks,
    pub signature: [i8; 7],
    /// Accidentals of this bar, by step.
    pub bar: [Option<i8>; 7],
    /// Notes tied over: step, octave, alteration.
    pub tied: Vec<(u8, i8, i8)>,
    /// The tuplet being filled: p, q and how many notes are still to come.
    pub tuplet: Option<(u8, u8, u8)>,
    /// `>` above zero or `<` below, still to act on the next note; and its column.
    pub broken: Option<(i8, u32)>,
    /// Item of the last note or rest, and its tuplet's q and p: what `>` acts on.
    pub last: Option<(usize, (u8, u8))>,
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
    pub fn take_tuplet(&mut self) -> (u8, u8) {
        match &mut self.tuplet {
            Some((p, q, left)) if *left > 0 => {
                *left -= 1;
                (*q, *p)
            }
            _ => (1, 1),
        }
    }
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

    pub(super) fn state(&mut self) -> &mut VoiceState {
        &mut self.states[self.current]
    }

    fn sign(&mut self, sign: char, c: &mut Cursor) {
        let column = c.column;
        match sign {
            'A'..='G' | 'a'..='g' | '^' | '_' | '=' => {
                self.note(c);
            }
            'z' | 'x' => {
                c.next();
                self.rest(column, c, sign == 'z');
            }
            'Z' | 'X' => {
                c.next();
                let bars = c.number().unwrap_or(1).clamp(1, MOST_BARS);
                let bar = self.state().metre.bar().unwrap_or(TICKS_PER_WHOLE);
                let state = self.state();
                state.tied.clear();
                state.last = None;
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

    pub(super) fn quoted(&mut self, c: &mut Cursor) {
        let column = c.column;
        c.next();
        let Some(text) = c.take_through('"') else {
            return self.problem(column, "a chord symbol or annotation is to be closed with \"");
        };
        if text.starts_with(['^', '_', '<', '>', '@']) {
            return self.push(column, Element::Annotation(text.to_owned()));
        }
        let symbol = Symbol::read(text);
        if symbol == Symbol::Unknown {
            self.problem(
                column,
                format!("\"{text}\" is no chord that is known; no chord is played from here on"),
            );
        }
        let element = match symbol {
            // Words such as "Refrain", which are to stand above the line.
            Symbol::Words => Element::Annotation(format!("^{text}")),
            _ => Element::ChordSymbol(text.to_owned()),
        };
        self.push(column, element);
    }

    /// `!trill!`, or the `!` that once marked the end of a printed line.
    pub(super) fn exclamation(&mut self, c: &mut Cursor) {
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
        state.last = None;
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
