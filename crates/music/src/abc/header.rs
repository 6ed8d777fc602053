//! Reads a tune line by line: the header, and in the body the fields and what kind each line is.

use super::body::VoiceState;
use super::cursor::{Cursor, lines};
use super::fields::{self, Transposition, VoiceSettings};
use super::jump::jumps;
use super::{Element, Field, Item, Piece, Tune, Voice, unroll};
use crate::{Key, Metre, Problem};

/// More voices than any score has; a limit against nonsense.
const MOST_VOICES: usize = 64;

/// Reads one tune.
pub(super) fn read(piece: &Piece, problems: &mut Vec<Problem>) -> Tune {
    let mut reader = Reader {
        tune: Tune { line: piece.line, ..Tune::default() },
        states: Vec::new(),
        current: 0,
        part: None,
        parts_seen: 0,
        line: 1,
        header_transposition: Transposition::default(),
        transpositions: Vec::new(),
        header_tempo: None,
        unit_given: false,
        problems,
    };
    for line in lines(piece.preamble) {
        reader.preamble_line(line);
        reader.line += 1;
    }
    reader.line = piece.line;
    reader.tune(piece.text);
    let tune = reader.tune;
    let jumps = jumps(&tune).unwrap_or_else(|problem| {
        problems.push(problem);
        vec![None; tune.voices.len()]
    });
    for (voice, jump) in tune.voices.iter().zip(&jumps) {
        if unroll::unroll(voice, tune.part_order.as_deref(), jump.as_ref()).cut {
            let (signs, quarters) = (unroll::MOST_ITEMS, unroll::MOST_QUARTERS);
            let message = format!(
                "with its repeats the tune has more than {signs} signs or {quarters} quarters; it is cut"
            );
            problems.push(Problem::new(tune.line, 1, message));
        }
    }
    tune
}

/// What is known while a tune is being read.
pub(super) struct Reader<'p> {
    pub tune: Tune,
    /// State of each voice, beside `tune.voices`.
    pub states: Vec<VoiceState>,
    /// The voice that music goes to.
    pub current: usize,
    /// The part that music belongs to, with a number of its own for each `P:`.
    part: Option<(char, u32)>,
    parts_seen: u32,
    pub line: u32,
    /// That of the header's `K:`, for every voice.
    header_transposition: Transposition,
    /// What each voice says of its own, beside `tune.voices`; in the body with what the header's `K:` says.
    transpositions: Vec<Transposition>,
    /// Text, line and column of the header's `Q:`: what it counts may come after it.
    header_tempo: Option<(String, u32, u32)>,
    unit_given: bool,
    problems: &'p mut Vec<Problem>,
}

/// The letter and value of a field line, and the column at which the value begins.
fn field(line: &str) -> Option<(char, Cursor<'_>)> {
    let mut letters = line.bytes();
    let (code, colon, third) = (letters.next()?, letters.next()?, letters.next());
    let is_code = code.is_ascii_alphabetic() || code == b'+';
    // "C:|" and "d::" are music.
    if !is_code || colon != b':' || matches!(third, Some(b'|' | b':')) {
        return None;
    }
    let mut value = Cursor::after_ascii(line, 2);
    value.skip_spaces();
    Some((code as char, value))
}

/// The line without its comment; `\%` is a percent sign.
fn without_comment(line: &str) -> &str {
    let mut escaped = false;
    for (at, c) in line.char_indices() {
        if c == '%' && !escaped {
            return &line[..at];
        }
        escaped = c == '\\';
    }
    line
}

impl Reader<'_> {
    pub fn problem(&mut self, column: u32, message: impl Into<String>) {
        self.problems.push(Problem::new(self.line, column, message));
    }

    /// Fields before the first tune hold for all; anything else there is free text.
    fn preamble_line(&mut self, line: &str) {
        if let Some((code, value)) = field(without_comment(line))
            && "MLQRPABCDFGHINOSUZ".contains(code)
        {
            self.header_field(code, value);
        }
    }

    fn tune(&mut self, text: &str) {
        let mut in_body = false;
        let mut ended = false;
        for raw in lines(text) {
            let raw = raw.strip_prefix('\u{feff}').unwrap_or(raw);
            let line = without_comment(raw).trim_end();
            if ended {
                if line.contains('|') {
                    self.problem(1, "music after the empty line that ends the tune is not read");
                }
            } else if raw.trim().is_empty() {
                // Between header and music an empty line is a slip; before X: it means nothing.
                let blank = self.tune.voices.iter().all(|v| v.items.is_empty());
                ended = !blank || (!in_body && self.tune.reference.is_some());
                if blank && in_body {
                    self.problem(1, "an empty line within the tune; the music is read on");
                }
            } else if line.is_empty() {
                // A comment or a directive to another program.
            } else if let Some((code, value)) = field(line) {
                if in_body {
                    self.body_field(code, value);
                } else {
                    self.header_field(code, value);
                    in_body = code == 'K';
                    if in_body {
                        self.begin_body();
                    }
                }
            } else if !in_body && self.tune.reference.is_none() && !line.contains('|') {
                self.problem(1, "a tune begins with X: and a number");
            } else {
                if !in_body {
                    self.problem(1, "the music begins before a K: field has ended the header");
                    in_body = true;
                    self.begin_body();
                }
                self.music_line(line);
            }
            self.line += 1;
        }
        if !in_body {
            self.begin_body();
        }
    }

    fn header_field(&mut self, code: char, value: Cursor) {
        let column = value.column;
        let text = value.rest().trim_end();
        match code {
            'X' => match text.parse() {
                Ok(number) if self.tune.reference.is_none() => self.tune.reference = Some(number),
                Ok(_) => self.problem(1, "a second X: in the tune; an empty line and a new tune were meant?"),
                Err(_) => self.problem(column, format!("X: is to be a whole number, not \"{text}\"")),
            },
            'T' => self.tune.titles.push(text.to_owned()),
            'R' => self.tune.rhythm = Some(text.to_owned()),
            'P' => self.tune.part_order = Some(text.to_owned()),
            'M' => match Metre::parse(text) {
                Ok(metre) => {
                    if !self.unit_given {
                        self.tune.unit_length = metre.default_unit();
                    }
                    self.tune.metre = metre;
                }
                Err(message) => self.problem(column, message),
            },
            'L' => match fields::unit_length(text) {
                Ok(unit) => {
                    self.tune.unit_length = unit;
                    self.unit_given = true;
                }
                Err(message) => self.problem(column, message),
            },
            'Q' => self.header_tempo = Some((text.to_owned(), self.line, column)),
            'K' => match fields::key(text) {
                Ok((key, settings)) => {
                    self.tune.key = Some(key.unwrap_or_default());
                    self.header_transposition = settings.transposition;
                }
                Err(message) => {
                    self.problem(column, message);
                    self.tune.key = Some(Key::default());
                }
            },
            'V' => {
                self.switch_voice(value);
            }
            _ => self.tune.fields.push(Field { code, text: text.to_owned() }),
        }
    }

    /// The header is at its end: from here on every voice has its own key, metre and unit.
    fn begin_body(&mut self) {
        if self.tune.unit_length == 0 {
            self.tune.unit_length = self.tune.metre.default_unit();
        }
        if self.tune.key.is_none() {
            let message = "the tune has no K: field; it is read as having no key";
            self.problems.push(Problem::new(self.tune.line, 1, message));
        }
        if let Some((text, line, column)) = self.header_tempo.take() {
            match fields::tempo(&text, self.tune.unit_length) {
                Ok(tempo) => self.tune.tempo = Some(tempo),
                Err(message) => self.problems.push(Problem::new(line, column, message)),
            }
        }
        if self.tune.voices.is_empty() {
            self.tune.voices.push(Voice::default());
            self.transpositions.push(Transposition::default());
        }
        let fresh = VoiceState::new(&self.tune);
        self.states = vec![fresh; self.tune.voices.len()];
        for (voice, transposition) in self.tune.voices.iter_mut().zip(&mut self.transpositions) {
            *transposition = self.header_transposition.then(*transposition);
            voice.transpose = transposition.semitones();
        }
        self.current = 0;
    }

    pub fn body_field(&mut self, code: char, mut value: Cursor) {
        let column = value.column;
        let text = value.rest().trim_end();
        match code {
            'M' => {
                // Some collections go on with music behind the metre: "M:9/8 EDC DA,B, CDE|".
                let metre_text = value.take_while(|c| !c.is_whitespace());
                let (metre_text, music) = match value.rest().contains('|') {
                    true => (metre_text, Some(value)),
                    false => (text, None),
                };
                match Metre::parse(metre_text) {
                    Ok(metre) => {
                        self.states[self.current].metre = metre.clone();
                        self.push(column, Element::Metre(metre));
                    }
                    Err(message) => self.problem(column, message),
                }
                if let Some(music) = music {
                    self.problem(
                        music.column,
                        "music follows M: on its line; it is to begin on a line of its own",
                    );
                    self.music(music);
                }
            }
            'L' => match fields::unit_length(text) {
                Ok(unit) => self.states[self.current].unit = unit,
                Err(message) => self.problem(column, message),
            },
            'Q' => match fields::tempo(text, self.states[self.current].unit) {
                Ok(tempo) => self.push(column, Element::Tempo(tempo)),
                Err(message) => self.problem(column, message),
            },
            'K' => match fields::key(text) {
                Ok((key, settings)) => {
                    self.transpose(column, settings.transposition);
                    if let Some(key) = key {
                        self.states[self.current].set_key(&key);
                        self.push(column, Element::Key(key));
                    }
                }
                Err(message) => self.problem(column, message),
            },
            'P' => {
                let mut letters = text.chars();
                match (letters.next(), letters.next()) {
                    (Some(label), None) => {
                        self.parts_seen += 1;
                        self.part = Some((label, self.parts_seen));
                        self.current = 0;
                    }
                    (None, _) => self.part = None,
                    _ => self.problem(column, format!("P: in the body is to be one letter, not \"{text}\"")),
                }
            }
            'V' => self.switch_voice(value),
            'X' => self.problem(1, "a new tune begins within this one; an empty line is to come before it"),
            _ => self.push(column, Element::Field(Field { code, text: text.to_owned() })),
        }
    }

    /// `V:`: makes a voice the current one; its first mention brings it into being.
    fn switch_voice(&mut self, mut value: Cursor) {
        let column = value.column;
        let id = value.take_while(|c| !c.is_whitespace());
        if id.is_empty() {
            return self.problem(column, "V: is to name a voice, such as V:1");
        }
        let settings = fields::voice(value.rest()).unwrap_or_else(|message| {
            self.problem(value.column, message);
            VoiceSettings::default()
        });
        let in_body = !self.states.is_empty();
        // Music before any V: is that of voice 1.
        if let Some(first) = self.tune.voices.first_mut()
            && in_body
            && first.id.is_empty()
        {
            let blank = first.items.iter().all(|i| i.element == Element::LineBreak);
            first.id = if blank { id } else { "1" }.to_owned();
        }
        self.current = match self.tune.voices.iter().position(|v| v.id == id) {
            Some(index) => index,
            None if self.tune.voices.len() == MOST_VOICES => {
                return self.problem(column, format!("more than {MOST_VOICES} voices; this one is not made"));
            }
            None => {
                let transposition =
                    if in_body { self.header_transposition } else { Transposition::default() };
                let transpose = transposition.semitones();
                self.tune.voices.push(Voice { id: id.to_owned(), transpose, ..Voice::default() });
                self.transpositions.push(transposition);
                if in_body {
                    self.states.push(VoiceState::new(&self.tune));
                }
                self.tune.voices.len() - 1
            }
        };
        let voice = &mut self.tune.voices[self.current];
        if settings.name.is_some() {
            voice.name = settings.name;
        }
        self.transpose(column, settings.transposition);
    }

    /// From here on the current voice sounds otherwise than it is written.
    fn transpose(&mut self, column: u32, transposition: Transposition) {
        let said = &mut self.transpositions[self.current];
        let before = said.semitones();
        *said = said.then(transposition);
        let semitones = said.semitones();
        if semitones == before {
            return;
        }
        let voice = &mut self.tune.voices[self.current];
        if voice.items.iter().all(|item| item.element == Element::LineBreak) {
            voice.transpose = semitones;
        } else {
            self.push(column, Element::Transpose(semitones));
        }
    }

    /// Adds an element to the current voice, after the label of its part where that is new to it.
    pub fn push(&mut self, column: u32, element: Element) {
        let line = self.line;
        let items = &mut self.tune.voices[self.current].items;
        if let Some((label, serial)) = self.part
            && element != Element::LineBreak
        {
            let state = &mut self.states[self.current];
            if state.part != serial {
                state.part = serial;
                items.push(Item { element: Element::Part(label), line, column });
            }
        }
        items.push(Item { element, line, column });
    }
}
