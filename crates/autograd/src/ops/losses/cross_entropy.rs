//! Softmax cross-entropy.

use anaphora_kernels::{cross_entropy, losses};

use crate::Gradients;
use crate::error::{ShapeError, expect};
use crate::graph::{Graph, Operation, Tensor};
use crate::ops::embedding::check_ids;

/// Options of [`Graph::cross_entropy_with`].
#[derive(Clone, Copy, Debug, Default)]
pub struct CrossEntropy<'a> {
    /// Share of the target, 0 to 1, that is spread evenly over all classes (Szegedy et al. 2016).
    pub label_smoothing: f32,
    /// How much an example of each class counts, none of them negative; all alike where there are none.
    pub weights: Option<&'a [f32]>,
}

struct PlainCrossEntropy {
    logits: Tensor,
    probabilities: Tensor,
    targets: Vec<u32>,
    mean: Tensor,
}

impl Graph<'_> {
    /// The cross-entropy of each row of `logits[rows, classes]` in nats, `[rows, 1]`, and its mean, `[1, 1]`. It
    /// consumes the logits, so that they are not held twice: it must be the last to read them.
    pub fn cross_entropy(&mut self, logits: Tensor, targets: &[u32]) -> Result<(Tensor, Tensor), ShapeError> {
        check("cross_entropy", logits, targets)?;
        self.check_present("cross_entropy", &[logits])?;
        let mut losses = self.workspace.take(logits.rows);
        let mut values = self.overwrite("cross_entropy", logits);
        cross_entropy::forward(&self.device.pool, logits.cols, &mut values, targets, &mut losses);
        let probabilities = self.push("cross_entropy", values, logits.rows, logits.cols, false);
        let (losses, mean) = self.push_losses("cross_entropy", losses, targets.len() as f64);
        if self.records() {
            self.record(PlainCrossEntropy { logits, probabilities, targets: targets.to_vec(), mean });
        }
        Ok((losses, mean))
    }

    /// As [`Graph::cross_entropy`], with smoothed targets and weighted classes as PyTorch has them. With weights the mean
    /// is the sum divided by that of the targets' weights; it is zero where they all are.
    pub fn cross_entropy_with(
        &mut self,
        logits: Tensor,
        targets: &[u32],
        options: &CrossEntropy,
    ) -> Result<(Tensor, Tensor), ShapeError> {
        const NAME: &str = "cross_entropy_with";
        let &CrossEntropy { label_smoothing, weights } = options;
        if label_smoothing == 0.0 && weights.is_none() {
            return self.cross_entropy(logits, targets);
        }
        check(NAME, logits, targets)?;
        let mut total = targets.len() as f64;
        if let Some(weights) = weights {
            let sides = (("logits", &logits.shape()[..]), ("weights", &[weights.len()][..]));
            expect(weights.len() == logits.cols, NAME, sides.0, sides.1, "there must be a weight a class")?;
            total = targets.iter().map(|&target| f64::from(weights[target as usize])).sum();
        }
        // Infinity makes both the mean and its gradient zero.
        let total = if total == 0.0 { f64::INFINITY } else { total };
        self.loss(NAME, logits, total, |pool, logits, losses| {
            losses::cross_entropy(pool, logits, targets, label_smoothing, weights, losses);
        })
    }
}

fn check(operation: &'static str, logits: Tensor, targets: &[u32]) -> Result<(), ShapeError> {
    let fits = targets.len() == logits.rows && logits.rows > 0;
    let sides = (("logits", &logits.shape()[..]), ("targets", &[targets.len()][..]));
    expect(fits, operation, sides.0, sides.1, "there must be one target a row, and at least one")?;
    check_ids(targets, operation, "classes", &[logits.cols])
}

impl Operation for PlainCrossEntropy {
    fn backward(&self, graph: &mut Graph, _: &mut Gradients) {
        let upstream = graph.take_grad(self.mean);
        let Some(scale) = upstream.first().map(|g| g / self.targets.len() as f32) else { return };
        let mut values = graph.overwrite("cross_entropy", self.probabilities);
        let pool = &graph.device.pool;
        cross_entropy::backward(pool, self.logits.cols, &mut values, &self.targets, scale);
        graph.pass_grad(self.logits, values);
        graph.workspace.give(upstream);
    }
}
