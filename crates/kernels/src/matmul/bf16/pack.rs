//! Rounding to bf16 and packing in tiles: the right-hand matrix for all back ends, the left-hand one for AMX.
//!
//! The loops are plain Rust; where the processor has AVX2 the compiler makes a second version of them with it.

use super::{Line, PANEL, TILE_LINES, pair};
use crate::Matrix;

/// The words of a tile: 16 lines of 16.
type Tile = [Line; TILE_LINES];

/// Compiles a function twice, for the target's baseline and with AVX2, and calls the one that fits the processor.
macro_rules! with_avx2 {
    ($(#[$doc:meta])* $name:ident, $generic:ident, ($($arg:ident: $type:ty),*)) => {
        $(#[$doc])*
        pub(super) fn $name($($arg: $type),*) {
            #[cfg(target_arch = "x86_64")]
            if crate::Isa::detected() >= crate::Isa::Avx2 {
                #[target_feature(enable = "avx2")]
                fn avx2($($arg: $type),*) {
                    $generic($($arg),*);
                }
                // SAFETY: the processor has AVX2.
                return unsafe { avx2($($arg),*) };
            }
            $generic($($arg),*);
        }
    };
}
#[cfg(target_arch = "x86_64")]
pub(super) use with_avx2;

with_avx2!(
    /// Packs `b` \[k, n\] into panels of `panel_lines` lines each, zeros at the ends included.
    panels, panels_generic, (b: Matrix<'_>, lines: &mut [Line], panel_lines: usize)
);

#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
with_avx2!(
    /// Packs `a` \[m, k\] into tiles of 16 rows × 32 columns, each 16 lines of one row's pairs; tiles of the same rows
    /// follow one another. Zeros at the ends are included.
    tiles, tiles_generic, (a: Matrix<'_>, lines: &mut [Line])
);

#[inline(always)]
fn panels_generic(b: Matrix<'_>, lines: &mut [Line], panel_lines: usize) {
    let panels = lines.len().checked_div(panel_lines).unwrap_or(0);
    let tiles = panel_lines / TILE_LINES;
    let mut pack = |panel: usize, tile: usize| {
        let (row, col) = (tile * 2 * TILE_LINES, panel * PANEL);
        let rows = row..b.rows().min(row + 2 * TILE_LINES);
        let cols = col.min(b.cols())..b.cols().min(col + PANEL);
        let lines = lines[panel * panel_lines + tile * TILE_LINES..].first_chunk_mut().unwrap();
        fill_tile(b.row_range(rows).col_range(cols), false, lines);
    };
    // In the order that the source lies in memory.
    if b.col_stride() == 1 {
        (0..tiles).for_each(|tile| (0..panels).for_each(|panel| pack(panel, tile)));
    } else {
        (0..panels).for_each(|panel| (0..tiles).for_each(|tile| pack(panel, tile)));
    }
}

#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
#[inline(always)]
fn tiles_generic(a: Matrix<'_>, lines: &mut [Line]) {
    let (tiles, _) = lines.as_chunks_mut();
    let k_tiles = a.cols().div_ceil(2 * TILE_LINES);
    for (row_tile, tiles) in tiles.chunks_exact_mut(k_tiles).take(a.rows().div_ceil(PANEL)).enumerate() {
        let a = a.row_range(row_tile * PANEL..a.rows().min((row_tile + 1) * PANEL));
        for (k_tile, tile) in tiles.iter_mut().enumerate() {
            let col = k_tile * 2 * TILE_LINES;
            let cols = col..a.cols().min(col + 2 * TILE_LINES);
            fill_tile(a.col_range(cols).transposed(), true, tile);
        }
    }
}

/// Packs up to 32 × 16 values `x` into pairs of rows: word `(l, j)` holds `x[2l][j]` and `x[2l + 1][j]`, or word
/// `(j, l)` when `transposed`. Words without a value become zero.
#[inline(always)]
#[allow(clippy::needless_range_loop)]
fn fill_tile(x: Matrix<'_>, transposed: bool, tile: &mut Tile) {
    let whole_rows = x.rows() == 2 * TILE_LINES;
    if whole_rows && x.cols() == PANEL && x.col_stride() == 1 {
        for (l, Line(words)) in tile.iter_mut().enumerate() {
            let low: &[f32; PANEL] = x.data()[2 * l * x.row_stride()..].first_chunk().unwrap();
            let high: &[f32; PANEL] = x.data()[(2 * l + 1) * x.row_stride()..].first_chunk().unwrap();
            for j in 0..PANEL {
                words[j] = pair(low[j], high[j]);
            }
        }
        if transposed {
            transpose(tile);
        }
    } else if whole_rows && x.row_stride() == 1 {
        for (j, Line(words)) in tile.iter_mut().enumerate().take(x.cols()) {
            let values: &[f32; 2 * TILE_LINES] = x.data()[j * x.col_stride()..].first_chunk().unwrap();
            for l in 0..TILE_LINES {
                words[l] = pair(values[2 * l], values[2 * l + 1]);
            }
        }
        tile[x.cols()..].fill(Line::ZERO);
        if !transposed {
            transpose(tile);
        }
    } else {
        tile.fill(Line::ZERO);
        for l in 0..x.rows().div_ceil(2) {
            for j in 0..x.cols() {
                let high = if 2 * l + 1 < x.rows() { x.at(2 * l + 1, j) } else { 0.0 };
                let word = pair(x.at(2 * l, j), high);
                *(if transposed { &mut tile[j].0[l] } else { &mut tile[l].0[j] }) = word;
            }
        }
    }
}

#[inline(always)]
fn transpose(tile: &mut Tile) {
    for i in 1..TILE_LINES {
        for j in 0..i {
            (tile[i].0[j], tile[j].0[i]) = (tile[j].0[i], tile[i].0[j]);
        }
    }
}
