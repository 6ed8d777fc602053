//! Rotary positions.

use std::rc::Rc;

use anaphora_kernels::rotary::Rotary;

use crate::Gradients;
use crate::error::{ShapeError, expect};
use crate::graph::{Graph, Operation, Tensor};

struct Rotate {
    x: Tensor,
    y: Tensor,
    heads: usize,
    rotary: Rc<Rotary>,
}

impl Graph<'_> {
    /// Rotates the first `heads` heads of each row of `x` by its position; other columns pass unchanged. It consumes `x`.
    pub fn rotate(&mut self, x: Tensor, heads: usize, rotary: &Rc<Rotary>) -> Result<Tensor, ShapeError> {
        let rotated = [rotary.rows(), heads * rotary.head_size()];
        let fits = rotated[0] == x.rows && rotated[1] <= x.cols;
        let sides = (("input", &x.shape()[..]), ("rotary", &rotated[..]));
        expect(
            fits,
            "rotate",
            sides.0,
            sides.1,
            "there must be an angle a row, and no more heads than columns",
        )?;
        self.check_present("rotate", &[x])?;
        let mut value = self.overwrite("rotate", x);
        rotary.rotate(&self.device.pool, heads, x.cols, &mut value, false);
        let y = self.push("rotate", value, x.rows, x.cols, self.wants_grad(x));
        self.record(Rotate { x, y, heads, rotary: Rc::clone(rotary) });
        Ok(y)
    }
}

impl Operation for Rotate {
    fn backward(&self, graph: &mut Graph, _: &mut Gradients) {
        let mut dy = graph.take_grad(self.y);
        if !dy.is_empty() {
            self.rotary.rotate(&graph.device.pool, self.heads, self.x.cols, &mut dy, true);
        }
        graph.pass_grad(self.x, dy);
    }
}
