//! Dropout.

use anaphora_kernels::dropout::{self, Mask};

use crate::Gradients;
use crate::graph::{Graph, Operation, Tensor};

struct Dropout {
    x: Tensor,
    y: Tensor,
    rate: f32,
    seed: u64,
    /// The rows of each step where a sequence has one mask for all its steps.
    batch_sizes: Option<Vec<usize>>,
}

impl Graph<'_> {
    /// Zeroes values with probability `rate` in training and scales the others by `1 / (1 - rate)`; else `x` itself.
    ///
    /// # Panics
    ///
    /// If a mask for sequences has another number of rows than `x`.
    pub fn dropout(&mut self, x: Tensor, rate: f32, mask: Mask) -> Tensor {
        if let Mask::Sequence(batch_sizes) = mask {
            let tokens: usize = batch_sizes.iter().sum();
            assert!(
                tokens == x.rows,
                "dropout: batch_sizes (sum) is [{tokens}] and the input is {:?}",
                x.shape()
            );
        }
        if rate <= 0.0 {
            return x;
        }
        let Some(seed) = self.mask_seed() else { return x };
        if let Some(absent) = self.absent("dropout", x) {
            return absent;
        }
        let mut value = self.workspace.take(x.rows * x.cols);
        dropout::apply(&self.device.pool, self.value(x), x.cols, rate, seed, mask, &mut value, false);
        let y = self.push("dropout", value, x.rows, x.cols, self.wants_grad(x));
        let batch_sizes = match mask {
            Mask::Each => None,
            Mask::Sequence(batch_sizes) => Some(batch_sizes.to_vec()),
        };
        self.record(Dropout { x, y, rate, seed, batch_sizes });
        y
    }
}

impl Operation for Dropout {
    fn backward(&self, graph: &mut Graph, _: &mut Gradients) {
        let dy = graph.take_grad(self.y);
        if !dy.is_empty() && graph.wants_grad(self.x) {
            let (mut dx, fresh) = graph.borrow_grad_unset(self.x);
            let mask = self.batch_sizes.as_deref().map_or(Mask::Each, Mask::Sequence);
            dropout::apply(&graph.device.pool, &dy, self.x.cols, self.rate, self.seed, mask, &mut dx, !fresh);
            graph.return_grad(self.x, dx);
        }
        graph.workspace.give(dy);
    }
}
