//! Rows of a table by number, and one-hot rows.

use crate::pool::Pool;
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
    pool.run(|worker| {
        let columns = worker.share(width, 16);
        for (token, &id) in ids.iter().enumerate() {
            let (from, to) = (token * width, id as usize * width);
            // SAFETY: these columns belong to this worker alone.
            let row = unsafe { dtable.part(to + columns.start..to + columns.end) };
            row.iter_mut().zip(&dy[from + columns.start..]).for_each(|(to, from)| *to += from);
        }
    });
}

/// `y[token]` is zero but for a one at `ids[token]`; `y` is `[tokens, vocab]`.
pub fn one_hot(vocab: usize, ids: &[u32], y: &mut [f32]) {
    y.fill(0.0);
    for (row, &id) in y.chunks_exact_mut(vocab).zip(ids) {
        row[id as usize] = 1.0;
    }
}
