//! Losses that know their gradient as soon as they know their value: each call writes a loss a row and turns what it was
//! predicted with into the gradient of that row's loss, in place.

use rten_simd::{Isa, SimdOp, SimdUnaryOp};
use rten_vecmath::Exp;

use crate::cross_entropy::softmax;
use crate::lanes::for_each;
use crate::pool::Pool;
use crate::shared::SharedMut;
use crate::simd::{self, vectorized};

/// Logarithms of variances are taken to lie in this range: deviations from about 0.001 to 1,100.
pub const LOG_VARIANCE: std::ops::RangeInclusive<f32> = -14.0..=14.0;

/// `losses[row] = loss(row, values)` for each row, whose values `loss` may write over.
#[inline(always)]
fn each_row(
    pool: &Pool,
    values: &mut [f32],
    losses: &mut [f32],
    loss: impl Fn(usize, &mut [f32]) -> f32 + Sync,
) {
    let rows = losses.len();
    let width = values.len() / rows.max(1);
    assert_eq!(values.len(), rows * width);
    let (values, losses) = (SharedMut::new(values), SharedMut::new(losses));
    pool.run(|worker| {
        let own = worker.share(rows, 1);
        // SAFETY: these rows belong to this worker alone.
        let (values, losses) =
            unsafe { (values.part(own.start * width..own.end * width), losses.part(own.clone())) };
        vectorized(
            #[inline(always)]
            || {
                for ((row, values), to) in own.zip(values.chunks_exact_mut(width.max(1))).zip(losses) {
                    *to = loss(row, values);
                }
            },
        );
    });
}

/// Softmax cross-entropy with a weight for each class (1 where there are none) and a share `smoothing` of the target taken
/// from its class and spread evenly over all: `Σ_c t_c (-ln p_c)` with `t_c = weights_c ((1 - smoothing) [c = target] +
/// smoothing / classes)`, as PyTorch has it.
pub fn cross_entropy(
    pool: &Pool,
    logits: &mut [f32],
    targets: &[u32],
    smoothing: f32,
    weights: Option<&[f32]>,
    losses: &mut [f32],
) {
    let classes = logits.len() / targets.len().max(1);
    let share = smoothing / classes as f32;
    let total = weights.map_or(classes as f32, |weights| weights.iter().sum());
    each_row(
        pool,
        logits,
        losses,
        #[inline(always)]
        |row, values| {
            let target = targets[row] as usize;
            let own = (1.0 - smoothing) * weights.map_or(1.0, |weights| weights[target]);
            let logit = values[target];
            // Relative to the target's logit, so that large ones do not cancel.
            let others: f32 = match weights {
                _ if share == 0.0 => 0.0,
                Some(weights) => values.iter().zip(weights).map(|(v, w)| w * (v - logit)).sum(),
                None => values.iter().map(|v| v - logit).sum(),
            };
            let own_loss = softmax(values) - logit;
            let sum = own + share * total;
            match weights {
                Some(weights) => values.iter_mut().zip(weights).for_each(|(p, w)| *p = *p * sum - share * w),
                None => values.iter_mut().for_each(|p| *p = *p * sum - share),
            }
            values[target] -= own;
            sum * own_loss - share * others
        },
    );
}

/// Columns whose exponentials are held at once.
const CHUNK: usize = 64;

/// Cross-entropy of independent yes-or-no answers in nats, summed over the columns: `-(w y ln σ(x) + (1 - y) ln(1 - σ(x)))`
/// with `w` a weight of a column's positives (1 where there are none), as PyTorch's `BCEWithLogitsLoss` computes it.
pub fn binary_cross_entropy(
    pool: &Pool,
    logits: &mut [f32],
    targets: &[f32],
    positive_weights: Option<&[f32]>,
    losses: &mut [f32],
) {
    assert_eq!(logits.len(), targets.len());
    let width = logits.len() / losses.len().max(1);
    each_row(
        pool,
        logits,
        losses,
        #[inline(always)]
        |row, values| {
            let targets = &targets[row * width..][..width];
            let mut loss = 0.0;
            for (chunk, (values, targets)) in values.chunks_mut(CHUNK).zip(targets.chunks(CHUNK)).enumerate()
            {
                let mut weights = [1.0; CHUNK];
                if let Some(all) = positive_weights {
                    let all = &all[chunk * CHUNK..];
                    let count = all.len().min(CHUNK);
                    weights[..count].copy_from_slice(&all[..count]);
                }
                let mut small = [0.0; CHUNK];
                small.iter_mut().zip(&*values).for_each(|(small, x)| *small = -x.abs());
                simd::dispatch(ExpInPlace(&mut small[..values.len()]));
                let mut parts = [0.0; CHUNK];
                for ((((x, y), w), e), part) in
                    values.iter_mut().zip(targets).zip(&weights).zip(&small).zip(&mut parts)
                {
                    // e = exp(-|x|), σ(-x) from it, and -ln σ(x) = ln(1 + exp(-x)).
                    let weight = 1.0 + (w - 1.0) * y;
                    let not = (if *x > 0.0 { *e } else { 1.0 }) / (1.0 + e);
                    *part = (1.0 - y) * *x + weight * (ln_1p(*e) + (-*x).max(0.0));
                    *x = (1.0 - y) - weight * not;
                }
                loss += parts.iter().sum::<f32>();
            }
            loss
        },
    );
}

struct ExpInPlace<'a>(&'a mut [f32]);

impl SimdOp for ExpInPlace<'_> {
    type Output = ();

    #[inline(always)]
    fn eval<I: Isa>(self, isa: I) {
        let values = self.0;
        // SAFETY: one slice, its own length.
        unsafe {
            for_each(
                isa,
                values.len(),
                #[inline(always)]
                |at| at.store(isa, Exp::apply(isa, at.load(isa, values)), values),
            );
        }
    }
}

/// `ln(1 + x)` for `x` in `0..=1` by the series of `2 artanh(x / (2 + x))`, whose first term left out is below 1e-8.
#[inline(always)]
fn ln_1p(x: f32) -> f32 {
    let s = x / (2.0 + x);
    let s2 = s * s;
    let mut sum = 1.0 / 15.0;
    for n in [13.0, 11.0, 9.0, 7.0, 5.0, 3.0, 1.0] {
        sum = sum * s2 + 1.0 / n;
    }
    2.0 * s * sum
}

/// The mean of `(x - target)²` over the columns.
pub fn squared_error(pool: &Pool, x: &mut [f32], targets: &[f32], losses: &mut [f32]) {
    mean_of_columns(
        pool,
        x,
        targets,
        losses,
        #[inline(always)]
        |difference| (difference * difference, 2.0 * difference),
    );
}

/// The mean of `|x - target|` over the columns; the gradient where they are equal is zero.
pub fn absolute_error(pool: &Pool, x: &mut [f32], targets: &[f32], losses: &mut [f32]) {
    let sign = |v: f32| if v == 0.0 { 0.0 } else { v.signum() };
    mean_of_columns(
        pool,
        x,
        targets,
        losses,
        #[inline(always)]
        |difference| (difference.abs(), sign(difference)),
    );
}

/// The mean over the columns of the first part of `f(x - target)`, whose second is its derivative.
#[inline(always)]
fn mean_of_columns(
    pool: &Pool,
    x: &mut [f32],
    targets: &[f32],
    losses: &mut [f32],
    f: impl Fn(f32) -> (f32, f32) + Sync,
) {
    assert_eq!(x.len(), targets.len());
    let width = x.len() / losses.len().max(1);
    let scale = 1.0 / width as f32;
    each_row(
        pool,
        x,
        losses,
        #[inline(always)]
        |row, values| {
            let mut sum = 0.0;
            for (x, target) in values.iter_mut().zip(&targets[row * width..]) {
                let (loss, derivative) = f(*x - target);
                sum += loss;
                *x = derivative * scale;
            }
            sum * scale
        },
    );
}

/// Negative log-likelihood in nats of `targets[rows, n]` under normal distributions, summed over their columns: the columns
/// of `x[rows, 2 n]` are n means and then n logarithms of variances `v`, held within [`LOG_VARIANCE`]:
/// `½ (ln 2π + v + (target - mean)² exp(-v))`. Beyond an end of the range the gradient of `v` is that at the end where it
/// leads back, else zero.
pub fn gaussian(pool: &Pool, x: &mut [f32], targets: &[f32], losses: &mut [f32]) {
    assert_eq!(x.len(), 2 * targets.len());
    let width = targets.len() / losses.len().max(1);
    let constant = 0.5 * std::f32::consts::TAU.ln();
    let (low, high) = (*LOG_VARIANCE.start(), *LOG_VARIANCE.end());
    each_row(
        pool,
        x,
        losses,
        #[inline(always)]
        |row, values| {
            let (means, variances) = values.split_at_mut(width);
            let mut sum = 0.0;
            for ((mean, variance), target) in means.iter_mut().zip(variances).zip(&targets[row * width..]) {
                let inside = variance.clamp(low, high);
                let precision = (-inside).exp();
                let difference = *mean - target;
                let square = difference * difference * precision;
                sum += constant + 0.5 * (inside + square);
                let slope = 0.5 * (1.0 - square);
                let leads_away = (*variance < low && slope > 0.0) || (*variance > high && slope < 0.0);
                *mean = difference * precision;
                *variance = if leads_away { 0.0 } else { slope };
            }
            sum
        },
    );
}

/// Pinball loss (Koenker, Bassett 1978) of quantiles: `x[rows, n * levels.len()]` has for each of the n columns of
/// `targets` its quantiles at `levels`; `max(level d, (level - 1) d)` of `d = target - x`, the mean over all columns.
pub fn quantile(pool: &Pool, x: &mut [f32], targets: &[f32], levels: &[f32], losses: &mut [f32]) {
    assert_eq!(x.len(), targets.len() * levels.len());
    let width = targets.len() / losses.len().max(1);
    let scale = 1.0 / (width * levels.len()) as f32;
    each_row(
        pool,
        x,
        losses,
        #[inline(always)]
        |row, values| {
            let mut sum = 0.0;
            for (quantiles, target) in values.chunks_exact_mut(levels.len()).zip(&targets[row * width..]) {
                for (x, level) in quantiles.iter_mut().zip(levels) {
                    let difference = target - *x;
                    let slope = if difference < 0.0 { level - 1.0 } else { *level };
                    sum += slope * difference;
                    *x = -slope * scale;
                }
            }
            sum * scale
        },
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logarithms_are_exact_to_rounding() {
        for i in 0..=10_000 {
            let x = i as f32 / 10_000.0;
            let expected = f64::from(x).ln_1p();
            let error = (f64::from(ln_1p(x)) - expected).abs();
            assert!(error <= 3e-7 * expected, "ln(1 + {x}) is off by {error}");
        }
    }

    #[test]
    fn logits_of_any_size_have_a_finite_loss() {
        let mut logits = [-1e4, 1e4, -100.0, 100.0, 0.0];
        let mut losses = [0.0; 5];
        binary_cross_entropy(&Pool::new(1), &mut logits, &[0.0, 1.0, 1.0, 0.0, 0.5], None, &mut losses);
        let expected = [0.0, 0.0, 100.0, 100.0, std::f32::consts::LN_2];
        assert!(
            losses.iter().zip(expected).all(|(found, expected)| (found - expected).abs() < 1e-5),
            "{losses:?}"
        );
        assert_eq!(logits, [0.0, 0.0, -1.0, 1.0, 0.0]);
    }

    #[test]
    fn variances_beyond_the_range_are_led_back() {
        let mut x = [0.0, 100.0, 0.0, -100.0, 0.0, 100.0, 0.0, -100.0];
        let mut losses = [0.0; 4];
        gaussian(&Pool::new(1), &mut x, &[0.0, 5.0, 1e6, 0.0], &mut losses);
        assert!(losses.iter().all(|loss| loss.is_finite()), "{losses:?}");
        let slopes = [x[1], x[3], x[5], x[7]];
        // Too wide for what was seen, too narrow, and twice nothing but further out.
        assert!(slopes[0] > 0.0 && slopes[1] < 0.0, "{slopes:?}");
        assert_eq!(slopes[2..], [0.0, 0.0]);
    }
}
