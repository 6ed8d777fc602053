//! From a model's logits to tokens and text: drawn one by one, or searched for.
//!
//! What is known here is a model, a tokenizer and what is asked for; no run folder and no task. [`generate()`] is the whole way from
//! prompts to pieces of text, [`sampling`] and [`beam`] choose tokens, [`Sequences`] is a language model going on with many
//! sequences side by side.

pub mod beam;
pub mod generate;
pub mod sampling;
pub mod search;
mod sequences;
mod stream;

pub use self::generate::{GenerateEvent, GenerateOptions, Generated, Observer, Token, generate};
pub use self::sequences::Sequences;
pub(crate) mod unknown;
