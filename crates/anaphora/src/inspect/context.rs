//! The loss when only the last symbols are visible: how far a model really remembers (Khandelwal et al. 2018).

use anaphora_data::{Packed, Sequence, wanted};

use super::Inspection;
use crate::Result;
use crate::model::{Compute, Observe};

/// Symbols read at once.
const AT_ONCE: usize = 1 << 14;

/// The numbers of visible symbols that are tried, doubling from 1: at most `longest`.
pub fn lengths(longest: usize) -> Vec<usize> {
    std::iter::successors(Some(1), |length| Some(2 * length))
        .take_while(|&length| length <= longest)
        .collect()
}

/// Adds `context.loss [lengths]`: the mean cross-entropy in nats of the targets of some steps of `tokens`, at most `places`, each
/// from a zero state behind the last 1, 2, 4 … symbols up to itself. The steps are the same for each length.
///
/// # Errors
/// Tokens that the model cannot read.
pub fn context(
    inspection: &mut Inspection,
    compute: &mut Compute,
    model: &dyn Observe,
    [tokens, targets]: [&[u32]; 2],
    longest: usize,
    places: usize,
) -> Result<()> {
    let lengths = lengths(longest.min(targets.len()));
    let Some(&needed) = lengths.last() else { return Ok(()) };
    let steps: Vec<usize> = (needed - 1..targets.len()).collect();
    let steps: Vec<usize> = steps.iter().step_by(steps.len().div_ceil(places).max(1)).copied().collect();
    let mut losses = Vec::with_capacity(lengths.len());
    for &length in &lengths {
        let mut sum = 0.0;
        for steps in steps.chunks((AT_ONCE / length).max(1)) {
            let visible = |&step: &usize| Sequence::Tokens(tokens[step + 1 - length..=step].to_vec());
            let sequences: Vec<Sequence> = steps.iter().map(visible).collect();
            wanted::check()?;
            let (outputs, width) = model.outputs(compute, &Packed::new(&sequences))?;
            // The last step of each sequence: they are all of one length.
            let last = &outputs[(length - 1) * steps.len() * width..];
            for (logits, &step) in last.chunks_exact(width).zip(steps) {
                sum += cross_entropy(logits, targets[step]);
            }
        }
        losses.push((sum / steps.len() as f64) as f32);
    }
    inspection.labels.insert("lengths".into(), lengths.iter().map(usize::to_string).collect());
    let what = "mean cross-entropy in nats when only the last symbols are visible";
    inspection.add("context.loss", &["lengths"], &[losses.len()], losses, what);
    Ok(())
}

/// The cross-entropy in nats of a target under logits.
pub fn cross_entropy(logits: &[f32], target: u32) -> f64 {
    let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let sum: f64 = logits.iter().map(|&logit| f64::from(logit - largest).exp()).sum();
    sum.ln() - f64::from(logits[target as usize] - largest)
}
