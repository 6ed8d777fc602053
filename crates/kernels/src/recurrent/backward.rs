//! The backward pass of a recurrent layer.

use std::ops::Range;

use super::cell::{self, Columns};
use super::{Cell, GAP, Input, Layer, Rows, Saved, Weights};
use crate::matmul::linear::{
    COLUMN_GRANULE, PackedColumns, product_rows_share, weight_gradient_share, with_buffers,
};
use crate::matmul::{Precision, with_once};
use crate::pool::Pool;
use crate::shared::SharedMut;
use crate::{Buffer, Matrix, embedding, simd};

/// Gradients that come in and go out of a layer. Weights' and inputs' are added to what is there.
pub struct Gradients<'a> {
    /// `[tokens, …]`: of the layer's output, in the columns that the forward pass wrote.
    pub dy: &'a [f32],
    /// `[batch, hidden_size]`: of the final hidden state; zero where empty.
    pub dhn: &'a [f32],
    /// `[batch, hidden_size]`: of the final cell state; zero where empty.
    pub dcn: &'a [f32],
    /// Shaped as the input's `x`: its gradient; not computed where empty.
    pub dx: &'a mut [f32],
    /// `[batch, hidden_size]`: of the first hidden state; not given out where empty.
    pub dh0: &'a mut [f32],
    /// `[batch, hidden_size]`: of the first cell state; not given out where empty.
    pub dc0: &'a mut [f32],
    /// `[gates * hidden_size, input_size]`.
    pub weight_ih: &'a mut [f32],
    /// `[gates * hidden_size, hidden_size]`.
    pub weight_hh: &'a mut [f32],
    /// `[gates * hidden_size]`.
    pub bias_ih: &'a mut [f32],
    /// `[gates * hidden_size]`.
    pub bias_hh: &'a mut [f32],
}

/// Buffers of the backward pass, kept from one use to the next and shared by all layers.
#[derive(Default)]
pub struct BackwardBuffers {
    /// `[tokens, gates * hidden_size]`, rows [`GAP`] apart: gradients of the pre-activations on the input's side …
    dinput: Buffer,
    /// … and on the hidden state's, where they differ.
    dhidden: Buffer,
    /// `[rows of x, gates * hidden_size]`, rows [`GAP`] apart: the sums of `dinput` over the tokens of each row, with ids.
    by_row: Buffer,
    /// `[tokens, hidden_size]`: the hidden state before each step.
    before: Buffer,
    dh: Buffer,
    dc: Buffer,
    /// `weight_hh`: from all gates to the hidden state.
    hidden_back: PackedColumns,
}

/// Runs the layer backward: `saved`, `y` (in columns `rows`), `weights` and `input` are as the forward pass had them.
#[allow(clippy::too_many_arguments)]
pub fn backward(
    pool: &Pool,
    layer: &Layer,
    precision: Precision,
    weights: Weights,
    input: Input,
    saved: &Saved,
    y: &[f32],
    rows: Rows,
    gradients: Gradients,
    buffers: &mut BackwardBuffers,
) {
    let (hidden, gates, all) = (layer.hidden_size, layer.cell.gates(), layer.rows());
    let (tokens, batch) = (input.tokens(), input.batch());
    if batch == 0 {
        return;
    }
    let split = layer.cell.splits_gradient();
    let x = input.rows(layer);
    let stride = all + GAP;
    let dinput = SharedMut::new(buffers.dinput.fit(tokens * stride));
    let dhidden = if split { SharedMut::new(buffers.dhidden.fit(tokens * stride)) } else { dinput };
    let shared_rows = if input.ids.is_empty() { 0 } else { x.rows() };
    let by_row = SharedMut::new(buffers.by_row.fit(shared_rows * stride));
    let before = SharedMut::new(buffers.before.fit(tokens * hidden));
    let dh_all = SharedMut::new(buffers.dh.fit(batch * hidden));
    let dc_all = SharedMut::new(buffers.dc.fit(batch * hidden));
    let Gradients { dy, dhn, dcn, dx, dh0, dc0, weight_ih, weight_hh, bias_ih, bias_hh } = gradients;
    let (wants_dx, wants_dh0, wants_dc0) = (!dx.is_empty(), !dh0.is_empty(), !dc0.is_empty());
    let [dx, dh0, dc0, weight_ih, weight_hh, bias_ih, bias_hh] =
        [dx, dh0, dc0, weight_ih, weight_hh, bias_ih, bias_hh].map(SharedMut::new);
    let starts_at_zero = input.h0.iter().all(|&h| h == 0.0);
    let zeros = vec![0.0; hidden];
    buffers.hidden_back.pack(pool, precision, Matrix::new(weights.weight_hh, all, hidden), 1);
    let hidden_back = &buffers.hidden_back;

    with_once(pool, precision, |worker, once| {
        let units = layer.units(worker);
        let width = units.len();
        let mine = batch * units.start..batch * units.end;
        // SAFETY (this closure): a worker touches its own units' columns, rows, tokens or portion only; what others read is
        // written before a barrier and read after it.
        let (dh, dc) = unsafe { (dh_all.part(mine.clone()), dc_all.part(mine.clone())) };
        let of_batch = |units: &Range<usize>, sequences: &Range<usize>| {
            let (base, width) = (batch * units.start, units.len());
            base + sequences.start * width..base + sequences.end * width
        };
        let load = |to: &mut [f32], from: &[f32]| {
            for (sequence, to) in to.chunks_exact_mut(width.max(1)).enumerate() {
                match from {
                    [] => to.fill(0.0),
                    from => to.copy_from_slice(&from[sequence * hidden + units.start..][..width]),
                }
            }
        };
        load(dh, dhn);
        load(dc, dcn);

        worker.barrier();

        let portion = layer.portion(worker, input.batch_sizes);
        let parts: Vec<_> = portion
            .parts
            .clone()
            .map(|part| layer.part_units(part, worker.count()))
            .filter(|units| !units.is_empty())
            .collect();
        with_buffers(|_, scratch| {
            for step in layer.steps(input.batch_sizes).rev() {
                let sequences = portion.rows(step.rows);
                let first = step.start + sequences.start;
                for units in &parts {
                    let width = units.len();
                    let gates_start = (tokens * units.start + first * width) * gates;
                    let extra_base = tokens * units.start;
                    let extra_start = extra_base + first * width;
                    let own_c0 = |sequence: usize| match input.c0 {
                        [] => &zeros[..width],
                        c0 => &c0[sequence * hidden + units.start..][..width],
                    };
                    let own_h0 = |sequence: usize| match input.h0 {
                        [] => &zeros[..width],
                        h0 => &h0[sequence * hidden + units.start..][..width],
                    };
                    let previous = |row: usize| {
                        let sequence = sequences.start + row;
                        match (step.token_before(sequence), layer.cell) {
                            (Some(token), Cell::Lstm) => &saved.extra[extra_base + token * width..][..width],
                            (Some(token), _) => {
                                &y[token * rows.stride + rows.column + units.start..][..width]
                            }
                            (None, Cell::Lstm) => own_c0(sequence),
                            (None, _) => own_h0(sequence),
                        }
                    };
                    let columns = |data| Columns { data, start: first * stride + units.start, stride };
                    let of_batch = of_batch(units, &sequences);
                    simd::dispatch(cell::Backward {
                        cell: layer.cell,
                        rows: sequences.len(),
                        width,
                        gates: &saved.gates[gates_start..gates_start + sequences.len() * gates * width],
                        extra: &saved.extra[extra_start..extra_start + sequences.len() * width],
                        previous: &previous,
                        dy,
                        dy_start: first * rows.stride + rows.column + units.start,
                        dy_stride: rows.stride,
                        dh: unsafe { dh_all.part(of_batch.clone()) },
                        dc: unsafe { dc_all.part(of_batch) },
                        dx: columns(dinput),
                        dhidden: columns(dhidden),
                        gate_stride: hidden,
                    });
                    for sequence in sequences.clone() {
                        let from = match step.token_before(sequence) {
                            Some(token) => &y[token * rows.stride + rows.column + units.start..][..width],
                            None => own_h0(sequence),
                        };
                        let at = (step.start + sequence) * hidden + units.start;
                        unsafe { before.part(at..at + width) }.copy_from_slice(from);
                    }
                }
                if !portion.alone {
                    worker.barrier();
                }
                // Nobody may want the gradient of a sequence's first state.
                let sequences = if wants_dh0 { sequences } else { step.begun(&sequences) };
                let from = (step.start + sequences.start) * stride..(step.start + sequences.end) * stride;
                let d = Matrix::new(unsafe { dhidden.read(from) }, sequences.len(), stride).col_range(0..all);
                for units in &parts {
                    let dh = unsafe { dh_all.part(of_batch(units, &sequences)) };
                    hidden_back.multiply(d, units.clone(), step.number % 2 == 1, dh, split, scratch);
                }
            }
        });
        worker.barrier();
        let (dh, dc) = unsafe { (dh_all.read(mine.clone()), dc_all.read(mine)) };
        let store = |to: SharedMut, from: &[f32]| {
            for (sequence, from) in from.chunks_exact(width.max(1)).enumerate() {
                let at = sequence * hidden + units.start;
                let to = unsafe { to.part(at..at + width) };
                to.iter_mut().zip(from).for_each(|(to, from)| *to += from);
            }
        };
        if wants_dh0 {
            store(dh0, dh);
        }
        if wants_dc0 {
            store(dc0, dc);
        }

        let (dinput, dhidden, before) = unsafe {
            (
                dinput.read(0..tokens * stride),
                dhidden.read(0..tokens * stride),
                before.read(0..tokens * hidden),
            )
        };
        let [mut dinput, dhidden] =
            [dinput, dhidden].map(|d| Matrix::new(d, tokens, stride).col_range(0..all));
        if shared_rows > 0 {
            let columns = worker.share(all, COLUMN_GRANULE);
            for row in 0..shared_rows {
                unsafe { by_row.part(row * stride + columns.start..row * stride + columns.end) }.fill(0.0);
            }
            embedding::backward_share(worker, by_row, stride, input.ids, dinput);
            worker.barrier();
            let by_row = unsafe { by_row.read(0..shared_rows * stride) };
            dinput = Matrix::new(by_row, shared_rows, stride).col_range(0..all);
        }
        let before = Matrix::new(before, tokens, hidden);
        if split {
            weight_gradient_share(worker, once, dinput, x, weight_ih, &[bias_ih]);
            weight_gradient_share(worker, once, dhidden, before, weight_hh, &[bias_hh]);
        } else {
            // The biases have one gradient, and a first state of zeros adds nothing.
            let begun = if starts_at_zero && !layer.reverse { batch..tokens } else { 0..tokens };
            let (dhidden, before) = (dhidden.row_range(begun.clone()), before.row_range(begun));
            weight_gradient_share(worker, once, dinput, x, weight_ih, &[bias_ih, bias_hh]);
            weight_gradient_share(worker, once, dhidden, before, weight_hh, &[]);
        }
        if wants_dx {
            let weight_ih = Matrix::new(weights.weight_ih, all, layer.input_size);
            product_rows_share(worker, once, dinput, weight_ih, dx, true);
        }
    });
}
