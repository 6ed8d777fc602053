//! Losses. Each consumes its input, so that it is not held twice, and must be the last to read it. It returns the loss
//! of each row, `[rows, 1]`, and the mean, `[1, 1]`, through which the gradient flows.

mod binary_cross_entropy;
mod cross_entropy;
mod regression;

pub use cross_entropy::CrossEntropy;

use anaphora_kernels::{Pool, elementwise};

use crate::Gradients;
use crate::error::{ShapeError, Side, expect};
use crate::graph::{Graph, Operation, Tensor};
use anaphora_kernels::Buffer;

/// A loss whose gradient was computed with it.
struct Loss {
    x: Tensor,
    /// The gradient of the sum of all losses with respect to `x`.
    gradient: Tensor,
    mean: Tensor,
    /// Divisor of the sum.
    total: f32,
}

impl Graph<'_> {
    /// Lets `kernel` turn the values of `x` into the gradients of the rows' losses, which it writes to its last argument;
    /// their mean is the sum divided by `total`.
    fn loss(
        &mut self,
        operation: &'static str,
        x: Tensor,
        total: f64,
        kernel: impl FnOnce(&Pool, &mut [f32], &mut [f32]),
    ) -> Result<(Tensor, Tensor), ShapeError> {
        self.check_present(operation, &[x])?;
        let mut losses = self.workspace.take(x.rows);
        let mut values = self.overwrite(operation, x);
        kernel(&self.device.pool, &mut values, &mut losses);
        let gradient = self.push(operation, values, x.rows, x.cols, false);
        let (losses, mean) = self.push_losses(operation, losses, total);
        self.record(Loss { x, gradient, mean, total: total as f32 });
        Ok((losses, mean))
    }

    /// The losses of the rows and their sum divided by `total` as tensors.
    fn push_losses(&mut self, operation: &'static str, losses: Buffer, total: f64) -> (Tensor, Tensor) {
        let sum: f64 = losses.iter().map(|&loss| f64::from(loss)).sum();
        let rows = losses.len();
        let losses = self.push(operation, losses, rows, 1, false);
        let mut value = self.workspace.take(1);
        value[0] = (sum / total) as f32;
        (losses, self.push(operation, value, 1, 1, true))
    }
}

/// There is at least one row, and one target for each of `columns` in each.
fn check_targets(
    operation: &'static str,
    x: Side,
    rows: usize,
    columns: usize,
    targets: &[f32],
) -> Result<(), ShapeError> {
    let fits = rows > 0 && columns > 0 && targets.len() == rows * columns;
    let wanted = [targets.len()];
    expect(
        fits,
        operation,
        x,
        ("targets", &wanted),
        "there must be a target for each prediction, and at least one",
    )
}

impl Operation for Loss {
    fn backward(&self, graph: &mut Graph, _: &mut Gradients) {
        let upstream = graph.take_grad(self.mean);
        let Some(scale) = upstream.first().map(|g| g / self.total) else { return };
        let mut values = graph.overwrite("loss", self.gradient);
        elementwise::scale(&graph.device.pool, &mut values, scale);
        graph.pass_grad(self.x, values);
        graph.workspace.give(upstream);
    }
}
