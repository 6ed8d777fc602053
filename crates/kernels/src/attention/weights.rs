//! The matrix of all weights, for those who want to look at it: what the fused forward pass never lays out.

use super::{Batch, Settings, dot};
use crate::pool::Pool;
use crate::shared::SharedMut;

/// The weights of one sequence of queries, `[heads, queries, keys]`, without dropout and in f32 whatever the precision of
/// `settings`; zero where a query does not see a key.
pub fn weights(pool: &Pool, settings: Settings, batch: Batch, sequence: usize) -> Vec<f32> {
    settings.check();
    let attention = settings.attention;
    let [queries, keys, _] = batch.heads(attention);
    let (source, others) = (batch.source(sequence), batch.key_sequences());
    let (rows, columns) = (batch.sequences.lengths[sequence], others.lengths[source]);
    let mut weights = vec![0.0; attention.heads * rows * columns];
    let all = SharedMut::new(&mut weights);
    pool.run(|worker| {
        for index in worker.share(attention.heads * rows, 1) {
            let (head, i) = (index / rows, index % rows);
            // SAFETY: this row belongs to this worker alone.
            let row = unsafe { all.part(index * columns..(index + 1) * columns) };
            let query = queries.at(batch.sequences.offsets[i] + sequence, head);
            let factor = settings.factor(head) * attention.normaliser(query);
            let seen = attention.band(0).columns(i..i + 1, columns);
            for (j, score) in seen.clone().zip(&mut row[seen.clone()]) {
                let key = keys.at(others.offsets[j] + source, head / attention.group());
                *score = factor * attention.normaliser(key) * dot(query, key);
                if let Some(slope) = attention.slope(head) {
                    *score -= slope * i.abs_diff(j) as f32;
                }
            }
            let seen = &mut row[seen];
            let largest = seen.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            seen.iter_mut().for_each(|score| *score = (*score - largest).exp());
            let sum: f32 = seen.iter().sum();
            seen.iter_mut().for_each(|weight| *weight /= sum);
        }
    });
    weights
}

#[cfg(test)]
mod tests {
    use super::super::{Attention, KeyValues, Sequences, Similarity, reference};
    use super::*;
    use crate::Precision;
    use crate::random;

    #[test]
    fn they_are_those_of_the_plain_version() {
        let pool = Pool::new(2);
        let base = Attention {
            heads: 4,
            kv_heads: 2,
            head_size: 6,
            similarity: Similarity::ScaledDotProduct,
            causal: true,
            window: None,
            alibi: false,
            dropout: 0.0,
        };
        let kinds = [
            base,
            Attention { causal: false, ..base },
            Attention { window: Some(2), ..base },
            Attention { causal: false, window: Some(2), ..base },
            Attention { alibi: true, similarity: Similarity::Cosine, ..base },
        ];
        let numbers = |seed: u64, count: usize| -> Vec<f32> {
            let mut values = vec![0.0; count];
            random::normal(&pool, seed, &mut values, 1.0);
            values
        };
        let (own, others) = (Sequences::packed(&[2, 2, 1, 1, 1]), Sequences::packed(&[2, 2, 2, 1]));
        let (queries, key_values) = (numbers(1, 7 * 24), numbers(2, 7 * 24));
        let (together, scale) = (numbers(3, 7 * 48), [1.0, 2.0, 3.0, 4.0]);
        let exact = |values: &[f32]| -> Vec<f64> { values.iter().map(|&value| value.into()).collect() };
        let (exact_queries, exact_others, exact_together) =
            (exact(&queries), exact(&key_values), exact(&together));
        for attention in kinds {
            let scale = if attention.similarity == Similarity::Cosine { &scale[..] } else { &[] };
            let settings =
                Settings { attention: &attention, scale, precision: Precision::F32, dropout: None };
            let compare = |batch: Batch, plain: Batch<f64>| {
                for sequence in 0..2 {
                    let found = weights(&pool, settings, batch, sequence);
                    let wanted = reference::weights(&attention, &exact(scale), &plain, sequence);
                    assert_eq!(found.len(), wanted.len());
                    for (found, wanted) in found.iter().zip(wanted) {
                        assert!((f64::from(*found) - wanted).abs() < 1e-6, "{attention:?}: {found} {wanted}");
                    }
                }
            };
            let batch = Batch { queries: &together, sequences: &own, key_values: None };
            let plain = Batch { queries: &exact_together, sequences: &own, key_values: None };
            compare(batch, plain);
            if !attention.causal {
                let sources = &[1, 0][..];
                let rows = &key_values[..];
                let kv = KeyValues { rows, sequences: &others, sources };
                let batch = Batch { queries: &queries, sequences: &own, key_values: Some(kv) };
                let rows = &exact_others[..];
                let kv = KeyValues { rows, sequences: &others, sources };
                compare(batch, Batch { queries: &exact_queries, sequences: &own, key_values: Some(kv) });
            }
        }
    }
}
