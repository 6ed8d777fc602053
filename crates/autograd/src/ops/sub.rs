//! Differences of two tensors.

use anaphora_kernels::elementwise;

use crate::Gradients;
use crate::error::{ShapeError, expect};
use crate::graph::{Graph, Operation, Tensor};

struct Sub {
    a: Tensor,
    b: Tensor,
    y: Tensor,
}

impl Graph<'_> {
    /// `a - b`, `[rows, cols]`. It consumes `a`.
    pub fn sub(&mut self, a: Tensor, b: Tensor) -> Result<Tensor, ShapeError> {
        let sides = (("left", &a.shape()[..]), ("right", &b.shape()[..]));
        expect(a.shape() == b.shape(), "sub", sides.0, sides.1, "the shapes must agree")?;
        self.check_present("sub", &[a, b])?;
        if a == b {
            self.keep(a);
        }
        let mut value = self.overwrite("sub", a);
        elementwise::add_scaled(&self.device.pool, -1.0, self.nodes.value(b), &mut value);
        let wants_grad = self.wants_grad(a) || self.wants_grad(b);
        let y = self.push("sub", value, a.rows, a.cols, wants_grad);
        self.record(Sub { a, b, y });
        Ok(y)
    }
}

impl Operation for Sub {
    fn backward(&self, graph: &mut Graph, _: &mut Gradients) {
        let dy = graph.take_grad(self.y);
        if !dy.is_empty() {
            let mut db = graph.borrow_grad(self.b);
            if !db.is_empty() {
                elementwise::add_scaled(&graph.device.pool, -1.0, &dy, &mut db);
            }
            graph.return_grad(self.b, db);
        }
        graph.pass_grad(self.a, dy);
    }
}
