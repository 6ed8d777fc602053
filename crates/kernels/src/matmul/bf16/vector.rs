//! The loops around the vector kernels of AVX2 and AVX-512.
//!
//! As many rows of the left-hand matrix as the level 2 cache holds are packed in blocks of a few rows. The right-hand
//! matrix is then read once, panel by panel, and in the panel chunk by chunk, so that a chunk stays in the level 1
//! cache while all blocks of rows are multiplied with it.

use super::rows::{self, Form};
use super::{Line, PANEL, PackedBf16, Scratch};
use crate::Matrix;

/// Words of the left-hand matrix packed at once: 512 KiB.
const PACKED_WORDS: usize = 128 * 1024;

/// Most blocks of rows packed at once.
const MAX_BLOCKS: usize = 12;

/// Lines of a panel in a chunk: 16 KiB.
const CHUNK_LINES: usize = 256;

/// A product of a block of rows with a chunk of a few panels.
pub(super) struct Block {
    /// Packed rows: `rows` words for each word of the kernel's form.
    pub a: *const u32,
    /// First line of the chunk in the first panel.
    pub b: *const Line,
    /// Distance between panels in lines.
    pub panel_lines: usize,
    /// Lines to multiply.
    pub lines: usize,
    /// First of `rows` × `PANEL * panels` sums.
    pub c: *mut f32,
    /// Distance between rows of `c` in values.
    pub ldc: usize,
    /// Whether the sums begin with what is in `c`.
    pub load: bool,
}

/// The innermost loop, one for each instruction set.
pub(super) trait Kernel {
    /// Most rows in a block.
    const MAX_ROWS: usize;

    /// Layout of the left-hand matrix.
    const FORM: Form;

    /// Panels to take at once with blocks of at most `rows` rows; the same for all above half of `MAX_ROWS`.
    fn panels(rows: usize) -> usize;

    /// Computes a block with `rows` rows and `panels` panels: one, or what [`Kernel::panels`] gives for as many rows
    /// or, where a product takes several blocks, for one row more.
    ///
    /// # Safety
    ///
    /// The processor has the kernel's instructions; the pointers in `block` hold as many values as they say.
    unsafe fn run(block: &Block, rows: usize, panels: usize);
}

/// [`super::multiply`] after its checks, with kernel `K`.
///
/// # Safety
///
/// The processor has the kernel's instructions; `c` holds the m rows of n values.
pub(super) unsafe fn multiply<K: Kernel>(
    a: Matrix<'_>,
    b: &PackedBf16,
    c: &mut [f32],
    ldc: usize,
    accumulate: bool,
    scratch: &mut Scratch,
) {
    let row_words = K::FORM.words(b.k);
    let blocks_at_once = (PACKED_WORDS / (row_words * K::MAX_ROWS)).clamp(1, MAX_BLOCKS);
    let rows_at_once = blocks_at_once * K::MAX_ROWS;
    const { assert!(MAX_BLOCKS * K::MAX_ROWS <= rows::MAX_ROWS) };
    for first in (0..a.rows()).step_by(rows_at_once) {
        let rows = rows_at_once.min(a.rows() - first);
        // Blocks as even as can be: 8 rows are better as 4 + 4 than as 6 + 2.
        let blocks = rows.div_ceil(K::MAX_ROWS);
        let mut ends = [0; MAX_BLOCKS];
        let ends = &mut ends[..blocks];
        ends.iter_mut().enumerate().for_each(|(i, end)| *end = (i + 1) * rows / blocks);

        let packed = scratch.words(rows * row_words);
        rows::pack(a.row_range(first..first + rows), ends, K::FORM, packed);
        // SAFETY: as for this function.
        unsafe { multiply_rows::<K>(packed, ends, b, &mut c[first * ldc..], ldc, accumulate) };
    }
}

/// Multiplies packed rows, in blocks that end at `ends`, with all panels.
///
/// # Safety
///
/// The processor has the kernel's instructions.
unsafe fn multiply_rows<K: Kernel>(
    packed: &[u32],
    ends: &[usize],
    b: &PackedBf16,
    c: &mut [f32],
    ldc: usize,
    accumulate: bool,
) {
    let lines = b.k.div_ceil(2);
    let (row_words, panel_lines) = (K::FORM.words(b.k), b.panel_lines());
    let words_per_line = row_words / lines;
    // A panel that is used but once needs no chunks.
    let chunk_lines = if ends.len() == 1 { lines } else { CHUNK_LINES };
    // Blocks differ by one row at most, and more rows never take more panels.
    let most_rows = ends.iter().zip(std::iter::once(&0).chain(ends)).map(|(end, start)| end - start).max();
    let panels_at_once = most_rows.map_or(1, K::panels);

    let mut panel = 0;
    while panel < b.panels() {
        let whole = (b.n - panel * PANEL) / PANEL;
        let panels = if whole >= panels_at_once { panels_at_once } else { 1 };
        let cols = (panels * PANEL).min(b.n - panel * PANEL);
        for line in (0..lines).step_by(chunk_lines) {
            let mut start = 0;
            for &end in ends {
                let rows = end - start;
                let c = &mut c[start * ldc + panel * PANEL..];
                let mut block = Block {
                    a: packed[start * row_words + line * words_per_line * rows..].as_ptr(),
                    b: b.lines[panel * panel_lines + line..].as_ptr(),
                    panel_lines,
                    lines: chunk_lines.min(lines - line),
                    c: c.as_mut_ptr(),
                    ldc,
                    load: accumulate || line > 0,
                };
                if cols == panels * PANEL {
                    // SAFETY: the block's rows and panels are whole, and lie within the slices.
                    unsafe { K::run(&block, rows, panels) };
                } else {
                    // A panel that is cut off goes through a whole block of its own.
                    let mut edge = [0.0; MAX_EDGE_ROWS * PANEL];
                    for (edge, c) in edge.chunks_exact_mut(PANEL).zip(c.chunks(ldc)).take(rows) {
                        edge[..cols].copy_from_slice(&c[..cols]);
                    }
                    (block.c, block.ldc) = (edge.as_mut_ptr(), PANEL);
                    // SAFETY: one panel, and `edge` has room for its rows.
                    unsafe { K::run(&block, rows, 1) };
                    for (edge, c) in edge.chunks_exact(PANEL).zip(c.chunks_mut(ldc)).take(rows) {
                        c[..cols].copy_from_slice(&edge[..cols]);
                    }
                }
                start = end;
            }
        }
        panel += panels;
    }
}

/// Rows of the block that takes the place of `c` at its right edge; no kernel has more.
const MAX_EDGE_ROWS: usize = 16;
