//! Sums of two tensors.

use anaphora_kernels::elementwise;

use crate::Gradients;
use crate::error::{ShapeError, expect};
use crate::graph::{Graph, Operation, Tensor};

struct Add {
    a: Tensor,
    b: Tensor,
    sum: Tensor,
}

impl Graph<'_> {
    /// `a + b`, `[rows, cols]`. It consumes `a`.
    pub fn add(&mut self, a: Tensor, b: Tensor) -> Result<Tensor, ShapeError> {
        let sides = (("left", &a.shape()[..]), ("right", &b.shape()[..]));
        expect(a.shape() == b.shape(), "add", sides.0, sides.1, "the shapes must agree")?;
        self.check_present("add", &[a, b])?;
        if a == b {
            self.keep(a);
        }
        let mut value = self.overwrite("add", a);
        elementwise::store(&mut value, self.nodes.value(b), None, true);
        let wants_grad = self.wants_grad(a) || self.wants_grad(b);
        let sum = self.push("add", value, a.rows, a.cols, wants_grad);
        self.record(Add { a, b, sum });
        Ok(sum)
    }
}

impl Operation for Add {
    fn backward(&self, graph: &mut Graph, _: &mut Gradients) {
        let d = graph.take_grad(self.sum);
        if !d.is_empty() {
            graph.add_grad(self.b, |db| db.iter_mut().zip(&d[..]).for_each(|(db, d)| *db += d));
        }
        graph.pass_grad(self.a, d);
    }
}
