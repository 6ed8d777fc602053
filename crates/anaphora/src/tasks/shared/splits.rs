//! Splits of examples into training, validation and test.

use anaphora_data::{HoldOut, Order};

use crate::recipe::{self, Data};

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
