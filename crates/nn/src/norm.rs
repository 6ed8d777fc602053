//! Normalising layers.

use anaphora_autograd::{Norm, NormParams};

use crate::Builder;

/// Adds `NAME.weight [width]`, ones, and `NAME.bias [width]`, zeros, where there is to be one and the kind of norm has one;
/// `epsilon` stands beside the variance under the root.
pub fn norm(
    builder: &mut Builder,
    name: &str,
    norm: Norm,
    width: usize,
    bias: bool,
    epsilon: f32,
) -> NormParams {
    let weight = builder.add(format!("{name}.weight"), &[width], |_, weight| weight.fill(1.0));
    let bias = (bias && norm == Norm::Layer).then(|| builder.add_zeros(format!("{name}.bias"), &[width]));
    NormParams { norm, weight, bias, epsilon }
}
