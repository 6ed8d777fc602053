//! Finished runs, opened for use.

use std::path::Path;

use anaphora_data::{Format, Tokenizer};
use anaphora_nn::Precision;

use super::corpus::Corpus;
use crate::model::LanguageModel;
use crate::recipe::{Recipe, Task};
use crate::run::Run;
use crate::run::assets::{TOKENIZER, read_tokenizer};
use crate::run::weights::WeightsError;
use crate::tasks::{AnyModel, Portable};
use crate::{Error, Result};

/// The best model of a run with what belongs to it.
pub struct Trained {
    /// The run folder.
    pub run: Run,
    /// How the model was trained.
    pub recipe: Recipe,
    /// Text to tokens and back.
    pub tokenizer: Tokenizer,
    /// The model with the best weights.
    pub model: LanguageModel,
}

impl Trained {
    /// Reads a run folder, the weights as they lie there: a model to predict with, to read or to write elsewhere.
    pub fn open(folder: impl AsRef<Path>) -> Result<Self> {
        Self::with(folder, None)
    }

    /// Reads a run folder to predict in a precision only: the weights take the memory of one copy.
    pub fn predicting(folder: impl AsRef<Path>, precision: Precision) -> Result<Self> {
        Self::with(folder, Some(precision))
    }

    fn with(folder: impl AsRef<Path>, precision: Option<Precision>) -> Result<Self> {
        let run = Run::open(folder.as_ref())?;
        if !run.info().task.continues() {
            return Err(Error::Predicts { path: run.path().to_owned(), task: run.info().task });
        }
        let recipe = run.recipe()?;
        let tokenizer = read_tokenizer(&run.tokenizer_path())?;
        let mut model = LanguageModel::zeros(&recipe.model, tokenizer.vocab_size());
        run.load_weights(model.params_mut(), precision).map_err(|error| {
            match vocabulary_of_weights(&error, tokenizer.vocab_size()) {
                Some(expected) => {
                    let (path, found) = (run.tokenizer_path(), tokenizer.vocab_size());
                    Error::Vocabulary { path, found, expected }
                }
                None => error,
            }
        })?;
        Ok(Self { run, recipe, tokenizer, model })
    }

    /// What the run learnt: tunes or text.
    pub fn task(&self) -> Task {
        self.run.info().task
    }

    /// The kind of files that the run learns from.
    pub fn format(&self) -> Format {
        match self.task() {
            Task::Music => Format::Abc,
            _ => Format::Text,
        }
    }

    /// What the run learnt from and was validated on.
    pub fn corpus(&self) -> Result<Corpus> {
        Corpus::open(self.task(), &self.run.data(&self.recipe.data)?)
    }
}

/// A run's model for other programs.
pub fn portable(run: &Path) -> Result<Portable> {
    let Trained { run, recipe, tokenizer, model } = Trained::open(run)?;
    let model = AnyModel::Language(Box::new(model));
    Ok(Portable {
        end: Some(tokenizer.end_id()),
        ..Portable::of(run, recipe, model, &[("tokenizer", TOKENIZER)])?
    })
}

/// For how many tokens the weights are, where a tensor's shape differs from the model's in that number alone.
fn vocabulary_of_weights(error: &Error, vocab_size: usize) -> Option<usize> {
    let Error::Weights { source: WeightsError::Shape { found, expected, .. }, .. } = error else {
        return None;
    };
    let mut differing = found.iter().zip(expected).filter(|(found, expected)| found != expected);
    match (differing.next(), differing.next()) {
        (Some((&of_weights, &expected)), None) if expected == vocab_size => Some(of_weights),
        _ => None,
    }
}
