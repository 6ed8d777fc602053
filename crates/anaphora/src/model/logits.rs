//! What is made of logits, a row of them at a time.

/// Probabilities from what a head gives.
pub fn softmax(logits: &[f32], probabilities: &mut [f32]) {
    let most = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    probabilities.iter_mut().zip(logits).for_each(|(p, logit)| *p = (logit - most).exp());
    let sum: f32 = probabilities.iter().sum();
    probabilities.iter_mut().for_each(|p| *p /= sum);
}

/// The place of the largest value.
pub fn likeliest(row: &[f32]) -> usize {
    (0..row.len()).max_by(|&a, &b| row[a].total_cmp(&row[b])).unwrap_or(0)
}
