//! Dropout (Srivastava et al. 2014), with a mask a value or one mask for all steps of a sequence (Gal, Ghahramani 2016).

use crate::pool::Pool;
use crate::random::Positional;
use crate::shared::SharedMut;
use crate::simd::vectorized;

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
    threshold: u32,
    /// What the others are multiplied with, so that the mean stays.
    keep: f32,
}

/// Values whose random bits are made together, two from each of 8 words: a vector's work.
const BLOCK: usize = 16;

impl Dropper {
    /// Drops a share of `rate`, rounded to 1/65,536, by the mask of `seed`.
    pub fn new(rate: f32, seed: u64) -> Self {
        let threshold = (rate * 65_536.0).round().clamp(0.0, 65_535.0);
        Self {
            stream: Positional::new(seed),
            threshold: threshold as u32,
            keep: 65_536.0 / (65_536.0 - threshold),
        }
    }

    /// `out = mask ⊙ values`, or `out += …` where `accumulate`; `first` is the place of the first value.
    pub fn apply(&self, values: &[f32], first: usize, out: &mut [f32], accumulate: bool) {
        vectorized(
            #[inline(always)]
            || {
                if accumulate {
                    self.each(values, first, out, |out, value| *out += value);
                } else {
                    self.each(values, first, out, |out, value| *out = value);
                }
            },
        );
    }

    #[inline(always)]
    fn each(&self, values: &[f32], first: usize, out: &mut [f32], write: impl Fn(&mut f32, f32)) {
        assert_eq!(values.len(), out.len());
        // Places up to the next whole block, whole blocks, and the rest.
        let head = (first.next_multiple_of(BLOCK) - first).min(values.len());
        let (head_values, values) = values.split_at(head);
        let (head_out, out) = out.split_at_mut(head);
        let kept = self.block(first / BLOCK);
        for ((out, value), kept) in head_out.iter_mut().zip(head_values).zip(&kept[first % BLOCK..]) {
            write(out, if *kept { value * self.keep } else { 0.0 });
        }
        let mut number = (first + head) / BLOCK;
        let (whole, rest) = values.as_chunks::<BLOCK>();
        let (whole_out, rest_out) = out.as_chunks_mut::<BLOCK>();
        for (out, values) in whole_out.iter_mut().zip(whole) {
            let kept = self.block(number);
            for i in 0..BLOCK {
                write(&mut out[i], if kept[i] { values[i] * self.keep } else { 0.0 });
            }
            number += 1;
        }
        let kept = self.block(number);
        for ((out, value), kept) in rest_out.iter_mut().zip(rest).zip(&kept) {
            write(out, if *kept { value * self.keep } else { 0.0 });
        }
    }

    /// Which values of a block are kept.
    #[inline(always)]
    fn block(&self, number: usize) -> [bool; BLOCK] {
        let words = self.stream.words(number as u64);
        std::array::from_fn(|i| (words[i % 8] >> (i / 8 * 16)) & 0xFFFF >= self.threshold)
    }
}

/// `out = mask ⊙ values`, or `out += …` where `accumulate`, for `values[tokens, width]` and the mask of `seed`: zero with
/// probability `rate`, else `1 / (1 - rate)`. Forward on activations and backward on gradients are the same call.
#[allow(clippy::too_many_arguments)]
pub fn apply(
    pool: &Pool,
    values: &[f32],
    width: usize,
    rate: f32,
    seed: u64,
    mask: Mask,
    out: &mut [f32],
    accumulate: bool,
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
            dropper.apply(&values[range.clone()], first, unsafe { out.part(range) }, accumulate);
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
        apply(&Pool::new(threads), &vec![1.0; tokens * width], width, rate, 5, mask, &mut out, true);
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
    fn decisions_do_not_hang_together() {
        let len = 1 << 18;
        let masks = [5, 6].map(|seed| {
            let mut out = vec![9.0; len];
            Dropper::new(0.5, seed).apply(&vec![1.0; len], 0, &mut out, false);
            out
        });
        let agree = |a: &[f32], b: &[f32]| {
            let count = a.iter().zip(b).filter(|(a, b)| a == b).count();
            count as f32 / a.len().min(b.len()) as f32
        };
        // Five deviations.
        let near = |share: f32| (share - 0.5).abs() < 5.0 * 0.5 / (len as f32).sqrt();
        assert!(near(agree(&masks[0], &masks[1])));
        for lag in (1..=40).chain([64, 128, 512, 1 << 10, 1 << 16]) {
            assert!(near(agree(&masks[0], &masks[0][lag..])), "{lag} places apart");
        }
    }

    #[test]
    fn a_mask_is_of_places() {
        let (values, dropper) = (vec![2.0; 100], Dropper::new(0.4, 7));
        let mut whole = vec![9.0; 100];
        dropper.apply(&values, 0, &mut whole, false);
        for first in [0, 1, 15, 16, 33] {
            for len in [0, 1, 14, 15, 16, 17, 50] {
                let mut part = vec![1.0; len];
                dropper.apply(&values[..len], first, &mut part, true);
                let expected: Vec<f32> = whole[first..first + len].iter().map(|value| value + 1.0).collect();
                assert_eq!(part, expected, "{len} from {first}");
            }
        }
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
