//! Gradient norm and optimizer steps over flat parameters.

use std::ops::Range;

use crate::pool::Pool;
use crate::shared::SharedMut;
use crate::simd::vectorized;

/// Values whose squares are summed together; the sums of blocks are then added in order, whatever the threads.
const BLOCK: usize = 4096;

/// The Euclidean norm of all values.
pub fn global_norm(pool: &Pool, values: &[f32]) -> f32 {
    let blocks = values.len().div_ceil(BLOCK);
    let mut sums = vec![0.0f32; blocks];
    let shared = SharedMut::new(&mut sums);
    pool.run(|worker| {
        let own = worker.share(blocks, 1);
        // SAFETY: these blocks belong to this worker alone.
        let out = unsafe { shared.part(own.clone()) };
        for (out, block) in out.iter_mut().zip(own) {
            let block = &values[block * BLOCK..((block + 1) * BLOCK).min(values.len())];
            let mut lanes = [0.0f32; 16];
            let (head, tail) = block.as_chunks::<16>();
            for chunk in head {
                lanes.iter_mut().zip(chunk).for_each(|(sum, v)| *sum += v * v);
            }
            *out = lanes.iter().sum::<f32>() + tail.iter().map(|v| v * v).sum::<f32>();
        }
    });
    sums.iter().map(|&sum| f64::from(sum)).sum::<f64>().sqrt() as f32
}

/// Calls `step` for one stretch of `own` after the other, with whether it lies in `decayed`, whose ranges are in order and
/// apart.
#[inline(always)]
fn for_each_stretch(own: Range<usize>, decayed: &[Range<usize>], mut step: impl FnMut(Range<usize>, bool)) {
    let mut at = own.start;
    let mut ahead = &decayed[decayed.partition_point(|range| range.end <= at)..];
    while at < own.end {
        let (end, decays) = match ahead {
            [range, rest @ ..] if range.start <= at => {
                ahead = rest;
                (range.end, true)
            }
            [range, ..] => (range.start, false),
            [] => (own.end, false),
        };
        let end = end.min(own.end);
        step(at..end, decays);
        at = end;
    }
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stretches_cover_the_share_and_agree_with_the_ranges() {
        let layouts: [&[(usize, usize)]; 5] =
            [&[], &[(0, 20)], &[(3, 5), (9, 10), (14, 20)], &[(0, 7)], &[(18, 20)]];
        for edges in layouts {
            let decayed: Vec<_> = edges.iter().map(|&(start, end)| start..end).collect();
            for start in 0..20 {
                for end in start..=20 {
                    let mut found = Vec::new();
                    for_each_stretch(start..end, &decayed, |stretch, decays| {
                        assert!(!stretch.is_empty());
                        found.extend(stretch.map(|i| (i, decays)));
                    });
                    let inside = |i: usize| decayed.iter().any(|range| range.contains(&i));
                    let expected: Vec<_> = (start..end).map(|i| (i, inside(i))).collect();
                    assert_eq!(found, expected, "{start}..{end} of {decayed:?}");
                }
            }
        }
    }
}
