//! Lion: steps of one size in the direction of a sign.

use std::ops::Range;

use super::{BLOCK, for_each_stretch};
use crate::pool::Pool;
use crate::shared::SharedMut;
use crate::simd::vectorized;

/// Settings of Lion (Chen et al., "Symbolic discovery of optimization algorithms", 2023).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Lion {
    /// Step size.
    pub learning_rate: f32,
    /// Share of the running mean in the direction of a step, and in the next running mean.
    pub betas: (f32, f32),
    /// Share of the weight that is taken away each step, times the learning rate.
    pub weight_decay: f32,
}

/// One step of Lion on `grads` times `scale`: `value -= learning_rate * sign(beta1 * mean + (1 - beta1) * grad)`. Weights decay
/// in the ranges `decayed`, which are in order and apart.
pub fn lion(
    pool: &Pool,
    settings: Lion,
    scale: f32,
    values: &mut [f32],
    grads: &[f32],
    mean: &mut [f32],
    decayed: &[Range<usize>],
) {
    let Lion { learning_rate, betas: (beta1, beta2), weight_decay } = settings;
    let (n, decay) = (values.len(), 1.0 - learning_rate * weight_decay);
    assert_eq!((grads.len(), mean.len()), (n, n));
    let [values, mean] = [values, mean].map(SharedMut::new);
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
                        let [values, mean] = [values, mean].map(|all| unsafe { all.part(stretch.clone()) });
                        for ((value, grad), m) in values.iter_mut().zip(&grads[stretch]).zip(mean) {
                            let grad = grad * scale;
                            let direction = *m + (grad - *m) * (1.0 - beta1);
                            *m += (grad - *m) * (1.0 - beta2);
                            let step = if direction == 0.0 { 0.0 } else { learning_rate.copysign(direction) };
                            *value = *value * decay - step;
                        }
                    },
                );
            },
        );
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_those_of_the_formula_in_f64() {
        let n = 9_000;
        let wave = |factor: f64| (0..n).map(|i| (i as f64 * factor).sin() as f32).collect::<Vec<_>>();
        let settings = Lion { learning_rate: 0.01, betas: (0.9, 0.98), weight_decay: 0.5 };
        let decayed = [10..4_000, 5_000..5_001];
        let mut results = [1, 3].map(|threads| {
            let (mut values, mut mean) = (wave(0.3), wave(0.7));
            for step in 0..2 {
                let mut grads = wave(1.1 + f64::from(step));
                grads[..5].fill(0.0);
                let (before, mean_before) = (values.clone(), mean.clone());
                lion(&Pool::new(threads), settings, 0.5, &mut values, &grads, &mut mean, &decayed);
                for i in 0..n {
                    let [value, m, grad] = [before[i], mean_before[i], grads[i] * 0.5].map(f64::from);
                    let direction = 0.9 * m + 0.1 * grad;
                    let decay = if decayed.iter().any(|range| range.contains(&i)) { 0.995 } else { 1.0 };
                    // A sum so near zero may have either sign.
                    if direction.abs() > 1e-6 {
                        let expected = value * decay - 0.01 * direction.signum();
                        assert!((f64::from(values[i]) - expected).abs() < 1e-6, "value {i}");
                    }
                    assert!((f64::from(mean[i]) - (0.98 * m + 0.02 * grad)).abs() < 1e-6, "mean {i}");
                }
            }
            (values, mean)
        });
        let [one, three] = &mut results;
        assert_eq!(one, three);
        let (mut value, mut mean) = ([1.0], [0.0]);
        lion(&Pool::new(1), settings, 1.0, &mut value, &[0.0], &mut mean, &[]);
        assert_eq!(value, [1.0]);
    }
}
