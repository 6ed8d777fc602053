//! The linear layer.

use anaphora_autograd::{Graph, ParamId, ShapeError, Tensor};

use crate::{Builder, init};

/// `y = x · weightᵀ + bias`.
#[derive(Clone, Copy, Debug)]
pub struct Linear {
    weight: ParamId,
    bias: ParamId,
}

impl Linear {
    /// Adds `NAME.weight [outputs, inputs]` and `NAME.bias [outputs]`, uniform as PyTorch begins them.
    pub fn new(builder: &mut Builder, name: &str, inputs: usize, outputs: usize) -> Self {
        let bound = 1.0 / (inputs as f32).sqrt();
        let weight = builder
            .add(format!("{name}.weight"), &[outputs, inputs], |random, w| init::uniform(random, w, bound));
        Self { weight, bias: builder.add_zeros(format!("{name}.bias"), &[outputs]) }
    }

    /// Shares a weight that is there already, an embedding's table, and adds `NAME.bias [outputs]` (Press, Wolf 2017).
    pub fn tied(builder: &mut Builder, name: &str, weight: ParamId, outputs: usize) -> Self {
        Self { weight, bias: builder.add_zeros(format!("{name}.bias"), &[outputs]) }
    }

    /// `[rows, inputs]` to `[rows, outputs]`.
    pub fn forward(&self, graph: &mut Graph, x: Tensor) -> Result<Tensor, ShapeError> {
        graph.linear(x, self.weight, Some(self.bias))
    }
}
