//! Stochastic gradient descent with momentum.

use std::ops::Range;

use super::{BLOCK, for_each_stretch};
use crate::pool::Pool;
use crate::shared::SharedMut;

/// Settings of stochastic gradient descent with momentum, as PyTorch names them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sgd {
    /// Step size.
    pub learning_rate: f32,
    /// Share of the last update that is kept.
    pub momentum: f32,
    /// L2 penalty, added to the gradient.
    pub weight_decay: f32,
}

/// One step of SGD: `velocity = momentum * velocity + grad`, `value -= learning_rate * velocity`. Weights decay in the ranges
/// `decayed`, which are in order and apart.
#[allow(clippy::too_many_arguments)]
pub fn sgd(
    pool: &Pool,
    settings: Sgd,
    scale: f32,
    values: &mut [f32],
    grads: &[f32],
    velocity: &mut [f32],
    decayed: &[Range<usize>],
) {
    let Sgd { learning_rate, momentum, weight_decay } = settings;
    let n = values.len();
    assert_eq!((grads.len(), velocity.len()), (n, n));
    let [values, velocity] = [values, velocity].map(SharedMut::new);
    pool.run(|worker| {
        for_each_stretch(worker.share(n, BLOCK), decayed, |stretch, decays| {
            let decay = if decays { weight_decay } else { 0.0 };
            // SAFETY: this range belongs to this worker alone.
            let [values, velocity] = [values, velocity].map(|all| unsafe { all.part(stretch.clone()) });
            for ((value, grad), velocity) in values.iter_mut().zip(&grads[stretch]).zip(velocity) {
                *velocity = *velocity * momentum + grad * scale + *value * decay;
                *value -= learning_rate * *velocity;
            }
        });
    });
}
