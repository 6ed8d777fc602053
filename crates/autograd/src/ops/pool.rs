//! One row for each sequence.

use anaphora_kernels::pooling;

use crate::Gradients;
use crate::error::{ShapeError, check_packed, expect};
use crate::graph::{Graph, Operation, Tensor};

/// How [`Graph::pool`] reduces the steps of a sequence to one row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reduction {
    /// The last step.
    Last,
    /// The mean over the steps.
    Mean,
    /// The maximum of each column over the steps.
    Max,
}

struct Pool {
    x: Tensor,
    batch_sizes: Vec<usize>,
    reduction: Reduction,
    y: Tensor,
}

impl Graph<'_> {
    /// One row for each sequence of `x[tokens, cols]`, a packed batch with `batch_sizes` rows a step: `[sequences, cols]`.
    pub fn pool(
        &mut self,
        x: Tensor,
        batch_sizes: &[usize],
        reduction: Reduction,
    ) -> Result<Tensor, ShapeError> {
        let tokens: usize = batch_sizes.iter().sum();
        let sides = (("input", &x.shape()[..]), ("batch_sizes (sum)", &[tokens][..]));
        expect(tokens == x.rows, "pool", sides.0, sides.1, "there must be a row a token")?;
        check_packed("pool", batch_sizes)?;
        self.check_present("pool", &[x])?;
        let sequences = batch_sizes.first().copied().unwrap_or(0);
        let kernel = match reduction {
            Reduction::Last => return self.gather(x, &last_rows(batch_sizes), 1),
            Reduction::Mean => pooling::mean,
            Reduction::Max => pooling::max,
        };
        let mut value = self.workspace.take(sequences * x.cols);
        kernel(&self.device.pool, self.nodes.value(x), x.cols, batch_sizes, &mut value);
        let wants_grad = self.wants_grad(x);
        let y = self.push("pool", value, sequences, x.cols, wants_grad);
        if wants_grad {
            if reduction == Reduction::Max {
                // The backward pass looks for the largest values again.
                [x, y].into_iter().for_each(|read| self.keep(read));
            }
            self.record(Pool { x, batch_sizes: batch_sizes.to_vec(), reduction, y });
        }
        Ok(y)
    }
}

/// The row of each sequence's last step.
fn last_rows(batch_sizes: &[usize]) -> Vec<u32> {
    let mut last = vec![0; batch_sizes.first().copied().unwrap_or(0)];
    let mut row = 0;
    for &rows in batch_sizes {
        for last in &mut last[..rows] {
            *last = row;
            row += 1;
        }
    }
    last
}

impl Operation for Pool {
    fn backward(&self, graph: &mut Graph, _: &mut Gradients) {
        let mut dy = graph.take_grad(self.y);
        if !dy.is_empty() {
            let mut dx = graph.borrow_grad(self.x);
            let (pool, width) = (&graph.device.pool, self.x.cols);
            if self.reduction == Reduction::Max {
                let values = [self.x, self.y].map(|tensor| graph.nodes.value(tensor));
                pooling::max_backward(pool, &mut dx, width, &self.batch_sizes, values, &mut dy);
            } else {
                pooling::mean_backward(pool, &mut dx, width, &self.batch_sizes, &dy);
            }
            graph.return_grad(self.x, dx);
        }
        graph.workspace.give(dy);
    }
}
