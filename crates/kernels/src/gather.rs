//! Rows of a matrix by number: selection, repetition, and the windows of a convolution.

use crate::pool::Pool;
use crate::shared::SharedMut;

/// The number that stands for a row of zeros.
pub const NOWHERE: u32 = u32::MAX;

/// Rows that a thread takes at least.
const GRANULE: usize = 64;

/// `y[i] = x[indices[i]]` for rows of `width` values.
pub fn forward(pool: &Pool, x: &[f32], width: usize, indices: &[u32], y: &mut [f32]) {
    assert_eq!(y.len(), indices.len() * width);
    let y = SharedMut::new(y);
    pool.run(|worker| {
        let own = worker.share(indices.len(), GRANULE);
        // SAFETY: these rows belong to this worker alone.
        let y = unsafe { y.part(own.start * width..own.end * width) };
        match width {
            0 => {}
            1 => {
                for (to, &index) in y.iter_mut().zip(&indices[own]) {
                    *to = if index == NOWHERE { 0.0 } else { x[index as usize] };
                }
            }
            _ => {
                for (to, &index) in y.chunks_exact_mut(width).zip(&indices[own]) {
                    match index {
                        NOWHERE => to.fill(0.0),
                        _ => to.copy_from_slice(&x[index as usize * width..][..width]),
                    }
                }
            }
        }
    });
}

/// `dx[indices[i]] += dy[i]`; each worker adds to its own rows of `dx`, in the order of the indices.
pub fn backward(pool: &Pool, dx: &mut [f32], width: usize, indices: &[u32], dy: &[f32]) {
    assert_eq!(dy.len(), indices.len() * width);
    let rows = dx.len() / width.max(1);
    let dx = SharedMut::new(dx);
    pool.run(|worker| {
        let own = worker.share(rows, 1);
        // SAFETY: these rows belong to this worker alone.
        let dx = unsafe { dx.part(own.start * width..own.end * width) };
        for (&index, dy) in indices.iter().zip(dy.chunks_exact(width.max(1))) {
            if own.contains(&(index as usize)) {
                let to = &mut dx[(index as usize - own.start) * width..][..width];
                to.iter_mut().zip(dy).for_each(|(to, from)| *to += from);
            }
        }
    });
}
