//! Element-wise activations.

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
        for (y, x) in value.iter_mut().zip(self.value(x)) {
            *y = match function {
                Activation::Tanh => x.tanh(),
                Activation::Relu => x.max(0.0),
            };
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
        for ((dx, dy), y) in dx.iter_mut().zip(&dy).zip(graph.value(self.y)) {
            *dx += dy
                * match self.function {
                    Activation::Tanh => 1.0 - y * y,
                    Activation::Relu => f32::from(*y > 0.0),
                };
        }
        graph.return_grad(self.x, dx);
        graph.memory.give(dy);
    }
}
