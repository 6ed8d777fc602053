//! Shapes that do not fit.

use thiserror::Error;

/// Two sides of an operation whose sizes do not go together.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{operation}: {left} is {left_shape:?} and {right} is {right_shape:?}, but {rule}")]
pub struct ShapeError {
    /// The operation.
    pub operation: &'static str,
    /// Name of one side.
    pub left: Box<str>,
    /// Its shape.
    pub left_shape: Vec<usize>,
    /// Name of the other side.
    pub right: Box<str>,
    /// Its shape.
    pub right_shape: Vec<usize>,
    /// What would be right.
    pub rule: &'static str,
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
    Err(ShapeError {
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
