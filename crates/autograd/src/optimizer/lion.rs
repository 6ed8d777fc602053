//! Lion (Chen et al., "Symbolic discovery of optimization algorithms", 2023).

use anaphora_kernels::optimizer as kernels;

use super::{Optimizer, OptimizerState};
use crate::{Device, Gradients, Params};

/// Settings of [`Lion`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LionOptions {
    /// Share of the running mean in the direction of a step, and in the next running mean.
    pub betas: [f32; 2],
    /// Share of a weight subtracted at each step, times the learning rate; parameters of one dimension do not decay.
    pub weight_decay: f32,
}

/// Steps of the learning rate's size, in the direction of the sign of the gradient and its running mean. It remembers
/// half of what AdamW does, and its learning rates are about a tenth.
#[derive(Debug)]
pub struct Lion {
    options: LionOptions,
    /// The running mean.
    state: OptimizerState,
}

impl Lion {
    /// An optimizer of `params` before its first step.
    pub fn new(params: &Params, options: LionOptions) -> Self {
        Self { options, state: OptimizerState::zeros([params.len()]) }
    }
}

impl Optimizer for Lion {
    fn step(
        &mut self,
        device: &Device,
        params: &mut Params,
        gradients: &Gradients,
        learning_rate: f32,
        scale: f32,
    ) {
        self.state.steps += 1;
        let LionOptions { betas: [beta1, beta2], weight_decay } = self.options;
        let settings = kernels::Lion { learning_rate, betas: (beta1, beta2), weight_decay };
        let [mean] = self.state.moments_mut();
        let (values, decayed) = params.values_and_decayed();
        kernels::lion(&device.pool, settings, scale, values, gradients.values(), mean, decayed);
    }

    fn state(&self) -> &OptimizerState {
        &self.state
    }

    fn state_mut(&mut self) -> &mut OptimizerState {
        &mut self.state
    }
}
