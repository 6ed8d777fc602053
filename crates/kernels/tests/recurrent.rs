//! Recurrent layers against the plain cells in f64: outputs directly, gradients by finite differences.

use anaphora_kernels::matmul::linear::PackedColumns;
use anaphora_kernels::recurrent::{
    BackwardBuffers, Cell, Gradients, Input, Layer, Output, PackedLayer, Rows, Saved, Weights, backward,
    forward, reference,
};
use anaphora_kernels::{Matrix, Pool, Precision};

const CELLS: [Cell; 4] = [Cell::Tanh, Cell::Relu, Cell::Gru, Cell::Lstm];

/// Numbers in -scale..scale from a linear congruential sequence.
fn numbers(seed: &mut u64, len: usize, scale: f32) -> Vec<f32> {
    let next = |_| {
        *seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        ((*seed >> 40) as f32 / (1u64 << 23) as f32 - 1.0) * scale
    };
    (0..len).map(next).collect()
}

struct Case {
    layer: Layer,
    batch_sizes: Vec<usize>,
    weights: [Vec<f32>; 4],
    x: Vec<f32>,
    ids: Vec<u32>,
    h0: Vec<f32>,
    c0: Vec<f32>,
    /// What each output counts in the loss.
    dy: Vec<f32>,
    dhn: Vec<f32>,
    dcn: Vec<f32>,
    /// Whether the gradient of the first state is asked for.
    wants_dh0: bool,
}

/// Everything a layer computes, forward and backward.
#[derive(PartialEq, Debug)]
struct Results {
    y: Vec<f32>,
    hn: Vec<f32>,
    cn: Vec<f32>,
    dx: Vec<f32>,
    dh0: Vec<f32>,
    dc0: Vec<f32>,
    weights: [Vec<f32>; 4],
}

impl Case {
    fn new(cell: Cell, reverse: bool, input_size: usize, hidden_size: usize, batch_sizes: &[usize]) -> Self {
        let mut seed = 7 + hidden_size as u64;
        let layer = Layer { cell, input_size, hidden_size, reverse };
        let (batch, tokens) = (batch_sizes[0], batch_sizes.iter().sum::<usize>());
        let scale = 1.0 / (hidden_size as f32).sqrt();
        let sizes = [layer.rows() * input_size, layer.rows() * hidden_size, layer.rows(), layer.rows()];
        let cells = if cell.has_cell_state() { batch * hidden_size } else { 0 };
        let mut make = |len: usize, scale: f32| numbers(&mut seed, len, scale);
        Self {
            layer,
            batch_sizes: batch_sizes.to_vec(),
            weights: sizes.map(|len| make(len, scale)),
            x: make(tokens * input_size, 1.0),
            ids: Vec::new(),
            h0: make(batch * hidden_size, 0.5),
            c0: make(cells, 0.5),
            dy: make(tokens * hidden_size, 1.0),
            dhn: make(batch * hidden_size, 1.0),
            dcn: make(cells, 1.0),
            wants_dh0: true,
        }
    }

    /// The same from a hidden state of zeros, the gradient of which nobody wants.
    fn starting_at_zero(mut self) -> Self {
        self.h0.fill(0.0);
        self.wants_dh0 = false;
        self
    }

    fn run(&self, threads: usize, precision: Precision) -> Results {
        let pool = Pool::new(threads);
        let (tokens, batch) = (self.batch_sizes.iter().sum::<usize>(), self.batch_sizes[0]);
        let (layer, hidden) = (&self.layer, self.layer.hidden_size);
        let [weight_ih, weight_hh, bias_ih, bias_hh] = &self.weights;
        let weights = Weights { weight_ih, weight_hh, bias_ih, bias_hh };
        let input =
            Input { x: &self.x, ids: &self.ids, batch_sizes: &self.batch_sizes, h0: &self.h0, c0: &self.c0 };
        let packed = [(weight_ih, layer.input_size), (weight_hh, hidden)].map(|(weight, columns)| {
            let mut packed = PackedColumns::new();
            let weight = Matrix::new(weight, layer.rows(), columns).transposed();
            packed.pack(&pool, precision, weight, layer.cell.gates());
            packed
        });
        let packed = PackedLayer { input: &packed[0], hidden: &packed[1], bias_ih, bias_hh };
        // The layer's columns stand between others, as one direction of two does.
        let rows = Rows { stride: hidden + 3, column: 2 };
        let widen = |narrow: &[f32]| {
            let mut wide = vec![9.0; tokens * rows.stride];
            for (row, values) in narrow.chunks(hidden).enumerate() {
                wide[row * rows.stride + rows.column..][..hidden].copy_from_slice(values);
            }
            wide
        };
        let mut wide_y = widen(&vec![0.0; tokens * hidden]);
        let cells = self.c0.len();
        let mut results = Results {
            y: Vec::new(),
            hn: vec![0.0; batch * hidden],
            cn: vec![0.0; cells],
            dx: vec![0.0; self.x.len()],
            dh0: vec![0.0; batch * hidden],
            dc0: vec![0.0; cells],
            weights: self.weights.each_ref().map(|w| vec![0.0; w.len()]),
        };
        let mut saved = Saved::default();
        let output = Output { y: &mut wide_y, rows, hn: &mut results.hn, cn: &mut results.cn };
        forward(&pool, layer, packed, input, &mut saved, output);
        let [dw_ih, dw_hh, db_ih, db_hh] = &mut results.weights;
        let gradients = Gradients {
            dy: &widen(&self.dy),
            dhn: &self.dhn,
            dcn: &self.dcn,
            dx: &mut results.dx,
            dh0: if self.wants_dh0 { &mut results.dh0 } else { &mut [] },
            dc0: &mut results.dc0,
            weight_ih: dw_ih,
            weight_hh: dw_hh,
            bias_ih: db_ih,
            bias_hh: db_hh,
        };
        let mut buffers = BackwardBuffers::default();
        backward(&pool, layer, precision, weights, input, &saved, &wide_y, rows, gradients, &mut buffers);
        let untouched =
            wide_y.chunks(rows.stride).all(|row| row[0] == 9.0 && row[1] == 9.0 && row[hidden + 2] == 9.0);
        assert!(untouched, "a layer wrote outside its columns");
        results.y = wide_y.chunks(rows.stride).flat_map(|row| row[2..2 + hidden].to_vec()).collect();
        results
    }

    /// Tokens of one sequence of the packed batch, in order.
    fn tokens_of(&self, sequence: usize) -> Vec<usize> {
        let mut start = 0;
        let mut tokens = Vec::new();
        for &rows in &self.batch_sizes {
            if sequence < rows {
                tokens.push(start + sequence);
            }
            start += rows;
        }
        tokens
    }

    /// Outputs, final states and the loss `Σ dy·y + Σ dhn·hn + Σ dcn·cn` by the plain cells, for the given parameters in
    /// the order weights, x, h0, c0.
    fn plain(&self, parameters: &[Vec<f64>]) -> (Vec<f64>, Vec<f64>, Vec<f64>, f64) {
        let (input, hidden) = (self.layer.input_size, self.layer.hidden_size);
        let [weight_ih, weight_hh, bias_ih, bias_hh, x, h0, c0] = parameters else {
            panic!("seven parameters")
        };
        let weights = reference::Weights {
            weight_ih: weight_ih.clone(),
            weight_hh: weight_hh.clone(),
            bias_ih: bias_ih.clone(),
            bias_hh: bias_hh.clone(),
        };
        let mut y = vec![0.0; self.dy.len()];
        let (mut hn, mut cn) = (Vec::new(), Vec::new());
        for sequence in 0..self.batch_sizes[0] {
            let tokens = self.tokens_of(sequence);
            let own: Vec<f64> = tokens.iter().flat_map(|t| x[t * input..(t + 1) * input].to_vec()).collect();
            let mut h = h0[sequence * hidden..(sequence + 1) * hidden].to_vec();
            let mut c =
                c0.get(sequence * hidden..(sequence + 1) * hidden).map(<[f64]>::to_vec).unwrap_or_default();
            let out = reference::sequence(&self.layer, &weights, &own, &mut h, &mut c);
            for (token, row) in tokens.iter().zip(out.chunks(hidden)) {
                y[token * hidden..(token + 1) * hidden].copy_from_slice(row);
            }
            hn.extend(h);
            cn.extend(c);
        }
        let dot = |a: &[f64], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * f64::from(*b)).sum::<f64>();
        let loss = dot(&y, &self.dy) + dot(&hn, &self.dhn) + dot(&cn, &self.dcn);
        (y, hn, cn, loss)
    }

    fn parameters(&self) -> Vec<Vec<f64>> {
        let all = self.weights.iter().chain([&self.x, &self.h0, &self.c0]);
        all.map(|values| values.iter().map(|v| f64::from(*v)).collect()).collect()
    }
}

fn assert_close(what: &str, got: &[f32], expected: &[f64], tolerance: f64) {
    assert_eq!(got.len(), expected.len(), "{what}");
    for (i, (got, expected)) in got.iter().zip(expected).enumerate() {
        let error = (f64::from(*got) - expected).abs() / expected.abs().max(1.0);
        assert!(error < tolerance, "{what}[{i}]: {got} instead of {expected}");
    }
}

#[test]
fn forward_agrees_with_the_plain_cells() {
    for cell in CELLS {
        for reverse in [false, true] {
            for (input, hidden, sizes) in [
                (1, 1, &[1][..]),
                (3, 15, &[2, 2, 2]),
                (4, 17, &[5, 4, 4, 2, 1]),
                (7, 33, &[3, 3, 1]),
                (2, 64, &[9, 9]),
                (3, 20, &[70, 70, 61, 33, 9]),
            ] {
                let case = Case::new(cell, reverse, input, hidden, sizes);
                let case = if hidden % 2 == 0 { case.starting_at_zero() } else { case };
                let (y, hn, cn, _) = case.plain(&case.parameters());
                let results = case.run(2, Precision::F32);
                let name = format!("{cell:?} reverse {reverse} hidden {hidden}");
                assert_close(&format!("{name} y"), &results.y, &y, 2e-6);
                assert_close(&format!("{name} hn"), &results.hn, &hn, 2e-6);
                assert_close(&format!("{name} cn"), &results.cn, &cn, 2e-6);
            }
        }
    }
}

#[test]
fn gradients_agree_with_finite_differences() {
    for (cell, reverse) in CELLS.into_iter().flat_map(|cell| [(cell, false), (cell, true)]) {
        for (case, inputs) in [
            (Case::new(cell, reverse, 3, 5, &[4, 3, 3, 1]), 7),
            (Case::new(cell, reverse, 3, 5, &[4, 3, 3, 1]).starting_at_zero(), 5),
        ] {
            let results = case.run(2, Precision::F32);
            let parameters = case.parameters();
            let [w_ih, w_hh, b_ih, b_hh] = &results.weights;
            let found = [w_ih, w_hh, b_ih, b_hh, &results.dx, &results.dh0, &results.dc0];
            let names = ["weight_ih", "weight_hh", "bias_ih", "bias_hh", "x", "h0", "c0"];
            for (which, (name, found)) in names.iter().zip(found).enumerate().take(inputs) {
                let differences: Vec<f64> = (0..parameters[which].len())
                    .map(|i| {
                        let at = |offset: f64| {
                            let mut moved = parameters.clone();
                            moved[which][i] += offset;
                            case.plain(&moved).3
                        };
                        let step = 1e-5;
                        (at(step) - at(-step)) / (2.0 * step)
                    })
                    .collect();
                assert_close(&format!("{cell:?} reverse {reverse} {name}"), found, &differences, 1e-4);
            }
        }
    }
}

#[test]
fn the_number_of_threads_does_not_change_a_bit() {
    for precision in [Precision::F32, Precision::Bf16] {
        for (cell, reverse) in CELLS.into_iter().flat_map(|cell| [(cell, false), (cell, true)]) {
            for (sizes, zero) in [
                (&[7, 7, 6, 1][..], false),
                // Enough for each worker to take sequences of its own.
                (&[90, 90, 77, 60, 20], false),
                (&[90, 90, 77, 60, 20], true),
            ] {
                let case = Case::new(cell, reverse, 19, 100, sizes);
                let case = if zero { case.starting_at_zero() } else { case };
                let one = case.run(1, precision);
                for threads in [2, 3] {
                    assert!(
                        case.run(threads, precision) == one,
                        "{cell:?} reverse {reverse} {precision:?} {sizes:?}: {threads} threads"
                    );
                }
            }
        }
    }
}

#[test]
fn bf16_stays_near_f32() {
    for cell in CELLS {
        let case = Case::new(cell, false, 16, 48, &[8, 8, 5]);
        let (exact, rounded) = (case.run(2, Precision::F32), case.run(2, Precision::Bf16));
        let distance: f32 = exact.y.iter().zip(&rounded.y).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(distance > 0.0 && distance < 0.03, "{cell:?}: {distance}");
    }
}

#[test]
fn rows_read_by_number_are_rows_of_their_own() {
    const SYMBOLS: usize = 5;
    for (cell, reverse) in CELLS.into_iter().flat_map(|cell| [(cell, false), (cell, true)]) {
        let mut single = Case::new(cell, reverse, 7, 33, &[4, 4, 3, 1]);
        let ids: Vec<u32> = (0..12).map(|token| token * token % SYMBOLS as u32).collect();
        let table = single.x[..SYMBOLS * 7].to_vec();
        single.x = ids.iter().flat_map(|&id| table[id as usize * 7..][..7].to_vec()).collect();
        let expected = single.run(1, Precision::F32);
        let mut dtable = vec![0.0; table.len()];
        for (token, &id) in ids.iter().enumerate() {
            (0..7).for_each(|i| dtable[id as usize * 7 + i] += expected.dx[token * 7 + i]);
        }

        let shared = Case { x: table, ids, ..single };
        let results = shared.run(1, Precision::F32);
        let near =
            |a: &[f32], b: &[f32]| a.len() == b.len() && a.iter().zip(b).all(|(a, b)| (a - b).abs() < 2e-5);
        assert!(near(&results.y, &expected.y) && near(&results.hn, &expected.hn), "{cell:?} forward");
        assert!(near(&results.dx, &dtable), "{cell:?}: {:?} and {dtable:?}", results.dx);
        for (weights, expected) in results.weights.iter().zip(&expected.weights) {
            assert!(near(weights, expected), "{cell:?}: {weights:?} and {expected:?}");
        }
        assert!(shared.run(3, Precision::F32) == results, "{cell:?} on three threads");
    }
}
