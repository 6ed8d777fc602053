//! Memory that a worker uses again from call to call.

use std::cell::RefCell;

use super::BLOCK;
use super::operand::Operand;
use crate::matmul;

/// Values of a cache line.
pub(super) const LINE: usize = 16;

#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Line([f32; LINE]);

/// Values that begin at a cache line.
#[derive(Default)]
pub(super) struct Buffer(Vec<Line>);

impl Buffer {
    /// At least room for `len` values; what was there before stays as far as it goes.
    pub fn reserve(&mut self, len: usize) -> &mut [f32] {
        let lines = len.div_ceil(LINE);
        if self.0.len() < lines {
            self.0.resize(lines, Line([0.0; LINE]));
        }
        &mut self.values_mut()[..len]
    }

    /// Room for `len` values, all zero.
    pub fn zeroed(&mut self, len: usize) -> &mut [f32] {
        let values = self.reserve(len);
        values.fill(0.0);
        values
    }

    /// All values.
    pub fn values(&self) -> &[f32] {
        // SAFETY: a line is an array of values and as large as its alignment, so that lines lie without gaps.
        unsafe { std::slice::from_raw_parts(self.0.as_ptr().cast(), self.0.len() * LINE) }
    }

    /// All values, for writing.
    pub fn values_mut(&mut self) -> &mut [f32] {
        // SAFETY: as above.
        unsafe { std::slice::from_raw_parts_mut(self.0.as_mut_ptr().cast(), self.0.len() * LINE) }
    }
}

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
