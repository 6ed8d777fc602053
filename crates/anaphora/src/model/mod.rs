//! Models: an input, a backbone and a head.

mod backbone;
mod compute;
mod decoder;
mod encoder;
mod encoder_decoder;
mod language;
mod pair_batch;
mod sequence;

pub use compute::{Backward, Compute};
pub use language::LanguageModel;
pub use sequence::{Objective, SequenceModel, Shape, Targets};

pub(crate) use backbone::transformer;
pub use encoder::Reads;
pub use encoder_decoder::{EncoderDecoder, Read, Teaching};
pub use pair_batch::PairBatch;
