//! A tape of coarse operations: a node is a whole layer over a whole sequence, not a sum or a product.
//!
//! [`Params`] hold all weights in one flat buffer, [`Gradients`] those of a training in another. A [`Graph`] records what a
//! forward pass does and walks it backward; its [`Workspace`] is kept from step to step, so that a steady step allocates no
//! activations. Many may work with the same weights at once, each in a workspace of its own. Every activation is a matrix `[rows, cols]` whose rows are the tokens of a packed batch.

pub mod check;
mod error;
mod gradients;
mod graph;
mod ops;
mod params;
mod workspace;

pub use anaphora_kernels::activation::Activation;
pub use anaphora_kernels::attention::{Attention, Cache, Similarity};
pub use anaphora_kernels::dropout::Mask;
pub use anaphora_kernels::gather::NOWHERE;
pub use anaphora_kernels::losses::LOG_VARIANCE;
pub use anaphora_kernels::optimizer::{AdamW, Sgd};
pub use anaphora_kernels::recurrent::Cell;
pub use anaphora_kernels::rotary::Rotary;
pub use anaphora_kernels::{Isa, Precision};
pub use error::ShapeError;
pub use gradients::Gradients;
pub use graph::{Graph, Tensor};
pub use ops::losses::CrossEntropy;
pub use ops::norm::{Norm, NormParams};
pub use ops::pool::Pooling;
pub use ops::recurrent::{Direction, RecurrentOutput};
pub use params::{ParamId, Params};
pub use workspace::Workspace;

use anaphora_kernels::Pool;

/// Where the work is done and in which number format.
pub struct Device {
    pub(crate) pool: Pool,
    precision: Precision,
}

impl Device {
    /// The processor, with `threads` threads (0: all cores).
    pub fn new(threads: usize, precision: Precision) -> Self {
        let pool = if threads == 0 { Pool::with_all_cores() } else { Pool::new(threads) };
        Self { pool, precision }
    }

    /// The processor with all its cores, in the precision that is faster on it.
    pub fn auto() -> Self {
        Self::new(0, Precision::auto())
    }

    /// Number of threads.
    pub fn threads(&self) -> usize {
        self.pool.threads()
    }

    /// The number format of products.
    pub fn precision(&self) -> Precision {
        self.precision
    }
}
