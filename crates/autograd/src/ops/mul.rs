//! Products of two tensors, value by value.

use anaphora_kernels::elementwise;

use crate::Gradients;
use crate::error::{ShapeError, expect};
use crate::graph::{Graph, Operation, Tensor};

struct Mul {
    a: Tensor,
    b: Tensor,
    y: Tensor,
}

impl Graph<'_> {
    /// `a ⊙ b`.
    pub fn mul(&mut self, a: Tensor, b: Tensor) -> Result<Tensor, ShapeError> {
        let sides = (("left", &a.shape()[..]), ("right", &b.shape()[..]));
        expect(a.shape() == b.shape(), "mul", sides.0, sides.1, "the shapes must agree")?;
        self.check_present("mul", &[a, b])?;
        let mut value = self.workspace.take(a.rows * a.cols);
        elementwise::product(&self.device.pool, self.value(a), self.value(b), &mut value, false);
        let wants_grad = self.wants_grad(a) || self.wants_grad(b);
        let y = self.push("mul", value, a.rows, a.cols, wants_grad);
        [a, b].into_iter().for_each(|read| self.keep(read));
        self.record(Mul { a, b, y });
        Ok(y)
    }
}

impl Operation for Mul {
    fn backward(&self, graph: &mut Graph, _: &mut Gradients) {
        let dy = graph.take_grad(self.y);
        for (input, other) in [(self.a, self.b), (self.b, self.a)] {
            let mut d = graph.borrow_grad(input);
            if !dy.is_empty() && !d.is_empty() {
                elementwise::product(&graph.device.pool, &dy, graph.nodes.value(other), &mut d, true);
            }
            graph.return_grad(input, d);
        }
        graph.workspace.give(dy);
    }
}
