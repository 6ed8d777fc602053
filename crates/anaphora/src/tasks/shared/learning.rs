//! Learning from whole examples: the part of a training that such tasks share.

use anaphora_data::{BatchSize, Batches, Packed, Place};
use anaphora_nn::{Params, ShapeError};
use serde_json::{Value, json};

use crate::model::{Backward, Compute, EncoderDecoder, PairBatch, SequenceModel, Targets, Teaching};
use crate::recipe::{Input, Recipe, Task, Training};
use crate::run::weights::{self, NamedTensor};
use crate::training::{BatchLoss, DataSize, Description, Learner, Validation};
use crate::{Error, Result};

/// A model that learns from batches of whole examples.
pub trait ExampleModel: Send + Sync {
    /// Examples and targets as the model reads them.
    type Batch;

    /// The weights.
    fn params(&self) -> &Params;

    /// The weights, for an optimizer's step.
    fn params_mut(&mut self) -> &mut Params;

    /// Adds the gradients of a batch; see [`Learner::learn`].
    fn learn(&self, backward: &mut Backward, batch: Self::Batch) -> Result<BatchLoss, ShapeError>;
}

impl ExampleModel for SequenceModel {
    type Batch = (Packed, Targets);

    fn params(&self) -> &Params {
        self.params()
    }

    fn params_mut(&mut self) -> &mut Params {
        self.params_mut()
    }

    fn learn(
        &self,
        backward: &mut Backward,
        (packed, targets): Self::Batch,
    ) -> Result<BatchLoss, ShapeError> {
        Ok(BatchLoss { loss: self.learn(backward, &packed, &targets)?, units: packed.units() })
    }
}

impl ExampleModel for EncoderDecoder {
    type Batch = (PairBatch, Teaching);

    fn params(&self) -> &Params {
        self.params()
    }

    fn params_mut(&mut self) -> &mut Params {
        self.params_mut()
    }

    fn learn(
        &self,
        backward: &mut Backward,
        (batch, teaching): Self::Batch,
    ) -> Result<BatchLoss, ShapeError> {
        let units = batch.tokens();
        Ok(BatchLoss { loss: self.learn(backward, batch, teaching)?, units })
    }
}

/// The data, described in words.
pub struct Words {
    /// The name of an example.
    pub example: &'static str,
    /// The name of a step.
    pub unit: &'static str,
    /// Inputs and outputs, in words.
    pub maps: String,
}

/// What a task provides for a training on whole examples.
pub trait Lesson {
    /// Encoded examples.
    type Encoded;
    /// The model.
    type Model: ExampleModel;

    /// The task.
    fn task(&self) -> Task;

    /// The kind of input that examples are read as, where the data decide it.
    fn input(&self) -> Option<Input> {
        None
    }

    /// Writes into the recipe what the data decided of it.
    fn complete(&self, _recipe: &mut Recipe) {}

    /// The length of each example, in units of a batch.
    fn lengths(&self, examples: &Self::Encoded) -> Vec<usize>;

    /// The size of the data: by default, their number and the sum of their lengths.
    fn size(&self, examples: &Self::Encoded) -> DataSize {
        let lengths = self.lengths(examples);
        DataSize { examples: lengths.len(), units: lengths.iter().sum() }
    }

    /// The data, described in words.
    fn describe(&self) -> Words;

    /// Some examples as the model takes them. What is random in them follows from their place in the training.
    fn batch(
        &self,
        examples: &Self::Encoded,
        batch: &[usize],
        place: Place,
    ) -> <Self::Model as ExampleModel>::Batch;

    /// Scores the model on the validation data.
    fn validate(
        &self,
        model: &Self::Model,
        compute: &mut Compute,
        examples: &Self::Encoded,
    ) -> Result<Validation>;

    /// The weights to keep of a model with such a result.
    fn kept<'a>(&self, model: &'a Self::Model, _validation: &Validation) -> Vec<NamedTensor<'a>> {
        weights::tensors(model.params())
    }
}

/// A training on whole examples.
pub struct Learning<L: Lesson> {
    lesson: L,
    model: L::Model,
    train: L::Encoded,
    validation: L::Encoded,
    batches: Batches,
}

impl<L: Lesson> Learning<L> {
    /// A training before its first step.
    pub fn new(
        lesson: L,
        model: L::Model,
        [train, validation]: [L::Encoded; 2],
        training: &Training,
    ) -> Result<Self> {
        let batches = batches(lesson.lengths(&train), training)?;
        Ok(Self { lesson, model, train, validation, batches })
    }
}

impl<L: Lesson> Learner for Learning<L> {
    fn task(&self) -> Task {
        self.lesson.task()
    }

    fn input(&self) -> Option<Input> {
        self.lesson.input()
    }

    fn complete(&self, recipe: &mut Recipe) {
        self.lesson.complete(recipe);
    }

    fn describe(&self) -> Description {
        let Words { example, unit, maps } = self.lesson.describe();
        let [train, validation] = [&self.train, &self.validation].map(|part| self.lesson.size(part));
        Description { example, unit, train, validation, maps, characters: None }
    }

    fn params(&self) -> &Params {
        self.model.params()
    }

    fn params_mut(&mut self) -> &mut Params {
        self.model.params_mut()
    }

    fn progress(&self) -> f64 {
        self.batches.progress()
    }

    fn learn(&mut self, backward: &mut Backward) -> Result<BatchLoss> {
        let place = self.batches.place();
        let batch = self.lesson.batch(&self.train, &self.batches.next_batch(), place);
        Ok(self.model.learn(backward, batch)?)
    }

    fn validate(&mut self, compute: &mut Compute) -> Result<Validation> {
        self.lesson.validate(&self.model, compute, &self.validation)
    }

    fn kept(&self, validation: &Validation) -> Vec<NamedTensor<'_>> {
        self.lesson.kept(&self.model, validation)
    }

    fn position(&self) -> Value {
        json!(self.batches.place())
    }

    fn resume(&mut self, position: Value, _: &[NamedTensor]) -> Result<()> {
        let place: Place = serde_json::from_value(position).map_err(malformed_position)?;
        Ok(self.batches.resume(place)?)
    }
}

/// Batches of examples of such lengths.
fn batches(lengths: Vec<usize>, training: &Training) -> Result<Batches> {
    let size = match training.batch_units {
        Some(units) => BatchSize::Units(units),
        None => BatchSize::Examples(training.batch),
    };
    Ok(Batches::new(lengths, size, training.seed.into())?)
}

/// The error of a checkpoint without a position in the data.
pub fn malformed_position(reason: impl std::fmt::Display) -> Error {
    Error::Malformed { path: "checkpoints".into(), reason: reason.to_string() }
}
