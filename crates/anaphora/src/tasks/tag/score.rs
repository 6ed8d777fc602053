//! A tagger's probabilities, and how good its tags are.

use anaphora_data::tagged::{Encoded, Lexicon};
use anaphora_data::{BatchSize, Batches};

use crate::Result;
use crate::metrics::{Tagged, nats};
use crate::model::{Compute, SequenceModel, likeliest, softmax};

/// Sentences that are scored at once.
const ROWS: usize = 64;

/// The probabilities of the tags, for each sentence `[words, tags]`.
pub fn probabilities(
    examples: &Encoded,
    model: &SequenceModel,
    compute: &mut Compute,
    tags: usize,
) -> Result<Vec<Vec<f32>>> {
    let lengths = examples.lengths();
    let mut probabilities: Vec<Vec<f32>> = lengths.iter().map(|length| vec![0.0; length * tags]).collect();
    for batch in Batches::in_order(&lengths, BatchSize::Examples(ROWS)) {
        let packed = examples.batch(&batch);
        let (logits, _) = model.predict(compute, &packed, None)?;
        let mut rows = logits.chunks_exact(tags);
        for (step, &count) in packed.batch_sizes.iter().enumerate() {
            for (&sentence, logits) in batch[..count].iter().zip(&mut rows) {
                let row = &mut probabilities[sentence][step * tags..][..tags];
                row.copy_from_slice(logits);
                softmax(row);
            }
        }
    }
    Ok(probabilities)
}

/// Scores the model on them.
pub fn score(
    examples: &Encoded,
    model: &SequenceModel,
    compute: &mut Compute,
    lexicon: &Lexicon,
) -> Result<Tagged> {
    let tags = &lexicon.tags;
    let probabilities = probabilities(examples, model, compute, tags.len())?;
    let rows = || probabilities.iter().flat_map(|sentence| sentence.chunks_exact(tags.len()));
    let truth: Vec<usize> = examples.tags().map(|&tag| tag as usize).collect();
    let predicted: Vec<usize> = rows().map(likeliest).collect();
    let sum: f64 = rows().zip(&truth).map(|(row, &tag)| nats(row[tag])).sum();
    let all = [&truth[..], &predicted, &examples.usual_tags(lexicon)];
    Ok(Tagged::new(sum / predicted.len() as f64, all, &examples.lengths(), tags)?)
}
