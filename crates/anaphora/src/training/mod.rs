//! Training: the loop and its state, which a checkpoint keeps.
//!
//! A step is a function of the weights, the optimizer's state, the position in the data and the step's number; all four are
//! in a checkpoint, so a training that was killed and resumed ends with the same bits as an uninterrupted one.

mod learner;
mod means;
mod memory;
mod optimizer;
mod saved;
pub mod schedule;
mod trainer;

use std::collections::BTreeMap;
use std::num::NonZero;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anaphora_data::error::counted;
use anaphora_nn::{Device, Precision};
use serde_json::{Map, Value, json};

pub use self::learner::{BatchLoss, DataSize, Description, Learner, Network, Opening, Shown, Validation};
pub use self::trainer::Trainer;
use crate::recipe::{self, Recipe, Task};
use crate::run::assets::Assets;
use crate::run::checkpoint::Latest;
use crate::run::{ARITHMETIC, NewFolder, Run, RunInfo, Score, Source};
use crate::{Error, Result};

/// Receives the events of a training; if it breaks, the training is saved and ends.
pub type Observer<'a> = dyn FnMut(&Event) -> ControlFlow<()> + 'a;

/// An event of a training, for its observer.
#[derive(Clone, Debug, PartialEq)]
pub enum Event<'a> {
    /// The model's weights are being initialised.
    Preparing {
        /// Weights initialised so far.
        done: usize,
        /// All weights.
        total: usize,
    },
    /// Training begins or is resumed.
    Started(Setup<'a>),
    /// An optimizer step is done.
    Step(Step),
    /// The model was scored on the validation pieces.
    Validated {
        /// Optimizer steps done.
        step: u64,
        /// Its scores.
        validation: &'a Validation,
        /// Whether it is the best so far.
        best: bool,
    },
    /// A note for the user.
    Note(&'a str),
}

impl Event<'_> {
    /// The event as an object for programs; none of a progress that is told again and again.
    pub fn to_json(&self) -> Option<Value> {
        Some(match self {
            Self::Preparing { .. } => return None,
            Self::Started(start) => json!({
                "event": "started",
                "run": start.folder,
                "task": start.task,
                "examples": { "train": start.data.train.examples, "validation": start.data.validation.examples },
                "units": { "train": start.data.train.units, "validation": start.data.validation.units },
                "unit": start.data.unit,
                "maps": start.data.maps,
                "parameters": start.parameters,
                "precision": start.precision,
                "threads": start.threads,
                "step": start.step,
            }),
            Self::Step(step) => json!({
                "event": "step",
                "step": step.step,
                "end": step.end,
                "epoch": step.epoch,
                "loss": step.loss,
                "learning_rate": step.learning_rate,
                "tokens_per_second": step.tokens_per_second,
                "seconds": step.seconds,
                "remaining": step.remaining.map(|remaining| remaining.as_secs_f64()),
            }),
            Self::Validated { step, validation, best } => {
                let scores = validation.scores.iter().map(|&(name, score)| (name.into(), json!(score)));
                json!({
                    "event": "validated",
                    "step": step,
                    "loss": validation.loss,
                    "scores": scores.collect::<Map<String, Value>>(),
                    "criterion": validation.criterion().0,
                    "best": best,
                })
            }
            Self::Note(text) => json!({ "event": "note", "text": text }),
        })
    }
}

/// The setup of a training.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Setup<'a> {
    /// The run folder.
    pub folder: &'a Path,
    /// The recipe in use.
    pub recipe: &'a Recipe,
    /// The task; never [`Task::Auto`].
    pub task: Task,
    /// The data.
    pub data: &'a Description,
    /// Numbers in the model.
    pub parameters: usize,
    /// The number format of products.
    pub precision: &'static str,
    /// Threads.
    pub threads: usize,
    /// Optimizer steps done before.
    pub step: u64,
}

/// The state of a training after a step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Step {
    /// Optimizer steps done.
    pub step: u64,
    /// The last step, if the recipe sets it.
    pub end: Option<u64>,
    /// Passes over the data done.
    pub epoch: f64,
    /// Mean training loss of the step.
    pub loss: f32,
    /// Learning rate of the step.
    pub learning_rate: f64,
    /// Units (tokens, frames) learnt a second since the training started or was resumed, validations left out.
    pub tokens_per_second: f64,
    /// Seconds of training so far, over all resumptions.
    pub seconds: f64,
    /// The time until the recipe's budget is used up; early stopping may end it before.
    pub remaining: Option<Duration>,
}

/// How much further a training is to go; what ends first ends it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Budget {
    /// Optimizer steps.
    pub steps: Option<u64>,
    /// Passes over the data.
    pub epochs: Option<f64>,
    /// Minutes.
    pub minutes: Option<f64>,
}

/// How a training ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// The recipe's steps, epochs or minutes are used up.
    Budget,
    /// The validation loss no longer falls.
    NoProgress,
    /// It was asked to stop; it can be resumed.
    Stopped,
}

/// The result of a training.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// Optimizer steps done.
    pub steps: u64,
    /// The best validation, whose weights are the run's model.
    pub best: Option<Score>,
    /// Why training ended.
    pub ended: Ended,
    /// Seconds of training, over all resumptions.
    pub seconds: f64,
}

/// A training about to begin: its recipe is complete, its folder exists, its data are not read yet.
pub struct Preparation {
    /// The recipe, complete but for the fields that the data decide.
    pub recipe: Recipe,
    /// Files made from the data, for the run folder.
    pub assets: Assets,
    folder: NewFolder,
    from: Option<PathBuf>,
}

impl Preparation {
    /// Checks the recipe and that each set field is read, and makes the folder, so that large data can be written there
    /// while read.
    pub fn new(recipe: &Recipe, folder: &Path) -> Result<Self> {
        recipe.validate()?;
        recipe.refuse_unread()?;
        let mut recipe = recipe.clone();
        // A run keeps its precision, also on another machine.
        if recipe.training.precision == recipe::Precision::Auto {
            let pairs = Precision::auto() == Precision::Bf16;
            recipe.training.precision = if pairs { recipe::Precision::Bf16 } else { recipe::Precision::F32 };
        }
        if recipe.task.continues() && recipe.model.backbone == recipe::Backbone::Transformer {
            recipe.model.context.get_or_insert(recipe.training.length);
        }
        let folder = NewFolder::prepare(folder)?;
        Ok(Self { assets: Assets::new(folder.path()), recipe, folder, from: None })
    }

    /// To begin with what `source` has learnt.
    pub fn from(mut self, source: &Run) -> Result<Self> {
        let (wanted, known) = (self.recipe.task, source.info().task);
        if wanted != known {
            return Err(Error::OtherTask { path: source.path().to_owned(), task: known, wanted });
        }
        let from = source.path();
        if !source.model_path().exists() {
            return Err(Error::NoModel(from.to_owned()));
        }
        self.assets = Assets::from(from, self.folder.path());
        self.from = Some(from.canonicalize().map_err(Error::io("read", from))?);
        Ok(self)
    }

    /// Completes the recipe by what the data decided, and refuses what turns out not to be possible.
    pub fn complete(&mut self, learner: &dyn Learner) -> Result<()> {
        self.recipe.task = learner.task();
        learner.complete(&mut self.recipe);
        refuse_unread(learner, &self.recipe)?;
        refuse_no_validation(learner, &self.recipe)
    }

    /// Makes the run once the learner has read its data.
    pub fn begin(mut self, learner: Box<dyn Learner>) -> Result<Trainer> {
        self.complete(&*learner)?;
        let Self { mut recipe, assets, folder, from } = self;
        refuse_memory(&*learner, &recipe, size_of_val(learner.params().values()) as u64)?;
        let mut sources = BTreeMap::new();
        for (field, path) in recipe.data.paths_mut() {
            if let Some(path) = path {
                sources.insert(field.to_owned(), Source::of(path)?);
            }
        }
        let info = RunInfo::new(learner.task(), sources, learner.params().len() as u64);
        let info = RunInfo { from, input: learner.input(), ..info };
        let run = folder.create(&recipe, assets.made(), info)?;
        Ok(Trainer::new(run, recipe, learner, None))
    }
}

/// Refuses a field that is set and turns out not to be read, now that the data are known.
fn refuse_unread(learner: &dyn Learner, recipe: &Recipe) -> Result<()> {
    let mut recipe = recipe.clone();
    // Data made by rule have one kind of example.
    if let Some(input) = learner.input().filter(|_| recipe.data.builtin.is_none()) {
        recipe.data.input = input;
    }
    Ok(recipe.refuse_unread()?)
}

/// Refuses a training without validation, which could not tell its best model.
fn refuse_no_validation(learner: &dyn Learner, recipe: &Recipe) -> Result<()> {
    let Description { example, train, validation, .. } = learner.describe();
    if validation.examples == 0 || validation.units == 0 {
        let fraction = recipe.data.validation_fraction;
        return Err(Error::NoValidation { example, train: train.examples, fraction });
    }
    Ok(())
}

/// Refuses a training that needs more memory than there is, now that its data and its model are known; `taken` bytes of it are taken
/// already.
pub(crate) fn refuse_memory(learner: &dyn Learner, recipe: &Recipe, taken: u64) -> Result<()> {
    let (params, train, training) = (learner.params(), learner.describe().train, &recipe.training);
    let units = match training.batch_units {
        Some(units) => units as f64,
        None if recipe.task.continues() => (training.batch * training.length) as f64,
        None => training.batch as f64 * train.units as f64 / train.examples.max(1) as f64,
    };
    memory::refuse_too_large(recipe, params.len(), taken, units)
}

/// Resumes a run opened for training: restores its learner from the newest sound checkpoint, which is `latest`. With a `budget` it
/// goes on for that, also where it had ended.
pub fn resume(
    run: Run,
    recipe: Recipe,
    learner: Box<dyn Learner>,
    latest: Latest,
    budget: Budget,
    observer: &mut dyn FnMut(&Event),
) -> Result<Trainer> {
    let (made, known) = (learner.params().len() as u64, run.info().parameters);
    if made != known {
        let what = format!("its recipe.toml and tokenizers make a model of {made} parameters");
        let reason = format!("{what} where the run has {known}; restore the files that it began with");
        return Err(Error::Malformed { path: run.path().to_owned(), reason });
    }
    refuse_memory(&*learner, &recipe, size_of_val(learner.params().values()) as u64)?;
    if run.info().arithmetic != ARITHMETIC {
        let note = "an earlier version wrote this run, whose arithmetic rounded otherwise: from here on its weights differ in their \
                    last digits from those that version would have come to";
        observer(&Event::Note(note));
    }
    let mut trainer = Trainer::new(run, recipe, learner, Some(0));
    for damaged in &latest.damaged {
        observer(&Event::Note(&damaged.to_string()));
    }
    if let Some((_, checkpoint)) = latest.checkpoint {
        trainer.restore(checkpoint)?;
        trainer.resumed = Some(trainer.step);
    }
    if budget != Budget::default() {
        trainer.extend(budget)?;
    }
    Ok(trainer)
}

/// The threads that `asked` means on this machine, 0 for one a core, and a note where they are fewer: those beyond the cores would wait
/// for one another at every barrier. Results do not depend on it.
pub fn threads(asked: usize) -> (usize, Option<String>) {
    let cores = std::thread::available_parallelism().map_or(asked, NonZero::get);
    if asked <= cores {
        return (asked, None);
    }
    let (threads, has) = (counted(asked, "thread"), counted(cores, "core"));
    (cores, Some(format!("{threads} are asked for, and {cores} work: this machine has {has}")))
}

/// The device for the model of a run that is there, with so many threads as [`threads`] has them and a note likewise; the precision is
/// that of the training where none is asked for.
///
/// # Errors
/// As [`Run::recipe`].
pub fn device(run: &Run, asked: usize, numbers: Option<Precision>) -> Result<(Device, Option<String>)> {
    let of_training = || run.recipe().map(|recipe| precision(recipe.training.precision));
    let numbers = numbers.map_or_else(of_training, Ok)?;
    let (threads, note) = threads(asked);
    Ok((Device::new(threads, numbers), note))
}

/// The precision that a recipe asks for on this machine.
pub fn precision(precision: recipe::Precision) -> Precision {
    match precision {
        recipe::Precision::Auto => Precision::auto(),
        recipe::Precision::F32 => Precision::F32,
        recipe::Precision::Bf16 => Precision::Bf16,
    }
}

impl Ended {
    /// The reason, as written in a run folder.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Budget => "the budget of the recipe was used up",
            Self::NoProgress => "the validation loss no longer fell",
            Self::Stopped => "it was stopped",
        }
    }
}
