//! The gradients of all weights in one flat buffer.

use std::ops::Range;

use anaphora_kernels::{Buffer, optimizer};

use crate::{Device, ParamId, Params};

/// The gradients of some [`Params`], laid out as they are. Backward passes add to them.
#[derive(Clone, Debug)]
pub struct Gradients {
    values: Buffer,
    ranges: Vec<Range<usize>>,
}

impl Gradients {
    /// Zeros for all parameters that `params` now have.
    pub fn of(params: &Params) -> Self {
        Self { values: Buffer::zeros(params.len()), ranges: params.ranges().collect() }
    }

    /// Sets all to zero.
    pub fn zero(&mut self) {
        self.values.fill(0.0);
    }

    /// The Euclidean norm of all together.
    pub fn norm(&self, device: &Device) -> f32 {
        optimizer::global_norm(&device.pool, &self.values)
    }

    /// All, flat, in the order of [`Params::values`].
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// A parameter's gradient, row-major.
    pub fn value(&self, id: ParamId) -> &[f32] {
        &self.values[self.ranges[id.0].clone()]
    }

    /// A parameter's gradient for writing: a backward pass adds to it.
    pub fn value_mut(&mut self, id: ParamId) -> &mut [f32] {
        &mut self.values[self.ranges[id.0].clone()]
    }

    /// The gradients of different parameters for writing.
    pub(crate) fn values_mut<const N: usize>(&mut self, ids: [ParamId; N]) -> [&mut [f32]; N] {
        let ranges = ids.map(|id| self.ranges[id.0].clone());
        self.values.get_disjoint_mut(ranges).expect("different parameters do not overlap")
    }
}
