//! Errors of operations.

use thiserror::Error;

/// Errors of operations.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ShapeError {
    /// Two sides of an operation whose sizes do not go together.
    #[error("{operation}: {left} is {left_shape:?} and {right} is {right_shape:?}, but {rule}")]
    Sizes {
        /// The operation.
        operation: &'static str,
        /// Name of one side.
        left: Box<str>,
        /// Its shape.
        left_shape: Vec<usize>,
        /// Name of the other side.
        right: Box<str>,
        /// Its shape.
        right_shape: Vec<usize>,
        /// The rule that is broken.
        rule: &'static str,
    },
    /// A tensor that another operation has consumed: it wrote its own values in their place.
    #[error("{operation}: {consumed}")]
    Consumed {
        /// The operation that would read it.
        operation: &'static str,
        /// How the tensor was consumed.
        consumed: Consumed,
    },
}

/// A consumed tensor: its values are gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error(
    "the values of `{made_by}` were consumed by `{consumed_by}`, which must be the last to read them; read them before it, or \
     compute them again"
)]
pub struct Consumed {
    /// The operation that made it.
    pub made_by: &'static str,
    /// The operation that wrote over it.
    pub consumed_by: &'static str,
}

/// One side of an operation: its name and shape.
pub(crate) type Side<'a> = (&'a str, &'a [usize]);

/// `Ok` where `fits`, else the error that names both sides.
pub(crate) fn expect(
    fits: bool,
    operation: &'static str,
    left: Side,
    right: Side,
    rule: &'static str,
) -> Result<(), ShapeError> {
    if fits {
        return Ok(());
    }
    Err(ShapeError::Sizes {
        operation,
        left: left.0.into(),
        left_shape: left.1.to_vec(),
        right: right.0.into(),
        right_shape: right.1.to_vec(),
        rule,
    })
}

/// The rows of each step of a packed batch are positive and never rise.
pub(crate) fn check_packed(operation: &'static str, batch_sizes: &[usize]) -> Result<(), ShapeError> {
    let falls = batch_sizes.is_sorted_by(|a, b| a >= b) && batch_sizes.last() != Some(&0);
    let sides = (("batch_sizes", batch_sizes), ("steps", &[batch_sizes.len()][..]));
    expect(falls, operation, sides.0, sides.1, "batch sizes must be positive and never rise")
}
