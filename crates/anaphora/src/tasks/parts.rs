//! Which examples are learnt, validated on and kept for a test.

use anaphora_data::{HoldOut, Order, Shares};

use crate::Result;
use crate::recipe::{self, Data};

/// Examples by what they are for.
#[derive(Debug, Default)]
pub struct Parts<T> {
    pub train: Vec<T>,
    pub validation: Vec<T>,
    pub test: Vec<T>,
}

impl<T> Parts<T> {
    /// Shares examples out; those that are a test's for themselves are kept for it too.
    pub fn share(examples: Vec<T>, how: &HoldOut, is_test: impl Fn(&T) -> bool) -> Result<Self> {
        let Shares { train, validation, test } =
            anaphora_data::share_out(examples.len(), how, |index| is_test(&examples[index]))?;
        let mut examples: Vec<Option<T>> = examples.into_iter().map(Some).collect();
        let mut take = |of: Vec<usize>| of.into_iter().filter_map(|index| examples[index].take()).collect();
        Ok(Self { train: take(train), validation: take(validation), test: take(test) })
    }
}

/// How a recipe shares its training data out: none of it is validated on where there is other data for that.
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
