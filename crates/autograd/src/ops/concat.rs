//! Two tensors side by side.

use crate::Gradients;
use crate::error::{ShapeError, expect};
use crate::graph::{Graph, Operation, Tensor};

struct Concat {
    left: Tensor,
    right: Tensor,
    y: Tensor,
}

impl Graph<'_> {
    /// The rows of `left[rows, m]` and `right[rows, n]` behind each other: `[rows, m + n]`.
    pub fn concat(&mut self, left: Tensor, right: Tensor) -> Result<Tensor, ShapeError> {
        let sides = (("left", &left.shape()[..]), ("right", &right.shape()[..]));
        expect(left.rows == right.rows, "concat", sides.0, sides.1, "the rows must agree")?;
        self.check_present("concat", &[left, right])?;
        let cols = left.cols + right.cols;
        let mut value = self.workspace.take(left.rows * cols);
        for (row, out) in value.chunks_exact_mut(cols.max(1)).enumerate() {
            let (a, b) = out.split_at_mut(left.cols);
            a.copy_from_slice(&self.nodes.value(left)[row * left.cols..][..left.cols]);
            b.copy_from_slice(&self.nodes.value(right)[row * right.cols..][..right.cols]);
        }
        let wants_grad = self.wants_grad(left) || self.wants_grad(right);
        let y = self.push("concat", value, left.rows, cols, wants_grad);
        self.record(Concat { left, right, y });
        Ok(y)
    }
}

impl Operation for Concat {
    fn backward(&self, graph: &mut Graph, _: &mut Gradients) {
        let dy = graph.take_grad(self.y);
        if !dy.is_empty() {
            for (tensor, first) in [(self.left, 0), (self.right, self.left.cols)] {
                graph.add_grad(tensor, |d| {
                    for (d, dy) in d.chunks_exact_mut(tensor.cols.max(1)).zip(dy.chunks_exact(self.y.cols)) {
                        d.iter_mut().zip(&dy[first..]).for_each(|(d, dy)| *d += dy);
                    }
                });
            }
        }
        graph.workspace.give(dy);
    }
}
