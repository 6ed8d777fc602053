//! A tensor times a number.

use anaphora_kernels::elementwise;

use crate::Gradients;
use crate::error::ShapeError;
use crate::graph::{Graph, Operation, Tensor};

struct Scale {
    x: Tensor,
    factor: f32,
    y: Tensor,
}

impl Graph<'_> {
    /// `factor * x`. It consumes `x`.
    pub fn scale(&mut self, x: Tensor, factor: f32) -> Result<Tensor, ShapeError> {
        self.check_present("scale", &[x])?;
        let mut value = self.overwrite("scale", x);
        elementwise::scale(&self.device.pool, &mut value, factor);
        let y = self.push("scale", value, x.rows, x.cols, self.wants_grad(x));
        self.record(Scale { x, factor, y });
        Ok(y)
    }
}

impl Operation for Scale {
    fn backward(&self, graph: &mut Graph, _: &mut Gradients) {
        let mut d = graph.take_grad(self.y);
        elementwise::scale(&graph.device.pool, &mut d, self.factor);
        graph.pass_grad(self.x, d);
    }
}
