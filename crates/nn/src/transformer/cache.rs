//! The cache of a causal stack: keys and values of each layer for the steps read, laid out once.

use anaphora_autograd::{Graph, ShapeError, Tensor};

use super::{EncoderMemory, Keys, Pass, Transformer};
use crate::State;
use crate::position::Position;

/// The matrices of a state: for each layer keys and values, and behind them, where places are absolute, the inputs.
pub(super) struct Layout {
    /// Values of one step in each matrix.
    widths: Vec<usize>,
    /// Most steps that the matrices may hold.
    capacity: usize,
    /// Steps that a token sees, itself included.
    context: usize,
    /// Whether inputs are there, to be read again.
    reads_again: bool,
}

/// Steps for which there is room at first: most of what is written is shorter than what might be.
const LEAST: usize = 32;

impl Layout {
    pub fn new(
        layers: usize,
        kv_width: usize,
        input_width: usize,
        context: usize,
        position: Position,
    ) -> Self {
        let reads_again = position.is_absolute();
        let mut widths = vec![kv_width; 2 * layers];
        // Where the context slides, half as much room again spares moving everything at every step.
        let capacity = if reads_again {
            widths.push(input_width);
            context
        } else {
            context + context.div_ceil(2)
        };
        Self { widths, capacity, context, reads_again }
    }

    /// Adds the matrices to a state, with room for so many steps.
    fn lay_out(&self, capacity: usize, state: &mut State) {
        state.lay_out_steps(capacity, self.widths.iter().copied());
    }

    /// Room for `steps`, and for as many again.
    fn room(&self, steps: usize) -> usize {
        (2 * steps).max(LEAST).min(self.capacity)
    }
}

impl Transformer {
    /// Goes on from `state` with `x[tokens, hidden_size]`, in as many stretches as its room asks for.
    pub(super) fn go_on(
        &self,
        graph: &mut Graph,
        x: Tensor,
        batch_sizes: &[usize],
        memory: Option<EncoderMemory>,
        state: &mut State,
    ) -> Result<Tensor, ShapeError> {
        let layout = self.layout();
        if state.parts() == 0 {
            layout.lay_out(layout.room(batch_sizes.len()), state);
        }
        let mut outputs = Vec::new();
        let (mut step, mut row) = (0, 0);
        while step < batch_sizes.len() {
            let rows = batch_sizes[step];
            let left = batch_sizes.len() - step;
            let room = self.make_room(graph, &layout, rows, left, memory, state)?;
            let sizes = &batch_sizes[step..(step + room).min(batch_sizes.len())];
            let tokens: usize = sizes.iter().sum();
            if tokens == x.rows {
                return self.stretch(graph, x, sizes, &layout, memory, state);
            }
            let values = graph.value(x)[row * x.cols..(row + tokens) * x.cols].to_vec();
            let part = graph.constant(&values, tokens, x.cols)?;
            let y = self.stretch(graph, part, sizes, &layout, memory, state)?;
            outputs.extend_from_slice(graph.value(y));
            (step, row) = (step + sizes.len(), row + tokens);
        }
        graph.constant(&outputs, x.rows, self.output_size())
    }

    /// One pass over steps for which there is room.
    fn stretch(
        &self,
        graph: &mut Graph,
        x: Tensor,
        batch_sizes: &[usize],
        layout: &Layout,
        memory: Option<EncoderMemory>,
        state: &mut State,
    ) -> Result<Tensor, ShapeError> {
        let rows = batch_sizes.first().copied().unwrap_or(0);
        let counts = state.step_counts()[..rows].to_vec();
        let mut places = Vec::with_capacity(x.rows);
        for (t, &rows) in batch_sizes.iter().enumerate() {
            let first = |row: usize| if layout.reads_again { counts[row].held } else { counts[row].read };
            places.extend((0..rows).map(|row| first(row) + t));
        }
        let (capacity, window) = (state.capacity(), layout.context);
        if layout.reads_again {
            let inputs = state.part_mut(layout.widths.len() - 1);
            let mut from = graph.value(x).chunks_exact(x.cols);
            for (t, &rows) in batch_sizes.iter().enumerate() {
                for (row, values) in (0..rows).zip(&mut from) {
                    let at = (row * capacity + counts[row].held + t) * x.cols;
                    inputs[at..at + x.cols].copy_from_slice(values);
                }
            }
        }
        let lengths: Vec<usize> = counts.iter().map(|counts| counts.held).collect();
        let keys = Keys::Remembered { state: &mut *state, lengths: &lengths, capacity, window };
        let mut pass = Pass { batch_sizes, rotary: None, memory, keys, queries: None };
        let y = self.run(graph, x, &places, &mut pass)?;
        for &rows in batch_sizes {
            for counts in &mut state.step_counts_mut()[..rows] {
                (counts.held, counts.read) = (counts.held + 1, counts.read + 1);
            }
        }
        Ok(y)
    }

    /// Makes room for one step at least of each of the first `rows` sequences, and for `wanted` where that may be; returns
    /// for how many there is.
    fn make_room(
        &self,
        graph: &mut Graph,
        layout: &Layout,
        rows: usize,
        wanted: usize,
        memory: Option<EncoderMemory>,
        state: &mut State,
    ) -> Result<usize, ShapeError> {
        let full: Vec<usize> =
            (0..rows).filter(|&row| state.step_counts()[row].held == layout.capacity).collect();
        if layout.reads_again && !full.is_empty() {
            self.read_again(graph, layout, &full, memory, state)?;
        } else {
            full.iter().for_each(|&row| state.forget(row, layout.context - 1));
        }
        let held = state.step_counts()[..rows].iter().map(|counts| counts.held).max().unwrap_or(0);
        if state.capacity() < (held + wanted).min(layout.capacity) {
            state.grow(layout.room(held + wanted));
        }
        Ok(state.capacity() - held)
    }

    /// Reads the latter half of these sequences' contexts again, from place 0.
    fn read_again(
        &self,
        graph: &mut Graph,
        layout: &Layout,
        full: &[usize],
        memory: Option<EncoderMemory>,
        state: &mut State,
    ) -> Result<(), ShapeError> {
        let keep = layout.context / 2;
        let width = layout.widths[layout.widths.len() - 1];
        let inputs = state.part(layout.widths.len() - 1);
        let mut values = Vec::with_capacity(keep * full.len() * width);
        for step in layout.context - keep..layout.context {
            for row in full {
                values.extend_from_slice(&inputs[(row * state.capacity() + step) * width..][..width]);
            }
        }
        let x = graph.constant(&values, keep * full.len(), width)?;
        let mut fresh = self.initial_state(full.len());
        layout.lay_out(state.capacity(), &mut fresh);
        let sources: Vec<usize> =
            memory.map_or_else(Vec::new, |memory| full.iter().map(|&row| memory.sources[row]).collect());
        let memory = memory.map(|memory| EncoderMemory { sources: &sources, ..memory });
        if keep > 0 {
            self.stretch(graph, x, &vec![full.len(); keep], layout, memory, &mut fresh)?;
        }
        for (from, &to) in full.iter().enumerate() {
            state.take_row(to, &fresh, from);
        }
        Ok(())
    }
}
