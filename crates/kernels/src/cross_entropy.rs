//! Softmax and cross-entropy.

use rten_simd::ops::{BitOps, NumOps};
use rten_simd::{Isa, SimdOp};

use crate::functions::exp_of_negative;
use crate::lanes::{self, for_each};
use crate::pool::Pool;
use crate::shared::SharedMut;
use crate::simd;

/// Turns each row of `logits[rows, classes]` into probabilities in place and writes to `losses[row]` the cross-entropy
/// `-ln p[targets[row]]` in nats.
pub fn forward(pool: &Pool, classes: usize, logits: &mut [f32], targets: &[u32], losses: &mut [f32]) {
    assert_eq!((logits.len(), losses.len()), (targets.len() * classes, targets.len()));
    let (logits, losses) = (SharedMut::new(logits), SharedMut::new(losses));
    pool.run(|worker| {
        let rows = worker.share(targets.len(), 1);
        // SAFETY: these rows belong to this worker alone.
        let (values, losses) =
            unsafe { (logits.part(rows.start * classes..rows.end * classes), losses.part(rows.clone())) };
        for ((row, loss), &target) in values.chunks_exact_mut(classes).zip(losses).zip(&targets[rows]) {
            let logit = row[target as usize];
            *loss = softmax(row) - logit;
        }
    });
}

/// Turns `row` into probabilities in place and returns the logarithm of the sum of its exponentials.
pub fn softmax(row: &mut [f32]) -> f32 {
    let max = simd::vectorized(
        #[inline(always)]
        || lanes::max(row),
    );
    let sum = simd::dispatch(ExpSum { row: &mut *row, max });
    scale(row, 1.0 / sum);
    max + sum.ln()
}

fn scale(row: &mut [f32], by: f32) {
    simd::vectorized(
        #[inline(always)]
        || row.iter_mut().for_each(|p| *p *= by),
    );
}

struct ExpSum<'a> {
    row: &'a mut [f32],
    max: f32,
}

impl SimdOp for ExpSum<'_> {
    type Output = f32;

    #[inline(always)]
    fn eval<I: Isa>(self, isa: I) -> f32 {
        let ops = isa.f32();
        let max = ops.splat(self.max);
        let row = self.row;
        // SAFETY: one slice, its own length.
        unsafe {
            for_each(
                isa,
                row.len(),
                #[inline(always)]
                |at| {
                    let value = exp_of_negative(isa, ops.sub(at.load(isa, row), max));
                    at.store(isa, value, row);
                },
            );
        }
        lanes::sum(row, |value| value)
    }
}

/// Turns the probabilities that [`forward`] left into the gradient of the logits in place:
/// `(probabilities - one_hot(targets)) * by`.
pub fn backward(pool: &Pool, classes: usize, probabilities: &mut [f32], targets: &[u32], by: f32) {
    assert_eq!(probabilities.len(), targets.len() * classes);
    let values = SharedMut::new(probabilities);
    pool.run(|worker| {
        let rows = worker.share(targets.len(), 1);
        // SAFETY: these rows belong to this worker alone.
        let values = unsafe { values.part(rows.start * classes..rows.end * classes) };
        for (row, &target) in values.chunks_exact_mut(classes).zip(&targets[rows]) {
            scale(row, by);
            row[target as usize] -= by;
        }
    });
}
