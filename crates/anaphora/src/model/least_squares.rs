//! A linear map from past to future values by least squares: a baseline that is hard to beat (Zeng et al. 2023), and
//! one that a network's forecasts may be added to.

use serde::{Deserialize, Serialize};

/// `y = x · weight + bias`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Linear {
    /// Input size.
    pub inputs: usize,
    /// Output size.
    pub outputs: usize,
    /// `[inputs + 1, outputs]`; the last row is the bias.
    pub weight: Vec<f32>,
}

/// The sums that least squares need: products of inputs with each other and with targets.
pub struct Sums {
    inputs: usize,
    outputs: usize,
    /// `[inputs + 1, inputs + 1]`, the lower triangle.
    gram: Vec<f64>,
    /// `[inputs + 1, outputs]`.
    moments: Vec<f64>,
}

impl Linear {
    /// The output `[outputs]` for `x[inputs]`.
    pub fn apply(&self, x: &[f32]) -> Vec<f32> {
        let rows = self.weight.chunks_exact(self.outputs);
        let mut y = rows.clone().next_back().unwrap_or_default().to_vec();
        for (&x, row) in x.iter().zip(rows) {
            y.iter_mut().zip(row).for_each(|(y, w)| *y += x * w);
        }
        y
    }

    /// The output `[outputs]` for an `x[inputs]` of which only what is not zero is given, each with its place.
    pub fn apply_sparse(&self, x: &[(u32, f32)]) -> Vec<f32> {
        let mut y = self.weight[self.inputs * self.outputs..].to_vec();
        for &(place, x) in x {
            let row = &self.weight[place as usize * self.outputs..][..self.outputs];
            y.iter_mut().zip(row).for_each(|(y, w)| *y += x * w);
        }
        y
    }
}

impl Sums {
    /// No examples yet.
    pub fn new(inputs: usize, outputs: usize) -> Self {
        let size = inputs + 1;
        Self { inputs, outputs, gram: vec![0.0; size * size], moments: vec![0.0; size * outputs] }
    }

    /// Adds an example.
    pub fn add(&mut self, x: &[f32], y: &[f32]) {
        let x: Vec<f64> = x.iter().map(|&x| f64::from(x)).chain([1.0]).collect();
        let y: Vec<f64> = y.iter().map(|&y| f64::from(y)).collect();
        let rows = self.gram.chunks_exact_mut(x.len()).zip(self.moments.chunks_exact_mut(self.outputs));
        for (index, (gram, moments)) in rows.enumerate() {
            let own = x[index];
            gram[..=index].iter_mut().zip(&x).for_each(|(sum, x)| *sum += own * x);
            moments.iter_mut().zip(&y).for_each(|(sum, y)| *sum += own * y);
        }
    }

    /// The map with the least squared error, and `ridge` times the inputs' mean square counted against each squared weight
    /// (Hoerl & Kennard 1970): above zero, for inputs may depend on each other.
    pub fn solve(&self, ridge: f64) -> Linear {
        let size = self.inputs + 1;
        let trace: f64 = (0..self.inputs).map(|i| self.gram[i * size + i]).sum();
        let penalty = ridge * (trace / self.inputs as f64).max(f64::MIN_POSITIVE) + 1e-9;
        let mut factor = self.gram.clone();
        (0..self.inputs).for_each(|i| factor[i * size + i] += penalty);
        factor[size * size - 1] += 1e-9;
        cholesky(&mut factor, size);
        let mut weight = self.moments.clone();
        substitute(&factor, size, &mut weight, self.outputs);
        Linear {
            inputs: self.inputs,
            outputs: self.outputs,
            weight: weight.iter().map(|&w| w as f32).collect(),
        }
    }
}

/// Puts `l` with `l lᵀ = a` in place of the lower triangle of `a[size, size]`, symmetric and positive definite.
fn cholesky(a: &mut [f64], size: usize) {
    for row in 0..size {
        let (above, own) = a.split_at_mut(row * size);
        for col in 0..row {
            let other = &above[col * size..][..=col];
            let dot: f64 = own[..col].iter().zip(other).map(|(a, b)| a * b).sum();
            own[col] = (own[col] - dot) / other[col];
        }
        let square: f64 = own[..row].iter().map(|x| x * x).sum();
        // Rounding may make a small positive value zero or negative.
        own[row] = (own[row] - square).max(1e-12 * own[row]).sqrt();
    }
}

/// Solves `l lᵀ x = b` for `b[size, columns]`, in place.
fn substitute(l: &[f64], size: usize, b: &mut [f64], columns: usize) {
    let subtract = |to: &mut [f64], from: &[f64], factor: f64| {
        to.iter_mut().zip(from).for_each(|(to, from)| *to -= factor * from);
    };
    for row in 0..size {
        let (above, own) = b.split_at_mut(row * columns);
        let own = &mut own[..columns];
        above.chunks_exact(columns).zip(&l[row * size..]).for_each(|(x, &factor)| subtract(own, x, factor));
        own.iter_mut().for_each(|x| *x /= l[row * size + row]);
    }
    for row in (0..size).rev() {
        let (own, below) = b[row * columns..].split_at_mut(columns);
        for (index, x) in below.chunks_exact(columns).enumerate() {
            subtract(own, x, l[(row + 1 + index) * size + row]);
        }
        own.iter_mut().for_each(|x| *x /= l[row * size + row]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_linear_map_is_found_again() {
        let x = |i: usize, j: usize| ((i * 7 + j * j * 3) % 11) as f32 - 5.0;
        let mut sums = Sums::new(3, 2);
        for i in 0..40 {
            let x: Vec<f32> = (0..3).map(|j| x(i, j)).collect();
            sums.add(&x, &[2.0 * x[0] - x[2] + 1.0, 0.5 * x[1] - 3.0]);
        }
        let linear = sums.solve(1e-9);
        let expected = [2.0, 0.0, 0.0, 0.5, -1.0, 0.0, 1.0, -3.0];
        for (found, expected) in linear.weight.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-4, "{:?}", linear.weight);
        }
        let y = linear.apply(&[1.0, 2.0, 3.0]);
        assert!((y[0] - 0.0).abs() < 1e-4 && (y[1] + 2.0).abs() < 1e-4, "{y:?}");
    }

    #[test]
    fn inputs_that_say_the_same_share_the_weight() {
        let mut sums = Sums::new(2, 1);
        (0..9).for_each(|i| sums.add(&[i as f32, i as f32], &[i as f32]));
        let linear = sums.solve(1e-6);
        assert!((linear.weight[0] - 0.5).abs() < 1e-3 && (linear.weight[1] - 0.5).abs() < 1e-3, "{linear:?}");
    }
}
