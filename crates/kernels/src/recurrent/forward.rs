//! The forward pass of a recurrent layer.

use super::cell::{self, Columns};
use super::{Cell, GAP, Input, Layer, PackedLayer, Rows, Saved, Weights, reserve};
use crate::matmul::linear::{lock, with_buffers};
use crate::matmul::multiply;
use crate::pool::Pool;
use crate::shared::SharedMut;
use crate::{Matrix, elementwise, embedding, simd};

/// Where a layer's results go.
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

/// Runs `layer` over a packed batch. `packed` holds the weights as [`PackedLayer::pack`] left them; of `weights` only the
/// biases are read.
pub fn forward(
    pool: &Pool,
    layer: &Layer,
    packed: &PackedLayer,
    weights: Weights,
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
    let bias_n = if layer.cell == Cell::Gru { &weights.bias_hh[2 * hidden..] } else { &[][..] };

    let all_gates = SharedMut::new(reserve(&mut saved.gates, tokens * gates * hidden));
    let extra = SharedMut::new(reserve(&mut saved.extra, tokens * hidden));
    let cell_states = SharedMut::new(reserve(&mut saved.lanes, batch * hidden));
    let stride = hidden + GAP;
    let states = saved.state.each_mut().map(|state| SharedMut::new(reserve(state, batch * stride)));
    let (rows, y) = (output.rows, SharedMut::new(output.y));
    let (hn, cn) = (SharedMut::new(output.hn), SharedMut::new(output.cn));

    pool.run(|worker| {
        let units = layer.units(worker);
        let width = units.len();
        let part = &*lock(&packed.parts[worker.index()]);
        // SAFETY (this closure): a worker touches its own units' columns only; the one exception, the states that all
        // workers read, are written in one step and read in the next, with a barrier between.
        let gates_of = |tokens: std::ops::Range<usize>| unsafe {
            let base = input.tokens() * gates * units.start;
            all_gates.part(base + tokens.start * gates * width..base + tokens.end * gates * width)
        };
        let lanes = unsafe { cell_states.part(batch * units.start..batch * units.end) };
        let load = |lane: usize, from: &[f32], to: &mut [f32]| match from {
            [] => to.fill(0.0),
            from => to.copy_from_slice(&from[lane * hidden + units.start..][..width]),
        };
        for (lane, c) in lanes.chunks_exact_mut(width.max(1)).enumerate() {
            load(lane, input.c0, c);
        }
        for lane in 0..batch {
            let at = lane * stride + units.start;
            // A sequence that a reversed layer begins late finds its first state wherever it looks.
            states.iter().for_each(|state| load(lane, input.h0, unsafe { state.part(at..at + width) }));
        }
        with_buffers(|buffer, scratch| {
            // With ids the buffer begins with what each row of `x` contributes to the gates.
            let shared_rows = if input.ids.is_empty() { 0 } else { x.rows() };
            buffer.resize((shared_rows + batch) * gates * width, 0.0);
            let (from_x, product) = buffer.split_at_mut(shared_rows * gates * width);
            if width > 0 {
                let own = if input.ids.is_empty() { gates_of(0..tokens) } else { &mut *from_x };
                multiply(x, &part.input, own, false, scratch);
                elementwise::add_bias(own, &part.bias);
            }
            worker.barrier();
            for step in layer.steps(input.batch_sizes) {
                if width > 0 {
                    let (from, to) = (states[step.number % 2], states[(step.number + 1) % 2]);
                    let h = unsafe { from.read(0..step.rows * stride) };
                    let h = Matrix::new(h, step.rows, stride).col_range(0..hidden);
                    let product = &mut product[..step.rows * gates * width];
                    multiply(h, &part.hidden, product, false, scratch);
                    let own = gates_of(step.start..step.start + step.rows);
                    if !input.ids.is_empty() {
                        let ids = &input.ids[step.start..step.start + step.rows];
                        embedding::forward(from_x, gates * width, ids, own);
                    }
                    let at = tokens * units.start + step.start * width;
                    let out = Columns {
                        data: y,
                        start: step.start * rows.stride + rows.column + units.start,
                        stride: rows.stride,
                    };
                    simd::dispatch(cell::Forward {
                        cell: layer.cell,
                        rows: step.rows,
                        width,
                        gates: own,
                        hidden: product,
                        bias_n: bias_n.get(units.clone()).unwrap_or_default(),
                        extra: unsafe { extra.part(at..at + step.rows * width) },
                        cell_state: lanes,
                        previous: Columns { data: from, start: units.start, stride },
                        out: [out, Columns { data: to, start: units.start, stride }],
                    });
                    // Sequences whose last step this was have their final state now.
                    for lane in step.continuing..step.rows {
                        let columns = lane * hidden + units.start..lane * hidden + units.end;
                        let state = lane * stride + units.start..lane * stride + units.end;
                        unsafe {
                            hn.part(columns.clone()).copy_from_slice(to.read(state));
                            if layer.cell.has_cell_state() {
                                cn.part(columns).copy_from_slice(&lanes[lane * width..][..width]);
                            }
                        }
                    }
                }
                worker.barrier();
            }
        });
    });
}
