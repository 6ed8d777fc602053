//! Models: an input, a backbone and a head.

mod language;

pub use language::LanguageModel;
pub(crate) use language::transformer;
