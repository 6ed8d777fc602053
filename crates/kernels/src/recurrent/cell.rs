//! The element-wise half of each recurrent cell, forward and backward, on the vectors of the processor.
//!
//! A time step's products are done elsewhere; here pre-activations become activations and a new state, and gradients of
//! the new state become gradients of the pre-activations. Gates are in PyTorch's order: `i, f, g, o` for the LSTM and
//! `r, z, n` for the GRU.

use rten_simd::ops::{BitOps, FloatOps, NumOps};
use rten_simd::{Isa, SimdOp};

use crate::functions::{sigmoid, tanh, tanh_with_slope};
use crate::lanes::{Lanes, for_each};
use crate::shared::SharedMut;

/// A kind of recurrent cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cell {
    /// `h' = tanh(W x + b + U h + c)` (Elman 1990).
    Tanh,
    /// `h' = max(0, W x + b + U h + c)` (Le, Jaitly, Hinton 2015).
    Relu,
    /// Gated recurrent unit (Cho et al. 2014) in the form with the reset gate after the product, as cuDNN and PyTorch
    /// have it: `n = tanh(W x + b + r ⊙ (U h + c))`, `h' = (1 - z) ⊙ n + z ⊙ h`.
    Gru,
    /// Long short-term memory (Hochreiter, Schmidhuber 1997; forget gate of Gers et al. 2000):
    /// `c' = f ⊙ c + i ⊙ g`, `h' = o ⊙ tanh(c')`.
    Lstm,
}

impl Cell {
    /// Blocks of `hidden_size` rows in the weight matrices.
    pub fn gates(self) -> usize {
        match self {
            Self::Tanh | Self::Relu => 1,
            Self::Gru => 3,
            Self::Lstm => 4,
        }
    }

    /// Whether a cell state is carried beside the hidden state.
    pub fn has_cell_state(self) -> bool {
        self == Self::Lstm
    }

    /// Whether the gradients of the pre-activations differ between the input's side and the hidden state's.
    pub fn splits_gradient(self) -> bool {
        self == Self::Gru
    }
}

/// A matrix of which a worker writes or reads `width` columns from `column` on, in each row.
#[derive(Clone, Copy)]
pub(super) struct Columns<'a> {
    pub data: SharedMut<'a>,
    /// Index of the first value of the first row.
    pub start: usize,
    pub stride: usize,
}

impl<'a> Columns<'a> {
    /// # Safety
    ///
    /// No other worker holds these columns of these rows.
    #[inline(always)]
    unsafe fn row(&self, row: usize, width: usize) -> &'a mut [f32] {
        let at = self.start + row * self.stride;
        // SAFETY: by the caller's promise.
        unsafe { self.data.part(at..at + width) }
    }

    /// The row's columns of gate `q`, where gates lie `gate_stride` columns apart.
    ///
    /// # Safety
    ///
    /// As for [`Columns::row`].
    #[inline(always)]
    unsafe fn gate(&self, row: usize, q: usize, gate_stride: usize, width: usize) -> &'a mut [f32] {
        let shifted = Columns { start: self.start + q * gate_stride, ..*self };
        // SAFETY: by the caller's promise.
        unsafe { shifted.row(row, width) }
    }
}

/// One worker's part of a forward step: `rows` sequences by `width` units.
pub(super) struct Forward<'a> {
    pub cell: Cell,
    pub rows: usize,
    pub width: usize,
    /// `[rows, gates * width]`: the input's pre-activations with biases; becomes the activations.
    pub gates: &'a mut [f32],
    /// `[rows, gates * width]`: the hidden state's pre-activations without bias.
    pub hidden: &'a [f32],
    /// `[width]`: the bias inside the reset product (GRU).
    pub bias_n: &'a [f32],
    /// `[rows, width]`: what the backward pass needs beside the gates: the new cell state (LSTM), or the hidden state's
    /// part of `n` before the reset (GRU).
    pub extra: &'a mut [f32],
    /// `[rows, width]`: the cell state, updated in place (LSTM).
    pub cell_state: &'a mut [f32],
    /// The hidden state before the step (GRU).
    pub previous: Columns<'a>,
    /// Where the new hidden state goes: the layer's output and the state that the next step reads.
    pub out: [Columns<'a>; 2],
}

impl SimdOp for Forward<'_> {
    type Output = ();

    #[inline(always)]
    fn eval<I: Isa>(self, isa: I) {
        let Forward { cell, rows, width, .. } = self;
        let ops = isa.f32();
        let gates = cell.gates() * width;
        assert!(self.gates.len() >= rows * gates && self.hidden.len() >= rows * gates);
        for row in 0..rows {
            let x = &mut self.gates[row * gates..][..gates];
            let h = &self.hidden[row * gates..][..gates];
            // SAFETY: these columns are this worker's own during the step.
            let [out, state] = self.out.map(|columns| unsafe { columns.row(row, width) });
            let put = |at: Lanes<I>, value: I::F32, out: &mut [f32], state: &mut [f32]| {
                at.store(isa, value, out);
                at.store(isa, value, state);
            };
            match cell {
                Cell::Tanh => {
                    // SAFETY: all slices are `width` long.
                    unsafe {
                        for_each(
                            isa,
                            width,
                            #[inline(always)]
                            |at| {
                                let y = tanh(isa, ops.add(at.load(isa, x), at.load(isa, h)));
                                at.store(isa, y, x);
                                put(at, y, out, state);
                            },
                        );
                    }
                }
                Cell::Relu => {
                    // SAFETY: all slices are `width` long.
                    unsafe {
                        for_each(
                            isa,
                            width,
                            #[inline(always)]
                            |at| {
                                let y = ops.max(ops.add(at.load(isa, x), at.load(isa, h)), ops.zero());
                                at.store(isa, y, x);
                                put(at, y, out, state);
                            },
                        );
                    }
                }
                Cell::Gru => {
                    let (xr, rest) = x.split_at_mut(width);
                    let (xz, xn) = rest.split_at_mut(width);
                    let (hr, rest) = h.split_at(width);
                    let (hz, hn) = rest.split_at(width);
                    let extra = &mut self.extra[row * width..][..width];
                    let at = self.previous.start + row * self.previous.stride;
                    // SAFETY: nobody writes the state before the step during the step.
                    let previous = unsafe { self.previous.data.read(at..at + width) };
                    assert!(self.bias_n.len() >= width);
                    // SAFETY: all slices are at least `width` long.
                    unsafe {
                        for_each(
                            isa,
                            width,
                            #[inline(always)]
                            |at| {
                                let r = sigmoid(isa, ops.add(at.load(isa, xr), at.load(isa, hr)));
                                let z = sigmoid(isa, ops.add(at.load(isa, xz), at.load(isa, hz)));
                                let inner = ops.add(at.load(isa, hn), at.load(isa, self.bias_n));
                                let n = tanh(isa, ops.mul_add(r, inner, at.load(isa, xn)));
                                // (1 - z) n + z h = n + z (h - n)
                                let y = ops.mul_add(z, ops.sub(at.load(isa, previous), n), n);
                                at.store(isa, r, xr);
                                at.store(isa, z, xz);
                                at.store(isa, n, xn);
                                at.store(isa, inner, extra);
                                put(at, y, out, state);
                            },
                        );
                    }
                }
                Cell::Lstm => {
                    let (xi, rest) = x.split_at_mut(width);
                    let (xf, rest) = rest.split_at_mut(width);
                    let (xg, xo) = rest.split_at_mut(width);
                    let (hi, rest) = h.split_at(width);
                    let (hf, rest) = rest.split_at(width);
                    let (hg, ho) = rest.split_at(width);
                    let c = &mut self.cell_state[row * width..][..width];
                    let extra = &mut self.extra[row * width..][..width];
                    // SAFETY: all slices are `width` long.
                    unsafe {
                        for_each(
                            isa,
                            width,
                            #[inline(always)]
                            |at| {
                                let i = sigmoid(isa, ops.add(at.load(isa, xi), at.load(isa, hi)));
                                let f = sigmoid(isa, ops.add(at.load(isa, xf), at.load(isa, hf)));
                                let g = tanh(isa, ops.add(at.load(isa, xg), at.load(isa, hg)));
                                let o = sigmoid(isa, ops.add(at.load(isa, xo), at.load(isa, ho)));
                                let next = ops.mul_add(f, at.load(isa, c), ops.mul(i, g));
                                at.store(isa, i, xi);
                                at.store(isa, f, xf);
                                at.store(isa, g, xg);
                                at.store(isa, o, xo);
                                at.store(isa, next, c);
                                at.store(isa, next, extra);
                                put(at, ops.mul(o, tanh(isa, next)), out, state);
                            },
                        );
                    }
                }
            }
        }
    }
}

/// One worker's part of a backward step.
pub(super) struct Backward<'a> {
    pub cell: Cell,
    pub rows: usize,
    pub width: usize,
    /// `[rows, gates * width]`: the activations of the forward step.
    pub gates: &'a [f32],
    /// `[rows, width]`: what the forward step left beside them.
    pub extra: &'a [f32],
    /// The state before the step, a row a sequence: cell state (LSTM) or hidden state (GRU).
    pub previous: &'a dyn Fn(usize) -> &'a [f32],
    /// The gradient of the layer's output at this step.
    pub dy: &'a [f32],
    pub dy_start: usize,
    pub dy_stride: usize,
    /// `[rows, width]`: gradient of the hidden state after the step. The GRU leaves here the part that reaches the state
    /// before it directly.
    pub dh: &'a mut [f32],
    /// `[rows, width]`: gradient of the cell state, updated in place (LSTM).
    pub dc: &'a mut [f32],
    /// Gradients of the pre-activations, gate `q` from column `start + q * gate_stride` on: on the input's side …
    pub dx: Columns<'a>,
    /// … and on the hidden state's, the same buffer but for the GRU.
    pub dhidden: Columns<'a>,
    pub gate_stride: usize,
}

impl SimdOp for Backward<'_> {
    type Output = ();

    #[inline(always)]
    fn eval<I: Isa>(self, isa: I) {
        let Backward { cell, rows, width, .. } = self;
        let ops = isa.f32();
        let one = ops.one();
        let gates = cell.gates() * width;
        assert!(self.gates.len() >= rows * gates && self.dh.len() >= rows * width);
        let (dx, dhidden) = (self.dx, self.dhidden);
        // SAFETY: the columns of this worker's units, each gate's once.
        let dx = |row, q| unsafe { dx.gate(row, q, self.gate_stride, width) };
        // SAFETY: as above; only the GRU uses this second buffer.
        let dhidden = |row, q| unsafe { dhidden.gate(row, q, self.gate_stride, width) };
        // y (1 - y), the derivative of the logistic function by its value
        let dsigmoid = |y: I::F32| ops.mul(y, ops.sub(one, y));
        // 1 - y², that of tanh
        let dtanh = |y: I::F32| ops.mul_sub_from(y, y, one);
        for row in 0..rows {
            let a = &self.gates[row * gates..][..gates];
            let at = self.dy_start + row * self.dy_stride;
            let dy = &self.dy[at..at + width];
            let dh = &mut self.dh[row * width..][..width];
            match cell {
                Cell::Tanh | Cell::Relu => {
                    let d = dx(row, 0);
                    // SAFETY: all slices are `width` long.
                    unsafe {
                        for_each(
                            isa,
                            width,
                            #[inline(always)]
                            |at| {
                                let total = ops.add(at.load(isa, dh), at.load(isa, dy));
                                let y = at.load(isa, a);
                                let dpre = if cell == Cell::Tanh {
                                    ops.mul(total, dtanh(y))
                                } else {
                                    ops.select(total, ops.zero(), ops.gt(y, ops.zero()))
                                };
                                at.store(isa, dpre, d);
                            },
                        );
                    }
                }
                Cell::Gru => {
                    let (r, rest) = a.split_at(width);
                    let (z, n) = rest.split_at(width);
                    let inner = &self.extra[row * width..][..width];
                    let previous = &(self.previous)(row)[..width];
                    let [dr, dz, dn] = [0, 1, 2].map(|q| dx(row, q));
                    let [dhr, dhz, dhn] = [0, 1, 2].map(|q| dhidden(row, q));
                    // SAFETY: all slices are `width` long.
                    unsafe {
                        for_each(
                            isa,
                            width,
                            #[inline(always)]
                            |at| {
                                let total = ops.add(at.load(isa, dh), at.load(isa, dy));
                                let (r, z, n) = (at.load(isa, r), at.load(isa, z), at.load(isa, n));
                                let inner = at.load(isa, inner);
                                let dn_pre = ops.mul(ops.mul(total, ops.sub(one, z)), dtanh(n));
                                let dz_pre =
                                    ops.mul(ops.mul(total, ops.sub(at.load(isa, previous), n)), dsigmoid(z));
                                let dr_pre = ops.mul(ops.mul(dn_pre, inner), dsigmoid(r));
                                at.store(isa, dr_pre, dr);
                                at.store(isa, dz_pre, dz);
                                at.store(isa, dn_pre, dn);
                                at.store(isa, dr_pre, dhr);
                                at.store(isa, dz_pre, dhz);
                                at.store(isa, ops.mul(dn_pre, r), dhn);
                                at.store(isa, ops.mul(total, z), dh);
                            },
                        );
                    }
                }
                Cell::Lstm => {
                    let (i, rest) = a.split_at(width);
                    let (f, rest) = rest.split_at(width);
                    let (g, o) = rest.split_at(width);
                    let c = &self.extra[row * width..][..width];
                    let dc = &mut self.dc[row * width..][..width];
                    let previous = &(self.previous)(row)[..width];
                    let [di, df, dg, d_o] = [0, 1, 2, 3].map(|q| dx(row, q));
                    // SAFETY: all slices are `width` long.
                    unsafe {
                        for_each(
                            isa,
                            width,
                            #[inline(always)]
                            |at| {
                                let total = ops.add(at.load(isa, dh), at.load(isa, dy));
                                let (i, f) = (at.load(isa, i), at.load(isa, f));
                                let (g, o) = (at.load(isa, g), at.load(isa, o));
                                let (tanh_c, slope) = tanh_with_slope(isa, at.load(isa, c));
                                let dcell = ops.mul_add(ops.mul(total, o), slope, at.load(isa, dc));
                                at.store(isa, ops.mul(ops.mul(dcell, g), dsigmoid(i)), di);
                                at.store(
                                    isa,
                                    ops.mul(ops.mul(dcell, at.load(isa, previous)), dsigmoid(f)),
                                    df,
                                );
                                at.store(isa, ops.mul(ops.mul(dcell, i), dtanh(g)), dg);
                                at.store(isa, ops.mul(ops.mul(total, tanh_c), dsigmoid(o)), d_o);
                                at.store(isa, ops.mul(dcell, f), dc);
                            },
                        );
                    }
                }
            }
        }
    }
}
