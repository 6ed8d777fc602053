//! The plain version: what the others are checked against, and what runs where nothing else does.

use super::{Line, PANEL, PackedBf16, Scratch, from_bf16, round};
use crate::Matrix;

/// [`super::multiply`] after its checks.
pub(super) fn multiply(
    a: Matrix<'_>,
    b: &PackedBf16,
    c: &mut [f32],
    ldc: usize,
    accumulate: bool,
    scratch: &mut Scratch,
) {
    let (m, k, n) = (a.rows(), b.k, b.n);
    let row_len = k.next_multiple_of(2);
    let packed = scratch.words(m * row_len);
    for (i, row) in packed.chunks_exact_mut(row_len).take(m).enumerate() {
        row[row_len - 1] = 0;
        for (l, word) in row.iter_mut().enumerate().take(k) {
            *word = round(a.at(i, l)).to_bits();
        }
    }
    for first in (0..n).step_by(PANEL) {
        let cols = PANEL.min(n - first);
        let panel = b.panel(first / PANEL);
        for (i, row) in packed.chunks_exact(row_len).take(m).enumerate() {
            let c = &mut c[i * ldc + first..][..cols];
            let mut sums = [0.0; PANEL];
            if accumulate {
                sums[..cols].copy_from_slice(c);
            }
            add_row(row, panel, &mut sums);
            c.copy_from_slice(&sums[..cols]);
        }
    }
}

/// Adds one row's product with one panel.
fn add_row(row: &[u32], panel: &[Line], sums: &mut [f32; PANEL]) {
    for (pair, Line(line)) in row.chunks_exact(2).zip(panel) {
        let (low, high) = (f32::from_bits(pair[0]), f32::from_bits(pair[1]));
        for (sum, &word) in sums.iter_mut().zip(line) {
            *sum += low * from_bf16(word as u16);
            *sum += high * from_bf16((word >> 16) as u16);
        }
    }
}
