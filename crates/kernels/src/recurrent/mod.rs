//! Recurrent layers over whole sequences, forward and backward.
//!
//! A batch of unequal lengths is *packed* as PyTorch's `PackedSequence` is: sequences sorted by length, longest first, and
//! laid out step by step, so that step `t` holds `batch_sizes[t]` rows and no row is padding. One call runs a whole layer:
//! the input's product over all steps at once, then step by step the hidden state's product and the cell. Where the weights
//! are large or the sequences few, each worker owns a range of hidden units with all their gates, and the workers meet
//! once a step; elsewhere each takes sequences of its own through all steps.

mod backward;
mod cell;
mod forward;
pub mod reference;

use std::ops::Range;

pub use self::backward::{BackwardBuffers, Gradients, backward};
pub use self::cell::Cell;
pub use self::forward::{Output, forward};
use crate::matmul::linear::{COLUMN_GRANULE, PackedColumns};
use crate::pool::{Worker, share};
use crate::{Buffer, Matrix};

/// The sizes of one layer in one direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layer {
    /// The kind of cell.
    pub cell: Cell,
    /// Values a step of the input has.
    pub input_size: usize,
    /// Values of the hidden state.
    pub hidden_size: usize,
    /// Whether the sequence is read from its end.
    pub reverse: bool,
}

/// The weights of a layer under PyTorch's names, row-major, gates stacked.
#[derive(Clone, Copy)]
pub struct Weights<'a> {
    /// `[gates * hidden_size, input_size]`.
    pub weight_ih: &'a [f32],
    /// `[gates * hidden_size, hidden_size]`.
    pub weight_hh: &'a [f32],
    /// `[gates * hidden_size]`.
    pub bias_ih: &'a [f32],
    /// `[gates * hidden_size]`.
    pub bias_hh: &'a [f32],
}

/// The input of a layer.
#[derive(Clone, Copy)]
pub struct Input<'a> {
    /// `[tokens, input_size]`, packed; or, with `ids`, the rows that they number.
    pub x: &'a [f32],
    /// `[tokens]`: which row of `x` each token is; empty where each token has its own. An embedding of few symbols is
    /// cheapest so: the products of input and weights, in both directions, are then one a symbol instead of one a
    /// token.
    pub ids: &'a [u32],
    /// Rows of each step; never increasing.
    pub batch_sizes: &'a [usize],
    /// `[batch, hidden_size]`: the hidden state before the first step; zero where empty.
    pub h0: &'a [f32],
    /// `[batch, hidden_size]`: the cell state before the first step; zero where empty.
    pub c0: &'a [f32],
}

impl Input<'_> {
    fn batch(&self) -> usize {
        self.batch_sizes.first().copied().unwrap_or(0)
    }

    fn tokens(&self) -> usize {
        self.batch_sizes.iter().sum()
    }

    fn rows(&self, layer: &Layer) -> Matrix<'_> {
        let rows = self.x.len() / layer.input_size.max(1);
        if self.ids.is_empty() {
            assert_eq!(rows, self.tokens());
        } else {
            assert!(self.ids.len() == self.tokens() && self.ids.iter().all(|&id| (id as usize) < rows));
        }
        Matrix::new(self.x, rows, layer.input_size)
    }
}

/// A matrix `[tokens, …]` whose rows are wider than the layer: the layer's columns start at `column`.
#[derive(Clone, Copy)]
pub struct Rows {
    /// Values from one row to the next.
    pub stride: usize,
    /// First column.
    pub column: usize,
}

/// What the forward pass leaves for the backward pass. Memory is kept from one use to the next.
///
/// Gates and what stands beside them are cut by part: the part with units `u` has `tokens` rows of `gates * u.len()`
/// (or `u.len()`) values.
#[derive(Default)]
pub struct Saved {
    gates: Buffer,
    extra: Buffer,
    state: [Buffer; 2],
    cells: Buffer,
    table: Buffer,
}

impl Saved {
    /// What the forward pass of `layer` over so many tokens left, by one worker of `parts`: the activations of each gate
    /// in PyTorch's order, `[tokens, hidden_size]` each, and for an LSTM the cell states after them.
    pub fn activations(&self, layer: &Layer, tokens: usize, parts: usize) -> Vec<Vec<f32>> {
        let (hidden, gates) = (layer.hidden_size, layer.cell.gates());
        let mut all = vec![vec![0.0; tokens * hidden]; gates + usize::from(layer.cell.has_cell_state())];
        for part in 0..parts {
            let units = layer.part_units(part, parts);
            let width = units.len();
            let own = |token: usize| token * hidden + units.start..token * hidden + units.end;
            for token in 0..tokens {
                let row =
                    &self.gates[tokens * gates * units.start + token * gates * width..][..gates * width];
                for (gate, values) in row.chunks_exact(width.max(1)).enumerate() {
                    all[gate][own(token)].copy_from_slice(values);
                }
                if let Some(cells) = all.get_mut(gates) {
                    let row = &self.extra[tokens * units.start + token * width..][..width];
                    cells[own(token)].copy_from_slice(row);
                }
            }
        }
        all
    }
}

/// The weights of a layer as the forward pass takes them.
#[derive(Clone, Copy)]
pub struct PackedLayer<'a> {
    /// `weight_ih` transposed, its gates the groups of its columns.
    pub input: &'a PackedColumns,
    /// `weight_hh` transposed, likewise.
    pub hidden: &'a PackedColumns,
    /// `[gates * hidden_size]`.
    pub bias_ih: &'a [f32],
    /// `[gates * hidden_size]`.
    pub bias_hh: &'a [f32],
}

impl PackedLayer<'_> {
    /// The bias of the input's product for some units, gate by gate.
    fn bias(&self, layer: &Layer, units: &Range<usize>, to: &mut Buffer) {
        let to = to.fit(layer.cell.gates() * units.len());
        for (gate, to) in to.chunks_exact_mut(units.len().max(1)).enumerate() {
            let own = gate * layer.hidden_size + units.start..gate * layer.hidden_size + units.end;
            let (ih, hh) = (&self.bias_ih[own.clone()], &self.bias_hh[own]);
            // The GRU's last bias stands inside the product with the reset gate.
            if layer.cell == Cell::Gru && gate == 2 {
                to.copy_from_slice(ih);
            } else {
                to.iter_mut().zip(ih.iter().zip(hh)).for_each(|(to, (ih, hh))| *to = ih + hh);
            }
        }
    }
}

impl Layer {
    /// Rows of the weight matrices.
    pub fn rows(&self) -> usize {
        self.cell.gates() * self.hidden_size
    }

    fn units(&self, worker: &Worker) -> Range<usize> {
        self.part_units(worker.index(), worker.count())
    }

    /// The hidden units of part `part` of `parts`.
    fn part_units(&self, part: usize, parts: usize) -> Range<usize> {
        share(self.hidden_size, COLUMN_GRANULE, part, parts)
    }

    /// The worker's portion of each time step.
    fn portion(&self, worker: &Worker, batch_sizes: &[usize]) -> Portion {
        let (own, count) = (worker.index(), worker.count());
        let batch = batch_sizes.first().copied().unwrap_or(0);
        let tokens_of = |sequences: usize| batch_sizes.iter().map(|&rows| rows.min(sequences)).sum::<usize>();
        let tokens = tokens_of(batch);
        let fits = self.rows() * self.hidden_size <= SHARED_WEIGHTS;
        if count == 1 || !fits || tokens < batch_sizes.len() * count * ENOUGH_ROWS {
            return Portion { parts: own..own + 1, sequences: 0..batch, alone: count == 1 };
        }
        // Sequences of as many tokens for each worker: the first are the longest.
        let edge = |worker: usize| match worker {
            0 => 0,
            _ => (0..batch)
                .collect::<Vec<_>>()
                .partition_point(|&sequences| tokens_of(sequences) < tokens * worker / count),
        };
        let end = if own + 1 == count { batch } else { edge(own + 1) };
        Portion { parts: 0..count, sequences: edge(own)..end, alone: true }
    }

    /// The steps in the order in which the layer takes them, each with its first token and its rows.
    fn steps<'a>(&self, batch_sizes: &'a [usize]) -> impl DoubleEndedIterator<Item = Step> + use<'a> {
        let reverse = self.reverse;
        let last = batch_sizes.len().saturating_sub(1);
        // First tokens are running sums; steps are few beside the work in them.
        let mut starts = Vec::with_capacity(batch_sizes.len() + 1);
        starts.push(0);
        batch_sizes.iter().for_each(|rows| starts.push(starts[starts.len() - 1] + rows));
        (0..batch_sizes.len()).map(move |i| {
            let t = if reverse { last - i } else { i };
            let neighbour = if reverse { (t < last).then(|| t + 1) } else { t.checked_sub(1) };
            Step {
                number: i,
                start: starts[t],
                rows: batch_sizes[t],
                previous: neighbour.map(|p| (starts[p], batch_sizes[p])),
                continuing: match reverse {
                    true if t == 0 => 0,
                    true => batch_sizes[t],
                    false => batch_sizes.get(t + 1).copied().unwrap_or(0),
                },
            }
        })
    }
}

/// Weights of the hidden state, in values, that every worker may well read whole in each step: 1 MiB, for the level 2 cache.
const SHARED_WEIGHTS: usize = 1 << 18;

/// Rows of a step, in the mean, that are enough for a worker to reach the speed of a product of many.
const ENOUGH_ROWS: usize = 16;

/// A worker's portion of the time steps: either its own hidden units for all sequences, so that the workers meet after each
/// step, or all units for its own sequences, which need nobody else's.
struct Portion {
    /// Parts of the units.
    parts: Range<usize>,
    /// Sequences.
    sequences: Range<usize>,
    /// Whether no other worker's states are needed.
    alone: bool,
}

impl Portion {
    /// The portion's rows of a step with so many.
    fn rows(&self, rows: usize) -> Range<usize> {
        self.sequences.start.min(rows)..self.sequences.end.min(rows)
    }
}

/// One time step of a packed batch.
struct Step {
    /// Number of steps the layer has taken before.
    number: usize,
    /// The step's first token.
    start: usize,
    /// Its rows.
    rows: usize,
    /// First token and rows of the step before it in the layer's order.
    previous: Option<(usize, usize)>,
    /// Rows whose sequences go on after it, in the layer's order.
    continuing: usize,
}

impl Step {
    /// The token before `row`'s in its own sequence, or none where the sequence begins.
    fn token_before(&self, row: usize) -> Option<usize> {
        self.previous.filter(|&(_, rows)| row < rows).map(|(start, _)| start + row)
    }

    /// Those of `rows` whose sequences have begun before this step; they come first.
    fn begun(&self, rows: &Range<usize>) -> Range<usize> {
        let before = self.previous.map_or(0, |(_, rows)| rows);
        rows.start..rows.end.min(before).max(rows.start)
    }
}

/// Values between the rows of a product's left-hand side. Without a gap, rows of 1,024 values all begin in the same set
/// of the level 1 cache and push each other out.
const GAP: usize = 16;
