//! Pictures as data: what a page or a program draws.

use serde::{Deserialize, Serialize};

use crate::inspect::Inspection;

/// A picture, with what one is to see in it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Picture {
    /// What it shows, in a few words.
    pub title: String,
    /// How it is to be read, in a sentence or two.
    pub caption: String,
    /// What is drawn.
    pub drawing: Drawing,
}

/// The kinds of picture.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Drawing {
    /// Lines or points over two axes.
    Lines {
        /// The axis from left to right.
        x: Axis,
        /// The axis upwards.
        y: Axis,
        /// What is drawn.
        series: Vec<Series>,
        /// Whether a unit is as long on both axes, as on a map.
        equal: bool,
    },
    /// A bar for each name and series.
    Bars {
        /// The axis upwards.
        y: Axis,
        /// What stands under the bars.
        names: Vec<String>,
        /// Groups of bars: a name, and a value for each of `names`.
        series: Vec<(String, Vec<f64>)>,
        /// Lines across, such as the level of chance: a name and a value.
        marks: Vec<(String, f64)>,
    },
    /// Numbers as colours, one matrix or several side by side.
    Heat {
        /// What goes down.
        rows: String,
        /// What goes across.
        columns: String,
        /// The matrices.
        maps: Vec<Map>,
        /// The numbers of the first and the last colour.
        range: [f64; 2],
    },
    /// Words and numbers in rows.
    Table {
        /// The heads of the columns.
        columns: Vec<String>,
        /// The cells.
        rows: Vec<Vec<String>>,
    },
    /// A text whose pieces are shaded.
    Shaded {
        /// What a shade stands for.
        meaning: String,
        /// The texts, each in pieces.
        lines: Vec<Shades>,
        /// The numbers of the strongest shades, of one colour and of the other.
        range: [f64; 2],
    },
    /// Named points in a plane.
    Points {
        /// The axis from left to right.
        x: Axis,
        /// The axis upwards.
        y: Axis,
        /// The points.
        points: Vec<Point>,
    },
    /// Tunes in ABC notation, to be seen and heard.
    Tunes {
        /// The tunes.
        tunes: Vec<Tune>,
    },
    /// What a model did while it read a text, views of which move together; at most one in a lecture.
    Inspected {
        /// What it did.
        inspection: Inspection,
    },
    /// A recurrent model unrolled over a text.
    Unrolled {
        /// Its steps from the first.
        steps: Vec<Step>,
        /// The matrices that every step shares: a name and a shape.
        matrices: Vec<(String, [usize; 2])>,
    },
}

/// An axis.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Axis {
    /// What it measures, with its unit.
    pub label: String,
    /// Whether equal steps are equal factors.
    pub log: bool,
}

/// A line, or some points.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Series {
    /// What it is of.
    pub name: String,
    /// Its points; only finite ones.
    pub points: Vec<[f64; 2]>,
    /// Around each point, from where to where most values lie; empty where that is not shown.
    pub band: Vec<[f64; 2]>,
    /// How it is drawn.
    pub style: Style,
}

/// How a series is drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Style {
    /// As a line.
    #[default]
    Solid,
    /// As a broken line: what is expected, or chance.
    Dashed,
    /// As points alone, where both axes have one unit; a line elsewhere.
    Dots,
}

/// One matrix of a heat map.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Map {
    /// What it is of; empty where there is one only.
    pub name: String,
    /// The names of the rows, or none.
    pub rows: Vec<String>,
    /// The names of the columns, or none.
    pub columns: Vec<String>,
    /// The numbers, row by row.
    pub values: Vec<Vec<f32>>,
}

/// A text in shaded pieces.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Shades {
    /// What is said in front of it.
    pub name: String,
    /// Pieces and their numbers.
    pub pieces: Vec<(String, f64)>,
}

/// A named point.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// From left to right.
    pub x: f64,
    /// Upwards.
    pub y: f64,
    /// Its name.
    pub name: String,
    /// What kind it is of: points of one have one colour.
    pub group: String,
}

/// A tune.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Tune {
    /// What it is.
    pub name: String,
    /// The tune in ABC notation.
    pub abc: String,
    /// How much of it, in bytes, was given to the model.
    pub given: usize,
    /// Whether it is complete.
    pub complete: bool,
}

/// One step of an unrolled model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// What is read.
    pub input: String,
    /// What comes next.
    pub target: String,
    /// The likeliest guesses and their probabilities.
    pub guesses: Vec<(String, f64)>,
    /// The state after it, some of its units.
    pub state: Vec<f32>,
    /// Minus the logarithm of the probability of what comes next, in nats.
    pub loss: f64,
}

impl Picture {
    /// A picture.
    pub fn new(title: impl Into<String>, caption: impl Into<String>, drawing: Drawing) -> Self {
        Self { title: title.into(), caption: caption.into(), drawing }
    }
}

impl Axis {
    /// An axis with equal steps.
    pub fn linear(label: impl Into<String>) -> Self {
        Self { label: label.into(), log: false }
    }

    /// An axis on which equal steps are equal factors.
    pub fn log(label: impl Into<String>) -> Self {
        Self { label: label.into(), log: true }
    }
}

impl Series {
    /// A line through the points that are finite.
    pub fn new(name: impl Into<String>, points: impl IntoIterator<Item = (f64, f64)>) -> Self {
        let finite = |&(x, y): &(f64, f64)| x.is_finite() && y.is_finite();
        let points = points.into_iter().filter(finite).map(|(x, y)| [x, y]).collect();
        Self { name: name.into(), points, band: Vec::new(), style: Style::Solid }
    }

    /// Drawn in another way.
    pub fn style(self, style: Style) -> Self {
        Self { style, ..self }
    }
}

impl Map {
    /// A matrix without names.
    pub fn new(name: impl Into<String>, values: Vec<Vec<f32>>) -> Self {
        Self { name: name.into(), rows: Vec::new(), columns: Vec::new(), values }
    }
}
