//! Learn from sequences: train, generate, evaluate.

pub mod atomic;
pub mod bench;
pub mod checkpoint;
pub mod corpus;
pub mod error;
pub mod metrics;
pub mod model;
pub mod plot;
pub mod recipe;
pub mod run;
pub mod sampling;
pub mod schedule;
#[cfg(test)]
mod small_disk;
pub mod tensorboard;
pub mod weights;

pub use error::{Error, Result};
pub use recipe::Recipe;
pub use run::Run;
