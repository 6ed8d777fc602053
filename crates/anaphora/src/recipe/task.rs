//! What is learnt, and which of it can be learnt without a file.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Backbone;
use super::field::{word, words};

/// How raw data become examples, what is predicted and how it is scored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Task {
    /// What the built-in data or the file are for: music for ABC files, text for all others.
    #[default]
    Auto,
    /// Tunes in ABC notation, split by tune.
    Music,
    /// Text, split by document or block.
    Text,
    /// The class of a text, a series, a sound or a picture.
    Classify,
    /// A number from a text, a row of numbers, a sound or a picture.
    Regress,
    /// A line of text from another: a sentence from that of another language.
    Translate,
    /// A sentence on a picture.
    Caption,
    /// How a series goes on.
    Forecast,
    /// How a path goes on, learnt from many.
    Trajectory,
    /// Problems that ask for memory and for nothing else.
    Memory,
    /// Music of several voices, a chord a frame.
    Chorales,
    /// MIDI files as events: notes begin, notes end, time passes.
    Events,
    /// A tag for each word of a sentence.
    Tag,
}

/// Data that are made by rule, for each kind of task: something to learn from without a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Builtin {
    /// Tunes by a small composer.
    Tunes,
    /// Surnames of made-up languages.
    Names,
    /// Noisy waves of several shapes.
    Waves,
    /// Lists of numbers, to be turned round.
    Reverse,
    /// Pictures of coloured shapes with captions.
    Scenes,
    /// An hourly series with a trend, days and weeks.
    Seasonal,
    /// Throws of a ball that bounces in a box.
    Ball,
    /// The sum of two marked numbers among many.
    Adding,
    /// Symbols to be said again after a long time.
    Copy,
    /// Chords of four voices by the rules of harmony.
    Chorales,
    /// Tunes by a small composer, played.
    Played,
    /// Sentences with phrases and names.
    Phrases,
    /// Shopping lists and what they cost.
    Prices,
    /// Opinions on films, in which the order of words counts.
    Opinions,
    /// Stretches of DNA, told apart by a motif.
    Motifs,
    /// Pictures of a circle, a square or a triangle.
    Shapes,
}

impl Task {
    /// Whether its models continue a text or tune: they generate, and do not predict.
    pub fn continues(self) -> bool {
        matches!(self, Self::Auto | Self::Music | Self::Text)
    }

    /// Whether its models forecast series: what the recipe says of series concerns no others.
    pub fn forecasts(self) -> bool {
        matches!(self, Self::Forecast | Self::Trajectory)
    }

    /// Whether its models write music as notes, not as text.
    pub fn composes(self) -> bool {
        matches!(self, Self::Chorales | Self::Events)
    }

    /// The backbone of a recipe that names none.
    pub fn backbone(self) -> Backbone {
        match self {
            // Chords follow from others bars ago.
            Self::Chorales => Backbone::Transformer,
            _ => Backbone::Lstm,
        }
    }
}

impl Builtin {
    /// The task that they are for.
    pub fn task(self) -> Task {
        match self {
            Self::Tunes => Task::Music,
            Self::Names | Self::Waves | Self::Opinions | Self::Motifs | Self::Shapes => Task::Classify,
            Self::Reverse => Task::Translate,
            Self::Scenes => Task::Caption,
            Self::Seasonal => Task::Forecast,
            Self::Ball => Task::Trajectory,
            Self::Adding | Self::Copy => Task::Memory,
            Self::Chorales => Task::Chorales,
            Self::Played => Task::Events,
            Self::Phrases => Task::Tag,
            Self::Prices => Task::Regress,
        }
    }
}

impl Builtin {
    /// All of them.
    pub fn all() -> impl Iterator<Item = Self> {
        words::<Self>().iter().filter_map(|word| serde_json::from_value((*word).into()).ok())
    }

    /// What they are, in a line for people.
    pub fn about(self) -> &'static str {
        match self {
            Self::Tunes => "400 tunes by a small composer, to write new ones like them",
            Self::Names => "Surnames of made-up languages, to tell the language of a name",
            Self::Waves => "Noisy waves, to tell their shape: a series of numbers and its class",
            Self::Reverse => {
                "Lists of numbers, to write them the other way round: translation at its simplest"
            }
            Self::Scenes => "Pictures of coloured shapes, to describe each in a sentence",
            Self::Seasonal => "An hourly series with a trend, days and weeks, to forecast how it goes on",
            Self::Ball => "Throws of a ball that bounces in a box, to forecast where it flies",
            Self::Adding => {
                "Long lists of numbers of which two are marked, to add these two: a test of memory"
            }
            Self::Copy => "Symbols that are to be said again after a long time: a test of memory",
            Self::Chorales => "Chords of four voices by the rules of harmony, to write new ones",
            Self::Played => "Tunes as they are played, note by note, to play new ones",
            Self::Phrases => "Sentences with phrases and names, to tag each word",
            Self::Prices => "Shopping lists, to tell what they cost: a number from a text",
            Self::Opinions => {
                "Opinions on films, in which the order of words counts, to tell praise from blame"
            }
            Self::Motifs => "Stretches of DNA, to tell those that have a motif",
            Self::Shapes => "Pictures of a circle, a square or a triangle, to tell which it is",
        }
    }
}

impl fmt::Display for Task {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(&word(self))
    }
}

impl fmt::Display for Builtin {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(&word(self))
    }
}
