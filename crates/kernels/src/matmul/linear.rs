//! Products over all threads of a pool: a linear layer forward and backward.

use std::cell::RefCell;
use std::sync::{Mutex, PoisonError};

use super::{Once, Packed, Precision, Scratch, multiply, with_once};
use crate::pool::{Pool, Worker, share};
use crate::shared::SharedMut;
use crate::{Matrix, elementwise};

/// Columns are handed to threads in this many at once: one tile of the widest product kernel.
pub const COLUMN_GRANULE: usize = 16;

/// Values of a product that a worker holds before it writes them out; they stay in its second-level cache.
const TILE_VALUES: usize = 1 << 16;

/// A right-hand matrix `[k, n]`, each worker's columns packed by and for that worker.
pub struct PackedColumns {
    parts: Vec<Mutex<Packed>>,
    k: usize,
    n: usize,
}

impl PackedColumns {
    /// An empty matrix for a pool of `threads`.
    pub fn new(precision: Precision, threads: usize) -> Self {
        let parts = (0..threads).map(|_| Mutex::new(Packed::new(precision))).collect();
        Self { parts, k: 0, n: 0 }
    }

    /// Packs `b`, using the memory of what was packed before.
    pub fn pack(&mut self, pool: &Pool, b: Matrix) {
        (self.k, self.n) = (b.rows(), b.cols());
        let parts = &self.parts;
        pool.run(|worker| {
            let columns = worker.share(b.cols(), COLUMN_GRANULE);
            lock(&parts[worker.index()]).pack(b.col_range(columns));
        });
    }

    /// Columns.
    pub fn n(&self) -> usize {
        self.n
    }

    /// `c[m, n] = a[m, k] · b + bias`, or `c += …` where `accumulate`.
    pub fn product(&self, pool: &Pool, a: Matrix, bias: Option<&[f32]>, c: &mut [f32], accumulate: bool) {
        let (m, n) = (a.rows(), self.n);
        assert_eq!(a.cols(), self.k, "product of [{m}, {}] and [{}, {n}]", a.cols(), self.k);
        assert_eq!(c.len(), m * n);
        let c = SharedMut::new(c);
        pool.run(|worker| {
            let columns = share(n, COLUMN_GRANULE, worker.index(), worker.count());
            if columns.is_empty() {
                return;
            }
            let width = columns.len();
            let part = lock(&self.parts[worker.index()]);
            let bias = bias.map(|bias| &bias[columns.clone()]);
            let rows_at_once = (TILE_VALUES / width).clamp(48, 1024);
            with_buffers(|tile, scratch| {
                for start in (0..m).step_by(rows_at_once) {
                    let rows = start..(start + rows_at_once).min(m);
                    tile.resize(rows.len() * width, 0.0);
                    multiply(a.row_range(rows.clone()), &part, tile, false, scratch);
                    for (row, values) in rows.zip(tile.chunks_exact(width)) {
                        let at = row * n + columns.start;
                        // SAFETY: the columns of this worker alone.
                        let out = unsafe { c.part(at..at + width) };
                        elementwise::store(out, values, bias, accumulate);
                    }
                }
            });
        });
    }
}

/// `dw[n, k] += dyᵀ · x` and, with a bias, `db[n] += Σ dy` over the rows of `dy[m, n]` and `x[m, k]`.
pub fn weight_gradient(
    pool: &Pool,
    precision: Precision,
    dy: Matrix,
    x: Matrix,
    dw: &mut [f32],
    db: Option<&mut [f32]>,
) {
    let (dw, db) = (SharedMut::new(dw), db.map(SharedMut::new));
    with_once(pool, precision, |worker, once| {
        weight_gradient_share(worker, once, dy, x, dw, db.as_slice());
    });
}

/// One worker's rows of [`weight_gradient`], with any number of biases.
pub(crate) fn weight_gradient_share(
    worker: &Worker,
    once: &mut Once,
    dy: Matrix,
    x: Matrix,
    dw: SharedMut,
    dbs: &[SharedMut],
) {
    let (n, k) = (dy.cols(), x.cols());
    assert_eq!(dy.rows(), x.rows());
    let rows = worker.share(n, COLUMN_GRANULE);
    // SAFETY: these rows belong to this worker alone.
    let part = unsafe { dw.part(rows.start * k..rows.end * k) };
    let dy = dy.col_range(rows.clone());
    with_buffers(|sums, scratch| {
        // Summed by themselves first: a gradient that is already there must not eat the small terms' digits.
        sums.clear();
        sums.resize(if dbs.is_empty() { 0 } else { rows.len() }, 0.0);
        once.multiply(dy.transposed(), x, part, true, sums, scratch);
        for db in dbs {
            // SAFETY: as above.
            elementwise::store(unsafe { db.part(rows.clone()) }, sums, None, true);
        }
    });
}

/// `c[m, n] = a[m, k] · b[k, n]`, or `c += …` where `accumulate`, with a right-hand side used once.
pub fn product_rows(
    pool: &Pool,
    precision: Precision,
    a: Matrix,
    b: Matrix,
    c: &mut [f32],
    accumulate: bool,
) {
    let c = SharedMut::new(c);
    with_once(pool, precision, |worker, once| product_rows_share(worker, once, a, b, c, accumulate));
}

/// One worker's rows of [`product_rows`].
pub(crate) fn product_rows_share(
    worker: &Worker,
    once: &mut Once,
    a: Matrix,
    b: Matrix,
    c: SharedMut,
    accumulate: bool,
) {
    let rows = worker.share(a.rows(), 1);
    // SAFETY: these rows belong to this worker alone.
    let part = unsafe { c.part(rows.start * b.cols()..rows.end * b.cols()) };
    with_buffers(|_, scratch| once.multiply(a.row_range(rows), b, part, accumulate, &mut [], scratch));
}

/// Lends the present thread's tile and product buffers, kept from one call to the next.
pub(crate) fn with_buffers<R>(f: impl FnOnce(&mut Vec<f32>, &mut Scratch) -> R) -> R {
    thread_local!(static BUFFERS: RefCell<(Vec<f32>, Scratch)> = RefCell::default());
    BUFFERS.with(|buffers| {
        let (tile, scratch) = &mut *buffers.borrow_mut();
        f(tile, scratch)
    })
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
