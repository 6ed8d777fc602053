//! AMX: tiles of 16 rows × 64 bytes, multiplied by `tdpbf16ps` (Intel SDM vol. 2; Optimization Reference Manual,
//! chapter 20).
//!
//! Tiles 0–3 hold sums. Two by two of them, for 32 rows and 32 columns, take four tiles of input for four products;
//! where no more than 16 rows are left, one by four keep the four chains of sums that hide the latency of a product.
//! The intrinsics are not stable, the assembler is.

use std::arch::asm;

use crate::matmul::Precision;
use crate::matmul::{Columns, Line, PANEL, PANEL_GROUP, Scratch, TILE_LINES, pack, panel_lines};
use crate::{Matrix, amx};

/// Rows of a tile of sums.
const TILE_ROWS: usize = 16;

/// Most rows of the left-hand matrix packed at once, and tiles in each: 256 × 1024 values, 512 KiB. A group of four
/// panels as long as that takes 128 KiB; both stay in the level 2 cache.
const MAX_ROWS: usize = 256;
const MAX_K_TILES: usize = 32;

/// A few tiles of sums, as [`two_by_two`] and [`one_by_four`] compute them.
struct Block {
    /// Tiles of the upper 16 rows, one after the other.
    a: *const Line,
    /// Distance to those of the lower rows in bytes.
    a_stride: usize,
    /// First line of the first panel.
    b: *const Line,
    /// Distance between panels in bytes.
    b_stride: usize,
    /// Tiles to multiply.
    k_tiles: usize,
    /// First of 32 × 32 or 16 × 64 sums.
    c: *mut f32,
    /// Distance between rows of `c` in bytes.
    c_stride: usize,
    /// Whether the sums begin with what is in `c`.
    load: bool,
}

/// [`super::multiply`] after its checks.
///
/// # Safety
///
/// Tiles are available or emulated; `c` holds the m rows of each right-hand side.
pub(super) unsafe fn multiply<'b>(
    a: Matrix<'_>,
    parts: impl Iterator<Item = (Columns<'b>, usize)> + Clone,
    c: &mut [f32],
    ldc: usize,
    accumulate: bool,
    scratch: &mut Scratch,
) {
    // SAFETY: as for this function.
    unsafe { amx::configure_tiles() };
    let depth = a.cols();
    let k_tiles = panel_lines(Precision::Bf16, depth) / TILE_LINES;
    let k_step = k_tiles.div_ceil(k_tiles.div_ceil(MAX_K_TILES));
    for k_tile in (0..k_tiles).step_by(k_step) {
        let k_tiles = k_step.min(k_tiles - k_tile);
        let k = k_tile * 2 * TILE_LINES;
        let a = a.col_range(k..depth.min(k + k_tiles * 2 * TILE_LINES));
        for first in (0..a.rows()).step_by(MAX_ROWS) {
            let rows = MAX_ROWS.min(a.rows() - first);
            let packed = scratch.lines(rows.div_ceil(TILE_ROWS) * k_tiles * TILE_LINES);
            pack::tiles(a.row_range(first..first + rows), packed);
            let (b_lines, load) = (k_tile * TILE_LINES, accumulate || k_tile > 0);
            for (b, at) in parts.clone() {
                let c = &mut c[first * ldc + at..];
                // SAFETY: as for this function.
                unsafe { multiply_rows(packed, rows, k_tiles, b, b_lines, c, ldc, load) };
            }
        }
    }
}

/// Multiplies up to [`MAX_ROWS`] packed rows with `k_tiles` tiles of every panel, those from line `b_line` on.
///
/// # Safety
///
/// Tiles are configured.
#[allow(clippy::too_many_arguments)]
unsafe fn multiply_rows(
    packed: &[Line],
    rows: usize,
    k_tiles: usize,
    b: Columns,
    b_line: usize,
    c: &mut [f32],
    ldc: usize,
    load: bool,
) {
    let row_tile_lines = k_tiles * TILE_LINES;
    let panel_lines = b.panel_lines();
    // The block of sums whose first one is at (row, panel).
    let block = |c: &mut [f32], row: usize, panel: usize| Block {
        a: packed[row / TILE_ROWS * row_tile_lines..].as_ptr(),
        a_stride: row_tile_lines * size_of::<Line>(),
        b: b.lines[panel * panel_lines + b_line..].as_ptr(),
        b_stride: panel_lines * size_of::<Line>(),
        k_tiles,
        c: c[row * ldc + panel * PANEL..].as_mut_ptr(),
        c_stride: ldc * size_of::<f32>(),
        load,
    };
    // Rows in pairs of tiles; one tile may be left, or a second one that has a few rows only.
    let paired =
        if rows % (2 * TILE_ROWS) > TILE_ROWS { rows } else { rows / (2 * TILE_ROWS) * (2 * TILE_ROWS) };
    for group in (0..b.panels()).step_by(PANEL_GROUP) {
        for panel in (group..b.panels().min(group + PANEL_GROUP)).step_by(2) {
            for row in (0..paired).step_by(2 * TILE_ROWS) {
                let size = ((rows - row).min(2 * TILE_ROWS), (b.n - panel * PANEL).min(2 * PANEL));
                // SAFETY: as for this function; panels come in groups of four, rows of `packed` in tiles.
                unsafe { at_edge::<{ 2 * PANEL }>(block(c, row, panel), size, |block| two_by_two(block)) };
            }
        }
        if paired < rows {
            let size = (rows - paired, (b.n - group * PANEL).min(4 * PANEL));
            // SAFETY: likewise.
            unsafe { at_edge::<{ 4 * PANEL }>(block(c, paired, group), size, |block| one_by_four(block)) };
        }
    }
}

/// Runs `kernel` on a block of `COLS` columns and 1024 sums, of which `(rows, cols)` are within the matrix: where that
/// is not all, through a copy.
///
/// # Safety
///
/// `block.c` holds that many rows and columns.
unsafe fn at_edge<const COLS: usize>(
    mut block: Block,
    (rows, cols): (usize, usize),
    kernel: impl FnOnce(&Block),
) {
    const SUMS: usize = 4 * TILE_ROWS * PANEL;
    if (rows, cols) == (SUMS / COLS, COLS) {
        return kernel(&block);
    }
    let mut sums = [0.0_f32; SUMS];
    let (c, c_stride) = (block.c, block.c_stride);
    (block.c, block.c_stride) = (sums.as_mut_ptr(), COLS * size_of::<f32>());
    // SAFETY: the rows lie within `c` and within `sums`, and these do not overlap.
    unsafe {
        if block.load {
            for row in 0..rows {
                block.c.add(row * COLS).copy_from_nonoverlapping(c.byte_add(row * c_stride), cols);
            }
        }
        kernel(&block);
        for row in 0..rows {
            c.byte_add(row * c_stride).copy_from_nonoverlapping(block.c.add(row * COLS), cols);
        }
    }
}

/// 32 rows × 2 panels.
///
/// # Safety
///
/// Tiles are configured; `block` points to two rows of tiles, two panels and 32 × 32 sums.
unsafe fn two_by_two(block: &Block) {
    // SAFETY: all that is read and written lies within the block; a prefetch may point anywhere.
    unsafe {
        asm!(
            "test {load:e}, {load:e}",
            "jz 2f",
            "tileloadd tmm0, [{c0} + {c_stride}]",
            "tileloadd tmm1, [{c0} + {c_stride} + 64]",
            "tileloadd tmm2, [{c1} + {c_stride}]",
            "tileloadd tmm3, [{c1} + {c_stride} + 64]",
            "jmp 3f",
            "2:",
            "tilezero tmm0",
            "tilezero tmm1",
            "tilezero tmm2",
            "tilezero tmm3",
            "3:",
            "tileloadd tmm4, [{a0} + {line}]",
            "tileloadd tmm6, [{b0} + {line}]",
            "tileloadd tmm5, [{a1} + {line}]",
            "tileloadd tmm7, [{b1} + {line}]",
            // The tiles of four steps later.
            ".irp at, 0, 64, 128, 192, 256, 320, 384, 448, 512, 576, 640, 704, 768, 832, 896, 960",
            "prefetcht0 [{b0} + 4096 + \\at]",
            "prefetcht0 [{b1} + 4096 + \\at]",
            ".endr",
            "tdpbf16ps tmm0, tmm4, tmm6",
            "tdpbf16ps tmm1, tmm4, tmm7",
            "tdpbf16ps tmm2, tmm5, tmm6",
            "tdpbf16ps tmm3, tmm5, tmm7",
            "add {a0}, 1024",
            "add {a1}, 1024",
            "add {b0}, 1024",
            "add {b1}, 1024",
            "dec {k_tiles}",
            "jnz 3b",
            "tilestored [{c0} + {c_stride}], tmm0",
            "tilestored [{c0} + {c_stride} + 64], tmm1",
            "tilestored [{c1} + {c_stride}], tmm2",
            "tilestored [{c1} + {c_stride} + 64], tmm3",
            load = in(reg) block.load as u32,
            line = in(reg) size_of::<Line>(),
            a0 = inout(reg) block.a => _,
            a1 = inout(reg) block.a.byte_add(block.a_stride) => _,
            b0 = inout(reg) block.b => _,
            b1 = inout(reg) block.b.byte_add(block.b_stride) => _,
            k_tiles = inout(reg) block.k_tiles => _,
            c0 = in(reg) block.c,
            c1 = in(reg) block.c.byte_add(TILE_ROWS * block.c_stride),
            c_stride = in(reg) block.c_stride,
            out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _,
            out("tmm4") _, out("tmm5") _, out("tmm6") _, out("tmm7") _,
            options(nostack),
        );
    }
}

/// 16 rows × 4 panels.
///
/// # Safety
///
/// Tiles are configured; `block` points to one row of tiles, four panels and 16 × 64 sums.
unsafe fn one_by_four(block: &Block) {
    // SAFETY: all that is read and written lies within the block; a prefetch may point anywhere.
    unsafe {
        asm!(
            "test {load:e}, {load:e}",
            "jz 2f",
            "tileloadd tmm0, [{c} + {c_stride}]",
            "tileloadd tmm1, [{c} + {c_stride} + 64]",
            "tileloadd tmm2, [{c} + {c_stride} + 128]",
            "tileloadd tmm3, [{c} + {c_stride} + 192]",
            "jmp 3f",
            "2:",
            "tilezero tmm0",
            "tilezero tmm1",
            "tilezero tmm2",
            "tilezero tmm3",
            "3:",
            "tileloadd tmm4, [{a} + {line}]",
            "tileloadd tmm5, [{b0} + {line}]",
            "tileloadd tmm6, [{b1} + {line}]",
            "tileloadd tmm7, [{b2} + {line}]",
            // The tiles of four steps later.
            ".irp at, 0, 64, 128, 192, 256, 320, 384, 448, 512, 576, 640, 704, 768, 832, 896, 960",
            "prefetcht0 [{b0} + 4096 + \\at]",
            "prefetcht0 [{b1} + 4096 + \\at]",
            "prefetcht0 [{b2} + 4096 + \\at]",
            "prefetcht0 [{b3} + 4096 + \\at]",
            ".endr",
            "tdpbf16ps tmm0, tmm4, tmm5",
            "tileloadd tmm5, [{b3} + {line}]",
            "tdpbf16ps tmm1, tmm4, tmm6",
            "tdpbf16ps tmm2, tmm4, tmm7",
            "tdpbf16ps tmm3, tmm4, tmm5",
            "add {a}, 1024",
            "add {b0}, 1024",
            "add {b1}, 1024",
            "add {b2}, 1024",
            "add {b3}, 1024",
            "dec {k_tiles}",
            "jnz 3b",
            "tilestored [{c} + {c_stride}], tmm0",
            "tilestored [{c} + {c_stride} + 64], tmm1",
            "tilestored [{c} + {c_stride} + 128], tmm2",
            "tilestored [{c} + {c_stride} + 192], tmm3",
            load = in(reg) block.load as u32,
            line = in(reg) size_of::<Line>(),
            a = inout(reg) block.a => _,
            b0 = inout(reg) block.b => _,
            b1 = inout(reg) block.b.byte_add(block.b_stride) => _,
            b2 = inout(reg) block.b.byte_add(2 * block.b_stride) => _,
            b3 = inout(reg) block.b.byte_add(3 * block.b_stride) => _,
            k_tiles = inout(reg) block.k_tiles => _,
            c = in(reg) block.c,
            c_stride = in(reg) block.c_stride,
            out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _,
            out("tmm4") _, out("tmm5") _, out("tmm6") _, out("tmm7") _,
            options(nostack),
        );
    }
}
