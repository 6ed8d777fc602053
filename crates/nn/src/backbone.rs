//! Backbones: the layers between a model's input and its head.

use anaphora_autograd::{Graph, ShapeError, Tensor};

use crate::{FeedForward, Recurrent, State, Transformer};

/// The body of a model: reads a packed batch step by step and gives a row for each token.
#[derive(Clone, Debug)]
pub enum Backbone {
    /// Recurrent layers.
    Recurrent(Recurrent),
    /// A feed-forward network over a fixed window.
    FeedForward(FeedForward),
    /// Blocks of attention.
    Transformer(Transformer),
}

impl Backbone {
    /// Output size: values for each token.
    pub fn output_size(&self) -> usize {
        match self {
            Self::Recurrent(backbone) => backbone.output_size(),
            Self::FeedForward(backbone) => backbone.output_size(),
            Self::Transformer(backbone) => backbone.output_size(),
        }
    }

    /// The state of `rows` sequences that have not begun.
    pub fn initial_state(&self, rows: usize) -> State {
        match self {
            Self::Recurrent(backbone) => backbone.initial_state(rows),
            Self::FeedForward(backbone) => backbone.initial_state(rows),
            Self::Transformer(backbone) => backbone.initial_state(rows),
        }
    }

    /// `x[tokens, input_size]`, a packed batch with `batch_sizes` rows a step, to `[tokens, output_size]`; sequences go on
    /// from `state` and leave there where they end.
    pub fn forward(
        &self,
        graph: &mut Graph,
        x: Tensor,
        batch_sizes: &[usize],
        state: &mut State,
    ) -> Result<Tensor, ShapeError> {
        match self {
            Self::Recurrent(backbone) => backbone.forward(graph, x, batch_sizes, state),
            Self::FeedForward(backbone) => backbone.forward(graph, x, batch_sizes, state),
            Self::Transformer(backbone) => backbone.forward(graph, x, batch_sizes, None, state),
        }
    }
}
