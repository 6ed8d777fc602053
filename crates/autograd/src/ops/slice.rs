//! Some rows or columns of a tensor.

use std::ops::Range;

use crate::Gradients;
use crate::error::{ShapeError, expect};
use crate::graph::{Graph, Operation, Tensor};

struct Slice {
    x: Tensor,
    rows: Range<usize>,
    cols: Range<usize>,
    y: Tensor,
}

impl Graph<'_> {
    /// Some rows of `x[_, cols]`: `[rows.len(), cols]`.
    pub fn slice_rows(&mut self, x: Tensor, rows: Range<usize>) -> Result<Tensor, ShapeError> {
        let sides = (("rows", &[rows.start, rows.end][..]), ("input", &x.shape()[..]));
        let fits = rows.start <= rows.end && rows.end <= x.rows;
        expect(fits, "slice_rows", sides.0, sides.1, "the rows must be among the input's")?;
        self.slice("slice_rows", x, rows, 0..x.cols)
    }

    /// Some columns of `x[rows, _]`: `[rows, cols.len()]`.
    pub fn slice_cols(&mut self, x: Tensor, cols: Range<usize>) -> Result<Tensor, ShapeError> {
        let sides = (("columns", &[cols.start, cols.end][..]), ("input", &x.shape()[..]));
        let fits = cols.start <= cols.end && cols.end <= x.cols;
        expect(fits, "slice_cols", sides.0, sides.1, "the columns must be among the input's")?;
        self.slice("slice_cols", x, 0..x.rows, cols)
    }

    fn slice(
        &mut self,
        name: &'static str,
        x: Tensor,
        rows: Range<usize>,
        cols: Range<usize>,
    ) -> Result<Tensor, ShapeError> {
        self.check_present(name, &[x])?;
        let mut value = self.workspace.take(rows.len() * cols.len());
        let from = self.nodes.value(x).chunks_exact(x.cols.max(1)).skip(rows.start);
        for (out, from) in value.chunks_exact_mut(cols.len().max(1)).zip(from) {
            out.copy_from_slice(&from[cols.clone()]);
        }
        let y = self.push(name, value, rows.len(), cols.len(), self.wants_grad(x));
        self.record(Slice { x, rows, cols, y });
        Ok(y)
    }
}

impl Operation for Slice {
    fn backward(&self, graph: &mut Graph, _: &mut Gradients) {
        let dy = graph.take_grad(self.y);
        if !dy.is_empty() {
            graph.add_grad(self.x, |dx| {
                let dx = dx.chunks_exact_mut(self.x.cols).skip(self.rows.start);
                for (dx, dy) in dx.zip(dy.chunks_exact(self.y.cols)) {
                    dx[self.cols.clone()].iter_mut().zip(dy).for_each(|(dx, dy)| *dx += dy);
                }
            });
        }
        graph.workspace.give(dy);
    }
}
