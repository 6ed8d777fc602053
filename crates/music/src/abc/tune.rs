//! A tune as it is written: header, voices, and in each voice the signs in their order.

use super::unroll;
use crate::{Key, Metre, Tempo, Ticks};

/// A header or body field that is kept as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// The letter before the colon.
    pub code: char,
    /// The text after it, without comment and outer spaces.
    pub text: String,
}

/// A tune as written.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tune {
    /// Line of the tune's first line in the text that was read, from 1.
    pub line: u32,
    /// `X:`, where there is one.
    pub reference: Option<u32>,
    /// `T:`, each title.
    pub titles: Vec<String>,
    /// `M:` of the header; free where there is none.
    pub metre: Metre,
    /// `L:` of the header, or the default of the metre.
    pub unit_length: Ticks,
    /// `Q:` of the header.
    pub tempo: Option<Tempo>,
    /// `K:` of the header; `None` where it is missing.
    pub key: Option<Key>,
    /// `R:`, such as `reel`.
    pub rhythm: Option<String>,
    /// `P:` of the header: the order of the parts, such as `A(AB)3`.
    pub part_order: Option<String>,
    /// All other header fields, in order.
    pub fields: Vec<Field>,
    /// The voices, in order of appearance; a tune without `V:` has one.
    pub voices: Vec<Voice>,
}

impl Tune {
    /// Writes out each `|:` that is only understood, without a change to what is played.
    ///
    /// Programs differ in where a `:|` without a `|:` goes back to; of the result they all make the
    /// same.
    pub fn make_repeats_explicit(&mut self) {
        for voice in &mut self.voices {
            unroll::make_repeats_explicit(&mut voice.items);
        }
    }
}

/// One voice of a tune.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Voice {
    /// What stands after `V:`; empty in a tune without voices.
    pub id: String,
    /// `name=`, where it is given.
    pub name: Option<String>,
    /// Semitones from what is written to what sounds where it begins, from `octave=`, `transpose=` and the 8 at a clef.
    pub transpose: i16,
    /// Everything in the voice, in order.
    pub items: Vec<Item>,
}

impl Voice {
    /// The written bars: the items between one bar line and the next, with the bar line that
    /// closes them, if any. Stretches without a note or rest are left out.
    pub fn bars(&self) -> impl Iterator<Item = &[Item]> {
        self.items
            .split_inclusive(|item| matches!(item.element, Element::Bar(_)))
            .filter(|bar| bar.iter().any(|item| item.element.duration().is_some()))
    }
}

/// An element and where it stands in the text.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    /// What it is.
    pub element: Element,
    /// Line, from 1.
    pub line: u32,
    /// Character in the line, from 1.
    pub column: u32,
}

/// How long something is written and how long it lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Length {
    /// As written, broken rhythm worked in.
    pub written: Ticks,
    /// As played: tuplets worked in too.
    pub played: Ticks,
}

/// One note head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tone {
    /// Step from C: 0 for C to 6 for B.
    pub step: u8,
    /// Octave: 0 for `C` to `B` (from middle C), 1 for `c` to `b`.
    pub octave: i8,
    /// The accidental written before it: −2 (double flat) to 2 (double sharp).
    pub accidental: Option<i8>,
    /// MIDI pitch after key signature, accidentals of the bar and ties.
    pub pitch: u8,
    /// Whether it is tied to the next.
    pub tie: bool,
}

/// A note, or several at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sound {
    /// The note heads, at least one.
    pub tones: Vec<Tone>,
    /// How long it lasts; all of a chord lasts as long as its first note.
    pub length: Length,
}

/// A bar line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bar {
    /// Times that the section before it is to be repeated: `:|` is 1, `::|` is 2.
    pub repeats_before: u8,
    /// Times that the section after it will be repeated: `|:` is 1.
    pub repeats_after: u8,
    /// Whether it ends a section without a repeat: `||`, `|]` or `[|`.
    pub double: bool,
    /// Whether it ends the piece or a variant ending: `|]`.
    pub last: bool,
}

impl Bar {
    /// Whether a section begins or ends here.
    pub fn is_section(&self) -> bool {
        self.double || self.repeats_before > 0 || self.repeats_after > 0
    }
}

/// Something in the body of a tune.
#[derive(Clone, Debug, PartialEq)]
pub enum Element {
    /// A note or chord.
    Sound(Sound),
    /// `z`, or the invisible `x`.
    Rest {
        /// How long.
        length: Length,
        /// Whether it would be seen in print.
        visible: bool,
    },
    /// `Z4`: whole bars of rest.
    BarRest {
        /// The number.
        bars: u16,
        /// How long they last together.
        duration: Ticks,
    },
    /// `{…}`: grace notes; the lengths are as written.
    Grace(Vec<Sound>),
    /// A bar line.
    Bar(Bar),
    /// `[1`, `[1,3`, `|2`: the passes of the repeat in which what follows is played.
    Ending(Vec<u8>),
    /// `(p:q:r`: the next `r` are played as `q` in the time of `p`.
    Tuplet {
        /// Notes to be put …
        p: u8,
        /// … into the time of.
        q: u8,
        /// How many notes it holds for.
        r: u8,
    },
    /// `"Am7"`: harmony above the next note.
    ChordSymbol(String),
    /// `"^text"`: words to be printed, with the sign that says where. Words in quotes that name no
    /// chord are read as this, above the line.
    Annotation(String),
    /// `!trill!`, or one of its one-letter forms by its letter.
    Decoration(String),
    /// `(` before a note.
    SlurStart,
    /// `)`.
    SlurEnd,
    /// `&`: back to the beginning of the bar, for a second line in the same voice.
    Overlay,
    /// A change of key.
    Key(Key),
    /// From here on the voice sounds so many semitones above what is written.
    Transpose(i16),
    /// A change of metre.
    Metre(Metre),
    /// A change of tempo.
    Tempo(Tempo),
    /// `P:A`: a part begins.
    Part(char),
    /// Any other field, kept.
    Field(Field),
    /// The end of a line of music.
    LineBreak,
}

impl Element {
    /// The time that it takes; `None` for what takes none.
    pub fn duration(&self) -> Option<Ticks> {
        match self {
            Self::Sound(Sound { length, .. }) | Self::Rest { length, .. } => Some(length.played),
            Self::BarRest { duration, .. } => Some(*duration),
            _ => None,
        }
    }
}
