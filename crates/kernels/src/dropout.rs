//! Dropout (Srivastava et al. 2014), with a mask a value or one mask for all steps of a sequence (Gal, Ghahramani 2016).

use crate::pool::Pool;
use crate::random::Positional;
use crate::shared::SharedMut;

/// Which values share a decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mask<'a> {
    /// Each value of each step has its own.
    Each,
    /// A feature of a sequence is kept or dropped for all its steps; the rows of each step are given.
    Sequence(&'a [usize]),
}

/// Multiplies `values[tokens, width]` by the mask of `seed`: zero with probability `rate`, else `1 / (1 - rate)`. Forward
/// on activations and backward on gradients are the same call; the sum `out += mask ⊙ values` serves both.
pub fn apply_add(
    pool: &Pool,
    values: &[f32],
    width: usize,
    rate: f32,
    seed: u64,
    mask: Mask,
    out: &mut [f32],
) {
    assert_eq!(values.len(), out.len());
    let stream = Positional::new(seed);
    let keep = 1.0 / (1.0 - rate);
    let tokens = values.len() / width.max(1);
    let out = SharedMut::new(out);
    pool.run(|worker| {
        let own = worker.share(tokens, 1);
        let mut row = RowNumbers::new(mask, own.start);
        for token in own {
            let first = row.next_row() * width as u64;
            let range = token * width..(token + 1) * width;
            // SAFETY: these rows belong to this worker alone.
            let out = unsafe { out.part(range.clone()) };
            for (i, (out, value)) in out.iter_mut().zip(&values[range]).enumerate() {
                let factor = if stream.uniform(first + i as u64) < rate { 0.0 } else { keep };
                *out += value * factor;
            }
        }
    });
}

/// The row of the mask that each token in turn uses.
struct RowNumbers<'a> {
    mask: Mask<'a>,
    token: usize,
    /// Step and row within it of `token`.
    step: usize,
    row: usize,
}

impl<'a> RowNumbers<'a> {
    fn new(mask: Mask<'a>, token: usize) -> Self {
        let (mut step, mut row) = (0, token);
        if let Mask::Sequence(batch_sizes) = mask {
            while step < batch_sizes.len() && row >= batch_sizes[step] {
                row -= batch_sizes[step];
                step += 1;
            }
        }
        Self { mask, token, step, row }
    }

    fn next_row(&mut self) -> u64 {
        match self.mask {
            Mask::Each => {
                self.token += 1;
                self.token as u64 - 1
            }
            Mask::Sequence(batch_sizes) => {
                if self.row >= batch_sizes[self.step] {
                    (self.step, self.row) = (self.step + 1, 0);
                }
                self.row += 1;
                self.row as u64 - 1
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn masked(threads: usize, tokens: usize, width: usize, rate: f32, mask: Mask) -> Vec<f32> {
        let mut out = vec![0.0; tokens * width];
        apply_add(&Pool::new(threads), &vec![1.0; tokens * width], width, rate, 5, mask, &mut out);
        out
    }

    #[test]
    fn keeps_the_mean_and_drops_the_share() {
        let out = masked(2, 400, 50, 0.3, Mask::Each);
        let dropped = out.iter().filter(|v| **v == 0.0).count() as f32 / out.len() as f32;
        assert!((dropped - 0.3).abs() < 0.02, "{dropped}");
        let mean = out.iter().sum::<f32>() / out.len() as f32;
        assert!((mean - 1.0).abs() < 0.03, "{mean}");
    }

    #[test]
    fn one_mask_for_all_steps_of_a_sequence() {
        let batch_sizes = [3, 3, 2, 1];
        for threads in [1, 2, 3] {
            let out = masked(threads, 9, 40, 0.5, Mask::Sequence(&batch_sizes));
            let row = |token: usize| &out[token * 40..(token + 1) * 40];
            assert_eq!((row(0), row(0), row(0)), (row(3), row(6), row(8)));
            assert_eq!((row(1), row(1)), (row(4), row(7)));
            assert_ne!(row(0), row(1));
        }
    }

    #[test]
    fn threads_do_not_change_the_mask() {
        assert_eq!(masked(1, 33, 17, 0.5, Mask::Each), masked(3, 33, 17, 0.5, Mask::Each));
    }
}
