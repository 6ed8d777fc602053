//! A linear map of every row.

use anaphora_kernels::Matrix;
use anaphora_kernels::activation::Activation;
use anaphora_kernels::matmul::linear;

use crate::Gradients;
use crate::error::{ShapeError, expect};
use crate::graph::{Graph, Operation, Tensor};
use crate::params::ParamId;
use anaphora_kernels::Buffer;

struct Linear {
    x: Tensor,
    weight: ParamId,
    bias: Option<ParamId>,
    y: Tensor,
}

impl Graph<'_> {
    /// `y = x · weightᵀ + bias` for `x[rows, in]`, `weight[out, in]` and `bias[out]`, as `torch.nn.Linear` has them.
    pub fn linear(
        &mut self,
        x: Tensor,
        weight: ParamId,
        bias: Option<ParamId>,
    ) -> Result<Tensor, ShapeError> {
        Ok(self.map_rows(x, weight, bias, None)?.0)
    }

    /// [`Graph::activate`] of a [`Graph::linear`], each part of it computed while its argument is in cache.
    pub fn linear_activated(
        &mut self,
        x: Tensor,
        weight: ParamId,
        bias: Option<ParamId>,
        function: Activation,
    ) -> Result<Tensor, ShapeError> {
        let (z, value) = self.map_rows(x, weight, bias, Some(function))?;
        Ok(self.push_activated(function, z, value))
    }

    /// The linear map, and the function's values where one is given.
    fn map_rows(
        &mut self,
        x: Tensor,
        weight: ParamId,
        bias: Option<ParamId>,
        function: Option<Activation>,
    ) -> Result<(Tensor, Buffer), ShapeError> {
        let shape = self.params.shape(weight);
        let side = (self.params.name(weight), shape);
        let fits = shape.len() == 2 && shape[1] == x.cols;
        expect(fits, "linear", ("input", &x.shape()), side, "the input's columns must be the weight's")?;
        let out = shape[0];
        if let Some(bias) = bias {
            let other = (self.params.name(bias), self.params.shape(bias));
            expect(
                other.1 == [out],
                "linear",
                side,
                other,
                "the bias must have one value a row of the weight",
            )?;
        }
        self.check_present("linear", &[x])?;
        let (device, packed) = (self.device, self.params.packed(self.device, weight, 1));
        let mut value = self.workspace.take(x.rows * out);
        let mut activated = self.workspace.take(if function.is_some() { value.len() } else { 0 });
        let bias_values = bias.map(|bias| self.params.value(bias));
        let rows = Matrix::new(self.value(x), x.rows, x.cols);
        let also = function.map(|function| (function, &mut activated[..]));
        packed.product(&device.pool, rows, bias_values, &mut value, also);
        let y = self.push("linear", value, x.rows, out, true);
        self.keep(x);
        self.record(Linear { x, weight, bias, y });
        Ok((y, activated))
    }
}

impl Operation for Linear {
    fn backward(&self, graph: &mut Graph, gradients: &mut Gradients) {
        let dy = graph.take_grad(self.y);
        if dy.is_empty() {
            return;
        }
        let (mut dx, fresh) = graph.borrow_grad_unset(self.x);
        let (pool, precision) = (&graph.device.pool, graph.device.precision());
        let rows = Matrix::new(graph.nodes.value(self.x), self.x.rows, self.x.cols);
        let dy_rows = Matrix::new(&dy, self.y.rows, self.y.cols);
        if let Some(bias) = self.bias {
            let [dw, db] = gradients.values_mut([self.weight, bias]);
            linear::weight_gradient(pool, precision, dy_rows, rows, dw, Some(db));
        } else {
            let dw = gradients.value_mut(self.weight);
            linear::weight_gradient(pool, precision, dy_rows, rows, dw, None);
        }
        if !dx.is_empty() {
            let weights = Matrix::new(graph.params.value(self.weight), self.y.cols, self.x.cols);
            linear::product_rows(pool, precision, dy_rows, weights, &mut dx, !fresh);
        }
        graph.return_grad(self.x, dx);
        graph.workspace.give(dy);
    }
}
