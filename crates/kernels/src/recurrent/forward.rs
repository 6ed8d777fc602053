//! The forward pass of a recurrent layer.

use std::ops::Range;

use super::cell::{self, Columns};
use super::{Cell, GAP, Input, Layer, PackedLayer, Rows, Saved};
use crate::matmul::linear::with_buffers;
use crate::pool::Pool;
use crate::shared::SharedMut;
use crate::{Matrix, elementwise, embedding, simd};

/// The outputs of a layer.
pub struct Output<'a> {
    /// `[tokens, …]`: the hidden state after each step, in the columns that `rows` says.
    pub y: &'a mut [f32],
    /// Which columns of `y`.
    pub rows: Rows,
    /// `[batch, hidden_size]`: the hidden state after each sequence's last step.
    pub hn: &'a mut [f32],
    /// `[batch, hidden_size]`: the cell state after each sequence's last step; empty for cells without one.
    pub cn: &'a mut [f32],
}

/// Runs `layer` over a packed batch.
pub fn forward(
    pool: &Pool,
    layer: &Layer,
    packed: PackedLayer,
    input: Input,
    saved: &mut Saved,
    output: Output,
) {
    let (hidden, gates) = (layer.hidden_size, layer.cell.gates());
    let (tokens, batch) = (input.tokens(), input.batch());
    assert_eq!(output.hn.len(), batch * hidden);
    if batch == 0 {
        return;
    }
    let x = input.rows(layer);
    let bias_n = if layer.cell == Cell::Gru { &packed.bias_hh[2 * hidden..] } else { &[][..] };

    let all_gates = SharedMut::new(saved.gates.fit(tokens * gates * hidden));
    let extra = SharedMut::new(saved.extra.fit(tokens * hidden));
    let cell_states = SharedMut::new(saved.cells.fit(batch * hidden));
    let stride = hidden + GAP;
    let states = saved.state.each_mut().map(|state| SharedMut::new(state.fit(batch * stride)));
    // With ids, what each row of `x` contributes to the gates.
    let table_rows = if input.ids.is_empty() { 0 } else { x.rows() };
    let table = SharedMut::new(saved.table.fit(table_rows * gates * hidden));
    let starts_at_zero = input.h0.iter().all(|&h| h == 0.0);
    let (rows, y) = (output.rows, SharedMut::new(output.y));
    let (hn, cn) = (SharedMut::new(output.hn), SharedMut::new(output.cn));

    let backwards = packed.hidden.turn();

    pool.run(|worker| {
        let units = layer.units(worker);
        let width = units.len();
        // SAFETY (this closure): a worker touches its own units' columns only, or in the time steps those of its
        // portion; the one exception, the states that all workers may read, are written in one step and read in the
        // next, with a barrier between.
        let gates_of = |units: &Range<usize>, rows: Range<usize>| unsafe {
            let (base, width) = (tokens * gates * units.start, gates * units.len());
            all_gates.part(base + rows.start * width..base + rows.end * width)
        };
        let own_cells = unsafe { cell_states.part(batch * units.start..batch * units.end) };
        let load = |sequence: usize, from: &[f32], to: &mut [f32]| match from {
            [] => to.fill(0.0),
            from => to.copy_from_slice(&from[sequence * hidden + units.start..][..width]),
        };
        for (sequence, c) in own_cells.chunks_exact_mut(width.max(1)).enumerate() {
            load(sequence, input.c0, c);
        }
        for sequence in 0..batch {
            let at = sequence * stride + units.start;
            // A sequence that a reversed layer begins late finds its first state wherever it looks.
            states.iter().for_each(|state| load(sequence, input.h0, unsafe { state.part(at..at + width) }));
        }
        let table_of =
            |units: &Range<usize>| table_rows * gates * units.start..table_rows * gates * units.end;
        with_buffers(|buffer, scratch| {
            if width > 0 {
                let own = match input.ids {
                    [] => gates_of(&units, 0..tokens),
                    _ => unsafe { table.part(table_of(&units)) },
                };
                packed.input.multiply(x, units.clone(), backwards, own, false, scratch);
                packed.bias(layer, &units, buffer);
                elementwise::add_bias(own, buffer);
            }
            worker.barrier();
            let portion = layer.portion(worker, input.batch_sizes);
            let parts: Vec<_> = portion
                .parts
                .clone()
                .map(|part| layer.part_units(part, worker.count()))
                .filter(|units| !units.is_empty())
                .collect();
            for step in layer.steps(input.batch_sizes) {
                let sequences = portion.rows(step.rows);
                let (from, to) = (states[step.number % 2], states[(step.number + 1) % 2]);
                // The product with a state of zeros is known.
                let multiplied = if starts_at_zero { step.begun(&sequences) } else { sequences.clone() };
                let h = unsafe { from.read(multiplied.start * stride..multiplied.end * stride) };
                let h = Matrix::new(h, multiplied.len(), stride).col_range(0..hidden);
                for units in &parts {
                    let width = units.len();
                    let buffer = buffer.fit(sequences.len() * gates * width);
                    let (product, zeros) = buffer.split_at_mut(multiplied.len() * gates * width);
                    let backwards = backwards != (step.number % 2 == 1);
                    packed.hidden.multiply(h, units.clone(), backwards, product, false, scratch);
                    zeros.fill(0.0);
                    let tokens_now = step.start + sequences.start..step.start + sequences.end;
                    let own = gates_of(units, tokens_now.clone());
                    if !input.ids.is_empty() {
                        let table = unsafe { table.read(table_of(units)) };
                        embedding::forward(table, gates * width, &input.ids[tokens_now.clone()], own);
                    }
                    let of_batch = batch * units.start + sequences.start * width
                        ..batch * units.start + sequences.end * width;
                    let cell_state = unsafe { cell_states.part(of_batch) };
                    let base = tokens * units.start;
                    let of_tokens = base + tokens_now.start * width..base + tokens_now.end * width;
                    let out = Columns {
                        data: y,
                        start: tokens_now.start * rows.stride + rows.column + units.start,
                        stride: rows.stride,
                    };
                    let state =
                        |data| Columns { data, start: sequences.start * stride + units.start, stride };
                    simd::dispatch(cell::Forward {
                        cell: layer.cell,
                        rows: sequences.len(),
                        width,
                        gates: own,
                        hidden: buffer,
                        bias_n: bias_n.get(units.clone()).unwrap_or_default(),
                        extra: unsafe { extra.part(of_tokens) },
                        cell_state,
                        previous: state(from),
                        out: [out, state(to)],
                    });
                    // Sequences whose last step this was have their final state now.
                    for sequence in step.continuing.max(sequences.start)..sequences.end {
                        let columns = sequence * hidden + units.start..sequence * hidden + units.end;
                        let state = sequence * stride + units.start..sequence * stride + units.end;
                        unsafe {
                            hn.part(columns.clone()).copy_from_slice(to.read(state));
                            if layer.cell.has_cell_state() {
                                let own = &cell_state[(sequence - sequences.start) * width..][..width];
                                cn.part(columns).copy_from_slice(own);
                            }
                        }
                    }
                }
                if !portion.alone {
                    worker.barrier();
                }
            }
        });
    });
}
