//! Stochastic gradient descent with momentum.

use anaphora_kernels::optimizer as kernels;

use super::{Optimizer, OptimizerState};
use crate::{Device, Gradients, Params};

/// Settings of [`Sgd`], as PyTorch names them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SgdOptions {
    /// Share of the last update that is kept.
    pub momentum: f32,
    /// L2 penalty, added to the gradient; parameters of one dimension have none.
    pub weight_decay: f32,
}

/// Steps by a decaying sum of gradients.
#[derive(Debug)]
pub struct Sgd {
    options: SgdOptions,
    /// The velocity.
    state: OptimizerState,
}

impl Sgd {
    /// An optimizer of `params` before its first step.
    pub fn new(params: &Params, options: SgdOptions) -> Self {
        Self { options, state: OptimizerState::zeros([params.len()]) }
    }
}

impl Optimizer for Sgd {
    fn step(
        &mut self,
        device: &Device,
        params: &mut Params,
        gradients: &Gradients,
        learning_rate: f32,
        scale: f32,
    ) {
        self.state.steps += 1;
        let SgdOptions { momentum, weight_decay } = self.options;
        let settings = kernels::Sgd { learning_rate, momentum, weight_decay };
        let [velocity] = self.state.moments_mut();
        let (values, decayed) = params.values_and_decayed();
        kernels::sgd(&device.pool, settings, scale, values, gradients.values(), velocity, decayed);
    }

    fn state(&self) -> &OptimizerState {
        &self.state
    }

    fn state_mut(&mut self) -> &mut OptimizerState {
        &mut self.state
    }
}
