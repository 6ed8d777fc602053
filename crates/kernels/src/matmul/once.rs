//! Products with a right-hand side that is used once, by all workers of a pool together.

use std::cell::RefCell;
use std::sync::{PoisonError, RwLock};

use super::linear::COLUMN_GRANULE;
use super::{Packed, Precision, Scratch, multiply, multiply_parts};
use crate::pool::{Pool, Worker, share};
use crate::{Matrix, elementwise};

/// Rows of the right-hand side that are multiplied at once, where the left-hand side lies by columns and both are packed: of 512
/// columns that is 1 MiB in f32, which the level 2 or 3 cache still holds when it is read.
const DEPTH: usize = 512;

/// A right-hand side, each worker's columns packed by that worker and read by all; two, so that one can be packed while
/// the other is still being read.
#[derive(Default)]
struct Parts([Vec<RwLock<Packed>>; 2]);

/// One worker's side of such products: its own rows with the whole of a right-hand side.
pub(crate) struct Once<'a> {
    worker: &'a Worker<'a>,
    precision: Precision,
    parts: [&'a [RwLock<Packed>]; 2],
    round: usize,
}

/// Runs `job` on every worker of the pool.
pub(crate) fn with_once(pool: &Pool, precision: Precision, job: impl Fn(&Worker, &mut Once) + Sync) {
    thread_local!(static PARTS: RefCell<[Parts; 3]> = RefCell::default());
    PARTS.with(|parts| {
        let parts = &mut parts.borrow_mut()[precision as usize];
        let threads = pool.threads();
        for parts in &mut parts.0 {
            // A pool of fewer threads leaves the memory of the others.
            if parts.len() < threads {
                parts.resize_with(threads, || RwLock::new(Packed::new(precision)));
            }
        }
        let parts = parts.0.each_ref().map(|parts| &parts[..threads]);
        pool.run(|worker| job(worker, &mut Once { worker, precision, parts, round: 0 }));
    });
}

impl Once<'_> {
    /// `c[m, n] += a[m, k] · b[k, n]`, or `c = …` where not `accumulate`. All workers call it together with the same `b`.
    ///
    /// To `row_sums`, unless it is empty, the sums of the rows of `a` are added; columns of `a` then lie without gaps.
    pub fn multiply(
        &mut self,
        a: Matrix,
        b: Matrix,
        c: &mut [f32],
        accumulate: bool,
        row_sums: &mut [f32],
        scratch: &mut Scratch,
    ) {
        let depth = if a.col_stride() == 1 { a.cols() } else { DEPTH };
        for start in (0..a.cols().max(1)).step_by(depth.max(1)) {
            let depth = start..(start + depth).min(a.cols());
            let a = a.col_range(depth.clone());
            if !row_sums.is_empty() {
                elementwise::add_column_sums(row_sums, a.transposed());
            }
            self.multiply_part(a, b.row_range(depth), c, accumulate || start > 0, scratch);
        }
    }

    fn multiply_part(
        &mut self,
        a: Matrix,
        b: Matrix,
        c: &mut [f32],
        accumulate: bool,
        scratch: &mut Scratch,
    ) {
        if b.cols() <= COLUMN_GRANULE {
            // One worker would pack it all while the others wait.
            let mut packed = Packed::new(self.precision);
            std::mem::swap(&mut packed.lines, &mut scratch.narrow);
            packed.pack(b);
            multiply(a, &packed, c, b.cols(), accumulate, scratch);
            return std::mem::swap(&mut packed.lines, &mut scratch.narrow);
        }
        let parts = self.parts[self.round % 2];
        self.round += 1;
        let own = self.worker.index();
        let columns = share(b.cols(), COLUMN_GRANULE, own, parts.len());
        parts[own].write().unwrap_or_else(PoisonError::into_inner).pack(b.col_range(columns));
        self.worker.barrier();
        let parts: Vec<_> =
            parts.iter().map(|part| part.read().unwrap_or_else(PoisonError::into_inner)).collect();
        let first = |index| share(b.cols(), COLUMN_GRANULE, index, parts.len()).start;
        let columns = parts.iter().enumerate().map(|(index, part)| (part.columns(), first(index)));
        multiply_parts(a, columns, c, b.cols(), accumulate, scratch);
    }
}
