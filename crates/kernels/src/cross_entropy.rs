//! Softmax and cross-entropy.

use rten_simd::ops::{BitOps, NumOps};
use rten_simd::{Isa, SimdOp, SimdUnaryOp};
use rten_vecmath::Exp;

use crate::lanes::for_each;
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
    let max = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let sum = simd::dispatch(ExpSum { row: &mut *row, max });
    let scale = 1.0 / sum;
    row.iter_mut().for_each(|p| *p *= scale);
    max + sum.ln()
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
                    let value = Exp::apply(isa, ops.sub(at.load(isa, row), max));
                    at.store(isa, value, row);
                },
            );
        }
        row.iter().sum()
    }
}

/// Turns the probabilities that [`forward`] left into the gradient of the logits in place:
/// `(probabilities - one_hot(targets)) * scale`.
pub fn backward(pool: &Pool, classes: usize, probabilities: &mut [f32], targets: &[u32], scale: f32) {
    assert_eq!(probabilities.len(), targets.len() * classes);
    let values = SharedMut::new(probabilities);
    pool.run(|worker| {
        let rows = worker.share(targets.len(), 1);
        // SAFETY: these rows belong to this worker alone.
        let values = unsafe { values.part(rows.start * classes..rows.end * classes) };
        for (row, &target) in values.chunks_exact_mut(classes).zip(&targets[rows]) {
            row.iter_mut().for_each(|p| *p *= scale);
            row[target as usize] -= scale;
        }
    });
}
