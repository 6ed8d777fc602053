//! Scores of a classifier.

use super::{
    Confusion, Evaluation, MultiLabel, OneVsRest, ScoreError, auroc, auroc_one_vs_rest, multi_label, nats,
};

/// How well examples are classified.
#[derive(Clone, Debug, PartialEq)]
pub struct Classified {
    /// Mean cross-entropy in nats.
    pub loss: f64,
    found: Found,
}

#[derive(Clone, Debug, PartialEq)]
enum Found {
    Class { confusion: Confusion, auroc: Option<f64> },
    Labels(MultiLabel),
}

impl Classified {
    /// How well examples of one of `count` classes each are told apart, by `probabilities[examples, count]`.
    ///
    /// # Errors
    /// Those of [`Confusion::new`].
    pub fn classes(
        truth: &[usize],
        predicted: &[usize],
        probabilities: &[f32],
        count: usize,
    ) -> Result<Self, ScoreError> {
        let rows = probabilities.chunks_exact(count);
        let sum: f64 = rows.zip(truth).map(|(row, &class)| nats(row[class])).sum();
        let confusion = Confusion::new(truth, predicted, count)?;
        let area = match count {
            2 => {
                let positive: Vec<bool> = truth.iter().map(|&class| class == 1).collect();
                let scores: Vec<f32> = probabilities.iter().skip(1).step_by(2).copied().collect();
                auroc(&positive, &scores)
            }
            count => {
                auroc_one_vs_rest(truth, probabilities, count).map(|OneVsRest { macro_mean, .. }| macro_mean)
            }
        };
        // It is not defined where a class is missing.
        let found = Found::Class { confusion, auroc: area.ok() };
        Ok(Self { loss: sum / truth.len() as f64, found })
    }

    /// How well any of `count` labels are found, by `probabilities[examples, count]`, each there from `threshold` on.
    ///
    /// # Errors
    /// Those of [`multi_label`].
    pub fn labels(
        labels: &[Vec<u32>],
        probabilities: &[f32],
        count: usize,
        threshold: f32,
    ) -> Result<Self, ScoreError> {
        let mut truth = vec![false; probabilities.len()];
        for (row, labels) in truth.chunks_exact_mut(count).zip(labels) {
            labels.iter().for_each(|&label| row[label as usize] = true);
        }
        let loss = |(&p, &there): (&f32, &bool)| nats(if there { p } else { 1.0 - p });
        let sum: f64 = probabilities.iter().zip(&truth).map(loss).sum();
        let predicted: Vec<bool> = probabilities.iter().map(|&p| p >= threshold).collect();
        let found = Found::Labels(multi_label(&truth, &predicted, count)?);
        Ok(Self { loss: sum / labels.len() as f64, found })
    }

    /// The two scores that matter most, the first one first.
    pub fn best(&self) -> [(&'static str, f64); 2] {
        match &self.found {
            Found::Class { confusion, .. } => {
                [("accuracy", confusion.accuracy()), ("macro_f1", confusion.macro_f1())]
            }
            Found::Labels(scores) => {
                [("micro_f1", scores.micro_f1), ("subset_accuracy", scores.subset_accuracy)]
            }
        }
    }

    /// All scores by their names, best known first.
    pub fn scores(&self) -> Vec<(&'static str, f64)> {
        match &self.found {
            Found::Class { confusion, auroc } => {
                let known = [
                    ("accuracy", confusion.accuracy()),
                    ("macro_f1", confusion.macro_f1()),
                    ("loss", self.loss),
                ];
                known.into_iter().chain(auroc.map(|auroc| ("auroc", auroc))).collect()
            }
            Found::Labels(scores) => vec![
                ("micro_f1", scores.micro_f1),
                ("macro_f1", scores.macro_f1),
                ("subset_accuracy", scores.subset_accuracy),
                ("loss", self.loss),
            ],
        }
    }

    /// The score as text and as JSON.
    pub fn evaluation(&self, examples: usize, labels: &[String]) -> Evaluation {
        let mut evaluation = Evaluation::new(examples, "example");
        evaluation.scores = self.scores();
        match &self.found {
            Found::Class { confusion, .. } => evaluation.confusion("class", labels, confusion),
            Found::Labels(scores) => evaluation.classes("class", labels, &scores.labels),
        }
        evaluation
    }
}
