//! What BLEU and chrF share: words, n-grams, and sentences beside their references.

use std::collections::HashMap;
use std::hash::Hash;

use super::ScoreError;

/// The sacreBLEU whose results, and whose signatures, ours are equal to.
pub(super) const SACREBLEU_VERSION: &str = "2.6.0";

/// What Python's `str.split` takes for space: Unicode's white space and four separators of ASCII.
pub(super) fn is_space(symbol: char) -> bool {
    symbol.is_whitespace() || ('\x1c'..='\x1f').contains(&symbol)
}

/// The words between spaces.
pub(super) fn words(text: &str) -> Vec<&str> {
    text.split(is_space).filter(|word| !word.is_empty()).collect()
}

/// How often each n-gram of one order occurs, and with what it begins.
pub(super) fn count<T: Eq + Hash>(symbols: &[T], order: usize) -> HashMap<&[T], u64> {
    let mut counts = HashMap::new();
    for ngram in symbols.windows(order) {
        *counts.entry(ngram).or_insert(0) += 1;
    }
    counts
}

/// How many of `counts` are in `others` too: Σ min.
pub(super) fn matches<T: Eq + Hash>(counts: &HashMap<&[T], u64>, others: &HashMap<&[T], u64>) -> u64 {
    counts.iter().filter_map(|(ngram, &count)| others.get(ngram).map(|&other| count.min(other))).sum()
}

/// Refuses no sentences, unequal numbers of them, and a sentence without a reference; else what a signature says of the
/// references: how many each sentence has, or `var`.
pub(super) fn check_references<H, R: AsRef<[S]>, S>(
    hypotheses: &[H],
    references: &[R],
) -> Result<String, ScoreError> {
    super::check_pairs("hypotheses", hypotheses.len(), "sets of references", references.len())?;
    let mut numbers = references.iter().map(|set| set.as_ref().len());
    match numbers.clone().position(|number| number == 0) {
        Some(sentence) => Err(ScoreError::NoReference(sentence)),
        None => {
            let first = numbers.next().unwrap_or(0);
            Ok(if numbers.all(|number| number == first) { first.to_string() } else { "var".to_owned() })
        }
    }
}
