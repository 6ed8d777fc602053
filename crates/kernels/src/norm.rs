//! Normalisation of rows, together with the residual sum in front of it: one pass over memory.

use crate::dropout::Dropper;
use crate::lanes::{self, LANES};
use crate::pool::Pool;

use crate::shared::SharedMut;
use crate::simd::vectorized;

/// How a row is normalised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Norm {
    /// By mean and deviation (Ba, Kiros, Hinton 2016).
    Layer,
    /// By the root of the mean square (Zhang, Sennrich 2019).
    Rms,
}

/// The branch added to the residual stream before it is normalised.
#[derive(Clone, Copy)]
pub struct Branch<'a> {
    /// `[rows, width]`.
    pub values: &'a [f32],
    /// Dropout on these values.
    pub dropout: Option<Dropper>,
}

/// What a normalised row is multiplied with and moved by.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scale<'a> {
    /// `[width]`.
    pub weight: &'a [f32],
    /// `[width]`, where there is one.
    pub bias: Option<&'a [f32]>,
    /// Added to the variance.
    pub epsilon: f32,
}

/// Rows whose share of the parameters' gradients is summed by itself: the blocks do not depend on the number of threads.
const BLOCK: usize = 32;

/// `sum = x + branch` (where there is one) and `y = norm(sum) ⊙ weight + bias` for each row of `width` values;
/// `stats[rows, 2]` keeps each row's mean and the reciprocal of its deviation.
pub fn forward(
    pool: &Pool,
    norm: Norm,
    scale: Scale,
    x: &[f32],
    branch: Option<(Branch, &mut [f32])>,
    y: &mut [f32],
    stats: &mut [f32],
) {
    let width = scale.weight.len();
    let rows = stats.len() / 2;
    assert_eq!((x.len(), y.len()), (rows * width, rows * width));
    let (branch, sums) = match branch {
        Some((branch, sums)) => {
            assert_eq!((branch.values.len(), sums.len()), (x.len(), x.len()));
            (Some(branch), Some(SharedMut::new(sums)))
        }
        None => (None, None),
    };
    let (y, stats) = (SharedMut::new(y), SharedMut::new(stats));
    pool.run(|worker| {
        for row in worker.share(rows, 1) {
            let range = row * width..(row + 1) * width;
            // SAFETY: this row belongs to this worker alone.
            let (y, stats) = unsafe { (y.part(range.clone()), stats.part(2 * row..2 * row + 2)) };
            let mut values = &x[range.clone()];
            if let (Some(branch), Some(sums)) = (branch, sums) {
                // SAFETY: as above.
                let sum = unsafe { sums.part(range.clone()) };
                let added = &branch.values[range.clone()];
                match branch.dropout {
                    None => add(values, added, sum),
                    Some(dropper) => {
                        sum.copy_from_slice(values);
                        dropper.apply(added, range.start, sum, true);
                    }
                }
                values = sum;
            }
            let (mean, inverse) = vectorized(
                #[inline(always)]
                || normalize(norm, scale, values, y),
            );
            stats.copy_from_slice(&[mean, inverse]);
        }
    });
}

/// Normalises one row; returns what was subtracted and multiplied with.
#[inline(always)]
fn normalize(norm: Norm, scale: Scale, values: &[f32], y: &mut [f32]) -> (f32, f32) {
    let width = values.len() as f32;
    let mean = match norm {
        Norm::Layer => lanes::sum(values, |v| v) / width,
        Norm::Rms => 0.0,
    };
    let square = lanes::sum(values, |v| (v - mean) * (v - mean)) / width;
    let inverse = 1.0 / (square + scale.epsilon).sqrt();
    for ((y, v), w) in y.iter_mut().zip(values).zip(scale.weight) {
        *y = (v - mean) * inverse * w;
    }
    if let Some(bias) = scale.bias {
        y.iter_mut().zip(bias).for_each(|(y, b)| *y += b);
    }
    (mean, inverse)
}

fn add(a: &[f32], b: &[f32], sum: &mut [f32]) {
    vectorized(
        #[inline(always)]
        || {
            for ((sum, a), b) in sum.iter_mut().zip(a).zip(b) {
                *sum = a + b;
            }
        },
    );
}

/// The backward pass of [`forward`]: `d` comes with the gradient of `sum` from elsewhere and leaves with all of it, which
/// is that of `x` too; `dbranch` becomes it under the mask; the parameters' gradients are added to.
#[allow(clippy::too_many_arguments)]
pub fn backward(
    pool: &Pool,
    norm: Norm,
    weight: &[f32],
    sum: &[f32],
    stats: &[f32],
    dy: &[f32],
    d: &mut [f32],
    dbranch: Option<(&mut [f32], Option<Dropper>)>,
    dweight: &mut [f32],
    dbias: Option<&mut [f32]>,
) {
    let width = weight.len();
    let rows = stats.len() / 2;
    assert_eq!((sum.len(), dy.len(), d.len()), (rows * width, rows * width, rows * width));
    let blocks = rows.div_ceil(BLOCK);
    let mut partial = vec![0.0; blocks * 2 * width];
    let (shared, partials) = (SharedMut::new(d), SharedMut::new(&mut partial));
    let dbranch = dbranch.map(|(values, dropout)| {
        assert_eq!(values.len(), rows * width);
        (SharedMut::new(values), dropout)
    });
    pool.run(|worker| {
        for block in worker.share(blocks, 1) {
            // SAFETY: this block belongs to this worker alone.
            let partial = unsafe { partials.part(block * 2 * width..(block + 1) * 2 * width) };
            let (dweight, dbias) = partial.split_at_mut(width);
            for row in block * BLOCK..((block + 1) * BLOCK).min(rows) {
                let range = row * width..(row + 1) * width;
                // SAFETY: as above.
                let d = unsafe { shared.part(range.clone()) };
                let (sum, dy) = (&sum[range.clone()], &dy[range.clone()]);
                let (mean, inverse) = (stats[2 * row], stats[2 * row + 1]);
                vectorized(
                    #[inline(always)]
                    || row_backward(norm, weight, sum, mean, inverse, dy, d, dweight, dbias),
                );
                if let Some((values, dropout)) = dbranch {
                    // SAFETY: as above.
                    let dbranch = unsafe { values.part(range.clone()) };
                    match dropout {
                        None => dbranch.copy_from_slice(d),
                        Some(dropper) => dropper.apply(d, range.start, dbranch, false),
                    }
                }
            }
        }
    });
    add_blocks(&partial, width, 0, dweight);
    if let Some(dbias) = dbias {
        add_blocks(&partial, width, width, dbias);
    }
}

/// Adds the part of each block that begins at `first`.
fn add_blocks(partial: &[f32], width: usize, first: usize, out: &mut [f32]) {
    for block in partial.chunks_exact(2 * width) {
        out.iter_mut().zip(&block[first..]).for_each(|(out, v)| *out += v);
    }
}

#[inline(always)]
#[allow(clippy::too_many_arguments)]
fn row_backward(
    norm: Norm,
    weight: &[f32],
    sum: &[f32],
    mean: f32,
    inverse: f32,
    dy: &[f32],
    d: &mut [f32],
    dweight: &mut [f32],
    dbias: &mut [f32],
) {
    let width = weight.len() as f32;
    // The means of g = dy ⊙ weight and of g ⊙ x̂, x̂ being the normalised row.
    let mut plain = [0.0f32; LANES];
    let mut along = [0.0f32; LANES];
    let whole = weight.len() - weight.len() % LANES;
    for start in (0..whole).step_by(LANES) {
        let at = start..start + LANES;
        let [dy, w, s] = [dy, weight, sum].map(|values| &values[at.clone()]);
        let (dw, db) = (&mut dweight[at.clone()], &mut dbias[at]);
        for i in 0..LANES {
            let (g, hat) = (dy[i] * w[i], (s[i] - mean) * inverse);
            plain[i] += g;
            along[i] += g * hat;
            dw[i] += dy[i] * hat;
            db[i] += dy[i];
        }
    }
    for i in whole..weight.len() {
        let (g, hat) = (dy[i] * weight[i], (sum[i] - mean) * inverse);
        plain[i - whole] += g;
        along[i - whole] += g * hat;
        dweight[i] += dy[i] * hat;
        dbias[i] += dy[i];
    }
    let along = along.iter().sum::<f32>() / width;
    let plain = match norm {
        Norm::Layer => plain.iter().sum::<f32>() / width,
        Norm::Rms => 0.0,
    };
    for (((d, dy), w), s) in d.iter_mut().zip(dy).zip(weight).zip(sum) {
        let hat = (s - mean) * inverse;
        *d += inverse * (dy * w - plain - hat * along);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wave(len: usize, step: f32) -> Vec<f32> {
        (0..len).map(|i| (i as f32 * step).sin() + 0.3).collect()
    }

    /// One row in f64, as its definition says.
    fn reference(norm: Norm, scale: Scale, row: &[f32]) -> Vec<f64> {
        let n = row.len() as f64;
        let mean = match norm {
            Norm::Layer => row.iter().map(|v| f64::from(*v)).sum::<f64>() / n,
            Norm::Rms => 0.0,
        };
        let square = row.iter().map(|v| (f64::from(*v) - mean).powi(2)).sum::<f64>() / n;
        let inverse = 1.0 / (square + f64::from(scale.epsilon)).sqrt();
        let bias = |i: usize| scale.bias.map_or(0.0, |b| f64::from(b[i]));
        let each = row.iter().zip(scale.weight).enumerate();
        each.map(|(i, (v, w))| (f64::from(*v) - mean) * inverse * f64::from(*w) + bias(i)).collect()
    }

    #[test]
    fn rows_are_what_the_definition_says() {
        for width in [1, 15, 17, 33, 128] {
            let rows = 5;
            let (x, branch) = (wave(rows * width, 0.7), wave(rows * width, 1.3));
            let (weight, bias) = (wave(width, 0.2), wave(width, 0.9));
            for (norm, bias) in [(Norm::Layer, Some(&bias[..])), (Norm::Rms, None)] {
                let scale = Scale { weight: &weight, bias, epsilon: 1e-5 };
                let (mut y, mut stats) = (vec![0.0; x.len()], vec![0.0; 2 * rows]);
                let mut sum = vec![0.0; x.len()];
                let branch = Branch { values: &branch, dropout: None };
                forward(&Pool::new(2), norm, scale, &x, Some((branch, &mut sum)), &mut y, &mut stats);
                for row in 0..rows {
                    let range = row * width..(row + 1) * width;
                    for (got, want) in y[range.clone()].iter().zip(reference(norm, scale, &sum[range])) {
                        assert!((f64::from(*got) - want).abs() < 2e-5, "{norm:?} {width}: {got} {want}");
                    }
                }
                let wanted: Vec<f32> = x.iter().zip(branch.values).map(|(x, b)| x + b).collect();
                assert_eq!(sum, wanted);
            }
        }
    }

    #[test]
    fn threads_do_not_change_the_bits() {
        let (rows, width) = (77, 33);
        let (x, branch, dy) = (wave(rows * width, 0.7), wave(rows * width, 1.3), wave(rows * width, 2.1));
        let (weight, bias) = (wave(width, 0.2), wave(width, 0.9));
        let run = |threads: usize| {
            let pool = Pool::new(threads);
            let scale = Scale { weight: &weight, bias: Some(&bias), epsilon: 1e-5 };
            let (mut y, mut stats, mut sum) = (vec![0.0; x.len()], vec![0.0; 2 * rows], vec![0.0; x.len()]);
            let dropout = Some(Dropper::new(0.3, 7));
            let branch = Branch { values: &branch, dropout };
            forward(&pool, Norm::Layer, scale, &x, Some((branch, &mut sum)), &mut y, &mut stats);
            let (mut d, mut dbranch) = (vec![0.1; x.len()], vec![0.0; x.len()]);
            let (mut dweight, mut dbias) = (vec![0.0; width], vec![0.0; width]);
            let out = Some((&mut dbranch[..], dropout));
            backward(
                &pool,
                Norm::Layer,
                &weight,
                &sum,
                &stats,
                &dy,
                &mut d,
                out,
                &mut dweight,
                Some(&mut dbias),
            );
            [y, d, dbranch, dweight, dbias]
        };
        let one = run(1);
        assert_eq!(one, run(2));
        assert_eq!(one, run(3));
        // Values dropped in the forward pass get no gradient in the backward pass.
        let zeros = one[2].iter().filter(|d| **d == 0.0).count() as f32 / one[2].len() as f32;
        assert!((zeros - 0.3).abs() < 0.05, "{zeros}");
    }
}
