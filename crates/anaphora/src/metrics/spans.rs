//! Spans of words that tags mark: `B-PER I-PER O` (Ramshaw and Marcus 1995; Tjong Kim Sang and De Meulder 2003).

use std::collections::{BTreeMap, BTreeSet};

use super::{ClassScore, ScoreError, check_pairs};

/// Neighbouring words that are one thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
pub struct Span<'a> {
    /// What it is: `PER`; `_` where its tags do not say.
    pub kind: &'a str,
    /// Its first word, from 0.
    pub first: usize,
    /// Its last word.
    pub last: usize,
}

/// How well spans are found: a span is right where its kind and both of its ends are.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct SpanScores {
    /// Of all spans: seqeval's `precision_score`, `recall_score` and `f1_score`.
    pub all: ClassScore,
    /// Of each kind that is there or found, in the order of their names.
    pub kinds: Vec<(String, ClassScore)>,
}

/// Whether such tags mark spans: each is `O` or begins with `B-`, `I-`, `E-` or `S-`, and one does so.
pub fn mark_spans(tags: &[impl AsRef<str>]) -> bool {
    let marks =
        |tag: &str| matches!(tag.split_once('-'), Some(("B" | "I" | "E" | "S", kind)) if !kind.is_empty());
    tags.iter().any(|tag| marks(tag.as_ref()))
        && tags.iter().all(|tag| tag.as_ref() == "O" || marks(tag.as_ref()))
}

/// The spans of a sentence, as seqeval's `get_entities` and the CoNLL shared tasks' `conlleval` find them: a span goes on
/// where `I` or `E` of its kind follows `B` or `I`; an `I` or `E` that goes on with nothing begins one. Tags that begin
/// with no letter of `BIES` are outside of all.
pub fn spans<'a>(tags: &[&'a str]) -> Vec<Span<'a>> {
    let mut spans: Vec<Span> = Vec::new();
    // The kind that the next word may go on with.
    let mut open = None;
    for (place, tag) in tags.iter().enumerate() {
        let Some(letter) = tag.chars().next().filter(|letter| "BIES".contains(*letter)) else {
            open = None;
            continue;
        };
        let rest = &tag[1..];
        let kind = rest.strip_prefix('-').unwrap_or(rest);
        let kind = if kind.is_empty() { "_" } else { kind };
        match spans.last_mut() {
            Some(span) if matches!(letter, 'I' | 'E') && open == Some(kind) => span.last = place,
            _ => spans.push(Span { kind, first: place, last: place }),
        }
        open = matches!(letter, 'B' | 'I').then_some(kind);
    }
    spans
}

/// Scores the spans of sentences; what would be 0/0 is 0.
///
/// # Errors
/// Lists of unequal length or without sentences; sentences of unequal length.
pub fn span_scores<'a, Tags: AsRef<[&'a str]>>(
    truth: &[Tags],
    predicted: &[Tags],
) -> Result<SpanScores, ScoreError> {
    check_pairs("predicted sentences", predicted.len(), "true sentences", truth.len())?;
    // Of each kind how many are right, found and there.
    let mut counts: BTreeMap<&str, [u64; 3]> = BTreeMap::new();
    for (truth, predicted) in truth.iter().zip(predicted) {
        check_pairs("predicted tags", predicted.as_ref().len(), "true tags", truth.as_ref().len())?;
        let [there, found] = [truth, predicted].map(|tags| BTreeSet::from_iter(spans(tags.as_ref())));
        there.intersection(&found).for_each(|span| counts.entry(span.kind).or_default()[0] += 1);
        found.iter().for_each(|span| counts.entry(span.kind).or_default()[1] += 1);
        there.iter().for_each(|span| counts.entry(span.kind).or_default()[2] += 1);
    }
    let score = |[right, found, there]: [u64; 3]| ClassScore::new(right, found, there);
    let sum = |column: usize| counts.values().map(|count| count[column]).sum();
    Ok(SpanScores {
        all: score([sum(0), sum(1), sum(2)]),
        kinds: counts.iter().map(|(kind, &count)| ((*kind).to_owned(), score(count))).collect(),
    })
}
