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

/// Which values are dropped: a function of their places alone.
#[derive(Clone, Copy, Debug)]
pub struct Dropper {
    stream: Positional,
    /// A value is dropped where its 16 random bits are below.
    threshold: u64,
    /// What the others are multiplied with, so that the mean stays.
    keep: f32,
}

/// Values that share 64 random bits.
const GROUP: usize = 4;

impl Dropper {
    /// Drops a share of `rate`, rounded to 1/65,536, by the mask of `seed`.
    pub fn new(rate: f32, seed: u64) -> Self {
        let threshold = (rate * 65_536.0).round().clamp(0.0, 65_535.0);
        Self {
            stream: Positional::new(seed),
            threshold: threshold as u64,
            keep: 65_536.0 / (65_536.0 - threshold),
        }
    }

    /// `out += mask ⊙ values`; `first` is the place of the first value.
    pub fn add(&self, values: &[f32], first: usize, out: &mut [f32]) {
        // Places up to the next whole group, whole groups, and the rest.
        let head = (first.next_multiple_of(GROUP) - first).min(values.len());
        let (head_values, values) = values.split_at(head);
        let (head_out, out) = out.split_at_mut(head);
        self.add_group(head_values, first, head_out);
        for (i, (values, out)) in values.chunks(GROUP).zip(out.chunks_mut(GROUP)).enumerate() {
            self.add_group(values, first + head + i * GROUP, out);
        }
    }

    #[inline]
    fn add_group(&self, values: &[f32], first: usize, out: &mut [f32]) {
        let bits = self.stream.bits((first / GROUP) as u64) >> (16 * (first % GROUP));
        for (i, (out, value)) in out.iter_mut().zip(values).enumerate() {
            let dropped = (bits >> (16 * i)) & 0xFFFF < self.threshold;
            *out += if dropped { 0.0 } else { value * self.keep };
        }
    }
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
    let dropper = Dropper::new(rate, seed);
    let tokens = values.len() / width.max(1);
    let out = SharedMut::new(out);
    pool.run(|worker| {
        let own = worker.share(tokens, 1);
        let mut row = RowNumbers::new(mask, own.start);
        for token in own {
            let first = row.next_row() * width;
            let range = token * width..(token + 1) * width;
            // SAFETY: these rows belong to this worker alone.
            dropper.add(&values[range.clone()], first, unsafe { out.part(range) });
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

    fn next_row(&mut self) -> usize {
        match self.mask {
            Mask::Each => {
                self.token += 1;
                self.token - 1
            }
            Mask::Sequence(batch_sizes) => {
                if self.row >= batch_sizes[self.step] {
                    (self.step, self.row) = (self.step + 1, 0);
                }
                self.row += 1;
                self.row - 1
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
