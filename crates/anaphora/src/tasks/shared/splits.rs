//! Which examples are learnt, validated on and kept for a test.

use anaphora_data::{HoldOut, Order, Shares};

use crate::Result;
use crate::recipe::{self, Data};

/// Examples by what they are for.
#[derive(Debug)]
pub struct Splits<T> {
    /// To learn from.
    pub train: Vec<T>,
    /// To choose the best model by.
    pub validation: Vec<T>,
    /// Kept away from the training.
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
    /// Splits examples; those for which `is_test` says so are kept for a test whatever the recipe keeps.
    pub fn of(examples: Vec<T>, how: &HoldOut, is_test: impl Fn(&T) -> bool) -> Result<Self> {
        let Shares { train, validation, test } =
            anaphora_data::share_out(examples.len(), how, |index| is_test(&examples[index]))?;
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

/// How a recipe splits its training data: none of it is validated on where there is other data for that.
pub fn hold_out(data: &Data) -> HoldOut {
    HoldOut {
        test_every: data.test_every,
        test_offset: data.test_offset,
        validation_fraction: if data.validation.is_some() { 0.0 } else { data.validation_fraction },
        order: match data.hold_out {
            recipe::HoldOut::Random => Order::Shuffled { seed: 1 },
            recipe::HoldOut::End => Order::File,
        },
    }
}
