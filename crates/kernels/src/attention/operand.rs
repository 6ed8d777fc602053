//! A sequence's queries, keys or values in one head, gathered: a side of the products.

use super::BLOCK;
use super::band::block_range;
use super::product::{Limits, Product};
use crate::buffer::LINE;
use crate::matmul::transpose::to_rows;
use crate::matmul::{self, Packed};
use crate::{Buffer, Matrix, Precision, simd};

/// A matrix `[rows, head_size]`, also in blocks of rows for the right-hand side of products. Rows are filled up with
/// zeros to whole cache lines.
#[derive(Default)]
pub(super) struct Operand {
    rows: usize,
    head_size: usize,
    values: Buffer,
    /// In f32: block after block transposed, `[head_size, BLOCK]`, the last filled up with zeros.
    across: Buffer,
    packed: Vec<Packed>,
    packed_across: Vec<Packed>,
}

/// The right-hand side of a product.
#[derive(Clone, Copy)]
pub(super) enum Right<'a> {
    /// Rows of `n` values, `stride` apart.
    F32 {
        values: &'a [f32],
        stride: usize,
        n: usize,
    },
    Bf16(&'a Packed),
}

/// Values from one row to the next.
pub(super) fn row_stride(head_size: usize) -> usize {
    head_size.next_multiple_of(LINE)
}

impl Operand {
    /// Takes `rows` rows, each from what `row` writes. What other forms held before is void.
    pub fn gather(&mut self, rows: usize, head_size: usize, mut row: impl FnMut(usize, &mut [f32])) {
        (self.rows, self.head_size) = (rows, head_size);
        let stride = row_stride(head_size);
        let values = self.values.fit(rows * stride);
        for (number, values) in values.chunks_exact_mut(stride).enumerate() {
            let (values, rest) = values.split_at_mut(head_size);
            row(number, values);
            rest.fill(0.0);
        }
    }

    /// Makes [`Operand::block`] of the gathered rows possible.
    pub fn pack(&mut self, precision: Precision) {
        if precision == Precision::Bf16 {
            pack(&mut self.packed, self.rows, |block| {
                all(&self.values, self.rows, self.head_size).row_range(block)
            });
        }
    }

    /// Makes [`Operand::across`] of the gathered rows possible.
    pub fn pack_across(&mut self, precision: Precision) {
        let (rows, head_size) = (self.rows, self.head_size);
        let values = all(&self.values, rows, head_size);
        match precision {
            Precision::Bf16 => {
                pack(&mut self.packed_across, rows, |block| values.row_range(block).transposed());
            }
            _ => {
                let blocks = rows.div_ceil(BLOCK);
                let across = self.across.fit(blocks * BLOCK * head_size);
                for (number, across) in across.chunks_exact_mut(BLOCK * head_size).enumerate() {
                    let block = block_range(number, rows);
                    for line in across.chunks_exact_mut(BLOCK) {
                        line[block.len()..].fill(0.0);
                    }
                    to_rows(values.row_range(block).transposed(), across, BLOCK);
                }
            }
        }
    }

    /// Some rows, for the left-hand side of a product.
    pub fn left(&self, rows: std::ops::Range<usize>) -> Matrix<'_> {
        all(&self.values, self.rows, self.head_size).row_range(rows)
    }

    /// Block `number` of the rows, for the right-hand side.
    pub fn block(&self, precision: Precision, number: usize) -> Right<'_> {
        let stride = row_stride(self.head_size);
        match precision {
            Precision::Bf16 => Right::Bf16(&self.packed[number]),
            _ => {
                let block = block_range(number, self.rows);
                let values = &self.values[block.start * stride..block.end * stride];
                Right::F32 { values, stride, n: stride }
            }
        }
    }

    /// Block `number` of the rows transposed, for the right-hand side.
    pub fn across(&self, precision: Precision, number: usize) -> Right<'_> {
        match precision {
            Precision::Bf16 => Right::Bf16(&self.packed_across[number]),
            _ => {
                let len = BLOCK * self.head_size;
                let values = &self.across[number * len..][..len];
                let n = block_range(number, self.rows).len().next_multiple_of(LINE);
                Right::F32 { values, stride: BLOCK, n }
            }
        }
    }
}

fn all(values: &Buffer, rows: usize, head_size: usize) -> Matrix<'_> {
    let stride = row_stride(head_size);
    Matrix::new(&values[..rows * stride], rows, stride).col_range(0..head_size)
}

fn pack<'a>(packed: &mut Vec<Packed>, rows: usize, block: impl Fn(std::ops::Range<usize>) -> Matrix<'a>) {
    let blocks = rows.div_ceil(BLOCK);
    if packed.len() < blocks {
        packed.resize_with(blocks, || Packed::new(Precision::Bf16));
    }
    for (number, packed) in packed.iter_mut().enumerate().take(blocks) {
        packed.pack(block(block_range(number, rows)));
    }
}

/// `c = a · b`, or `c += …` where `accumulate`; rows of `c` are `ldc` apart. What `limits` leaves out need
/// not be left out.
pub(super) fn multiply(
    a: Matrix,
    b: Right,
    c: &mut [f32],
    ldc: usize,
    limits: Limits,
    accumulate: bool,
    scratch: &mut matmul::Scratch,
) {
    match b {
        Right::F32 { values, stride, n } => {
            simd::dispatch(Product { a, b: values, ldb: stride, c, ldc, n, limits, accumulate });
        }
        Right::Bf16(b) => matmul::multiply(a, b, c, ldc, accumulate, scratch),
    }
}
