//! Attention written out plainly in f64, with the matrix of all weights: the oracle of the fast one.

use super::{Attention, Batch, Dropout, SHORTEST, Similarity};

/// The weights of one sequence of queries, `[heads, queries, keys]`. `scale[heads]` is the learned scale of the cosine.
pub fn weights(attention: &Attention, scale: &[f64], batch: &Batch<f64>, sequence: usize) -> Vec<f64> {
    let [queries, keys, _] = batch.heads(attention);
    let source = batch.source(sequence);
    let others = batch.key_sequences();
    let (rows, columns) = (batch.sequences.lengths[sequence], others.lengths[source]);
    let mut weights = Vec::with_capacity(attention.heads * rows * columns);
    for head in 0..attention.heads {
        let factor = scale.get(head).copied().unwrap_or(1.0);
        for i in 0..rows {
            let query = queries.at(batch.sequences.offsets[i] + sequence, head);
            let scores = (0..columns).map(|j| {
                let key = keys.at(others.offsets[j] + source, head / attention.group());
                let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
                let length = |x: &[f64]| dot(x, x).sqrt().max(f64::from(SHORTEST));
                let score = match attention.similarity {
                    Similarity::ScaledDotProduct => dot(query, key) / (attention.head_size as f64).sqrt(),
                    Similarity::Cosine => factor * dot(query, key) / (length(query) * length(key)),
                };
                let distance = i.abs_diff(j);
                let sees =
                    (!attention.causal || j <= i) && attention.window.is_none_or(|window| distance < window);
                let slope = attention.slope(head).map_or(0.0, f64::from);
                if sees { score - slope * distance as f64 } else { f64::NEG_INFINITY }
            });
            let scores: Vec<f64> = scores.collect();
            let largest = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let exps =
                scores.iter().map(|score| if largest.is_finite() { (score - largest).exp() } else { 0.0 });
            let exps: Vec<f64> = exps.collect();
            let sum: f64 = exps.iter().sum();
            weights.extend(exps.iter().map(|exp| if sum > 0.0 { exp / sum } else { 0.0 }));
        }
    }
    weights
}

/// The output, `[tokens, heads * head_size]`.
pub fn forward(
    attention: &Attention,
    scale: &[f64],
    dropout: Option<Dropout>,
    batch: &Batch<f64>,
) -> Vec<f64> {
    let [_, _, values] = batch.heads(attention);
    let others = batch.key_sequences();
    let mut out = vec![0.0; batch.sequences.rows * attention.width()];
    for sequence in 0..batch.sequences.lengths.len() {
        let source = batch.source(sequence);
        let (rows, columns) = (batch.sequences.lengths[sequence], others.lengths[source]);
        let weights = weights(attention, scale, batch, sequence);
        for head in 0..attention.heads {
            for i in 0..rows {
                let token = batch.sequences.offsets[i] + sequence;
                let at = token * attention.width() + head * attention.head_size;
                for j in 0..columns {
                    let factor = dropout.map_or(1.0, |dropout| f64::from(dropout.factor(token, head, j)));
                    let weight = factor * weights[(head * rows + i) * columns + j];
                    let value = values.at(others.offsets[j] + source, head / attention.group());
                    out[at..at + attention.head_size]
                        .iter_mut()
                        .zip(value)
                        .for_each(|(out, value)| *out += weight * value);
                }
            }
        }
    }
    out
}
