//! Writes a tune in a normal form.

use super::{Element, Length, Sound, Tone, Tune};
use crate::key::{LETTERS, accidental_sign};
use crate::{Metre, Tempo, Ticks};
use std::fmt::Write;

/// Writes a tune as ABC.
///
/// Reading the result gives the same tune again: the same header, the same items in each voice.
/// The form is normal: lengths are whole or fractions of the one unit length of the header, broken
/// rhythm is written out, beams are parted at the strong beats. A header without `X:` or `K:` gets
/// `X:1` and `K:none`.
pub fn write(tune: &Tune) -> String {
    let mut out = String::new();
    header(tune, &mut out);
    let several = tune.voices.len() > 1 || tune.voices.first().is_some_and(|v| !v.id.is_empty());
    let mut in_part = false;
    for voice in &tune.voices {
        let first = voice.items.iter().map(|i| &i.element).find(|e| **e != Element::LineBreak);
        let begins_part = matches!(first, Some(Element::Part(_)));
        if several && !begins_part {
            line(&mut out, 'V', &voice.id);
        }
        // A voice that begins outside any part must not fall into the last part of the one before.
        if in_part && !begins_part {
            line(&mut out, 'P', "");
        }
        in_part = voice.items.iter().any(|i| matches!(i.element, Element::Part(_)));
        let id = several.then_some(voice.id.as_str());
        let metre = tune.metre.clone();
        let mut body = Body {
            out: &mut out,
            id,
            unit: tune.unit_length,
            at_start: true,
            gap: false,
            metre,
            position: 0,
        };
        for (index, item) in voice.items.iter().enumerate() {
            body.element(&item.element, voice.items.get(index + 1).map(|i| &i.element));
        }
        body.end_line();
    }
    out
}

fn line(out: &mut String, code: char, text: &str) {
    // "T:|" would be read as music.
    let space = if text.starts_with(['|', ':']) { " " } else { "" };
    // A string takes everything that is written to it.
    let _ = writeln!(out, "{code}:{space}{text}");
}

fn header(tune: &Tune, out: &mut String) {
    line(out, 'X', &tune.reference.unwrap_or(1).to_string());
    for title in &tune.titles {
        line(out, 'T', title);
    }
    for field in &tune.fields {
        line(out, field.code, &field.text);
    }
    if let Some(rhythm) = &tune.rhythm {
        line(out, 'R', rhythm);
    }
    if let Some(order) = &tune.part_order {
        line(out, 'P', order);
    }
    line(out, 'M', &tune.metre.to_string());
    line(out, 'L', &fraction(tune.unit_length, crate::TICKS_PER_WHOLE, true));
    if let Some(tempo) = &tune.tempo {
        line(out, 'Q', &tempo_text(tempo));
    }
    for voice in tune.voices.iter().filter(|v| !v.id.is_empty()) {
        let mut text = voice.id.clone();
        if let Some(name) = &voice.name {
            let _ = write!(text, " name=\"{name}\"");
        }
        if voice.transpose != 0 {
            let _ = write!(text, " transpose={}", voice.transpose);
        }
        line(out, 'V', &text);
    }
    let unnamed = tune.voices.iter().find(|v| v.id.is_empty() && v.transpose != 0);
    let transpose = unnamed.map_or(String::new(), |v| format!(" transpose={}", v.transpose));
    line(out, 'K', &format!("{}{transpose}", tune.key.clone().unwrap_or_default()));
}

fn tempo_text(tempo: &Tempo) -> String {
    let words = tempo.text.as_ref().map_or(String::new(), |t| format!("\"{t}\" "));
    format!("{words}{}={}", fraction(tempo.beat, crate::TICKS_PER_WHOLE, true), tempo.per_minute)
}

/// `ticks` in units: `2`, `/2`, `3/2` or nothing for one; in full also `1/8` and `1`.
fn fraction(ticks: Ticks, unit: Ticks, full: bool) -> String {
    let common = gcd(ticks, unit).max(1);
    match (ticks / common, unit / common) {
        (1, 1) if !full => String::new(),
        (n, 1) => n.to_string(),
        (1, d) if !full => format!("/{d}"),
        (n, d) => format!("{n}/{d}"),
    }
}

fn gcd(a: Ticks, b: Ticks) -> Ticks {
    if b == 0 { a } else { gcd(b, a % b) }
}

struct Body<'a> {
    out: &'a mut String,
    /// The voice's name, where it is needed.
    id: Option<&'a str>,
    unit: Ticks,
    /// Whether nothing stands on this line yet.
    at_start: bool,
    /// Whether a space is to come before the next sign.
    gap: bool,
    metre: Metre,
    /// Time since the bar line.
    position: Ticks,
}

impl Body<'_> {
    fn element(&mut self, element: &Element, next: Option<&Element>) {
        match element {
            Element::Sound(sound) => self.text(&self.sound(sound)),
            Element::Rest { length, visible } => {
                let sign = if *visible { "z" } else { "x" };
                self.text(&format!("{sign}{}", self.length(length)));
            }
            Element::BarRest { bars, .. } => self.text(&format!("Z{bars}")),
            Element::Grace(sounds) => {
                let notes: String = sounds.iter().map(|s| self.sound(s)).collect();
                self.text(&format!("{{{notes}}}"));
            }
            Element::Bar(bar) => {
                // A space before it only where it would run into another.
                self.gap &= self.out.ends_with(['|', ':', ']']);
                let (before, after) = (usize::from(bar.repeats_before), usize::from(bar.repeats_after));
                let line = match (bar.last, bar.double) {
                    (true, _) => "|]",
                    (false, true) => "||",
                    (false, false) => "|",
                };
                match (before, after) {
                    (1, 1) => self.text("::"),
                    _ => self.text(&format!("{}{line}{}", ":".repeat(before), ":".repeat(after))),
                }
                self.position = 0;
                // Other signs that begin with a bracket or a line would be taken for part of this one.
                self.gap = matches!(next, Some(Element::Ending(_) | Element::Bar(_)));
            }
            Element::Ending(passes) => {
                let numbers: Vec<String> = passes.iter().map(u8::to_string).collect();
                self.text(&format!("[{}", numbers.join(",")));
                self.gap = true;
            }
            Element::Tuplet { p, q, r } => self.text(&format!("({p}:{q}:{r}")),
            Element::ChordSymbol(text) | Element::Annotation(text) => self.text(&format!("\"{text}\"")),
            Element::Decoration(name) => {
                // Elsewhere a dot might be taken for part of a slur, or a letter for a field.
                let before_note =
                    matches!(next, Some(Element::Sound(_) | Element::Rest { .. } | Element::Grace(_)));
                if is_short_decoration(name) && before_note {
                    self.text(name);
                } else {
                    self.text(&format!("!{name}!"));
                }
            }
            Element::SlurStart => self.text("("),
            Element::SlurEnd => self.text(")"),
            Element::Overlay => {
                self.position = 0;
                self.gap = true;
                self.text("&");
            }
            Element::Key(key) => self.inline('K', &key.to_string()),
            Element::Transpose(semitones) => self.inline('K', &format!("transpose={semitones}")),
            Element::Metre(metre) => {
                self.metre = metre.clone();
                self.inline('M', &metre.to_string());
            }
            Element::Tempo(tempo) => self.inline('Q', &tempo_text(tempo)),
            Element::Part(label) => {
                self.field('P', &label.to_string());
                // A part begins with the first voice, unless another is named.
                if let Some(id) = self.id {
                    line(self.out, 'V', id);
                }
            }
            Element::Field(field) => self.field(field.code, &field.text),
            Element::LineBreak => self.end_line(),
        }
        if let Some(duration) = element.duration() {
            self.position += duration;
            self.gap |= self.metre.accent(self.position) > 0;
        }
    }

    fn text(&mut self, text: &str) {
        if self.gap && !self.at_start {
            self.out.push(' ');
        }
        self.out.push_str(text);
        self.gap = false;
        self.at_start = false;
    }

    fn inline(&mut self, code: char, text: &str) {
        self.text(&format!("[{code}:{text}]"));
        self.gap = true;
    }

    /// A field on a line of its own.
    fn field(&mut self, code: char, text: &str) {
        self.end_line();
        line(self.out, code, text);
    }

    fn end_line(&mut self) {
        if !self.at_start {
            self.out.push('\n');
        }
        self.at_start = true;
        self.gap = false;
    }

    fn length(&self, length: &Length) -> String {
        fraction(length.written, self.unit, false)
    }

    fn sound(&self, sound: &Sound) -> String {
        let length = self.length(&sound.length);
        match sound.tones.as_slice() {
            [tone] => format!("{}{length}{}", note(tone), if tone.tie { "-" } else { "" }),
            tones => {
                let inside: String =
                    tones.iter().map(|t| format!("{}{}", note(t), if t.tie { "-" } else { "" })).collect();
                format!("[{inside}]{length}")
            }
        }
    }
}

/// Whether a decoration is one of the signs that need no `!` around them.
fn is_short_decoration(name: &str) -> bool {
    matches!(name.as_bytes(), [b'.' | b'~' | b'H'..=b'W' | b'h'..=b'w'])
}

fn note(tone: &Tone) -> String {
    let letter = LETTERS[usize::from(tone.step)];
    let accidental = tone.accidental.map_or("", accidental_sign);
    if tone.octave > 0 {
        format!("{accidental}{}{}", letter.to_ascii_lowercase(), "'".repeat(tone.octave as usize - 1))
    } else {
        format!("{accidental}{letter}{}", ",".repeat(usize::from(tone.octave.unsigned_abs())))
    }
}
