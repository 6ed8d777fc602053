//! Learn from sequences: train, generate, evaluate.
//!
//! A model that learns tunes and writes new ones, in a dozen lines:
//!
//! ```
//! use anaphora::generate::{GenerateOptions, Generator};
//! use anaphora::recipe::Builtin;
//! use anaphora::{Device, Recipe, evaluate, train};
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
//! let outcome = train::train(&recipe, &run, &never, &mut |event| println!("{event:?}"))?;
//! assert_eq!(outcome.steps, 20);
//!
//! let mut generator = Generator::open(&run, Device::auto())?;
//! let options = GenerateOptions { prompts: vec!["X:1\n".into()], tokens: 50, ..GenerateOptions::default() };
//! println!("{}", generator.generate(&options, &mut |_| {})?[0].text);
//! println!("{:.3} nats a character", evaluate::evaluate(&run, None, &Device::auto())?.loss);
//! # Ok(())
//! # }
//! ```
//!
//! A [`Recipe`] is everything that defines a training; a [`Run`] is the folder that it leaves. The `anaphora` program is these
//! functions with arguments and a progress line.

pub mod assets;
pub mod atomic;
pub mod beam;
pub mod bench;
pub mod checkpoint;
pub mod compare;
pub mod compose;
pub mod corpus;
pub mod error;
pub mod evaluate;
pub mod generate;
pub mod huggingface;
pub mod learner;
pub mod metrics;
pub mod model;
mod notes;
pub mod plot;
pub mod recipe;
pub mod run;
pub mod sampling;
pub mod schedule;
pub mod scores;
#[cfg(test)]
mod small_disk;
pub mod tasks;
pub mod tensorboard;
pub mod train;
pub mod trained;
pub mod weights;

pub use anaphora_nn::{Device, Precision};
pub use error::{Error, Result};
pub use recipe::Recipe;
pub use run::Run;
