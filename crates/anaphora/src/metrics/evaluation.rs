//! The scores of a model on some examples, for people and for programs.

use anaphora_data::error::counted;
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
        let table = self.table.take().unwrap_or_default();
        self.table = Some(format!("{table}\n{}", confusion_table(labels, &rows)));
        self.details.insert("confusion".into(), json!(rows));
    }

    /// Adds the scores of simpler means beside the model's, a row each, above the table.
    pub fn beside(&mut self, contenders: &[(&'static str, Vec<(&'static str, f64)>)]) {
        let Some((_, first)) = contenders.first() else { return };
        let width = contenders.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
        let mut table = " ".repeat(width);
        first.iter().for_each(|(score, _)| table += &format!(" {:>15}", score.replace('_', " ")));
        table.push('\n');
        let mut rows = Map::new();
        for (name, scores) in contenders {
            table += &format!("{name:<width$}");
            scores.iter().for_each(|(_, score)| table += &format!(" {score:>15.4}"));
            table.push('\n');
            rows.insert(
                name.replace(' ', "_"),
                scores.iter().map(|&(name, score)| (name.to_owned(), json!(score))).collect(),
            );
        }
        self.details.insert("contenders".into(), Value::Object(rows));
        self.table = Some(format!("{table}\n{}", self.table.take().unwrap_or_default()));
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

/// The widest table that is shown, in characters.
const WIDEST: usize = 100;
/// The most mistakes that are listed.
const MISTAKES: usize = 20;

/// How often each class was taken for each: with their names above the columns where there is room, else with numbers, which
/// stand before the names too; of more classes the most frequent mistakes.
fn confusion_table(labels: &[String], rows: &[Vec<u64>]) -> String {
    let length = |name: &str| name.chars().count();
    let digits = rows.iter().flatten().map(|count| count.to_string().len()).max().unwrap_or(1).max(4);
    let longest = labels.iter().map(|label| length(label)).max().unwrap_or(0);
    let width = name_width("taken for", labels.iter().map(String::as_str));
    let table = |names: &[String], heads: &[String], width: usize, cell: usize| {
        let mut table = format!("{:<width$} ", "taken for");
        heads.iter().for_each(|head| table += &format!(" {head:>cell$}"));
        table.push('\n');
        for (name, row) in names.iter().zip(rows) {
            table += &format!("{name:<width$} ");
            row.iter().for_each(|count| table += &format!(" {count:>cell$}"));
            table.push('\n');
        }
        table
    };
    let cell = digits.max(longest);
    if width + labels.len() * (cell + 1) <= WIDEST {
        return table(labels, labels, width, cell);
    }
    let of_number = labels.len().to_string().len();
    if width + of_number + 1 + labels.len() * (digits + 1) <= WIDEST {
        let numbers: Vec<String> = (1..=labels.len()).map(|number| number.to_string()).collect();
        let names: Vec<String> = numbers
            .iter()
            .zip(labels)
            .map(|(number, label)| format!("{number:>of_number$} {label}"))
            .collect();
        return table(&names, &numbers, width.max(of_number + 1 + longest), digits);
    }
    let mut mistakes: Vec<(u64, usize, usize)> = Vec::new();
    for (truth, row) in rows.iter().enumerate() {
        mistakes.extend(
            row.iter()
                .enumerate()
                .filter(|&(found, &count)| found != truth && count > 0)
                .map(|(found, &count)| (count, truth, found)),
        );
    }
    // The most frequent first, those of one count as the classes stand.
    mistakes.sort_by_key(|&(count, truth, found)| (std::cmp::Reverse(count), truth, found));
    let longest = longest.max("taken for".len());
    let mut table = format!("{:<longest$}  {:<longest$}  times\n", "true", "taken for");
    for (count, truth, found) in mistakes.iter().take(MISTAKES) {
        table += &format!("{:<longest$}  {:<longest$}  {count:>5}\n", labels[*truth], labels[*found]);
    }
    if mistakes.len() > MISTAKES {
        let kinds = counted(mistakes.len() - MISTAKES, "more kind");
        table += &format!("and {kinds} of mistake\n");
    }
    table
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Names of classes that differ in their ends alone, and how often each was taken for each.
    fn table(classes: usize) -> String {
        let labels: Vec<String> = (0..classes).map(|class| format!("a class with name {class}")).collect();
        let rows: Vec<Vec<u64>> = (0..classes)
            .map(|row| (0..classes).map(|column| u64::from(row + 1 == column) * row as u64).collect())
            .collect();
        confusion_table(&labels, &rows)
    }

    #[test]
    fn names_of_classes_are_whole_in_any_number() {
        let names = table(3);
        assert_eq!(names.lines().next().unwrap().matches("a class with name ").count(), 3);
        let numbers = table(9);
        assert!(
            numbers
                .lines()
                .next()
                .unwrap()
                .split_whitespace()
                .skip(2)
                .eq((1..=9).map(|n| n.to_string()).collect::<Vec<_>>())
        );
        assert!(numbers.contains("\n9 a class with name 8 "), "{numbers}");
        let mistakes = table(50);
        assert!(
            mistakes.lines().nth(1).unwrap().starts_with("a class with name 48  a class with name 49     48"),
            "{mistakes}"
        );
        assert_eq!(mistakes.lines().count(), 22);
        assert!(mistakes.ends_with("and 28 more kinds of mistake\n"), "{mistakes}");
    }
}
