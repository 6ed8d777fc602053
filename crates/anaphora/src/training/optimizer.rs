//! The optimizer that a recipe describes.

use anaphora_nn::Params;
use anaphora_nn::optimizer::{
    AdamW, AdamWOptions, Lion, LionOptions, Muon, MuonOptions, Optimizer, Sgd, SgdOptions,
};

use crate::recipe::{self, Training};

/// Makes the optimizer of `params`.
pub fn optimizer(training: &Training, params: &Params) -> Box<dyn Optimizer> {
    let (momentum, weight_decay) = (training.momentum as f32, training.weight_decay as f32);
    let betas = training.betas.map(|beta| beta as f32);
    let adamw = AdamWOptions { betas, epsilon: 1e-8, weight_decay };
    match training.optimizer {
        recipe::Optimizer::AdamW => Box::new(AdamW::new(params, adamw)),
        recipe::Optimizer::Sgd => Box::new(Sgd::new(params, SgdOptions { momentum, weight_decay })),
        recipe::Optimizer::Muon => Box::new(Muon::new(params, MuonOptions { momentum, rest: adamw })),
        recipe::Optimizer::Lion => Box::new(Lion::new(params, LionOptions { betas, weight_decay })),
    }
}
