//! Tensors below each other.

use crate::Gradients;
use crate::error::{ShapeError, expect};
use crate::graph::{Graph, Operation, Tensor};

struct Stack {
    parts: Vec<Tensor>,
    y: Tensor,
}

impl Graph<'_> {
    /// The rows of all `parts[_, cols]` in turn.
    pub fn stack(&mut self, parts: &[Tensor]) -> Result<Tensor, ShapeError> {
        let cols = parts.first().map_or(0, |part| part.cols);
        for part in parts {
            let sides = (("part", &part.shape()[..]), ("columns", &[cols][..]));
            expect(part.cols == cols, "stack", sides.0, sides.1, "the columns must agree")?;
        }
        self.check_present("stack", parts)?;
        let rows = parts.iter().map(|part| part.rows).sum();
        let mut value = self.workspace.take(rows * cols);
        let mut at = 0;
        for &part in parts {
            let from = self.nodes.value(part);
            value[at..at + from.len()].copy_from_slice(from);
            at += from.len();
        }
        let wants_grad = parts.iter().any(|&part| self.wants_grad(part));
        let y = self.push("stack", value, rows, cols, wants_grad);
        self.record(Stack { parts: parts.to_vec(), y });
        Ok(y)
    }
}

impl Operation for Stack {
    fn backward(&self, graph: &mut Graph, _: &mut Gradients) {
        let dy = graph.take_grad(self.y);
        let mut at = 0;
        for &part in self.parts.iter().filter(|_| !dy.is_empty()) {
            let len = part.rows * part.cols;
            graph.add_grad(part, |d| d.iter_mut().zip(&dy[at..at + len]).for_each(|(d, dy)| *d += dy));
            at += len;
        }
        graph.workspace.give(dy);
    }
}
