//! Rotary positions.

use std::rc::Rc;

use anaphora_kernels::rotary::Rotary;

use crate::Gradients;
use crate::error::{ShapeError, expect};
use crate::graph::{Graph, Operation, Tensor};

struct Turn {
    x: Tensor,
    y: Tensor,
    heads: usize,
    rotary: Rc<Rotary>,
}

impl Graph<'_> {
    /// Turns the first `heads` heads of each row of `x` by its position; the other columns pass. It takes `x` over.
    pub fn rotate(&mut self, x: Tensor, heads: usize, rotary: &Rc<Rotary>) -> Result<Tensor, ShapeError> {
        let turned = [rotary.rows(), heads * rotary.head_size()];
        let fits = turned[0] == x.rows && turned[1] <= x.cols;
        let sides = (("input", &x.shape()[..]), ("rotary", &turned[..]));
        expect(
            fits,
            "rotate",
            sides.0,
            sides.1,
            "there must be an angle a row, and no more heads than columns",
        )?;
        self.check_present("rotate", &[x])?;
        let mut value = self.overwrite("rotate", x);
        rotary.turn(&self.device.pool, heads, x.cols, &mut value, false);
        let y = self.push("rotate", value, x.rows, x.cols, self.wants_grad(x));
        self.record(Turn { x, y, heads, rotary: Rc::clone(rotary) });
        Ok(y)
    }
}

impl Operation for Turn {
    fn backward(&self, graph: &mut Graph, _: &mut Gradients) {
        let mut dy = graph.take_grad(self.y);
        if !dy.is_empty() {
            self.rotary.turn(&graph.device.pool, self.heads, self.x.cols, &mut dy, true);
        }
        graph.pass_grad(self.x, dy);
    }
}
