//! Rounding to bf16 and packing, of both sides of a product.
//!
//! The loops are plain Rust; where the processor has AVX2 the compiler makes a second version of them with it.

use super::{Line, PANEL, TILE_LINES, pair, round};
use crate::Matrix;

/// The words of a tile: 16 lines of 16.
type Tile = [Line; TILE_LINES];

/// How the left-hand matrix is laid out for a vector kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// A word is one value, rounded to bf16 and kept as f32.
    Single,
    /// A word is two successive values in bf16.
    Pair,
}

impl Form {
    /// Words of a row of `k` values; a last half pair is filled with zero.
    pub(super) fn words(self, k: usize) -> usize {
        match self {
            Form::Single => k.next_multiple_of(2),
            Form::Pair => k.div_ceil(2),
        }
    }
}

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
    /// Packs `b` \[k, n\] into panels of `panel_lines` lines each, zeros at the ends included.
    panels, panels_generic, (b: Matrix<'_>, lines: &mut [Line], panel_lines: usize)
);

with_avx2!(
    /// Packs `a` \[m, k\] into tiles of 16 rows × 32 columns, each 16 lines of one row's pairs; tiles of the same rows
    /// follow one another. Zeros at the ends are included.
    tiles, tiles_generic, (a: Matrix<'_>, lines: &mut [Line])
);

with_avx2!(
    /// Packs `a` \[m, k\] into blocks of rows that end at `ends` (ascending, the last one m): a block of r rows takes
    /// r words, one of each row, for every word of `form` in a row. At most [`MAX_ROWS`] rows.
    rows, rows_generic, (a: Matrix<'_>, ends: &[usize], form: Form, words: &mut [u32])
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

/// Most rows that [`rows`] packs at once.
pub(super) const MAX_ROWS: usize = 128;

/// Words of one row that are converted at a time.
const CHUNK: usize = 16;

#[inline(always)]
fn rows_generic(a: Matrix<'_>, ends: &[usize], form: Form, words: &mut [u32]) {
    let row_words = form.words(a.cols());
    let per_word = if form == Form::Single { 1 } else { 2 };
    // Values in words that are whole; one last half pair, or the zero after an odd k, goes element by element.
    let whole = a.cols() / per_word;
    let word_at = |row: usize, w: usize| {
        let at = |col: usize| if col < a.cols() { a.at(row, col) } else { 0.0 };
        if form == Form::Single { round(at(w)).to_bits() } else { pair(at(2 * w), at(2 * w + 1)) }
    };
    let blocks = || std::iter::once(0).chain(ends.iter().copied()).zip(ends.iter().copied());

    if a.col_stride() == 1 {
        let chunked = whole / CHUNK * CHUNK;
        for (start, end) in blocks() {
            let rows = end - start;
            let block = &mut words[start * row_words..end * row_words];
            for row in start..end {
                let source = &a.data()[row * a.row_stride()..][..a.cols()];
                for (chunk, values) in source.chunks_exact(CHUNK * per_word).enumerate() {
                    let mut converted = [0; CHUNK];
                    for (i, word) in converted.iter_mut().enumerate() {
                        *word = if form == Form::Single {
                            round(values[i]).to_bits()
                        } else {
                            pair(values[2 * i], values[2 * i + 1])
                        };
                    }
                    for (i, &word) in converted.iter().enumerate() {
                        block[(chunk * CHUNK + i) * rows + row - start] = word;
                    }
                }
                for w in chunked..row_words {
                    block[w * rows + row - start] = word_at(row, w);
                }
            }
        }
    } else {
        let mut converted = [0; MAX_ROWS];
        let converted = &mut converted[..a.rows()];
        for w in 0..row_words {
            if a.row_stride() == 1 && w < whole {
                let column = |col: usize| &a.data()[col * a.col_stride()..][..a.rows()];
                if form == Form::Single {
                    let column = column(w);
                    converted.iter_mut().zip(column).for_each(|(word, &x)| *word = round(x).to_bits());
                } else {
                    let both = column(2 * w).iter().zip(column(2 * w + 1));
                    converted.iter_mut().zip(both).for_each(|(word, (&x, &y))| *word = pair(x, y));
                }
            } else {
                converted.iter_mut().enumerate().for_each(|(row, word)| *word = word_at(row, w));
            }
            for (start, end) in blocks() {
                words[start * row_words + w * (end - start)..][..end - start]
                    .copy_from_slice(&converted[start..end]);
            }
        }
    }
}
