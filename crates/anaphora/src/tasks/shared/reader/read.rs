//! Examples with labels, from files of several kinds and from rules.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anaphora_data::builtin;
use anaphora_data::folders::holds;
use anaphora_data::labelled::{
    self, LabelledOptions, read_label_files, read_labelled, read_labelled_numbers,
};
use anaphora_data::picture::idx_files;
use anaphora_data::table::{Column, Table, read_table};
use anaphora_data::{Frames, Kind, Tokenizer};

use super::files;
use super::steps::{Steps, number_frames};
use crate::Result;
use crate::recipe::{self, Builtin, Data, Input};
use crate::tasks::language::corpus;
use crate::tasks::shared::{column, table_options};

/// Examples that the built-in rules make, and the seed from which they make them.
const BUILTIN: (u64, usize) = (1, 4_000);
/// Samples of a built-in wave, and the deviation of the noise on it.
const WAVE: (usize, f32) = (100, 0.1);

/// Extensions of files of pictures.
pub const PICTURES: &[&str] = &["png", "jpg", "jpeg"];

/// What is read of an example.
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
#[derive(Clone, Debug)]
pub struct Example {
    pub label: String,
    pub value: Raw,
    /// What its steps are made of.
    pub steps: Arc<Steps>,
    pub path: PathBuf,
    /// From 1; 0 where the file is one example.
    pub line: usize,
    /// Whether the data themselves keep it for a test.
    pub test: bool,
}

/// Reads a file or folder; `known` is what the steps of a trained model's examples are made of. `notes` takes a sentence for
/// each thing that was passed over.
pub fn read(
    path: &Path,
    data: &Data,
    known: Option<&Steps>,
    notes: &mut dyn FnMut(&str),
) -> Result<Vec<Example>> {
    let input = match (known, data.input) {
        (Some(known), _) => known.input(),
        (None, Input::Auto) => found(path, data)?,
        (None, input) => input,
    };
    let data = &Data { input, ..data.clone() };
    match input {
        Input::Numbers => numbers(path, data, notes),
        Input::Mel | Input::Samples => files::sounds(path, data, known, notes),
        Input::Rows | Input::Pixels | Input::Patches | Input::Picture => {
            files::pictures(path, data, known, notes)
        }
        Input::Auto | Input::Text => texts(path, data, notes),
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

/// Labelled texts that were made by rule.
pub fn made_texts(texts: Vec<(String, String)>, data: &Data) -> Vec<Example> {
    let steps = Arc::new(text_steps(data));
    made(texts.into_iter().map(|(label, text)| (label, Raw::Text(text))), &steps, data)
}

/// The built-in examples with classes.
pub fn built_in(data: &Data) -> Vec<Example> {
    let (seed, count) = BUILTIN;
    if data.builtin != Some(Builtin::Waves) {
        return made_texts(
            builtin::names(seed, count).into_iter().map(|(l, n)| (l.to_owned(), n)).collect(),
            data,
        );
    }
    let width = data.patch.unwrap_or(1);
    let wave = |(frames, form): (Frames, usize)| {
        (builtin::WAVES[form].to_owned(), Raw::Frames(number_frames(frames.values, width)))
    };
    let waves = builtin::waves(seed, count, WAVE.0, WAVE.1).into_iter().map(wave);
    made(waves, &Arc::new(Steps::Numbers { columns: WAVE.0, width }), data)
}

fn made(values: impl Iterator<Item = (String, Raw)>, steps: &Arc<Steps>, data: &Data) -> Vec<Example> {
    let path = crate::tasks::shared::name(data);
    let example = |(label, value)| Example {
        label,
        value,
        steps: steps.clone(),
        path: path.clone(),
        line: 0,
        test: false,
    };
    values.map(example).collect()
}

fn texts(path: &Path, data: &Data, notes: &mut dyn FnMut(&str)) -> Result<Vec<Example>> {
    let read = if path.is_dir() {
        read_label_files(path)?
    } else {
        let options = LabelledOptions {
            table: table_options(data),
            label: data.label_column.as_deref().map(column),
            text: data.text_column.as_deref().map(column),
            labels: data.labels,
        };
        read_labelled(path, &options)?
    };
    Ok(labelled(read, text_steps(data), Raw::Text, notes))
}

fn numbers(path: &Path, data: &Data, notes: &mut dyn FnMut(&str)) -> Result<Vec<Example>> {
    let label = data.label_column.as_deref().map_or(Column::Number(1), column);
    let read = read_labelled_numbers(path, &label, &table_options(data))?;
    let (columns, width) = (read.examples[0].value.len(), data.patch.unwrap_or(1));
    let frames = |values| Raw::Frames(number_frames(values, width));
    Ok(labelled(read, Steps::Numbers { columns, width }, frames, notes))
}

fn labelled<T>(
    read: labelled::Labelled<T>,
    steps: Steps,
    value: impl Fn(T) -> Raw,
    notes: &mut dyn FnMut(&str),
) -> Vec<Example> {
    read.skipped.iter().for_each(|skipped| notes(&format!("{skipped} (skipped)")));
    let (files, steps) = (read.files, Arc::new(steps));
    let example = |example: labelled::Example<T>| Example {
        label: example.label,
        value: value(example.value),
        steps: steps.clone(),
        path: files[example.file].clone(),
        line: example.line,
        test: false,
    };
    read.examples.into_iter().map(example).collect()
}

/// What a character is read as that is not in the vocabulary.
pub const UNKNOWN: char = char::REPLACEMENT_CHARACTER;

/// A tokenizer for these texts. Where it knows characters, rare ones are [`UNKNOWN`], so that something is learnt of what is
/// not known.
pub fn tokenizer(examples: &[Example], data: &Data) -> Result<Tokenizer> {
    let text = |example: &Example| match &example.value {
        Raw::Text(text) => Some(example.steps.text(text)),
        Raw::Frames(_) => None,
    };
    let mut texts: Vec<String> = examples.iter().filter_map(text).collect();
    if corpus::kind(data) == Some(Kind::Character) {
        let mut counts: BTreeMap<char, usize> = BTreeMap::new();
        texts.iter().flat_map(|text| text.chars()).for_each(|c| *counts.entry(c).or_default() += 1);
        let kept = counts.into_iter().filter(|&(_, count)| count >= data.vocabulary_min_count);
        texts = vec![kept.map(|(character, _)| character).chain([UNKNOWN]).collect()];
    }
    corpus::tokenizer(data, texts.iter().map(String::as_str))
}
