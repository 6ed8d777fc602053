//! Inputs of predictions, and how files are read for them.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use anaphora_data::Encoding;
use anaphora_data::labelled::class_weights;
use anaphora_data::lines::{Line, Lines, STANDARD_INPUT};
use anaphora_data::table::{Column, TableOptions};
use serde_json::Value;

use super::Prediction;
use crate::Result;
use crate::model::Objective;
use crate::recipe::{ClassWeights, Data, Training};

/// An input of a prediction.
#[derive(Clone, Debug, PartialEq)]
pub enum Input {
    /// A text on the command line.
    Text(String),
    /// A file; `-` is standard input.
    File(PathBuf),
    /// A line of a file or of standard input.
    Line {
        /// The file.
        path: PathBuf,
        /// The line's number, from 1.
        number: usize,
        /// What is in it.
        text: String,
    },
}

impl Input {
    /// Its name in messages.
    pub fn path(&self) -> &Path {
        match self {
            Self::Text(_) => Path::new("the text given"),
            Self::File(path) | Self::Line { path, .. } => path,
        }
    }

    /// The number of a line; 0 of what is none.
    pub fn line(&self) -> usize {
        if let Self::Line { number, .. } = self { *number } else { 0 }
    }

    /// What is in it, where that is known without reading a file.
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) | Self::Line { text, .. } => Some(text),
            Self::File(_) => None,
        }
    }
}

/// Inputs that are predicted from at once.
const AT_ONCE: usize = 64;

/// A batch of inputs: some texts, a file that is no text of lines, or lines of one that is, as they come, and what is to be said of
/// these.
pub type Batch<'a> = (&'a [Input], &'a [String]);

/// Shows all inputs in batches; `is_lines` says of a file whether it is read line by line.
pub fn each_batch(
    mut inputs: &[Input],
    is_lines: impl Fn(&Path) -> Result<bool>,
    mut see: impl FnMut(Batch) -> Result<ControlFlow<()>>,
) -> Result<()> {
    while let Some(first) = inputs.first() {
        if let Input::File(path) = first
            && is_lines(path)?
        {
            inputs = &inputs[1..];
            let mut lines = Lines::open(path, Encoding::AUTO, AT_ONCE)?;
            let path = if path == Path::new(STANDARD_INPUT) { Path::new("standard input") } else { path };
            loop {
                let batch = lines.next_batch()?;
                if batch.is_empty() {
                    break;
                }
                let notes: Vec<String> = batch.iter().filter_map(|line| line.note.clone()).collect();
                let line =
                    |line: Line| Input::Line { path: path.to_owned(), number: line.number, text: line.text };
                let batch: Vec<Input> = batch.into_iter().map(line).collect();
                if see((&batch, &notes))?.is_break() {
                    return Ok(());
                }
            }
            continue;
        }
        let texts = inputs.iter().take(AT_ONCE).take_while(|input| input.text().is_some()).count();
        let (batch, rest) = inputs.split_at(texts.max(1));
        inputs = rest;
        if see((batch, &[]))?.is_break() {
            break;
        }
    }
    Ok(())
}

/// Predicts from a batch of lines: as many predictions as there are lines, `nothing` of an empty one, each with its line. Where a
/// line is refused, those before it are given first.
pub fn predict_lines(
    lines: &[Input],
    nothing: &dyn Fn(&str) -> Value,
    predict: &mut dyn FnMut(&[Input]) -> Result<Vec<Prediction>>,
    each: &mut dyn FnMut(Prediction) -> ControlFlow<()>,
) -> Result<ControlFlow<()>> {
    let is_blank = |line: &&Input| line.text().is_some_and(|text| text.trim().is_empty());
    let asked: Vec<Input> = lines.iter().filter(|line| !is_blank(line)).cloned().collect();
    let made = if asked.is_empty() { Ok(Vec::new()) } else { predict(&asked) };
    let made = match made {
        Err(_) if lines.len() > 1 => {
            for line in lines.chunks(1) {
                if predict_lines(line, nothing, predict, each)?.is_break() {
                    return Ok(ControlFlow::Break(()));
                }
            }
            return Ok(ControlFlow::Continue(()));
        }
        made => made?,
    };
    let mut made = made.into_iter();
    for line in lines {
        let text = line.text().unwrap_or_default();
        let prediction = if is_blank(&line) { Some(Prediction::new("", nothing(text))) } else { made.next() };
        let Some(mut prediction) = prediction else { break };
        prediction.json["line"] = line.line().into();
        prediction.line = line.line();
        if each(prediction).is_break() {
            return Ok(ControlFlow::Break(()));
        }
    }
    Ok(ControlFlow::Continue(()))
}

/// How the recipe's tables are read.
pub fn table_options(data: &Data) -> TableOptions {
    let Data { layout, decimal, skip_bad, encoding, .. } = *data;
    TableOptions { layout, header: None, decimal, skip_bad, encoding }
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
