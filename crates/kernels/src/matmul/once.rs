//! Products with a right-hand side that is used once, by all workers of a pool together.

use std::cell::RefCell;
use std::sync::{PoisonError, RwLock};

use super::f32::PackedF32;
use super::transpose::to_rows;
use super::{Precision, Scratch, bf16, f32, linear::COLUMN_GRANULE};
use crate::pool::{Pool, Worker};
use crate::{Matrix, elementwise};

/// Rows of the right-hand side that are multiplied at once with a left-hand side that had to be transposed.
const DEPTH: usize = 256;

/// Values between two rows of what was transposed, so that they do not all meet in one set of the level 1 cache.
const GAP: usize = 16;

/// A right-hand side in f32, each worker's columns packed by that worker and read by all; two, so that one can be packed
/// while the other is still being read.
#[derive(Default)]
struct Parts([Vec<RwLock<PackedF32>>; 2]);

/// One worker's side of such products: its own rows with the whole of a right-hand side.
pub(crate) struct Once<'a> {
    worker: &'a Worker<'a>,
    precision: Precision,
    parts: &'a Parts,
    round: usize,
}

/// Runs `job` on every worker of the pool.
pub(crate) fn with_once(pool: &Pool, precision: Precision, job: impl Fn(&Worker, &mut Once) + Sync) {
    thread_local!(static PARTS: RefCell<Parts> = RefCell::default());
    PARTS.with(|parts| {
        let parts = &mut *parts.borrow_mut();
        parts.0.iter_mut().for_each(|parts| parts.resize_with(pool.threads(), RwLock::default));
        pool.run(|worker| job(worker, &mut Once { worker, precision, parts, round: 0 }));
    });
}

impl Once<'_> {
    /// `c[m, n] += a[m, k] · b[k, n]`, or `c = …` where not `accumulate`. All workers call it together with the same `b`.
    ///
    /// To `row_sums`, unless it is empty, the sums of the rows of `a` are added; columns of `a` then lie without gaps.
    ///
    /// In f32 each packs its share of the columns of `b`, or all of them where they are few. In bf16 each packs the whole: there a product packs its left-hand
    /// side as well, and would do so for each share.
    pub fn multiply(
        &mut self,
        a: Matrix,
        b: Matrix,
        c: &mut [f32],
        accumulate: bool,
        row_sums: &mut [f32],
        scratch: &mut Scratch,
    ) {
        let turned = self.precision == Precision::F32 && a.row_stride() == 1 && a.col_stride() != 1;
        if !row_sums.is_empty() && !turned {
            elementwise::add_column_sums(row_sums, a.transposed());
        }
        match self.precision {
            Precision::Bf16 => {
                scratch.once.pack(b);
                bf16::multiply(a, &scratch.once, c, b.cols(), accumulate, &mut scratch.bf16);
            }
            Precision::F32 if !turned => self.multiply_f32(a, b, c, accumulate, &mut scratch.narrow),
            // The kernels read the left-hand side by rows: a column-major one is turned, a part at a time that stays in
            // cache.
            Precision::F32 => {
                let Scratch { rows, narrow, .. } = scratch;
                let len = a.rows() * (DEPTH + GAP);
                if rows.len() < len {
                    rows.resize(len, 0.0);
                }
                let rows = &mut rows[..len];
                for start in (0..a.cols().max(1)).step_by(DEPTH) {
                    let depth = start..(start + DEPTH).min(a.cols());
                    to_rows(a.col_range(depth.clone()), rows, DEPTH + GAP);
                    let part = Matrix::new(rows, a.rows(), DEPTH + GAP).col_range(0..depth.len());
                    if !row_sums.is_empty() {
                        elementwise::add_row_sums(row_sums, part);
                    }
                    self.multiply_f32(part, b.row_range(depth), c, accumulate || start > 0, narrow);
                }
            }
        }
    }

    fn multiply_f32(
        &mut self,
        a: Matrix,
        b: Matrix,
        c: &mut [f32],
        accumulate: bool,
        narrow: &mut PackedF32,
    ) {
        if b.cols() <= COLUMN_GRANULE {
            // One worker would pack it all while the others wait.
            narrow.pack(b);
            return f32::multiply(a, narrow, c, b.cols(), accumulate);
        }
        let parts = &self.parts.0[self.round % 2];
        self.round += 1;
        let columns = |index| crate::pool::share(b.cols(), COLUMN_GRANULE, index, parts.len());
        let own = self.worker.index();
        parts[own].write().unwrap_or_else(PoisonError::into_inner).pack(b.col_range(columns(own)));
        self.worker.barrier();
        if a.rows() == 0 {
            return;
        }
        for (index, part) in parts.iter().enumerate() {
            let part = part.read().unwrap_or_else(PoisonError::into_inner);
            f32::multiply(a, &part, &mut c[columns(index).start..], b.cols(), accumulate);
        }
    }
}
