//! Rows of a table by number, and one-hot rows.

use crate::Matrix;
use crate::matmul::linear::COLUMN_GRANULE;
use crate::pool::{Pool, Worker};
use crate::shared::SharedMut;

/// `y[token] = table[ids[token]]` for a table `[vocab, width]` and `y[tokens, width]`.
pub fn forward(table: &[f32], width: usize, ids: &[u32], y: &mut [f32]) {
    for (row, &id) in y.chunks_exact_mut(width).zip(ids) {
        let at = id as usize * width;
        row.copy_from_slice(&table[at..at + width]);
    }
}

/// `dtable[ids[token]] += dy[token]`; each worker adds its own columns, token by token.
pub fn backward(pool: &Pool, dtable: &mut [f32], width: usize, ids: &[u32], dy: &[f32]) {
    let dtable = SharedMut::new(dtable);
    let dy = Matrix::new(dy, ids.len(), width);
    pool.run(|worker| backward_share(worker, dtable, width, ids, dy));
}

/// One worker's columns of [`backward`]; rows of the table are `stride` values apart.
pub(crate) fn backward_share(worker: &Worker, dtable: SharedMut, stride: usize, ids: &[u32], dy: Matrix) {
    let columns = worker.share(dy.cols(), COLUMN_GRANULE);
    for (token, &id) in ids.iter().enumerate() {
        let (from, to) = (token * dy.row_stride(), id as usize * stride);
        // SAFETY: these columns belong to this worker alone.
        let row = unsafe { dtable.part(to + columns.start..to + columns.end) };
        row.iter_mut().zip(&dy.data()[from + columns.start..]).for_each(|(to, from)| *to += from);
    }
}

/// `y[token]` is zero but for a one at `ids[token]`; `y` is `[tokens, vocab]`.
pub fn one_hot(vocab: usize, ids: &[u32], y: &mut [f32]) {
    y.fill(0.0);
    for (row, &id) in y.chunks_exact_mut(vocab).zip(ids) {
        row[id as usize] = 1.0;
    }
}
