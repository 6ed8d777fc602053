//! Softmax of rows.

use crate::cross_entropy::softmax;
use crate::lanes;
use crate::pool::Pool;
use crate::shared::SharedMut;
use crate::simd::vectorized;

/// `y = softmax(x)` of each row of `x[rows, cols]`.
pub fn forward(pool: &Pool, cols: usize, x: &[f32], y: &mut [f32]) {
    assert_eq!(x.len(), y.len());
    let (rows, y) = (x.len().checked_div(cols).unwrap_or(0), SharedMut::new(y));
    pool.run(|worker| {
        let own = worker.share(rows, 1);
        let values = own.start * cols..own.end * cols;
        // SAFETY: these rows belong to this worker alone.
        let y = unsafe { y.part(values.clone()) };
        y.copy_from_slice(&x[values]);
        y.chunks_exact_mut(cols.max(1)).for_each(|row| {
            softmax(row);
        });
    });
}

/// `dx += y ⊙ (dy - Σ y ⊙ dy)` with the sum over each row.
pub fn backward(pool: &Pool, cols: usize, y: &[f32], dy: &[f32], dx: &mut [f32]) {
    assert_eq!((y.len(), dy.len()), (dx.len(), dx.len()));
    let (rows, dx) = (y.len().checked_div(cols).unwrap_or(0), SharedMut::new(dx));
    pool.run(|worker| {
        for row in worker.share(rows, 1) {
            let row = row * cols..(row + 1) * cols;
            let (y, dy) = (&y[row.clone()], &dy[row.clone()]);
            // SAFETY: these rows belong to this worker alone.
            let dx = unsafe { dx.part(row) };
            vectorized(
                #[inline(always)]
                || {
                    let mean = lanes::dot(y, dy);
                    dx.iter_mut().zip(y.iter().zip(dy)).for_each(|(dx, (y, dy))| *dx += y * (dy - mean));
                },
            );
        }
    });
}
