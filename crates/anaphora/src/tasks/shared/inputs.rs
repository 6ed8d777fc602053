//! Inputs of predictions, and how files are read for them.

use std::path::{Path, PathBuf};

use anaphora_data::labelled::class_weights;
use anaphora_data::table::{Column, TableOptions};
use anaphora_data::{lines, read_text};

use crate::Result;
use crate::model::Objective;
use crate::recipe::{ClassWeights, Data, Training};

/// An input of a prediction.
#[derive(Clone, Debug, PartialEq)]
pub enum Input {
    /// A text on the command line.
    Text(String),
    /// A file.
    File(PathBuf),
}

impl Input {
    /// Its name in messages.
    pub fn path(&self) -> &Path {
        match self {
            Self::Text(_) => Path::new("the text given"),
            Self::File(path) => path,
        }
    }
}

/// Shows each line of the inputs that is not empty: the input, its number in a file (0 for a text on the command line), and
/// the line.
pub fn each_line(inputs: &[Input], mut see: impl FnMut(&Input, usize, &str) -> Result<()>) -> Result<()> {
    for input in inputs {
        match input {
            Input::Text(text) => lines(text).try_for_each(|(_, line)| see(input, 0, line))?,
            Input::File(path) => lines(&read_text(path)?).try_for_each(|(at, line)| see(input, at, line))?,
        }
    }
    Ok(())
}

/// How the recipe's tables are read.
pub fn table_options(data: &Data) -> TableOptions {
    TableOptions { layout: data.layout, header: None, decimal: data.decimal, skip_bad: data.skip_bad }
}

/// A column as a recipe names it: by its name, or by its number from 1.
pub fn column(name: &str) -> Column {
    name.trim().parse().expect("any text is a column")
}

/// The objective of a model that predicts one of `count` classes; `learnt` are the classes of its training examples.
pub fn one_class<'a>(
    training: &Training,
    learnt: Option<impl Iterator<Item = &'a u32>>,
    count: usize,
) -> Objective {
    let learnt = learnt.filter(|_| training.class_weights != ClassWeights::None);
    let weights = learnt.map(|classes| class_weights(classes, count));
    Objective::Classes { label_smoothing: training.label_smoothing as f32, weights }
}
