//! Packed f32 products of our own, for processors with AVX2 but not AVX-512.
//!
//! A recurrent step multiplies few rows with weights that do not fit the level 2 cache: each panel of the weights is read
//! from the level 3 cache or memory, used for some dozen rows, and not again before the next step. This kernel fetches
//! ahead as it goes, which a product kernel that expects its panels in cache does not.

use std::arch::x86_64::*;

use crate::Matrix;
use crate::matmul::transpose::to_rows;

/// Columns of a panel: two vectors.
pub const PANEL: usize = 16;

/// Most rows in a block: 6 × 16 sums take 12 of the 16 registers.
const ROWS: usize = 6;

/// Lines of a panel that are multiplied with all rows before the next ones: 16 KiB, which stay in the level 1 cache.
const CHUNK: usize = 256;

/// Values of the left-hand matrix that are multiplied with all panels before the next ones: 256 KiB, which stay in the level
/// 2 cache.
const HELD: usize = 1 << 16;

/// Lines to fetch ahead: 2 KiB.
const AHEAD: usize = 32;

/// One row of a panel, a cache line.
#[derive(Clone, Copy)]
#[repr(align(64))]
struct Line([f32; PANEL]);

/// A right-hand matrix `[k, n]` in panels of [`PANEL`] columns, each row by row; the last is filled up with zeros.
#[derive(Default)]
pub struct Panels {
    lines: Vec<Line>,
    k: usize,
    n: usize,
}

impl Panels {
    /// Packs `b`, using the memory of what was packed before.
    pub fn pack(&mut self, b: Matrix) {
        (self.k, self.n) = (b.rows(), b.cols());
        self.lines.resize(self.n.div_ceil(PANEL) * self.k, Line([0.0; PANEL]));
        for (number, panel) in self.lines.chunks_exact_mut(self.k.max(1)).enumerate() {
            let first = number * PANEL;
            let width = PANEL.min(self.n - first);
            if width < PANEL {
                panel.fill(Line([0.0; PANEL]));
            }
            if b.row_stride() == 1 {
                to_rows(b.col_range(first..first + width), flat(panel), PANEL);
            } else if b.col_stride() == 1 {
                let rows = b.data()[first..].chunks(b.row_stride());
                match width {
                    // A copy of known length needs no call.
                    PANEL => panel.iter_mut().zip(rows).for_each(|(line, row)| {
                        line.0.copy_from_slice(&row[..PANEL]);
                    }),
                    _ => panel.iter_mut().zip(rows).for_each(|(line, row)| {
                        line.0[..width].copy_from_slice(&row[..width]);
                    }),
                }
            } else {
                for (row, line) in panel.iter_mut().enumerate() {
                    let from = &b.data()[row * b.row_stride() + first * b.col_stride()..];
                    line.0
                        .iter_mut()
                        .zip(from.iter().step_by(b.col_stride()))
                        .take(width)
                        .for_each(|(to, from)| *to = *from);
                }
            }
        }
    }

    /// `c[m, n] = a · b`, or `c += …` where `accumulate`; rows of `a` lie without gaps between columns, those of `c` are `ldc`
    /// values apart.
    ///
    /// # Panics
    ///
    /// If the sizes do not fit.
    ///
    /// # Safety
    ///
    /// The processor has AVX2 and FMA.
    pub unsafe fn multiply(&self, a: Matrix, c: &mut [f32], ldc: usize, accumulate: bool) {
        let (m, n, k) = (a.rows(), self.n, self.k);
        if m == 0 || n == 0 {
            return;
        }
        assert!(a.cols() == k && a.col_stride() == 1 && a.data().len() >= (m - 1) * a.row_stride() + k);
        assert!(ldc >= n && c.len() >= (m - 1) * ldc + n);
        if k == 0 && !accumulate {
            return c.chunks_mut(ldc).take(m).for_each(|row| row[..n].fill(0.0));
        }
        let held = (HELD / k.max(1)).max(4 * ROWS);
        for start in (0..m).step_by(held) {
            let rows = start..(start + held).min(m);
            let c = &mut c[rows.start * ldc..];
            // SAFETY: as for this function.
            unsafe { self.multiply_rows(a.row_range(rows), c, ldc, accumulate) };
        }
    }

    /// [`Panels::multiply`] for rows that the level 2 cache holds.
    ///
    /// # Safety
    ///
    /// As there; the sizes fit.
    unsafe fn multiply_rows(&self, a: Matrix, c: &mut [f32], ldc: usize, accumulate: bool) {
        let (m, n, k) = (a.rows(), self.n, self.k);
        let blocks = m.div_ceil(ROWS);
        let mut edge = [0.0; ROWS * PANEL];
        for (number, panel) in self.lines.chunks_exact(k.max(1)).enumerate() {
            let first = number * PANEL;
            let width = PANEL.min(n - first);
            for start in (0..k).step_by(CHUNK) {
                let lines = &panel[start..(start + CHUNK).min(k)];
                for block in 0..blocks {
                    // Blocks as even as can be: 8 rows are better as 4 + 4 than as 6 + 2.
                    let rows = block * m / blocks..(block + 1) * m / blocks;
                    let from = &a.data()[rows.start * a.row_stride() + start..];
                    let at = rows.start * ldc + first;
                    let load = accumulate || start > 0;
                    // The panel that is cut off goes through sums of its own.
                    let whole = width == PANEL;
                    if !whole {
                        for (row, edge) in edge.chunks_exact_mut(PANEL).enumerate().take(rows.len()) {
                            edge[..width].copy_from_slice(&c[at + row * ldc..][..width]);
                        }
                    }
                    let (sums, distance) = if whole { (&mut c[at..], ldc) } else { (&mut edge[..], PANEL) };
                    // SAFETY: whole rows of `a` lie in its slice, as `multiply` asserts, and a whole panel's width of
                    // `c`, or the block in `edge`.
                    unsafe {
                        block_of(
                            rows.len(),
                            from.as_ptr(),
                            a.row_stride(),
                            lines,
                            sums.as_mut_ptr(),
                            distance,
                            load,
                        );
                    }
                    if !whole {
                        for (row, edge) in edge.chunks_exact(PANEL).enumerate().take(rows.len()) {
                            c[at + row * ldc..][..width].copy_from_slice(&edge[..width]);
                        }
                    }
                }
            }
        }
    }
}

/// The values of some lines.
fn flat(lines: &mut [Line]) -> &mut [f32] {
    // SAFETY: a line is an array of values and as large as its alignment, so that lines lie without gaps.
    unsafe { std::slice::from_raw_parts_mut(lines.as_mut_ptr().cast(), lines.len() * PANEL) }
}

/// A block of at most [`ROWS`] rows with some lines of a panel.
///
/// # Safety
///
/// The processor has AVX2 and FMA; `a` has `rows` rows of `lines.len()` values, `c` as many of [`PANEL`], `ldc` apart.
unsafe fn block_of(
    rows: usize,
    a: *const f32,
    lda: usize,
    lines: &[Line],
    c: *mut f32,
    ldc: usize,
    load: bool,
) {
    // SAFETY: as for this function.
    unsafe {
        match rows {
            1 => fma::<1>(a, lda, lines, c, ldc, load),
            2 => fma::<2>(a, lda, lines, c, ldc, load),
            3 => fma::<3>(a, lda, lines, c, ldc, load),
            4 => fma::<4>(a, lda, lines, c, ldc, load),
            5 => fma::<5>(a, lda, lines, c, ldc, load),
            6 => fma::<6>(a, lda, lines, c, ldc, load),
            _ => unreachable!("a block of {rows} rows"),
        }
    }
}

/// One block of sums, held in registers.
///
/// # Safety
///
/// As for [`block_of`] with `R` rows.
#[target_feature(enable = "avx2,fma")]
#[allow(clippy::needless_range_loop)]
unsafe fn fma<const R: usize>(
    a: *const f32,
    lda: usize,
    lines: &[Line],
    c: *mut f32,
    ldc: usize,
    load: bool,
) {
    let mut sums = [[_mm256_setzero_ps(); 2]; R];
    // SAFETY: every access lies within the block; a prefetch may point anywhere.
    unsafe {
        if load {
            for r in 0..R {
                sums[r] = [0, 8].map(|half| _mm256_loadu_ps(c.add(r * ldc + half)));
            }
        }
        for (i, line) in lines.iter().enumerate() {
            let line: *const f32 = line.0.as_ptr();
            _mm_prefetch::<_MM_HINT_T0>(line.wrapping_add(AHEAD * PANEL).cast());
            let b = [_mm256_load_ps(line), _mm256_load_ps(line.add(8))];
            for r in 0..R {
                let a = _mm256_broadcast_ss(&*a.add(r * lda + i));
                sums[r] = [_mm256_fmadd_ps(a, b[0], sums[r][0]), _mm256_fmadd_ps(a, b[1], sums[r][1])];
            }
        }
        for r in 0..R {
            for half in 0..2 {
                _mm256_storeu_ps(c.add(r * ldc + half * 8), sums[r][half]);
            }
        }
    }
}
