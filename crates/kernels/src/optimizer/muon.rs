//! Muon: steps of matrices whose singular values are all about one.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use super::{BLOCK, global_norm};
use crate::matmul::Precision;
use crate::matmul::linear::product_rows;
use crate::pool::Pool;
use crate::shared::SharedMut;
use crate::simd::vectorized;
use crate::{Buffer, Matrix};

/// Settings of Muon (Jordan et al. 2024) for one matrix.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Muon {
    /// Step size.
    pub learning_rate: f32,
    /// Share of the running sum of gradients that is kept.
    pub momentum: f32,
    /// Share of the weight that is taken away each step, times the learning rate.
    pub weight_decay: f32,
}

/// Coefficients of the odd polynomial of degree 5 that takes singular values towards 1, steepest at zero (K. Jordan).
const COEFFICIENTS: [f32; 3] = [3.4445, -4.7750, 2.0315];

/// How often it is applied.
const ITERATIONS: usize = 5;

/// Where a matrix lies among all weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MatrixRange {
    /// Its first value.
    pub start: usize,
    /// Its rows.
    pub rows: usize,
    /// Its columns.
    pub cols: usize,
}

/// Memory of the steps, kept from one to the next: one for each thread.
#[derive(Default)]
pub struct Orthogonalizer {
    workers: Vec<Mutex<(Pool, Buffers)>>,
}

#[derive(Default)]
struct Buffers {
    update: Buffer,
    other: Buffer,
    gram: Buffer,
    polynomial: Buffer,
}

/// One step of Muon for some matrices, which lie apart, on `grads` times `scale`: the running sum `sums = momentum * sums + grad`,
/// looked at one step ahead (Nesterov), is made orthogonal for each matrix by itself, and times `0.2 sqrt(max(rows, cols))`
/// (Liu et al., "Muon is scalable for LLM training", 2025) as long as a step of AdamW.
///
/// Where there are at least as many matrices as threads, each is one thread's, which need not wait for the others then; the larger
/// ones should stand in front. Results do not depend on it.
#[allow(clippy::too_many_arguments)]
pub fn muon(
    pool: &Pool,
    precision: Precision,
    settings: Muon,
    scale: f32,
    values: &mut [f32],
    grads: &[f32],
    sums: &mut [f32],
    matrices: &[MatrixRange],
    memory: &mut Orthogonalizer,
) {
    assert_eq!((values.len(), sums.len()), (grads.len(), grads.len()));
    let overlap = |a: &MatrixRange, b: &MatrixRange| {
        a.start < b.start + b.rows * b.cols && b.start < a.start + a.rows * a.cols
    };
    let apart = matrices.iter().enumerate().all(|(i, a)| matrices[..i].iter().all(|b| !overlap(a, b)));
    assert!(apart, "matrices that overlap");
    let threads = pool.threads();
    if memory.workers.len() < threads {
        memory.workers.resize_with(threads, || Mutex::new((Pool::new(1), Buffers::default())));
    }
    let [values, sums] = [values, sums].map(SharedMut::new);
    let step = |pool: &Pool, &MatrixRange { start, rows, cols }: &MatrixRange, buffers: &mut Buffers| {
        let range = start..start + rows * cols;
        // SAFETY: each matrix is taken once, and no two overlap.
        let [values, sums] = [values, sums].map(|all| unsafe { all.part(range.clone()) });
        buffers.step(pool, precision, settings, scale, [values, sums], &grads[range], [rows, cols]);
    };
    let workers = &memory.workers;
    if matrices.len() < threads {
        let (_, buffers) = &mut *workers[0].lock().unwrap_or_else(PoisonError::into_inner);
        matrices.iter().for_each(|place| step(pool, place, buffers));
    } else {
        let next = AtomicUsize::new(0);
        pool.run(|worker| {
            let own = &mut *workers[worker.index()].lock().unwrap_or_else(PoisonError::into_inner);
            while let Some(place) = matrices.get(next.fetch_add(1, Ordering::Relaxed)) {
                step(&own.0, place, &mut own.1);
            }
        });
    }
}

/// `sums = momentum * sums + grad`, `update = grad + momentum * sums`.
fn look_ahead(pool: &Pool, momentum: f32, scale: f32, sums: &mut [f32], grads: &[f32], update: &mut [f32]) {
    let n = sums.len();
    let [sums, update] = [sums, update].map(SharedMut::new);
    pool.run(|worker| {
        let own = worker.share(n, BLOCK);
        // SAFETY: this range belongs to this worker alone.
        let [sums, update] = [sums, update].map(|all| unsafe { all.part(own.clone()) });
        vectorized(
            #[inline(always)]
            || {
                for ((sum, update), grad) in sums.iter_mut().zip(update).zip(&grads[own]) {
                    let grad = grad * scale;
                    *sum = *sum * momentum + grad;
                    *update = *sum * momentum + grad;
                }
            },
        );
    });
}

/// `a = factors[0] * a + factors[1] * b`.
fn combine(pool: &Pool, factors: [f32; 2], a: &mut [f32], b: &[f32]) {
    let n = a.len();
    assert_eq!(b.len(), n);
    let a = SharedMut::new(a);
    pool.run(|worker| {
        let own = worker.share(n, BLOCK);
        // SAFETY: this range belongs to this worker alone.
        let a = unsafe { a.part(own.clone()) };
        vectorized(
            #[inline(always)]
            || a.iter_mut().zip(&b[own]).for_each(|(a, b)| *a = *a * factors[0] + b * factors[1]),
        );
    });
}

/// `b = factor * a`.
fn scaled(pool: &Pool, factor: f32, a: &[f32], b: &mut [f32]) {
    let b = SharedMut::new(b);
    pool.run(|worker| {
        let own = worker.share(a.len(), BLOCK);
        // SAFETY: this range belongs to this worker alone.
        let b = unsafe { b.part(own.clone()) };
        b.iter_mut().zip(&a[own]).for_each(|(b, a)| *b = a * factor);
    });
}

impl Buffers {
    /// The step of one matrix.
    #[allow(clippy::too_many_arguments)]
    fn step(
        &mut self,
        pool: &Pool,
        precision: Precision,
        settings: Muon,
        scale: f32,
        [values, sums]: [&mut [f32]; 2],
        grads: &[f32],
        [rows, cols]: [usize; 2],
    ) {
        let Muon { learning_rate, momentum, weight_decay } = settings;
        let mut update = std::mem::take(&mut self.update);
        update.fit(values.len());
        look_ahead(pool, momentum, scale, sums, grads, &mut update);
        if self.orthogonalize(pool, precision, &mut update, rows, cols) {
            let rate = learning_rate * 0.2 * (rows.max(cols) as f32).sqrt();
            combine(pool, [1.0 - learning_rate * weight_decay, -rate], values, &update);
        }
        self.update = update;
    }

    /// Makes `x[rows, cols]` nearly orthogonal: with the singular vectors of `x` and singular values between about 0.7 and 1.2
    /// (Newton and Schulz's iteration with K. Jordan's coefficients). Zeros stay zeros. False where a value is not finite.
    fn orthogonalize(
        &mut self,
        pool: &Pool,
        precision: Precision,
        x: &mut [f32],
        rows: usize,
        cols: usize,
    ) -> bool {
        assert_eq!(x.len(), rows * cols);
        let norm = global_norm(pool, x);
        if norm == 0.0 || !norm.is_finite() {
            return norm == 0.0;
        }
        crate::elementwise::scale(pool, x, 1.0 / norm);
        let small = rows.min(cols);
        let Self { other, gram, polynomial, .. } = self;
        other.fit(x.len());
        let [gram, polynomial] = [gram, polynomial].map(|square| square.fit(small * small));
        let [a, b, c] = COEFFICIENTS;
        let (mut from, mut to) = (&mut *x, &mut other[..]);
        for _ in 0..ITERATIONS {
            let m = Matrix::new(from, rows, cols);
            if rows <= cols {
                product_rows(pool, precision, m, m.transposed(), gram, false);
            } else {
                product_rows(pool, precision, m.transposed(), m, gram, false);
            }
            let square = Matrix::new(gram, small, small);
            product_rows(pool, precision, square, square, polynomial, false);
            combine(pool, [c, b], polynomial, gram);
            scaled(pool, a, from, to);
            let p = Matrix::new(polynomial, small, small);
            let (left, right) = if rows <= cols { (p, m) } else { (m, p) };
            product_rows(pool, precision, left, right, to, true);
            std::mem::swap(&mut from, &mut to);
        }
        if ITERATIONS % 2 == 1 {
            x.copy_from_slice(other);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wave(len: usize, factor: f64) -> Vec<f32> {
        (0..len).map(|i| ((i * i % 1_009) as f64 * factor).sin() as f32).collect()
    }

    /// `a[m, k] · b[k, n]` in f64.
    fn product(a: &[f64], b: &[f64], [m, k, n]: [usize; 3]) -> Vec<f64> {
        let mut c = vec![0.0; m * n];
        for i in 0..m {
            for p in 0..k {
                for j in 0..n {
                    c[i * n + j] += a[i * k + p] * b[p * n + j];
                }
            }
        }
        c
    }

    fn transposed(a: &[f64], cols: usize) -> Vec<f64> {
        (0..cols).flat_map(|j| a.iter().skip(j).step_by(cols).copied()).collect()
    }

    /// The iteration as the formula has it, in f64.
    fn reference(x: &[f64], rows: usize, cols: usize) -> Vec<f64> {
        let norm = x.iter().map(|v| v * v).sum::<f64>().sqrt();
        let mut x: Vec<f64> = x.iter().map(|v| v / norm).collect();
        let [a, b, c] = COEFFICIENTS.map(f64::from);
        for _ in 0..ITERATIONS {
            let gram = product(&x, &transposed(&x, cols), [rows, cols, rows]);
            let square = product(&gram, &gram, [rows; 3]);
            let polynomial: Vec<f64> = gram.iter().zip(square).map(|(g, s)| b * g + c * s).collect();
            let rest = product(&polynomial, &x, [rows, rows, cols]);
            x.iter_mut().zip(rest).for_each(|(x, rest)| *x = a * *x + rest);
        }
        x
    }

    #[test]
    fn steps_are_those_of_the_formula_in_f64() {
        let settings = Muon { learning_rate: 0.01, momentum: 0.9, weight_decay: 0.1 };
        let cases: [(&[usize], usize); 4] = [(&[7, 7, 7], 19), (&[40], 12), (&[1], 5), (&[16, 33], 33)];
        for (heights, cols) in cases {
            let n = heights.iter().sum::<usize>() * cols;
            let grads = wave(n, 0.37);
            let expected = {
                let mut values: Vec<f64> = wave(n, 0.11).into_iter().map(f64::from).collect();
                let sums: Vec<f64> = wave(n, 0.23).into_iter().map(f64::from).collect();
                let mut start = 0;
                for &rows in heights {
                    let range = start..start + rows * cols;
                    let update: Vec<f64> = range
                        .clone()
                        .map(|i| {
                            let grad = f64::from(grads[i]) * 0.5;
                            grad + 0.9 * (0.9 * sums[i] + grad)
                        })
                        .collect();
                    let update = reference(&update, rows, cols);
                    let rate = 0.01 * 0.2 * (rows.max(cols) as f64).sqrt();
                    for (value, update) in values[range.clone()].iter_mut().zip(update) {
                        *value = *value * 0.999 - rate * update;
                    }
                    start = range.end;
                }
                values
            };
            let results = [1, 2, 3].map(|threads| {
                let (mut values, mut sums, pool) = (wave(n, 0.11), wave(n, 0.23), Pool::new(threads));
                let mut memory = Orthogonalizer::default();
                let mut start = 0;
                let place = |&rows: &usize| {
                    let place = MatrixRange { start, rows, cols };
                    start += rows * cols;
                    place
                };
                let matrices: Vec<_> = heights.iter().map(place).collect();
                let f32 = Precision::F32;
                muon(&pool, f32, settings, 0.5, &mut values, &grads, &mut sums, &matrices, &mut memory);
                (values, sums)
            });
            for (found, expected) in results[0].0.iter().zip(&expected) {
                assert!(
                    (f64::from(*found) - expected).abs() < 2e-6,
                    "{heights:?} x {cols}: {found} {expected}"
                );
            }
            assert!(results[1] == results[0] && results[2] == results[0], "{heights:?} x {cols}");
        }
    }

    #[test]
    fn singular_values_come_near_one_in_both_precisions_and_zeros_stay() {
        for precision in [Precision::F32, Precision::Bf16] {
            let (rows, cols) = (48, 80);
            let mut x = wave(rows * cols, 0.37);
            let pool = Pool::new(2);
            Buffers::default().orthogonalize(&pool, precision, &mut x, rows, cols);
            let x: Vec<f64> = x.into_iter().map(f64::from).collect();
            // A unit vector is taken to one whose length is a mean of singular values.
            for row in x.chunks_exact(cols) {
                let length = row.iter().map(|v| v * v).sum::<f64>().sqrt();
                assert!((0.6..1.25).contains(&length), "{precision:?}: {length}");
            }
            let mut zeros = vec![0.0; 12];
            Buffers::default().orthogonalize(&pool, precision, &mut zeros, 3, 4);
            assert_eq!(zeros, [0.0; 12]);
        }
    }
}
