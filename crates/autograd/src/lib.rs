//! A tape of coarse operations: a node is a whole layer over a whole sequence, not a sum or a product.
//!
//! [`Params`] hold all weights in one flat buffer, [`Gradients`] those of a training in another. A [`Graph`] records what a
//! forward pass does and walks it backward; its [`Workspace`] is kept from step to step, so that a steady step allocates no
//! activations. Many may work with the same weights at once, each in a workspace of its own. Every activation is a
//! matrix `[rows, cols]` whose rows are the tokens of a packed batch.
//!
//! ```
//! use anaphora_autograd::optimizer::{Optimizer, Sgd, SgdOptions};
//! use anaphora_autograd::{Device, Gradients, Graph, Params, Precision, ShapeError, Workspace};
//!
//! // A line through four points: `y = 2 x + 1`.
//! let (x, y) = ([0.0, 1.0, 2.0, 3.0], [1.0, 3.0, 5.0, 7.0]);
//! let mut params = Params::new();
//! let slope = params.add("slope", &[1, 1], &[0.0]);
//! let offset = params.add("offset", &[1], &[0.0]);
//!
//! let (device, mut workspace) = (Device::new(1, Precision::F32), Workspace::new());
//! let mut gradients = Gradients::of(&params);
//! let mut optimizer = Sgd::new(&params, SgdOptions { momentum: 0.5, weight_decay: 0.0 });
//! for step in 0..200 {
//!     gradients.zero();
//!     let mut graph = Graph::train(&device, &params, &mut gradients, &mut workspace, step);
//!     let x = graph.constant(&x, 4, 1)?;
//!     let line = graph.linear(x, slope, Some(offset))?;
//!     let (_, error) = graph.squared_error(line, &y)?;
//!     graph.backward(error, 1.0)?;
//!     drop(graph);
//!     optimizer.step(&device, &mut params, &gradients, 0.05, 1.0);
//! }
//! assert!((params.value(slope)[0] - 2.0).abs() < 1e-3 && (params.value(offset)[0] - 1.0).abs() < 1e-3);
//! # Ok::<(), ShapeError>(())
//! ```

pub mod check;
mod error;
mod gradients;
mod graph;
mod ops;
pub mod optimizer;
mod params;
pub mod trace;
mod workspace;

pub use anaphora_kernels::activation::Activation;
pub use anaphora_kernels::attention::{Attention, Cache, Similarity};
pub use anaphora_kernels::dropout::Mask;
pub use anaphora_kernels::gather::NOWHERE;
pub use anaphora_kernels::losses::LOG_VARIANCE;
pub use anaphora_kernels::recurrent::Cell;
pub use anaphora_kernels::rotary::Rotary;
pub use anaphora_kernels::{Buffer, Isa, Precision};
pub use error::{Consumed, ShapeError};
pub use gradients::Gradients;
pub use graph::{Graph, Operation, Tensor};
pub use ops::losses::CrossEntropy;
pub use ops::norm::{Norm, NormParams};
pub use ops::pool::Reduction;
pub use ops::recurrent::{Direction, RecurrentOutput};
pub use params::{ParamId, Params, Role};
pub use trace::Trace;
pub use workspace::Workspace;

use anaphora_kernels::{Pool, orthogonal, random};

/// The device that computes, and its precision.
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

    /// Fills `values` with normal numbers of mean zero that follow from `seed`, whatever the number of threads.
    pub fn fill_normal(&self, seed: u64, values: &mut [f32], deviation: f32) {
        random::normal(&self.pool, seed, values, deviation);
    }

    /// Fills `values[size, size]` with a random orthogonal matrix that follows from `seed`, whatever the number of
    /// threads: each is as likely as any other (Stewart 1980).
    pub fn fill_orthogonal(&self, seed: u64, values: &mut [f32], size: usize) {
        orthogonal::fill(&self.pool, seed, values, size);
    }
}
