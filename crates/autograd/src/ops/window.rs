//! A fixed window over the past, as a feed-forward model reads it.

use crate::Gradients;
use crate::error::{ShapeError, check_packed, expect};
use crate::graph::{Graph, Operation, Tensor};

struct Window {
    x: Tensor,
    y: Tensor,
    /// For each row of `y` and each place of the window, the row of `x` that stands there, if one does.
    rows: Vec<Option<usize>>,
}

impl Graph<'_> {
    /// For each token of a packed batch the `length` latest rows of its sequence, oldest first, itself the last:
    /// `[tokens, length * cols]`. Before a sequence's first token stands `context[batch, (length - 1) * cols]`. Also
    /// returns the context that follows, for the next stretch of the same sequences; no gradient goes through contexts.
    pub fn window(
        &mut self,
        x: Tensor,
        batch_sizes: &[usize],
        length: usize,
        context: &[f32],
    ) -> Result<(Tensor, Tensor), ShapeError> {
        let (batch, width) = (batch_sizes.first().copied().unwrap_or(0), x.cols);
        let tokens: usize = batch_sizes.iter().sum();
        let past = length.saturating_sub(1) * width;
        let sides = (("input", &x.shape()[..]), ("batch_sizes (sum)", &[tokens][..]));
        expect(tokens == x.rows, "window", sides.0, sides.1, "there must be a row a token")?;
        check_packed("window", batch_sizes)?;
        let sides = (("length", &[length][..]), ("input", &x.shape()[..]));
        expect(length > 0, "window", sides.0, sides.1, "a window holds one row at least")?;
        let sides = (("context", &[context.len()][..]), ("window", &[batch, past][..]));
        expect(
            context.len() == batch * past,
            "window",
            sides.0,
            sides.1,
            "a context holds the steps before the first",
        )?;

        self.check_present("window", &[x])?;
        let mut starts = vec![0];
        batch_sizes.iter().for_each(|rows| starts.push(starts[starts.len() - 1] + rows));
        let mut value = self.workspace.take(tokens * length * width);
        let mut following = self.workspace.take(batch * past);
        following.copy_from_slice(context);
        let mut rows = Vec::with_capacity(tokens * length);
        let xs = self.value(x);
        for (t, &lanes) in batch_sizes.iter().enumerate() {
            for lane in 0..lanes {
                for place in 0..length {
                    // How many steps back from t this place lies, and so which step it shows.
                    let source = (t + place + 1).checked_sub(length).map(|step| starts[step] + lane);
                    let at = ((starts[t] + lane) * length + place) * width;
                    let from = match source {
                        Some(row) => &xs[row * width..(row + 1) * width],
                        None => &context[lane * past + (t + place) * width..][..width],
                    };
                    value[at..at + width].copy_from_slice(from);
                    rows.push(source);
                }
                let window = &value[(starts[t] + lane) * length * width..][..length * width];
                following[lane * past..(lane + 1) * past].copy_from_slice(&window[width..]);
            }
        }
        let y = self.push("window", value, tokens, length * width, self.wants_grad(x));
        let following = self.push("window", following, batch, past, false);
        self.record(Window { x, y, rows });
        Ok((y, following))
    }
}

impl Operation for Window {
    fn backward(&self, graph: &mut Graph, _: &mut Gradients) {
        let dy = graph.take_grad(self.y);
        let width = self.x.cols;
        graph.add_grad(self.x, |dx| {
            for (row, part) in self.rows.iter().zip(dy.chunks_exact(width)) {
                if let Some(row) = row {
                    dx[row * width..(row + 1) * width].iter_mut().zip(part).for_each(|(dx, dy)| *dx += dy);
                }
            }
        });
        graph.workspace.give(dy);
    }
}
