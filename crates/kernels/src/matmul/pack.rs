//! Packing in panels and tiles.
//!
//! Where the processor rounds to bf16 itself, it does so for whole tiles. The other loops are plain Rust; with AVX2 the
//! compiler makes a second version of them.

use super::bf16::{pair, round};
use super::transpose::to_rows;
use super::{PANEL, TILE_LINES, words_mut};
use crate::Matrix;
use crate::buffer::Line;

/// Rows of the right-hand matrix in a tile of pairs.
const TILE_ROWS: usize = 2 * TILE_LINES;

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
with_avx2!(
    /// Packs `b` \[k, n\] into panels of `panel_lines` lines, a row's values in each: whole lines, zeros at the ends included.
    values, values_generic, (b: Matrix<'_>, lines: &mut [Line], panel_lines: usize, rounded: bool)
);

with_avx2!(
    /// Rounds `b` \[k, n\] to bf16 and packs it into panels of `panel_lines` lines, two rows' values in each, zeros at the
    /// ends included.
    pairs, pairs_generic, (b: Matrix<'_>, lines: &mut [Line], panel_lines: usize)
);

with_avx2!(
    /// Rounds rows without gaps to bf16: rows of `row_words` words, two successive values in each.
    rows_of_pairs, rows_of_pairs_generic, (a: Matrix<'_>, words: &mut [u32], row_words: usize)
);

#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
with_avx2!(
    /// Packs `a` \[m, k\] into tiles of 16 rows × 32 columns, each 16 lines of one row's pairs; tiles of the same rows
    /// follow one another. Zeros at the ends are included.
    tiles, tiles_generic, (a: Matrix<'_>, lines: &mut [Line])
);

#[inline(always)]
fn values_generic(b: Matrix<'_>, lines: &mut [Line], panel_lines: usize, rounded: bool) {
    for (panel, lines) in lines.chunks_exact_mut(panel_lines.max(1)).enumerate() {
        fill_values(b.col_range((panel * PANEL).min(b.cols())..b.cols().min((panel + 1) * PANEL)), lines);
        if rounded {
            for word in words_mut(lines) {
                *word = round(f32::from_bits(*word)).to_bits();
            }
        }
    }
}

/// Copies up to 16 columns to lines; words without a value become zero.
#[inline(always)]
fn fill_values(x: Matrix<'_>, lines: &mut [Line]) {
    if x.cols() < PANEL || x.rows() < lines.len() {
        lines.fill(Line::ZERO);
    }
    let to = floats(words_mut(lines));
    if x.col_stride() == 1 && x.cols() == PANEL && x.row_stride() >= PANEL {
        // A copy of known length needs no call.
        for (to, row) in to.chunks_exact_mut(PANEL).zip(x.data().chunks(x.row_stride())).take(x.rows()) {
            to.copy_from_slice(&row[..PANEL]);
        }
    } else if x.row_stride() == 1 {
        to_rows(x, to, PANEL);
    } else {
        for (row, to) in to.chunks_exact_mut(PANEL).enumerate().take(x.rows()) {
            to.iter_mut().enumerate().take(x.cols()).for_each(|(col, to)| *to = x.at(row, col));
        }
    }
}

#[inline(always)]
fn pairs_generic(b: Matrix<'_>, lines: &mut [Line], panel_lines: usize) {
    let panels = lines.len().checked_div(panel_lines).unwrap_or(0);
    let tiles = panel_lines.div_ceil(TILE_LINES);
    let mut pack = |panel: usize, tile: usize| {
        let (row, col) = (tile * TILE_ROWS, panel * PANEL);
        let rows = row.min(b.rows())..b.rows().min(row + TILE_ROWS);
        let cols = col.min(b.cols())..b.cols().min(col + PANEL);
        let first = tile * TILE_LINES;
        let panel = &mut lines[panel * panel_lines..][..panel_lines];
        fill_tile(
            b.row_range(rows).col_range(cols),
            false,
            &mut panel[first..panel_lines.min(first + TILE_LINES)],
        );
    };
    // In the order that the source lies in memory.
    if b.col_stride() == 1 {
        (0..tiles).for_each(|tile| (0..panels).for_each(|panel| pack(panel, tile)));
    } else {
        (0..panels).for_each(|panel| (0..tiles).for_each(|tile| pack(panel, tile)));
    }
}

#[inline(always)]
fn rows_of_pairs_generic(a: Matrix<'_>, words: &mut [u32], row_words: usize) {
    assert!(a.col_stride() == 1 && row_words == a.cols().div_ceil(2) && words.len() >= a.rows() * row_words);
    for (row, words) in words.chunks_exact_mut(row_words.max(1)).enumerate().take(a.rows()) {
        let values = &a.data()[row * a.row_stride()..][..a.cols()];
        #[cfg(target_arch = "x86_64")]
        if super::pairs::available() {
            // SAFETY: the processor has the instructions.
            unsafe { super::pairs::row(values, words) };
            continue;
        }
        let (whole, rest) = values.as_chunks::<2>();
        words.iter_mut().zip(whole).for_each(|(word, &[low, high])| *word = pair(low, high));
        if let ([last], Some(word)) = (rest, words.last_mut()) {
            *word = pair(*last, 0.0);
        }
    }
}

#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
#[inline(always)]
fn tiles_generic(a: Matrix<'_>, lines: &mut [Line]) {
    let (tiles, _): (&mut [Tile], _) = lines.as_chunks_mut();
    let k_tiles = a.cols().div_ceil(TILE_ROWS);
    let row_tiles = a.rows().div_ceil(PANEL);
    #[cfg(target_arch = "x86_64")]
    if a.col_stride() == 1 && super::pairs::available() {
        for (row_tile, tiles) in tiles.chunks_exact_mut(k_tiles).take(row_tiles).enumerate() {
            // SAFETY: the processor has the instructions.
            unsafe { super::pairs::rows_of_tiles(a, row_tile * PANEL, tiles) };
        }
        return;
    }
    let mut pack = |row_tile: usize, k_tile: usize| {
        let (row, col) = (row_tile * PANEL, k_tile * TILE_ROWS);
        let (rows, cols) = (row..a.rows().min(row + PANEL), col..a.cols().min(col + TILE_ROWS));
        let a = a.row_range(rows).col_range(cols);
        fill_tile(a.transposed(), true, &mut tiles[row_tile * k_tiles + k_tile]);
    };
    // In the order that the source lies in memory.
    if a.col_stride() == 1 {
        (0..row_tiles).for_each(|row| (0..k_tiles).for_each(|k| pack(row, k)));
    } else {
        (0..k_tiles).for_each(|k| (0..row_tiles).for_each(|row| pack(row, k)));
    }
}

/// Packs up to 32 × 16 values `x` into pairs of rows: word `(l, j)` holds `x[2l][j]` and `x[2l + 1][j]`, or word
/// `(j, l)` when `transposed`. Words without a value become zero; there may be fewer lines where `x` has fewer rows.
#[inline(always)]
#[allow(clippy::needless_range_loop)]
fn fill_tile(x: Matrix<'_>, transposed: bool, lines: &mut [Line]) {
    let whole_rows = x.rows() == TILE_ROWS;
    let by_rows = x.cols() == PANEL && x.col_stride() == 1;
    let Some(tile) = lines.as_mut_array().filter(|_| whole_rows && (by_rows || x.row_stride() == 1)) else {
        return fill_words(x, transposed, lines);
    };
    #[cfg(target_arch = "x86_64")]
    if x.cols() == PANEL && super::pairs::available() {
        // SAFETY: the processor has the instructions.
        return unsafe { super::pairs::tile(x, transposed, tile) };
    }
    if by_rows {
        for (l, Line(words)) in tile.iter_mut().enumerate() {
            let low: &[f32; PANEL] = x.data()[2 * l * x.row_stride()..].first_chunk().unwrap();
            let high: &[f32; PANEL] = x.data()[(2 * l + 1) * x.row_stride()..].first_chunk().unwrap();
            for j in 0..PANEL {
                words[j] = pair(low[j], high[j]);
            }
        }
    } else {
        for (j, Line(words)) in tile.iter_mut().enumerate().take(x.cols()) {
            let values: &[f32; TILE_ROWS] = x.data()[j * x.col_stride()..].first_chunk().unwrap();
            for l in 0..TILE_LINES {
                words[l] = pair(values[2 * l], values[2 * l + 1]);
            }
        }
        tile[x.cols()..].fill(Line::ZERO);
    }
    if transposed == by_rows {
        transpose(tile);
    }
}

/// [`fill_tile`] word by word.
fn fill_words(x: Matrix<'_>, transposed: bool, lines: &mut [Line]) {
    lines.fill(Line::ZERO);
    for l in 0..x.rows().div_ceil(2) {
        for j in 0..x.cols() {
            let high = if 2 * l + 1 < x.rows() { x.at(2 * l + 1, j) } else { 0.0 };
            let word = pair(x.at(2 * l, j), high);
            *(if transposed { &mut lines[j].0[l] } else { &mut lines[l].0[j] }) = word;
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

/// Words as the values that they are the bits of.
fn floats(words: &mut [u32]) -> &mut [f32] {
    // SAFETY: two types of the same size and alignment, of which every pattern of bits is a value.
    unsafe { std::slice::from_raw_parts_mut(words.as_mut_ptr().cast(), words.len()) }
}
