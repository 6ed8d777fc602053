//! Products of two tensors.

use anaphora_kernels::Matrix;
use anaphora_kernels::matmul::linear::product_rows;

use crate::Gradients;
use crate::error::{ShapeError, expect};
use crate::graph::{Graph, Operation, Tensor};

struct Matmul {
    a: Tensor,
    b: Tensor,
    y: Tensor,
}

impl Graph<'_> {
    /// `a[m, k] · b[k, n]`: `[m, n]`.
    pub fn matmul(&mut self, a: Tensor, b: Tensor) -> Result<Tensor, ShapeError> {
        let sides = (("left", &a.shape()[..]), ("right", &b.shape()[..]));
        expect(a.cols == b.rows, "matmul", sides.0, sides.1, "the left's columns must be the right's rows")?;
        self.check_present("matmul", &[a, b])?;
        let mut value = self.workspace.take(a.rows * b.cols);
        let [left, right] =
            [a, b].map(|tensor| Matrix::new(self.nodes.value(tensor), tensor.rows, tensor.cols));
        product_rows(&self.device.pool, self.device.precision(), left, right, &mut value, false);
        let wants_grad = self.wants_grad(a) || self.wants_grad(b);
        let y = self.push("matmul", value, a.rows, b.cols, wants_grad);
        [a, b].into_iter().for_each(|read| self.keep(read));
        self.record(Matmul { a, b, y });
        Ok(y)
    }
}

impl Operation for Matmul {
    fn backward(&self, graph: &mut Graph, _: &mut Gradients) {
        let dy = graph.take_grad(self.y);
        if dy.is_empty() {
            return;
        }
        for (input, is_left) in [(self.a, true), (self.b, false)] {
            let (mut d, fresh) = graph.borrow_grad_unset(input);
            if !d.is_empty() {
                let [a, b] = [self.a, self.b]
                    .map(|tensor| Matrix::new(graph.nodes.value(tensor), tensor.rows, tensor.cols));
                let upstream = Matrix::new(&dy, self.y.rows, self.y.cols);
                let (left, right) =
                    if is_left { (upstream, b.transposed()) } else { (a.transposed(), upstream) };
                let (pool, precision) = (&graph.device.pool, graph.device.precision());
                product_rows(pool, precision, left, right, &mut d, !fresh);
            }
            graph.return_grad(input, d);
        }
        graph.workspace.give(dy);
    }
}
