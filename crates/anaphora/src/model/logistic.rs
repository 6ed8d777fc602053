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
    /// Threads to fit with; the outcome is the same for any number.
    pub threads: usize,
}

/// Weights `[inputs + 1, outputs]`, the last row the biases.
pub type Weights = Vec<f64>;

impl Logistic<'_> {
    /// The weights that are the least of `strength` times the summed cross-entropy, plus half the sum of the squared weights
    /// (but for biases), each over its scale `[inputs, outputs]`, as scikit-learn and LIBLINEAR count it where all scales are 1;
    /// by L-BFGS (Liu & Nocedal 1989) from `start`, until the slope is `tolerance` of that at zero. All sums are taken in one
    /// order.
    pub fn fit(&self, strength: f64, scales: &[f64], start: Weights, tolerance: f64) -> Weights {
        let size = self.inputs * self.outputs;
        let mut search = Search::new(self, strength, scales);
        let mut gradient = vec![0.0; start.len()];
        search.loss(&vec![0.0; start.len()], &mut gradient);
        let enough = tolerance * norm(&gradient);
        let mut at = start;
        at[..size].iter_mut().zip(scales).for_each(|(x, scale)| *x /= scale);
        let mut loss = search.loss(&at, &mut gradient);
        let mut remembered: VecDeque<Curve> = VecDeque::new();
        for _ in 0..STEPS {
            let length = norm(&gradient);
            if length <= enough {
                break;
            }
            let step = direction(&gradient, &remembered);
            let slope = dot(&step, &gradient);
            let mut far = if remembered.is_empty() { 1.0 / length } else { 1.0 };
            let mut next = (Vec::new(), vec![0.0; gradient.len()], f64::INFINITY);
            for _ in 0..HALVINGS {
                next.0 = at.iter().zip(&step).map(|(x, d)| x + far * d).collect();
                next.2 = search.loss(&next.0, &mut next.1);
                if next.2 <= loss + SUFFICIENT * far * slope {
                    break;
                }
                far *= 0.5;
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
        at[..size].iter_mut().zip(scales).for_each(|(x, scale)| *x *= scale);
        at
    }

    /// How much the rows that have a column tell of each class, `[inputs, outputs]`: the logarithm of how much more often the column
    /// is not zero in rows of the class than in others (naive Bayes; Wang & Manning 2012), each counted once more than it is.
    pub fn ratios(&self) -> Vec<f64> {
        let outputs = self.outputs;
        let (mut there, mut any) = (vec![0.0; self.inputs * outputs], vec![0.0; self.inputs]);
        for &index in self.of {
            for (column, _) in self.rows.row(index) {
                let to = &mut there[column as usize * outputs..][..outputs];
                any[column as usize] += 1.0;
                match self.targets {
                    Targets::Classes(classes) => to[classes[index] as usize] += 1.0,
                    Targets::Values(values) => {
                        let truth = &values[index * outputs..][..outputs];
                        to.iter_mut().zip(truth).for_each(|(to, &truth)| *to += f64::from(truth));
                    }
                }
            }
        }
        let mut sums = vec![[0.0, 0.0]; outputs];
        for (row, any) in there.chunks_exact(outputs).zip(&any) {
            for (sums, of_class) in sums.iter_mut().zip(row) {
                *sums = [sums[0] + of_class + 1.0, sums[1] + any - of_class + 1.0];
            }
        }
        for (row, any) in there.chunks_exact_mut(outputs).zip(&any) {
            for (value, [of_class, of_others]) in row.iter_mut().zip(&sums) {
                *value = ((*value + 1.0) / of_class).ln() - ((any - *value + 1.0) / of_others).ln();
            }
        }
        there
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

/// What a search for the least loss keeps. Rows are cut over threads for logits, columns for gradients, sums never.
struct Search<'a> {
    of: &'a Logistic<'a>,
    strength: f64,
    scales: &'a [f64],
    /// Where each column ends, the rows to fit to that it is not zero in, counted among these, and its values there.
    ends: Vec<usize>,
    rows: Vec<u32>,
    values: Vec<f32>,
    /// The first column of each thread, and the number of columns.
    shares: Vec<usize>,
    /// The weights as they count, `[inputs + 1, outputs]`.
    weights: Weights,
    /// The gradient of each row's logits, `[rows, outputs]`.
    pulls: Vec<f64>,
    /// The loss of each row, and how much it counts.
    losses: Vec<(f64, f64)>,
}

impl<'a> Search<'a> {
    fn new(of: &'a Logistic<'a>, strength: f64, scales: &'a [f64]) -> Self {
        let mut ends = vec![0; of.inputs + 1];
        let all =
            || of.of.iter().enumerate().flat_map(|(at, &index)| of.rows.row(index).map(move |one| (at, one)));
        all().for_each(|(_, (column, _))| ends[column as usize + 1] += 1);
        (1..ends.len()).for_each(|column| ends[column] += ends[column - 1]);
        // Each column's place moves to its end as it is filled.
        let (mut rows, mut values) = (vec![0; ends[of.inputs]], vec![0.0; ends[of.inputs]]);
        for (at, (column, value)) in all() {
            let place = &mut ends[column as usize];
            (rows[*place], values[*place]) = (at as u32, value);
            *place += 1;
        }
        ends.pop();
        let threads = of.threads.clamp(1, of.inputs.max(1));
        let share = |thread| match thread == threads {
            true => of.inputs,
            false => ends.partition_point(|&end| end <= rows.len() * thread / threads),
        };
        let shares = (0..=threads).map(|thread| if thread == 0 { 0 } else { share(thread) }).collect();
        let (weights, losses) = (vec![0.0; (of.inputs + 1) * of.outputs], vec![(0.0, 0.0); of.of.len()]);
        let pulls = vec![0.0; of.of.len() * of.outputs];
        Self { of, strength, scales, ends, rows, values, shares, weights, pulls, losses }
    }

    /// The mean loss of the weights over their scales, and its gradient.
    fn loss(&mut self, at: &[f64], gradient: &mut [f64]) -> f64 {
        let Logistic { outputs, inputs, of, threads, rows, .. } = *self.of;
        let size = inputs * outputs;
        for ((weight, x), scale) in self.weights.iter_mut().zip(at).zip(self.scales) {
            *weight = x * scale;
        }
        self.weights[size..].copy_from_slice(&at[size..]);
        let share = of.len().div_ceil(threads.max(1)).max(1);
        let pulls = self.pulls.chunks_mut(share * outputs);
        let jobs = of.chunks(share).zip(pulls).zip(self.losses.chunks_mut(share)).collect();
        at_once(jobs, |((of, pulls), losses)| {
            for ((&index, row), loss) in of.iter().zip(pulls.chunks_exact_mut(outputs)).zip(losses) {
                logits(&self.weights, rows.row(index), row);
                *loss = self.of.pull(index, row);
            }
        });
        let (sum, count) = self.losses.iter().fold((0.0, 0.0), |all, one| (all.0 + one.0, all.1 + one.1));
        let decay = 1.0 / (self.strength * count);
        let (mut left, biases) = gradient.split_at_mut(size);
        let mut jobs = Vec::with_capacity(self.shares.len());
        for share in self.shares.windows(2) {
            let (own, others) = left.split_at_mut((share[1] - share[0]) * outputs);
            left = others;
            jobs.push((share[0], own));
        }
        at_once(jobs, |(first, own)| {
            for (column, to) in (first..).zip(own.chunks_exact_mut(outputs)) {
                to.fill(0.0);
                let begin = if column == 0 { 0 } else { self.ends[column - 1] };
                let place = begin..self.ends[column];
                for (&row, &value) in self.rows[place.clone()].iter().zip(&self.values[place]) {
                    let pull = &self.pulls[row as usize * outputs..][..outputs];
                    to.iter_mut().zip(pull).for_each(|(to, pull)| *to += f64::from(value) * pull);
                }
                let [at, scales] = [at, self.scales].map(|of| &of[column * outputs..][..outputs]);
                for ((to, x), scale) in to.iter_mut().zip(at).zip(scales) {
                    *to = *to * scale / count + decay * x;
                }
            }
        });
        biases.fill(0.0);
        for pull in self.pulls.chunks_exact(outputs) {
            biases.iter_mut().zip(pull).for_each(|(to, pull)| *to += pull / count);
        }
        sum / count + 0.5 * decay * dot(&at[..size], &at[..size])
    }
}

/// Does some things, all at once.
fn at_once<T: Send>(mut jobs: Vec<T>, work: impl Fn(T) + Sync) {
    let last = jobs.pop();
    std::thread::scope(|scope| {
        let work = &work;
        jobs.into_iter().for_each(|job| drop(scope.spawn(move || work(job))));
        last.into_iter().for_each(work);
    });
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
    // As many sums as a processor adds to at once.
    let mut sums = [0.0; 8];
    let (a, b) = (a.chunks(sums.len()), b.chunks(sums.len()));
    a.zip(b).for_each(|(a, b)| sums.iter_mut().zip(a).zip(b).for_each(|((sum, a), b)| *sum += a * b));
    sums.iter().sum()
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
        let problem = Logistic {
            rows: &rows(),
            inputs: 5,
            targets: &targets,
            outputs: 3,
            weights: None,
            of: &ALL,
            threads: 2,
        };
        let alike = [1.0; 15];
        compare(&problem.fit(2.0, &alike, vec![0.0; 18], 1e-10), &CLASSES);
        let weighted = Logistic { weights: Some(&[0.5, 2.0, 1.0]), ..problem };
        compare(&weighted.fit(2.0, &alike, vec![0.0; 18], 1e-10), &WEIGHTED);
        // From elsewhere it is the same.
        compare(&weighted.fit(2.0, &alike, vec![1.0; 18], 1e-10)[..15], &WEIGHTED[..15]);
    }

    #[test]
    fn a_scale_is_that_of_the_column() {
        let targets = Targets::Classes((0..12).map(|i| i * 7 % 11 % 3).collect());
        let factors = [0.5, 2.0, 1.0, 3.0, 0.25];
        let fit = |rows: &SparseRows, scales: &[f64]| {
            let targets = &targets;
            let problem =
                Logistic { rows, inputs: 5, targets, outputs: 3, weights: None, of: &ALL, threads: 1 };
            problem.fit(2.0, scales, vec![0.5; 18], 1e-10)
        };
        let scales: Vec<f64> = factors.iter().flat_map(|&factor| [factor; 3]).collect();
        let all = rows();
        let larger = SparseRows::new((0..12).map(|index| {
            all.row(index).map(|(column, value)| (column, value * factors[column as usize] as f32)).collect()
        }));
        let mut wanted = fit(&larger, &[1.0; 15]);
        wanted.iter_mut().zip(&scales).for_each(|(weight, scale)| *weight *= scale);
        compare(&fit(&all, &scales)[..15], &wanted[..15]);
    }

    #[test]
    fn ratios_are_those_of_counts() {
        let rows = SparseRows::new([vec![(0, 0.5), (1, 2.0)], vec![(0, 1.0)], vec![(1, 1.0)]].into_iter());
        let targets = Targets::Classes(vec![0, 0, 1]);
        let of = [0, 1, 2];
        let problem = Logistic {
            rows: &rows,
            inputs: 2,
            targets: &targets,
            outputs: 2,
            weights: None,
            of: &of,
            threads: 1,
        };
        // Column 0 is in two rows of class 0 and in none of class 1, column 1 in one of each; with one more of each, they are 3
        // and 2 of 5 there, 1 and 2 of 3 here.
        let [first, second] = [(9.0f64 / 5.0).ln(), (3.0f64 / 5.0).ln()];
        compare(&problem.ratios(), &[first, -first, second, -second]);
    }

    #[test]
    fn labels_have_the_weights_of_scikit_learn() {
        let values = (0..12).flat_map(|i| [f32::from(u8::from(i % 3 == 0)), f32::from(u8::from(i > 5))]);
        let targets = Targets::Values(values.collect());
        let of = &ALL[..10];
        let problem = Logistic {
            rows: &rows(),
            inputs: 5,
            targets: &targets,
            outputs: 2,
            weights: None,
            of,
            threads: 3,
        };
        compare(&problem.fit(0.5, &[1.0; 10], vec![0.0; 12], 1e-10), &LABELS);
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
