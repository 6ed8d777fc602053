//! The linear map of a text's n-grams to its classes: fitted before the network, scored beside it, and what the network's outputs
//! are added to.

use anaphora_data::Ngrams;
use serde::{Deserialize, Serialize};

use crate::model::logistic::{Logistic, SparseRows, Weights, linear};
use crate::model::{Linear, Targets};

/// How freely weights may grow, of which those that were not fitted to choose.
const STRENGTHS: [f64; 8] = [0.3, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0];
/// Parts of the examples, and those of them that choose, each by what the others tell.
const PARTS: usize = 5;
const CHOOSING: usize = 2;
/// Share of the slope at zero where the search for weights ends: of the parts, and of all.
const TOLERANCES: [f64; 2] = [1e-2, 1e-3];
/// The least scale of a weight.
const LEAST: f64 = 0.1;
/// N-grams, at most; and weights, so that with many classes there are fewer.
const NGRAMS: usize = 1 << 18;
const WEIGHTS: usize = 1 << 21;
/// Bytes of all texts to fit to; of more, some texts are taken, evenly spread.
const BYTES: usize = 8 << 20;

/// A linear map of n-grams, as the run keeps it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LinearMap {
    ngrams: Ngrams,
    map: Linear,
    /// The strength that was chosen.
    strength: f64,
}

/// Texts to fit to.
pub struct Learnt<'a> {
    pub texts: &'a [&'a str],
    /// What is true of them.
    pub targets: &'a Targets,
    /// Classes or labels.
    pub outputs: usize,
    /// How much each class counts, where not all count alike.
    pub weights: Option<&'a [f32]>,
    /// Threads to fit with.
    pub threads: usize,
}

impl LinearMap {
    /// The map of some texts.
    pub fn learn(from: &Learnt, lowercase: bool) -> Self {
        let some = from.some();
        let most = NGRAMS.min(WEIGHTS / from.outputs).max(1);
        let ngrams = Ngrams::learn(some.iter().map(|&index| from.texts[index]), lowercase, most);
        let rows = from.rows(&ngrams);
        let problem = from.problem(&rows, ngrams.len(), &some);
        let (strength, start) = from.choose(&rows, ngrams.len());
        let weights = problem.fit(strength, &scales(&problem), start, TOLERANCES[1]);
        Self { ngrams, map: linear(&weights, from.outputs), strength }
    }

    /// Whether it is one of so many classes or labels, none of its file is missing, and its numbers are such.
    pub fn fits(&self, outputs: usize) -> bool {
        let Linear { inputs, outputs: own, weight } = &self.map;
        self.ngrams.is_whole()
            && (*inputs, *own) == (self.ngrams.len(), outputs)
            && weight.len() == (inputs + 1) * outputs
            && weight.iter().all(|weight| weight.is_finite())
    }

    /// The map of vectors of n-grams.
    pub fn map(&self) -> &Linear {
        &self.map
    }

    /// The n-grams in the order of their numbers, and in how many texts each is, as JSON.
    pub fn vocabulary(&self) -> String {
        serde_json::to_string(&self.ngrams).expect("plain data always serialises")
    }

    /// Number of n-grams.
    pub fn len(&self) -> usize {
        self.ngrams.len()
    }

    /// What it says of a text, `[outputs]`.
    pub fn logits(&self, text: &str) -> Vec<f32> {
        self.map.apply_sparse(&self.ngrams.vector(text))
    }
}

impl Learnt<'_> {
    /// The texts to fit to: all, or as many as there is room for.
    fn some(&self) -> Vec<usize> {
        let bytes: usize = self.texts.iter().map(|text| text.len()).sum();
        (0..self.texts.len()).step_by(bytes.div_ceil(BYTES).max(1)).collect()
    }

    /// The texts as vectors; those that are not fitted to are empty.
    fn rows(&self, ngrams: &Ngrams) -> SparseRows {
        let mut some = self.some().into_iter().peekable();
        let row = |(index, text): (usize, &&str)| match some.next_if_eq(&index) {
            Some(_) => ngrams.vector(text),
            None => Vec::new(),
        };
        SparseRows::new(self.texts.iter().enumerate().map(row))
    }

    fn problem<'a>(&'a self, rows: &'a SparseRows, inputs: usize, of: &'a [usize]) -> Logistic<'a> {
        let &Self { targets, outputs, weights, threads, .. } = self;
        Logistic { rows, inputs, targets, outputs, weights, of, threads }
    }

    /// The first of ascending strengths behind which some parts of the examples are told worse by weights that are fitted to the
    /// others; and the mean of those weights, which is close to what suits all.
    fn choose(&self, rows: &SparseRows, inputs: usize) -> (f64, Weights) {
        let some = self.some();
        let zeros = vec![0.0; (inputs + 1) * self.outputs];
        let parts = (0..CHOOSING).map(|number| some.iter().partition(|&&index| part(index) == number));
        let parts: Vec<(Vec<usize>, Vec<usize>)> = parts.collect();
        let mut fits: Vec<_> = parts
            .iter()
            // There may be fewer examples than parts.
            .filter(|(own, others)| !own.is_empty() && !others.is_empty())
            .map(|(own, others)| {
                let problem = self.problem(rows, inputs, others);
                (problem, own, scales(&problem), zeros.clone())
            })
            .collect();
        let (mut best, mut least, mut mean) = (STRENGTHS[0], f64::INFINITY, zeros.clone());
        for strength in STRENGTHS {
            let mut loss = 0.0;
            for (problem, own, scales, at) in &mut fits {
                *at = problem.fit(strength, scales, std::mem::take(at), TOLERANCES[0]);
                loss += problem.loss_of(at, own);
            }
            if loss >= least || fits.is_empty() {
                break;
            }
            (best, least) = (strength, loss);
            mean.fill(0.0);
            for (_, _, _, at) in &fits {
                mean.iter_mut().zip(at).for_each(|(sum, weight)| *sum += weight / fits.len() as f64);
            }
        }
        (best, mean)
    }
}

/// How freely each weight may grow beside the others: the more, the more its n-gram tells of its class by itself (Wang & Manning
/// 2012). Of what an n-gram tells the root is taken, for of rare ones it is half chance.
fn scales(problem: &Logistic) -> Weights {
    problem.ratios().into_iter().map(|ratio| ratio.abs().sqrt().max(LEAST)).collect()
}

/// The part to which a text belongs, whatever the order of the texts repeats.
fn part(index: usize) -> usize {
    ((index as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32) as usize % PARTS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_map_knows_words_that_tell_and_is_the_same_for_any_number_of_threads() {
        // A word of each class tells them apart, and one of five texts is labelled wrongly.
        let word = |i: usize| ["red", "blue"][i % 2];
        let texts: Vec<String> = (0..200).map(|i| format!("a {} thing of {}", word(i), i * 7 % 13)).collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let targets = Targets::Classes((0..200).map(|i| (i % 2 == (i % 5 == 0) as usize) as u32).collect());
        let from = Learnt { texts: &texts, targets: &targets, outputs: 2, weights: None, threads: 1 };
        let map = LinearMap::learn(&from, true);
        let [red, blue] = ["a red thing", "the Blue one"].map(|text| map.logits(text));
        assert!(red[1] > red[0] && blue[0] > blue[1], "{red:?} {blue:?}");
        let kept = serde_json::to_string(&map).unwrap();
        for threads in [2, 3, 7] {
            let again = LinearMap::learn(&Learnt { threads, ..from }, true);
            assert_eq!(serde_json::to_string(&again).unwrap(), kept, "{threads} threads");
        }
        // Read again, it says the same to the last bit.
        let read: LinearMap = serde_json::from_str(&kept).unwrap();
        assert!(read.fits(2) && !read.fits(3));
        texts.iter().for_each(|text| assert_eq!(read.logits(text), map.logits(text)));
    }

    #[test]
    fn few_texts_are_enough() {
        let targets = Targets::Classes(vec![0, 1]);
        let texts = ["a b", "a c"];
        let from = Learnt { texts: &texts, targets: &targets, outputs: 2, weights: None, threads: 3 };
        assert!(LinearMap::learn(&from, true).logits("a").iter().all(|value| value.is_finite()));
    }
}
