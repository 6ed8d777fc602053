//! Examples with labels, from files of several kinds and from rules.

use std::path::{Path, PathBuf};

use anaphora_data::builtin;
use anaphora_data::labelled::{
    self, LabelledOptions, read_label_files, read_labelled, read_labelled_numbers,
};
use anaphora_data::table::Column;
use anaphora_data::{Frames, Kind, Tokenizer};

use super::super::predict::Given;
use super::super::table_options;
use crate::corpus;
use crate::recipe::{Builtin, Data, Input};
use crate::{Error, Result};

/// Examples that the built-in rules make, and the seed from which they make them.
const BUILTIN: (u64, usize) = (1, 4_000);
/// Samples of a built-in wave, and the deviation of the noise on it.
const WAVE: (usize, f32) = (100, 0.3);

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
    /// What the examples are; never [`Input::Auto`].
    pub input: Input,
    /// What was passed over, a sentence each.
    pub notes: Vec<String>,
}

/// Reads the training data, or `other` data of their kind.
pub fn read(data: &Data, other: Option<&Path>) -> Result<Labelled> {
    let path = match (other.or(data.train.as_deref()), data.builtin) {
        (Some(path), _) => path,
        (None, Some(builtin)) => return Ok(made(builtin)),
        (None, None) => Path::new(""),
    };
    match kind(data.input, path) {
        Input::Numbers => numbers(path, data),
        _ => texts(path, data),
    }
}

/// What a file is read as, where the recipe does not say it.
fn kind(input: Input, _path: &Path) -> Input {
    match input {
        Input::Auto => Input::Text,
        input => input,
    }
}

fn made(builtin: Builtin) -> Labelled {
    let (seed, count) = BUILTIN;
    let path = PathBuf::from(format!("built-in {builtin}"));
    let example = |label: &str, value| Example {
        label: label.to_owned(),
        value,
        path: path.clone(),
        ..Example::default()
    };
    let (input, examples) = match builtin {
        Builtin::Waves => {
            let waves = builtin::waves(seed, count, WAVE.0, WAVE.1);
            let wave = |(frames, form): (Frames, usize)| example(builtin::WAVES[form], Raw::Frames(frames));
            (Input::Numbers, waves.into_iter().map(wave).collect())
        }
        _ => {
            let names = builtin::names(seed, count);
            (Input::Text, names.into_iter().map(|(label, name)| example(label, Raw::Text(name))).collect())
        }
    };
    Labelled { examples, input, notes: Vec::new() }
}

fn column(name: &Option<String>) -> Option<Column> {
    name.as_deref().map(|name| name.parse().expect("any text is a column"))
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
    Ok(labelled(read, Input::Text, Raw::Text))
}

fn numbers(path: &Path, data: &Data) -> Result<Labelled> {
    let label = column(&data.label_column).unwrap_or(Column::Number(1));
    let read = read_labelled_numbers(path, &label, &table_options(data))?;
    Ok(labelled(read, Input::Numbers, |values| Raw::Frames(Frames { width: 1, values })))
}

fn labelled<T>(read: labelled::Labelled<T>, input: Input, value: impl Fn(T) -> Raw) -> Labelled {
    let files = read.files;
    let example = |example: labelled::Example<T>| Example {
        label: example.label,
        value: value(example.value),
        path: files[example.file].clone(),
        line: example.line,
        test: false,
    };
    let notes = read.skipped.iter().map(|skipped| format!("{skipped} (skipped)")).collect();
    Labelled { examples: read.examples.into_iter().map(example).collect(), input, notes }
}

impl Labelled {
    /// A tokenizer for these texts; of characters, one that occurs only in `held_out` must have a number too.
    pub fn tokenizer(&self, held_out: &Self, data: &Data) -> Result<Tokenizer> {
        let text = |example: &'_ Example| match &example.value {
            Raw::Text(text) => Some(text.clone()),
            Raw::Frames(_) => None,
        };
        let held_out = held_out.examples.iter().filter(|_| corpus::kind(data) == Some(Kind::Character));
        let texts: Vec<String> = self.examples.iter().chain(held_out).filter_map(text).collect();
        corpus::tokenizer(data, texts.iter().map(String::as_str))
    }
}

/// What is to be classified, each with a name for it.
pub fn unlabelled(given: &Given, input: Input, _data: &Data) -> Result<Vec<(String, Raw)>> {
    let path = match given {
        Given::Text(text) => return Ok(vec![(text.clone(), Raw::Text(text.clone()))]),
        Given::File(path) => path,
    };
    let text = std::fs::read_to_string(path).map_err(Error::io("read", path))?;
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    if input == Input::Text {
        return Ok(lines.map(|line| (line.to_owned(), Raw::Text(line.to_owned()))).collect());
    }
    let row = |(index, line): (usize, &str)| {
        let number = |cell: &str| {
            cell.trim().parse::<f32>().ok().filter(|number| number.is_finite()).ok_or_else(|| {
                let reason = format!("line {}: {cell} is no number", index + 1);
                Error::Malformed { path: path.clone(), reason }
            })
        };
        let cells = line.split([',', ';', '\t', ' ']).filter(|cell| !cell.is_empty());
        let values = cells.map(number).collect::<Result<Vec<f32>>>()?;
        Ok((format!("line {}", index + 1), Raw::Frames(Frames { width: 1, values })))
    };
    lines.enumerate().map(row).collect()
}
