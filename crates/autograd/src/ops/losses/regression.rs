//! Losses of predicted numbers. Targets are row-major.

use anaphora_kernels::losses;

use super::check_targets;
use crate::error::{ShapeError, expect};
use crate::graph::{Graph, Tensor};

impl Graph<'_> {
    /// The square of the error of `x[rows, cols]`, the mean over the columns: a loss a row, `[rows, 1]`, and their mean,
    /// `[1, 1]`. It consumes `x`.
    pub fn squared_error(&mut self, x: Tensor, targets: &[f32]) -> Result<(Tensor, Tensor), ShapeError> {
        check_targets("squared_error", ("input", &x.shape()), x.rows, x.cols, targets)?;
        self.loss("squared_error", x, x.rows as f64, |pool, x, losses| {
            losses::squared_error(pool, x, targets, losses)
        })
    }

    /// The size of the error of `x[rows, cols]`, the mean over the columns: a loss a row, `[rows, 1]`, and their mean,
    /// `[1, 1]`. It consumes `x`.
    pub fn absolute_error(&mut self, x: Tensor, targets: &[f32]) -> Result<(Tensor, Tensor), ShapeError> {
        check_targets("absolute_error", ("input", &x.shape()), x.rows, x.cols, targets)?;
        self.loss("absolute_error", x, x.rows as f64, |pool, x, losses| {
            losses::absolute_error(pool, x, targets, losses)
        })
    }

    /// The negative log-likelihood in nats of `targets[rows, n]` under independent normal distributions, summed over their
    /// columns: `x[rows, 2 n]` holds n means and then n logarithms of variances, taken to lie in
    /// [`LOG_VARIANCE`](crate::LOG_VARIANCE), -14 to 14. A loss a row, `[rows, 1]`, and their mean, `[1, 1]`. It takes `x`
    /// over.
    pub fn gaussian(&mut self, x: Tensor, targets: &[f32]) -> Result<(Tensor, Tensor), ShapeError> {
        let sides = (("input", &x.shape()[..]), ("targets", &[targets.len()][..]));
        expect(x.cols.is_multiple_of(2), "gaussian", sides.0, sides.1, "a mean goes with each variance")?;
        check_targets("gaussian", sides.0, x.rows, x.cols / 2, targets)?;
        self.loss("gaussian", x, x.rows as f64, |pool, x, losses| losses::gaussian(pool, x, targets, losses))
    }

    /// The pinball loss of the quantiles of `targets[rows, n]` at `levels`, each between 0 and 1: `x[rows, n * levels]` has
    /// for each of the n columns its quantiles, `max(level d, (level - 1) d)` of `d = target - x`, the mean over all
    /// columns. A loss a row, `[rows, 1]`, and their mean, `[1, 1]`. It consumes `x`.
    pub fn quantile(
        &mut self,
        x: Tensor,
        targets: &[f32],
        levels: &[f32],
    ) -> Result<(Tensor, Tensor), ShapeError> {
        let sides = (("input", &x.shape()[..]), ("levels", &[levels.len()][..]));
        let fits = !levels.is_empty() && x.cols.is_multiple_of(levels.len());
        expect(fits, "quantile", sides.0, sides.1, "there must be a column a level for each value")?;
        check_targets("quantile", sides.0, x.rows, x.cols / levels.len(), targets)?;
        self.loss("quantile", x, x.rows as f64, |pool, x, losses| {
            losses::quantile(pool, x, targets, levels, losses)
        })
    }
}
