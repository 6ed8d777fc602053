//! Layers and blocks, written as forward passes only, and the state that each carries from one stretch of a sequence to
//! the next.

mod backbone;
mod builder;
mod embedding;
mod feed_forward;
pub mod init;
mod linear;
mod recurrent;
mod state;

pub use backbone::Backbone;
pub use builder::Builder;
pub use embedding::Input;
pub use feed_forward::FeedForward;
pub use linear::Linear;
pub use recurrent::{Recurrent, RecurrentOptions};
pub use state::State;

pub use anaphora_autograd::{AdamW, Cell, Device, Graph, Mask, Memory, Mode, ParamId, Params, Precision, ShapeError, Tensor};
