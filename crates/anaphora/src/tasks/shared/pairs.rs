//! Sequence to sequence: the part that translation and captioning share.

use anaphora_data::{BatchSize, Batches, Sequence, Tokenizer};
use serde_json::{Value, json};

use super::Using;
use crate::Result;
use crate::decoding::beam::Hypothesis;
use crate::decoding::search::{Search, write};
use crate::model::{Compute, EncoderDecoder, PairBatch, Teaching};
use crate::recipe::Training;
use crate::tasks::shared::Lesson;
use crate::training::{DataSize, Validation};

/// Tokens that are scored at once.
const UNITS: usize = 4_096;

/// Sources and targets, pair by pair.
#[derive(Default)]
pub struct Pairs {
    /// Sources.
    pub sources: Vec<Sequence>,
    /// Targets, pair by pair, without ends.
    pub targets: Vec<Vec<u32>>,
    /// The index of each pair's source: pairs may share one.
    pub source_of: Vec<usize>,
}

impl Pairs {
    /// The length of each pair: that of its longer sequence.
    pub fn lengths(&self) -> Vec<usize> {
        let pairs = self.source_of.iter().zip(&self.targets);
        pairs.map(|(&source, target)| self.sources[source].len().max(target.len() + 1)).collect()
    }

    /// Number of pairs, and of target tokens.
    pub fn size(&self) -> DataSize {
        let units = self.targets.iter().map(|target| target.len() + 1).sum();
        DataSize { examples: self.targets.len(), units }
    }

    /// A batch of some pairs; targets are closed by `end`.
    pub fn batch(&self, pairs: &[usize], end: u32) -> PairBatch {
        let pair = |&pair: &usize| (&self.sources[self.source_of[pair]], &self.targets[pair][..]);
        PairBatch::new(&pairs.iter().map(pair).collect::<Vec<_>>(), end)
    }

    /// Mean cross-entropy in nats a token, with teacher forcing.
    pub fn score(&self, end: u32, model: &EncoderDecoder, compute: &mut Compute) -> Result<f64> {
        let mut sum = 0.0;
        for pairs in Batches::in_order(&self.lengths(), BatchSize::Units(UNITS)) {
            sum += model.score(compute, &self.batch(&pairs, end))?;
        }
        Ok(sum / self.size().units.max(1) as f64)
    }

    /// The same as a training sees it.
    pub fn validate(&self, end: u32, model: &EncoderDecoder, compute: &mut Compute) -> Result<Validation> {
        let loss = self.score(end, model, compute)?;
        Ok(Validation::by_loss(loss, vec![("perplexity", loss.exp())]))
    }
}

/// The recipe's options for training on pairs.
pub fn teaching(training: &Training) -> Teaching {
    let Training { label_smoothing, scheduled_sampling, .. } = *training;
    Teaching { label_smoothing: label_smoothing as f32, scheduled_sampling }
}

/// The best hypotheses of each source, the likeliest first; `usual` are the task's default search options.
pub fn search<T: Lesson<Model = EncoderDecoder>>(
    with: &mut Using<T>,
    sources: &[Sequence],
    end: u32,
    usual: Search,
) -> Result<Vec<Vec<Hypothesis>>> {
    // The task decides how long a sequence may become.
    let search = with.options.search.map_or(usual, |asked| Search { longest: usual.longest, ..asked });
    search.beams.validate()?;
    write(sources, end, with.model, with.compute, &search)
}

/// A sequence as text, with its score.
#[derive(Clone, Debug, PartialEq)]
pub struct Written {
    /// The text.
    pub text: String,
    /// The search's score.
    pub score: f64,
}

/// Hypotheses as texts.
pub fn texts(hypotheses: &[Hypothesis], tokenizer: &Tokenizer) -> Vec<Written> {
    let text = |hypothesis: &Hypothesis| Written {
        text: tokenizer.decode(without_end(hypothesis, tokenizer)).trim().to_owned(),
        score: hypothesis.score,
    };
    hypotheses.iter().map(text).collect()
}

/// The tokens of a hypothesis, but for its end.
pub fn without_end<'a>(hypothesis: &'a Hypothesis, tokenizer: &Tokenizer) -> &'a [u32] {
    hypothesis.ids.strip_suffix(&[tokenizer.end_id()]).unwrap_or(&hypothesis.ids)
}

/// The best one's text; none where nothing was found.
pub fn first(best: &[Written]) -> String {
    best.first().map(|best| best.text.clone()).unwrap_or_default()
}

/// The best ones for programs.
pub fn best_as_json(best: &[Written]) -> Value {
    best.iter().map(|best| json!({ "text": best.text, "score": best.score })).collect()
}
