//! Adam with decoupled weight decay (Loshchilov, Hutter 2019).

use anaphora_kernels::optimizer as kernels;

use super::{Optimizer, OptimizerState};
use crate::{Device, Gradients, Params};

/// Settings of [`AdamW`], as PyTorch names them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdamWOptions {
    /// Decay of the running means of gradient and squared gradient.
    pub betas: [f32; 2],
    /// Added to the root of the squared gradient's mean.
    pub epsilon: f32,
    /// Share of a weight subtracted at each step, times the learning rate; parameters of one dimension do not decay.
    pub weight_decay: f32,
}

/// Steps by the running mean of the gradient over the root of that of its square.
#[derive(Debug)]
pub struct AdamW {
    options: AdamWOptions,
    /// Mean and square.
    state: OptimizerState,
}

impl AdamW {
    /// An optimizer of `params` before its first step.
    pub fn new(params: &Params, options: AdamWOptions) -> Self {
        Self { options, state: OptimizerState::zeros([params.len(); 2]) }
    }
}

impl AdamWOptions {
    pub(super) fn at(self, learning_rate: f32) -> kernels::AdamW {
        let Self { betas: [beta1, beta2], epsilon, weight_decay } = self;
        kernels::AdamW { learning_rate, betas: (beta1, beta2), epsilon, weight_decay }
    }
}

impl Optimizer for AdamW {
    fn step(
        &mut self,
        device: &Device,
        params: &mut Params,
        gradients: &Gradients,
        learning_rate: f32,
        scale: f32,
    ) {
        self.state.steps += 1;
        let (settings, step) = (self.options.at(learning_rate), self.state.steps);
        let [mean, square] = self.state.moments_mut();
        let (values, decayed) = params.values_and_decayed();
        let grads = gradients.values();
        kernels::adamw(&device.pool, settings, step, scale, values, grads, mean, square, decayed);
    }

    fn state(&self) -> &OptimizerState {
        &self.state
    }

    fn state_mut(&mut self) -> &mut OptimizerState {
        &mut self.state
    }
}
