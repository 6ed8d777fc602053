//! Products over all threads of a pool: a linear layer forward and backward.

use std::cell::RefCell;
use std::sync::{PoisonError, RwLock};

use super::{Once, Packed, Precision, Scratch, multiply, multiply_parts, with_once};
use crate::activation::{self, Activation};
use crate::pool::{Pool, Worker};
use crate::shared::SharedMut;
use crate::{Matrix, elementwise};

/// Columns are handed to threads in this many at once: one tile of the widest product kernel.
pub const COLUMN_GRANULE: usize = 16;

/// Values of a product that a worker holds before it writes them out; they stay in its second-level cache.
const TILE_VALUES: usize = 1 << 16;

/// With at least so many rows a worker, products are cut by rows, as is what follows them.
const ROWS_EACH: usize = 32;

/// A right-hand matrix `[k, n]`, each worker's columns packed by that worker.
pub struct PackedColumns {
    parts: Vec<RwLock<Packed>>,
    k: usize,
    n: usize,
}

impl PackedColumns {
    /// An empty matrix for a pool of `threads`.
    pub fn new(precision: Precision, threads: usize) -> Self {
        let parts = (0..threads).map(|_| RwLock::new(Packed::new(precision))).collect();
        Self { parts, k: 0, n: 0 }
    }

    /// Packs `b`, using the memory of what was packed before.
    pub fn pack(&mut self, pool: &Pool, b: Matrix) {
        (self.k, self.n) = (b.rows(), b.cols());
        let parts = &self.parts;
        pool.run(|worker| {
            let columns = worker.share(b.cols(), COLUMN_GRANULE);
            let mut part = parts[worker.index()].write().unwrap_or_else(PoisonError::into_inner);
            part.pack(b.col_range(columns));
        });
    }

    /// Columns.
    pub fn n(&self) -> usize {
        self.n
    }

    /// `c[m, n] = a[m, k] · b + bias`, and where a function is given its values for `c` in the slice beside it, computed
    /// while those of `c` are in cache.
    pub fn product(
        &self,
        pool: &Pool,
        a: Matrix,
        bias: Option<&[f32]>,
        c: &mut [f32],
        activated: Option<(Activation, &mut [f32])>,
    ) {
        let (m, n) = (a.rows(), self.n);
        assert_eq!(a.cols(), self.k, "product of [{m}, {}] and [{}, {n}]", a.cols(), self.k);
        assert_eq!(c.len(), m * n);
        assert!(activated.as_ref().is_none_or(|(_, y)| y.len() == m * n));
        let c = SharedMut::new(c);
        let activated = activated.map(|(function, y)| (function, SharedMut::new(y)));
        pool.run(|worker| {
            if m >= ROWS_EACH * worker.count() {
                self.product_by_rows(worker, a, bias, c, activated);
            } else {
                self.product_by_columns(worker, a, bias, c, activated);
            }
        });
    }

    /// One worker's rows of [`PackedColumns::product`].
    fn product_by_rows(
        &self,
        worker: &Worker,
        a: Matrix,
        bias: Option<&[f32]>,
        c: SharedMut,
        activated: Option<(Activation, SharedMut)>,
    ) {
        let n = self.n;
        let own = worker.share(a.rows(), 1);
        // What is activated has to be in cache still.
        let rows_at_once = activated.map_or(own.len(), |_| (TILE_VALUES / n.max(1)).clamp(48, 1024));
        with_buffers(|_, scratch| {
            for start in own.clone().step_by(rows_at_once.max(1)) {
                let rows = start..(start + rows_at_once).min(own.end);
                let values = rows.start * n..rows.end * n;
                // SAFETY: the rows of this worker alone.
                let c = unsafe { c.part(values.clone()) };
                let a = a.row_range(rows);
                multiply_parts(a, &self.parts, n, c, false, scratch);
                if let Some(bias) = bias {
                    elementwise::add_bias(c, bias);
                }
                if let Some((function, y)) = activated {
                    // SAFETY: as above.
                    activation::apply(function, c, unsafe { y.part(values) });
                }
            }
        });
    }

    /// One worker's columns of [`PackedColumns::product`].
    fn product_by_columns(
        &self,
        worker: &Worker,
        a: Matrix,
        bias: Option<&[f32]>,
        c: SharedMut,
        activated: Option<(Activation, SharedMut)>,
    ) {
        let (m, n) = (a.rows(), self.n);
        let columns = worker.share(n, COLUMN_GRANULE);
        if columns.is_empty() {
            return;
        }
        let width = columns.len();
        let part = self.parts[worker.index()].read().unwrap_or_else(PoisonError::into_inner);
        let bias = bias.map(|bias| &bias[columns.clone()]);
        let rows_at_once = (TILE_VALUES / width).clamp(48, 1024);
        with_buffers(|tile, scratch| {
            for start in (0..m).step_by(rows_at_once) {
                let rows = start..(start + rows_at_once).min(m);
                tile.resize(rows.len() * width, 0.0);
                multiply(a.row_range(rows.clone()), &part, tile, width, false, scratch);
                for (row, values) in rows.zip(tile.chunks_exact(width)) {
                    let at = row * n + columns.start;
                    // SAFETY: the columns of this worker alone.
                    let out = unsafe { c.part(at..at + width) };
                    elementwise::store(out, values, bias, false);
                    if let Some((function, y)) = activated {
                        // SAFETY: as above.
                        activation::apply(function, out, unsafe { y.part(at..at + width) });
                    }
                }
            }
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
