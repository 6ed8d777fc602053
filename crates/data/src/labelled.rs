//! Examples with a label: texts (a tweet, a surname, a strand of DNA) or rows of numbers (a heartbeat).

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::{At, counted, listed, sift};
use crate::files::{Decoded, decode_lines, files_of, has_extension, read};
use crate::table::{
    Column, LABEL_NAMES, Row, RowFault, TEXT_NAMES, Table, TableError, TableOptions, read_table,
};

/// What a label is made of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Labels {
    /// The cell as it stands.
    #[default]
    Cell,
    /// The sign of the number in the cell: `negative` below zero, `positive` above. Where it is zero there is none.
    Sign,
    /// The same, and `neutral` at zero.
    #[serde(rename = "sign-or-zero")]
    SignOrZero,
}

/// How labelled texts are read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LabelledOptions {
    /// How the file is read as a table.
    pub table: TableOptions,
    /// The label's column; else the one named `label`, `class` ..., or of two the one with fewer different cells.
    pub label: Option<Column>,
    /// The text's column; else the one named `text`, `sentence` ..., or of two the other one.
    pub text: Option<Column>,
    /// What a label is made of.
    pub labels: Labels,
    /// Whether labels are numbers: they are then written as Rust writes them, however they are in the file.
    pub numeric: bool,
}

/// One thing to be classified.
#[derive(Debug, Clone, PartialEq)]
pub struct Example<T> {
    /// Its class.
    pub label: String,
    /// What is to be classified.
    pub value: T,
    /// The file it comes from, an index into [`Labelled::files`].
    pub file: usize,
    /// The line it begins on, from 1.
    pub line: usize,
}

/// What was read: at least one example, and what was not taken.
#[derive(Debug, Clone, PartialEq)]
pub struct Labelled<T> {
    /// The examples in the order of files (by path) and lines.
    pub examples: Vec<Example<T>>,
    /// The files they come from.
    pub files: Vec<PathBuf>,
    /// Rows that were left out, where that was asked for, and files that are not of the kind.
    pub skipped: Vec<At<RowFault>>,
    /// How many rows were left out because their number, of which the sign is the label, is zero.
    pub unsigned: usize,
    /// What a person should know of how they were read, a sentence each.
    pub notes: Vec<String>,
}

/// What each of several labels begins with in the files of fastText.
const PREFIX: &str = "__label__";

/// What stands between the labels of an example where a line begins with several, as in fastText's files.
pub const SEPARATOR: &str = " ";

/// Whether an example has several labels by itself.
pub fn has_several(label: &str) -> bool {
    label.starts_with(PREFIX) && label.contains(SEPARATOR)
}

/// Takes all words that are labels by fastText's custom out of a text, wherever they stand.
fn take_labels(label: &mut String, text: &mut String) {
    if !label.starts_with(PREFIX) {
        return;
    }
    let all = label.split_ascii_whitespace().chain(text.split_ascii_whitespace());
    let mut labels: Vec<&str> = all.filter(|word| word.starts_with(PREFIX)).collect();
    let mut seen = HashSet::new();
    labels.retain(|label| seen.insert(*label));
    let labels = labels.join(SEPARATOR);
    if text.contains(PREFIX) {
        let words = text.split_ascii_whitespace().filter(|word| !word.starts_with(PREFIX));
        *text = words.collect::<Vec<_>>().join(" ");
    }
    *label = labels;
}

impl<T> Labelled<T> {
    /// The labels in alphabetical order, each with the number of its examples.
    pub fn counts(&self) -> BTreeMap<&str, usize> {
        let mut counts = BTreeMap::new();
        self.examples.iter().for_each(|example| *counts.entry(example.label.as_str()).or_default() += 1);
        counts
    }
}

/// What is to be said of labels, or tags, that are there once only, each with its file and its line (0 for a whole file):
/// nothing can be learned of such a one and judged by it too.
pub fn seen_once<'a>(
    what: &str,
    labelled: impl Iterator<Item = (&'a str, (&'a Path, usize))>,
) -> Option<String> {
    let mut seen: BTreeMap<&str, (usize, (&Path, usize))> = BTreeMap::new();
    for (label, place) in labelled {
        seen.entry(label).or_insert((0, place)).0 += 1;
    }
    let once = seen.into_iter().filter(|(_, (count, _))| *count == 1);
    let names: Vec<String> = once
        .map(|(label, (_, (path, line)))| match line {
            0 => format!("{label} ({})", path.display()),
            line => format!("{label} ({}, line {line})", path.display()),
        })
        .collect();
    let listed = listed(&names);
    match names.len() {
        0 => None,
        1 => Some(format!("the {what} {listed} is seen once: it cannot be learnt and judged both")),
        count => Some(format!(
            "{} are seen once, and cannot be learnt and judged both: {listed}",
            counted(count, what)
        )),
    }
}

/// One over the frequency of each of `count` classes, so that all count as much; their mean over what has them is 1.
pub fn class_weights<'a>(classes: impl Iterator<Item = &'a u32>, count: usize) -> Vec<f32> {
    let mut counts = vec![0_usize; count];
    classes.for_each(|&class| counts[class as usize] += 1);
    let all: usize = counts.iter().sum();
    let weight = |&there: &usize| all as f32 / (count * there.max(1)) as f32;
    counts.iter().map(weight).collect()
}

/// Reads texts with labels from a table. A text in whose line stand several labels as fastText writes them (`__label__a
/// __label__b some text`) has them all, [`SEPARATOR`] between them.
///
/// # Errors
/// Those of [`read_table`], columns that are not there or not known; unless they are skipped, rows with an empty text
/// or label, or without a number where the label is its sign.
pub fn read_labelled(path: &Path, options: &LabelledOptions) -> Result<Labelled<String>, TableError> {
    labelled_texts(read_table(path, &options.table)?, options)
}

/// As [`read_labelled`], of a table that was read.
pub(crate) fn labelled_texts(
    mut table: Table,
    options: &LabelledOptions,
) -> Result<Labelled<String>, TableError> {
    let path = &table.path.clone();
    let (label, text) = label_and_text(&table, options)?;
    let rows = std::mem::take(&mut table.rows);
    let doubt = table.doubt(label).filter(|_| options.numeric || options.labels != Labels::Cell);
    table.notes.extend(doubt);
    let mut unsigned = 0;
    let examples = rows.into_iter().filter_map(|row| {
        let class = match options.labels {
            Labels::Cell => Ok(label_of(&table, &row, label, options.numeric)),
            Labels::Sign | Labels::SignOrZero => match table.number(&row, label) {
                Ok(0.0) if options.labels == Labels::Sign => {
                    unsigned += 1;
                    return None;
                }
                number => number.map(|number| sign(number).to_owned()),
            },
        };
        let mut class = match class {
            Ok(class) => class,
            Err(fault) => return Some(Err(fault)),
        };
        let mut value = row.cells[text].to_owned();
        take_labels(&mut class, &mut value);
        let fault = match () {
            _ if class.is_empty() => RowFault::EmptyLabel,
            _ if value.is_empty() => RowFault::EmptyText,
            _ => return Some(Ok(Example { label: class, value, file: 0, line: row.line })),
        };
        Some(Err(At::new(path, row.line, fault)))
    });
    let (examples, skipped) = sift(examples, options.table.skip_bad)?;
    table.skipped.extend(skipped);
    let read = finish(path, examples, vec![path.clone()], table.skipped)?;
    Ok(Labelled { unsigned, notes: table.notes, ..read })
}

/// A label as it stands, or the number that it is.
fn label_of(table: &Table, row: &Row, column: usize, numeric: bool) -> String {
    match table.number_in(row, column).filter(|_| numeric) {
        Some(number) => number.to_string(),
        None => row.cells[column].to_owned(),
    }
}

/// Reads rows that hold a label and numbers, all of the same count: a class and a series. Where the column of the label is not named, it is
/// that of [`Table::class_to_learn`]. A first column that only numbers the rows is none of them.
///
/// A label that is a whole number written as another (`1.0000000e+00`) becomes it (`1`).
///
/// # Errors
/// Those of [`read_table`], a column that is not there; unless they are skipped, rows with anything but finite numbers.
pub fn read_labelled_numbers(
    path: &Path,
    options: &LabelledOptions,
) -> Result<Labelled<Vec<f32>>, TableError> {
    labelled_numbers(read_table(path, &options.table)?, options)
}

/// As [`read_labelled_numbers`], of a table that was read.
pub(crate) fn labelled_numbers(
    mut table: Table,
    options: &LabelledOptions,
) -> Result<Labelled<Vec<f32>>, TableError> {
    let path = &table.path.clone();
    let label =
        options.label.as_ref().map_or_else(|| Ok(table.class_to_learn()), |label| table.column(label))?;
    let values: Vec<usize> = table.data_columns().filter(|&column| column != label).collect();
    if values.is_empty() {
        return Err(TableError::LabelAlone(path.to_owned()));
    }
    let doubts = values.iter().chain(Some(&label).filter(|_| options.numeric));
    let doubts: Vec<String> = doubts.filter_map(|&column| table.doubt(column)).collect();
    table.notes.extend(doubts);
    let rows = std::mem::take(&mut table.rows);
    let examples = rows.into_iter().map(|row| {
        let value =
            values.iter().map(|&c| table.number(&row, c).map(|x| x as f32)).collect::<Result<_, _>>()?;
        let class = whole(&label_of(&table, &row, label, options.numeric));
        if class.is_empty() {
            return Err(At::new(path, row.line, RowFault::EmptyLabel));
        }
        Ok(Example { label: class, value, file: 0, line: row.line })
    });
    let (examples, skipped) = sift(examples, options.table.skip_bad)?;
    table.skipped.extend(skipped);
    let read = finish(path, examples, vec![path.clone()], table.skipped)?;
    Ok(Labelled { notes: table.notes, ..read })
}

/// Reads a folder of text files, each named after the label of its lines (`names/Polish.txt`); empty lines are no
/// examples, and files with another extension than `.txt` are skipped and reported.
///
/// # Errors
/// A folder that cannot be read or holds no line of text, files that are no text.
pub fn read_label_files(folder: &Path, options: &TableOptions) -> Result<Labelled<String>, TableError> {
    let (mut examples, mut files, mut skipped) = (vec![], vec![], vec![]);
    for path in files_of(folder)? {
        if !has_extension(&path, &["txt"]) {
            skipped.push(At::new(&path, 0, RowFault::OtherFile));
            continue;
        }
        let label = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let Decoded { text, damaged, fault } = decode_lines(&read(&path)?, &path, options.encoding)?;
        if let Some(fault) = fault.filter(|_| !options.skip_bad) {
            return Err(fault.into());
        }
        for (index, line) in text.lines().enumerate() {
            let (value, line) = (line.trim().to_owned(), index + 1);
            if damaged.binary_search(&line).is_ok() {
                skipped.push(At::new(&path, line, RowFault::NotText));
            } else if !value.is_empty() {
                examples.push(Example { label: label.clone(), value, file: files.len(), line });
            }
        }
        files.push(path);
    }
    finish(folder, examples, files, skipped)
}

fn finish<T>(
    path: &Path,
    examples: Vec<Example<T>>,
    files: Vec<PathBuf>,
    skipped: Vec<At<RowFault>>,
) -> Result<Labelled<T>, TableError> {
    if examples.is_empty() {
        return Err(TableError::NoRow { path: path.to_owned(), skipped: skipped.len() });
    }
    Ok(Labelled { examples, files, skipped, unsigned: 0, notes: vec![] })
}

fn label_and_text(table: &Table, options: &LabelledOptions) -> Result<(usize, usize), TableError> {
    let named = |column: &Option<Column>| column.as_ref().map(|column| table.column(column)).transpose();
    let label = named(&options.label)?.or_else(|| table.column_called(LABEL_NAMES));
    let text = named(&options.text)?.or_else(|| table.column_called(TEXT_NAMES));
    if let [first, second] = table.data_columns().collect::<Vec<_>>()[..] {
        let different =
            |c: usize| table.rows.iter().map(|row: &Row| &row.cells[c]).collect::<HashSet<_>>().len();
        let other = |column| if column == first { second } else { first };
        let guess = || if different(second) < different(first) { second } else { first };
        let label = label.or(text.map(other)).unwrap_or_else(guess);
        return Ok((label, text.unwrap_or(other(label))));
    }
    let which =
        |what| TableError::WhichColumn { path: table.path.clone(), what, columns: table.describe_columns() };
    Ok((label.ok_or_else(|| which("label"))?, text.ok_or_else(|| which("text"))?))
}

fn sign(number: f64) -> &'static str {
    match number {
        n if n < 0.0 => "negative",
        n if n > 0.0 => "positive",
        _ => "neutral",
    }
}

fn whole(cell: &str) -> String {
    match cell.parse::<f64>() {
        Ok(number) if number.fract() == 0.0 && number.abs() < 1e15 => format!("{number:.0}"),
        _ => cell.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_seen_once_is_named() {
        let path = Path::new("a.csv");
        let labels =
            |all: &[&'static str]| -> Vec<_> { all.iter().zip(1..).map(|(l, n)| (*l, (path, n))).collect() };
        assert_eq!(seen_once("label", labels(&["x", "x"]).into_iter()), None);
        let said = seen_once("label", labels(&["x", "y", "x"]).into_iter()).unwrap();
        assert_eq!(said, "the label y (a.csv, line 2) is seen once: it cannot be learnt and judged both");
        assert!(
            seen_once("tag", labels(&["x", "y"]).into_iter()).unwrap().starts_with("2 tags are seen once")
        );
    }

    #[test]
    fn rare_classes_weigh_more() {
        assert_eq!(class_weights([0, 0, 0, 1].iter(), 2), [2.0 / 3.0, 2.0]);
        assert_eq!(class_weights([0, 0].iter(), 2), [0.5, 1.0]);
    }
}
