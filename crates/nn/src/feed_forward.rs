//! The baseline without memory: a feed-forward network over a fixed window of the past (Bengio et al. 2003).

use anaphora_autograd::trace::Place;
use anaphora_autograd::{Activation, Graph, Mask, ShapeError, Tensor};

use crate::{Builder, Linear, State};

/// A stack of `tanh` layers over the latest `window` steps.
#[derive(Clone, Debug)]
pub struct FeedForward {
    window: usize,
    input_size: usize,
    hidden_size: usize,
    dropout: f32,
    layers: Vec<Linear>,
}

impl FeedForward {
    /// Adds `NAME.0.weight [hidden_size, window * input_size]` and so on.
    pub fn new(
        builder: &mut Builder,
        name: &str,
        [window, input_size, hidden_size, layers]: [usize; 4],
        dropout: f32,
    ) -> Self {
        let layers = (0..layers)
            .map(|layer| {
                let inputs = if layer == 0 { window * input_size } else { hidden_size };
                Linear::new(builder, &format!("{name}.{layer}"), inputs, hidden_size)
            })
            .collect();
        Self { window, input_size, hidden_size, dropout, layers }
    }

    /// Values a step of the output.
    pub fn output_size(&self) -> usize {
        self.hidden_size
    }

    /// The initial state: the inputs before the first.
    pub fn initial_state(&self, rows: usize) -> State {
        State::zeros(rows, [(self.window - 1) * self.input_size])
    }

    /// `x[tokens, input_size]` to `[tokens, hidden_size]`; `state` holds the inputs before.
    pub fn forward(
        &self,
        graph: &mut Graph,
        x: Tensor,
        batch_sizes: &[usize],
        state: &mut State,
    ) -> Result<Tensor, ShapeError> {
        graph.watch(Place::Input, self.layers[0].weight(), &[x]);
        let (mut x, following) = graph.window(x, batch_sizes, self.window, state.part(0))?;
        state.part_mut(0).copy_from_slice(graph.value(following));
        for (number, layer) in self.layers.iter().enumerate() {
            if number > 0 {
                x = graph.dropout(x, self.dropout, Mask::Each);
            }
            let sums = layer.forward(graph, x)?;
            x = graph.activate(Activation::Tanh, sums);
        }
        Ok(x)
    }
}
