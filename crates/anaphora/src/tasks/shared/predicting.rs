//! Uses of a trained model: evaluation, prediction, composition.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::Input;
use crate::decoding::beam::BeamOptions;
use crate::decoding::search::Search;
use crate::decoding::{ComposeOptions, Composed, Observer};
use crate::metrics::Evaluation;
use crate::model::Compute;
use crate::{Error, Result};

/// A prediction for one example.
#[derive(Clone, Debug, PartialEq)]
pub struct Prediction {
    /// A line for people.
    pub text: String,
    /// An object for programs.
    pub json: Value,
    /// The line that it is made from, where it is made from one of a file or of standard input; else 0.
    pub line: usize,
    /// What is to be said of the input, a clause each.
    pub notes: Vec<String>,
}

/// The examples to score a model on.
#[derive(Clone, Debug, PartialEq)]
pub enum Split {
    /// The validation examples of the training.
    Validation,
    /// The test examples of the training's data.
    Test,
    /// Those of a file or folder, and the file of their labels if it is a separate one.
    Data(PathBuf, Option<PathBuf>),
}

/// Options of predictions.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PredictOptions {
    /// Search options, for tasks that write sequences; the task's defaults if left out.
    pub search: Option<Search>,
    /// Number of best sequences to return.
    pub n_best: usize,
}

/// What is asked of a search; what is left out has its usual value.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct SearchAsked {
    /// Hypotheses that are kept side by side.
    pub beams: Option<usize>,
    /// Power of its length that a hypothesis' log-probability is divided by.
    pub length_penalty: Option<f64>,
    /// How many of the best to give.
    pub n_best: Option<usize>,
    /// How many tokens in a row are never written twice; 0 to allow it.
    pub no_repeat_ngram: Option<usize>,
    /// Whether the source's word that was looked at most takes the place of an unknown one.
    pub replace_unknown: bool,
}

impl SearchAsked {
    /// The options of a prediction; `searches` says whether the model writes sequences.
    ///
    /// # Errors
    /// [`Error::NoSearch`] where something is asked of a model that does not.
    pub fn options(self, searches: bool) -> Result<PredictOptions> {
        if self == Self::default() {
            return Ok(PredictOptions::default());
        }
        if !searches {
            return Err(Error::NoSearch);
        }
        let Self { beams, length_penalty, n_best, no_repeat_ngram, replace_unknown } = self;
        let (usual, n_best) = (Search::default(), n_best.unwrap_or(1));
        let beams = BeamOptions {
            beams: beams.unwrap_or(usual.beams.beams).max(n_best),
            length_penalty: length_penalty.unwrap_or(usual.beams.length_penalty),
        };
        let no_repeat_ngram = no_repeat_ngram.unwrap_or(usual.no_repeat_ngram);
        Ok(PredictOptions {
            search: Some(Search { beams, no_repeat_ngram, replace_unknown, ..usual }),
            n_best,
        })
    }
}

impl Prediction {
    /// A prediction of which nothing else is to be said.
    pub(in crate::tasks) fn new(text: impl Into<String>, json: Value) -> Self {
        Self { text: text.into(), json, line: 0, notes: Vec::new() }
    }

    /// With what is to be said of the input.
    pub(in crate::tasks) fn noted(mut self, notes: &[String]) -> Self {
        if !notes.is_empty() {
            self.notes.extend_from_slice(notes);
            self.json["notes"] = self.notes.clone().into();
        }
        self
    }
}

impl Default for PredictOptions {
    fn default() -> Self {
        Self { search: None, n_best: 1 }
    }
}

/// A trained model that can be scored. It is shared: each caller brings its own [`Compute`].
pub trait Evaluate: Send + Sync {
    /// Scores the model.
    fn evaluate(&self, compute: &mut Compute, split: &Split, options: &PredictOptions) -> Result<Evaluation>;
}

/// A trained model that predicts from input.
pub trait Predict: Evaluate {
    /// Predicts from each input in turn; a file may hold several examples. `each` is given the predictions as they are made,
    /// and can end the work. Of a file that is read line by line there are as many as it has lines, also empty ones, as they come.
    fn predict(
        &self,
        compute: &mut Compute,
        inputs: &[Input],
        options: &PredictOptions,
        each: &mut dyn FnMut(Prediction) -> ControlFlow<()>,
    ) -> Result<()>;

    /// Whether a file is read line by line, so that standard input can be, too.
    fn reads_lines(&self, _: &Path) -> Result<bool> {
        Ok(false)
    }

    /// The names of what is said of an input, in order: classes, tags, or the columns of a forecast; none of a model that says
    /// something else.
    fn outputs(&self) -> &[String] {
        &[]
    }

    /// The separator of two predictions in text: the end of a line, or an empty line.
    fn separator(&self) -> &'static str {
        "\n"
    }

    /// Whether it writes sequences, so that [`PredictOptions::search`] has a meaning.
    fn searches(&self) -> bool {
        false
    }

    /// Whether it continues its training data if no input is given.
    fn continues_training_data(&self) -> bool {
        false
    }

    /// A picture of the predictions, as SVG, if there is any.
    fn plot(&self, _: &mut Compute, _: &[Input]) -> Result<Option<String>> {
        Ok(None)
    }
}

/// A trained model that writes music of several voices.
pub trait Compose: Evaluate {
    /// Composes pieces side by side. `observer` receives each step, in frames or events; if it breaks, the pieces so far
    /// are returned.
    fn compose(
        &self,
        compute: &mut Compute,
        options: &ComposeOptions,
        observer: &mut Observer,
    ) -> Result<Vec<Composed>>;
}
