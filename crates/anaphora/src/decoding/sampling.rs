//! Drawing the next token from a model's logits.
//!
//! The filters are applied in the order that most tools use: repetition penalty, n-gram blocking, temperature, top-k,
//! top-p, min-p.

use rand_xoshiro::rand_core::{Rng, SeedableRng};
use rand_xoshiro::{SplitMix64, Xoshiro256PlusPlus};

/// Options for choosing the next token. The default leaves the model's distribution as it is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SamplingOptions {
    /// Divides the logits: below 1 the likely becomes likelier, above 1 less so. 0 always takes the likeliest.
    pub temperature: f32,
    /// Keeps only this many of the likeliest tokens; 0 for all.
    pub top_k: usize,
    /// Keeps only the fewest likeliest tokens with probabilities that add up to this (Holtzman et al. 2020); 1 for all.
    pub top_p: f32,
    /// Keeps only tokens at least this times as likely as the likeliest (Nguyen et al. 2024); 0 for all.
    pub min_p: f32,
    /// Makes recent tokens less likely (Keskar et al. 2019): their logits are divided by it where positive,
    /// multiplied where negative. 1 for no penalty.
    pub repetition_penalty: f32,
    /// No sequence of so many tokens comes twice (Paulus et al. 2018); 0 for no such rule.
    pub no_repeat_ngram: usize,
}

impl Default for SamplingOptions {
    fn default() -> Self {
        Self {
            temperature: 1.0,
            top_k: 0,
            top_p: 1.0,
            min_p: 0.0,
            repetition_penalty: 1.0,
            no_repeat_ngram: 0,
        }
    }
}

/// Why no token can be chosen.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SamplingError {
    /// An option is outside its range.
    #[error("{option} is {found}; it takes a number {accepts}")]
    Option {
        /// Its name.
        option: &'static str,
        /// Its value.
        found: f32,
        /// What would be right.
        accepts: &'static str,
    },
    /// The model gave a logit that is no number.
    #[error("the model gave {value} as the logit of token {token}; its weights are not usable")]
    Logit {
        /// The token.
        token: usize,
        /// Its logit.
        value: f32,
    },
    /// No token is possible.
    #[error("no token is left to choose from: all {0} have probability 0")]
    Nothing(usize),
}

impl SamplingOptions {
    /// Checks each option's range.
    ///
    /// # Errors
    /// [`SamplingError::Option`] for the first option out of its range.
    pub fn validate(&self) -> Result<(), SamplingError> {
        let Self { temperature, top_p, min_p, repetition_penalty, .. } = *self;
        let checks = [
            ("temperature", temperature, "from 0 to 100", (0.0..=100.0).contains(&temperature)),
            ("top-p", top_p, "above 0, at most 1", top_p > 0.0 && top_p <= 1.0),
            ("min-p", min_p, "from 0 to 1", (0.0..=1.0).contains(&min_p)),
            (
                "repetition penalty",
                repetition_penalty,
                "above 0, at most 100",
                repetition_penalty > 0.0 && repetition_penalty <= 100.0,
            ),
        ];
        match checks.into_iter().find(|&(.., right)| !right) {
            Some((option, found, accepts, _)) => Err(SamplingError::Option { option, found, accepts }),
            None => Ok(()),
        }
    }
}

/// Draws tokens from logits. It allocates nothing once it has seen a vocabulary's size.
#[derive(Clone, Debug)]
pub struct Sampler {
    options: SamplingOptions,
    random: Xoshiro256PlusPlus,
    /// The tokens left to choose from, with their probabilities.
    candidates: Vec<(u32, f32)>,
    /// Which tokens a rule on repetition is for; all false between calls.
    marked: Vec<bool>,
}

impl Sampler {
    /// A sampler for one stream of random numbers. The same seed and stream give the same draws, streams of one seed
    /// have nothing to do with one another, and each is begun in the same time.
    pub fn new(options: SamplingOptions, seed: u64, stream: u64) -> Result<Self, SamplingError> {
        options.validate()?;
        let random = generator(seed, stream);
        Ok(Self { options, random, candidates: Vec::new(), marked: Vec::new() })
    }

    /// Draws a token. `logits` has one number a token, −∞ for an impossible one. `recent` are the tokens that the rules on
    /// repetition are for; those beyond the vocabulary are passed over.
    ///
    /// # Errors
    /// A logit that is not a number, or no possible token.
    pub fn sample(&mut self, logits: &[f32], recent: &[u32]) -> Result<u32, SamplingError> {
        self.distribution(logits, recent)?;
        if let [(token, _)] = self.candidates[..] {
            return Ok(token);
        }
        // 53 bits, so that 0 ≤ point < 1 in steps of 2⁻⁵³.
        let point = (self.random.next_u64() >> 11) as f64 * (0.5f64).powi(53);
        let total: f64 = self.candidates.iter().map(|&(_, p)| f64::from(p)).sum();
        let mut left = point * total;
        let drawn = self.candidates.iter().find(|&&(_, p)| {
            left -= f64::from(p);
            left < 0.0
        });
        // Rounding can leave a small remainder after the last one that is possible.
        let drawn = drawn.or_else(|| self.candidates.iter().rfind(|&&(_, p)| p > 0.0));
        drawn.map(|&(token, _)| token).ok_or(SamplingError::Nothing(logits.len()))
    }

    /// The tokens that [`sample`](Self::sample) would draw from and their probabilities, which add up to 1.
    /// Arguments as there.
    ///
    /// # Errors
    /// As [`sample`](Self::sample).
    pub fn distribution(&mut self, logits: &[f32], recent: &[u32]) -> Result<&[(u32, f32)], SamplingError> {
        check(logits)?;
        self.candidates.clear();
        self.candidates.reserve(logits.len());
        let possible = logits.iter().enumerate().filter(|(_, x)| **x > f32::NEG_INFINITY);
        self.candidates.extend(possible.map(|(token, &x)| (token as u32, x)));
        self.discourage_repetition(recent, logits.len());
        let likeliest = self.candidates.iter().copied().reduce(|a, b| if b.1 > a.1 { b } else { a });
        let Some((token, highest)) = likeliest else {
            return Err(SamplingError::Nothing(logits.len()));
        };
        if self.options.temperature == 0.0 || self.options.top_k == 1 {
            self.candidates.clear();
            self.candidates.push((token, 1.0));
        } else {
            self.keep_top_k();
            for (_, x) in &mut self.candidates {
                // The highest is 0 and e⁰ is 1, whatever the temperature: no overflow, and no 0 / 0 below.
                *x = ((*x - highest) / self.options.temperature).exp();
            }
            self.normalise();
            self.keep_top_p();
            self.keep_min_p();
            self.normalise();
        }
        Ok(&self.candidates)
    }

    /// The repetition penalty, once for each token, and the rule on n-grams.
    fn discourage_repetition(&mut self, recent: &[u32], vocab_size: usize) {
        let Self { options, candidates, marked, .. } = self;
        let known = |token: &u32| (*token as usize) < vocab_size;
        marked.resize(vocab_size, false);
        let penalty = options.repetition_penalty;
        if penalty != 1.0 {
            recent.iter().copied().filter(known).for_each(|token| marked[token as usize] = true);
            for (token, x) in &mut *candidates {
                if marked[*token as usize] {
                    *x = (if *x > 0.0 { *x / penalty } else { *x * penalty }).clamp(f32::MIN, f32::MAX);
                }
            }
            marked.fill(false);
        }
        if options.no_repeat_ngram > 0 {
            let repeated = repeating(recent, options.no_repeat_ngram).filter(known);
            repeated.for_each(|token| marked[token as usize] = true);
            candidates.retain(|&(token, _)| !marked[token as usize]);
            marked.fill(false);
        }
    }

    /// Of equal ones the first tokens stay, so that the choice is one of the numbers alone.
    fn keep_top_k(&mut self) {
        let k = self.options.top_k;
        if k > 0 && k < self.candidates.len() {
            self.candidates.select_nth_unstable_by(k - 1, likelier);
            self.candidates.truncate(k);
            self.candidates.sort_unstable_by_key(|&(token, _)| token);
        }
    }

    fn keep_top_p(&mut self) {
        if self.options.top_p < 1.0 {
            self.candidates.sort_unstable_by(likelier);
            let mut sum = 0.0;
            let enough = self.candidates.iter().position(|&(_, p)| {
                sum += f64::from(p);
                sum >= f64::from(self.options.top_p)
            });
            self.candidates.truncate(enough.map_or(self.candidates.len(), |last| last + 1));
        }
    }

    fn keep_min_p(&mut self) {
        let highest = self.candidates.iter().map(|&(_, p)| p).fold(0.0, f32::max);
        self.candidates.retain(|&(_, p)| p >= self.options.min_p * highest);
    }

    fn normalise(&mut self) {
        let sum: f64 = self.candidates.iter().map(|&(_, p)| f64::from(p)).sum();
        for (_, p) in &mut self.candidates {
            *p = (f64::from(*p) / sum) as f32;
        }
    }
}

/// The stream of random numbers for an attempt at a piece, both counted from 0: what a piece draws does not depend on
/// how many are written beside it.
pub fn stream(piece: usize, attempt: usize) -> u64 {
    ((attempt as u64) << 32) ^ piece as u64
}

/// The generator of a stream. A mix of both numbers, one to one in `stream`, begins the generator from which Blackman
/// and Vigna (2021, section 10) draw the state of theirs: SplitMix64 (Steele, Lea, Flood 2014).
fn generator(seed: u64, stream: u64) -> Xoshiro256PlusPlus {
    let mix = |number| SplitMix64::seed_from_u64(number).next_u64();
    Xoshiro256PlusPlus::seed_from_u64(mix(mix(seed) ^ stream))
}

/// The tokens that would end a sequence of `length` tokens which `recent` already holds, were one of them to come next;
/// none for a length of 0.
pub fn repeating(recent: &[u32], length: usize) -> impl Iterator<Item = u32> {
    let context = length.saturating_sub(1);
    let repeats = move |window: &&[u32]| length > 0 && recent.ends_with(&window[..context]);
    recent.windows(length.max(1)).filter(repeats).map(move |window| window[context])
}

/// A token, and how likely the model's own distribution makes it: at temperature 1, before any penalty or filter.
#[derive(Clone, Debug, PartialEq)]
pub struct Choice {
    /// The token.
    pub token: u32,
    /// The logarithm of its probability, in nats.
    pub log_probability: f64,
    /// The likeliest tokens with theirs, the likeliest first, of equal ones the lower: as many as were asked for, or as are
    /// possible.
    pub best: Vec<(u32, f64)>,
}

impl Choice {
    /// The token in the distribution that `logits` stand for, beside the `k` likeliest.
    ///
    /// # Panics
    /// If the token has no logit.
    pub fn new(logits: &[f32], token: u32, k: usize) -> Result<Self, SamplingError> {
        let normaliser = log_normaliser(logits)?;
        let log_probability = |x: f32| f64::from(x) - normaliser;
        let mut best = Vec::new();
        if k > 0 {
            best = (0..).zip(logits.iter().copied()).filter(|&(_, x)| x > f32::NEG_INFINITY).collect();
            if k < best.len() {
                best.select_nth_unstable_by(k - 1, likelier);
                best.truncate(k);
            }
            best.sort_unstable_by(likelier);
        }
        let best = best.into_iter().map(|(token, x)| (token, log_probability(x))).collect();
        Ok(Self { token, log_probability: log_probability(logits[token as usize]), best })
    }
}

/// Appends the logarithm of the probability that each of `logits` stands for, in nats.
pub fn log_softmax(logits: &[f32], log_probabilities: &mut Vec<f64>) -> Result<(), SamplingError> {
    let normaliser = log_normaliser(logits)?;
    log_probabilities.extend(logits.iter().map(|&x| f64::from(x) - normaliser));
    Ok(())
}

/// The logarithm of the sum of the exponentials of `logits`.
fn log_normaliser(logits: &[f32]) -> Result<f64, SamplingError> {
    check(logits)?;
    let highest = f64::from(logits.iter().copied().fold(f32::NEG_INFINITY, f32::max));
    if highest == f64::NEG_INFINITY {
        return Err(SamplingError::Nothing(logits.len()));
    }
    let sum: f64 = logits.iter().map(|&x| (f64::from(x) - highest).exp()).sum();
    Ok(highest + sum.ln())
}

/// Refuses logits that are no numbers.
fn check(logits: &[f32]) -> Result<(), SamplingError> {
    let invalid = |&(_, x): &(usize, &f32)| x.is_nan() || *x == f32::INFINITY;
    match logits.iter().enumerate().find(invalid) {
        Some((token, &value)) => Err(SamplingError::Logit { token, value }),
        None => Ok(()),
    }
}

/// The likelier first, then the lower token.
fn likelier(a: &(u32, f32), b: &(u32, f32)) -> std::cmp::Ordering {
    b.1.total_cmp(&a.1).then(a.0.cmp(&b.0))
}

#[cfg(test)]
mod tests;
