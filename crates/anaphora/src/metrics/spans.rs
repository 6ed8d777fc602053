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

/// What a word is to its span, by the letter that its tag begins with.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    /// The first of several, or the only one.
    Begins,
    /// One that goes on.
    Goes,
    /// The last of several.
    Ends,
    /// The only one.
    Whole,
}

/// The letters of all schemes: IOB, BIOES, BILOU (last, unit) and BMES or BMEOW (middle, whole).
const LETTERS: [(char, Part); 8] = [
    ('B', Part::Begins),
    ('I', Part::Goes),
    ('M', Part::Goes),
    ('E', Part::Ends),
    ('L', Part::Ends),
    ('S', Part::Whole),
    ('U', Part::Whole),
    ('W', Part::Whole),
];

/// What a tag says: the part of a span and its kind, `_` where it does not say; none outside of all.
fn parse(tag: &str) -> Option<(Part, &str)> {
    let mut rest = tag.chars();
    let letter = rest.next().filter(|&letter| letter != 'O')?;
    let (_, part) = LETTERS.iter().find(|(known, _)| *known == letter)?;
    let rest = rest.as_str();
    let kind = rest.strip_prefix('-').unwrap_or(rest);
    Some((*part, if kind.is_empty() { "_" } else { kind }))
}

/// Whether such tags mark spans: each is `O` or begins with one of the letters of a scheme and a hyphen, as in `B-PER`, and one
/// does so.
pub fn mark_spans(tags: &[impl AsRef<str>]) -> bool {
    let marks = |tag: &str| tag.get(1..2) == Some("-") && tag.len() > 2 && parse(tag).is_some();
    tags.iter().any(|tag| marks(tag.as_ref()))
        && tags.iter().all(|tag| tag.as_ref() == "O" || marks(tag.as_ref()))
}

/// The name of the scheme by which such tags mark spans, where they do.
pub fn scheme(tags: &[impl AsRef<str>]) -> Option<&'static str> {
    let has = |letters: &[char]| tags.iter().any(|tag| tag.as_ref().starts_with(letters));
    mark_spans(tags).then(|| match () {
        _ if has(&['L', 'U']) => "spans in BILOU",
        _ if has(&['M', 'W']) => "spans in BMES",
        _ if has(&['E', 'S']) => "spans in BIOES",
        _ => "spans in IOB",
    })
}

/// The spans of a sentence, as seqeval's `get_entities` and the CoNLL shared tasks' `conlleval` find them: a span goes on
/// where `I` or `E` of its kind follows `B` or `I`; an `I` or `E` that goes on with nothing begins one. Other schemes have
/// other letters for the same. Tags that begin with no letter of a scheme are outside of all.
pub fn spans<'a>(tags: &[&'a str]) -> Vec<Span<'a>> {
    let mut spans: Vec<Span> = Vec::new();
    // The kind that the next word may go on with.
    let mut open = None;
    for (place, tag) in tags.iter().enumerate() {
        let Some((part, kind)) = parse(tag) else {
            open = None;
            continue;
        };
        match spans.last_mut() {
            Some(span) if matches!(part, Part::Goes | Part::Ends) && open == Some(kind) => span.last = place,
            _ => spans.push(Span { kind, first: place, last: place }),
        }
        open = matches!(part, Part::Begins | Part::Goes).then_some(kind);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_schemes_mark_the_same_spans() {
        let sentences = [
            (["B-LOC", "O", "B-PER", "I-PER", "I-PER", "B-PER"], "spans in IOB"),
            (["I-LOC", "O", "I-PER", "I-PER", "I-PER", "B-PER"], "spans in IOB"),
            (["S-LOC", "O", "B-PER", "I-PER", "E-PER", "S-PER"], "spans in BIOES"),
            (["U-LOC", "O", "B-PER", "I-PER", "L-PER", "U-PER"], "spans in BILOU"),
            (["S-LOC", "O", "B-PER", "M-PER", "E-PER", "S-PER"], "spans in BMES"),
        ];
        let span = |kind, first, last| Span { kind, first, last };
        for (tags, name) in sentences {
            assert_eq!(spans(&tags), [span("LOC", 0, 0), span("PER", 2, 4), span("PER", 5, 5)], "{name}");
            assert!(mark_spans(&tags));
            assert_eq!(scheme(&tags), Some(name));
            let scores = span_scores(&[sentences[0].0], &[tags]).unwrap();
            assert_eq!((scores.all.f1, scores.all.support), (1.0, 3), "{name}");
        }
        for tags in [["NOUN", "VERB"], ["O", "O"], ["B-PER", "X-PER"], ["B-", "O"]] {
            assert!(!mark_spans(&tags) && scheme(&tags).is_none(), "{tags:?}");
        }
    }
}
