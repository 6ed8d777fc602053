//! Stacks of recurrent layers.

mod stepwise;

use anaphora_autograd::trace::Place;
use anaphora_autograd::{Cell, Direction, Graph, Mask, ParamId, Role, ShapeError, Tensor};

use crate::{Builder, State, init};

/// The shape of a stack.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RecurrentOptions {
    /// The kind of cell.
    pub cell: Cell,
    /// Input size: values for each step.
    pub input_size: usize,
    /// Values of each layer's hidden state in one direction.
    pub hidden_size: usize,
    /// Layers on top of each other.
    pub layers: usize,
    /// Whether each layer also reads from the end; outputs are then twice as wide.
    pub bidirectional: bool,
    /// Probability with which a value between two layers is dropped in training.
    pub dropout: f32,
    /// Whether a sequence has one dropout mask for all its steps.
    pub variational: bool,
    /// What is added to the LSTM's forget gate at first (Gers et al. 2000; Jozefowicz et al. 2015).
    pub forget_bias: f32,
    /// Gates begin as if there were something to remember for 1 to so many steps, a length of its own for each unit (Tallec,
    /// Ollivier, "Can recurrent neural networks warp time?", 2018), instead of by `forget_bias`; for LSTM and GRU.
    pub chrono: Option<usize>,
}

/// A stack of recurrent layers.
#[derive(Clone, Debug)]
pub struct Recurrent {
    options: RecurrentOptions,
    /// Layer by layer, the forward direction before the other: `weight_ih`, `weight_hh`, `bias_ih`, `bias_hh`.
    weights: Vec<Vec<[ParamId; 4]>>,
}

impl Recurrent {
    /// Adds `NAME.weight_ih_l0` and so on as PyTorch names them. Recurrent weights begin orthogonal, for a ReLU cell as
    /// the identity (Le, Jaitly, Hinton 2015).
    pub fn new(builder: &mut Builder, name: &str, options: RecurrentOptions) -> Self {
        let RecurrentOptions { cell, hidden_size, .. } = options;
        let rows = cell.gates() * hidden_size;
        let directions = 1 + usize::from(options.bidirectional);
        let mut direction = |layer: usize, number: usize| {
            let input_size = if layer == 0 { options.input_size } else { directions * hidden_size };
            let suffix = if number == 1 { format!("l{layer}_reverse") } else { format!("l{layer}") };
            let ih =
                builder.add(format!("{name}.weight_ih_{suffix}"), &[rows, input_size], move |random, w| {
                    match cell {
                        Cell::Relu => init::normal(random, w, (1.0 / input_size as f32).sqrt() * 0.1),
                        _ => init::xavier(random, w, input_size, hidden_size),
                    }
                });
            let hh =
                builder.add(format!("{name}.weight_hh_{suffix}"), &[rows, hidden_size], move |random, w| {
                    match cell {
                        Cell::Relu => init::identity(w, hidden_size),
                        _ => init::orthogonal(random, w, hidden_size),
                    }
                });
            for weight in [ih, hh] {
                builder.set_role(weight, Role::Hidden(vec![hidden_size; cell.gates()]));
                builder.multiplied(weight, cell.gates());
            }
            let bias_ih = builder.add(format!("{name}.bias_ih_{suffix}"), &[rows], move |random, bias| {
                let (first, rest) = bias.split_at_mut(hidden_size);
                match (cell, options.chrono) {
                    (Cell::Lstm, Some(longest)) => {
                        init::chrono(random, &mut rest[..hidden_size], longest);
                        first.iter_mut().zip(rest).for_each(|(input, forget)| *input = -*forget);
                    }
                    (Cell::Gru, Some(longest)) => {
                        init::chrono(random, &mut rest[..hidden_size], longest);
                    }
                    (Cell::Lstm, None) => rest[..hidden_size].fill(options.forget_bias),
                    _ => {}
                }
            });
            [ih, hh, bias_ih, builder.add_zeros(format!("{name}.bias_hh_{suffix}"), &[rows])]
        };
        let weights = (0..options.layers)
            .map(|layer| (0..directions).map(|number| direction(layer, number)).collect())
            .collect();
        Self { options, weights }
    }

    /// Values a step of the output.
    pub fn output_size(&self) -> usize {
        self.options.hidden_size * self.weights[0].len()
    }

    /// The initial state of `rows` sequences: for each layer and direction the hidden state and, for an LSTM, the cell
    /// state.
    pub fn initial_state(&self, rows: usize) -> State {
        State::zeros(rows, std::iter::repeat_n(self.options.hidden_size, self.parts()))
    }

    /// The last layer's hidden states among the `ends` of [`Recurrent::run`], one a direction.
    pub fn last_hidden(&self, ends: &[Tensor]) -> Vec<Tensor> {
        let each = 1 + usize::from(self.options.cell.has_cell_state());
        let last = ends.len() - each * self.weights.last().map_or(0, Vec::len);
        ends[last..].iter().step_by(each).copied().collect()
    }

    /// Layers on top of each other.
    pub fn layers(&self) -> usize {
        self.weights.len()
    }

    /// Matrices that a state has.
    fn parts(&self) -> usize {
        let each = 1 + usize::from(self.options.cell.has_cell_state());
        self.weights.iter().map(Vec::len).sum::<usize>() * each
    }

    /// `x[tokens, input_size]`, a packed batch with `batch_sizes` rows a step, to `[tokens, output_size]`. Sequences go on
    /// from `state` and leave there where they end; no gradient goes through it (truncated back-propagation, Williams,
    /// Peng 1990).
    pub fn forward(
        &self,
        graph: &mut Graph,
        x: Tensor,
        batch_sizes: &[usize],
        state: &mut State,
    ) -> Result<Tensor, ShapeError> {
        let starts = (0..self.parts())
            .map(|part| graph.constant(state.part(part), state.rows(), self.options.hidden_size))
            .collect::<Result<Vec<_>, _>>()?;
        let (y, ends) = self.run(graph, x, batch_sizes, &starts)?;
        for (part, end) in ends.into_iter().enumerate() {
            state.part_mut(part).copy_from_slice(graph.value(end));
        }
        Ok(y)
    }

    /// As [`Recurrent::forward`], but sequences go on from the tensors `starts`, in the order of
    /// [`Recurrent::initial_state`] (none at all: from zeros), and where they end is returned in the same order. Gradients
    /// go through both.
    pub fn run(
        &self,
        graph: &mut Graph,
        x: Tensor,
        batch_sizes: &[usize],
        starts: &[Tensor],
    ) -> Result<(Tensor, Vec<Tensor>), ShapeError> {
        let RecurrentOptions { cell, dropout, variational, .. } = self.options;
        if !starts.is_empty() && starts.len() != self.parts() {
            return Err(ShapeError::Sizes {
                operation: "recurrent",
                left: "starts".into(),
                left_shape: vec![starts.len()],
                right: "the state of the layers".into(),
                right_shape: vec![self.parts()],
                rule: "there must be a tensor for each part of the state, or none",
            });
        }
        let mut starts = starts.iter().copied();
        let mut ends = Vec::with_capacity(self.parts());
        let mut x = x;
        graph.watch(Place::Input, self.weights[0][0][0], &[x]);
        for (layer, directions) in self.weights.iter().enumerate() {
            if layer > 0 {
                let mask = if variational { Mask::Sequence(batch_sizes) } else { Mask::Each };
                x = graph.dropout(x, dropout, mask);
            }
            let directions: Vec<_> = directions
                .iter()
                .map(|&weights| {
                    let h0 = starts.next();
                    let c0 = if cell.has_cell_state() { starts.next() } else { None };
                    Direction { weights, h0, c0 }
                })
                .collect();
            let output = if graph.is_stepwise() {
                stepwise::recurrent(graph, cell, x, batch_sizes, &directions)?
            } else {
                graph.recurrent(cell, x, batch_sizes, &directions)?
            };
            for (number, &hn) in output.hn.iter().enumerate() {
                ends.push(hn);
                ends.extend(output.cn.get(number));
            }
            x = output.y;
        }
        Ok((x, ends))
    }
}
