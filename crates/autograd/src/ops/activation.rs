//! Element-wise activations.

use anaphora_kernels::activation;

use crate::graph::{Graph, Operation, Tensor};

/// A function of each value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activation {
    /// Hyperbolic tangent.
    Tanh,
    /// `max(0, x)`.
    Relu,
}

struct Activate {
    function: Activation,
    x: Tensor,
    y: Tensor,
}

impl Graph<'_> {
    /// `y = f(x)` for each value.
    pub fn activate(&mut self, function: Activation, x: Tensor) -> Tensor {
        let mut value = self.memory.take(x.rows * x.cols);
        match function {
            Activation::Tanh => activation::tanh(self.value(x), &mut value),
            Activation::Relu => activation::relu(self.value(x), &mut value),
        }
        let y = self.push(value, x.rows, x.cols, self.wants_grad(x));
        self.keep(y);
        self.record(Activate { function, x, y });
        y
    }
}

impl Operation for Activate {
    fn backward(&self, graph: &mut Graph) {
        let dy = graph.take_grad(self.y);
        let mut dx = graph.borrow_grad(self.x);
        let y = graph.value(self.y);
        match self.function {
            Activation::Tanh => activation::tanh_backward(y, &dy, &mut dx),
            Activation::Relu => activation::relu_backward(y, &dy, &mut dx),
        }
        graph.return_grad(self.x, dx);
        graph.memory.give(dy);
    }
}
