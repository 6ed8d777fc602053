//! Learn from sequences: train, generate, evaluate.

pub mod atomic;
pub mod checkpoint;
pub mod corpus;
pub mod error;
pub mod evaluate;
pub mod generate;
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
pub mod train;
pub mod trained;
pub mod weights;

pub use anaphora_data as data;
pub use anaphora_music as music;
pub use anaphora_nn::Device;
pub use error::{Error, Result};
pub use recipe::Recipe;
pub use run::Run;
