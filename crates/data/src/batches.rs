//! Batches of whole examples, alike in length, in an order that a seed decides.

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_xoshiro::Xoshiro256PlusPlus;
use serde::{Deserialize, Serialize};

use crate::windows::WindowsError;

/// How much a batch holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BatchSize {
    /// So many examples.
    Examples(usize),
    /// As many examples as have together no more than so many units, but at least one.
    Units(usize),
}

/// The position in a sequence of batches, for a checkpoint.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// Passes over the examples that are done.
    pub epoch: u64,
    /// Batches of this pass that have been drawn.
    pub batch: u64,
}

/// An endless sequence of batches of examples, the same for the same lengths, size and seed.
///
/// Each pass shuffles all examples, sorts stretches of them by length, so that a batch's are alike and few steps are run
/// for a few rows only, cuts the stretches into batches and shuffles these.
#[derive(Debug, Clone)]
pub struct Batches {
    lengths: Vec<usize>,
    size: BatchSize,
    seed: u64,
    place: Place,
    /// The batches of this pass: examples, longest first.
    order: Vec<Vec<usize>>,
}

/// Batches whose examples are sorted by length together.
const STRETCH: usize = 50;

impl Batches {
    /// Batches of examples with these lengths.
    ///
    /// # Errors
    /// No example, a size of 0.
    pub fn new(lengths: Vec<usize>, size: BatchSize, seed: u64) -> Result<Self, WindowsError> {
        if lengths.is_empty() {
            return Err(WindowsError::Empty);
        }
        if let BatchSize::Examples(0) | BatchSize::Units(0) = size {
            return Err(WindowsError::Zero("batch size"));
        }
        let mut batches = Self { lengths, size, seed, place: Place::default(), order: Vec::new() };
        batches.begin_epoch();
        Ok(batches)
    }

    /// The numbers of all examples in batches, each once, longest first: for a pass that learns nothing.
    pub fn in_order(lengths: &[usize], size: BatchSize) -> Vec<Vec<usize>> {
        cut((0..lengths.len()).collect(), lengths, size)
    }

    /// The position of these batches.
    pub fn place(&self) -> Place {
        self.place
    }

    /// Goes to a place that such batches have reached; those that follow are theirs.
    ///
    /// # Errors
    /// A place behind the end of a pass.
    pub fn resume(&mut self, place: Place) -> Result<(), WindowsError> {
        self.place = place;
        self.begin_epoch();
        let steps = self.order.len() as u64;
        if place.batch >= steps {
            return Err(WindowsError::Beyond { step: place.batch, steps });
        }
        Ok(())
    }

    /// Passes done and under way, as a fraction.
    pub fn progress(&self) -> f64 {
        self.place.epoch as f64 + self.place.batch as f64 / self.order.len() as f64
    }

    /// The numbers of the next batch's examples, longest first.
    pub fn next_batch(&mut self) -> Vec<usize> {
        let batch = std::mem::take(&mut self.order[self.place.batch as usize]);
        self.place.batch += 1;
        if self.place.batch == self.order.len() as u64 {
            self.place = Place { epoch: self.place.epoch + 1, batch: 0 };
            self.begin_epoch();
        }
        batch
    }

    fn begin_epoch(&mut self) {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(
            self.seed ^ self.place.epoch.wrapping_mul(0x9E37_79B9_7F4A_7C15),
        );
        let mut all: Vec<usize> = (0..self.lengths.len()).collect();
        all.shuffle(&mut random);
        let per_batch = match self.size {
            BatchSize::Examples(count) => count,
            BatchSize::Units(units) => {
                let mean = self.lengths.iter().sum::<usize>().div_ceil(self.lengths.len());
                (units / mean.max(1)).max(1)
            }
        };
        let stretches = all.chunks(per_batch.saturating_mul(STRETCH));
        self.order = stretches.flat_map(|stretch| cut(stretch.to_vec(), &self.lengths, self.size)).collect();
        self.order.shuffle(&mut random);
    }
}

/// Cuts examples, sorted by length, into batches.
fn cut(mut examples: Vec<usize>, lengths: &[usize], size: BatchSize) -> Vec<Vec<usize>> {
    examples.sort_by_key(|&example| std::cmp::Reverse(lengths[example]));
    let mut batches = Vec::new();
    let mut rest = &examples[..];
    while !rest.is_empty() {
        let count = match size {
            BatchSize::Examples(count) => count,
            BatchSize::Units(most) => {
                let mut units = 0;
                let fits = |&&example: &&usize| {
                    units += lengths[example];
                    units <= most
                };
                rest.iter().take_while(fits).count().max(1)
            }
        };
        let (batch, others) = rest.split_at(count.min(rest.len()));
        batches.push(batch.to_vec());
        rest = others;
    }
    batches
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lengths() -> Vec<usize> {
        (0..997).map(|i| 1 + (i * i) % 53).collect()
    }

    #[test]
    fn a_pass_has_each_example_once() {
        for size in [BatchSize::Examples(16), BatchSize::Units(200), BatchSize::Units(1)] {
            let mut batches = Batches::new(lengths(), size, 3).unwrap();
            let first: Vec<_> = (0..batches.order.len()).map(|_| batches.next_batch()).collect();
            let mut all = first.concat();
            all.sort_unstable();
            assert_eq!(all, (0..997).collect::<Vec<_>>());
            assert_eq!(batches.place(), Place { epoch: 1, batch: 0 });
            let again: Vec<_> = (0..batches.order.len()).map(|_| batches.next_batch()).collect();
            assert_ne!(first, again, "each pass has an order of its own");
        }
    }

    #[test]
    fn batches_are_full_and_alike_in_length() {
        let lengths = lengths();
        let mut batches = Batches::new(lengths.clone(), BatchSize::Units(200), 3).unwrap();
        let (mut units, mut slots) = (0, 0);
        for _ in 0..batches.order.len() {
            let batch = batches.next_batch();
            let sum: usize = batch.iter().map(|&example| lengths[example]).sum();
            assert!(sum <= 200);
            assert!(batch.is_sorted_by_key(|&example| std::cmp::Reverse(lengths[example])));
            units += sum;
            slots += batch.len() * lengths[batch[0]];
        }
        assert!((units as f64) > 0.9 * slots as f64, "{units} of {slots}");
    }

    #[test]
    fn goes_on_where_it_stopped() {
        let make = || Batches::new(lengths(), BatchSize::Examples(16), 3).unwrap();
        let mut batches = make();
        for _ in 0..100 {
            batches.next_batch();
        }
        let mut resumed = make();
        resumed.resume(batches.place()).unwrap();
        assert_eq!(resumed.place(), batches.place());
        for _ in 0..100 {
            assert_eq!(resumed.next_batch(), batches.next_batch());
        }
        let refused = make().resume(Place { epoch: 0, batch: 63 }).unwrap_err();
        assert_eq!(refused.to_string(), "the position is at batch 63 of an epoch that has 63");
    }
}
