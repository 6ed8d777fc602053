//! Layers and blocks, written as forward passes only, and the state that each carries from one stretch of a sequence to
//! the next.
//!
//! A layer of one's own is a structure with a constructor that adds parameters and a function that calls operations of
//! [`Graph`]. This one is a minimal gated recurrent unit (Feng et al., "Were RNNs all we needed?", 2024); it learns to recall the
//! first token of a sequence behind the last:
//!
//! ```
//! use anaphora_nn::optimizer::{AdamW, AdamWOptions, Optimizer};
//! use anaphora_nn::{Builder, Device, Gradients, Graph, Input, Linear, Params, Precision, ShapeError, Tensor, Workspace, check};
//!
//! struct MinGru {
//!     gate: Linear,
//!     candidate: Linear,
//! }
//!
//! impl MinGru {
//!     fn new(builder: &mut Builder, name: &str, input_size: usize, hidden_size: usize) -> Self {
//!         let mut linear = |part| Linear::new(builder, &format!("{name}.{part}"), input_size, hidden_size);
//!         Self { gate: linear("gate"), candidate: linear("candidate") }
//!     }
//!
//!     /// The states after the last step of `x[steps * batch, input_size]`, step by step: `[batch, hidden_size]`.
//!     fn forward(&self, graph: &mut Graph, x: Tensor, batch: usize) -> Result<Tensor, ShapeError> {
//!         let gates = self.gate.forward(graph, x)?;
//!         let gates = graph.sigmoid(gates);
//!         let candidates = self.candidate.forward(graph, x)?;
//!         let mut state = graph.constant(&vec![0.0; batch * gates.cols], batch, gates.cols)?;
//!         for start in (0..x.rows).step_by(batch) {
//!             let gate = graph.slice_rows(gates, start..start + batch)?;
//!             let candidate = graph.slice_rows(candidates, start..start + batch)?;
//!             // state + gate ⊙ (candidate - state)
//!             let change = graph.sub(candidate, state)?;
//!             let change = graph.mul(gate, change)?;
//!             state = graph.add(change, state)?;
//!         }
//!         Ok(state)
//!     }
//! }
//!
//! let (tokens, steps, hidden_size) = (8, 5, 16);
//! let mut params = Params::new();
//! let mut builder = Builder::random(&mut params, 1);
//! let input = Input::new(&mut builder, "embedding", tokens, hidden_size, 1.0);
//! let cell = MinGru::new(&mut builder, "cell", hidden_size, hidden_size);
//! let head = Linear::new(&mut builder, "head", hidden_size, tokens).as_head(&mut builder);
//! drop(builder); // now the parameters have their first values
//!
//! let firsts: Vec<u32> = (0..tokens as u32).collect();
//! let ids: Vec<u32> = (0..steps).flat_map(|t| firsts.iter().map(move |first| first * (1 + 2 * t) % 8)).collect();
//! let loss = |graph: &mut Graph| {
//!     let x = input.forward(graph, &ids)?;
//!     let state = cell.forward(graph, x, firsts.len())?;
//!     let logits = head.forward(graph, state)?;
//!     Ok(graph.cross_entropy(logits, &firsts)?.1)
//! };
//!
//! let device = Device::new(1, Precision::F32);
//! let (disagreements, _) = check::gradients(&device, &mut params, 10, 1e-2, 1e-2, loss)?;
//! assert_eq!(disagreements, []);
//!
//! let (mut gradients, mut workspace) = (Gradients::of(&params), Workspace::new());
//! let options = AdamWOptions { betas: [0.9, 0.99], epsilon: 1e-8, weight_decay: 0.0 };
//! let mut optimizer = AdamW::new(&params, options);
//! let mut last = 0.0;
//! for step in 0..150 {
//!     gradients.zero();
//!     let mut graph = Graph::train(&device, &params, &mut gradients, &mut workspace, step);
//!     let mean = loss(&mut graph)?;
//!     last = graph.value(mean)[0];
//!     graph.backward(mean, 1.0)?;
//!     drop(graph);
//!     optimizer.step(&device, &mut params, &gradients, 1e-2, 1.0);
//! }
//! assert!(last < 0.05, "{last}");
//! # Ok::<(), ShapeError>(())
//! ```

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
pub use builder::{Builder, Start};
pub use convolution::{Convolution, ConvolutionOptions};
pub use embedding::Input;
pub use encoder_attention::{Alignment, EncoderAttention};
pub use feed_forward::FeedForward;
pub use linear::Linear;
pub use norm::norm;
pub use pooling::Pooler;
pub use position::{Position, ROTARY_BASE, wave};
pub use recurrent::{Recurrent, RecurrentOptions};
pub use state::{State, StepCounts};
pub use stem::Stem;
pub use transformer::{EncoderMemory, FeedForwardKind, Transformer, TransformerOptions};

pub use anaphora_autograd::{
    Activation, Cell, CrossEntropy, Device, Gradients, Graph, Isa, Mask, NOWHERE, Norm, ParamId, Params,
    Precision, Reduction, Role, ShapeError, Similarity, Tensor, Trace, Workspace, check, optimizer, trace,
};
