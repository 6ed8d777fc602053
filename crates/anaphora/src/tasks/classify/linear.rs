//! The linear map of a text's n-grams to its classes: fitted before the network, scored beside it, and what the network may be
//! counted from.

use anaphora_data::Ngrams;
use serde::{Deserialize, Serialize};

use crate::model::logistic::{Logistic, SparseRows, Weights, linear, logits};
use crate::model::{Linear, Targets};

/// How freely weights may grow, of which those that were not fitted to choose.
const STRENGTHS: [f64; 6] = [0.3, 1.0, 3.0, 10.0, 30.0, 100.0];
/// Parts of the examples, each told by what the others say.
const PARTS: usize = 5;
/// Share of the slope at zero where the search for weights ends: those of the parts, and of all.
const TOLERANCES: [f64; 2] = [3e-3, 1e-3];
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
    /// The checksum of the texts that it was fitted to.
    fitted: u32,
    /// What was found of them on the way, `[texts, outputs]`.
    #[serde(skip)]
    held_out: Option<Vec<f32>>,
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
        let (strength, parts) = from.try_each(&rows, ngrams.len(), &STRENGTHS);
        // What suits the parts in the mean is close to what suits all.
        let mean = parts.iter().fold(vec![0.0; parts[0].len()], |mut sum: Weights, part| {
            sum.iter_mut().zip(part).for_each(|(sum, weight)| *sum += weight / PARTS as f64);
            sum
        });
        let weights = from.problem(&rows, ngrams.len(), &some).fit(strength, mean, TOLERANCES[1]);
        let map = linear(&weights, from.outputs);
        let mut found = Self { ngrams, map, strength, fitted: from.checksum(), held_out: None };
        found.held_out = Some(found.told_by_others(from, &rows, &parts));
        found
    }

    /// Whether it is one of so many classes or labels, and none of its file is missing.
    pub fn fits(&self, outputs: usize) -> bool {
        let Linear { inputs, outputs: own, weight } = &self.map;
        self.ngrams.is_whole()
            && (*inputs, *own) == (self.ngrams.len(), outputs)
            && weight.len() == (inputs + 1) * outputs
    }

    /// Number of n-grams.
    pub fn len(&self) -> usize {
        self.ngrams.len()
    }

    /// What it says of a text, `[outputs]`.
    pub fn logits(&self, text: &str) -> Vec<f32> {
        self.map.apply_sparse(&self.ngrams.vector(text))
    }

    /// What is said of texts to learn from, `[texts, outputs]`: where they are those that it was fitted to, by a map that was
    /// fitted to others of them, for of what it has seen it is too sure.
    pub fn held_out(&self, from: &Learnt) -> Vec<f32> {
        if let Some(held_out) = &self.held_out {
            return held_out.clone();
        }
        if from.checksum() != self.fitted {
            return from.texts.iter().flat_map(|text| self.logits(text)).collect();
        }
        let rows = from.rows(&self.ngrams);
        let known: Vec<f64> = STRENGTHS.into_iter().filter(|&strength| strength <= self.strength).collect();
        let (_, parts) = from.try_each(&rows, self.ngrams.len(), &known);
        self.told_by_others(from, &rows, &parts)
    }

    fn told_by_others(&self, from: &Learnt, rows: &SparseRows, parts: &[Weights]) -> Vec<f32> {
        let mut said = vec![0.0; from.outputs];
        let mut is_fitted = vec![false; from.texts.len()];
        from.some().into_iter().for_each(|index| is_fitted[index] = true);
        let mut all = Vec::with_capacity(from.texts.len() * from.outputs);
        for (index, is_fitted) in is_fitted.into_iter().enumerate() {
            if is_fitted {
                logits(&parts[part(index)], rows.row(index), &mut said);
                all.extend(said.iter().map(|&value| value as f32));
            } else {
                all.extend(self.logits(from.texts[index]));
            }
        }
        all
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
        let &Self { targets, outputs, weights, .. } = self;
        Logistic { rows, inputs, targets, outputs, weights, of }
    }

    /// The first of ascending strengths behind which examples are told worse by weights that are fitted to the other parts, and
    /// those weights, for each part.
    fn try_each(&self, rows: &SparseRows, inputs: usize, strengths: &[f64]) -> (f64, Vec<Weights>) {
        let some = self.some();
        let parts: Vec<[Vec<usize>; 2]> = (0..PARTS)
            .map(|number| {
                let (own, others) = some.iter().partition(|&&index| part(index) == number);
                [own, others]
            })
            .collect();
        let mut at = vec![vec![0.0; (inputs + 1) * self.outputs]; PARTS];
        let (mut best, mut least) = (strengths[0], f64::INFINITY);
        for &strength in strengths {
            let fit = |([own, others], from): (&[Vec<usize>; 2], &Weights)| {
                let problem = self.problem(rows, inputs, others);
                // There may be fewer examples than parts.
                let is_none = others.is_empty();
                let weights =
                    if is_none { from.clone() } else { problem.fit(strength, from.clone(), TOLERANCES[0]) };
                (problem.loss_of(&weights, own), weights)
            };
            let fitted = each(self.threads, parts.iter().zip(&at).collect(), fit);
            let loss: f64 = fitted.iter().map(|(loss, _)| loss).sum();
            if loss >= least {
                break;
            }
            (best, least, at) = (strength, loss, fitted.into_iter().map(|(_, weights)| weights).collect());
        }
        (best, at)
    }

    /// What tells these texts from others.
    fn checksum(&self) -> u32 {
        let truth = match self.targets {
            Targets::Classes(classes) => classes.iter().flat_map(|class| class.to_le_bytes()).collect(),
            Targets::Values(values) => {
                values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>()
            }
        };
        let texts = self.texts.iter().fold(0, |sum, text| crc32c::crc32c_append(sum, text.as_bytes()));
        crc32c::crc32c_append(texts, &truth)
    }
}

/// What comes of each of some things, so many at once.
fn each<T: Send, R: Send>(threads: usize, of: Vec<T>, make: impl Fn(T) -> R + Sync) -> Vec<R> {
    let mut made = Vec::with_capacity(of.len());
    let mut of = of.into_iter();
    loop {
        let some: Vec<T> = of.by_ref().take(threads.max(1)).collect();
        if some.is_empty() {
            return made;
        }
        std::thread::scope(|scope| {
            let running: Vec<_> = some.into_iter().map(|one| scope.spawn(|| make(one))).collect();
            made.extend(running.into_iter().map(|one| one.join().expect("a fit does not panic")));
        });
    }
}

/// The part to which a text belongs, whatever the order of the texts repeats.
fn part(index: usize) -> usize {
    ((index as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32) as usize % PARTS
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Texts of two classes that a word of each tells apart, and one of five is labelled wrongly.
    fn texts() -> (Vec<String>, Targets) {
        let word = |i: usize| ["red", "blue"][i % 2];
        let texts = (0..200).map(|i| format!("a {} thing of {}", word(i), i * 7 % 13)).collect();
        (texts, Targets::Classes((0..200).map(|i| (i % 2 == (i % 5 == 0) as usize) as u32).collect()))
    }

    #[test]
    fn a_map_is_as_sure_of_what_it_learnt_from_as_of_others() {
        let (texts, targets) = texts();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let from = Learnt { texts: &texts, targets: &targets, outputs: 2, weights: None, threads: 2 };
        let map = LinearMap::learn(&from, true);
        let [red, blue] = ["a red thing", "the Blue one"].map(|text| map.logits(text));
        assert!(red[1] > red[0] && blue[0] > blue[1], "{red:?} {blue:?}");
        // Read again, it says the same of what it was fitted to, to the last bit; of others what it says of any text.
        let kept: LinearMap = serde_json::from_str(&serde_json::to_string(&map).unwrap()).unwrap();
        let held_out = map.held_out(&from);
        assert_eq!(held_out, kept.held_out(&from));
        assert_eq!(held_out.len(), 400);
        let own: Vec<f32> = texts.iter().flat_map(|text| map.logits(text)).collect();
        assert_ne!(held_out, own);
        let from = Learnt { texts: &texts[1..], ..from };
        assert_eq!(kept.held_out(&from), own[2..]);
    }

    #[test]
    fn few_texts_are_enough() {
        let from = Learnt {
            texts: &["a b", "a c"],
            targets: &Targets::Classes(vec![0, 1]),
            outputs: 2,
            weights: None,
            threads: 3,
        };
        let map = LinearMap::learn(&from, true);
        assert!(map.held_out(&from).iter().chain(&map.logits("a")).all(|value| value.is_finite()));
    }
}
