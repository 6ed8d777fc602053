//! Products of f32 blocks that lie in cache.
//!
//! The packed products of [`crate::matmul`] take whole matrices; here half of a block on the diagonal is not seen by
//! anyone and left out, the left-hand side is read by rows or by columns as it lies, and nothing is packed.

use rten_simd::ops::{BitOps, NumOps};
use rten_simd::{Isa, SimdOp};

use super::band::Band;
use crate::Matrix;
use crate::buffer::LINE;

/// Most rows in a strip: 6 × 2 vectors of sums take 12 of AVX2's 16 registers.
const ROWS: usize = 6;

/// What a band leaves out of a product.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Limits {
    /// Columns of the result that a strip's rows do not see: what they hold afterwards is anything.
    Columns(Band),
    /// Places of the sums: the left-hand side must be zero at those that a row does not see.
    Depth(Band),
}

/// `c = a · b`, or `c += …` where `accumulate`, for `b[a.cols(), n]` with rows `ldb` apart and `c` with rows `ldc`
/// apart; `n` is a multiple of [`LINE`].
pub(super) struct Product<'a> {
    pub a: Matrix<'a>,
    pub b: &'a [f32],
    pub ldb: usize,
    pub c: &'a mut [f32],
    pub ldc: usize,
    pub n: usize,
    pub limits: Limits,
    pub accumulate: bool,
}

impl SimdOp for Product<'_> {
    type Output = ();

    #[inline(always)]
    fn eval<I: Isa>(self, isa: I) {
        let Self { a, b, ldb, c, ldc, n, limits, accumulate } = self;
        let (m, k) = (a.rows(), a.cols());
        if m == 0 || n == 0 || k == 0 {
            assert!(accumulate, "an empty sum");
            return;
        }
        assert!(n.is_multiple_of(LINE) && n <= ldb && n <= ldc);
        assert!(c.len() >= (m - 1) * ldc + n && b.len() >= (k - 1) * ldb + n);
        assert!(a.data().len() > (m - 1) * a.row_stride() + (k - 1) * a.col_stride());

        let strips = m.div_ceil(ROWS);
        let width = isa.f32().len();
        for strip in 0..strips {
            // Strips as even as can be: 8 rows are better as 4 + 4 than as 6 + 2.
            let rows = strip * m / strips..(strip + 1) * m / strips;
            let (columns, depth) = match limits {
                Limits::Columns(band) => {
                    let seen = band.columns(rows.clone(), n);
                    (seen.start / LINE * LINE..seen.end.next_multiple_of(LINE), 0..k)
                }
                Limits::Depth(band) => (0..n, band.columns(rows.clone(), k)),
            };
            let mut column = columns.start;
            while column < columns.end {
                let vectors = if columns.end - column >= 2 * width { 2 } else { 1 };
                let block = Block {
                    // SAFETY: within the slices, as asserted above; `columns` and `depth` lie within `n` and `k`.
                    a: unsafe {
                        a.data().as_ptr().add(rows.start * a.row_stride() + depth.start * a.col_stride())
                    },
                    a_strides: [a.row_stride(), a.col_stride()],
                    b: b[(depth.start * ldb + column).min(b.len())..].as_ptr(),
                    ldb,
                    c: c[rows.start * ldc + column..].as_mut_ptr(),
                    ldc,
                    depth: depth.len(),
                    accumulate,
                };
                // SAFETY: as above; a line is a whole number of vectors, so that the last vector ends with `columns`.
                unsafe { block.multiply(isa, rows.len(), vectors) };
                column += vectors * width;
            }
        }
    }
}

/// A block of sums that fit the registers.
struct Block {
    a: *const f32,
    a_strides: [usize; 2],
    b: *const f32,
    ldb: usize,
    c: *mut f32,
    ldc: usize,
    depth: usize,
    accumulate: bool,
}

impl Block {
    /// # Safety
    ///
    /// There are `rows` × `vectors` sums, and what they are computed from.
    #[inline(always)]
    unsafe fn multiply<I: Isa>(&self, isa: I, rows: usize, vectors: usize) {
        // SAFETY: as for this function.
        unsafe {
            match (rows, vectors) {
                (1, 1) => self.sums::<I, 1, 1>(isa),
                (2, 1) => self.sums::<I, 2, 1>(isa),
                (3, 1) => self.sums::<I, 3, 1>(isa),
                (4, 1) => self.sums::<I, 4, 1>(isa),
                (5, 1) => self.sums::<I, 5, 1>(isa),
                (6, 1) => self.sums::<I, 6, 1>(isa),
                (1, _) => self.sums::<I, 1, 2>(isa),
                (2, _) => self.sums::<I, 2, 2>(isa),
                (3, _) => self.sums::<I, 3, 2>(isa),
                (4, _) => self.sums::<I, 4, 2>(isa),
                (5, _) => self.sums::<I, 5, 2>(isa),
                (6, _) => self.sums::<I, 6, 2>(isa),
                _ => unreachable!("a strip of {rows} rows"),
            }
        }
    }

    /// # Safety
    ///
    /// As for [`Block::multiply`] with `R` rows and `V` vectors.
    #[inline(always)]
    #[allow(clippy::needless_range_loop)]
    unsafe fn sums<I: Isa, const R: usize, const V: usize>(&self, isa: I) {
        let ops = isa.f32();
        let width = ops.len();
        let [row_stride, col_stride] = self.a_strides;
        let mut sums = [[ops.zero(); V]; R];
        // SAFETY: every access lies within the block.
        unsafe {
            if self.accumulate {
                for r in 0..R {
                    for v in 0..V {
                        sums[r][v] = ops.load_ptr(self.c.add(r * self.ldc + v * width));
                    }
                }
            }
            for i in 0..self.depth {
                let (a, b) = (self.a.add(i * col_stride), self.b.add(i * self.ldb));
                let mut line = [ops.zero(); V];
                for v in 0..V {
                    line[v] = ops.load_ptr(b.add(v * width));
                }
                for r in 0..R {
                    let a = ops.splat(*a.add(r * row_stride));
                    for v in 0..V {
                        sums[r][v] = ops.mul_add(a, line[v], sums[r][v]);
                    }
                }
            }
            for r in 0..R {
                for v in 0..V {
                    ops.store_ptr(sums[r][v], self.c.add(r * self.ldc + v * width));
                }
            }
        }
    }
}
