//! Choosing the next symbol from a model's logits.
//!
//! The filters are applied in the order that most tools use: repetition penalty, n-gram blocking, temperature, top-k,
//! top-p, min-p.

use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{Rng, SeedableRng};

/// How the next symbol is chosen. The default leaves the model's distribution as it is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SamplingOptions {
    /// Divides the logits: below 1 the likely becomes likelier, above 1 less so. 0 always takes the likeliest.
    pub temperature: f32,
    /// Only the so many likeliest symbols; 0 for all.
    pub top_k: usize,
    /// Only the fewest likeliest symbols whose probabilities add up to this (Holtzman et al. 2020); 1 for all.
    pub top_p: f32,
    /// Only symbols at least this times as likely as the likeliest (Nguyen et al. 2024); 0 for all.
    pub min_p: f32,
    /// Makes the symbols of late less likely (Keskar et al. 2019): their logits are divided by it where positive,
    /// multiplied where negative. 1 for no penalty.
    pub repetition_penalty: f32,
    /// No sequence of so many symbols comes twice (Paulus et al. 2018); 0 for no such rule.
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

/// Why no symbol can be chosen.
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
    #[error("the model gave {value} as the logit of symbol {symbol}; its weights are not usable")]
    Logit {
        /// The symbol.
        symbol: usize,
        /// Its logit.
        value: f32,
    },
    /// No symbol is possible.
    #[error("no symbol is left to choose from: all {0} have probability 0")]
    Nothing(usize),
}

impl SamplingOptions {
    /// Checks each option's range.
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

/// Draws symbols from logits. It allocates nothing once it has seen a vocabulary's size.
#[derive(Clone, Debug)]
pub struct Sampler {
    options: SamplingOptions,
    random: Xoshiro256PlusPlus,
    /// The symbols left to choose from, with their probabilities.
    candidates: Vec<(u32, f32)>,
    /// Whether a symbol has had its repetition penalty; all false between calls.
    penalised: Vec<bool>,
}

impl Sampler {
    /// A sampler for one stream of symbols. Streams of one seed never overlap; the same seed and stream give the
    /// same draws.
    pub fn new(options: SamplingOptions, seed: u64, stream: u32) -> Result<Self, SamplingError> {
        options.validate()?;
        let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
        (0..stream).for_each(|_| random.jump());
        Ok(Self { options, random, candidates: Vec::new(), penalised: Vec::new() })
    }

    /// Draws a symbol. `logits` has one number a symbol, −∞ for an impossible one; the rules on repetition change
    /// it. `recent` are the symbols that these rules are for; those beyond the vocabulary are passed over.
    pub fn sample(&mut self, logits: &mut [f32], recent: &[u32]) -> Result<u32, SamplingError> {
        self.distribution(logits, recent)?;
        if let [(symbol, _)] = self.candidates[..] {
            return Ok(symbol);
        }
        // 53 bits, so that 0 ≤ point < 1 in steps of 2⁻⁵³.
        let point = (self.random.next_u64() >> 11) as f64 * (0.5f64).powi(53);
        let total: f64 = self.candidates.iter().map(|&(_, p)| f64::from(p)).sum();
        let mut left = point * total;
        let drawn = self.candidates.iter().find(|&&(_, p)| {
            left -= f64::from(p);
            left < 0.0
        });
        // Rounding can leave a crumb after the last one that is possible.
        let drawn = drawn.or_else(|| self.candidates.iter().rfind(|&&(_, p)| p > 0.0));
        drawn.map(|&(symbol, _)| symbol).ok_or(SamplingError::Nothing(logits.len()))
    }

    /// The symbols that [`sample`](Self::sample) would draw from and their probabilities, which add up to 1.
    /// Arguments as there.
    pub fn distribution(
        &mut self,
        logits: &mut [f32],
        recent: &[u32],
    ) -> Result<&[(u32, f32)], SamplingError> {
        check(logits)?;
        self.penalise(logits, recent);
        for symbol in repeating(recent, self.options.no_repeat_ngram) {
            if let Some(x) = logits.get_mut(symbol as usize) {
                *x = f32::NEG_INFINITY;
            }
        }
        self.candidates.clear();
        self.candidates.reserve(logits.len());
        let possible = logits.iter().enumerate().filter(|(_, x)| **x > f32::NEG_INFINITY);
        self.candidates.extend(possible.map(|(symbol, &x)| (symbol as u32, x)));
        let likeliest = self.candidates.iter().copied().reduce(|a, b| if b.1 > a.1 { b } else { a });
        let Some((symbol, highest)) = likeliest else {
            return Err(SamplingError::Nothing(logits.len()));
        };
        if self.options.temperature == 0.0 || self.options.top_k == 1 {
            self.candidates.clear();
            self.candidates.push((symbol, 1.0));
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

    fn penalise(&mut self, logits: &mut [f32], recent: &[u32]) {
        let penalty = self.options.repetition_penalty;
        if penalty == 1.0 {
            return;
        }
        self.penalised.resize(logits.len(), false);
        for &symbol in recent {
            let symbol = symbol as usize;
            // An impossible symbol stays so, and no other becomes one.
            if symbol < logits.len() && logits[symbol].is_finite() && !self.penalised[symbol] {
                self.penalised[symbol] = true;
                let x = &mut logits[symbol];
                *x = (if *x > 0.0 { *x / penalty } else { *x * penalty }).clamp(f32::MIN, f32::MAX);
            }
        }
        for &symbol in recent.iter().filter(|&&symbol| (symbol as usize) < logits.len()) {
            self.penalised[symbol as usize] = false;
        }
    }

    /// Of equal ones the first symbols stay, so that the choice is one of the numbers alone.
    fn keep_top_k(&mut self) {
        let k = self.options.top_k;
        if k > 0 && k < self.candidates.len() {
            self.candidates.select_nth_unstable_by(k - 1, likelier);
            self.candidates.truncate(k);
            self.candidates.sort_unstable_by_key(|&(symbol, _)| symbol);
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

/// The symbols that would end a sequence of `length` symbols which `recent` already holds, were one of them to come next; none for
/// a length of 0.
pub fn repeating(recent: &[u32], length: usize) -> impl Iterator<Item = u32> {
    let context = length.saturating_sub(1);
    let repeats = move |window: &&[u32]| length > 0 && recent.ends_with(&window[..context]);
    recent.windows(length.max(1)).filter(repeats).map(move |window| window[context])
}

/// Appends the logarithm of the probability that each of `logits` stands for, in nats.
pub fn log_softmax(logits: &[f32], log_probabilities: &mut Vec<f64>) -> Result<(), SamplingError> {
    check(logits)?;
    let highest = f64::from(logits.iter().copied().fold(f32::NEG_INFINITY, f32::max));
    if highest == f64::NEG_INFINITY {
        return Err(SamplingError::Nothing(logits.len()));
    }
    let sum: f64 = logits.iter().map(|&x| (f64::from(x) - highest).exp()).sum();
    let normaliser = highest + sum.ln();
    log_probabilities.extend(logits.iter().map(|&x| f64::from(x) - normaliser));
    Ok(())
}

/// Refuses logits that are no numbers.
fn check(logits: &[f32]) -> Result<(), SamplingError> {
    let invalid = |&(_, x): &(usize, &f32)| x.is_nan() || *x == f32::INFINITY;
    match logits.iter().enumerate().find(invalid) {
        Some((symbol, &value)) => Err(SamplingError::Logit { symbol, value }),
        None => Ok(()),
    }
}

/// The likelier first, then the lower symbol.
fn likelier(a: &(u32, f32), b: &(u32, f32)) -> std::cmp::Ordering {
    b.1.total_cmp(&a.1).then(a.0.cmp(&b.0))
}

#[cfg(test)]
mod tests;
