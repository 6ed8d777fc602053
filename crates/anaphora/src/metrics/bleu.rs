//! BLEU (Papineni, Roukos, Ward and Zhu 2002), equal to sacreBLEU's (Post 2018).

use std::fmt;

use super::ngrams::{SACREBLEU_VERSION, check_references, count, matches};
use super::{ScoreError, Tokenize};

/// The longest n-grams that are counted.
const ORDER: usize = 4;

/// What a precision of 0, which would make the whole score 0, becomes (Chen and Cherry 2014).
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Smoothing {
    /// `exp`: 1/2 a match the first time, 1/4 the second and so on (their method 3).
    #[default]
    Exp,
    /// `floor`: this many matches, 0.1 by custom (their method 1).
    Floor(f64),
    /// `none`: it stays 0.
    None,
}

/// How BLEU is counted. The default is sacreBLEU's for a corpus.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct BleuOptions {
    /// What is a word.
    pub tokenize: Tokenize,
    /// What becomes of precisions of 0.
    pub smoothing: Smoothing,
    /// Makes everything lower case first.
    pub lowercase: bool,
    /// Leaves out n-grams that are longer than all hypotheses, for sentences by themselves.
    pub effective_order: bool,
}

impl BleuOptions {
    /// sacreBLEU's default for one sentence: the same with the effective order.
    pub fn sentence() -> Self {
        Self { effective_order: true, ..Self::default() }
    }

    fn words(&self, line: &str) -> Vec<String> {
        if self.lowercase { self.tokenize.words(&line.to_lowercase()) } else { self.tokenize.words(line) }
    }

    fn signature(&self, references: &str) -> String {
        let case = if self.lowercase { "lc" } else { "mixed" };
        let effective = if self.effective_order { "yes" } else { "no" };
        let smoothing = match self.smoothing {
            Smoothing::Exp => "exp".to_owned(),
            Smoothing::Floor(value) => format!("floor[{value:.2}]"),
            Smoothing::None => "none".to_owned(),
        };
        let tokenize = self.tokenize.name();
        format!(
            "nrefs:{references}|case:{case}|eff:{effective}|tok:{tokenize}|smooth:{smoothing}|version:{SACREBLEU_VERSION}"
        )
    }
}

/// A BLEU score and what it is made of. Its `Display` is sacreBLEU's line, signature included.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Bleu {
    /// brevity penalty · exp(1/4 Σ ln precision), from 0 to 100.
    pub score: f64,
    /// In percent, of n-grams of 1 to 4 words: 100 · matches / totals, smoothed.
    pub precisions: [f64; ORDER],
    /// 1 where the hypotheses are as long as their references, else exp(1 − reference length / hypothesis length).
    pub brevity_penalty: f64,
    /// n-grams of the hypotheses that are in a reference, each at most as often as there.
    pub matches: [u64; ORDER],
    /// n-grams of the hypotheses.
    pub totals: [u64; ORDER],
    /// Words of the hypotheses.
    pub hypothesis_length: u64,
    /// Words of the references, for each sentence of the one closest in length.
    pub reference_length: u64,
    /// All that must be the same before two scores may be compared, and the sacreBLEU that gives the same.
    pub signature: String,
}

impl fmt::Display for Bleu {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let [one, two, three, four] = self.precisions;
        let (hypothesis, reference) = (self.hypothesis_length, self.reference_length);
        let ratio = if reference == 0 { 0.0 } else { hypothesis as f64 / reference as f64 };
        write!(
            f,
            "BLEU|{} = {:.2} {one:.1}/{two:.1}/{three:.1}/{four:.1} \
             (BP = {:.3} ratio = {ratio:.3} hyp_len = {hypothesis} ref_len = {reference})",
            self.signature, self.score, self.brevity_penalty
        )
    }
}

/// BLEU of a corpus: hypotheses, each beside one or more references, equal to sacreBLEU's `corpus_score`. For one sentence
/// give a corpus of one, with [`BleuOptions::sentence`].
///
/// # Errors
/// No hypotheses, not as many sets of references, a sentence without a reference; a smoothing floor that is not above 0.
pub fn bleu<H, R, S>(hypotheses: &[H], references: &[R], options: &BleuOptions) -> Result<Bleu, ScoreError>
where
    H: AsRef<str>,
    R: AsRef<[S]>,
    S: AsRef<str>,
{
    let (statistics, signature) = statistics(hypotheses, references, options)?;
    let (score, precisions) = statistics.score(ORDER, options);
    Ok(Bleu {
        score,
        precisions,
        brevity_penalty: statistics.brevity_penalty(),
        matches: statistics.matches,
        totals: statistics.totals,
        hypothesis_length: statistics.hypothesis_length,
        reference_length: statistics.reference_length,
        signature,
    })
}

/// BLEU-1, BLEU-2, BLEU-3 and BLEU-4, as captions are scored: from n-grams of up to 1, 2, 3 and 4 words, equal to
/// sacreBLEU's with that `max_ngram_order`. Captions are scored by custom in lower case and without punctuation, with the
/// smoothing `none`.
///
/// # Errors
/// As [`bleu`].
pub fn bleu_1_to_4<H, R, S>(
    hypotheses: &[H],
    references: &[R],
    options: &BleuOptions,
) -> Result<[f64; ORDER], ScoreError>
where
    H: AsRef<str>,
    R: AsRef<[S]>,
    S: AsRef<str>,
{
    let (statistics, _) = statistics(hypotheses, references, options)?;
    Ok([1, 2, 3, 4].map(|order| statistics.score(order, options).0))
}

/// What BLEU is computed from; sums over sentences.
#[derive(Default)]
struct Statistics {
    matches: [u64; ORDER],
    totals: [u64; ORDER],
    hypothesis_length: u64,
    reference_length: u64,
}

/// Those of a corpus, and its signature.
fn statistics<H, R, S>(
    hypotheses: &[H],
    references: &[R],
    options: &BleuOptions,
) -> Result<(Statistics, String), ScoreError>
where
    H: AsRef<str>,
    R: AsRef<[S]>,
    S: AsRef<str>,
{
    let number = check_references::<H, R, S>(hypotheses, references)?;
    if let Smoothing::Floor(value) = options.smoothing
        && !(value.is_finite() && value > 0.0)
    {
        return Err(ScoreError::Floor(value));
    }
    let mut statistics = Statistics::default();
    for (hypothesis, references) in hypotheses.iter().zip(references) {
        let hypothesis = options.words(hypothesis.as_ref());
        let references: Vec<_> =
            references.as_ref().iter().map(|line| options.words(line.as_ref())).collect();
        statistics.add(&hypothesis, &references);
    }
    Ok((statistics, options.signature(&number)))
}

impl Statistics {
    /// Adds a sentence.
    fn add(&mut self, hypothesis: &[String], references: &[Vec<String>]) {
        let length = hypothesis.len();
        self.hypothesis_length += length as u64;
        // The closest, and of two as close the shorter.
        let closest = references.iter().map(Vec::len).min_by_key(|&other| (length.abs_diff(other), other));
        self.reference_length += closest.unwrap_or(0) as u64;
        for order in 1..=ORDER {
            let found = count(hypothesis, order);
            self.totals[order - 1] += found.values().sum::<u64>();
            let mut most = count(&references[0], order);
            for reference in &references[1..] {
                for (ngram, number) in count(reference, order) {
                    let most = most.entry(ngram).or_insert(0);
                    *most = number.max(*most);
                }
            }
            self.matches[order - 1] += matches(&found, &most);
        }
    }

    fn brevity_penalty(&self) -> f64 {
        let (hypothesis, reference) = (self.hypothesis_length, self.reference_length);
        match hypothesis {
            _ if hypothesis >= reference => 1.0,
            0 => 0.0,
            _ => (1.0 - reference as f64 / hypothesis as f64).exp(),
        }
    }

    /// The score from n-grams of up to `order` words, and their precisions.
    fn score(&self, order: usize, options: &BleuOptions) -> (f64, [f64; ORDER]) {
        let mut precisions = [0.0; ORDER];
        if self.matches[..order].iter().all(|&matches| matches == 0) {
            return (0.0, precisions);
        }
        let mut halved = 1.0;
        let mut effective = order;
        for (n, precision) in precisions[..order].iter_mut().enumerate() {
            let (matches, total) = (self.matches[n] as f64, self.totals[n] as f64);
            if total == 0.0 {
                break;
            }
            if options.effective_order {
                effective = n + 1;
            }
            *precision = match options.smoothing {
                _ if matches > 0.0 => 100.0 * matches / total,
                Smoothing::Exp => {
                    halved *= 2.0;
                    100.0 / (halved * total)
                }
                Smoothing::Floor(value) => 100.0 * value / total,
                Smoothing::None => 0.0,
            };
        }
        // The logarithm of a precision of 0 is −∞, whose exponential is 0.
        let logs: f64 = precisions[..effective].iter().map(|p| p.ln()).sum();
        (self.brevity_penalty() * (logs / effective as f64).exp(), precisions)
    }
}
