//! The linear layer.

use anaphora_autograd::{Activation, Graph, ParamId, Role, ShapeError, Tensor};

use crate::{Builder, init};

/// `y = x · weightᵀ + bias`.
#[derive(Clone, Copy, Debug)]
pub struct Linear {
    weight: ParamId,
    bias: Option<ParamId>,
}

impl Linear {
    /// Adds `NAME.weight [outputs, inputs]` and `NAME.bias [outputs]`, uniform as PyTorch begins them.
    pub fn new(builder: &mut Builder, name: &str, inputs: usize, outputs: usize) -> Self {
        let bound = 1.0 / (inputs as f32).sqrt();
        Self::with_init(builder, name, [inputs, outputs], true, move |random, w| {
            init::uniform(random, w, bound)
        })
    }

    /// Adds `NAME.weight [outputs, inputs]`, which `init` fills, and `NAME.bias [outputs]` where there is to be one.
    pub fn with_init(
        builder: &mut Builder,
        name: &str,
        [inputs, outputs]: [usize; 2],
        bias: bool,
        init: impl FnOnce(&mut init::Random, &mut [f32]) + 'static,
    ) -> Self {
        let weight = builder.add(format!("{name}.weight"), &[outputs, inputs], init);
        builder.multiplied(weight, 1);
        Self { weight, bias: bias.then(|| builder.add_zeros(format!("{name}.bias"), &[outputs])) }
    }

    /// Shares a weight that is there already, an embedding's table (Press, Wolf 2017), and adds `NAME.bias [outputs]` where
    /// there is to be one.
    pub fn tied(builder: &mut Builder, name: &str, weight: ParamId, outputs: usize, bias: bool) -> Self {
        builder.multiplied(weight, 1);
        Self { weight, bias: bias.then(|| builder.add_zeros(format!("{name}.bias"), &[outputs])) }
    }

    /// Marks this map as the model's head.
    pub fn as_head(self, builder: &mut Builder) -> Self {
        builder.set_role(self.weight, Role::Head);
        self
    }

    /// Marks the weight as several stacked matrices of so many rows each.
    pub fn stacked(self, builder: &mut Builder, rows: &[usize]) -> Self {
        builder.set_role(self.weight, Role::Hidden(rows.to_vec()));
        self
    }

    /// Its weight.
    pub fn weight(&self) -> ParamId {
        self.weight
    }

    /// `[rows, inputs]` to `[rows, outputs]`.
    pub fn forward(&self, graph: &mut Graph, x: Tensor) -> Result<Tensor, ShapeError> {
        graph.linear(x, self.weight, self.bias)
    }

    /// A function of what [`Linear::forward`] gives.
    pub fn forward_activated(
        &self,
        graph: &mut Graph,
        x: Tensor,
        function: Activation,
    ) -> Result<Tensor, ShapeError> {
        graph.linear_activated(x, self.weight, self.bias, function)
    }
}
