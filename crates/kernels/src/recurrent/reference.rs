//! The recurrent cells written out plainly in f64, one sequence at a time: the oracle of the fast ones.

use super::{Cell, Layer};

/// Weights as [`super::Weights`] has them, in f64.
#[derive(Clone)]
pub struct Weights {
    /// `[gates * hidden_size, input_size]`.
    pub weight_ih: Vec<f64>,
    /// `[gates * hidden_size, hidden_size]`.
    pub weight_hh: Vec<f64>,
    /// `[gates * hidden_size]`.
    pub bias_ih: Vec<f64>,
    /// `[gates * hidden_size]`.
    pub bias_hh: Vec<f64>,
}

/// The state after each step of one sequence: `x` is `[length, input_size]`; `h` and `c` are `[hidden_size]` and hold the
/// final state afterwards. Returns `[length, hidden_size]`, in the order of `x` also for a reversed layer.
pub fn sequence(layer: &Layer, weights: &Weights, x: &[f64], h: &mut Vec<f64>, c: &mut [f64]) -> Vec<f64> {
    let (input, hidden) = (layer.input_size, layer.hidden_size);
    let length = x.len() / input;
    let mut y = vec![0.0; length * hidden];
    for step in 0..length {
        let t = if layer.reverse { length - 1 - step } else { step };
        advance(layer, weights, &x[t * input..(t + 1) * input], h, c);
        y[t * hidden..(t + 1) * hidden].copy_from_slice(h);
    }
    y
}

fn advance(layer: &Layer, weights: &Weights, x: &[f64], h: &mut Vec<f64>, c: &mut [f64]) {
    let hidden = layer.hidden_size;
    let affine = |w: &[f64], b: &[f64], v: &[f64], row: usize| -> f64 {
        b[row] + v.iter().zip(&w[row * v.len()..]).map(|(v, w)| v * w).sum::<f64>()
    };
    let from_x = |row| affine(&weights.weight_ih, &weights.bias_ih, x, row);
    let from_h = |row| affine(&weights.weight_hh, &weights.bias_hh, h, row);
    let sigmoid = |v: f64| 1.0 / (1.0 + (-v).exp());
    let next: Vec<f64> = (0..hidden)
        .map(|u| {
            let sum = |gate: usize| from_x(gate * hidden + u) + from_h(gate * hidden + u);
            match layer.cell {
                Cell::Tanh => sum(0).tanh(),
                Cell::Relu => sum(0).max(0.0),
                Cell::Gru => {
                    let (r, z) = (sigmoid(sum(0)), sigmoid(sum(1)));
                    let n = (from_x(2 * hidden + u) + r * from_h(2 * hidden + u)).tanh();
                    (1.0 - z) * n + z * h[u]
                }
                Cell::Lstm => {
                    let (i, f, g, o) = (sigmoid(sum(0)), sigmoid(sum(1)), sum(2).tanh(), sigmoid(sum(3)));
                    c[u] = f * c[u] + i * g;
                    o * c[u].tanh()
                }
            }
        })
        .collect();
    *h = next;
}
