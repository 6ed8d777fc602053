//! Several labels an example, each there or not.

use super::{ClassScore, ScoreError, check_matrix, check_pairs};

/// How well several labels an example are found.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct MultiLabel {
    /// The share of examples all of whose labels are right.
    pub subset_accuracy: f64,
    /// F1 over all labels of all examples, counted together: a frequent label weighs more.
    pub micro_f1: f64,
    /// The mean F1 of the labels: each weighs the same, and one that neither occurs nor is predicted counts as 0.
    pub macro_f1: f64,
    /// Each label by itself.
    pub labels: Vec<ClassScore>,
}

/// Scores labels, `[examples, labels]`, of which any number may be true: scikit-learn's `accuracy_score`, `f1_score` and
/// `precision_recall_fscore_support` on indicator matrices.
///
/// # Errors
/// No examples or labels, lists that do not fit together.
pub fn multi_label(truth: &[bool], predicted: &[bool], labels: usize) -> Result<MultiLabel, ScoreError> {
    check_pairs("predicted labels", predicted.len(), "true labels", truth.len())?;
    let examples = truth.len().checked_div(labels).unwrap_or(0);
    check_matrix("true labels", truth.len(), examples, labels, "labels")?;
    let rows = || truth.chunks_exact(labels).zip(predicted.chunks_exact(labels));
    let counts = |label: usize| {
        rows().fold([0, 0, 0], |[right, guessed, there], (truth, predicted)| {
            let (truth, predicted) = (truth[label], predicted[label]);
            [right + u64::from(truth && predicted), guessed + u64::from(predicted), there + u64::from(truth)]
        })
    };
    let counts: Vec<[u64; 3]> = (0..labels).map(counts).collect();
    let score = |&[right, predicted, there]: &[u64; 3]| ClassScore::new(right, predicted, there);
    let each: Vec<ClassScore> = counts.iter().map(score).collect();
    let all = counts.iter().fold([0; 3], |sum, label| [0, 1, 2].map(|i| sum[i] + label[i]));
    let exact = rows().filter(|(truth, predicted)| truth == predicted).count();
    Ok(MultiLabel {
        subset_accuracy: exact as f64 / examples as f64,
        micro_f1: score(&all).f1,
        macro_f1: each.iter().map(|label| label.f1).sum::<f64>() / labels as f64,
        labels: each,
    })
}
