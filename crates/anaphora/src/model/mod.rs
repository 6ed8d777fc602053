//! Models: an input, a backbone and a head.

mod backbone;
mod compute;
mod decoder;
mod encoder;
mod encoder_decoder;
pub(crate) mod forecast;
mod language;
mod least_squares;
pub(crate) mod logistic;
mod logits;
mod normal;
mod observed;
mod pair_batch;
mod sequence;

pub use compute::{Backward, Compute};
pub use language::LanguageModel;
pub use least_squares::{Linear, Sums};
pub(crate) use logits::{likeliest, softmax};
pub(crate) use normal::normal_quantile;
pub use sequence::{Objective, SequenceModel, Shape, Targets};

pub(crate) use backbone::{numbers_a_unit, transformer};
pub use encoder::Reads;
pub(crate) use encoder::speller;
pub use encoder_decoder::{EncoderDecoder, Read, Teaching};
pub use observed::{Observe, Observed, Pull};
pub use pair_batch::{PairBatch, Pairs};
