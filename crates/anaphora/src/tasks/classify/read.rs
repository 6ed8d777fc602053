//! Examples with labels, from files of several kinds and from rules.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anaphora_data::builtin;
use anaphora_data::folders::holds;
use anaphora_data::labelled::{
    self, LabelledOptions, read_label_files, read_labelled, read_labelled_numbers,
};
use anaphora_data::picture::idx_files;
use anaphora_data::table::{Column, Table, read_table};
use anaphora_data::{Frames, Kind, Tokenizer};

use super::super::{column, table_options};
use super::files;
use super::steps::{Steps, number_frames};
use crate::Result;
use crate::recipe::{self, Builtin, Data, Input};
use crate::tasks::language::corpus;

/// Examples that the built-in rules make, and the seed from which they make them.
const BUILTIN: (u64, usize) = (1, 4_000);
/// Samples of a built-in wave, and the deviation of the noise on it.
const WAVE: (usize, f32) = (100, 0.1);

/// Extensions of files of pictures.
pub const PICTURES: &[&str] = &["png", "jpg", "jpeg"];

/// What is to be classified.
#[derive(Clone, Debug, PartialEq)]
pub enum Raw {
    Text(String),
    Frames(Frames),
}

impl Default for Raw {
    fn default() -> Self {
        Self::Text(String::new())
    }
}

/// An example and where it comes from.
#[derive(Clone, Debug, Default)]
pub struct Example {
    pub label: String,
    pub value: Raw,
    pub path: PathBuf,
    /// From 1; 0 where the file is one example.
    pub line: usize,
    /// Whether the data themselves keep it for a test.
    pub test: bool,
}

/// What was read.
pub struct Labelled {
    pub examples: Vec<Example>,
    pub steps: Steps,
    /// What was passed over, a sentence each.
    pub notes: Vec<String>,
}

/// Reads the training data, or `other` data of their kind; `known` is what the steps of those are made of.
pub fn read(data: &Data, other: Option<&Path>, known: Option<&Steps>) -> Result<Labelled> {
    let path = match (other.or(data.train.as_deref()), data.builtin) {
        (Some(path), _) => path,
        (None, Some(builtin)) => return Ok(made(builtin, data)),
        (None, None) => Path::new(""),
    };
    let input = match (known, data.input) {
        (Some(known), _) => known.input(),
        (None, Input::Auto) => found(path, data)?,
        (None, input) => input,
    };
    let data = &Data { input, ..data.clone() };
    match input {
        Input::Numbers => numbers(path, data),
        Input::Mel | Input::Samples => files::sounds(path, data, known),
        Input::Rows | Input::Pixels | Input::Patches | Input::Picture => files::pictures(path, data, known),
        Input::Auto | Input::Text => texts(path, data),
    }
}

/// What a file or folder holds.
fn found(path: &Path, data: &Data) -> Result<Input> {
    if !path.is_dir() {
        // A table that cannot be read is no reason to complain here: whoever reads it says it better.
        let table = read_table(path, &table_options(data)).ok();
        return Ok(if table.is_some_and(|table| holds_numbers(&table)) {
            Input::Numbers
        } else {
            Input::Text
        });
    }
    Ok(if holds(path, &["wav"])? {
        Input::Mel
    } else if !idx_files(path)?.is_empty() || holds(path, PICTURES)? {
        Input::Rows
    } else {
        Input::Text
    })
}

/// Whether a table has numbers in all of its columns but one at most, and in three or more.
fn holds_numbers(table: &Table) -> bool {
    let is_number = |cell: &String| cell.parse::<f64>().is_ok();
    let words = |column: &usize| !table.rows.iter().take(100).all(|row| is_number(&row.cells[*column]));
    table.columns > 3 && (0..table.columns).filter(words).count() < 2
}

fn text_steps(data: &Data) -> Steps {
    Steps::Text { lowercase: data.lowercase, words: matches!(data.tokenizer, recipe::Tokenizer::Word { .. }) }
}

fn made(builtin: Builtin, data: &Data) -> Labelled {
    let (seed, count) = BUILTIN;
    let path = PathBuf::from(format!("built-in {builtin}"));
    let example = |label: &str, value| Example {
        label: label.to_owned(),
        value,
        path: path.clone(),
        ..Example::default()
    };
    let (steps, examples) = match builtin {
        Builtin::Waves => {
            let waves = builtin::waves(seed, count, WAVE.0, WAVE.1);
            let width = data.patch.unwrap_or(1);
            let wave = |(frames, form): (Frames, usize)| {
                example(builtin::WAVES[form], Raw::Frames(number_frames(frames.values, width)))
            };
            (Steps::Numbers { columns: WAVE.0, width }, waves.into_iter().map(wave).collect())
        }
        _ => {
            let names = builtin::names(seed, count);
            let name = |(label, name)| example(label, Raw::Text(name));
            (text_steps(data), names.into_iter().map(name).collect())
        }
    };
    Labelled { examples, steps, notes: Vec::new() }
}

fn texts(path: &Path, data: &Data) -> Result<Labelled> {
    let read = if path.is_dir() {
        read_label_files(path)?
    } else {
        let options = LabelledOptions {
            table: table_options(data),
            label: column(&data.label_column),
            text: column(&data.text_column),
            labels: data.labels,
        };
        read_labelled(path, &options)?
    };
    Ok(labelled(read, text_steps(data), Raw::Text))
}

fn numbers(path: &Path, data: &Data) -> Result<Labelled> {
    let label = column(&data.label_column).unwrap_or(Column::Number(1));
    let read = read_labelled_numbers(path, &label, &table_options(data))?;
    let (columns, width) = (read.examples[0].value.len(), data.patch.unwrap_or(1));
    let frames = |values| Raw::Frames(number_frames(values, width));
    Ok(labelled(read, Steps::Numbers { columns, width }, frames))
}

fn labelled<T>(read: labelled::Labelled<T>, steps: Steps, value: impl Fn(T) -> Raw) -> Labelled {
    let files = read.files;
    let example = |example: labelled::Example<T>| Example {
        label: example.label,
        value: value(example.value),
        path: files[example.file].clone(),
        line: example.line,
        test: false,
    };
    let notes = read.skipped.iter().map(|skipped| format!("{skipped} (skipped)")).collect();
    Labelled { examples: read.examples.into_iter().map(example).collect(), steps, notes }
}

/// What a character is read as that is not in the vocabulary.
pub const UNKNOWN: char = char::REPLACEMENT_CHARACTER;

impl Labelled {
    /// A tokenizer for these texts. Where it knows characters, rare ones are [`UNKNOWN`], so that something is learnt of
    /// what is not known.
    pub fn tokenizer(&self, data: &Data) -> Result<Tokenizer> {
        let text = |example: &Example| match &example.value {
            Raw::Text(text) => Some(self.steps.text(text)),
            Raw::Frames(_) => None,
        };
        let mut texts: Vec<String> = self.examples.iter().filter_map(text).collect();
        if corpus::kind(data) == Some(Kind::Character) {
            let mut counts: BTreeMap<char, usize> = BTreeMap::new();
            texts.iter().flat_map(|text| text.chars()).for_each(|c| *counts.entry(c).or_default() += 1);
            let kept = counts.into_iter().filter(|&(_, count)| count >= data.vocabulary_min_count);
            texts = vec![kept.map(|(character, _)| character).chain([UNKNOWN]).collect()];
        }
        corpus::tokenizer(data, texts.iter().map(String::as_str))
    }
}

/// The labels of an example: the parts of its cell where it may have several.
pub fn labels<'a>(label: &'a str, separator: Option<&'a str>) -> Vec<&'a str> {
    match separator {
        Some(separator) => label.split(separator).map(str::trim).filter(|label| !label.is_empty()).collect(),
        None => vec![label],
    }
}
