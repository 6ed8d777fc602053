//! What the training loop turns: a task's data and its model, seen from outside.

use std::ops::ControlFlow;

use anaphora_nn::{Params, Start};
use serde_json::Value;

use super::{Event, Observer};
use crate::model::{Backward, Compute};
use crate::recipe::{Input, Recipe, Task};
use crate::run::assets::Assets;
use crate::run::weights::NamedTensor;
use crate::{Error, Result};

/// A task with its data and its model. Each kind of task has one; the training loop knows them by this alone.
pub trait Learner {
    /// What it is; never [`Task::Auto`].
    fn task(&self) -> Task;

    /// What examples are read as, where the data decide it.
    fn input(&self) -> Option<Input> {
        None
    }

    /// What is learnt from, held out and predicted.
    fn describe(&self) -> Description;

    /// The weights.
    fn params(&self) -> &Params;

    /// The weights, for an optimizer's step.
    fn params_mut(&mut self) -> &mut Params;

    /// Passes over the data done, as a fraction.
    fn progress(&self) -> f64;

    /// Draws the next batch and adds the gradients of its mean loss, weighted, to those of `backward`.
    fn learn(&mut self, backward: &mut Backward) -> Result<BatchLoss>;

    /// Scores the model on what is held out.
    fn validate(&mut self, compute: &mut Compute) -> Result<Validation>;

    /// Where it stands in the data, for a checkpoint.
    fn position(&self) -> Value;

    /// What it carries from batch to batch, for a checkpoint.
    fn carried(&self) -> Vec<NamedTensor<'_>> {
        Vec::new()
    }

    /// Goes to where [`Learner::position`] and [`Learner::carried`] were taken.
    fn resume(&mut self, position: Value, carried: &[NamedTensor]) -> Result<()>;
}

/// What a task opens its learner with.
pub struct Opening<'a> {
    /// What is to be learnt.
    pub recipe: &'a Recipe,
    /// What is made of the data for the run folder.
    pub assets: &'a mut Assets,
    /// Hears what was passed over, and how far the model is.
    pub observer: &'a mut Observer<'a>,
}

impl Opening<'_> {
    /// Tells what a person should know.
    pub fn note(&mut self, note: &str) {
        // Whoever breaks at a note is asked again before anything takes long.
        let _ = (self.observer)(&Event::Note(note));
    }

    /// Makes the model that is to learn: with random weights that follow from the recipe's seed.
    ///
    /// # Errors
    /// [`Error::Stopped`] where the observer breaks meanwhile.
    pub fn model<M>(&mut self, make: impl FnOnce(Start) -> M) -> Result<M> {
        let training = &self.recipe.training;
        let (observer, mut going) = (&mut self.observer, ControlFlow::Continue(()));
        let start = Start::random(training.seed.into()).threads(training.threads);
        let model = make(start.observed(|done, total| {
            going = observer(&Event::Preparing { done, total });
            going
        }));
        if going.is_break() { Err(Error::Stopped) } else { Ok(model) }
    }
}

/// What a batch came to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BatchLoss {
    /// Its mean loss.
    pub loss: f32,
    /// Units in it: tokens or frames.
    pub units: usize,
}

/// What a validation came to.
#[derive(Clone, Debug, PartialEq)]
pub struct Validation {
    /// Mean loss.
    pub loss: f64,
    /// What the best model is chosen by, the less the better: the loss, or one less an accuracy.
    pub cost: f64,
    /// Other scores with their names.
    pub scores: Vec<(&'static str, f64)>,
}

impl Validation {
    /// A validation that knows its loss alone.
    pub fn of_loss(loss: f64) -> Self {
        Self { loss, cost: loss, scores: Vec::new() }
    }
}

/// What a training consists of, for an onlooker.
#[derive(Clone, Debug, PartialEq)]
pub struct Description {
    /// What an example is called: "tune", "text", "sentence pair".
    pub example: &'static str,
    /// What it is made of: "character", "frame".
    pub unit: &'static str,
    /// What is learnt.
    pub train: DataSize,
    /// What is held out.
    pub validation: DataSize,
    /// What the model reads and predicts: "83 symbols", "frames of 40 numbers, one of 10 classes".
    pub maps: String,
    /// Characters that the validation's units stand for, the end of a piece counted as one, where units are pieces of text.
    pub characters: Option<usize>,
}

/// The size of some data.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DataSize {
    /// Examples: tunes, texts, pictures.
    pub examples: usize,
    /// Units that they are made of: tokens, frames.
    pub units: usize,
}
