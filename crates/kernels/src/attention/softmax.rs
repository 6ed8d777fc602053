//! From a block's scores to its weights, forward with running maxima and sums, backward from their logarithms.

use rten_simd::ops::{BitOps, FloatOps, NumOps};
use rten_simd::{Isa, Simd, SimdOp};

use super::BLOCK;
use super::band::Band;
use crate::buffer::LINE;
use crate::functions::exp_of_negative;

/// The block whose scores are looked at.
#[derive(Clone, Copy)]
pub(super) struct Block {
    pub rows: usize,
    pub columns: usize,
    /// Which columns each row sees, counted from the block's first.
    pub band: Band,
    /// The decrease of a score with each place of distance.
    pub slope: Option<f32>,
    /// How far the place of row 0 lies behind that of column 0.
    pub distance: f32,
}

/// Lane numbers.
static LANES: [f32; LINE] = {
    let mut lanes = [0.0; LINE];
    let mut lane = 0;
    while lane < LINE {
        lanes[lane] = lane as f32;
        lane += 1;
    }
    lanes
};

/// The vectors of a row that hold columns which it sees.
#[derive(Clone, Copy)]
struct Seen<I: Isa> {
    isa: I,
    start: usize,
    end: usize,
    /// The slope, negative, and how far the row lies behind column 0.
    bias: Option<(f32, f32)>,
}

impl Block {
    #[inline(always)]
    fn row<I: Isa>(&self, isa: I, row: usize) -> Seen<I> {
        let seen = self.band.columns(row..row + 1, self.columns);
        let bias = self.slope.map(|slope| (-slope, self.distance + row as f32));
        Seen { isa, start: seen.start, end: seen.end, bias }
    }
}

impl<I: Isa> Seen<I> {
    /// The first columns of the vectors.
    #[inline(always)]
    fn vectors(self) -> impl Iterator<Item = usize> {
        let width = self.isa.f32().len();
        let end = if self.end > self.start { self.end } else { 0 };
        (self.start / width * width..end).step_by(width)
    }

    /// The vector of `row` at `column`.
    ///
    /// # Safety
    ///
    /// It lies within `row`.
    #[inline(always)]
    unsafe fn load(self, row: &[f32], column: usize) -> I::F32 {
        debug_assert!(column + self.isa.f32().len() <= row.len());
        // SAFETY: as for this function.
        unsafe { self.isa.f32().load_ptr(row.as_ptr().add(column)) }
    }

    /// # Safety
    ///
    /// As for [`Seen::load`].
    #[inline(always)]
    unsafe fn store(self, value: I::F32, row: &mut [f32], column: usize) {
        debug_assert!(column + self.isa.f32().len() <= row.len());
        // SAFETY: as for this function.
        unsafe { self.isa.f32().store_ptr(value, row.as_mut_ptr().add(column)) }
    }

    /// `value` in the columns that are seen, `other` elsewhere.
    #[inline(always)]
    fn only(self, value: I::F32, other: I::F32, column: usize) -> I::F32 {
        let ops = self.isa.f32();
        let mut value = value;
        if column + ops.len() > self.end {
            value = ops.select(value, other, ops.first_n_mask(self.end - column));
        }
        if column < self.start {
            value = ops.select(other, value, ops.first_n_mask(self.start - column));
        }
        value
    }

    /// Adds what the distance takes off.
    #[inline(always)]
    fn biased(self, score: I::F32, column: usize) -> I::F32 {
        let Some((slope, behind)) = self.bias else { return score };
        let ops = self.isa.f32();
        // SAFETY: a vector is no longer than a line.
        let lanes = unsafe { ops.load_ptr(LANES.as_ptr()) };
        let distance = ops.abs(ops.sub(ops.splat(behind - column as f32), lanes));
        ops.mul_add(distance, ops.splat(slope), score)
    }

    /// Sets to zero what lies outside the vectors.
    #[inline(always)]
    fn clear_rest(self, row: &mut [f32]) {
        let width = self.isa.f32().len();
        if self.end <= self.start {
            return row.fill(0.0);
        }
        row[..self.start / width * width].fill(0.0);
        row[self.end.next_multiple_of(width)..].fill(0.0);
    }
}

/// Turns scores into `exp(score - maximum)`, zero where not seen, and brings maxima, sums and the outputs so far up to
/// date.
pub(super) struct Forward<'a> {
    pub block: Block,
    /// Rows [`BLOCK`] apart.
    pub scores: &'a mut [f32],
    pub maxima: &'a mut [f32],
    pub sums: &'a mut [f32],
    /// As many rows.
    pub out: &'a mut [f32],
    pub out_stride: usize,
}

impl SimdOp for Forward<'_> {
    type Output = ();

    #[inline(always)]
    fn eval<I: Isa>(self, isa: I) {
        let Self { block, scores, maxima, sums, out, out_stride } = self;
        let ops = isa.f32();
        assert!(block.columns <= BLOCK && block.rows <= maxima.len().min(sums.len()));
        let rows = scores.chunks_exact_mut(BLOCK).zip(out.chunks_exact_mut(out_stride));
        for (row, (scores, out)) in rows.enumerate().take(block.rows) {
            let seen = block.row(isa, row);
            // SAFETY (this loop): vectors begin at multiples of their length, within whole rows of scores.
            let mut largest = ops.splat(f32::NEG_INFINITY);
            for column in seen.vectors() {
                let score = seen.biased(unsafe { seen.load(scores, column) }, column);
                let score = seen.only(score, ops.splat(f32::NEG_INFINITY), column);
                unsafe { seen.store(score, scores, column) };
                largest = ops.max(largest, score);
            }
            seen.clear_rest(scores);
            if seen.end <= seen.start {
                continue;
            }
            let largest = largest.to_array().into_iter().fold(f32::NEG_INFINITY, f32::max);
            if largest > maxima[row] {
                let factor = (maxima[row] - largest).exp();
                maxima[row] = largest;
                sums[row] *= factor;
                out.iter_mut().for_each(|out| *out *= factor);
            }
            let maximum = ops.splat(maxima[row]);
            let mut sum = ops.zero();
            for column in seen.vectors() {
                let score = unsafe { seen.load(scores, column) };
                let weight = exp_of_negative(isa, ops.sub(score, maximum));
                sum = ops.add(sum, weight);
                unsafe { seen.store(weight, scores, column) };
            }
            sums[row] += ops.sum(sum);
        }
    }
}

/// Turns scores into weights and the weights' gradients into those of the scores:
/// `p = exp(score - log_sum)`, `ds = p (m ⊙ dp - delta)`, and `p ⊙ m` in place of `p` where there are dropout masks `m`.
pub(super) struct Backward<'a> {
    pub block: Block,
    /// Rows [`BLOCK`] apart, as in the two others.
    pub scores: &'a mut [f32],
    pub dscores: &'a mut [f32],
    pub factors: Option<&'a [f32]>,
    /// The logarithm of each row's sum.
    pub log_sums: &'a [f32],
    /// `Σ out · dout` of each row.
    pub deltas: &'a [f32],
}

impl SimdOp for Backward<'_> {
    type Output = ();

    #[inline(always)]
    fn eval<I: Isa>(self, isa: I) {
        let Self { block, scores, dscores, factors, log_sums, deltas } = self;
        let ops = isa.f32();
        assert!(block.columns <= BLOCK && block.rows <= log_sums.len().min(deltas.len()));
        let rows = scores.chunks_exact_mut(BLOCK).zip(dscores.chunks_exact_mut(BLOCK));
        for (row, (scores, dscores)) in rows.enumerate().take(block.rows) {
            let seen = block.row(isa, row);
            let (log_sum, delta) = (ops.splat(log_sums[row]), ops.splat(deltas[row]));
            let factors = factors.map(|factors| &factors[row * BLOCK..(row + 1) * BLOCK]);
            for column in seen.vectors() {
                // SAFETY: vectors begin at multiples of their length, within whole rows.
                unsafe {
                    let score = seen.biased(seen.load(scores, column), column);
                    let weight = exp_of_negative(isa, ops.sub(score, log_sum));
                    let weight = seen.only(weight, ops.zero(), column);
                    let mut dweight = seen.load(dscores, column);
                    let mut kept = weight;
                    if let Some(factors) = factors {
                        let factor = seen.load(factors, column);
                        (kept, dweight) = (ops.mul(kept, factor), ops.mul(dweight, factor));
                    }
                    let dscore = ops.mul(weight, ops.sub(dweight, delta));
                    seen.store(kept, scores, column);
                    seen.store(seen.only(dscore, ops.zero(), column), dscores, column);
                }
            }
            seen.clear_rest(scores);
            seen.clear_rest(dscores);
        }
    }
}
