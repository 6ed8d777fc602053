//! Models: an input, a backbone and a head.

mod backbone;
mod encoder;
mod language;
mod sequence;

pub use language::LanguageModel;
pub use sequence::{Objective, SequenceModel, Shape, Targets};

pub(crate) use backbone::transformer;
pub use encoder::Reads;
