//! Scores of a tagger.

use anaphora_data::tagged::{Encoded, Lexicon};
use anaphora_data::{BatchSize, Batches};
use serde_json::{Map, Value, json};

use crate::Result;
use crate::metrics::{Confusion, Evaluation, SpanScores, class_table, mark_spans, nats, span_scores};
use crate::model::{Compute, SequenceModel, likeliest, softmax};
use crate::training::Validation;

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
) -> Result<Scored> {
    let tags = lexicon.tags.len();
    let probabilities = probabilities(examples, model, compute, tags)?;
    let rows = || probabilities.iter().flat_map(|sentence| sentence.chunks_exact(tags));
    let sum: f64 = rows().zip(examples.tags()).map(|(row, &tag)| nats(row[tag as usize])).sum();
    let predicted: Vec<usize> = rows().map(likeliest).collect();
    Ok(Scored {
        loss: sum / predicted.len() as f64,
        model: found(examples, &predicted, lexicon)?,
        usual: found(examples, &examples.usual_tags(lexicon), lexicon)?,
    })
}

/// How good such tags of all words are.
fn found(examples: &Encoded, predicted: &[usize], lexicon: &Lexicon) -> Result<Found> {
    let truth: Vec<usize> = examples.tags().map(|&tag| tag as usize).collect();
    let confusion = Confusion::new(&truth, predicted, lexicon.tags.len())?;
    let by_sentence = |all: &[usize]| -> Vec<Vec<&str>> {
        let mut names = all.iter().map(|&tag| lexicon.tags[tag].as_str());
        examples.lengths().iter().map(|&length| names.by_ref().take(length).collect()).collect()
    };
    let spans = match mark_spans(&lexicon.tags) {
        true => Some(span_scores(&by_sentence(&truth), &by_sentence(predicted))?),
        false => None,
    };
    Ok(Found { confusion, spans })
}

/// Scores of tagged sentences.
pub struct Scored {
    /// Mean cross-entropy without weights or smoothing.
    loss: f64,
    model: Found,
    /// By the tag that each word has most often.
    usual: Found,
}

struct Found {
    confusion: Confusion,
    /// Where tags mark spans.
    spans: Option<SpanScores>,
}

impl Scored {
    /// As a training sees it. The best model has the best F1 of spans, or the most right tags; of two that are as good, it
    /// is the surer one.
    pub fn validation(&self) -> Validation {
        let (loss, Found { confusion, spans }) = (self.loss, &self.model);
        let accuracy = confusion.accuracy();
        let (good, other) = match spans {
            Some(spans) => (spans.all.f1, ("span F1", spans.all.f1)),
            None => (accuracy, ("macro F1", confusion.macro_f1())),
        };
        Validation { loss, cost: 1.0 - good + 1e-6 * loss, scores: vec![("accuracy", accuracy), other] }
    }

    /// The score as text and as JSON.
    pub fn evaluation(&self, sentences: usize, words: usize, tags: &[String]) -> Evaluation {
        let mut evaluation = Evaluation::new(sentences, "sentence");
        let Found { confusion, spans } = &self.model;
        evaluation.add("accuracy", confusion.accuracy());
        evaluation.add("macro_f1", confusion.macro_f1());
        if let Some(SpanScores { all, .. }) = spans {
            evaluation.add("span_precision", all.precision);
            evaluation.add("span_recall", all.recall);
            evaluation.add("span_f1", all.f1);
        }
        evaluation.add("loss", self.loss);
        evaluation.confusion("tag", tags, confusion);
        let mut table = evaluation.table.take().unwrap_or_default();
        if let Some(SpanScores { all, kinds }) = spans {
            let rows = kinds.iter().map(|(kind, score)| (kind.as_str(), score)).chain([("all spans", all)]);
            table += &format!("\n{}", class_table("span", rows));
            let kinds: Map<String, Value> =
                kinds.iter().map(|(kind, score)| (kind.clone(), json!(score))).collect();
            evaluation.details.insert("spans".into(), kinds.into());
        }
        let names = ["accuracy", "macro F1", "span F1"];
        table += &format!("\n{:<24}", "");
        names[..2 + usize::from(spans.is_some())].iter().for_each(|name| table += &format!(" {name:>9}"));
        for (name, found) in [("this model", &self.model), ("each word's usual tag", &self.usual)] {
            let scores = found.scores();
            table += &format!("\n{name:<24}");
            scores.iter().for_each(|(_, score)| table += &format!(" {score:>9.3}"));
        }
        evaluation.table = Some(table + "\n");
        let usual: Map<String, Value> =
            self.usual.scores().into_iter().map(|(name, score)| (name.to_owned(), json!(score))).collect();
        evaluation.details.insert("usual_tag".into(), usual.into());
        evaluation.details.insert("words".into(), json!(words));
        evaluation
    }
}

impl Found {
    fn scores(&self) -> Vec<(&'static str, f64)> {
        let Self { confusion, spans } = self;
        let span_f1 = spans.as_ref().map(|spans| ("span_f1", spans.all.f1));
        [("accuracy", confusion.accuracy()), ("macro_f1", confusion.macro_f1())]
            .into_iter()
            .chain(span_f1)
            .collect()
    }
}
