//! Linear maps of sparse rows to classes or labels by logistic regression: a baseline that is hard to beat on short texts (Wang &
//! Manning 2012), and one that a network's outputs may be added to.

use std::collections::VecDeque;

use super::{Linear, Targets};

/// Steps of the search for the least loss, at most.
const STEPS: usize = 300;
/// Steps that tell the curvature.
const REMEMBERED: usize = 8;
/// Share of the slope by which a step must lower the loss (Armijo 1966).
const SUFFICIENT: f64 = 1e-4;
/// Halvings of a step, at most.
const HALVINGS: usize = 40;

/// Rows of which only what is not zero is kept.
#[derive(Clone, Debug)]
pub struct SparseRows {
    /// Where each row ends.
    ends: Vec<usize>,
    columns: Vec<u32>,
    values: Vec<f32>,
}

impl SparseRows {
    /// Rows, each of columns and values.
    pub fn new(rows: impl Iterator<Item = Vec<(u32, f32)>>) -> Self {
        let mut all = Self { ends: Vec::new(), columns: Vec::new(), values: Vec::new() };
        for row in rows {
            all.columns.extend(row.iter().map(|(column, _)| column));
            all.values.extend(row.iter().map(|(_, value)| value));
            all.ends.push(all.columns.len());
        }
        all
    }

    /// The columns and values of a row.
    pub fn row(&self, index: usize) -> impl Iterator<Item = (u32, f32)> + Clone {
        let begin = if index == 0 { 0 } else { self.ends[index - 1] };
        let place = begin..self.ends[index];
        self.columns[place.clone()].iter().copied().zip(self.values[place].iter().copied())
    }
}

/// What is to be fitted: some rows, and what is true of them.
#[derive(Clone, Copy)]
pub struct Logistic<'a> {
    /// All rows.
    pub rows: &'a SparseRows,
    /// Columns of the rows.
    pub inputs: usize,
    /// The class of each row, by a soft-max, or a yes or no for each of its labels, by a sigmoid each.
    pub targets: &'a Targets,
    /// Classes or labels.
    pub outputs: usize,
    /// How much each class counts, where not all count alike.
    pub weights: Option<&'a [f32]>,
    /// The rows to fit to.
    pub of: &'a [usize],
}

/// Weights `[inputs + 1, outputs]`, the last row the biases.
pub type Weights = Vec<f64>;

impl Logistic<'_> {
    /// The weights that are the least of `strength` times the summed cross-entropy, plus half the sum of the squared weights
    /// (but for biases), as scikit-learn and LIBLINEAR count it; by L-BFGS (Liu & Nocedal 1989) from `start`, until the slope is
    /// `tolerance` of that at zero. All sums are taken in one order.
    pub fn fit(&self, strength: f64, start: Weights, tolerance: f64) -> Weights {
        let size = (self.inputs + 1) * self.outputs;
        let mut gradient = vec![0.0; size];
        self.loss(&vec![0.0; size], strength, &mut gradient);
        let enough = tolerance * norm(&gradient);
        let mut at = start;
        let mut loss = self.loss(&at, strength, &mut gradient);
        let mut remembered: VecDeque<Curve> = VecDeque::new();
        for _ in 0..STEPS {
            let length = norm(&gradient);
            if length <= enough {
                break;
            }
            let step = direction(&gradient, &remembered);
            let slope = dot(&step, &gradient);
            let mut size = if remembered.is_empty() { 1.0 / length } else { 1.0 };
            let mut next = (Vec::new(), vec![0.0; gradient.len()], f64::INFINITY);
            for _ in 0..HALVINGS {
                next.0 = at.iter().zip(&step).map(|(x, d)| x + size * d).collect();
                next.2 = self.loss(&next.0, strength, &mut next.1);
                if next.2 <= loss + SUFFICIENT * size * slope {
                    break;
                }
                size *= 0.5;
            }
            if next.2 >= loss {
                // Rounding alone is left.
                break;
            }
            let moved: Vec<f64> = next.0.iter().zip(&at).map(|(new, old)| new - old).collect();
            let bent: Vec<f64> = next.1.iter().zip(&gradient).map(|(new, old)| new - old).collect();
            let product = dot(&moved, &bent);
            if product > 0.0 {
                if remembered.len() == REMEMBERED {
                    remembered.pop_front();
                }
                remembered.push_back(Curve { moved, bent, product });
            }
            (at, gradient, loss) = next;
        }
        at
    }

    /// The mean loss and its gradient.
    fn loss(&self, weights: &[f64], strength: f64, gradient: &mut [f64]) -> f64 {
        let (outputs, size) = (self.outputs, self.inputs * self.outputs);
        gradient.fill(0.0);
        let (mut sum, mut count) = (0.0, 0.0);
        let mut row = vec![0.0; outputs];
        for &index in self.of {
            logits(weights, self.rows.row(index), &mut row);
            let (loss, counts) = self.pull(index, &mut row);
            (sum, count) = (sum + loss, count + counts);
            for (column, value) in self.rows.row(index) {
                let to = &mut gradient[column as usize * outputs..][..outputs];
                to.iter_mut().zip(&row).for_each(|(to, pull)| *to += f64::from(value) * pull);
            }
            gradient[size..].iter_mut().zip(&row).for_each(|(to, pull)| *to += pull);
        }
        let decay = 1.0 / (strength * count);
        gradient.iter_mut().for_each(|value| *value /= count);
        gradient[..size].iter_mut().zip(weights).for_each(|(to, weight)| *to += decay * weight);
        sum / count + 0.5 * decay * dot(&weights[..size], &weights[..size])
    }

    /// Turns a row's logits into the gradient of its loss; the loss, and how much the row counts.
    fn pull(&self, index: usize, row: &mut [f64]) -> (f64, f64) {
        match self.targets {
            Targets::Classes(classes) => {
                let class = classes[index] as usize;
                let counts = self.weights.map_or(1.0, |weights| f64::from(weights[class]));
                let most = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                let own = row[class];
                row.iter_mut().for_each(|x| *x = (*x - most).exp());
                let sum: f64 = row.iter().sum();
                row.iter_mut().for_each(|x| *x *= counts / sum);
                row[class] -= counts;
                (counts * (most + sum.ln() - own), counts)
            }
            Targets::Values(values) => {
                let truth = &values[index * self.outputs..][..self.outputs];
                let mut loss = 0.0;
                for (x, &there) in row.iter_mut().zip(truth) {
                    let there = f64::from(there);
                    // ln(1 + exp(x)) that does not overflow.
                    loss += x.max(0.0) + (-x.abs()).exp().ln_1p() - there * *x;
                    *x = 1.0 / (1.0 + (-*x).exp()) - there;
                }
                (loss, 1.0)
            }
        }
    }

    /// The summed loss of other rows, without what is counted against the weights.
    pub fn loss_of(&self, weights: &[f64], others: &[usize]) -> f64 {
        let mut row = vec![0.0; self.outputs];
        let each = |&index: &usize| {
            logits(weights, self.rows.row(index), &mut row);
            self.pull(index, &mut row).0
        };
        others.iter().map(each).sum()
    }
}

/// What a step told of the curvature.
struct Curve {
    /// By how much the weights changed, and the gradient.
    moved: Vec<f64>,
    bent: Vec<f64>,
    /// Their product.
    product: f64,
}

/// Where the loss falls, by the gradient and what is known of the curvature.
fn direction(gradient: &[f64], remembered: &VecDeque<Curve>) -> Vec<f64> {
    let add = |to: &mut [f64], factor: f64, from: &[f64]| {
        to.iter_mut().zip(from).for_each(|(to, from)| *to += factor * from);
    };
    let mut step: Vec<f64> = gradient.iter().map(|value| -value).collect();
    let mut shares = Vec::with_capacity(remembered.len());
    for Curve { moved, bent, product } in remembered.iter().rev() {
        let share = dot(moved, &step) / product;
        add(&mut step, -share, bent);
        shares.push(share);
    }
    if let Some(Curve { bent, product, .. }) = remembered.back() {
        let scale = product / dot(bent, bent);
        step.iter_mut().for_each(|value| *value *= scale);
    }
    for (Curve { moved, bent, product }, share) in remembered.iter().zip(shares.into_iter().rev()) {
        let other = dot(bent, &step) / product;
        add(&mut step, share - other, moved);
    }
    step
}

/// The logits of a sparse row, into `to`.
pub fn logits(weights: &[f64], row: impl Iterator<Item = (u32, f32)>, to: &mut [f64]) {
    let outputs = to.len();
    to.copy_from_slice(&weights[weights.len() - outputs..]);
    for (column, value) in row {
        let of = &weights[column as usize * outputs..][..outputs];
        to.iter_mut().zip(of).for_each(|(to, weight)| *to += f64::from(value) * weight);
    }
}

/// Such weights as a linear map.
pub fn linear(weights: &[f64], outputs: usize) -> Linear {
    let weight = weights.iter().map(|&weight| weight as f32).collect();
    Linear { inputs: weights.len() / outputs - 1, outputs, weight }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn norm(a: &[f64]) -> f64 {
    dot(a, a).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows that three classes hardly part.
    fn rows() -> SparseRows {
        let row = |i: u32| vec![(i % 4, 0.5 + i as f32 / 12.0), (4, (i * i % 5) as f32 / 2.0)];
        SparseRows::new((0..12).map(row))
    }

    const ALL: [usize; 12] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11];

    fn compare(found: &[f64], wanted: &[f64]) {
        assert_eq!(found.len(), wanted.len());
        for (found_one, wanted_one) in found.iter().zip(wanted) {
            assert!((found_one - wanted_one).abs() < 1e-6, "{found:?}\n{wanted:?}");
        }
    }

    #[test]
    fn classes_have_the_weights_of_scikit_learn() {
        let targets = Targets::Classes((0..12).map(|i| i * 7 % 11 % 3).collect());
        let problem =
            Logistic { rows: &rows(), inputs: 5, targets: &targets, outputs: 3, weights: None, of: &ALL };
        let found = problem.fit(2.0, vec![0.0; 18], 1e-10);
        compare(&found, &CLASSES);
        let weights = [0.5, 2.0, 1.0];
        let found = Logistic { weights: Some(&weights), ..problem }.fit(2.0, vec![0.0; 18], 1e-10);
        compare(&found, &WEIGHTED);
        // From elsewhere it is the same.
        compare(
            &Logistic { weights: Some(&weights), ..problem }.fit(2.0, vec![1.0; 18], 1e-10)[..15],
            &WEIGHTED[..15],
        );
    }

    #[test]
    fn labels_have_the_weights_of_scikit_learn() {
        let values = (0..12).flat_map(|i| [f32::from(u8::from(i % 3 == 0)), f32::from(u8::from(i > 5))]);
        let targets = Targets::Values(values.collect());
        let of = &ALL[..10];
        let problem = Logistic { rows: &rows(), inputs: 5, targets: &targets, outputs: 2, weights: None, of };
        compare(&problem.fit(0.5, vec![0.0; 12], 1e-10), &LABELS);
    }

    #[test]
    fn a_row_is_multiplied_as_a_dense_one() {
        let weights: Vec<f64> = (0..12).map(f64::from).collect();
        let mut found = [0.0; 2];
        logits(&weights, rows().row(1), &mut found);
        let dense = linear(&weights, 2).apply(&[0.0, 0.5 + 1.0 / 12.0, 0.0, 0.0, 0.5]);
        assert!(found.iter().zip(dense).all(|(a, b)| (a - f64::from(b)).abs() < 1e-5), "{found:?}");
    }

    // LogisticRegression(C=2) of scikit-learn 1.9.1 on these rows, by row of the weights, the biases last.
    const CLASSES: [f64; 18] = [
        0.226294943,
        0.268271046,
        -0.494565989,
        -1.131826242,
        -0.136373457,
        1.268199699,
        0.139181283,
        0.368852468,
        -0.508033752,
        0.014054837,
        -0.338374360,
        0.324319523,
        -0.425314504,
        0.285227850,
        0.140086654,
        0.838583783,
        -0.163487114,
        -0.675096669,
    ];
    const WEIGHTED: [f64; 18] = [
        0.276845025,
        0.153809652,
        -0.430654677,
        -0.886248017,
        -0.347539826,
        1.233787843,
        0.002193010,
        0.445277726,
        -0.447470736,
        0.101090442,
        -0.566430604,
        0.465340162,
        -0.426150991,
        0.372926946,
        0.053224045,
        0.163449840,
        0.526800692,
        -0.690250532,
    ];
    const LABELS: [f64; 12] = [
        -0.194256249,
        0.082708498,
        0.008258621,
        0.127005769,
        0.145004425,
        0.155319847,
        0.055546091,
        0.114125171,
        -0.277955187,
        0.270482465,
        -0.122363018,
        -0.783617103,
    ];
}
