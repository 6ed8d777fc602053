//! Models: an input, a backbone and a head.

mod backbone;
mod encoder;
mod encoder_decoder;
mod language;
mod sequence;

pub use language::LanguageModel;
pub use sequence::{Objective, SequenceModel, Shape, Targets};

pub(crate) use backbone::transformer;
pub use encoder::Reads;
pub use encoder_decoder::{EncoderDecoder, PairBatch, Read};
