//! Examples as a model reads them, and how well it classifies them.

use anaphora_data::{Packed, Sequence};

use super::Classes;
use crate::Result;
use crate::metrics::Classified;
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
    pub fn score(&self, model: &SequenceModel, compute: &mut Compute, known: &Classes) -> Result<Classified> {
        let probabilities = self.probabilities(model, compute, known)?;
        let count = known.labels.len();
        Ok(match known.separator {
            Some(_) => Classified::labels(&self.classes, &probabilities, count, THRESHOLD)?,
            None => {
                let truth: Vec<usize> = self.classes.iter().map(|classes| classes[0] as usize).collect();
                let predicted: Vec<usize> = probabilities.chunks_exact(count).map(likeliest).collect();
                Classified::classes(&truth, &predicted, &probabilities, count)?
            }
        })
    }
}

/// As a training sees it. The best model makes the fewest mistakes.
pub fn validation(scored: &Classified) -> Validation {
    Validation::by_score(scored.loss, scored.best().into())
}
