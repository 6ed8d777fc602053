//! Examples as a model reads them, and how well it classifies them.

use anaphora_data::{Packed, Sequence};

use super::Classes;
use crate::Result;
use crate::metrics::{Classified, nats};
use crate::model::{Compute, SequenceModel, Targets, likeliest, softmax};
use crate::tasks::shared::reader;
use crate::training::{Network, Validation};

/// Steps from none of the network to all of it, of which the one with the least loss is taken.
const SHARES: usize = 20;
/// The probability from which on one of several labels is taken to be there.
pub const THRESHOLD: f32 = 0.5;

/// Examples as a model reads them.
#[derive(Default)]
pub struct Examples {
    /// What is read of each.
    pub inputs: Vec<Sequence>,
    /// The classes of each: one, where it has not several labels.
    pub classes: Vec<Vec<u32>>,
    /// What the linear map says of each, `[examples, classes]`, where the network's outputs are added to one.
    pub linear: Vec<f32>,
}

/// How well examples are classified by the model, and by the linear map alone.
pub struct Scored {
    pub model: Classified,
    pub linear: Option<Classified>,
}

impl Examples {
    /// The examples of a batch, packed, and what is true of them.
    pub fn batch(&self, batch: &[usize], known: &Classes) -> (Packed, Targets) {
        let packed = Packed::new(batch.iter().map(|&example| &self.inputs[example]));
        let classes = batch.iter().map(|&example| &self.classes[example]);
        (packed, targets(classes, known))
    }

    /// What the network's outputs for some of them are added to, `[batch, classes]`; nothing where they are not.
    pub fn offsets(&self, batch: &[usize], classes: usize) -> Vec<f32> {
        let of = |&example: &usize| &self.linear[example * classes..][..classes];
        if self.linear.is_empty() { Vec::new() } else { batch.iter().flat_map(of).copied().collect() }
    }

    /// The probabilities of the classes, `[examples, classes]`.
    pub fn probabilities(
        &self,
        model: &SequenceModel,
        compute: &mut Compute,
        known: &Classes,
    ) -> Result<Vec<f32>> {
        let classes = known.labels.len();
        let mut outputs = reader::outputs(model, compute, &self.inputs, classes)?;
        outputs.iter_mut().zip(&self.linear).for_each(|(output, linear)| *output += linear);
        Ok(of_logits(outputs, known))
    }

    /// Scores the model on them, and the linear map.
    pub fn score(&self, model: &SequenceModel, compute: &mut Compute, known: &Classes) -> Result<Scored> {
        let model = self.scored(&self.probabilities(model, compute, known)?, known)?;
        Ok(Scored { model, linear: self.score_linear(known)? })
    }

    /// Scores a network that learns, with as much of it as suits them best where it is added to a linear map. The best model makes
    /// the fewest mistakes.
    pub fn validate(
        &self,
        model: &SequenceModel,
        compute: &mut Compute,
        known: &Classes,
    ) -> Result<Validation> {
        let outputs = reader::outputs(model, compute, &self.inputs, known.labels.len())?;
        let with = |share: f32| {
            let mut logits = self.linear.clone();
            logits.iter_mut().zip(&outputs).for_each(|(logit, output)| *logit += share * output);
            of_logits(logits, known)
        };
        let mut network = None;
        let probabilities = if self.linear.is_empty() {
            of_logits(outputs, known)
        } else {
            let alone = self.loss(&of_logits(outputs.clone(), known), known);
            let losses = (0..=SHARES).map(|part| {
                let share = part as f32 / SHARES as f32;
                (self.loss(&with(share), known), share)
            });
            let (_, share) = losses.min_by(|a, b| a.0.total_cmp(&b.0)).unwrap_or_default();
            network = Some(Network { loss: alone, share });
            with(share)
        };
        let scored = self.scored(&probabilities, known)?;
        Ok(Validation { network, ..Validation::by_score(scored.loss, scored.best().into()) })
    }

    /// The mean loss of such probabilities.
    fn loss(&self, probabilities: &[f32], known: &Classes) -> f64 {
        let rows = probabilities.chunks_exact(known.labels.len()).zip(&self.classes);
        let loss = |(row, classes): (&[f32], &Vec<u32>)| match known.separator {
            None => nats(row[classes[0] as usize]),
            Some(_) => {
                let there = |label: usize| classes.contains(&(label as u32));
                row.iter().enumerate().map(|(label, p)| nats(if there(label) { *p } else { 1.0 - p })).sum()
            }
        };
        rows.map(loss).sum::<f64>() / self.classes.len() as f64
    }

    /// Scores the linear map, where there is one.
    pub fn score_linear(&self, known: &Classes) -> Result<Option<Classified>> {
        if self.linear.is_empty() {
            return Ok(None);
        }
        self.scored(&of_logits(self.linear.clone(), known), known).map(Some)
    }

    fn scored(&self, probabilities: &[f32], known: &Classes) -> Result<Classified> {
        let count = known.labels.len();
        Ok(match known.separator {
            Some(_) => Classified::labels(&self.classes, probabilities, count, THRESHOLD)?,
            None => {
                let truth: Vec<usize> = self.classes.iter().map(|classes| classes[0] as usize).collect();
                let predicted: Vec<usize> = probabilities.chunks_exact(count).map(likeliest).collect();
                Classified::classes(&truth, &predicted, probabilities, count)?
            }
        })
    }
}

/// Logits `[examples, classes]` as probabilities.
fn of_logits(mut logits: Vec<f32>, known: &Classes) -> Vec<f32> {
    match known.separator {
        Some(_) => logits.iter_mut().for_each(|p| *p = 1.0 / (1.0 + (-*p).exp())),
        None => logits.chunks_exact_mut(known.labels.len()).for_each(softmax),
    }
    logits
}

/// What is true of some examples, each of such classes.
pub fn targets<'a>(classes: impl ExactSizeIterator<Item = &'a Vec<u32>>, known: &Classes) -> Targets {
    if known.separator.is_none() {
        return Targets::Classes(classes.map(|classes| classes[0]).collect());
    }
    let labels = known.labels.len();
    let mut values = vec![0.0; classes.len() * labels];
    for (row, classes) in values.chunks_exact_mut(labels).zip(classes) {
        classes.iter().for_each(|&class| row[class as usize] = 1.0);
    }
    Targets::Values(values)
}
