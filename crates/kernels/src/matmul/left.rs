//! The left-hand side of a product, in words that a kernel spreads over the lanes of a vector.

use super::bf16::round;
use super::{Form, PANEL, Scratch, bytes, pack, words_mut, words_of};
use crate::Matrix;

/// Words of the left-hand side that are multiplied with all panels before the next ones: 256 KiB, which stay in the level 2
/// cache.
const HELD_WORDS: usize = 1 << 16;

/// Rows of `k` values to be multiplied at once: whole panels of them.
pub(super) fn rows_held(form: Form, k: usize) -> usize {
    match form {
        // Tiles divide what they take themselves.
        Form::Tiles => usize::MAX,
        _ => (HELD_WORDS / form.words(k).max(1) / PANEL * PANEL).max(2 * PANEL),
    }
}

/// Some rows of the left-hand side.
pub(super) enum Left<'a> {
    /// As words.
    Words(Words<'a>),
    /// As they lie, and memory to copy them to.
    Matrix(Matrix<'a>, &'a mut Scratch),
}

impl<'a> Left<'a> {
    /// Makes `a` readable in `form`. Values whose rows lie without gaps are not copied.
    pub fn new(form: Form, a: Matrix<'a>, scratch: &'a mut Scratch) -> Self {
        let (m, k) = (a.rows(), a.cols());
        let by_rows = a.col_stride() == 1;
        match form {
            Form::Tiles => return Self::Matrix(a, scratch),
            Form::Bytes => {
                let row_words = form.words(k);
                let lines = scratch.lines((m * row_words).div_ceil(PANEL));
                bytes::rows(a, lines);
                let order = Order::Rows(row_words);
                return Self::Words(Words { words: words_of(lines), rows: m, order });
            }
            Form::Values if by_rows => {
                assert!(m == 0 || k == 0 || a.data().len() >= (m - 1) * a.row_stride() + k);
                return Self::Words(Words {
                    words: values(a.data()),
                    rows: m,
                    order: Order::Rows(a.row_stride()),
                });
            }
            _ => {}
        }
        let row_words = form.words(k);
        let (lines, order) = if by_rows {
            let lines = scratch.lines((m * row_words).div_ceil(PANEL));
            let words = words_mut(lines);
            match form {
                Form::Pairs => pack::rows_of_pairs(a, words, row_words),
                _ => rounded(a, words, row_words),
            }
            (&*lines, Order::Rows(row_words))
        } else {
            let lines = scratch.lines(m.div_ceil(PANEL) * row_words);
            match form {
                Form::Pairs => pack::pairs(a.transposed(), lines, row_words),
                _ => pack::values(a.transposed(), lines, row_words, form == Form::Rounded),
            }
            (&*lines, Order::Panels(row_words))
        };
        Self::Words(Words { words: words_of(lines), rows: m, order })
    }
}

/// Rows of words.
pub(super) struct Words<'a> {
    words: &'a [u32],
    rows: usize,
    order: Order,
}

/// How they lie.
#[derive(Clone, Copy)]
enum Order {
    /// Row after row, so many words apart.
    Rows(usize),
    /// In panels of [`PANEL`] rows with so many lines each, a word of every row in a line.
    Panels(usize),
}

impl Words<'_> {
    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Calls `f` with the first row and the number of rows of each block of at most `most`, as even as can be: 8 rows are
    /// better as 4 + 4 than as 6 + 2. No block goes beyond a panel.
    #[inline(always)]
    pub fn for_each_block(&self, most: usize, mut f: impl FnMut(usize, usize)) {
        let strip = if let Order::Panels(_) = self.order { PANEL } else { self.rows.max(1) };
        for start in (0..self.rows).step_by(strip) {
            let mut left = strip.min(self.rows - start);
            let mut row = start;
            for blocks in (1..=left.div_ceil(most)).rev() {
                let rows = left.div_ceil(blocks);
                f(row, rows);
                (row, left) = (row + rows, left - rows);
            }
        }
    }

    /// The most rows that a block has.
    pub fn longest_block(&self, most: usize) -> usize {
        let len = if let Order::Panels(_) = self.order { PANEL.min(self.rows) } else { self.rows };
        len.div_ceil(len.div_ceil(most).max(1))
    }

    /// Where word `word` of `row` lies.
    #[inline(always)]
    pub fn at(&self, row: usize, word: usize) -> *const u32 {
        let at = match self.order {
            Order::Rows(stride) => row * stride + word,
            Order::Panels(lines) => (row / PANEL * lines + word) * PANEL + row % PANEL,
        };
        self.words[at..].as_ptr()
    }

    /// From a word to that of the next row in its block, and to the next one in its row.
    pub fn strides(&self) -> [usize; 2] {
        match self.order {
            Order::Rows(stride) => [stride, 1],
            Order::Panels(_) => [1, PANEL],
        }
    }
}

/// Rounds rows without gaps into rows of words.
fn rounded(a: Matrix, words: &mut [u32], row_words: usize) {
    for (row, words) in words.chunks_exact_mut(row_words).enumerate().take(a.rows()) {
        let values = &a.data()[row * a.row_stride()..][..a.cols()];
        let (words, rest) = words.split_at_mut(values.len());
        words.iter_mut().zip(values).for_each(|(word, &x)| *word = round(x).to_bits());
        rest.fill(0);
    }
}

/// The bits of some values.
fn values(values: &[f32]) -> &[u32] {
    // SAFETY: two types of the same size and alignment, of which every pattern of bits is a value.
    unsafe { std::slice::from_raw_parts(values.as_ptr().cast(), values.len()) }
}
