//! What predicting classes has in common, be it one of an example or one of each of its steps.

use std::collections::BTreeMap;
use std::path::Path;

use crate::recipe::ClassWeights;

/// Probabilities from what a head gives.
pub fn softmax(logits: &[f32], probabilities: &mut [f32]) {
    let most = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    probabilities.iter_mut().zip(logits).for_each(|(p, logit)| *p = (logit - most).exp());
    let sum: f32 = probabilities.iter().sum();
    probabilities.iter_mut().for_each(|p| *p /= sum);
}

/// The class with the greatest probability.
pub fn likeliest(row: &[f32]) -> usize {
    (0..row.len()).max_by(|&a, &b| row[a].total_cmp(&row[b])).unwrap_or(0)
}

/// −ln p in nats, of a probability that may have come to 0.
pub fn surprise(probability: f32) -> f64 {
    -f64::from(probability.max(f32::MIN_POSITIVE)).ln()
}

/// One over the frequency of each of `count` classes, so that all count as much; their mean over what has them is 1.
pub fn class_weights<'a>(
    kind: ClassWeights,
    classes: impl Iterator<Item = &'a u32>,
    count: usize,
) -> Option<Vec<f32>> {
    if kind == ClassWeights::None {
        return None;
    }
    let mut counts = vec![0_usize; count];
    classes.for_each(|&class| counts[class as usize] += 1);
    let all: usize = counts.iter().sum();
    let weight = |&there: &usize| all as f32 / (count * there.max(1)) as f32;
    Some(counts.iter().map(weight).collect())
}

/// What is to be said of labels, or tags, that are there once only, each with its file and its line (0 for a whole file).
pub fn seen_once<'a>(
    what: &str,
    labelled: impl Iterator<Item = (&'a str, (&'a Path, usize))>,
) -> Option<String> {
    let mut seen: BTreeMap<&str, (usize, (&Path, usize))> = BTreeMap::new();
    for (label, place) in labelled {
        seen.entry(label).or_insert((0, place)).0 += 1;
    }
    let once = seen.into_iter().filter(|(_, (count, _))| *count == 1);
    let names: Vec<String> = once
        .map(|(label, (_, (path, line)))| match line {
            0 => format!("{label} ({})", path.display()),
            line => format!("{label} ({}, line {line})", path.display()),
        })
        .collect();
    let listed = crate::error::listed(&names);
    match names.len() {
        0 => None,
        1 => Some(format!("the {what} {listed} is seen once: it cannot be learnt and judged both")),
        count => {
            Some(format!("{count} {what}s are seen once, and cannot be learnt and judged both: {listed}"))
        }
    }
}
