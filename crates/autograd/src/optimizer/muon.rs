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

/// Steps of each hidden matrix by one with its running sum's singular vectors and singular values of about 1, found by products
/// alone; AdamW for vectors, embeddings and the head. Stacked matrices, such as those of an LSTM's gates, are taken one by one.
/// A step of a matrix is as long as AdamW's usually is, so that one learning rate fits all (Liu et al. 2025).
pub struct Muon {
    options: MuonOptions,
    parts: Vec<Part>,
    /// The running sums of hidden matrices and the means of the rest; the squares of the rest.
    state: OptimizerState,
    memory: kernels::Orthogonalizer,
}

/// A parameter, and where it lies among all.
struct Part {
    range: Range<usize>,
    kind: Kind,
}

enum Kind {
    /// The rows of each matrix.
    Hidden(Vec<usize>),
    /// Where the squares of its gradients begin, and where it decays.
    Rest(usize, Vec<Range<usize>>),
}

impl Muon {
    /// An optimizer of `params` that has made no step.
    pub fn new(params: &Params, options: MuonOptions) -> Self {
        let mut squares = 0;
        let part = |(id, range): (_, Range<usize>)| {
            let len = range.len();
            let kind = match params.role(id) {
                Role::Hidden(heights) => Kind::Hidden(heights.clone()),
                Role::Vector | Role::Embedding | Role::Head => {
                    let start = squares;
                    squares += len;
                    Kind::Rest(start, if params.decays(id) { vec![0..len] } else { Vec::new() })
                }
            };
            Part { range, kind }
        };
        let parts = params.ids().zip(params.ranges()).map(part).collect();
        let state = OptimizerState::zeros([params.len(), squares]);
        Self { options, parts, state, memory: kernels::Orthogonalizer::default() }
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
        let Self { options: MuonOptions { momentum, rest }, parts, state, memory } = self;
        let (pool, precision, step) = (&device.pool, device.precision(), state.steps);
        let settings = kernels::Muon { learning_rate, momentum: *momentum, weight_decay: rest.weight_decay };
        let [sums, squares] = state.moments_mut();
        let (values, grads) = (params.values_mut(), gradients.values());
        assert_eq!((values.len(), grads.len()), (sums.len(), sums.len()));
        for Part { range, kind } in parts {
            let (values, grads) = (&mut values[range.clone()], &grads[range.clone()]);
            let sums = &mut sums[range.clone()];
            match kind {
                Kind::Hidden(heights) => {
                    kernels::muon(pool, precision, settings, scale, [values, sums], grads, heights, memory);
                }
                Kind::Rest(start, decayed) => {
                    let square = &mut squares[*start..*start + sums.len()];
                    let settings = rest.at(learning_rate);
                    kernels::adamw(pool, settings, step, scale, values, grads, sums, square, decayed);
                }
            }
        }
    }

    fn state(&self) -> &OptimizerState {
        &self.state
    }

    fn state_mut(&mut self) -> &mut OptimizerState {
        &mut self.state
    }
}
