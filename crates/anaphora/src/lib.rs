//! Learn from sequences: train, generate, predict, evaluate.
//!
//! A model that learns tunes and writes new ones, in a dozen lines:
//!
//! ```
//! use anaphora::decoding::GenerateOptions;
//! use anaphora::model::Compute;
//! use anaphora::recipe::Builtin;
//! use anaphora::tasks::language::{Generator, evaluate};
//! use anaphora::{Device, Recipe};
//! use std::ops::ControlFlow::{Break, Continue};
//!
//! # fn main() -> anaphora::Result<()> {
//! # let folder = tempfile::tempdir().unwrap();
//! # let run = folder.path().join("tunes");
//! let mut recipe = Recipe::default();
//! recipe.data.builtin = Some(Builtin::Tunes); // or recipe.data.train = Some("tunes.abc".into())
//! recipe.model.hidden_size = 32;
//! recipe.training.steps = Some(20);
//! let outcome = anaphora::train(&recipe, &run, &mut |event| {
//!     println!("{event:?}");
//!     if std::path::Path::new("stop").exists() { Break(()) } else { Continue(()) }
//! })?;
//! assert_eq!(outcome.steps, 20);
//!
//! let mut compute = Compute::new(Device::auto());
//! let generator = Generator::open(&run, compute.device.precision())?;
//! let options = GenerateOptions { prompts: vec!["X:1\n".into()], tokens: 50, ..GenerateOptions::default() };
//! println!("{}", generator.generate(&mut compute, &options, &mut |_| Continue(()))?[0].text);
//! println!("{:.3} nats a character", evaluate(&run, None, &mut compute)?.loss);
//! # Ok(())
//! # }
//! ```
//!
//! A [`Recipe`] is everything that defines a training; a [`Run`] is the folder that it leaves. The `anaphora` program
//! is these functions with arguments and a progress line.
//!
//! The rooms, from the bottom up; none imports one below it in this list:
//!
//! | room | what is in it |
//! |---|---|
//! | [`recipe`] | what can be asked for: each field, its defaults, what goes together |
//! | [`model`] | models composed of layers, and what they compute on |
//! | [`decoding`] | from logits to tokens: sampling, beam search |
//! | [`metrics`] | how good predictions are |
//! | [`run`] | the run folder: weights, checkpoints, logs, assets |
//! | [`plot`] | pictures, and runs compared |
//! | [`training`] | the loop, its schedule, resuming; knows a task as a `Learner` only |
//! | [`inspect`] | what happens inside a model, as named arrays |
//! | [`tasks`] | how raw data become examples, what is predicted, how it is scored |
//! | [`interop`] | other programs' formats |
//! | [`lecture`] | what a lecture on sequence models states, tried |

pub mod decoding;
pub mod error;
pub mod inspect;
pub mod interop;
pub mod lecture;
pub mod metrics;
pub mod model;
pub mod plot;
pub mod recipe;
pub mod run;
pub mod tasks;
pub mod training;

use std::ops::ControlFlow;
use std::path::Path;

pub use anaphora_nn::{Device, Precision};
pub use error::{Error, Result};
pub use recipe::Recipe;
pub use run::Run;

use run::assets::Assets;
use training::{Budget, Description, Event, Opening, Outcome, Preparation, Shown};

/// Trains as `recipe` says into the new run folder `folder`. `observer` receives each event, and its `Break` ends the
/// training, saved so that it can be resumed.
///
/// # Errors
/// A recipe that is refused ([`Error::Recipe`]), a folder that holds a run or other files ([`Error::RunExists`],
/// [`Error::FolderInUse`]) or is locked by another process, data that cannot be read or used, a break before there is a
/// training to save ([`Error::Stopped`]), and a training that diverges in spite of lower rates ([`Error::Diverged`]).
pub fn train(
    recipe: &Recipe,
    folder: &Path,
    observer: &mut dyn FnMut(&Event) -> ControlFlow<()>,
) -> Result<Outcome> {
    let observer = &mut once_broken(observer);
    let mut preparation = Preparation::new(recipe, folder)?;
    let (recipe, assets) = (&preparation.recipe, &mut preparation.assets);
    let learner = tasks::learner(&mut Opening { recipe, assets, observer, restored: false, examples: None })?;
    preparation.recipe.data.decimal = tasks::decimal(recipe, &*learner);
    preparation.begin(learner)?.run(observer)
}

/// What a training as `recipe` says would learn from, seen without training.
#[derive(Debug)]
pub struct Prospect {
    /// The recipe, with what the data decide.
    pub recipe: Recipe,
    /// The training data, the validation data and the prediction, in words and numbers.
    pub data: Description,
    /// Numbers in the model.
    pub parameters: usize,
    /// Some of the training data; of a series its beginning.
    pub examples: Vec<Shown>,
    /// What reading them gave to say, a clause each.
    pub notes: Vec<String>,
    /// The kind of input that examples are read as, where the data decide it.
    input: Option<recipe::Input>,
}

impl Prospect {
    /// Whether the training would read a field of its recipe.
    pub fn reads(&self, field: &recipe::Field) -> bool {
        let mut recipe = self.recipe.clone();
        // Data made by rule have one kind of example.
        if let Some(input) = self.input.filter(|_| recipe.data.builtin.is_none()) {
            recipe.data.input = input;
        }
        recipe.reads(field)
    }
}

/// Reads what a training as `recipe` says would learn from, as it would, and makes no run. `folder` takes files that are large and is
/// left with them: a temporary one, that is not there or is empty. `observer` may break while data are read.
///
/// # Errors
/// As [`train`], up to its first step.
pub fn look(
    recipe: &Recipe,
    folder: &Path,
    observer: &mut dyn FnMut(&Event) -> ControlFlow<()>,
) -> Result<Prospect> {
    let (mut notes, mut examples) = (Vec::new(), Vec::new());
    let mut preparation = Preparation::new(recipe, folder)?;
    let mut stop = ControlFlow::Continue(());
    let noting = &mut |event: &Event| {
        if let Event::Note(note) = event {
            notes.push((*note).to_owned());
        }
        if stop.is_continue() {
            stop = observer(event);
        }
        stop
    };
    // Weights that are to be loaded take no memory before.
    let opening = &mut Opening {
        recipe: &preparation.recipe,
        assets: &mut preparation.assets,
        observer: noting,
        restored: true,
        examples: Some(&mut examples),
    };
    let learner = tasks::learner(opening)?;
    if stop.is_break() {
        return Err(Error::Stopped);
    }
    preparation.recipe.data.decimal = tasks::decimal(&preparation.recipe, &*learner);
    preparation.complete(&*learner)?;
    training::refuse_memory(&*learner, &preparation.recipe, 0)?;
    // A run keeps the precision of its machine.
    preparation.recipe.training.precision = recipe.training.precision;
    let (data, parameters, input) = (learner.describe(), learner.params().len(), learner.input());
    if learner.task() == recipe::Task::Music {
        notes.extend(tasks::language::problems(&preparation.recipe.data)?);
    }
    Ok(Prospect { recipe: preparation.recipe, data, parameters, examples, notes, input })
}

/// Trains as [`train`] does, from the weights of the run `from`, whose tokenizer, classes and the like are taken over. A recipe to
/// begin with is [`Recipe::to_go_on`] of that run's.
///
/// # Errors
/// As [`train`]; `from` is no run ([`Error::NotARun`]) or has no model yet ([`Error::NoModel`]), does another task or has a model of
/// other sizes ([`Error::Weights`]), or its model does not know what stands in the data.
pub fn fine_tune(
    recipe: &Recipe,
    from: &Path,
    folder: &Path,
    observer: &mut dyn FnMut(&Event) -> ControlFlow<()>,
) -> Result<Outcome> {
    let observer = &mut once_broken(observer);
    let source = Run::open(from)?;
    let mut preparation = Preparation::new(recipe, folder)?.from(&source)?;
    let (recipe, assets) = (&preparation.recipe, &mut preparation.assets);
    let mut learner =
        tasks::learner(&mut Opening { recipe, assets, observer, restored: true, examples: None })?;
    source.load_weights(learner.params_mut(), None)?;
    preparation.recipe.data.decimal = tasks::decimal(recipe, &*learner);
    preparation.begin(learner)?.run(observer)
}

/// Resumes the training of a run folder from its newest sound checkpoint; `observer` as for [`train`]. Without a `budget` it ends as
/// if it had never been stopped, with the same bits; with one it goes on for that, also where it had ended.
///
/// # Errors
/// A folder that is no run, or an imported model ([`Error::NotARun`], [`Error::Imported`]), a run that another process
/// trains ([`Error::RunLocked`]), data that have changed ([`Error::DataChanged`]); otherwise as [`train`].
pub fn resume(
    folder: &Path,
    budget: Budget,
    observer: &mut dyn FnMut(&Event) -> ControlFlow<()>,
) -> Result<Outcome> {
    let observer = &mut once_broken(observer);
    let run = Run::resume(folder)?;
    let recipe = run.recipe()?;
    let there = Recipe { data: run.data(&recipe.data)?, ..recipe.clone() };
    let (recipe_there, assets) = (&there, &mut Assets::of(folder));
    // Notes on skipped data were passed on when the run began.
    let quiet = &mut |event: &Event| match event {
        Event::Note(_) => ControlFlow::Continue(()),
        event => observer(event),
    };
    let latest = run.checkpoints().latest_valid()?;
    let restored = latest.checkpoint.is_some();
    let opening = &mut Opening { recipe: recipe_there, assets, observer: quiet, restored, examples: None };
    let learner = tasks::learner(opening)?;
    training::resume(run, recipe, learner, latest, budget, &mut |event| _ = observer(event))?.run(observer)
}

/// An observer that breaks at every event after the first at which `observer` does: a training that is stopped while
/// its data are read ends as it begins.
fn once_broken(observer: &mut dyn FnMut(&Event) -> ControlFlow<()>) -> impl FnMut(&Event) -> ControlFlow<()> {
    let mut stop = ControlFlow::Continue(());
    move |event| {
        let answer = observer(event);
        if answer.is_break() {
            stop = answer;
        }
        stop
    }
}
