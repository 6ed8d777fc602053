//! chrF and chrF++ (Popović 2015, 2017), equal to sacreBLEU's.

use std::fmt;

use super::ScoreError;
use super::ngrams::{SACREBLEU_VERSION, check_references, count, is_space, matches, words};

/// How chrF is counted. The default is chrF2: n-grams of up to six characters, spaces left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChrfOptions {
    /// The longest n-grams of characters.
    pub char_order: usize,
    /// The longest n-grams of words: 0 in chrF, 2 in chrF++.
    pub word_order: usize,
    /// How many times as much recall weighs as precision.
    pub beta: u32,
    /// Makes everything lower case first.
    pub lowercase: bool,
    /// Counts spaces as characters.
    pub whitespace: bool,
}

impl Default for ChrfOptions {
    fn default() -> Self {
        Self { char_order: 6, word_order: 0, beta: 2, lowercase: false, whitespace: false }
    }
}

impl ChrfOptions {
    /// chrF++: words and pairs of words are counted too.
    pub fn plus_plus() -> Self {
        Self { word_order: 2, ..Self::default() }
    }

    fn signature(&self, references: &str) -> String {
        let case = if self.lowercase { "lc" } else { "mixed" };
        let space = if self.whitespace { "yes" } else { "no" };
        let (characters, words) = (self.char_order, self.word_order);
        format!(
            "nrefs:{references}|case:{case}|eff:yes|nc:{characters}|nw:{words}|space:{space}|version:{SACREBLEU_VERSION}"
        )
    }
}

/// A chrF score. Its `Display` is sacreBLEU's line, signature included.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Chrf {
    /// From 0 to 100.
    pub score: f64,
    /// `chrF2`, `chrF2++` ….
    pub name: String,
    /// All that must be the same before two scores may be compared, and the sacreBLEU that gives the same.
    pub signature: String,
}

impl fmt::Display for Chrf {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{}|{} = {:.2}", self.name, self.signature, self.score)
    }
}

/// chrF of a corpus: 100 · (1 + β²) · P · R / (β² · P + R), where P and R are the mean precision and recall of n-grams over
/// those orders that both sides have, each counted over the corpus. Of several references, a sentence is compared with the
/// one that gives it the highest score. Equal to sacreBLEU's `corpus_score`; one sentence is a corpus of one.
///
/// # Errors
/// No hypotheses, not as many sets of references, a sentence without a reference.
pub fn chrf<H, R, S>(hypotheses: &[H], references: &[R], options: &ChrfOptions) -> Result<Chrf, ScoreError>
where
    H: AsRef<str>,
    R: AsRef<[S]>,
    S: AsRef<str>,
{
    let number = check_references::<H, R, S>(hypotheses, references)?;
    let mut sums = vec![Order::default(); options.char_order + options.word_order];
    for (hypothesis, references) in hypotheses.iter().zip(references) {
        let hypothesis = Sentence::new(hypothesis.as_ref(), options);
        let mut best: Option<(f64, Vec<Order>)> = None;
        for reference in references.as_ref() {
            let orders = hypothesis.compare(&Sentence::new(reference.as_ref(), options), options);
            let score = f_score(&orders, options);
            if best.as_ref().is_none_or(|(highest, _)| score > *highest) {
                best = Some((score, orders));
            }
        }
        for (sum, order) in sums.iter_mut().zip(best.map_or(Vec::new(), |(_, orders)| orders)) {
            sum.hypothesis += order.hypothesis;
            sum.reference += order.reference;
            sum.matches += order.matches;
        }
    }
    Ok(Chrf {
        score: f_score(&sums, options),
        name: format!("chrF{}{}", options.beta, "+".repeat(options.word_order)),
        signature: options.signature(&number),
    })
}

/// The n-grams of one order.
#[derive(Clone, Copy, Default)]
struct Order {
    hypothesis: u64,
    reference: u64,
    matches: u64,
}

/// The symbols that are counted.
struct Sentence {
    characters: Vec<char>,
    words: Vec<String>,
}

impl Sentence {
    fn new(line: &str, options: &ChrfOptions) -> Self {
        let lower;
        let line = if options.lowercase {
            lower = line.to_lowercase();
            &lower
        } else {
            line
        };
        Self {
            characters: line.chars().filter(|&symbol| options.whitespace || !is_space(symbol)).collect(),
            words: words(line).into_iter().flat_map(punctuation_apart).map(str::to_owned).collect(),
        }
    }

    /// This hypothesis beside a reference, one entry an order: those of characters, then those of words.
    fn compare(&self, reference: &Self, options: &ChrfOptions) -> Vec<Order> {
        let characters =
            (1..=options.char_order).map(|order| compare(&self.characters, &reference.characters, order));
        let words = (1..=options.word_order).map(|order| compare(&self.words, &reference.words, order));
        characters.chain(words).collect()
    }
}

fn compare<T: Eq + std::hash::Hash>(hypothesis: &[T], reference: &[T], order: usize) -> Order {
    let (hypothesis, reference) = (count(hypothesis, order), count(reference, order));
    Order {
        // Where the reference has none, those of the hypothesis are no mistakes.
        hypothesis: if reference.is_empty() { 0 } else { hypothesis.values().sum() },
        reference: reference.values().sum(),
        matches: matches(&hypothesis, &reference),
    }
}

/// A punctuation mark at the end of a word, or else one at its start, is a word of its own: `(hi)` is `(hi` and `)`, as in
/// chrF's own program.
fn punctuation_apart(word: &str) -> impl Iterator<Item = &str> {
    let first = word.chars().next().map_or(0, char::len_utf8);
    let cut = match word.as_bytes() {
        _ if first == word.len() => word.len(),
        [.., last] if last.is_ascii_punctuation() => word.len() - 1,
        [start, ..] if start.is_ascii_punctuation() => 1,
        _ => word.len(),
    };
    let (start, end) = word.split_at(cut);
    [start, end].into_iter().filter(|part| !part.is_empty())
}

/// From 0 to 100.
fn f_score(orders: &[Order], options: &ChrfOptions) -> f64 {
    let counted = || orders.iter().filter(|order| order.hypothesis > 0 && order.reference > 0);
    let number = counted().count() as f64;
    let mean = |whole: fn(&Order) -> u64| {
        counted().map(|order| order.matches as f64 / whole(order) as f64).sum::<f64>() / number
    };
    let (precision, recall) = (mean(|order| order.hypothesis), mean(|order| order.reference));
    let factor = f64::from(options.beta).powi(2);
    // No number where no order is counted.
    if precision + recall > 0.0 {
        100.0 * (1.0 + factor) * precision * recall / (factor * precision + recall)
    } else {
        0.0
    }
}
