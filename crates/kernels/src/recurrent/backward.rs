//! The backward pass of a recurrent layer.

use super::cell::{self, Columns};
use super::{Cell, GAP, Input, Layer, PackedLayer, Rows, Saved, Weights, reserve};
use crate::matmul::linear::{COLUMN_GRANULE, lock, product_rows_share, weight_gradient_share, with_buffers};
use crate::matmul::{Precision, multiply, with_once};
use crate::pool::Pool;
use crate::shared::SharedMut;
use crate::{Matrix, embedding, simd};

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
pub struct Workspace {
    /// `[tokens, gates * hidden_size]`, rows [`GAP`] apart: gradients of the pre-activations on the input's side …
    dinput: Vec<f32>,
    /// … and on the hidden state's, where they differ.
    dhidden: Vec<f32>,
    /// `[rows of x, gates * hidden_size]`, rows [`GAP`] apart: the sums of `dinput` over the tokens of each row, with ids.
    by_row: Vec<f32>,
    /// `[tokens, hidden_size]`: the hidden state before each step.
    before: Vec<f32>,
    dh: Vec<f32>,
    dc: Vec<f32>,
}

/// Runs the layer backward: `saved`, `y` (in columns `rows`), `weights` and `input` are as the forward pass had them.
#[allow(clippy::too_many_arguments)]
pub fn backward(
    pool: &Pool,
    layer: &Layer,
    precision: Precision,
    packed: &PackedLayer,
    weights: Weights,
    input: Input,
    saved: &Saved,
    y: &[f32],
    rows: Rows,
    gradients: Gradients,
    workspace: &mut Workspace,
) {
    let (hidden, gates, all) = (layer.hidden_size, layer.cell.gates(), layer.rows());
    let (tokens, batch) = (input.tokens(), input.batch());
    if batch == 0 {
        return;
    }
    let split = layer.cell.splits_gradient();
    let x = input.rows(layer);
    let stride = all + GAP;
    let dinput = SharedMut::new(reserve(&mut workspace.dinput, tokens * stride));
    let dhidden =
        if split { SharedMut::new(reserve(&mut workspace.dhidden, tokens * stride)) } else { dinput };
    let shared_rows = if input.ids.is_empty() { 0 } else { x.rows() };
    let by_row = SharedMut::new(reserve(&mut workspace.by_row, shared_rows * stride));
    let before = SharedMut::new(reserve(&mut workspace.before, tokens * hidden));
    let dh_all = SharedMut::new(reserve(&mut workspace.dh, batch * hidden));
    let dc_all = SharedMut::new(reserve(&mut workspace.dc, batch * hidden));
    let Gradients { dy, dhn, dcn, dx, dh0, dc0, weight_ih, weight_hh, bias_ih, bias_hh } = gradients;
    let (wants_dx, wants_dh0, wants_dc0) = (!dx.is_empty(), !dh0.is_empty(), !dc0.is_empty());
    let [dx, dh0, dc0, weight_ih, weight_hh, bias_ih, bias_hh] =
        [dx, dh0, dc0, weight_ih, weight_hh, bias_ih, bias_hh].map(SharedMut::new);
    let zeros = vec![0.0; hidden];

    with_once(pool, precision, |worker, once| {
        let units = layer.units(worker);
        let width = units.len();
        let mine = batch * units.start..batch * units.end;
        packed.pack_back(worker, layer, weights.weight_hh);
        // SAFETY (this closure): a worker touches its own units' columns, rows or tokens only; what all read is written
        // before a barrier and read after it.
        let (dh, dc) = unsafe { (dh_all.part(mine.clone()), dc_all.part(mine)) };
        let load = |to: &mut [f32], from: &[f32]| {
            for (lane, to) in to.chunks_exact_mut(width.max(1)).enumerate() {
                match from {
                    [] => to.fill(0.0),
                    from => to.copy_from_slice(&from[lane * hidden + units.start..][..width]),
                }
            }
        };
        load(dh, dhn);
        load(dc, dcn);

        with_buffers(|_, scratch| {
            let part = &*lock(&packed.parts[worker.index()]);
            for step in layer.steps(input.batch_sizes).rev() {
                if width > 0 {
                    let gates_start = tokens * gates * units.start + step.start * gates * width;
                    let extra_base = tokens * units.start;
                    let extra_start = extra_base + step.start * width;
                    let own_c0 = |row: usize| match input.c0 {
                        [] => &zeros[..width],
                        c0 => &c0[row * hidden + units.start..][..width],
                    };
                    let own_h0 = |row: usize| match input.h0 {
                        [] => &zeros[..width],
                        h0 => &h0[row * hidden + units.start..][..width],
                    };
                    let previous = |row: usize| match (step.token_before(row), layer.cell) {
                        (Some(token), Cell::Lstm) => &saved.extra[extra_base + token * width..][..width],
                        (Some(token), _) => &y[token * rows.stride + rows.column + units.start..][..width],
                        (None, Cell::Lstm) => own_c0(row),
                        (None, _) => own_h0(row),
                    };
                    let columns = |data| Columns { data, start: step.start * stride + units.start, stride };
                    simd::dispatch(cell::Backward {
                        cell: layer.cell,
                        rows: step.rows,
                        width,
                        gates: &saved.gates[gates_start..gates_start + step.rows * gates * width],
                        extra: &saved.extra[extra_start..extra_start + step.rows * width],
                        previous: &previous,
                        dy,
                        dy_start: step.start * rows.stride + rows.column + units.start,
                        dy_stride: rows.stride,
                        dh,
                        dc,
                        dx: columns(dinput),
                        dhidden: columns(dhidden),
                        gate_stride: hidden,
                    });
                    for row in 0..step.rows {
                        let from = match step.token_before(row) {
                            Some(token) => &y[token * rows.stride + rows.column + units.start..][..width],
                            None => own_h0(row),
                        };
                        let at = (step.start + row) * hidden + units.start;
                        unsafe { before.part(at..at + width) }.copy_from_slice(from);
                    }
                }
                worker.barrier();
                if width > 0 {
                    let d = unsafe { dhidden.read(step.start * stride..(step.start + step.rows) * stride) };
                    let d = Matrix::new(d, step.rows, stride).col_range(0..all);
                    let dh = &mut dh[..step.rows * width];
                    multiply(d, &part.hidden_back, dh, split, scratch);
                }
            }
        });
        let store = |to: SharedMut, from: &[f32]| {
            for (lane, from) in from.chunks_exact(width.max(1)).enumerate() {
                let at = lane * hidden + units.start;
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

        worker.barrier();
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
        weight_gradient_share(worker, once, dinput, x, weight_ih, Some(bias_ih));
        weight_gradient_share(worker, once, dhidden, before, weight_hh, Some(bias_hh));
        if wants_dx {
            let weight_ih = Matrix::new(weights.weight_ih, all, layer.input_size);
            product_rows_share(worker, once, dinput, weight_ih, dx, true);
        }
    });
}
