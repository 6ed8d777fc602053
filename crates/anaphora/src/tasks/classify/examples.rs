//! Examples as a model reads them, and how well it classifies them.

use anaphora_data::{Packed, Sequence};

use super::Classes;
use crate::Result;
use crate::metrics::{
    Confusion, Evaluation, MultiLabel, OneVsRest, auroc, auroc_one_vs_rest, multi_label, nats,
};
use crate::model::{Compute, SequenceModel, Targets, likeliest, softmax};
use crate::tasks::shared::reader;
use crate::training::Validation;

/// The probability from which on one of several labels is taken to be there.
pub const THRESHOLD: f32 = 0.5;

/// Examples as a model reads them.
#[derive(Default)]
pub struct Examples {
    /// What is read of each.
    pub inputs: Vec<Sequence>,
    /// The classes of each: one, where it has not several labels.
    pub classes: Vec<Vec<u32>>,
}

impl Examples {
    /// The examples of a batch, packed, and what is true of them.
    pub fn batch(&self, batch: &[usize], known: &Classes) -> (Packed, Targets) {
        let packed = Packed::new(batch.iter().map(|&example| &self.inputs[example]));
        let classes = || batch.iter().map(|&example| &self.classes[example]);
        let targets = if known.separator.is_some() {
            let labels = known.labels.len();
            let mut values = vec![0.0; batch.len() * labels];
            for (row, classes) in values.chunks_exact_mut(labels).zip(classes()) {
                classes.iter().for_each(|&class| row[class as usize] = 1.0);
            }
            Targets::Values(values)
        } else {
            Targets::Classes(classes().map(|classes| classes[0]).collect())
        };
        (packed, targets)
    }

    /// The probabilities of the classes, `[examples, classes]`.
    pub fn probabilities(
        &self,
        model: &SequenceModel,
        compute: &mut Compute,
        known: &Classes,
    ) -> Result<Vec<f32>> {
        let classes = known.labels.len();
        let mut probabilities = reader::outputs(model, compute, &self.inputs, classes)?;
        match known.separator {
            Some(_) => probabilities.iter_mut().for_each(|p| *p = 1.0 / (1.0 + (-*p).exp())),
            None => probabilities.chunks_exact_mut(classes).for_each(softmax),
        }
        Ok(probabilities)
    }

    /// Scores the model on them.
    pub fn score(&self, model: &SequenceModel, compute: &mut Compute, known: &Classes) -> Result<Scored> {
        let probabilities = self.probabilities(model, compute, known)?;
        let classes = known.labels.len();
        if known.separator.is_some() {
            let mut truth = vec![false; probabilities.len()];
            for (row, classes) in truth.chunks_exact_mut(classes).zip(&self.classes) {
                classes.iter().for_each(|&class| row[class as usize] = true);
            }
            let loss = |(&p, &there): (&f32, &bool)| nats(if there { p } else { 1.0 - p });
            let sum: f64 = probabilities.iter().zip(&truth).map(loss).sum();
            let predicted: Vec<bool> = probabilities.iter().map(|&p| p >= THRESHOLD).collect();
            let scores = multi_label(&truth, &predicted, classes)?;
            return Ok(Scored { loss: sum / self.inputs.len() as f64, found: Found::Labels(scores) });
        }
        let truth: Vec<usize> = self.classes.iter().map(|classes| classes[0] as usize).collect();
        let rows = || probabilities.chunks_exact(classes);
        let sum: f64 = rows().zip(&truth).map(|(row, &class)| nats(row[class])).sum();
        let predicted: Vec<usize> = rows().map(likeliest).collect();
        let confusion = Confusion::new(&truth, &predicted, classes)?;
        let area = match classes {
            2 => {
                let positive: Vec<bool> = truth.iter().map(|&class| class == 1).collect();
                let scores: Vec<f32> = probabilities.iter().skip(1).step_by(2).copied().collect();
                auroc(&positive, &scores)
            }
            count => auroc_one_vs_rest(&truth, &probabilities, count)
                .map(|OneVsRest { macro_mean, .. }| macro_mean),
        };
        // It is not defined where a class is missing.
        let found = Found::Class { confusion, auroc: area.ok() };
        Ok(Scored { loss: sum / truth.len() as f64, found })
    }
}

/// How well examples are classified.
pub struct Scored {
    /// Mean cross-entropy without weights or smoothing.
    loss: f64,
    found: Found,
}

enum Found {
    Class { confusion: Confusion, auroc: Option<f64> },
    Labels(MultiLabel),
}

impl Scored {
    /// As a training sees it. The best model makes the fewest mistakes; of two that make as many, it is the surer one.
    pub fn validation(&self) -> Validation {
        let loss = self.loss;
        let (mistakes, scores) = match &self.found {
            Found::Class { confusion, .. } => {
                let accuracy = confusion.accuracy();
                (1.0 - accuracy, vec![("accuracy", accuracy), ("macro F1", confusion.macro_f1())])
            }
            Found::Labels(scores) => {
                let named = vec![("micro F1", scores.micro_f1), ("subset accuracy", scores.subset_accuracy)];
                (1.0 - scores.micro_f1, named)
            }
        };
        Validation { loss, cost: mistakes + 1e-6 * loss, scores }
    }

    /// As a person or program is told.
    pub fn evaluation(&self, examples: usize, labels: &[String]) -> Evaluation {
        let mut evaluation = Evaluation::new(examples, "example");
        match &self.found {
            Found::Class { confusion, auroc } => {
                evaluation.add("accuracy", confusion.accuracy());
                evaluation.add("macro_f1", confusion.macro_f1());
                evaluation.add("loss", self.loss);
                auroc.iter().for_each(|&auroc| evaluation.add("auroc", auroc));
                evaluation.confusion("class", labels, confusion);
            }
            Found::Labels(scores) => {
                evaluation.add("micro_f1", scores.micro_f1);
                evaluation.add("macro_f1", scores.macro_f1);
                evaluation.add("subset_accuracy", scores.subset_accuracy);
                evaluation.add("loss", self.loss);
                evaluation.classes("class", labels, &scores.labels);
            }
        }
        evaluation
    }
}
