//! BLEU by length: where a fixed vector between encoder and decoder is too narrow, it falls.

use serde_json::{Value, json};

use super::{BleuOptions, ScoreError, bleu};

/// The most words of each group of sentences.
const BOUNDS: [usize; 7] = [5, 10, 15, 20, 25, 30, usize::MAX];

/// BLEU of translations by the number of words of their sources, as a table and for programs.
///
/// # Errors
/// Those of [`bleu`].
pub fn bleu_by_length(
    sources: &[&str],
    written: &[String],
    references: &[[&str; 1]],
    options: &BleuOptions,
) -> Result<(String, Value), ScoreError> {
    let mut table = format!("{:<12}{:>8}{:>8}\n", "words", "pairs", "BLEU");
    let mut rows = Vec::new();
    let mut above = 0;
    for most in BOUNDS {
        let here = |&pair: &usize| (above + 1..=most).contains(&sources[pair].split_whitespace().count());
        let chosen: Vec<usize> = (0..sources.len()).filter(here).collect();
        if !chosen.is_empty() {
            let found: Vec<&str> = chosen.iter().map(|&pair| written[pair].as_str()).collect();
            let expected: Vec<[&str; 1]> = chosen.iter().map(|&pair| references[pair]).collect();
            let score = bleu(&found, &expected, options)?.score;
            let (least, bound) = (above + 1, (most < usize::MAX).then_some(most));
            let name = bound.map_or(format!("{least} or more"), |most| format!("{least} to {most}"));
            table += &format!("{name:<12}{:>8}{score:>8.1}\n", chosen.len());
            rows.push(json!({ "words": [least, bound], "pairs": chosen.len(), "bleu": score }));
        }
        above = most;
    }
    Ok((table, rows.into()))
}
