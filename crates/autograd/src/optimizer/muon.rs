//! Muon (Jordan et al., "Muon: an optimizer for hidden layers in neural networks", 2024).

use std::ops::Range;

use anaphora_kernels::optimizer as kernels;

use super::{AdamWOptions, Optimizer, OptimizerState};
use crate::{Device, Gradients, Params, Role};

/// Settings of [`Muon`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MuonOptions {
    /// Share of the running sum of gradients that is kept, of hidden matrices.
    pub momentum: f32,
    /// AdamW's settings for all else; the weight decay is that of hidden matrices too.
    pub rest: AdamWOptions,
}

/// Steps of each hidden matrix by one with its running sum's singular vectors and singular values of about 1, found by
/// products alone; AdamW for vectors, embeddings and the head. Stacked matrices, such as those of an LSTM's gates, are
/// taken one by one. A step of a matrix is as long as AdamW's usually is, so that one learning rate fits all (Liu et
/// al. 2025).
pub struct Muon {
    options: MuonOptions,
    /// Hidden matrices, those that take most work first.
    matrices: Vec<kernels::MatrixRange>,
    rest: Vec<Rest>,
    /// The running sums of hidden matrices and the means of the rest; the squares of the rest.
    state: OptimizerState,
    memory: kernels::Orthogonalizer,
}

/// A parameter that is AdamW's.
struct Rest {
    /// Where it lies among all, and among the squares.
    range: Range<usize>,
    squares: Range<usize>,
    decays: bool,
}

impl Muon {
    /// An optimizer of `params` before its first step.
    pub fn new(params: &Params, options: MuonOptions) -> Self {
        let (mut matrices, mut rest, mut squares) = (Vec::new(), Vec::new(), 0);
        for (id, range) in params.ids().zip(params.ranges()) {
            match params.role(id) {
                Role::Hidden(heights) => {
                    let (mut start, cols) = (range.start, params.shape(id)[1]);
                    for &rows in heights {
                        matrices.push(kernels::MatrixRange { start, rows, cols });
                        start += rows * cols;
                    }
                }
                Role::Vector | Role::Embedding | Role::Head => {
                    let end = squares + range.len();
                    rest.push(Rest { range, squares: squares..end, decays: params.decays(id) });
                    squares = end;
                }
            }
        }
        matrices.sort_by_key(|place| std::cmp::Reverse(place.rows * place.cols * place.rows.min(place.cols)));
        let state = OptimizerState::zeros([params.len(), squares]);
        Self { options, matrices, rest, state, memory: kernels::Orthogonalizer::default() }
    }
}

impl Optimizer for Muon {
    fn step(
        &mut self,
        device: &Device,
        params: &mut Params,
        gradients: &Gradients,
        learning_rate: f32,
        scale: f32,
    ) {
        self.state.steps += 1;
        let Self { options: MuonOptions { momentum, rest: adamw }, matrices, rest, state, memory } = self;
        let (pool, precision, step) = (&device.pool, device.precision(), state.steps);
        let (momentum, weight_decay) = (*momentum, adamw.weight_decay);
        let settings = kernels::Muon { learning_rate, momentum, weight_decay };
        let [sums, squares] = state.moments_mut();
        let (values, grads) = (params.values_mut(), gradients.values());
        kernels::muon(pool, precision, settings, scale, values, grads, sums, matrices, memory);
        let settings = adamw.at(learning_rate);
        for Rest { range, squares: there, decays } in rest {
            let (values, grads) = (&mut values[range.clone()], &grads[range.clone()]);
            let (mean, square) = (&mut sums[range.clone()], &mut squares[there.clone()]);
            let all = 0..values.len();
            let decayed = if *decays { std::slice::from_ref(&all) } else { &[] };
            kernels::adamw(pool, settings, step, scale, values, grads, mean, square, decayed);
        }
    }

    fn state(&self) -> &OptimizerState {
        &self.state
    }

    fn state_mut(&mut self) -> &mut OptimizerState {
        &mut self.state
    }
}
