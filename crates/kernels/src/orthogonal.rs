//! Random orthogonal matrices.

use std::sync::{PoisonError, RwLock};

use crate::Matrix;
use crate::matmul::linear::{COLUMN_GRANULE, with_buffers};
use crate::matmul::{Packed, Precision, Scratch, multiply};
use crate::pool::{Pool, Worker};
use crate::random::{self, Positional};
use crate::shared::SharedMut;

/// Reflections that are applied to the matrix at once.
const WIDTH: usize = 128;

/// Rows of the matrix that are read and then written while they are in cache.
const ROWS: usize = 48;

/// Fills `values[size, size]` with an orthogonal matrix, each as likely as any other (Haar's measure), which is a function of
/// `seed` and of the instruction set, whatever the number of threads: the product of `size` reflections by normal vectors, each a value shorter than the one before (Stewart, "The
/// efficient generation of random orthogonal matrices with an application to condition estimators", 1980).
///
/// `WIDTH` reflections at once are `I - V T Vᵀ` (Schreiber, Van Loan 1989), so that nearly all of the `4/3 size³` operations are
/// those of matrix products.
///
/// # Panics
/// If there are not `size * size` values.
pub fn fill(pool: &Pool, seed: u64, values: &mut [f32], size: usize) {
    assert_eq!(values.len(), size * size);
    let width = WIDTH.min(size);
    let (mut vectors, mut gram) = (vec![0.0; width * size], vec![0.0; width * width]);
    let [vectors, gram, values] = [&mut vectors[..], &mut gram, values].map(SharedMut::new);
    // The same vectors as columns and as rows.
    let [columns, rows] = [Parts::new(pool), Parts::new(pool)];
    let stream = Positional::new(seed);
    pool.run(|worker| {
        let mut own = Packed::new(Precision::F32);
        let (mut products, mut transformed) = (vec![0.0; ROWS * width], vec![0.0; ROWS * width]);
        for start in (0..size).step_by(width.max(1)).rev() {
            let (count, length) = (width.min(size - start), size - start);
            for number in worker.share(count, 1) {
                let row = start + number;
                // SAFETY: this vector and this row belong to this worker alone until the next barrier.
                let vector = unsafe { vectors.part(number * length..(number + 1) * length) };
                let sign = reflection(stream, size, row, vector, number);
                // SAFETY: as above.
                let value = unsafe { values.part(row * size..(row + 1) * size) };
                value.fill(0.0);
                value[row] = sign;
            }
            worker.barrier();
            // SAFETY: nobody writes vectors before all have passed two more barriers.
            let v = Matrix::new(unsafe { vectors.read(0..count * length) }, count, length);
            columns.pack(worker, v.transposed());
            rows.pack(worker, v);
            worker.barrier();
            with_buffers(|_, scratch| {
                let part = worker.share(count, 1);
                // SAFETY: these rows belong to this worker alone until the next barrier.
                let gram = unsafe { gram.part(part.start * count..part.end * count) };
                columns.multiply(v.row_range(part), gram, count, false, scratch);
            });
            worker.barrier();
            // SAFETY: nobody writes it before all have passed a barrier.
            let transform = negated_transform(unsafe { gram.read(0..count * count) }, count);
            own.pack(Matrix::new(&transform, count, count).transposed());
            let mine = worker.share(length, 1);
            let mine = start + mine.start..start + mine.end;
            with_buffers(|_, scratch| {
                for first in mine.clone().step_by(ROWS) {
                    let number = ROWS.min(mine.end - first);
                    // SAFETY: these rows belong to this worker alone until the next barrier.
                    let part = unsafe { values.part(first * size..(first + number) * size) };
                    let products = &mut products[..number * count];
                    let transformed = &mut transformed[..number * count];
                    let p = Matrix::new(part, number, size).col_range(start..size);
                    columns.multiply(p, products, count, false, scratch);
                    let p = Matrix::new(products, number, count);
                    multiply(p, &own, transformed, count, false, scratch);
                    let p = Matrix::new(transformed, number, count);
                    rows.multiply(p, &mut part[start..], size, true, scratch);
                }
            });
        }
    });
}

/// Writes the vector `v` of reflection `row`, `I - v vᵀ` but for rounding, behind `zeros` zeros: the one that turns a normal
/// vector into a multiple of the first axis. Returns the sign of that multiple.
fn reflection(stream: Positional, size: usize, row: usize, vector: &mut [f32], zeros: usize) -> f32 {
    let (none, v) = vector.split_at_mut(zeros);
    none.fill(0.0);
    random::fill_normal(stream, (row * size.div_ceil(random::AT_ONCE)) as u64, v, 1.0);
    if v[0] == 0.0 {
        v[0] = f32::MIN_POSITIVE.sqrt();
    }
    let length = crate::lanes::sum(v, |x| x * x).sqrt();
    let factor = 1.0 / (length * (length + v[0].abs())).sqrt();
    let sign = v[0].signum();
    v[0] += sign * length;
    v.iter_mut().for_each(|x| *x *= factor);
    -sign
}

/// `-T` of reflections with the products `gram[count, count]` of their vectors: `T⁻¹` is what stands above the diagonal, and half
/// of what stands on it (Puglisi 1992).
fn negated_transform(gram: &[f32], count: usize) -> Vec<f32> {
    let mut inverse = vec![0.0f64; count * count];
    for row in (0..count).rev() {
        let diagonal = 0.5 * f64::from(gram[row * count + row]);
        let (above, below) = inverse.split_at_mut((row + 1) * count);
        let own = &mut above[row * count..];
        own[row] = -1.0;
        for (inner, lower) in (row + 1..count).zip(below.chunks_exact(count)) {
            let factor = f64::from(gram[row * count + inner]);
            own[inner..].iter_mut().zip(&lower[inner..]).for_each(|(own, lower)| *own -= factor * lower);
        }
        own.iter_mut().for_each(|own| *own /= diagonal);
    }
    inverse.into_iter().map(|value| value as f32).collect()
}

/// A right-hand side, each worker's columns packed by that worker and read by all.
struct Parts(Vec<RwLock<Packed>>);

impl Parts {
    fn new(pool: &Pool) -> Self {
        Self((0..pool.threads()).map(|_| RwLock::new(Packed::new(Precision::F32))).collect())
    }

    fn pack(&self, worker: &Worker, b: Matrix) {
        let columns = worker.share(b.cols(), COLUMN_GRANULE);
        let mut part = self.0[worker.index()].write().unwrap_or_else(PoisonError::into_inner);
        part.pack(b.col_range(columns));
    }

    fn multiply(&self, a: Matrix, c: &mut [f32], ldc: usize, accumulate: bool, scratch: &mut Scratch) {
        let mut first = 0;
        for part in &self.0 {
            let part = part.read().unwrap_or_else(PoisonError::into_inner);
            if a.rows() > 0 && part.n() > 0 {
                multiply(a, &part, &mut c[first..], ldc, accumulate, scratch);
            }
            first += part.n();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matrix(threads: usize, seed: u64, size: usize) -> Vec<f32> {
        let mut values = vec![9.0; size * size];
        fill(&Pool::new(threads), seed, &mut values, size);
        values
    }

    #[test]
    fn rows_are_orthonormal() {
        for size in [1, 2, 33, 130, 512] {
            let values = matrix(2, 1, size);
            let rows: Vec<_> = values.chunks_exact(size).collect();
            for (i, a) in rows.iter().enumerate() {
                for (j, b) in rows.iter().enumerate() {
                    let product: f32 = a.iter().zip(*b).map(|(a, b)| a * b).sum();
                    assert!(
                        (product - f32::from(u8::from(i == j))).abs() < 1e-4,
                        "{size}: {i} {j} {product}"
                    );
                }
            }
        }
    }

    #[test]
    fn threads_do_not_change_a_bit() {
        for size in [1, 2, 33, 130, 300] {
            let expected = matrix(1, 5, size);
            assert!([2, 3].into_iter().all(|threads| matrix(threads, 5, size) == expected), "{size}");
            assert!(matrix(1, 6, size.max(33)) != matrix(1, 7, size.max(33)));
        }
    }

    /// Moments of Haar's measure on matrices `[n, n]`: entries have mean 0 and variance `1/n`, with the fourth moment `3 / (n (n +
    /// 2))`; so has the product of two in a row, `1 / (n (n + 2))`; a trace has the variance 1, and half of the determinants are
    /// negative (Diaconis, Shahshahani 1994).
    #[test]
    fn every_matrix_is_as_likely() {
        let (size, draws) = (3, 20_000);
        let (mut mean, mut square, mut fourth, mut pair) = ([0.0f64; 9], [0.0; 9], [0.0; 9], 0.0);
        let (mut trace, mut trace_square, mut negative) = (0.0, 0.0, 0);
        let pool = Pool::new(1);
        let mut q = [0.0f32; 9];
        for seed in 0..draws {
            fill(&pool, seed, &mut q, size);
            let q = q.map(f64::from);
            for i in 0..9 {
                mean[i] += q[i];
                square[i] += q[i] * q[i];
                fourth[i] += q[i].powi(4);
            }
            pair += (q[0] * q[1]).powi(2);
            let t = q[0] + q[4] + q[8];
            (trace, trace_square) = (trace + t, trace_square + t * t);
            let minor = |a: usize, b: usize, c: usize, d: usize| q[a] * q[b] - q[c] * q[d];
            let determinant = q[0] * minor(4, 8, 5, 7) - q[1] * minor(3, 8, 5, 6) + q[2] * minor(3, 7, 4, 6);
            assert!((determinant.abs() - 1.0).abs() < 1e-5);
            negative += u32::from(determinant < 0.0);
        }
        let n = draws as f64;
        for i in 0..9 {
            assert!((mean[i] / n).abs() < 0.02, "entry {i} has the mean {}", mean[i] / n);
            assert!((square[i] / n - 1.0 / 3.0).abs() < 0.01, "entry {i}: {}", square[i] / n);
            assert!((fourth[i] / n - 0.2).abs() < 0.01, "entry {i}: {}", fourth[i] / n);
        }
        assert!((pair / n - 1.0 / 15.0).abs() < 0.004, "{}", pair / n);
        assert!((trace / n).abs() < 0.03 && (trace_square / n - 1.0).abs() < 0.05, "{}", trace_square / n);
        assert!((f64::from(negative) / n - 0.5).abs() < 0.02, "{negative}");
    }
}
