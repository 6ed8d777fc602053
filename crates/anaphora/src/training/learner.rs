//! What the training loop needs from a task: its data and its model.

use std::ops::ControlFlow;

use anaphora_data::picture::Picture;
use anaphora_nn::{Params, Start};
use serde_json::Value;

use super::memory::refuse_too_large;
use super::{Event, Observer, threads};
use crate::model::{Backward, Compute};
use crate::recipe::{Input, Recipe, Task};
use crate::run::assets::Assets;
use crate::run::weights::{self, NamedTensor};
use crate::{Error, Result};

/// A task with its data and its model. Each task implements it; the training loop knows nothing else of a task.
pub trait Learner {
    /// The task; never [`Task::Auto`].
    fn task(&self) -> Task;

    /// The kind of input that examples are read as, where the data decide it.
    fn input(&self) -> Option<Input> {
        None
    }

    /// Writes into the recipe what the data decided of it.
    fn complete(&self, _recipe: &mut Recipe) {}

    /// The training data, the validation data and the prediction, in words and numbers.
    fn describe(&self) -> Description;

    /// The weights.
    fn params(&self) -> &Params;

    /// The weights, for an optimizer's step.
    fn params_mut(&mut self) -> &mut Params;

    /// Passes over the data done, as a fraction.
    fn progress(&self) -> f64;

    /// Draws the next batch and adds the gradients of its weighted mean loss to those of `backward`.
    fn learn(&mut self, backward: &mut Backward) -> Result<BatchLoss>;

    /// Scores the model on the validation data.
    fn validate(&mut self, compute: &mut Compute) -> Result<Validation>;

    /// The weights to keep of a model with such a result.
    fn kept(&self, _validation: &Validation) -> Vec<NamedTensor<'_>> {
        weights::tensors(self.params())
    }

    /// The position in the data, for a checkpoint.
    fn position(&self) -> Value;

    /// The state carried from batch to batch, for a checkpoint.
    fn carried(&self) -> Vec<NamedTensor<'_>> {
        Vec::new()
    }

    /// Restores what [`Learner::position`] and [`Learner::carried`] returned.
    fn resume(&mut self, position: Value, carried: &[NamedTensor]) -> Result<()>;
}

/// An example as a person sees it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Shown {
    /// What is read, or the name of the file that it stands in; tunes and passages whole.
    pub text: String,
    /// What is to be said of it, where that is something else.
    pub label: Option<String>,
    /// The picture that is read.
    pub picture: Option<Picture>,
}

/// Examples that are shown.
const SHOWN: usize = 5;
/// Characters of an example's texts that are shown.
const SHOWN_CHARACTERS: usize = 600;

/// The means by which a task makes its learner.
pub struct Opening<'a> {
    /// The recipe to train.
    pub recipe: &'a Recipe,
    /// Files made from the data, for the run folder.
    pub assets: &'a mut Assets,
    /// Receives notes on skipped data, and the progress of initialisation.
    pub observer: &'a mut Observer<'a>,
    /// Whether the weights are those of a checkpoint, so that the model needs none of its own.
    pub restored: bool,
    /// Takes some of the training data, where these are only looked at.
    pub examples: Option<&'a mut Vec<Shown>>,
}

impl Opening<'_> {
    /// Passes a note for the user to the observer.
    pub fn note(&mut self, note: &str) {
        // An observer that breaks at a note is asked again before anything takes long.
        let _ = (self.observer)(&Event::Note(note));
    }

    /// How many examples are still to be shown: none in a training.
    pub fn to_show(&self) -> usize {
        self.examples.as_ref().map_or(0, |examples| SHOWN.saturating_sub(examples.len()))
    }

    /// Shows examples of the training data, from all over them.
    ///
    /// # Errors
    /// What `shown` says.
    pub fn show<E>(&mut self, train: &[E], mut shown: impl FnMut(&E) -> Result<Shown>) -> Result<()> {
        let count = self.to_show().min(train.len());
        for number in 0..count {
            let mut example = shown(&train[number * train.len() / count])?;
            for text in [&mut example.text].into_iter().chain(&mut example.label) {
                if let Some((end, _)) = text.char_indices().nth(SHOWN_CHARACTERS) {
                    text.truncate(end);
                }
            }
            self.examples.iter_mut().for_each(|examples| examples.push(example.clone()));
        }
        Ok(())
    }

    /// Makes the model to train, with random weights that follow from the recipe's seed.
    ///
    /// # Errors
    /// [`Error::Stopped`] if the observer breaks meanwhile; [`Error::Memory`] if the weights alone are more than can be trained
    /// here.
    pub fn model<M>(&mut self, make: impl FnOnce(Start) -> M) -> Result<M> {
        if self.restored {
            return Ok(make(Start::zeros()));
        }
        let (recipe, observer) = (self.recipe, &mut self.observer);
        let mut going = Ok(());
        let start = Start::random(recipe.training.seed.into()).threads(threads(recipe.training.threads).0);
        let model = make(start.observed(|done, total| {
            if done == 0 {
                going = refuse_too_large(recipe, total, 0, 0.0);
            }
            if going.is_ok() && observer(&Event::Preparing { done, total }).is_break() {
                going = Err(Error::Stopped);
            }
            if going.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        }));
        going.map(|()| model)
    }
}

/// The loss of a batch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BatchLoss {
    /// Mean loss of the batch.
    pub loss: f32,
    /// Units in the batch: tokens or frames.
    pub units: usize,
}

/// The result of a validation.
#[derive(Clone, Debug, PartialEq)]
pub struct Validation {
    /// Mean loss.
    pub loss: f64,
    /// Other scores by name.
    pub scores: Vec<(&'static str, f64)>,
    /// Whether the first of these, of which more is better, chooses the best model; the loss does elsewhere.
    pub by_score: bool,
    /// What of it is the network's, where that is not all that the model says.
    pub network: Option<Network>,
}

/// A network whose outputs are added to those of a simpler model.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Network {
    /// Its mean loss by itself, which tells whether it still learns.
    pub loss: f64,
    /// What its outputs are multiplied by before they are added to the other's; the weights that are kept are those of such outputs.
    pub share: f32,
}

impl Validation {
    /// A validation whose loss chooses the best model, with other scores or without.
    pub fn by_loss(loss: f64, scores: Vec<(&'static str, f64)>) -> Self {
        Self { loss, scores, by_score: false, network: None }
    }

    /// A validation whose first score chooses the best model: an accuracy, an F1.
    pub fn by_score(loss: f64, scores: Vec<(&'static str, f64)>) -> Self {
        Self { loss, scores, by_score: true, network: None }
    }

    /// What chooses the best model, and its value.
    pub fn criterion(&self) -> (&'static str, f64) {
        self.scores.first().filter(|_| self.by_score).copied().unwrap_or(("loss", self.loss))
    }

    /// The number by which the best model is chosen, lower is better. Of two with the same score it is the surer one.
    pub fn cost(&self) -> f64 {
        if self.by_score { 1.0 - self.criterion().1 + 1e-6 * self.loss } else { self.loss }
    }
}

/// The data of a training, described for an observer.
#[derive(Clone, Debug, PartialEq)]
pub struct Description {
    /// The name of an example: "tune", "text", "sentence pair".
    pub example: &'static str,
    /// The name of a unit of it: "character", "frame".
    pub unit: &'static str,
    /// The training data.
    pub train: DataSize,
    /// The validation data.
    pub validation: DataSize,
    /// The model's inputs and outputs: "83 symbols", "frames of 40 numbers, one of 10 classes".
    pub maps: String,
    /// Characters that the validation's units stand for, the end of a piece counted as one, where units are pieces of text.
    pub characters: Option<usize>,
}

/// The size of some data.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DataSize {
    /// Examples: tunes, texts, pictures.
    pub examples: usize,
    /// Units in them: tokens, frames.
    pub units: usize,
}
