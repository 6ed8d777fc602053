//! Small loops over slices that the compiler turns into vectors by itself.

use crate::pool::Pool;
use crate::shared::SharedMut;
use crate::{Matrix, simd};

/// Values that a thread takes at once: results do not depend on it.
const GRANULE: usize = 1 << 10;

/// `values *= factor`.
pub fn scale(pool: &Pool, values: &mut [f32], factor: f32) {
    let len = values.len();
    let values = SharedMut::new(values);
    pool.run(|worker| {
        // SAFETY: these values belong to this worker alone.
        let own = unsafe { values.part(worker.share(len, GRANULE)) };
        own.iter_mut().for_each(|value| *value *= factor);
    });
}

/// `out += factor * a`.
pub fn add_scaled(pool: &Pool, factor: f32, a: &[f32], out: &mut [f32]) {
    assert_eq!(a.len(), out.len());
    let shared = SharedMut::new(out);
    pool.run(|worker| {
        let own = worker.share(a.len(), GRANULE);
        // SAFETY: these values belong to this worker alone.
        let out = unsafe { shared.part(own.clone()) };
        simd::vectorized(|| out.iter_mut().zip(&a[own]).for_each(|(out, a)| *out += factor * a));
    });
}

/// `out = a ⊙ b`, or `out += …` where `accumulate`.
pub fn product(pool: &Pool, a: &[f32], b: &[f32], out: &mut [f32], accumulate: bool) {
    assert_eq!((a.len(), b.len()), (out.len(), out.len()));
    let shared = SharedMut::new(out);
    pool.run(|worker| {
        let own = worker.share(a.len(), GRANULE);
        // SAFETY: these values belong to this worker alone.
        let out = unsafe { shared.part(own.clone()) };
        let factors = a[own.clone()].iter().zip(&b[own]);
        simd::vectorized(|| {
            if accumulate {
                out.iter_mut().zip(factors).for_each(|(out, (a, b))| *out += a * b);
            } else {
                out.iter_mut().zip(factors).for_each(|(out, (a, b))| *out = a * b);
            }
        });
    });
}

/// `out = values + bias`, or `out += …` where `accumulate`.
pub fn store(out: &mut [f32], values: &[f32], bias: Option<&[f32]>, accumulate: bool) {
    match (bias, accumulate) {
        (None, false) => out.copy_from_slice(values),
        (None, true) => out.iter_mut().zip(values).for_each(|(out, v)| *out += v),
        (Some(bias), false) => out.iter_mut().zip(values).zip(bias).for_each(|((out, v), b)| *out = v + b),
        (Some(bias), true) => out.iter_mut().zip(values).zip(bias).for_each(|((out, v), b)| *out += v + b),
    }
}

/// Adds `bias[n]` to every row of `rows[m, n]`.
pub fn add_bias(rows: &mut [f32], bias: &[f32]) {
    for row in rows.chunks_exact_mut(bias.len().max(1)) {
        row.iter_mut().zip(bias).for_each(|(value, bias)| *value += bias);
    }
}

/// `sums[n] += Σ` over the rows of `m`, whose rows lie without gaps between columns.
pub fn add_column_sums(sums: &mut [f32], m: Matrix) {
    assert_eq!((sums.len(), m.col_stride()), (m.cols(), 1));
    simd::vectorized(|| {
        for row in 0..m.rows() {
            let values = &m.data()[row * m.row_stride()..][..sums.len()];
            sums.iter_mut().zip(values).for_each(|(sum, value)| *sum += value);
        }
    });
}
