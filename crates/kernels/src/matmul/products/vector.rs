//! The loops around the innermost ones.
//!
//! The right-hand matrix is read once, panel by panel, and in the panels chunk by chunk, so that a chunk stays in the level 1
//! cache while all blocks of rows are multiplied with it.

use crate::buffer::Line;
use crate::matmul::left::Words;
use crate::matmul::{Columns, PANEL};

/// Lines of some panels that make up a chunk: 24 KiB.
const CHUNK_LINES: usize = 384;

/// A product of a block of rows with a chunk of a few panels.
pub(super) struct Block {
    /// The first row's first word.
    pub a: *const u32,
    /// Distance to the next row's word.
    pub row_stride: usize,
    /// Distance to a row's next word.
    pub word_stride: usize,
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

/// Calls a kernel compiled for as many rows and panels, one of those listed.
#[cfg(target_arch = "x86_64")]
macro_rules! by_size {
    ($kernel:ident, $block:expr, $size:expr, $(($rows:literal, $panels:literal))*) => {
        match $size {
            $(($rows, $panels) => $kernel::<$rows, $panels>($block),)*
            (rows, panels) => unreachable!("block of {rows} rows and {panels} panels"),
        }
    };
}
#[cfg(target_arch = "x86_64")]
pub(super) use by_size;

/// The innermost loop, one for each instruction set.
pub(super) trait Kernel {
    /// Most rows in a block.
    const MAX_ROWS: usize;

    /// Words of a row for each line.
    const WORDS: usize;

    /// Whether it takes a panel's lines all at once, and what stands behind them.
    const WHOLE: bool = false;

    /// Panels to take at once where `left` are left, with blocks of at most `rows` rows.
    fn panels(_rows: usize, _left: usize) -> usize {
        1
    }

    /// Computes a block with `rows` rows and `panels` panels: one, or what [`Kernel::panels`] gives for as many rows
    /// or, where a product takes several blocks, for one row more.
    ///
    /// # Safety
    ///
    /// The processor has the kernel's instructions; the pointers in `block` hold as many values as they say.
    unsafe fn run(block: &Block, rows: usize, panels: usize);
}

/// `c = left · b`, or `c += …`, with kernel `K`.
///
/// # Safety
///
/// The processor has the kernel's instructions; the sides fit and `c` holds the rows of n values.
pub(super) unsafe fn multiply<K: Kernel>(
    left: &Words,
    b: Columns,
    c: &mut [f32],
    ldc: usize,
    accumulate: bool,
) {
    let (lines, panel_lines) = (b.used_lines(), b.panel_lines());
    let longest = left.longest_block(K::MAX_ROWS);
    let [row_stride, word_stride] = left.strides();
    let mut panel = 0;
    while panel < b.panels() {
        let whole = (b.n - panel * PANEL) / PANEL;
        let panels = if whole == 0 { 1 } else { K::panels(longest, whole) };
        let cols = (panels * PANEL).min(b.n - panel * PANEL);
        // A panel that is used but once needs no chunks.
        let chunk_lines = if K::WHOLE || left.rows() <= K::MAX_ROWS { lines } else { CHUNK_LINES / panels };
        for line in (0..lines).step_by(chunk_lines) {
            let chunk = b.lines[panel * panel_lines + line..].as_ptr();
            left.for_each_block(K::MAX_ROWS, |start, rows| {
                let c = &mut c[start * ldc + panel * PANEL..];
                let mut block = Block {
                    a: left.at(start, line * K::WORDS),
                    row_stride,
                    word_stride,
                    b: chunk,
                    panel_lines,
                    lines: chunk_lines.min(lines - line),
                    c: c.as_mut_ptr(),
                    ldc,
                    load: accumulate || line > 0,
                };
                if cols == panels * PANEL {
                    // SAFETY: the block's rows and panels are whole, and lie within the slices.
                    return unsafe { K::run(&block, rows, panels) };
                }
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
            });
        }
        panel += panels;
    }
}

/// Rows of the block that takes the place of `c` at its right edge; no kernel has more.
const MAX_EDGE_ROWS: usize = 16;
