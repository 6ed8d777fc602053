//! One row for each sequence of a packed batch.

use crate::pool::{Pool, Worker};
use crate::shared::SharedMut;
use crate::simd::vectorized;

/// The steps of a packed batch that a worker's sequences have: for each the first row of the batch, the first sequence
/// and the number of both that are the worker's.
fn own_rows<'a>(
    worker: &Worker,
    batch_sizes: &'a [usize],
) -> impl Iterator<Item = (usize, usize, usize)> + use<'a> {
    let own = worker.share(batch_sizes.first().copied().unwrap_or(0), 1);
    let mut start = 0;
    batch_sizes.iter().map_while(move |&rows| {
        let count = own.end.min(rows).checked_sub(own.start).filter(|&count| count > 0)?;
        start += rows;
        Some((start - rows + own.start, own.start, count))
    })
}

/// `1 / length` of each sequence.
fn reciprocals(batch_sizes: &[usize]) -> Vec<f32> {
    let mut lengths = vec![0.0; batch_sizes.first().copied().unwrap_or(0)];
    batch_sizes.iter().for_each(|&rows| lengths[..rows].iter_mut().for_each(|length| *length += 1.0));
    lengths.iter().map(|length| 1.0 / length).collect()
}

/// `y[sequences, width]`: the mean of each sequence's rows of `x[tokens, width]`.
pub fn mean(pool: &Pool, x: &[f32], width: usize, batch_sizes: &[usize], y: &mut [f32]) {
    let scales = reciprocals(batch_sizes);
    assert_eq!(y.len(), scales.len() * width);
    let y = SharedMut::new(y);
    pool.run(|worker| {
        let own = worker.share(scales.len(), 1);
        // SAFETY: these sequences belong to this worker alone.
        let y = unsafe { y.part(own.start * width..own.end * width) };
        y.fill(0.0);
        for (row, _, count) in own_rows(worker, batch_sizes) {
            let x = &x[row * width..][..count * width];
            vectorized(
                #[inline(always)]
                || y.iter_mut().zip(x).for_each(|(y, x)| *y += x),
            );
        }
        for (y, scale) in y.chunks_exact_mut(width.max(1)).zip(&scales[own]) {
            y.iter_mut().for_each(|y| *y *= scale);
        }
    });
}

/// Adds to `dx[tokens, width]` the gradient of [`mean`].
pub fn mean_backward(pool: &Pool, dx: &mut [f32], width: usize, batch_sizes: &[usize], dy: &[f32]) {
    let scales = reciprocals(batch_sizes);
    let dx = SharedMut::new(dx);
    pool.run(|worker| {
        for (row, sequence, count) in own_rows(worker, batch_sizes) {
            // SAFETY: these sequences' rows belong to this worker alone.
            let dx = unsafe { dx.part(row * width..(row + count) * width) };
            let dy = dy[sequence * width..].chunks_exact(width.max(1));
            for ((dx, dy), scale) in dx.chunks_exact_mut(width.max(1)).zip(dy).zip(&scales[sequence..]) {
                dx.iter_mut().zip(dy).for_each(|(dx, dy)| *dx += dy * scale);
            }
        }
    });
}

/// `y[sequences, width]`: the largest value of each sequence in each column of `x[tokens, width]`, a value that is no
/// number above all.
pub fn max(pool: &Pool, x: &[f32], width: usize, batch_sizes: &[usize], y: &mut [f32]) {
    let y = SharedMut::new(y);
    pool.run(|worker| {
        let own = worker.share(batch_sizes.first().copied().unwrap_or(0), 1);
        // SAFETY: these sequences belong to this worker alone.
        let y = unsafe { y.part(own.start * width..own.end * width) };
        y.fill(f32::NEG_INFINITY);
        for (row, _, count) in own_rows(worker, batch_sizes) {
            let x = &x[row * width..][..count * width];
            vectorized(
                #[inline(always)]
                || y.iter_mut().zip(x).for_each(|(y, &x)| *y = if x > *y || x.is_nan() { x } else { *y }),
            );
        }
    });
}

/// Adds to `dx[tokens, width]` the gradient of [`max`] at `x`, which goes to the first of equal values, and uses up `dy`.
pub fn max_backward(
    pool: &Pool,
    dx: &mut [f32],
    width: usize,
    batch_sizes: &[usize],
    [x, y]: [&[f32]; 2],
    dy: &mut [f32],
) {
    let (dx, dy) = (SharedMut::new(dx), SharedMut::new(dy));
    pool.run(|worker| {
        let own = worker.share(batch_sizes.first().copied().unwrap_or(0), 1);
        // SAFETY: these sequences belong to this worker alone.
        let dy = unsafe { dy.part(own.start * width..own.end * width) };
        let y = &y[own.start * width..own.end * width];
        for (row, _, count) in own_rows(worker, batch_sizes) {
            let range = row * width..(row + count) * width;
            // SAFETY: as above.
            let dx = unsafe { dx.part(range.clone()) };
            let largest = x[range].iter().zip(y).map(|(x, y)| x == y);
            vectorized(
                #[inline(always)]
                || {
                    for ((dx, dy), largest) in dx.iter_mut().zip(&mut *dy).zip(largest) {
                        *dx += if largest { *dy } else { 0.0 };
                        *dy = if largest { 0.0 } else { *dy };
                    }
                },
            );
        }
    });
}
