//! Charts as data: what the modules of `src/script/chart` draw. Numbers that are not finite have no place and are drawn as missing.

use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};

use crate::sound::Sound;

/// A chart.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Chart {
    /// Lines over numbers.
    Lines(Lines),
    /// Bars of named things.
    Bars(Bars),
    /// A matrix as colours.
    HeatMap(HeatMap),
    /// A table.
    Table(Table),
    /// A text with a shade behind each token.
    Text(Text),
    /// Points and paths in a plane.
    Plane(Plane),
    /// A tune that can be heard.
    Tune(Tune),
}

impl Chart {
    /// Whether it takes more room than a column of text.
    pub(crate) fn is_wide(&self) -> bool {
        !matches!(self, Self::Bars(_) | Self::Table(_) | Self::Text(_))
    }
}

/// Lines over numbers, with bands.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Lines {
    /// What stands above; may be empty.
    pub title: String,
    /// The horizontal axis.
    pub x: Axis,
    /// The vertical axis.
    pub y: Axis,
    /// The lines.
    pub series: Vec<Line>,
    /// Straight lines across, with a label.
    pub marks: Vec<LineMark>,
}

/// An axis of numbers.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Axis {
    /// What is measured, with its unit.
    pub label: String,
    /// Whether it is logarithmic; numbers at or below zero have no place on it then.
    pub log: bool,
    /// Where it begins; by itself where none.
    pub low: Option<f64>,
    /// Where it ends; by itself where none.
    pub high: Option<f64>,
}

impl Axis {
    /// A linear axis over all numbers.
    pub fn new(label: impl Into<String>) -> Self {
        Self { label: label.into(), ..Self::default() }
    }

    /// A logarithmic axis.
    pub fn log(label: impl Into<String>) -> Self {
        Self { label: label.into(), log: true, ..Self::default() }
    }
}

/// A line.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Line {
    /// What it is called.
    pub name: String,
    /// Places on the horizontal axis, in order.
    pub x: Vec<f64>,
    /// A number for each of them.
    pub y: Vec<f64>,
    /// Areas around it, the widest first.
    pub bands: Vec<Band>,
    /// Whether it is dashed, as a line to compare with.
    pub dashed: bool,
    /// The number of its colour; that of its place in the list where none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub colour: Option<usize>,
}

/// An area between two lines, a number for each place of its line.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Band {
    /// The lower edge.
    pub low: Vec<f64>,
    /// The upper edge.
    pub high: Vec<f64>,
}

/// A straight line across, upright where it has an `x`.
#[derive(Clone, Debug, Default, Serialize)]
pub struct LineMark {
    /// Place on the horizontal axis.
    pub x: Option<f64>,
    /// Place on the vertical axis.
    pub y: Option<f64>,
    /// What it marks.
    pub label: String,
}

/// Bars of named things, those of several series beside each other.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Bars {
    /// What stands above; may be empty.
    pub title: String,
    /// What is measured, with its unit.
    pub label: String,
    /// The things.
    pub names: Vec<String>,
    /// A number for each of them.
    pub series: Vec<BarSeries>,
    /// Lines across all bars, as of chance.
    pub marks: Vec<BarMark>,
    /// Where the axis begins; by itself where none.
    pub low: Option<f64>,
    /// Where the axis ends; by itself where none.
    pub high: Option<f64>,
    /// Whether the numbers are shares, written as percentages.
    pub share: bool,
}

/// Bars of one colour.
#[derive(Clone, Debug, Default, Serialize)]
pub struct BarSeries {
    /// What they are called.
    pub name: String,
    /// A number for each thing.
    pub values: Vec<f64>,
    /// Lower ends of intervals.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub low: Option<Vec<f64>>,
    /// Upper ends of intervals.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub high: Option<Vec<f64>>,
}

/// A line across bars.
#[derive(Clone, Debug, Default, Serialize)]
pub struct BarMark {
    /// Where.
    pub value: f64,
    /// What it marks.
    pub label: String,
}

/// A matrix as colours.
#[derive(Clone, Debug, Default, Serialize)]
pub struct HeatMap {
    /// What stands above; may be empty.
    pub title: String,
    /// What the colour means.
    pub label: String,
    /// The rows.
    pub rows: Places,
    /// The columns.
    pub columns: Places,
    /// Row-major.
    pub values: Vec<f32>,
    /// The numbers of the first and the last colour; those of the values where none. One below zero makes the colours run from cold
    /// through none to hot.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub range: Option<[f32; 2]>,
    /// Whether cells are square.
    pub square: bool,
    /// Whether it can be magnified.
    pub zoom: bool,
}

/// The rows or columns of a matrix.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Places {
    /// What they are.
    pub label: String,
    /// How many.
    pub count: usize,
    /// Their names; numbers from 0 where none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub names: Option<Vec<String>>,
}

impl Places {
    /// Places with names.
    pub fn named(label: impl Into<String>, names: Vec<String>) -> Self {
        Self { label: label.into(), count: names.len(), names: Some(names) }
    }

    /// Places that are numbers from 0.
    pub fn numbered(label: impl Into<String>, count: usize) -> Self {
        Self { label: label.into(), count, names: None }
    }
}

/// A table.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Table {
    /// What stands above; may be empty.
    pub title: String,
    /// The columns.
    pub columns: Vec<Column>,
    /// A cell for each column.
    pub rows: Vec<Vec<Cell>>,
    /// Whether a click on a column's name sorts by it.
    pub sortable: bool,
}

/// A column of a table.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Column {
    /// What stands above it.
    pub name: String,
    /// Significant digits of its numbers; four where none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digits: Option<u8>,
    /// Whether its numbers are shares, written as percentages.
    pub share: bool,
}

impl Column {
    /// A column with this name.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), ..Self::default() }
    }
}

/// A cell of a table.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub enum Cell {
    /// A text.
    Text(String),
    /// A number.
    Number(f64),
    /// Nothing.
    Empty(()),
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<f64> for Cell {
    fn from(number: f64) -> Self {
        Self::Number(number)
    }
}

/// A text with a shade behind each token.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Text {
    /// What stands above; may be empty.
    pub title: String,
    /// What the shade means.
    pub label: String,
    /// The tokens, which make up the text.
    pub tokens: Vec<String>,
    /// What stands between two of them, as a blank between words; may be empty.
    pub between: String,
    /// A number each.
    pub shades: Vec<f64>,
    /// The numbers of no shade and of the strongest; those of the shades where none. Below zero the shade is cold.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub range: Option<[f64; 2]>,
    /// What is shown beside a token; the token and its number where none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub described: Option<Vec<String>>,
}

/// Points and paths in a plane.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Plane {
    /// What stands above; may be empty.
    pub title: String,
    /// The horizontal axis.
    pub x: String,
    /// The vertical axis.
    pub y: String,
    /// Points with names.
    pub points: Vec<Point>,
    /// Names of the groups of points.
    pub groups: Vec<String>,
    /// Paths.
    pub paths: Vec<Path>,
    /// Whether one unit is as long on both axes.
    pub square: bool,
}

/// A point.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Point {
    /// Its place across.
    pub x: f64,
    /// Its place up.
    pub y: f64,
    /// What it is called; may be empty.
    pub name: String,
    /// The number of its group.
    pub group: Option<usize>,
}

/// A path through the plane.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Path {
    /// What it is called; may be empty.
    pub name: String,
    /// Places across.
    pub x: Vec<f64>,
    /// Places up.
    pub y: Vec<f64>,
    /// Whether it is dashed, as a forecast.
    pub dashed: bool,
    /// The number of its colour; that of its place in the list where none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub colour: Option<usize>,
}

/// A tune that can be heard: its page has the sound of its notes, so far as it is small.
#[derive(Clone, Debug, Default)]
pub struct Tune {
    /// What stands above; may be empty.
    pub title: String,
    /// The tune in ABC notation; may be empty.
    pub abc: String,
    /// Its notes.
    pub notes: Vec<Sounding>,
    /// What of it could not be read as it stands, a sentence each.
    pub problems: Vec<String>,
}

impl Serialize for Tune {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(5))?;
        map.serialize_entry("title", &self.title)?;
        map.serialize_entry("abc", &self.abc)?;
        map.serialize_entry("problems", &self.problems)?;
        map.serialize_entry("notes", &self.notes)?;
        map.serialize_entry("sound", &Sound::of(&self.notes))?;
        map.end()
    }
}

/// A note that is heard.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Sounding {
    /// When it begins, in seconds.
    pub start: f64,
    /// How long it sounds, in seconds.
    pub seconds: f64,
    /// MIDI pitch; 60 is middle C.
    pub pitch: u8,
    /// The number of the token that wrote it.
    pub step: Option<usize>,
}
