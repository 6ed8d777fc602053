//! Softmax cross-entropy.

use anaphora_kernels::cross_entropy;

use crate::error::{ShapeError, expect};
use crate::graph::{Graph, Operation, Tensor};
use crate::ops::embedding::check_ids;

struct CrossEntropy {
    logits: Tensor,
    probabilities: Tensor,
    targets: Vec<u32>,
    mean: Tensor,
}

impl Graph<'_> {
    /// The cross-entropy of each row of `logits[rows, classes]` in nats, `[rows, 1]`, and its mean, `[1, 1]`. It takes the
    /// logits over, so that they are not held twice: it must be the last to read them.
    pub fn cross_entropy(&mut self, logits: Tensor, targets: &[u32]) -> Result<(Tensor, Tensor), ShapeError> {
        let fits = targets.len() == logits.rows && logits.rows > 0;
        let sides = (("logits", &logits.shape()[..]), ("targets", &[targets.len()][..]));
        expect(fits, "cross_entropy", sides.0, sides.1, "there must be one target a row, and at least one")?;
        check_ids(targets, "cross_entropy", "classes", &[logits.cols])?;
        let mut losses = self.memory.take(logits.rows);
        let mut values = self.overwrite(logits);
        cross_entropy::forward(&self.device.pool, logits.cols, &mut values, targets, &mut losses);
        let probabilities = self.push(values, logits.rows, logits.cols, false);
        let mean = losses.iter().map(|&loss| f64::from(loss)).sum::<f64>() / targets.len() as f64;
        let losses = self.push(losses, logits.rows, 1, false);
        let mut value = self.memory.take(1);
        value[0] = mean as f32;
        let mean = self.push(value, 1, 1, true);
        if self.is_training() {
            self.record(CrossEntropy { logits, probabilities, targets: targets.to_vec(), mean });
        }
        Ok((losses, mean))
    }
}

impl Operation for CrossEntropy {
    fn backward(&self, graph: &mut Graph) {
        let upstream = graph.take_grad(self.mean);
        let Some(scale) = upstream.first().map(|g| g / self.targets.len() as f32) else { return };
        let mut values = graph.overwrite(self.probabilities);
        let pool = &graph.device.pool;
        cross_entropy::backward(pool, self.logits.cols, &mut values, &self.targets, scale);
        graph.pass_grad(self.logits, values);
        graph.memory.give(upstream);
    }
}
