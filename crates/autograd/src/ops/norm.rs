//! Normalisation of rows, with the residual sum in front of it.

use anaphora_kernels::dropout::Dropper;
use anaphora_kernels::norm::{self, Branch, Scale};

pub use anaphora_kernels::norm::Norm;

use crate::Gradients;
use crate::error::{ShapeError, expect};
use crate::graph::{Graph, Operation, Tensor};
use crate::params::ParamId;

/// A normalisation and its parameters.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NormParams {
    /// The kind of norm.
    pub norm: Norm,
    /// `[width]`: factors on the normalised row.
    pub weight: ParamId,
    /// `[width]`: added after that.
    pub bias: Option<ParamId>,
    /// Added to the variance under the root.
    pub epsilon: f32,
}

struct Normalize {
    params: NormParams,
    x: Tensor,
    /// The branch and its dropout.
    branch: Option<(Tensor, Option<Dropper>)>,
    sum: Tensor,
    stats: Tensor,
    y: Tensor,
}

impl Graph<'_> {
    /// Each row of `x[rows, width]` normalised, times the weight, plus the bias.
    pub fn norm(&mut self, x: Tensor, params: NormParams) -> Result<Tensor, ShapeError> {
        Ok(self.normalize(x, None, params)?.1)
    }

    /// Adds to the residual stream `x[rows, width]` what a `branch` gives, dropped out with probability `dropout` in
    /// training, and normalises the sum; returns the sum, which is the stream from here on, and the normalised rows.
    pub fn residual_norm(
        &mut self,
        x: Tensor,
        branch: Tensor,
        dropout: f32,
        params: NormParams,
    ) -> Result<(Tensor, Tensor), ShapeError> {
        let sides = (("stream", &x.shape()[..]), ("branch", &branch.shape()[..]));
        expect(
            x.shape() == branch.shape(),
            "residual_norm",
            sides.0,
            sides.1,
            "what is added must have the same shape",
        )?;
        let dropout =
            if dropout > 0.0 { self.mask_seed().map(|seed| Dropper::new(dropout, seed)) } else { None };
        self.normalize(x, Some((branch, dropout)), params)
    }

    fn normalize(
        &mut self,
        x: Tensor,
        branch: Option<(Tensor, Option<Dropper>)>,
        params: NormParams,
    ) -> Result<(Tensor, Tensor), ShapeError> {
        for id in [Some(params.weight), params.bias].into_iter().flatten() {
            let side = (self.params.name(id), self.params.shape(id));
            let fits = side.1 == [x.cols];
            expect(
                fits,
                "norm",
                ("input", &x.shape()),
                side,
                "there must be a value for each of the input's columns",
            )?;
        }
        self.check_present("norm", &[x])?;
        if let Some((branch, _)) = branch {
            self.check_present("norm", &[branch])?;
        }
        let mut stats = self.workspace.take(2 * x.rows);
        let mut value = self.workspace.take(x.rows * x.cols);
        let mut sums = self.workspace.take(if branch.is_some() { x.rows * x.cols } else { 0 });
        let scale = Scale {
            weight: self.params.value(params.weight),
            bias: params.bias.map(|bias| self.params.value(bias)),
            epsilon: params.epsilon,
        };
        let added = branch
            .map(|(branch, dropout)| (Branch { values: self.nodes.value(branch), dropout }, &mut sums[..]));
        let (pool, rows) = (&self.device.pool, self.nodes.value(x));
        norm::forward(pool, params.norm, scale, rows, added, &mut value, &mut stats);
        let sum = match branch {
            Some(_) => self.push("residual_norm", sums, x.rows, x.cols, true),
            None => x,
        };
        let stats = self.push("norm", stats, x.rows, 2, false);
        let y = self.push("norm", value, x.rows, x.cols, true);
        self.keep(sum);
        self.record(Normalize { params, x, branch, sum, stats, y });
        Ok((sum, y))
    }
}

impl Operation for Normalize {
    fn backward(&self, graph: &mut Graph, gradients: &mut Gradients) {
        let mut dy = graph.take_grad(self.y);
        // Without a branch the sum is `x` itself, whose gradient is added to in place.
        let mut d = match self.branch {
            None if dy.is_empty() => return,
            None => graph.borrow_grad(self.x),
            Some(_) => graph.take_grad(self.sum),
        };
        let len = dy.len().max(d.len());
        for part in [&mut dy, &mut d].into_iter().filter(|part| part.is_empty()) {
            *part = graph.workspace.take_zeroed(len);
        }
        let wanted = self.branch.filter(|(branch, _)| graph.wants_grad(*branch));
        let mut dbranch = graph.workspace.take(if wanted.is_some() { len } else { 0 });
        let NormParams { norm, weight, bias, .. } = self.params;
        let sum = graph.nodes.value(self.sum);
        let stats = graph.nodes.value(self.stats);
        let out = wanted.map(|(_, dropout)| (&mut dbranch[..], dropout));
        let (pool, w) = (&graph.device.pool, graph.params.value(weight));
        if let Some(bias) = bias {
            let [dw, db] = gradients.values_mut([weight, bias]);
            norm::backward(pool, norm, w, sum, stats, &dy, &mut d, out, dw, Some(db));
        } else {
            let dw = gradients.value_mut(weight);
            norm::backward(pool, norm, w, sum, stats, &dy, &mut d, out, dw, None);
        }
        if let Some((branch, _)) = self.branch {
            graph.pass_grad(branch, dbranch);
        }
        graph.workspace.give(dy);
        graph.pass_grad(self.x, d);
    }
}
