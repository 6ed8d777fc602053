//! Cross-entropy of yes-or-no answers.

use anaphora_kernels::losses;

use super::check_targets;
use crate::error::{ShapeError, expect};
use crate::graph::{Graph, Tensor};

impl Graph<'_> {
    /// The cross-entropy in nats of independent yes-or-no answers, `targets[rows, cols]` row-major and 0 to 1, with
    /// `logits[rows, cols]`, summed over the columns; `positive_weights[cols]` weigh the positives of each column (1 where
    /// there are none). A loss a row, `[rows, 1]`, and their mean, `[1, 1]`. It consumes the logits.
    pub fn binary_cross_entropy(
        &mut self,
        logits: Tensor,
        targets: &[f32],
        positive_weights: Option<&[f32]>,
    ) -> Result<(Tensor, Tensor), ShapeError> {
        const NAME: &str = "binary_cross_entropy";
        let side = ("logits", &logits.shape()[..]);
        check_targets(NAME, side, logits.rows, logits.cols, targets)?;
        if let Some(weights) = positive_weights {
            let weights = ("positive weights", &[weights.len()][..]);
            expect(weights.1 == [logits.cols], NAME, side, weights, "there must be a weight a column")?;
        }
        self.loss(NAME, logits, logits.rows as f64, |pool, logits, losses| {
            losses::binary_cross_entropy(pool, logits, targets, positive_weights, losses);
        })
    }
}
