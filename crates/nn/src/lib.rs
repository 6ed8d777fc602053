//! Layers and blocks, written as forward passes only, and the state that each carries from one stretch of a sequence to
//! the next.

mod backbone;
mod builder;
mod convolution;
mod embedding;
mod encoder_attention;
mod feed_forward;
pub mod init;
mod linear;
mod norm;
mod pooling;
mod position;
mod recurrent;
mod state;
mod stem;
mod transformer;

pub use backbone::Backbone;
pub use builder::Builder;
pub use convolution::{Convolution, ConvolutionOptions};
pub use embedding::Input;
pub use encoder_attention::{Alignment, EncoderAttention};
pub use feed_forward::FeedForward;
pub use linear::Linear;
pub use norm::norm;
pub use pooling::{Pooler, Pooling};
pub use position::Position;
pub use recurrent::{Recurrent, RecurrentOptions};
pub use state::{Progress, State};
pub use stem::Stem;
pub use transformer::{EncoderMemory, FeedForwardKind, Transformer, TransformerOptions};

pub use anaphora_autograd::{
    Activation, AdamW, Cell, CrossEntropy, Device, Gradients, Graph, Mask, NOWHERE, Norm, ParamId, Params,
    Precision, Sgd, ShapeError, Similarity, Tensor, Workspace, check,
};
