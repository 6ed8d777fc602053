//! What a trained model says of new input, and how well it does on examples whose truth is known.

use std::path::{Path, PathBuf};

use anaphora_data::DataError;
use serde_json::{Map, Value, json};

use super::pairs::Writing;
use crate::metrics::{ClassScore, Confusion};
use crate::{Error, Result};

/// Something to predict from.
#[derive(Clone, Debug, PartialEq)]
pub enum Given {
    /// A text on the command line.
    Text(String),
    /// A file.
    File(PathBuf),
}

impl Given {
    /// What messages call it.
    pub fn path(&self) -> &Path {
        match self {
            Self::Text(_) => Path::new("the text given"),
            Self::File(path) => path,
        }
    }
}

/// What is predicted of one example.
#[derive(Clone, Debug, PartialEq)]
pub struct Prediction {
    /// A line for people.
    pub text: String,
    /// An object for programs.
    pub json: Value,
}

/// The examples that a model is scored on.
#[derive(Clone, Debug, PartialEq)]
pub enum On {
    /// Those that were validated on in training.
    Validation,
    /// Those that were kept for a test.
    Test,
    /// Those of a file or folder, and where truths are in a file of their own, that.
    Data(PathBuf, Option<PathBuf>),
}

/// A trained model with what it needs to read raw data.
pub trait Predictor {
    /// Sets how sequences are searched for, and how many of the best are given, where the task writes sequences.
    fn search(&mut self, _: Writing, _: usize) -> Result<()> {
        Err(Error::NoSearch)
    }

    /// Predicts from each input in turn; a file may hold several examples.
    fn predict(&mut self, given: &[Given]) -> Result<Vec<Prediction>>;

    /// Whether it goes on with what it learnt from where no input is given.
    fn goes_on(&self) -> bool {
        false
    }

    /// A picture of what is predicted, as SVG, where there is any.
    fn picture(&mut self, _given: &[Given]) -> Result<Option<String>> {
        Ok(None)
    }

    /// Scores the model.
    fn evaluate(&mut self, on: &On) -> Result<Report>;
}

/// How well a model does.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// Scores by their names, best known first.
    pub scores: Vec<(&'static str, f64)>,
    /// How much was scored.
    pub examples: usize,
    /// What an example is called.
    pub example: &'static str,
    /// A table for people, where one number does not say all.
    pub table: Option<String>,
    /// The same for programs.
    pub details: Map<String, Value>,
    /// What was passed over or changed, a sentence each.
    pub notes: Vec<String>,
    /// A picture, as SVG.
    pub picture: Option<String>,
}

impl Report {
    /// A report on so many examples, without a score so far.
    pub fn new(examples: usize, example: &'static str) -> Self {
        let (scores, details, notes) = (Vec::new(), Map::new(), Vec::new());
        Self { scores, examples, example, table: None, details, notes, picture: None }
    }

    /// Adds a score.
    pub fn add(&mut self, name: &'static str, score: f64) {
        self.scores.push((name, score));
    }

    /// Adds the scores of each class, label or tag, which `what` names.
    pub fn classes(&mut self, what: &str, labels: &[String], scores: &[ClassScore]) {
        self.table = Some(class_table(what, labels.iter().map(String::as_str).zip(scores)));
        self.details.insert("labels".into(), json!(labels));
        self.details.insert("classes".into(), json!(scores));
    }

    /// Adds how often each class was taken for each.
    pub fn confusion(&mut self, what: &str, labels: &[String], confusion: &Confusion) {
        let rows: Vec<Vec<u64>> = confusion.rows().map(<[u64]>::to_vec).collect();
        let scores: Vec<ClassScore> = (0..labels.len()).map(|class| confusion.class(class)).collect();
        self.classes(what, labels, &scores);
        let (width, mut table) = (
            name_width("taken for", labels.iter().map(String::as_str)),
            self.table.take().unwrap_or_default(),
        );
        if labels.len() <= 12 {
            let cell = rows.iter().flatten().map(|count| count.to_string().len()).max().unwrap_or(1).max(4);
            let short = |label: &str| label.chars().take(cell).collect::<String>();
            table += &format!("\n{:<width$} ", "taken for");
            labels.iter().for_each(|label| table += &format!(" {:>cell$}", short(label)));
            table.push('\n');
            for (label, row) in labels.iter().zip(&rows) {
                table += &format!("{label:<width$} ");
                row.iter().for_each(|count| table += &format!(" {count:>cell$}"));
                table.push('\n');
            }
        }
        self.table = Some(table);
        self.details.insert("confusion".into(), json!(rows));
    }

    /// The whole as one object.
    pub fn to_json(&self) -> Value {
        let mut object: Map<String, Value> =
            self.scores.iter().map(|&(name, score)| (name.to_owned(), json!(score))).collect();
        object.insert("examples".into(), json!(self.examples));
        object.extend(self.details.clone());
        if !self.notes.is_empty() {
            object.insert("notes".into(), json!(self.notes));
        }
        Value::Object(object)
    }
}

/// A table of how well each of some is found, under a heading.
pub fn class_table<'a>(
    what: &str,
    scores: impl Iterator<Item = (&'a str, &'a ClassScore)> + Clone,
) -> String {
    let width = name_width(what, scores.clone().map(|(name, _)| name));
    let mut table =
        format!("{what:<width$}  {:>9} {:>9} {:>9} {:>9}\n", "examples", "precision", "recall", "F1");
    for (name, score) in scores {
        table += &format!(
            "{name:<width$}  {:>9} {:>9.3} {:>9.3} {:>9.3}\n",
            score.support, score.precision, score.recall, score.f1
        );
    }
    table
}

/// The width of a column of names, or of its heading.
fn name_width<'a>(what: &'a str, names: impl Iterator<Item = &'a str>) -> usize {
    names.chain([what]).map(|name| name.chars().count()).max().unwrap_or(0)
}

/// A file of lines.
pub fn lines(path: &Path) -> Result<String> {
    let content = std::fs::read(path).map_err(Error::io("read", path))?;
    String::from_utf8(content).map_err(|error| {
        let offset = error.utf8_error().valid_up_to();
        let byte = error.as_bytes()[offset];
        let line = 1 + error.as_bytes()[..offset].iter().filter(|&&byte| byte == b'\n').count();
        Error::Data(DataError::NotUtf8 { path: path.to_owned(), byte, offset, line })
    })
}

/// The lines that are not empty, with their numbers.
pub fn text_lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let lines = text.lines().enumerate().map(|(index, line)| (index + 1, line.trim()));
    lines.filter(|(_, line)| !line.is_empty())
}
