//! A recurrent layer over a whole packed batch, in one direction or both.

use anaphora_kernels::recurrent::{self, Cell, Input, Layer, Output, PackedLayer, Rows, Saved, Weights};

use crate::Gradients;
use crate::error::{ShapeError, check_packed, expect};
use crate::graph::{Graph, Lookup, Operation, Tensor};
use crate::params::ParamId;
use crate::trace::{LayerTrace, Place};
use anaphora_kernels::Buffer;

/// One direction of a layer: its weights under PyTorch's names and the state that it starts from.
#[derive(Clone, Copy, Debug)]
pub struct Direction {
    /// `weight_ih [gates * hidden, input]`, `weight_hh [gates * hidden, hidden]`, `bias_ih` and `bias_hh [gates * hidden]`.
    pub weights: [ParamId; 4],
    /// Hidden state before the first step, `[batch, hidden]`; zero where there is none.
    pub h0: Option<Tensor>,
    /// Cell state before the first step, `[batch, hidden]`; zero where there is none.
    pub c0: Option<Tensor>,
}

/// The result of a recurrent layer.
#[derive(Clone, Debug)]
pub struct RecurrentOutput {
    /// `[tokens, directions * hidden]`: hidden states, forward direction first.
    pub y: Tensor,
    /// `[batch, hidden]` a direction: the hidden state after each sequence's last step.
    pub hn: Vec<Tensor>,
    /// `[batch, hidden]` a direction: the cell state after each sequence's last step; none for cells without one.
    pub cn: Vec<Tensor>,
}

struct Recurrent {
    layer: Layer,
    direction: Direction,
    batch_sizes: Vec<usize>,
    x: Tensor,
    /// The table that the input was read from, if the layer works on that instead.
    lookup: Option<Lookup>,
    y: Tensor,
    rows: Rows,
    hn: Tensor,
    cn: Option<Tensor>,
    saved: usize,
    /// Whether this direction is the first recorded, and so the last to need the gradient of `y`.
    first: bool,
}

impl Graph<'_> {
    /// Runs a recurrent layer over `x[tokens, input]`, a packed batch with `batch_sizes` rows a step: in one direction, or
    /// in two, the second from the end.
    pub fn recurrent(
        &mut self,
        cell: Cell,
        x: Tensor,
        batch_sizes: &[usize],
        directions: &[Direction],
    ) -> Result<RecurrentOutput, ShapeError> {
        let tokens: usize = batch_sizes.iter().sum();
        let batch = batch_sizes.first().copied().unwrap_or(0);
        let sides = (("input", &x.shape()[..]), ("batch_sizes (sum)", &[tokens][..]));
        expect(tokens == x.rows, "recurrent", sides.0, sides.1, "there must be a row a token")?;
        check_packed("recurrent", batch_sizes)?;
        self.check_present("recurrent", &[x])?;
        for state in directions.iter().flat_map(|direction| [direction.h0, direction.c0]).flatten() {
            self.check_present("recurrent", &[state])?;
        }
        let sides = (("directions", &[directions.len()][..]), ("layer", &[1, 2][..]));
        expect(
            matches!(directions.len(), 1 | 2),
            "recurrent",
            sides.0,
            sides.1,
            "a layer has one direction or two",
        )?;
        let hidden = self.params.shape(directions[0].weights[1]).last().copied().unwrap_or(0);

        let smaller = |lookup: &&Lookup| {
            self.params.has_values(lookup.table) && self.params.shape(lookup.table)[0] < tokens
        };
        // Where somebody looks on, the gradient of each row is wanted.
        let lookup = self.lookup(x).filter(|_| self.trace.is_none()).filter(smaller).cloned();

        let stride = directions.len() * hidden;
        let mut y = self.workspace.take(tokens * stride);
        let mut results = Vec::with_capacity(directions.len());
        for (number, direction) in directions.iter().enumerate() {
            let layer = Layer { cell, input_size: x.cols, hidden_size: hidden, reverse: number == 1 };
            self.check(&layer, direction, batch)?;
            let rows = Rows { stride, column: number * hidden };
            let cells = if cell.has_cell_state() { batch * hidden } else { 0 };
            let (mut hn, mut cn) = (self.workspace.take(batch * hidden), self.workspace.take(cells));
            let saved = self.saved;
            self.saved += 1;
            if self.workspace.saved.len() <= saved {
                self.workspace.saved.push(Saved::default());
            }
            let mut kept = std::mem::take(&mut self.workspace.saved[saved]);
            let [ih, hh, bias_ih, bias_hh] = direction.weights;
            let [ih, hh] = [ih, hh].map(|id| self.params.packed(self.device, id, cell.gates()));
            let [bias_ih, bias_hh] = [bias_ih, bias_hh].map(|id| self.params.value(id));
            let packed = PackedLayer { input: &ih, hidden: &hh, bias_ih, bias_hh };
            let output = Output { y: &mut y, rows, hn: &mut hn, cn: &mut cn };
            let input = self.input(x, lookup.as_ref(), batch_sizes, direction);
            recurrent::forward(&self.device.pool, &layer, packed, input, &mut kept, output);
            self.workspace.saved[saved] = kept;
            let hn = self.push("recurrent", hn, batch, hidden, true);
            let cn = cell.has_cell_state().then(|| self.push("recurrent", cn, batch, hidden, true));
            results.push((layer, *direction, rows, hn, cn, saved));
        }
        let y = self.push("recurrent", y, tokens, stride, true);
        if self.trace.is_some() {
            for (layer, direction, rows, hn, cn, saved) in &results {
                let weight = direction.weights[1];
                if self.is_stepwise() {
                    self.watch_states(layer, weight, [y, *hn], *cn, *saved);
                } else {
                    self.note_layer(layer, weight, batch_sizes, (y, *rows), *saved);
                }
            }
        }
        for read in
            [Some(x), Some(y)].into_iter().chain(directions.iter().flat_map(|d| [d.h0, d.c0])).flatten()
        {
            self.keep(read);
        }
        let mut output = RecurrentOutput { y, hn: Vec::new(), cn: Vec::new() };
        for (number, (layer, direction, rows, hn, cn, saved)) in results.into_iter().enumerate() {
            output.hn.push(hn);
            output.cn.extend(cn);
            if self.records() {
                let (batch_sizes, first) = (batch_sizes.to_vec(), number == 0);
                let lookup = lookup.clone();
                self.record(Recurrent {
                    layer,
                    direction,
                    batch_sizes,
                    x,
                    lookup,
                    y,
                    rows,
                    hn,
                    cn,
                    saved,
                    first,
                });
            }
        }
        Ok(output)
    }

    /// Watches the states after the one step that there is.
    fn watch_states(
        &mut self,
        layer: &Layer,
        weight: ParamId,
        hidden: [Tensor; 2],
        cell: Option<Tensor>,
        saved: usize,
    ) {
        self.watch(Place::Hidden, weight, &hidden);
        let Some(cell) = cell else { return };
        let activations =
            self.workspace.saved[saved].activations(layer, hidden[0].rows, self.device.threads());
        let [.., output, cells] = &activations[..] else { return };
        let slope = |(o, c): (&f32, &f32)| o / (c.cosh() * c.cosh());
        self.watch_cell(weight, cell, output.iter().zip(cells).map(slope).collect());
    }

    /// Notes what a direction did.
    fn note_layer(
        &mut self,
        layer: &Layer,
        weight: ParamId,
        batch_sizes: &[usize],
        (y, rows): (Tensor, Rows),
        saved: usize,
    ) {
        let Some(trace) = &mut self.trace else { return };
        let values = self.nodes.value(y).chunks_exact(rows.stride.max(1));
        trace.layers.push(LayerTrace {
            weight: self.params.name(weight).to_owned(),
            cell: layer.cell,
            batch_sizes: batch_sizes.to_vec(),
            activations: self.workspace.saved[saved].activations(layer, y.rows, self.device.threads()),
            hidden: values.flat_map(|row| &row[rows.column..][..layer.hidden_size]).copied().collect(),
        });
    }

    fn check(&self, layer: &Layer, direction: &Direction, batch: usize) -> Result<(), ShapeError> {
        let (rows, hidden) = (layer.rows(), layer.hidden_size);
        let expected: [&[usize]; 4] = [&[rows, layer.input_size], &[rows, hidden], &[rows], &[rows]];
        for (&id, expected) in direction.weights.iter().zip(expected) {
            let side = (self.params.name(id), self.params.shape(id));
            let rule = "the weight must have gates times hidden rows and the columns of what it multiplies";
            expect(side.1 == expected, "recurrent", side, ("input and hidden state", expected), rule)?;
        }
        for (name, state) in [("h0", direction.h0), ("c0", direction.c0)] {
            let Some(state) = state else { continue };
            let wanted = [batch, hidden];
            let rule = "a state has a row a sequence";
            expect(
                state.shape() == wanted,
                "recurrent",
                (name, &state.shape()),
                ("batch and hidden", &wanted),
                rule,
            )?;
        }
        Ok(())
    }

    fn weights(&self, direction: &Direction) -> Weights<'_> {
        let [weight_ih, weight_hh, bias_ih, bias_hh] = direction.weights.map(|id| self.params.value(id));
        Weights { weight_ih, weight_hh, bias_ih, bias_hh }
    }

    fn input<'b>(
        &'b self,
        x: Tensor,
        lookup: Option<&'b Lookup>,
        batch_sizes: &'b [usize],
        direction: &Direction,
    ) -> Input<'b> {
        let state = |tensor: Option<Tensor>| tensor.map_or(&[][..], |tensor| self.value(tensor));
        let (x, ids) = match lookup {
            Some(lookup) => (self.params.value(lookup.table), &lookup.ids[..]),
            None => (self.value(x), &[][..]),
        };
        Input { x, ids, batch_sizes, h0: state(direction.h0), c0: state(direction.c0) }
    }
}

impl Operation for Recurrent {
    fn backward(&self, graph: &mut Graph, gradients: &mut Gradients) {
        // The first direction recorded is the last to go back: the gradient of y is no longer needed after it.
        let mut dy = if self.first { graph.take_grad(self.y) } else { graph.lend_grad(self.y) };
        if dy.is_empty() {
            dy = graph.workspace.take_zeroed(self.y.rows * self.y.cols);
        }
        let dhn = graph.take_grad(self.hn);
        let dcn = self.cn.map(|cn| graph.take_grad(cn)).unwrap_or_default();
        let mut dx = if self.lookup.is_some() { Buffer::default() } else { graph.borrow_grad(self.x) };
        let mut dh0 = self.direction.h0.map(|h0| graph.borrow_grad(h0)).unwrap_or_default();
        let mut dc0 = self.direction.c0.map(|c0| graph.borrow_grad(c0)).unwrap_or_default();
        let mut buffers = std::mem::take(&mut graph.workspace.backward);

        let state = |state: Option<Tensor>| state.map_or(&[][..], |state| graph.nodes.value(state));
        let Direction { h0, c0, .. } = self.direction;
        let (h0_values, c0_values) = (state(h0), state(c0));
        let y = graph.nodes.value(self.y);
        // The gradient of a table that the input was read from goes straight to the table.
        let [ih, hh, bias_ih, bias_hh] = self.direction.weights;
        let (grads, table, dx_to, ids) = match &self.lookup {
            Some(lookup) => {
                let [grads @ .., dtable] = gradients.values_mut([ih, hh, bias_ih, bias_hh, lookup.table]);
                (grads, graph.params.value(lookup.table), dtable, &lookup.ids[..])
            }
            None => {
                let grads = gradients.values_mut(self.direction.weights);
                (grads, graph.nodes.value(self.x), &mut dx[..], &[][..])
            }
        };
        let input = Input { x: table, ids, batch_sizes: &self.batch_sizes, h0: h0_values, c0: c0_values };
        let weights = graph.weights(&self.direction);
        let [weight_ih, weight_hh, bias_ih, bias_hh] = grads;
        let gradients = recurrent::Gradients {
            dy: &dy,
            dhn: &dhn,
            dcn: &dcn,
            dx: dx_to,
            dh0: &mut dh0,
            dc0: &mut dc0,
            weight_ih,
            weight_hh,
            bias_ih,
            bias_hh,
        };
        let saved = &graph.workspace.saved[self.saved];
        let (pool, precision) = (&graph.device.pool, graph.device.precision());
        recurrent::backward(
            pool,
            &self.layer,
            precision,
            weights,
            input,
            saved,
            y,
            self.rows,
            gradients,
            &mut buffers,
        );

        graph.workspace.backward = buffers;
        if self.lookup.is_none() {
            graph.return_grad(self.x, dx);
        }
        for (state, grad) in [(h0, dh0), (c0, dc0)] {
            if let Some(state) = state {
                graph.return_grad(state, grad);
            }
        }
        if self.first {
            graph.workspace.give(dy);
        } else {
            graph.return_grad(self.y, dy);
        }
        graph.workspace.give(dhn);
        graph.workspace.give(dcn);
    }
}
