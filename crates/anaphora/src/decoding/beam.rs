//! Beam search: the likeliest sequences of a model, instead of ones that are drawn.
//!
//! A search keeps some open hypotheses side by side. A step gives it a distribution over the next token for each of
//! them; of all their continuations it keeps the likeliest, and sets those aside that come to their end. What the
//! tokens stand for, and where the distributions come from, it does not know: a language model, or a decoder that looks
//! at what an encoder read, is driven alike:
//!
//! ```
//! use anaphora::decoding::beam::{BeamOptions, BeamSearch};
//!
//! // A coin that lands on 0 or 1, and ends the game with 2.
//! let distribution = [0.3f64, 0.2, 0.5].map(f64::ln);
//! let mut search = BeamSearch::new(BeamOptions { beams: 2, length_penalty: 0.0 }, 2, 10).unwrap();
//! let mut log_probabilities = distribution.to_vec();
//! while search.rows() > 0 {
//!     search.advance(&log_probabilities);
//!     // A model makes its state that of search.parents() and reads search.last() here.
//!     log_probabilities = distribution.repeat(search.rows());
//! }
//! let found: Vec<_> = search.finish().into_iter().map(|hypothesis| hypothesis.ids).collect();
//! assert_eq!(found, [vec![2], vec![0, 2]]);
//! ```
//!
//! # Scores, and when a search ends
//!
//! A hypothesis of *n* tokens, its end counted as one, has the score `log p / n^α` with the length penalty α, as in
//! Hugging Face's
//! `transformers`: 0 compares log-probabilities, which fall with every token, and so prefers the short; 1, the default
//! there and here, compares means a token; more prefers the long. (Wu et al. 2016, equation 14, divide by `((5 + n) /
//! 6)^α` instead.)
//!
//! The best `beams` hypotheses that came to their end are kept. The search is over when there are so many, and the
//! likeliest open one would be no better than the worst of them if it ended here: `early_stopping=False` there. For α ≤
//! 0 no open hypothesis could become better; for α > 0 a much longer one might, and the search does not wait for it
//! (`"never"` there would, in most cases until the limit). At the limit the open ones are compared with the others as
//! they are.
//!
//! With one beam the likeliest token is taken each time, and the first end is the end: greedy search.

use std::cmp::Ordering;

use crate::decoding::sampling::SamplingError;

/// Options of a beam search.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BeamOptions {
    /// Open hypotheses that are kept side by side.
    pub beams: usize,
    /// α, the power of its length that a hypothesis' log-probability is divided by.
    pub length_penalty: f64,
}

impl Default for BeamOptions {
    fn default() -> Self {
        Self { beams: 4, length_penalty: 1.0 }
    }
}

impl BeamOptions {
    /// Checks each option's range.
    ///
    /// # Errors
    /// [`SamplingError::Option`] for the first option out of its range.
    pub fn validate(&self) -> Result<(), SamplingError> {
        let Self { beams, length_penalty } = *self;
        let (option, found, accepts) = if beams == 0 {
            ("number of beams", 0.0, "from 1 on")
        } else if !(-10.0..=10.0).contains(&length_penalty) {
            ("length penalty", length_penalty as f32, "from -10 to 10")
        } else {
            return Ok(());
        };
        Err(SamplingError::Option { option, found, accepts })
    }

    /// The score of a hypothesis of `length` tokens, by which hypotheses are ranked.
    fn score(&self, log_probability: f64, length: usize) -> f64 {
        log_probability / (length.max(1) as f64).powf(self.length_penalty)
    }
}

/// A sequence found by a search.
#[derive(Clone, Debug, PartialEq)]
pub struct Hypothesis {
    /// Its tokens, its end included where it came to it.
    pub ids: Vec<u32>,
    /// The sum of its tokens' log-probabilities, in nats.
    pub log_probability: f64,
    /// The same with the length penalty: the score for ranking.
    pub score: f64,
    /// Whether it came to its end; if not, the limit cut it off or nothing could follow.
    pub ended: bool,
}

/// A search in progress.
#[derive(Clone, Debug)]
pub struct BeamSearch {
    options: BeamOptions,
    end: u32,
    limit: usize,
    /// Open hypotheses, all of the same length, the likeliest first.
    open: Vec<Open>,
    parents: Vec<usize>,
    last: Vec<u32>,
    /// The best by score, at most as many as there are beams.
    finished: Vec<Hypothesis>,
    candidates: Vec<Candidate>,
}

#[derive(Clone, Debug, Default)]
struct Open {
    ids: Vec<u32>,
    log_probability: f64,
}

/// An open hypothesis and a token that may follow it.
#[derive(Clone, Copy, Debug)]
struct Candidate {
    log_probability: f64,
    parent: usize,
    token: u32,
}

impl BeamSearch {
    /// A search for sequences that close with the token `end`, and are broken off after `limit` tokens. It begins with
    /// one empty hypothesis.
    ///
    /// # Errors
    /// As [`BeamOptions::validate`].
    pub fn new(options: BeamOptions, end: u32, limit: usize) -> Result<Self, SamplingError> {
        options.validate()?;
        let mut search = Self {
            options,
            end,
            limit,
            open: vec![Open::default()],
            parents: vec![0],
            last: Vec::new(),
            finished: Vec::new(),
            candidates: Vec::new(),
        };
        if limit == 0 {
            search.break_off();
        }
        Ok(search)
    }

    /// Open hypotheses; 0 when the search is over.
    pub fn rows(&self) -> usize {
        self.open.len()
    }

    /// The row of the step before that each open hypothesis continues.
    pub fn parents(&self) -> &[usize] {
        &self.parents
    }

    /// The newest token of each open hypothesis.
    pub fn last(&self) -> &[u32] {
        &self.last
    }

    /// The tokens of an open hypothesis.
    pub fn ids(&self, row: usize) -> &[u32] {
        &self.open[row].ids
    }

    /// One step. `log_probabilities[rows, vocabulary]` says how likely each token is after each open hypothesis, −∞ for an
    /// impossible one. Of equally likely continuations the one of the earlier row and lower token goes first.
    ///
    /// # Panics
    /// If the numbers are not as many for each row.
    pub fn advance(&mut self, log_probabilities: &[f64]) {
        if self.open.is_empty() {
            return;
        }
        assert!(log_probabilities.len().is_multiple_of(self.open.len()), "a distribution a row");
        let vocab_size = log_probabilities.len() / self.open.len();
        self.candidates.clear();
        for (parent, row) in self.open.iter().enumerate() {
            let before = self.candidates.len();
            let next = log_probabilities[parent * vocab_size..][..vocab_size].iter().enumerate();
            self.candidates.extend(next.filter(|(_, p)| **p > f64::NEG_INFINITY).map(|(token, p)| {
                Candidate { log_probability: row.log_probability + p, parent, token: token as u32 }
            }));
            if self.candidates.len() == before {
                keep(&mut self.finished, &self.options, row.clone(), false);
            }
        }
        // At most `beams` of them are ends, so that as many others are left to go on with.
        let most = 2 * self.options.beams;
        if most < self.candidates.len() {
            self.candidates.select_nth_unstable_by(most - 1, likelier);
            self.candidates.truncate(most);
        }
        self.candidates.sort_unstable_by(likelier);

        let mut open = Vec::with_capacity(self.options.beams);
        self.parents.clear();
        self.last.clear();
        for (rank, &Candidate { log_probability, parent, token }) in self.candidates.iter().enumerate() {
            let is_end = token == self.end;
            let place = if is_end { rank } else { open.len() };
            if place >= self.options.beams {
                continue;
            }
            let mut ids = Vec::with_capacity(self.open[parent].ids.len() + 1);
            ids.extend_from_slice(&self.open[parent].ids);
            ids.push(token);
            let hypothesis = Open { ids, log_probability };
            if is_end {
                keep(&mut self.finished, &self.options, hypothesis, true);
            } else {
                open.push(hypothesis);
                self.parents.push(parent);
                self.last.push(token);
            }
        }
        self.open = open;
        if self.is_decided() {
            self.close();
        } else if self.open.first().is_some_and(|row| row.ids.len() >= self.limit) {
            self.break_off();
        }
    }

    /// The hypotheses found, the best first: at most as many as there are beams.
    pub fn finish(mut self) -> Vec<Hypothesis> {
        self.break_off();
        self.finished
    }

    /// Whether no open hypothesis would be among the best if it ended here.
    fn is_decided(&self) -> bool {
        let (Some(best), Some(worst)) = (self.open.first(), self.finished.last()) else { return false };
        self.finished.len() == self.options.beams
            && self.options.score(best.log_probability, best.ids.len()) <= worst.score
    }

    /// Takes the open hypotheses as they are.
    fn break_off(&mut self) {
        for row in std::mem::take(&mut self.open) {
            keep(&mut self.finished, &self.options, row, false);
        }
        self.close();
    }

    fn close(&mut self) {
        self.open.clear();
        self.parents.clear();
        self.last.clear();
    }
}

/// The open hypotheses of several searches, as the rows of one batch: those of each search together, in the searches' order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rows {
    /// Which search each row is of.
    pub searches: Vec<usize>,
    /// Which row of the step before it goes on from.
    pub parents: Vec<usize>,
    /// Its newest token.
    pub last: Vec<u32>,
}

/// One step of each search that is not over: [`BeamSearch::advance`], with the distributions of all rows of the batch one
/// after the other.
///
/// # Panics
/// If the numbers are not as many for each row.
pub fn advance_together(searches: &mut [BeamSearch], log_probabilities: &[f64]) -> Rows {
    let count: usize = searches.iter().map(BeamSearch::rows).sum();
    let vocab_size = log_probabilities.len() / count.max(1);
    let (mut rows, mut from) = (Rows::default(), 0);
    for (number, search) in searches.iter_mut().enumerate() {
        let own = from..from + search.rows();
        search.advance(&log_probabilities[own.start * vocab_size..own.end * vocab_size]);
        rows.searches.extend(std::iter::repeat_n(number, search.rows()));
        rows.parents.extend(search.parents().iter().map(|parent| own.start + parent));
        rows.last.extend_from_slice(search.last());
        from = own.end;
    }
    rows
}

/// Puts a hypothesis among the finished ones if it is one of the best; of equal ones the earlier.
fn keep(finished: &mut Vec<Hypothesis>, options: &BeamOptions, row: Open, ended: bool) {
    let Open { ids, log_probability } = row;
    let score = options.score(log_probability, ids.len());
    let place = finished.partition_point(|other| other.score >= score);
    finished.insert(place, Hypothesis { ids, log_probability, score, ended });
    finished.truncate(options.beams);
}

fn likelier(a: &Candidate, b: &Candidate) -> Ordering {
    let by_place = || (a.parent, a.token).cmp(&(b.parent, b.token));
    b.log_probability.total_cmp(&a.log_probability).then_with(by_place)
}

#[cfg(test)]
mod tests;
