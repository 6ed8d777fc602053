//! Numbers as whole ones of 8 bits with a scale, a column of the right-hand side or a row of the left-hand side together: the
//! largest becomes 127 or -127. Sums of their products are whole numbers, so that every processor gives the same bits; those of
//! 133,144 products fit into 32 bits, whatever the values.
//!
//! A word of a panel holds four successive values of a column, as `vpdpbusd` takes them. Behind a panel's lines stand one with the
//! scales of its columns and one with 128 times their sums: that instruction multiplies with unsigned numbers, so a left-hand value
//! is stored with 128 more, and what that adds is taken off in the end. A left-hand row has its scale in its last word.

use super::{Form, PANEL, words_mut};
use crate::Matrix;
use crate::buffer::Line;
use crate::simd::vectorized;

/// Values of a word.
pub(super) const VALUES: usize = 4;

/// Lines behind those of a panel's values: scales and sums.
pub(super) const BEHIND: usize = 2;

/// What is added to the values of the left-hand side.
pub(super) const OFFSET: i32 = 128;

/// The scale of some values, and what they are multiplied by.
fn scale(values: impl Iterator<Item = f32>) -> [f32; 2] {
    let largest = values.fold(0.0_f32, |largest, value| largest.max(value.abs()));
    let scale = largest / 127.0;
    [scale, if scale > 0.0 { 1.0 / scale } else { 0.0 }]
}

/// The whole number next to a value.
fn whole(value: f32, factor: f32) -> i32 {
    // A number that is next to 127 times the scale stays one of seven bits and a sign.
    (value * factor).round_ties_even().clamp(-127.0, 127.0) as i32
}

fn word(values: [i32; VALUES]) -> u32 {
    u32::from_le_bytes(values.map(|value| value as u8))
}

/// Packs `b` \[k, n\] into panels of `panel_lines` lines, of which there may be more.
pub(super) fn panels(b: Matrix<'_>, lines: &mut [Line], panel_lines: usize) {
    let mut column = vec![0.0; b.rows()];
    for (panel, lines) in lines.chunks_exact_mut(panel_lines).enumerate() {
        lines.fill(Line::ZERO);
        let first = panel * PANEL;
        for j in 0..PANEL.min(b.cols().saturating_sub(first)) {
            column.iter_mut().enumerate().for_each(|(p, value)| *value = b.at(p, first + j));
            let [scale, factor] = scale(column.iter().copied());
            let mut sum = 0;
            for (Line(words), values) in lines.iter_mut().zip(column.chunks(VALUES)) {
                let whole = std::array::from_fn(|i| values.get(i).map_or(0, |&value| whole(value, factor)));
                sum += whole.iter().sum::<i32>();
                words[j] = word(whole);
            }
            let [Line(scales), Line(sums)] =
                lines.last_chunk_mut().expect("two lines stand behind the values");
            (scales[j], sums[j]) = (scale.to_bits(), sum.wrapping_mul(OFFSET) as u32);
        }
    }
}

/// Rounds rows of `a` into rows of `row_words` words, each with its scale in the last.
pub(super) fn rows(a: Matrix<'_>, lines: &mut [Line]) {
    let row_words = Form::Bytes.words(a.cols());
    let mut copied = Vec::new();
    for (row, words) in words_mut(lines).chunks_exact_mut(row_words).enumerate().take(a.rows()) {
        let values = if a.col_stride() == 1 {
            &a.data()[row * a.row_stride()..][..a.cols()]
        } else {
            copied.clear();
            copied.extend((0..a.cols()).map(|col| a.at(row, col)));
            &copied[..]
        };
        vectorized(|| {
            let [scale, factor] = scale(values.iter().copied());
            let (whole_words, rest) = values.as_chunks::<VALUES>();
            for (word_to, values) in words.iter_mut().zip(whole_words) {
                *word_to = word(values.map(|value| whole(value, factor) + OFFSET));
            }
            if !rest.is_empty() {
                let last =
                    std::array::from_fn(|i| rest.get(i).map_or(0, |&value| whole(value, factor)) + OFFSET);
                words[row_words - 2] = word(last);
            }
            words[row_words - 1] = scale.to_bits();
        });
    }
}
