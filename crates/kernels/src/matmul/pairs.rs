//! Rounding to pairs of bf16 by the instructions of AVX-512 BF16, which take numbers too small to be normal as zero.

use std::arch::x86_64::*;

use super::transpose::sixteen;
use super::{PANEL, TILE_LINES};
use crate::buffer::Line;
use crate::{Isa, Matrix};

/// Whether the processor has the instructions, and they are not forbidden.
#[inline]
pub(super) fn available() -> bool {
    Isa::current() >= Isa::Avx512 && is_x86_feature_detected!("avx512bf16")
}

/// `values`, two by two; a last word without a second value is filled up with zero.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512bf16")]
pub(super) fn row(values: &[f32], words: &mut [u32]) {
    assert_eq!(words.len(), values.len().div_ceil(2));
    let (whole, rest) = values.as_chunks::<{ 2 * PANEL }>();
    let (whole_words, rest_words) = words.split_at_mut(whole.len() * PANEL);
    for (values, words) in whole.iter().zip(whole_words.as_chunks_mut::<PANEL>().0) {
        // SAFETY: as many values and words.
        unsafe {
            let pairs = round(_mm512_loadu_ps(values.as_ptr()), _mm512_loadu_ps(values.as_ptr().add(PANEL)));
            _mm512_storeu_si512(words.as_mut_ptr().cast(), pairs);
        }
    }
    if !rest.is_empty() {
        let mask = (1_u32 << rest.len()) - 1;
        // SAFETY: masked to the values and words that there are.
        unsafe {
            let low = _mm512_maskz_loadu_ps(mask as u16, rest.as_ptr());
            let high = _mm512_maskz_loadu_ps((mask >> PANEL) as u16, rest.as_ptr().wrapping_add(PANEL));
            let words_mask = (1_u32 << rest_words.len()) - 1;
            _mm512_mask_storeu_epi32(rest_words.as_mut_ptr().cast(), words_mask as u16, round(low, high));
        }
    }
}

/// The 16 rows from `first` on, each with so many pairs a tile, line after line of the tiles; rows and values beyond the last are
/// zero. Whole rows at a time are read faster than 16 together.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512bf16")]
pub(super) fn rows_of_tiles(a: Matrix, first: usize, tiles: &mut [[Line; TILE_LINES]]) {
    assert!(a.col_stride() == 1 && a.cols() <= tiles.len() * 2 * PANEL);
    for line in 0..TILE_LINES {
        let row = first + line;
        let values = if row < a.rows() { &a.data()[row * a.row_stride()..][..a.cols()] } else { &[] };
        let mut chunks = values.chunks(2 * PANEL);
        for tile in &mut *tiles {
            let Line(words) = &mut tile[line];
            match chunks.next() {
                Some(values) => {
                    // SAFETY: a prefetch may point anywhere; masked to the values that there are; a line is a vector long.
                    unsafe {
                        _mm_prefetch::<_MM_HINT_T0>(values.as_ptr().wrapping_add(4 * PANEL).cast());
                        let mask = u32::MAX >> (2 * PANEL - values.len());
                        let low = _mm512_maskz_loadu_ps(mask as u16, values.as_ptr());
                        let high = _mm512_maskz_loadu_ps(
                            (mask >> PANEL) as u16,
                            values.as_ptr().wrapping_add(PANEL),
                        );
                        _mm512_store_si512(words.as_mut_ptr().cast(), round(low, high));
                    }
                }
                None => words.fill(0),
            }
        }
    }
}

/// 32 × 16 values of which rows or columns lie without gaps, as pairs of rows: word `(l, j)` holds `x[2l][j]` and
/// `x[2l + 1][j]`, or word `(j, l)` when `transposed`.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512bf16")]
pub(super) fn tile(x: Matrix, transposed: bool, tile: &mut [Line; TILE_LINES]) {
    assert!(x.rows() == 2 * TILE_LINES && x.cols() == PANEL);
    let by_rows = x.col_stride() == 1;
    let (stride, last, len) = if by_rows {
        (x.row_stride(), 2 * TILE_LINES, PANEL)
    } else {
        (x.col_stride(), PANEL, 2 * TILE_LINES)
    };
    assert!((by_rows || x.row_stride() == 1) && x.data().len() >= (last - 1) * stride + len);
    let data = x.data().as_ptr();
    // SAFETY: within the slice, as asserted.
    let lines = std::array::from_fn(|i| unsafe {
        if by_rows {
            let rows = data.add(2 * i * stride);
            interleaved(round(_mm512_loadu_ps(rows), _mm512_loadu_ps(rows.add(stride))))
        } else {
            let column = data.add(i * stride);
            round(_mm512_loadu_ps(column), _mm512_loadu_ps(column.add(PANEL)))
        }
    });
    let lines = if transposed == by_rows { sixteen(lines) } else { lines };
    for (Line(to), line) in tile.iter_mut().zip(lines) {
        // SAFETY: a line is a vector long.
        unsafe { _mm512_store_si512(to.as_mut_ptr().cast(), line) };
    }
}

/// 32 values rounded, in order.
#[inline]
#[target_feature(enable = "avx512f,avx512bf16")]
fn round(low: __m512, high: __m512) -> __m512i {
    // SAFETY: 512 bits are 512 bits.
    unsafe { std::mem::transmute(_mm512_cvtne2ps_pbh(high, low)) }
}

/// The values of the lower and the upper half by turns.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn interleaved(halves: __m512i) -> __m512i {
    const ORDER: [u16; 32] = {
        let mut order = [0; 32];
        let mut i = 0;
        while i < 32 {
            order[i] = (i / 2 + i % 2 * 16) as u16;
            i += 1;
        }
        order
    };
    // SAFETY: 32 numbers of 16 bits.
    let order = unsafe { _mm512_loadu_si512(ORDER.as_ptr().cast()) };
    _mm512_permutexvar_epi16(order, halves)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matmul::bf16::pair;

    fn values(len: usize) -> Vec<f32> {
        (0..len as u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 8) as f32 / 8e6 - 1.0).collect()
    }

    #[test]
    fn rows_are_rounded_as_one_by_one() {
        if !available() {
            return eprintln!("skipped: no AVX-512 BF16");
        }
        for len in [1, 2, 15, 16, 17, 31, 32, 33, 64, 97] {
            let values = values(len);
            let mut words = vec![7; len.div_ceil(2)];
            // SAFETY: available.
            unsafe { row(&values, &mut words) };
            for (i, &word) in words.iter().enumerate() {
                assert_eq!(
                    word,
                    pair(values[2 * i], values.get(2 * i + 1).copied().unwrap_or(0.0)),
                    "{i} of {len}"
                );
            }
        }
    }

    #[test]
    fn tiles_hold_pairs_of_rows() {
        if !available() {
            return eprintln!("skipped: no AVX-512 BF16");
        }
        let values = values(40 * 40);
        let all = Matrix::new(&values, 40, 40);
        for transposed in [false, true] {
            for x in [all, all.transposed()] {
                let x = x.row_range(3..35).col_range(5..21);
                let mut lines = [Line::ZERO; TILE_LINES];
                // SAFETY: available.
                unsafe { tile(x, transposed, &mut lines) };
                for l in 0..TILE_LINES {
                    for j in 0..PANEL {
                        let word = if transposed { lines[j].0[l] } else { lines[l].0[j] };
                        assert_eq!(word, pair(x.at(2 * l, j), x.at(2 * l + 1, j)));
                    }
                }
            }
        }
    }
}
