//! Turning a column-major matrix into a row-major one.

use rten_simd::{Isa, SimdOp};

use crate::{Matrix, simd};

/// Rows and columns moved at once: a block's values fit in the vector registers.
const BLOCK: usize = 8;

/// Copies `from`, of which columns lie without gaps, to the rows of `to`, `stride` values apart.
pub(super) fn to_rows(from: Matrix, to: &mut [f32], stride: usize) {
    assert!(from.row_stride() == 1 && stride >= from.cols() && to.len() >= from.rows() * stride);
    simd::dispatch(ToRows { from, to, stride });
}

struct ToRows<'a> {
    from: Matrix<'a>,
    to: &'a mut [f32],
    stride: usize,
}

impl SimdOp for ToRows<'_> {
    type Output = ();

    /// Plain Rust, from which the compiler makes shuffles of the instruction set in use.
    #[inline(always)]
    fn eval<I: Isa>(self, _isa: I) {
        let Self { from, to, stride } = self;
        let (rows, cols) = (from.rows() / BLOCK * BLOCK, from.cols() / BLOCK * BLOCK);
        for col in (0..cols).step_by(BLOCK) {
            for row in (0..rows).step_by(BLOCK) {
                let column = |j: usize| -> [f32; BLOCK] {
                    *from.data()[(col + j) * from.col_stride() + row..].first_chunk().expect("a whole block")
                };
                let columns: [_; BLOCK] = std::array::from_fn(
                    #[inline(always)]
                    |j| column(j),
                );
                for i in 0..BLOCK {
                    let values: [f32; BLOCK] = std::array::from_fn(
                        #[inline(always)]
                        |j| columns[j][i],
                    );
                    to[(row + i) * stride + col..][..BLOCK].copy_from_slice(&values);
                }
            }
        }
        for row in 0..from.rows() {
            let done = if row < rows { cols } else { 0 };
            (done..from.cols()).for_each(|col| to[row * stride + col] = from.at(row, col));
        }
    }
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
