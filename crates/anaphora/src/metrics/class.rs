//! One class an example: accuracy, confusion matrix, F1, log loss.

use super::{Real, ScoreError, check_matrix, check_pairs, check_probabilities, surprise};

/// How well one class, or one label, is found.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub struct ClassScore {
    /// Of those predicted, the share that is right; 0 where none is predicted.
    pub precision: f64,
    /// Of those that there are, the share that is predicted; 0 where there are none.
    pub recall: f64,
    /// 2 · precision · recall / (precision + recall), the harmonic mean; 0 where both are 0.
    pub f1: f64,
    /// How many there are.
    pub support: u64,
}

impl ClassScore {
    /// From how many are right, predicted, and there. F1 is 2 · right / (predicted + there). What would be 0/0 is 0, as
    /// in scikit-learn's `precision_recall_fscore_support`.
    pub(super) fn new(right: u64, predicted: u64, there: u64) -> Self {
        let share = |part: u64, whole: u64| if whole == 0 { 0.0 } else { part as f64 / whole as f64 };
        Self {
            precision: share(right, predicted),
            recall: share(right, there),
            f1: share(2 * right, predicted + there),
            support: there,
        }
    }
}

/// The share of examples whose predicted class is the true one.
///
/// # Errors
/// Lists of unequal length or without examples.
pub fn accuracy(truth: &[usize], predicted: &[usize]) -> Result<f64, ScoreError> {
    check_pairs("predicted classes", predicted.len(), "true classes", truth.len())?;
    let right = truth.iter().zip(predicted).filter(|(truth, predicted)| truth == predicted).count();
    Ok(right as f64 / truth.len() as f64)
}

/// How often each class was taken for each.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Confusion {
    classes: usize,
    /// `[true class, predicted class]`.
    counts: Vec<u64>,
}

impl Confusion {
    /// Counts examples, whose classes go from 0 to `classes` − 1.
    ///
    /// # Errors
    /// Lists of unequal length or without examples; a class that does not exist.
    pub fn new(truth: &[usize], predicted: &[usize], classes: usize) -> Result<Self, ScoreError> {
        check_pairs("predicted classes", predicted.len(), "true classes", truth.len())?;
        check_classes("true class", truth, classes)?;
        check_classes("predicted class", predicted, classes)?;
        let mut counts = vec![0; classes * classes];
        for (&truth, &predicted) in truth.iter().zip(predicted) {
            counts[truth * classes + predicted] += 1;
        }
        Ok(Self { classes, counts })
    }

    /// How many classes there are.
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// Examples of each true class (row) that were taken for each class (column).
    pub fn rows(&self) -> impl ExactSizeIterator<Item = &[u64]> {
        self.counts.chunks_exact(self.classes)
    }

    /// The share of examples on the diagonal.
    pub fn accuracy(&self) -> f64 {
        let right: u64 = (0..self.classes).map(|class| self.right(class)).sum();
        right as f64 / self.counts.iter().sum::<u64>() as f64
    }

    /// Precision, recall and F1 of one class against all others.
    ///
    /// # Panics
    /// Where there is no such class.
    pub fn class(&self, class: usize) -> ClassScore {
        assert!(class < self.classes, "class {class} of {}", self.classes);
        ClassScore::new(self.right(class), self.predicted(class), self.there(class))
    }

    /// The mean F1 of the classes that occur, among the true ones or the predicted ones: scikit-learn's
    /// `f1_score(average="macro")`. A class that is absent from both says nothing, and does not count as 0.
    pub fn macro_f1(&self) -> f64 {
        let occurring = (0..self.classes).filter(|&class| self.there(class) + self.predicted(class) > 0);
        let (sum, count) =
            occurring.fold((0.0, 0), |(sum, count), class| (sum + self.class(class).f1, count + 1));
        sum / f64::from(count)
    }

    fn right(&self, class: usize) -> u64 {
        self.counts[class * self.classes + class]
    }

    fn there(&self, class: usize) -> u64 {
        self.counts[class * self.classes..][..self.classes].iter().sum()
    }

    fn predicted(&self, class: usize) -> u64 {
        self.counts[class..].iter().step_by(self.classes).sum()
    }
}

/// −1/n Σ ln p(true class) in nats: the cross-entropy (Bishop, *Pattern Recognition and Machine Learning*, p. 209), equal to
/// scikit-learn's `log_loss`. `probabilities` are `[examples, classes]`. A probability counts as at least the
/// [`Real::EPSILON`] of its type.
///
/// # Errors
/// No examples or classes, lists that do not fit together, a class that does not exist, values that are no probabilities,
/// rows whose sum is more than 10⁻³ from 1.
pub fn log_loss<T: Real>(truth: &[usize], probabilities: &[T], classes: usize) -> Result<f64, ScoreError> {
    check_matrix("probabilities", probabilities.len(), truth.len(), classes, "classes")?;
    check_classes("true class", truth, classes)?;
    check_probabilities(probabilities)?;
    let mut loss = 0.0;
    for (index, (&class, row)) in truth.iter().zip(probabilities.chunks_exact(classes)).enumerate() {
        let sum: f64 = row.iter().map(|&p| p.into()).sum();
        if (sum - 1.0).abs() > 1e-3 {
            return Err(ScoreError::ProbabilitySum { index, sum });
        }
        loss += surprise::<T>(row[class].into());
    }
    Ok(loss / truth.len() as f64)
}

/// Refuses classes that do not exist.
pub(super) fn check_classes(what: &'static str, list: &[usize], classes: usize) -> Result<(), ScoreError> {
    if classes == 0 {
        return Err(ScoreError::Empty("classes"));
    }
    match list.iter().position(|&class| class >= classes) {
        Some(index) => Err(ScoreError::Class { what, index, class: list[index], classes }),
        None => Ok(()),
    }
}
