//! Element-wise activations.

use anaphora_kernels::activation::{self, Activation};

use crate::Gradients;
use crate::error::{ShapeError, expect};
use crate::graph::{Graph, Operation, Tensor};
use anaphora_kernels::Buffer;

struct Activate {
    function: Activation,
    x: Tensor,
    y: Tensor,
}

impl Graph<'_> {
    /// `y = f(x)` for each value.
    pub fn activate(&mut self, function: Activation, x: Tensor) -> Tensor {
        if let Some(absent) = self.absent("activate", x) {
            return absent;
        }
        let mut value = self.workspace.take(x.rows * x.cols);
        activation::forward(&self.device.pool, function, self.value(x), &mut value);
        self.push_activated(function, x, value)
    }

    /// `1 / (1 + exp(-x))` for each value.
    pub fn sigmoid(&mut self, x: Tensor) -> Tensor {
        self.activate(Activation::Sigmoid, x)
    }

    /// The hyperbolic tangent of each value.
    pub fn tanh(&mut self, x: Tensor) -> Tensor {
        self.activate(Activation::Tanh, x)
    }

    /// Records a function of `x` with its values.
    pub(crate) fn push_activated(&mut self, function: Activation, x: Tensor, value: Buffer) -> Tensor {
        let y = self.push("activate", value, x.rows, x.cols, self.wants_grad(x));
        self.keep(x);
        self.record(Activate { function, x, y });
        y
    }

    /// `silu(gate) ⊙ up` for `x[rows, 2 width]`, gates before ups (SwiGLU, Shazeer 2020): `[rows, width]`.
    pub fn swiglu(&mut self, x: Tensor) -> Result<Tensor, ShapeError> {
        let width = x.cols / 2;
        let sides = (("input", &x.shape()[..]), ("gates and ups", &[2, width][..]));
        expect(x.cols.is_multiple_of(2), "swiglu", sides.0, sides.1, "there must be an up for each gate")?;
        self.check_present("swiglu", &[x])?;
        let mut value = self.workspace.take(x.rows * width);
        activation::swiglu(&self.device.pool, width, self.value(x), &mut value);
        let y = self.push("swiglu", value, x.rows, width, self.wants_grad(x));
        self.keep(x);
        self.record(Swiglu { x, y });
        Ok(y)
    }
}

impl Operation for Activate {
    fn backward(&self, graph: &mut Graph, _: &mut Gradients) {
        let mut d = graph.take_grad(self.y);
        if !d.is_empty() {
            activation::backward(&graph.device.pool, self.function, graph.nodes.value(self.x), &mut d);
        }
        graph.pass_grad(self.x, d);
    }
}

struct Swiglu {
    x: Tensor,
    y: Tensor,
}

impl Operation for Swiglu {
    fn backward(&self, graph: &mut Graph, _: &mut Gradients) {
        let dy = graph.take_grad(self.y);
        let mut dx = graph.borrow_grad(self.x);
        if !dy.is_empty() && !dx.is_empty() {
            let (pool, x) = (&graph.device.pool, graph.nodes.value(self.x));
            activation::swiglu_backward(pool, self.y.cols, x, &dy, &mut dx);
        }
        graph.return_grad(self.x, dx);
        graph.workspace.give(dy);
    }
}
