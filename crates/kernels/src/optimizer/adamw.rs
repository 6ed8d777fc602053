//! Adam with decoupled weight decay.

use std::ops::Range;

use super::{BLOCK, for_each_stretch};
use crate::pool::Pool;
use crate::shared::SharedMut;
use crate::simd::vectorized;

/// Settings of AdamW (Loshchilov, Hutter 2019) as PyTorch names them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdamW {
    /// Step size.
    pub learning_rate: f32,
    /// Decay of the running means of gradient and squared gradient.
    pub betas: (f32, f32),
    /// Added to the root of the squared gradient's mean.
    pub epsilon: f32,
    /// Share of the weight that is taken away each step, times the learning rate.
    pub weight_decay: f32,
}

/// One AdamW step, the `step`-th (from 1): `grads` are first multiplied by `scale` (clipping); `mean` and `square` are the
/// running means. Weights decay in the ranges `decayed`, which are in order and apart.
#[allow(clippy::too_many_arguments)]
pub fn adamw(
    pool: &Pool,
    settings: AdamW,
    step: u64,
    scale: f32,
    values: &mut [f32],
    grads: &[f32],
    mean: &mut [f32],
    square: &mut [f32],
    decayed: &[Range<usize>],
) {
    let AdamW { learning_rate, betas: (beta1, beta2), epsilon, weight_decay } = settings;
    let steps = step.min(i32::MAX as u64) as i32;
    let correction1 = 1.0 - f64::from(beta1).powi(steps);
    let correction2 = 1.0 - f64::from(beta2).powi(steps);
    let rate = (f64::from(learning_rate) / correction1) as f32;
    let root = (1.0 / correction2.sqrt()) as f32;
    let decay = 1.0 - learning_rate * weight_decay;
    let n = values.len();
    assert_eq!((grads.len(), mean.len(), square.len()), (n, n, n));
    let [values, mean, square] = [values, mean, square].map(SharedMut::new);
    pool.run(|worker| {
        let own = worker.share(n, BLOCK);
        vectorized(
            #[inline(always)]
            || {
                for_each_stretch(
                    own,
                    decayed,
                    #[inline(always)]
                    |stretch, decays| {
                        let decay = if decays { decay } else { 1.0 };
                        // SAFETY: this range belongs to this worker alone.
                        let [values, mean, square] =
                            [values, mean, square].map(|all| unsafe { all.part(stretch.clone()) });
                        let moments = mean.iter_mut().zip(square);
                        for ((value, grad), (m, v)) in values.iter_mut().zip(&grads[stretch]).zip(moments) {
                            let grad = grad * scale;
                            *m += (grad - *m) * (1.0 - beta1);
                            *v = *v * beta2 + grad * grad * (1.0 - beta2);
                            *value = *value * decay - rate * *m / (v.sqrt() * root + epsilon);
                        }
                    },
                );
            },
        );
    });
}
