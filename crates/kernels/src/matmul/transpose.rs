//! Turning a column-major matrix into a row-major one.

use crate::{Isa, Matrix};

/// Rows and columns moved at once.
const BLOCK: usize = 8;

/// Copies `from`, of which columns lie without gaps, to the rows of `to`, `stride` values apart.
pub(crate) fn to_rows(from: Matrix, to: &mut [f32], stride: usize) {
    assert!(from.row_stride() == 1 && stride >= from.cols() && to.len() >= from.rows() * stride);
    let (rows, cols) = blocks(from, to, stride);
    for row in 0..from.rows() {
        let done = if row < rows { cols } else { 0 };
        (done..from.cols()).for_each(|col| to[row * stride + col] = from.at(row, col));
    }
}

/// Copies the whole blocks; returns the rows and columns that are done.
fn blocks(from: Matrix, to: &mut [f32], stride: usize) -> (usize, usize) {
    #[cfg(target_arch = "x86_64")]
    if Isa::current() >= Isa::Avx2 {
        let (rows, cols) = (from.rows() / BLOCK * BLOCK, from.cols() / BLOCK * BLOCK);
        for col in (0..cols).step_by(BLOCK) {
            for row in (0..rows).step_by(BLOCK) {
                let block = &from.data()[col * from.col_stride() + row..];
                // SAFETY: the processor has AVX2, and the block is whole on both sides.
                unsafe { avx2(block, from.col_stride(), &mut to[row * stride + col..], stride) };
            }
        }
        return (rows, cols);
    }
    (0, 0)
}

/// Transposes 8 × 8 values: pairs, then fours, then halves of registers change places.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn avx2(from: &[f32], from_stride: usize, to: &mut [f32], to_stride: usize) {
    use std::arch::x86_64::*;
    let last = BLOCK - 1;
    assert!(from.len() >= last * from_stride + BLOCK && to.len() >= last * to_stride + BLOCK);
    // SAFETY: the last row of either side lies within its slice.
    let x: [__m256; BLOCK] =
        std::array::from_fn(|i| unsafe { _mm256_loadu_ps(from.as_ptr().add(i * from_stride)) });
    let low = |a, b| _mm256_unpacklo_ps(x[a], x[b]);
    let high = |a, b| _mm256_unpackhi_ps(x[a], x[b]);
    let pairs = [low(0, 1), high(0, 1), low(2, 3), high(2, 3), low(4, 5), high(4, 5), low(6, 7), high(6, 7)];
    let first = |a: usize| _mm256_shuffle_ps::<0x44>(pairs[a], pairs[a + 2]);
    let second = |a: usize| _mm256_shuffle_ps::<0xee>(pairs[a], pairs[a + 2]);
    let fours = [first(0), second(0), first(1), second(1), first(4), second(4), first(5), second(5)];
    for i in 0..BLOCK / 2 {
        let (a, b) = (fours[i], fours[i + BLOCK / 2]);
        // SAFETY: as above.
        unsafe {
            _mm256_storeu_ps(to.as_mut_ptr().add(i * to_stride), _mm256_permute2f128_ps::<0x20>(a, b));
            _mm256_storeu_ps(
                to.as_mut_ptr().add((i + BLOCK / 2) * to_stride),
                _mm256_permute2f128_ps::<0x31>(a, b),
            );
        }
    }
}

/// Transposes 16 × 16 words: pairs, fours, then quarters of registers change places, twice.
#[cfg(target_arch = "x86_64")]
#[inline]
#[target_feature(enable = "avx512f")]
pub(super) fn sixteen(x: [std::arch::x86_64::__m512i; 16]) -> [std::arch::x86_64::__m512i; 16] {
    use std::arch::x86_64::*;
    let pairs: [__m512i; 16] = std::array::from_fn(|i| {
        let (a, b) = (x[i / 2 * 2], x[i / 2 * 2 + 1]);
        if i % 2 == 0 { _mm512_unpacklo_epi32(a, b) } else { _mm512_unpackhi_epi32(a, b) }
    });
    // Quarter `q` of register 4 g + c holds column 4 q + c of rows 4 g to 4 g + 3.
    let fours: [__m512i; 16] = std::array::from_fn(|i| {
        let (a, b) = (pairs[i / 4 * 4 + i % 4 / 2], pairs[i / 4 * 4 + i % 4 / 2 + 2]);
        if i % 2 == 0 { _mm512_unpacklo_epi64(a, b) } else { _mm512_unpackhi_epi64(a, b) }
    });
    let low = |c: usize, g: usize| _mm512_shuffle_i32x4::<0x88>(fours[4 * g + c], fours[4 * g + 4 + c]);
    let high = |c: usize, g: usize| _mm512_shuffle_i32x4::<0xdd>(fours[4 * g + c], fours[4 * g + 4 + c]);
    std::array::from_fn(|column| {
        let (quarter, c) = (column / 4, column % 4);
        // Quarters 0 and 2, or 1 and 3, of the four groups of rows.
        let [upper, lower] = if quarter % 2 == 0 { [low(c, 0), low(c, 2)] } else { [high(c, 0), high(c, 2)] };
        if quarter < 2 {
            _mm512_shuffle_i32x4::<0x88>(upper, lower)
        } else {
            _mm512_shuffle_i32x4::<0xdd>(upper, lower)
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_columns() {
        for (rows, cols) in [(1, 1), (8, 8), (15, 17), (33, 16), (16, 7)] {
            let values: Vec<f32> = (0..(rows + 3) * cols).map(|i| i as f32).collect();
            let from = Matrix::new(&values, cols, rows + 3).col_range(2..rows + 2).transposed();
            let mut to = vec![-1.0; rows * (cols + 5)];
            to_rows(from, &mut to, cols + 5);
            for (row, values) in to.chunks_exact(cols + 5).enumerate() {
                assert!((0..cols).all(|col| values[col] == from.at(row, col)));
                assert!(values[cols..].iter().all(|&v| v == -1.0));
            }
        }
    }
}
