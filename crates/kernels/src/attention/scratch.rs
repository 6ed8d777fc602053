//! Memory that a worker uses again from call to call.

use std::cell::RefCell;

use super::BLOCK;
use super::operand::Operand;
use crate::{Buffer, matmul};

/// One value a row of a block.
pub(super) type Rows = [f32; BLOCK];

/// A worker's memory.
#[derive(Default)]
pub(super) struct Scratch {
    pub queries: Operand,
    pub keys: Operand,
    pub values: Operand,
    /// The gradient of the output.
    pub douts: Operand,
    pub out: Buffer,
    pub dqueries: Buffer,
    pub dkeys: Buffer,
    pub dvalues: Buffer,
    /// Scores of a block, later weights; their gradients; their dropout masks.
    pub scores: Buffer,
    pub dscores: Buffer,
    pub factors: Buffer,
    /// One value a query: the logarithm of its sum, and `Σ out · dout`.
    pub log_sums: Buffer,
    pub deltas: Buffer,
    pub bf16: matmul::Scratch,
}

/// Lends the present thread's memory.
pub(super) fn with_scratch<R>(f: impl FnOnce(&mut Scratch) -> R) -> R {
    thread_local!(static SCRATCH: RefCell<Scratch> = RefCell::default());
    SCRATCH.with(|scratch| f(&mut scratch.borrow_mut()))
}
