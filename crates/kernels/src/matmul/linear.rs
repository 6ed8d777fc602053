//! Products over all threads of a pool: a linear layer forward and backward.

use std::cell::RefCell;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};

use super::{
    Columns, Once, PANEL, PANEL_GROUP, Precision, Scratch, multiply_parts, pack_panels, panel_lines,
    with_once,
};
use crate::activation::{self, Activation};
use crate::buffer::{Buffer, Line, Lines};
use crate::pool::{Pool, Worker};
use crate::shared::SharedMut;
use crate::{Isa, Matrix, elementwise};

/// Columns are handed to threads in this many at once: one tile of the widest product kernel.
pub const COLUMN_GRANULE: usize = 16;

/// Values of a product that a worker holds before it writes them out; they stay in its second-level cache.
const TILE_VALUES: usize = 1 << 16;

/// Columns that are read forwards, where all are read backwards.
const STRETCH: usize = 8 * PANEL;

/// With at least so many rows a worker, products are cut by rows, as is what follows them.
const ROWS_EACH: usize = 32;

/// A right-hand matrix `[k, n]`, packed once for pools of any number of threads. Its columns may come in groups, such as the
/// gates of a cell: each begins with a panel of its own, so that a worker can take the same panels of each.
#[derive(Debug)]
pub struct PackedColumns {
    precision: Precision,
    isa: Isa,
    k: usize,
    groups: usize,
    /// Columns of a group.
    width: usize,
    lines: Lines,
    /// Whether the next product reads it backwards; see [`PackedColumns::turn`].
    backwards: AtomicBool,
}

impl Default for PackedColumns {
    fn default() -> Self {
        Self::new()
    }
}

impl PackedColumns {
    /// Nothing packed yet.
    pub fn new() -> Self {
        let (precision, isa, lines) = (Precision::F32, Isa::current(), Lines::default());
        Self { precision, isa, k: 0, groups: 1, width: 0, lines, backwards: AtomicBool::new(false) }
    }

    /// Packs `b`, whose columns are so many groups of as many, using the memory of what was packed before.
    ///
    /// # Panics
    ///
    /// If the columns do not divide into so many groups.
    pub fn pack(&mut self, pool: &Pool, precision: Precision, b: Matrix, groups: usize) {
        self.resize(precision, [b.rows(), b.cols()], groups);
        let (width, panels) = (self.width, self.group_panels());
        let panel_lines = panel_lines(precision, self.k);
        let lines = SharedMut::new(&mut self.lines);
        pool.run(|worker| {
            let columns = worker.share(width, COLUMN_GRANULE);
            for group in 0..groups {
                let first = group * panels + columns.start / PANEL;
                let own = first * panel_lines..(first + columns.len().div_ceil(PANEL)) * panel_lines;
                let b = b.col_range(group * width + columns.start..group * width + columns.end);
                // SAFETY: these panels belong to this worker alone.
                pack_panels(precision, b, unsafe { lines.part(own) });
            }
        });
    }

    /// Packs a matrix of so many rows and columns that `next` gives column by column: it fills a few columns, one behind the
    /// other, each time that it is called. Stops at its first error.
    ///
    /// # Panics
    ///
    /// If the columns do not divide into so many groups.
    pub fn fill<E>(
        &mut self,
        precision: Precision,
        size: [usize; 2],
        groups: usize,
        mut next: impl FnMut(&mut [f32]) -> Result<(), E>,
    ) -> Result<(), E> {
        self.resize(precision, size, groups);
        let (k, width, panels) = (self.k, self.width, self.group_panels());
        let panel_lines = panel_lines(precision, k);
        let mut values = vec![0.0; k * width.min(PANEL)];
        for panel in 0..groups * panels {
            let columns = PANEL.min(width - panel % panels * PANEL);
            let values = &mut values[..columns * k];
            next(values)?;
            let b = Matrix::new(values, columns, k).transposed();
            pack_panels(precision, b, &mut self.lines[panel * panel_lines..(panel + 1) * panel_lines]);
        }
        Ok(())
    }

    /// Makes room for a matrix of so many rows and columns.
    fn resize(&mut self, precision: Precision, [k, n]: [usize; 2], groups: usize) {
        assert!(groups > 0 && n.is_multiple_of(groups), "{n} columns in {groups} groups");
        let width = n / groups;
        let isa = Isa::current();
        (self.precision, self.isa, self.k, self.groups, self.width) = (precision, isa, k, groups, width);
        // Products in bf16 take up to a whole group of panels at once, wherever a worker's begin.
        let behind = if precision == Precision::Bf16 { PANEL_GROUP - 1 } else { 0 };
        let panels = groups * self.group_panels() + behind;
        self.lines.grow(panels * panel_lines(precision, k));
    }

    /// Panels of a group.
    fn group_panels(&self) -> usize {
        self.width.div_ceil(PANEL)
    }

    /// Columns.
    pub fn n(&self) -> usize {
        self.groups * self.width
    }

    /// Groups of columns.
    pub fn groups(&self) -> usize {
        self.groups
    }

    /// Memory that it holds, in bytes.
    pub fn bytes(&self) -> usize {
        size_of_val(&self.lines[..])
    }

    /// Copies a column of a matrix that was packed in f32.
    ///
    /// # Panics
    ///
    /// If it was packed in bf16, if there is no such column, or if `to` has not as many places as a column.
    pub fn copy_column(&self, column: usize, to: &mut [f32]) {
        assert!(self.precision == Precision::F32 && column < self.n() && to.len() == self.k);
        let (group, column) = (column / self.width, column % self.width);
        let first = (group * self.group_panels() + column / PANEL) * self.k;
        for (to, Line(words)) in to.iter_mut().zip(&self.lines[first..]) {
            *to = f32::from_bits(words[column % PANEL]);
        }
    }

    /// Some columns of each group, and where they stand in a product with them: group after group, or `backwards` in stretches
    /// of some panels.
    fn columns(
        &self,
        columns: Range<usize>,
        backwards: bool,
    ) -> impl Iterator<Item = (Columns<'_>, usize)> + Clone {
        assert!(columns.is_empty() || columns.start.is_multiple_of(PANEL));
        let Self { precision, isa, k, groups, .. } = *self;
        let panel_lines = panel_lines(precision, k);
        let width = columns.len();
        let stretch = if backwards { STRETCH } else { width.max(1) };
        let stretches = width.div_ceil(stretch);
        let count = groups * stretches;
        (0..count).map(move |i| {
            let i = if backwards { count - 1 - i } else { i };
            let (group, start) = (i / stretches, i % stretches * stretch);
            let first = group * self.group_panels() + (columns.start + start) / PANEL;
            let (n, lines) = (stretch.min(width - start), &self.lines[first * panel_lines..]);
            (Columns { precision, isa, k, n, lines }, group * width + start)
        })
    }

    /// Whether the next product is to read the columns backwards, which is so every other time: what was read last, and is in
    /// the cache still, is then read first. Weights that the level 2 cache does not hold, and that each time step reads whole,
    /// come a good part from there; the products are the same.
    pub(crate) fn turn(&self) -> bool {
        self.backwards.fetch_xor(true, Ordering::Relaxed)
    }

    /// `c[m, groups * columns.len()] = a[m, k] · b`, or `c += …` where `accumulate`, with some columns of each group, the first
    /// of which begins a panel. For `backwards` see [`PackedColumns::turn`].
    pub(crate) fn multiply(
        &self,
        a: Matrix,
        columns: Range<usize>,
        backwards: bool,
        c: &mut [f32],
        accumulate: bool,
        scratch: &mut Scratch,
    ) {
        let ldc = self.groups * columns.len();
        assert_eq!(c.len(), a.rows() * ldc);
        multiply_parts(a, self.columns(columns, backwards), c, ldc, accumulate, scratch);
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
        let (m, n) = (a.rows(), self.n());
        assert_eq!(self.groups, 1, "a linear map has no groups");
        assert_eq!(a.cols(), self.k, "product of [{m}, {}] and [{}, {n}]", a.cols(), self.k);
        assert_eq!(c.len(), m * n);
        assert!(activated.as_ref().is_none_or(|(_, y)| y.len() == m * n));
        let c = SharedMut::new(c);
        let activated = activated.map(|(function, y)| (function, SharedMut::new(y)));
        let backwards = self.turn();
        pool.run(|worker| {
            if m >= ROWS_EACH * worker.count() {
                self.product_by_rows(worker, a, bias, c, activated);
            } else {
                self.product_by_columns(worker, a, bias, backwards, c, activated);
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
        let n = self.n();
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
                self.multiply(a, 0..n, false, c, false, scratch);
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
        backwards: bool,
        c: SharedMut,
        activated: Option<(Activation, SharedMut)>,
    ) {
        let (m, n) = (a.rows(), self.n());
        let columns = worker.share(n, COLUMN_GRANULE);
        if columns.is_empty() {
            return;
        }
        let width = columns.len();
        let bias = bias.map(|bias| &bias[columns.clone()]);
        let rows_at_once = (TILE_VALUES / width).clamp(48, 1024);
        with_buffers(|tile, scratch| {
            for start in (0..m).step_by(rows_at_once) {
                let rows = start..(start + rows_at_once).min(m);
                let tile = tile.fit(rows.len() * width);
                self.multiply(a.row_range(rows.clone()), columns.clone(), backwards, tile, false, scratch);
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
        let sums = sums.fit_zeros(if dbs.is_empty() { 0 } else { rows.len() });
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
pub(crate) fn with_buffers<R>(f: impl FnOnce(&mut Buffer, &mut Scratch) -> R) -> R {
    thread_local!(static BUFFERS: RefCell<(Buffer, Scratch)> = RefCell::default());
    BUFFERS.with(|buffers| {
        let (tile, scratch) = &mut *buffers.borrow_mut();
        f(tile, scratch)
    })
}
