//! Decoding: from a model's logits to tokens and text, by sampling or by search.
//!
//! This module knows a model, a tokenizer and options, but no run folder and no task. [`generate()`] goes from
//! prompts to pieces of text, [`sampling`] and [`beam`] choose tokens, [`Sequences`] continues many sequences with a
//! language model, side by side.

mod batcher;
pub mod beam;
mod compose;
pub mod generate;
mod novelty;
pub mod sampling;
pub mod search;
mod sequences;
mod stream;

pub use self::batcher::{Batcher, Joining, Score};
pub use self::compose::{ComposeOptions, Composed};
pub use self::generate::{GenerateEvent, GenerateOptions, Generated, Observer, Problem, Token, generate};
pub use self::novelty::{Novelty, novelty};
pub use self::sequences::Sequences;
pub use self::stream::{End, Stream};
pub(crate) mod unknown;
