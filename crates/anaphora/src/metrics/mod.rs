//! How good predictions are: plain functions on slices, which know nothing of models.
//!
//! | what is predicted | functions |
//! |---|---|
//! | a class | [`accuracy`], [`Confusion`] (precision, recall, F1 a class, macro-F1), [`auroc`], [`auroc_one_vs_rest`], [`log_loss`] |
//! | several labels at once | [`multi_label`] |
//! | spans of tagged words | [`span_scores`] |
//! | a translation, a caption | [`bleu`], [`bleu_1_to_4`], [`chrf`] |
//! | a number | [`mae`], [`rmse`], [`r_squared`] |
//! | a series | [`mae`], [`mse`], [`rmse`], [`mape`], [`smape`], [`mase`], [`pinball`], [`coverage`] |
//! | the next symbol or frame | [`nats_a_frame`], [`bits`], [`bits_a_character`], [`perplexity`], [`perplexity_of_bits`] |
//!
//! What scikit-learn, seqeval or sacreBLEU offers too is equal to it: golden files hold their results, odd cases included. Sums are
//! taken in `f64` whatever the type of the values.
//!
//! ```
//! use anaphora::metrics::{BleuOptions, Confusion, bleu};
//!
//! # fn main() -> Result<(), anaphora::metrics::ScoreError> {
//! let confusion = Confusion::new(&[0, 0, 1, 1], &[0, 1, 1, 1], 2)?;
//! assert_eq!(confusion.accuracy(), 0.75);
//! assert_eq!(confusion.class(0).recall, 0.5);
//!
//! let translated = ["The cat sat on the mat.", "Good evening!"];
//! let references = [["The cat sat on a mat."], ["Good evening!"]];
//! let found = bleu(&translated, &references, &BleuOptions::default())?;
//! assert_eq!(found.signature, "nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp|version:2.6.0");
//! # Ok(())
//! # }
//! ```

mod auroc;
mod bleu;
mod by_length;
mod chrf;
mod class;
mod classified;
mod contenders;
mod error;
mod evaluation;
mod forecast;
mod multi_label;
mod ngrams;
mod sequence;
mod spans;
mod tagged;
mod tokenize;

pub use auroc::{OneVsRest, auroc, auroc_one_vs_rest};
pub use bleu::{Bleu, BleuOptions, Smoothing, bleu, bleu_1_to_4};
pub use by_length::bleu_by_length;
pub use chrf::{Chrf, ChrfOptions, chrf};
pub use class::{ClassScore, Confusion, accuracy, log_loss};
pub use classified::Classified;
pub use contenders::{Contender, Truth, distances};
pub use error::ScoreError;
pub use evaluation::{Evaluation, class_table};
pub use forecast::{Mape, coverage, mae, mape, mase, mse, pinball, r_squared, rmse, smape};
pub use multi_label::{MultiLabel, multi_label};
pub use sequence::{bits, bits_a_character, nats_a_frame, perplexity, perplexity_of_bits};
pub use spans::{Span, SpanScores, mark_spans, scheme, span_scores, spans};
pub use tagged::Tagged;
pub use tokenize::Tokenize;

/// A value that a model gives: `f32` or `f64`.
pub trait Real: Copy + Into<f64> {
    /// The distance from 1 to the next greater value.
    const EPSILON: f64;
}

impl Real for f32 {
    const EPSILON: f64 = f32::EPSILON as f64;
}

impl Real for f64 {
    const EPSILON: f64 = f64::EPSILON;
}

/// −ln p in nats, of a probability that may have come to 0.
pub(crate) fn nats(probability: f32) -> f64 {
    -f64::from(probability.max(f32::MIN_POSITIVE)).ln()
}

/// −ln p in nats, with p at least the least step from 0 and from 1 in its type, as scikit-learn has it: a certain mistake
/// counts much, not infinitely.
fn surprise<T: Real>(probability: f64) -> f64 {
    -probability.clamp(T::EPSILON, 1.0 - T::EPSILON).ln()
}

/// Refuses two lists of unequal length, and empty ones.
fn check_pairs(
    what: &'static str,
    found: usize,
    beside: &'static str,
    expected: usize,
) -> Result<(), ScoreError> {
    if found != expected {
        return Err(ScoreError::Length { what, found, beside, expected });
    }
    if found == 0 { Err(ScoreError::Empty(beside)) } else { Ok(()) }
}

/// Refuses anything but a matrix `[rows, width]` that holds a value.
fn check_matrix(
    what: &'static str,
    found: usize,
    rows: usize,
    width: usize,
    columns: &'static str,
) -> Result<(), ScoreError> {
    if width == 0 {
        return Err(ScoreError::Empty(columns));
    }
    if rows.checked_mul(width) != Some(found) {
        return Err(ScoreError::Shape { what, found, rows, width, columns });
    }
    if rows == 0 { Err(ScoreError::Empty("examples")) } else { Ok(()) }
}

/// Refuses NaN and infinity.
fn check_finite<T: Real>(what: &'static str, values: &[T]) -> Result<(), ScoreError> {
    match values.iter().map(|&value| value.into()).enumerate().find(|(_, value)| !value.is_finite()) {
        Some((index, value)) => Err(ScoreError::NotFinite { what, index, value }),
        None => Ok(()),
    }
}

/// Refuses values that are no probabilities.
fn check_probabilities<T: Real>(values: &[T]) -> Result<(), ScoreError> {
    let wrong = |(_, value): &(usize, f64)| !(0.0..=1.0).contains(value);
    match values.iter().map(|&value| value.into()).enumerate().find(wrong) {
        Some((index, value)) => Err(ScoreError::Probability { index, value }),
        None => Ok(()),
    }
}
