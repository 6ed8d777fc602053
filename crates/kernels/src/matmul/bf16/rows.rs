//! Rounding to bf16 and packing of the left-hand matrix for the vector kernels.

use super::pack::with_avx2;
use super::{pair, round};
use crate::Matrix;

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

/// Most rows that [`pack`] packs at once.
pub(super) const MAX_ROWS: usize = 128;

/// Words of one row that are converted at a time.
const CHUNK: usize = 16;

with_avx2!(
    /// Packs `a` \[m, k\] into blocks of rows that end at `ends` (ascending, the last one m): a block of r rows takes
    /// r words, one of each row, for every word of `form` in a row. At most [`MAX_ROWS`] rows.
    pack, pack_generic, (a: Matrix<'_>, ends: &[usize], form: Form, words: &mut [u32])
);

#[inline(always)]
fn pack_generic(a: Matrix<'_>, ends: &[usize], form: Form, words: &mut [u32]) {
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
