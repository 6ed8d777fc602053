//! Softmax of rows.

use anaphora_kernels::softmax;

use crate::Gradients;
use crate::error::ShapeError;
use crate::graph::{Graph, Operation, Tensor};

struct Softmax {
    x: Tensor,
    y: Tensor,
}

impl Graph<'_> {
    /// `exp(x) / Σ exp(x)` with the sum over each row of `x[rows, cols]`.
    pub fn softmax(&mut self, x: Tensor) -> Result<Tensor, ShapeError> {
        self.check_present("softmax", &[x])?;
        let mut value = self.workspace.take(x.rows * x.cols);
        softmax::forward(&self.device.pool, x.cols, self.value(x), &mut value);
        let y = self.push("softmax", value, x.rows, x.cols, self.wants_grad(x));
        self.keep(y);
        self.record(Softmax { x, y });
        Ok(y)
    }
}

impl Operation for Softmax {
    fn backward(&self, graph: &mut Graph, _: &mut Gradients) {
        let dy = graph.take_grad(self.y);
        let mut dx = graph.borrow_grad(self.x);
        if !dy.is_empty() && !dx.is_empty() {
            softmax::backward(&graph.device.pool, self.x.cols, graph.nodes.value(self.y), &dy, &mut dx);
        }
        graph.return_grad(self.x, dx);
        graph.workspace.give(dy);
    }
}
