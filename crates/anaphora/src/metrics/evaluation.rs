//! The scores of a model on some examples, for people and for programs.

use serde_json::{Map, Value, json};

use super::{ClassScore, Confusion};

/// How well a model does.
#[derive(Clone, Debug, PartialEq)]
pub struct Evaluation {
    /// Scores by their names, best known first.
    pub scores: Vec<(&'static str, f64)>,
    /// How much was scored.
    pub examples: usize,
    /// The name of an example.
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

impl Evaluation {
    /// An evaluation on so many examples, without a score so far.
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
