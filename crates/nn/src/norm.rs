//! Normalising layers.

use anaphora_autograd::{Norm, NormParams};

use crate::Builder;

/// Adds `NAME.weight [width]`, ones, and `NAME.bias [width]`, zeros, where there is to be one and the kind of norm has one.
pub fn norm(builder: &mut Builder, name: &str, norm: Norm, width: usize, bias: bool) -> NormParams {
    let weight = builder.add(format!("{name}.weight"), &[width], |_, weight| weight.fill(1.0));
    let bias = (bias && norm == Norm::Layer).then(|| builder.add_zeros(format!("{name}.bias"), &[width]));
    // PyTorch's for LayerNorm, LLaMA's for RMSNorm.
    let epsilon = match norm {
        Norm::Layer => 1e-5,
        Norm::Rms => 1e-6,
    };
    NormParams { norm, weight, bias, epsilon }
}
