//! Rows by number.

use anaphora_kernels::gather::{self, NOWHERE};

use crate::Gradients;
use crate::error::{ShapeError, expect};
use crate::graph::{Graph, Operation, Tensor};

struct Gather {
    x: Tensor,
    indices: Vec<u32>,
    y: Tensor,
}

impl Graph<'_> {
    /// Rows of `x` by number, `per_row` of them behind each other in each row of the result:
    /// `[indices.len() / per_row, per_row * x.cols]`. An index may come more than once; [`NOWHERE`] gives zeros.
    pub fn gather(&mut self, x: Tensor, indices: &[u32], per_row: usize) -> Result<Tensor, ShapeError> {
        let sides = (("indices", &[indices.len()][..]), ("per_row", &[per_row][..]));
        let fits = per_row > 0 && indices.len().is_multiple_of(per_row);
        expect(fits, "gather", sides.0, sides.1, "the indices must fill whole rows")?;
        let largest = indices.iter().filter(|&&index| index != NOWHERE).max().copied();
        let fits = largest.is_none_or(|index| (index as usize) < x.rows);
        let largest = largest.map_or(0, |index| index as usize);
        let sides = (("the largest index", &[largest][..]), ("input", &x.shape()[..]));
        expect(fits, "gather", sides.0, sides.1, "indices must be below the number of rows")?;
        self.check_present("gather", &[x])?;
        let mut value = self.workspace.take(indices.len() * x.cols);
        gather::forward(&self.device.pool, self.nodes.value(x), x.cols, indices, &mut value);
        let wants_grad = self.wants_grad(x);
        let y = self.push("gather", value, indices.len() / per_row, per_row * x.cols, wants_grad);
        if wants_grad {
            self.record(Gather { x, indices: indices.to_vec(), y });
        }
        Ok(y)
    }
}

impl Operation for Gather {
    fn backward(&self, graph: &mut Graph, _: &mut Gradients) {
        let dy = graph.take_grad(self.y);
        if !dy.is_empty() {
            let mut dx = graph.borrow_grad(self.x);
            gather::backward(&graph.device.pool, &mut dx, self.x.cols, &self.indices, &dy);
            graph.return_grad(self.x, dx);
        }
        graph.workspace.give(dy);
    }
}
