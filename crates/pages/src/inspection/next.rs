//! What the model expected after each step, worked out from its logits: exact, and a fraction of their size.

use anaphora::inspect::Inspection;
use serde::Serialize;

use super::pack::{Bits, Packed};

/// Symbols that are kept of each step.
const TOP: usize = 10;

/// The most probable next symbols of each step.
#[derive(Debug, Serialize)]
pub struct Next {
    /// How many are kept.
    top: usize,
    /// Their numbers, `[steps × top]`, the most probable first.
    symbols: Vec<u32>,
    /// Their probabilities.
    probabilities: Packed,
    /// The number of the true next symbol of each step, -1 where none follows.
    targets: Vec<i64>,
    /// How many symbols were more probable than the true one, from 1; 0 where none follows.
    ranks: Vec<u32>,
    /// Surprise at the true symbol, in nats.
    nats: Packed,
    /// The mean surprise, where something follows.
    mean: Option<f64>,
}

/// What an inspection's logits say; none where they are not of the next symbol.
pub fn next(inspection: &Inspection) -> Option<Next> {
    let logits = inspection.get("logits").filter(|logits| logits.axes == ["steps", "symbols"])?;
    let targets = inspection.get("targets").filter(|targets| targets.axes == ["steps"])?;
    let [steps, width] = logits.shape[..] else { return None };
    let top = TOP.min(width);
    let mut next = Next {
        top,
        symbols: Vec::with_capacity(steps * top),
        probabilities: Packed::new(&[0], &[], Bits::Sixteen),
        targets: targets.values.iter().map(|&target| target as i64).collect(),
        ranks: Vec::with_capacity(steps),
        nats: Packed::new(&[0], &[], Bits::Sixteen),
        mean: None,
    };
    let (mut probabilities, mut nats) = (Vec::with_capacity(steps * top), Vec::with_capacity(steps));
    for (row, &target) in logits.values.chunks_exact(width.max(1)).zip(&next.targets) {
        let largest = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let sum: f64 = row.iter().map(|&logit| f64::from(logit - largest).exp()).sum();
        let log_probability = |symbol: usize| f64::from(row[symbol] - largest) - sum.ln();
        let mut order: Vec<usize> = (0..width).collect();
        let by_score = |&a: &usize, &b: &usize| row[b].total_cmp(&row[a]);
        if top < width {
            order.select_nth_unstable_by(top, by_score);
            order.truncate(top);
        }
        order.sort_by(by_score);
        for &symbol in &order {
            next.symbols.push(symbol as u32);
            probabilities.push(log_probability(symbol).exp() as f32);
        }
        match usize::try_from(target).ok().filter(|&target| target < width) {
            Some(target) => {
                let above = row.iter().filter(|&&logit| logit > row[target]).count();
                next.ranks.push(above as u32 + 1);
                nats.push(-log_probability(target) as f32);
            }
            None => {
                next.ranks.push(0);
                nats.push(f32::NAN);
            }
        }
    }
    let known: Vec<f64> = nats.iter().filter(|nats| nats.is_finite()).map(|&nats| nats.into()).collect();
    next.mean = (!known.is_empty()).then(|| known.iter().sum::<f64>() / known.len() as f64);
    next.probabilities = Packed::new(&[steps, top], &probabilities, Bits::Sixteen);
    next.nats = Packed::new(&[steps], &nats, Bits::Sixteen);
    Some(next)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_probable_come_first_and_the_true_one_has_its_rank() {
        let mut inspection = Inspection::default();
        // Probabilities 1/8, 1/2, 1/4, 1/8, and all alike.
        let logits: Vec<f32> =
            [0.125_f32, 0.5, 0.25, 0.125].iter().map(|p| p.ln() + 3.0).chain([0.0; 4]).collect();
        inspection.add("logits", &["steps", "symbols"], &[2, 4], logits, "");
        inspection.add("targets", &["steps"], &[2], vec![2.0, -1.0], "");
        let next = next(&inspection).expect("logits");
        assert_eq!(next.symbols[..3], [1, 2, 0]);
        assert_eq!(next.ranks, [2, 0]);
        assert!((next.mean.expect("a mean") - 4_f64.ln()).abs() < 1e-6);
    }
}
