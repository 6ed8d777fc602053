//! Splits of examples into training, validation and test.

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_xoshiro::Xoshiro256PlusPlus;
use serde::{Deserialize, Serialize};

use crate::DataError;
use crate::error::counted;

/// Which examples are put aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Order {
    /// The last ones of the file.
    File,
    /// Any, drawn with this seed.
    Shuffled {
        /// The seed.
        seed: u64,
    },
}

/// How examples are split.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HoldOut {
    /// One of so many is kept for a test; 0 keeps none.
    pub test_every: usize,
    /// Which of them, from 1; the last where there is none.
    pub test_offset: Option<usize>,
    /// Share of the others that is held out for validation, from 0 to below 1.
    pub validation_fraction: f64,
    /// Which of them.
    pub order: Order,
}

/// Splits the indices of `count` examples; those for which `is_test` says so are kept for a test too.
///
/// # Errors
/// Nothing would be left to learn from, or nothing to validate on although a share is asked for; an offset behind
/// `test_every`.
pub fn split_indices(
    count: usize,
    how: &HoldOut,
    is_test: impl Fn(usize) -> bool,
) -> Result<Splits<usize>, DataError> {
    let HoldOut { test_every: every, validation_fraction: fraction, .. } = *how;
    if !(0.0..1.0).contains(&fraction) {
        return Err(DataError::Fraction(fraction));
    }
    let offset = how.test_offset.unwrap_or(every);
    if every > 0 && !(1..=every).contains(&offset) {
        let found = format!("test example {offset} of each {every}");
        return Err(DataError::TooLittle { found, needed: "an offset within the group is" });
    }
    let kept = |index: &usize| (every > 0 && index % every == offset - 1) || is_test(*index);
    let (test, mut train): (Vec<_>, Vec<_>) = (0..count).partition(kept);
    if let Order::Shuffled { seed } = how.order {
        train.shuffle(&mut Xoshiro256PlusPlus::seed_from_u64(seed));
    }
    let held_out = (train.len() as f64 * fraction).ceil() as usize;
    let mut validation = train.split_off(train.len() - held_out);
    train.sort_unstable();
    validation.sort_unstable();
    if train.is_empty() {
        let held_out = test.len() + validation.len();
        let are = if held_out == 1 { "is" } else { "are" };
        let found = format!("{}, of which {held_out} {are} held out,", counted(count, "example"));
        return Err(DataError::TooLittle { found, needed: "one to learn from, too, is" });
    }
    Ok(Splits { train, validation, test, own_validation: false })
}

/// Examples, or their indices, by use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Splits<T> {
    /// Training examples.
    pub train: Vec<T>,
    /// Validation examples, by which the best model is chosen.
    pub validation: Vec<T>,
    /// Test examples, kept away from the training.
    pub test: Vec<T>,
    /// Whether the validation comes from data of its own.
    pub own_validation: bool,
}

impl<T> Default for Splits<T> {
    fn default() -> Self {
        Self { train: Vec::new(), validation: Vec::new(), test: Vec::new(), own_validation: false }
    }
}

impl<T> Splits<T> {
    /// Splits examples; those for which `is_test` says so are kept for a test whatever else is.
    ///
    /// # Errors
    /// Those of [`split_indices`].
    pub fn of(examples: Vec<T>, how: &HoldOut, is_test: impl Fn(&T) -> bool) -> Result<Self, DataError> {
        let Splits { train, validation, test, .. } =
            split_indices(examples.len(), how, |index| is_test(&examples[index]))?;
        let mut examples: Vec<Option<T>> = examples.into_iter().map(Some).collect();
        let mut take = |of: Vec<usize>| of.into_iter().filter_map(|index| examples[index].take()).collect();
        Ok(Self { train: take(train), validation: take(validation), test: take(test), own_validation: false })
    }

    /// The examples that come from the data to learn from: what they have in common holds for all of them.
    pub fn of_one_reading(&self) -> impl Iterator<Item = &T> + Clone {
        let validation = if self.own_validation { &[][..] } else { &self.validation };
        self.train.iter().chain(validation).chain(&self.test)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOW: HoldOut =
        HoldOut { test_every: 10, test_offset: None, validation_fraction: 0.1, order: Order::File };

    #[test]
    fn every_tenth_is_kept_and_a_share_of_the_rest_held_out() {
        let splits = split_indices(100, &HOW, |_| false).unwrap();
        assert_eq!(splits.test, [9, 19, 29, 39, 49, 59, 69, 79, 89, 99]);
        assert_eq!(splits.validation, [90, 91, 92, 93, 94, 95, 96, 97, 98]);
        assert_eq!(splits.train.len(), 81);
    }

    #[test]
    fn folds_cover_all_examples() {
        let mut all: Vec<usize> = (1..=5)
            .flat_map(|fold| {
                let how = HoldOut { test_every: 5, test_offset: Some(fold), ..HOW };
                split_indices(33, &how, |_| false).unwrap().test
            })
            .collect();
        all.sort_unstable();
        assert_eq!(all, (0..33).collect::<Vec<_>>());
    }

    #[test]
    fn a_shuffled_share_is_the_same_for_the_same_seed() {
        let splits = |seed| {
            let how = HoldOut { order: Order::Shuffled { seed }, ..HOW };
            split_indices(100, &how, |index| index < 5).unwrap()
        };
        assert_eq!(splits(1), splits(1));
        assert_ne!(splits(1).validation, splits(2).validation);
        assert!(splits(1).test.starts_with(&[0, 1, 2, 3, 4, 9]));
    }

    #[test]
    fn nothing_to_learn_from_is_refused() {
        let refused = split_indices(1, &HOW, |_| false).unwrap_err().to_string();
        assert!(refused.starts_with("1 example, of which 1 is held out,"), "{refused}");
        let how = HoldOut { test_offset: Some(11), ..HOW };
        assert!(split_indices(100, &how, |_| false).is_err());
    }
}
