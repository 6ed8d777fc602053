//! The area under the receiver operating characteristic.

use super::class::check_classes;
use super::{Real, ScoreError, check_finite, check_matrix, check_pairs};

/// The probability that a positive example has a higher score than a negative one, ties counted as half: the area under the
/// ROC curve, equal to scikit-learn's `roc_auc_score`. It is the Mann–Whitney statistic U / (positives · negatives) (Hanley
/// and McNeil 1982). 0.5 is chance.
///
/// # Errors
/// Lists of unequal length, scores that are not finite, and examples of one class only.
pub fn auroc<T: Real>(truth: &[bool], scores: &[T]) -> Result<f64, ScoreError> {
    check_pairs("scores", scores.len(), "true classes", truth.len())?;
    check_finite("scores", scores)?;
    let mut ranked: Vec<(f64, bool)> = scores.iter().map(|&s| s.into()).zip(truth.iter().copied()).collect();
    ranked.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    let (mut positives, mut negatives, mut twice_u) = (0, 0, 0);
    // `==` holds for 0 and −0, which `total_cmp` puts side by side.
    for tied in ranked.chunk_by(|a, b| a.0 == b.0) {
        let positive = tied.iter().filter(|(_, positive)| *positive).count();
        let negative = tied.len() - positive;
        twice_u += positive * (2 * negatives + negative);
        positives += positive;
        negatives += negative;
    }
    if positives == 0 || negatives == 0 {
        return Err(ScoreError::OneClass { positive: positives, negative: negatives });
    }
    Ok(twice_u as f64 / (2.0 * positives as f64 * negatives as f64))
}

/// The AUROC of each class against all others.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct OneVsRest {
    /// The mean over the classes that have one.
    pub macro_mean: f64,
    /// Each class; `None` where no example, or every example, is of it.
    pub classes: Vec<Option<f64>>,
}

/// The [`auroc`] of each class against all others, and their mean: scikit-learn's
/// `roc_auc_score(multi_class="ovr", average="macro")`, which however refuses examples from which a class is absent; here it
/// is left out of the mean. `scores` are `[examples, classes]`, probabilities or not.
///
/// # Errors
/// No examples or classes, lists that do not fit together, a class that does not exist, scores that are not finite, and
/// examples of one class only.
pub fn auroc_one_vs_rest<T: Real>(
    truth: &[usize],
    scores: &[T],
    classes: usize,
) -> Result<OneVsRest, ScoreError> {
    check_matrix("scores", scores.len(), truth.len(), classes, "classes")?;
    check_classes("true class", truth, classes)?;
    check_finite("scores", scores)?;
    let one = |class: usize| {
        let is: Vec<bool> = truth.iter().map(|&truth| truth == class).collect();
        let scores: Vec<T> = scores.iter().copied().skip(class).step_by(classes).collect();
        auroc(&is, &scores).ok()
    };
    let each: Vec<Option<f64>> = (0..classes).map(one).collect();
    let defined = each.iter().flatten();
    match defined.clone().count() {
        0 => Err(ScoreError::OneClass { positive: truth.len(), negative: 0 }),
        count => Ok(OneVsRest { macro_mean: defined.sum::<f64>() / count as f64, classes: each }),
    }
}
