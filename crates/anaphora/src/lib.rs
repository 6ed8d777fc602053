//! Learn from sequences: train, generate, predict, evaluate.
//!
//! A model that learns tunes and writes new ones, in a dozen lines:
//!
//! ```
//! use anaphora::recipe::Builtin;
//! use anaphora::tasks::language::{GenerateOptions, Generator, evaluate};
//! use anaphora::{Device, Recipe};
//! use std::sync::atomic::AtomicBool;
//!
//! # fn main() -> anaphora::Result<()> {
//! # let folder = tempfile::tempdir().unwrap();
//! # let run = folder.path().join("tunes");
//! let mut recipe = Recipe::default();
//! recipe.data.builtin = Some(Builtin::Tunes); // or recipe.data.train = Some("tunes.abc".into())
//! recipe.model.hidden_size = 32;
//! recipe.training.steps = Some(20);
//! let never = AtomicBool::new(false);
//! let outcome = anaphora::train(&recipe, &run, &never, &mut |event| println!("{event:?}"))?;
//! assert_eq!(outcome.steps, 20);
//!
//! let mut generator = Generator::open(&run, Device::auto())?;
//! let options = GenerateOptions { prompts: vec!["X:1\n".into()], tokens: 50, ..GenerateOptions::default() };
//! println!("{}", generator.generate(&options, &mut |_| {})?[0].text);
//! println!("{:.3} nats a character", evaluate(&run, None, &Device::auto())?.loss);
//! # Ok(())
//! # }
//! ```
//!
//! A [`Recipe`] is everything that defines a training; a [`Run`] is the folder that it leaves. The `anaphora` program is these
//! functions with arguments and a progress line.
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
//! | [`tasks`] | how raw data become examples, what is predicted, how it is scored |
//! | [`interop`] | other programs' formats |

pub mod decoding;
pub mod error;
pub mod interop;
pub mod metrics;
pub mod model;
pub mod plot;
pub mod recipe;
pub mod run;
pub mod tasks;
pub mod training;

use std::path::Path;
use std::sync::atomic::AtomicBool;

pub use anaphora_nn::{Device, Precision};
pub use error::{Error, Result};
pub use recipe::Recipe;
pub use run::Run;

use run::assets::Assets;
use training::{Event, Outcome, Preparation};

/// Trains as `recipe` says into the new run folder `folder`. `stop` is looked at after every step.
pub fn train(
    recipe: &Recipe,
    folder: &Path,
    stop: &AtomicBool,
    observer: &mut dyn FnMut(&Event),
) -> Result<Outcome> {
    let mut preparation = Preparation::new(recipe, folder)?;
    let note = &mut |note: &str| observer(&Event::Note(note));
    let learner = tasks::learner(&preparation.recipe, &mut preparation.assets, note)?;
    preparation.begin(learner)?.run(stop, observer)
}

/// Goes on with the training of a run folder from its newest sound checkpoint.
pub fn resume(folder: &Path, stop: &AtomicBool, observer: &mut dyn FnMut(&Event)) -> Result<Outcome> {
    let run = Run::resume(folder)?;
    let recipe = run.recipe()?;
    let there = Recipe { data: run.data(&recipe.data)?, ..recipe.clone() };
    let learner = tasks::learner(&there, &mut Assets::of(folder), &mut |_| {})?;
    training::resume(run, recipe, learner, observer)?.run(stop, observer)
}
