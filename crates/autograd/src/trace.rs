//! What a pass leaves to be looked at.

use std::collections::HashMap;

use anaphora_kernels::recurrent::Cell;

/// What operations and layers note on a tape that [`Graph::observe`](crate::Graph::observe) made, in the order in which they ran.
/// Each is known by the name of a weight that takes part in it.
#[derive(Debug, Default)]
pub struct Trace {
    /// Recurrent layers, each direction by itself, under the name of their recurrent weights.
    pub layers: Vec<LayerTrace>,
    /// Attentions, under the name that [`Graph::under`](crate::Graph::under) gave.
    pub attentions: Vec<AttentionTrace>,
    /// Tensors that [`Graph::watch`](crate::Graph::watch) named.
    pub watched: Vec<Watched>,
    /// Whether recurrent layers are to run a step at a time, so that each state is a tensor with a gradient of its own.
    pub stepwise: bool,
    /// The name for what runs now.
    pub(crate) current: String,
    /// Which of `watched` a node of the tape belongs to.
    nodes: HashMap<usize, usize>,
}

/// One direction of a recurrent layer over a packed batch.
#[derive(Clone, Debug)]
pub struct LayerTrace {
    /// The name of its recurrent weights.
    pub weight: String,
    /// The kind of cell.
    pub cell: Cell,
    /// Rows of each step.
    pub batch_sizes: Vec<usize>,
    /// The activations of each gate in PyTorch's order, and for an LSTM the cell state: `[tokens, hidden_size]` each.
    pub activations: Vec<Vec<f32>>,
    /// The hidden state after each step, `[tokens, hidden_size]`.
    pub hidden: Vec<f32>,
}

/// One attention over a packed batch.
#[derive(Clone, Debug)]
pub struct AttentionTrace {
    /// The name of a weight of the layer that attends.
    pub weight: String,
    /// Whether keys are another sequence's.
    pub is_cross: bool,
    /// For each sequence of queries what it did.
    pub sequences: Vec<Attended>,
}

/// The attention of one sequence.
#[derive(Clone, Debug)]
pub struct Attended {
    /// Heads, queries, keys.
    pub shape: [usize; 3],
    /// `[heads, queries, head_size]`.
    pub queries: Vec<f32>,
    /// `[heads, keys, head_size]`: a head of keys that several heads of queries share stands there for each of them.
    pub keys: Vec<f32>,
    /// `[heads, keys, value_size]`, likewise.
    pub values: Vec<f32>,
    /// `[heads, queries, keys]`.
    pub weights: Vec<f32>,
}

/// What a watched tensor is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Place {
    /// What a model's backbone reads.
    Input,
    /// The hidden state of a recurrent layer after a step.
    Hidden,
    /// The cell state of a recurrent layer after a step.
    Cell,
    /// The residual stream of a Transformer behind a block.
    Block,
}

/// A tensor that a layer named, with the gradient of it that a backward pass brought.
#[derive(Clone, Debug)]
pub struct Watched {
    /// What it is.
    pub place: Place,
    /// The name of a weight of the layer.
    pub weight: String,
    /// Tokens, or sequences at one step.
    pub rows: usize,
    /// Values a row.
    pub cols: usize,
    /// `[rows, cols]`; not kept of states.
    pub values: Vec<f32>,
    /// `[rows, cols]`; empty where none has come.
    pub gradient: Vec<f32>,
    /// Of a cell state what the hidden state, watched just before it, changes with it: `o (1 - tanh² c)`; else empty.
    pub(crate) slope: Vec<f32>,
}

impl Trace {
    /// A trace that is to see the gradient of each state.
    pub fn of_gradients() -> Self {
        Self { stepwise: true, ..Self::default() }
    }

    pub(crate) fn watch(&mut self, watched: Watched, tensors: impl IntoIterator<Item = usize>) {
        let index = self.watched.len();
        self.watched.push(watched);
        self.nodes.extend(tensors.into_iter().map(|node| (node, index)));
    }

    /// Adds to the gradient of what the node belongs to.
    pub(crate) fn add_gradient(&mut self, node: usize, gradient: &[f32]) {
        let Some(&index) = self.nodes.get(&node) else { return };
        let all = &mut self.watched[index].gradient;
        if all.is_empty() {
            all.extend_from_slice(gradient);
        } else {
            all.iter_mut().zip(gradient).for_each(|(all, gradient)| *all += gradient);
        }
    }

    /// Adds to the gradients of cell states what comes back through the hidden states that they give.
    pub(crate) fn finish(&mut self) {
        for index in 1..self.watched.len() {
            let (before, after) = self.watched.split_at_mut(index);
            let (hidden, cell) = (&before[index - 1].gradient, &mut after[0]);
            let slope = std::mem::take(&mut cell.slope);
            if slope.is_empty() || hidden.is_empty() {
                continue;
            }
            cell.gradient.resize(slope.len(), 0.0);
            let through = hidden.iter().zip(slope).map(|(hidden, slope)| hidden * slope);
            cell.gradient.iter_mut().zip(through).for_each(|(all, through)| *all += through);
        }
    }

    /// The nodes that are watched.
    pub(crate) fn nodes(&self) -> Vec<usize> {
        self.nodes.keys().copied().collect()
    }
}

/// Rows of a packed batch that are those of one sequence, step by step.
pub fn rows_of(batch_sizes: &[usize], sequence: usize) -> Vec<usize> {
    let mut start = 0;
    let steps = batch_sizes.iter().take_while(|&&rows| rows > sequence);
    steps
        .map(|rows| {
            start += rows;
            start - rows + sequence
        })
        .collect()
}

/// The heads of one sequence, `[heads, steps, size]`, of rows of so many values that hold those of all side by side from `column` on; each
/// `group` of heads shares one.
pub(crate) fn heads(
    (cols, values): (usize, &[f32]),
    rows: &[usize],
    column: usize,
    [heads, size, group]: [usize; 3],
) -> Vec<f32> {
    let mut all = Vec::with_capacity(heads * rows.len() * size);
    for head in 0..heads {
        for row in rows {
            let at = row * cols + column + head / group * size;
            all.extend_from_slice(&values[at..at + size]);
        }
    }
    all
}
