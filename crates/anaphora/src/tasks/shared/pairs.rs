//! Learning to write one sequence of another: what translation and captioning have in common.

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

/// What is read, and what is to be written of it, pair by pair.
#[derive(Default)]
pub struct Pairs {
    /// What is read.
    pub sources: Vec<Sequence>,
    /// What is to be written, pair by pair, without ends.
    pub targets: Vec<Vec<u32>>,
    /// What each pair reads: several may read one source.
    pub source_of: Vec<usize>,
}

impl Pairs {
    /// How long each pair is, in the sequence that is longer.
    pub fn lengths(&self) -> Vec<usize> {
        let pairs = self.source_of.iter().zip(&self.targets);
        pairs.map(|(&source, target)| self.sources[source].len().max(target.len() + 1)).collect()
    }

    /// Pairs, and the tokens that are written.
    pub fn size(&self) -> DataSize {
        let units = self.targets.iter().map(|target| target.len() + 1).sum();
        DataSize { examples: self.targets.len(), units }
    }

    /// Some pairs; what is written closes with `end`.
    pub fn batch(&self, pairs: &[usize], end: u32) -> PairBatch {
        let pair = |&pair: &usize| (&self.sources[self.source_of[pair]], &self.targets[pair][..]);
        PairBatch::new(&pairs.iter().map(pair).collect::<Vec<_>>(), end)
    }

    /// Mean cross-entropy in nats a token, the true tokens before each known.
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
        Ok(Validation { loss, cost: loss, scores: vec![("perplexity", loss.exp())] })
    }
}

/// How a recipe wants pairs taught.
pub fn teaching(training: &Training) -> Teaching {
    let Training { label_smoothing, scheduled_sampling, .. } = *training;
    Teaching { label_smoothing: label_smoothing as f32, scheduled_sampling }
}

/// The best that is written of each source, the likeliest first; `usual` is the task's own way of searching.
pub fn search<T: Lesson<Model = EncoderDecoder>>(
    with: &mut Using<T>,
    sources: &[Sequence],
    end: u32,
    usual: Search,
) -> Result<Vec<Vec<Hypothesis>>> {
    // How long a sequence may become is the task's to say.
    let search = with.options.search.map_or(usual, |asked| Search { longest: usual.longest, ..asked });
    search.beams.validate()?;
    write(sources, end, with.model, with.compute, &search)
}

/// A sequence as text, with its score.
#[derive(Clone, Debug, PartialEq)]
pub struct Written {
    /// The text.
    pub text: String,
    /// What the search ranked it by.
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
