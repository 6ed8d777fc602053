//! AMX: tiles of 16 rows × 64 bytes, multiplied by `tdpbf16ps` (Intel SDM vol. 2; Optimization Reference Manual,
//! chapter 20).
//!
//! Tiles 0–3 hold sums. Two by two of them, for 32 rows and 32 columns, take four tiles of input for four products;
//! where no more than 16 rows are left, one by four keep the four chains of sums that hide the latency of a product.
//! The intrinsics are not stable, the assembler is.
//!
//! Sums are computed along their rows, 32 rows after the other: down a column each row would lie in another page, and lines
//! that are written would not be fetched ahead. What is multiplied with all these strips stays in the level 2 cache.

use std::arch::asm;
use std::ops::Range;

use crate::buffer::Line;
use crate::matmul::Precision;
use crate::matmul::{Columns, PANEL, PANEL_GROUP, Scratch, TILE_LINES, pack, panel_lines};
use crate::{Matrix, amx};

/// Rows of a tile of sums.
const TILE_ROWS: usize = 16;

/// Rows of sums that are computed along their whole length.
const STRIP: usize = 2 * TILE_ROWS;

/// Most tiles that are multiplied before the sums are stored: 64 KiB of a panel.
const MAX_K_TILES: usize = 64;

/// Most lines of panels that one strip after the other is multiplied with: 1 MiB.
const HELD_LINES: usize = 1 << 14;

/// Strips of the left-hand side that are packed at once, and lines of them at most, one strip apart: 512 KiB.
const MAX_STRIPS: usize = 8;
const MAX_LINES: usize = 1 << 13;

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
    /// First of the sums that are computed next.
    next: *const f32,
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
    let k_tiles = panel_lines(Precision::Bf16, a.cols()) / TILE_LINES;
    let strip_lines = 2 * k_tiles * TILE_LINES;
    let all_lines: usize = parts.clone().map(|(b, _)| b.panels() * b.panel_lines()).sum();
    // A strip that is used once is packed when it is. Where it lies by columns, rows of several strips are read instead.
    let at_once = a.col_stride() == 1 && all_lines <= HELD_LINES;
    let strips = if at_once { 1 } else { (MAX_LINES / strip_lines).clamp(1, MAX_STRIPS) };
    for first in (0..a.rows()).step_by(strips * STRIP) {
        let rows = (strips * STRIP).min(a.rows() - first);
        let packed = scratch.lines(rows.div_ceil(TILE_ROWS) * k_tiles * TILE_LINES);
        pack::tiles(a.row_range(first..first + rows), packed);
        for (b, at) in parts.clone() {
            // Weights that are read but once need not stay.
            let held = if a.rows() <= STRIP { b.panels() } else { (HELD_LINES / b.panel_lines()).max(1) };
            let held = held.next_multiple_of(PANEL_GROUP);
            for panel in (0..b.panels()).step_by(held) {
                let panels = panel..b.panels().min(panel + held);
                for row in (0..rows).step_by(STRIP) {
                    let strip = Strip {
                        packed: &packed[row / TILE_ROWS * k_tiles * TILE_LINES..],
                        rows: STRIP.min(rows - row),
                        k_tiles,
                    };
                    let c = &mut c[(first + row) * ldc + at..];
                    // SAFETY: as for this function.
                    unsafe { strip.multiply(b, panels.clone(), c, ldc, accumulate) };
                }
            }
        }
    }
}

/// Some rows of the left-hand side, packed.
struct Strip<'a> {
    packed: &'a [Line],
    /// Up to [`STRIP`].
    rows: usize,
    /// Tiles along a row.
    k_tiles: usize,
}

impl Strip<'_> {
    /// Multiplies it with some panels.
    ///
    /// # Safety
    ///
    /// Tiles are configured.
    unsafe fn multiply(&self, b: Columns, panels: Range<usize>, c: &mut [f32], ldc: usize, accumulate: bool) {
        let panel_lines = b.panel_lines();
        let k_step = self.k_tiles.div_ceil(self.k_tiles.div_ceil(MAX_K_TILES));
        let paired = self.rows > TILE_ROWS;
        let at_once = if paired { 2 } else { PANEL_GROUP };
        for k_tile in (0..self.k_tiles).step_by(k_step) {
            let line = k_tile * TILE_LINES;
            for panel in panels.clone().step_by(at_once) {
                let next = panel + at_once;
                // Its columns, or those of the rows behind it.
                let ahead = if next < panels.end { next * PANEL } else { STRIP * ldc + panels.start * PANEL };
                let block = Block {
                    a: self.packed[line..].as_ptr(),
                    a_stride: self.k_tiles * TILE_LINES * size_of::<Line>(),
                    b: b.lines[panel * panel_lines + line..].as_ptr(),
                    b_stride: panel_lines * size_of::<Line>(),
                    k_tiles: k_step.min(self.k_tiles - k_tile),
                    c: c[panel * PANEL..].as_mut_ptr(),
                    c_stride: ldc * size_of::<f32>(),
                    next: c.as_ptr().wrapping_add(ahead),
                    load: accumulate || k_tile > 0,
                };
                let size = (self.rows, (b.n - panel * PANEL).min(at_once * PANEL));
                // SAFETY: as for this function; panels come in groups of four, rows of `packed` in tiles.
                unsafe {
                    if paired {
                        at_edge::<{ 2 * PANEL }>(block, size, |block| match block.k_tiles {
                            0..8 => two_by_two::<8>(block),
                            8..16 => two_by_two::<4>(block),
                            16..32 => two_by_two::<2>(block),
                            _ => two_by_two::<1>(block),
                        });
                    } else {
                        at_edge::<{ 4 * PANEL }>(block, size, |block| one_by_four(block));
                    }
                }
            }
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

/// 32 rows × 2 panels. With each step of `k`, lines of `AHEAD` rows of the sums that are computed next are fetched to the level 2
/// cache: for all of them together the processor would wait.
///
/// # Safety
///
/// Tiles are configured; `block` points to two rows of tiles, two panels and 32 × 32 sums.
unsafe fn two_by_two<const AHEAD: usize>(block: &Block) {
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
            ".rept {ahead}",
            "prefetcht1 [{next}]",
            "prefetcht1 [{next} + 64]",
            "add {next}, {c_stride}",
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
            ahead = const AHEAD,
            next = inout(reg) block.next => _,
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
