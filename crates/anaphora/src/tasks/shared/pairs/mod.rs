//! Sequence to sequence: the part that translation and captioning share.

mod inspect;

use anaphora_data::{Sequence, Tokenizer};
use serde_json::{Value, json};

pub use self::inspect::{InspectPairs, inspect};
use super::Using;
use crate::Result;
use crate::decoding::beam::Hypothesis;
use crate::decoding::search::{Search, write};
pub use crate::model::Pairs;
use crate::model::{Compute, EncoderDecoder, Teaching};
use crate::recipe::Training;
use crate::tasks::shared::Lesson;
use crate::training::{DataSize, Validation};

/// Number of pairs, and of target tokens.
pub fn size(pairs: &Pairs) -> DataSize {
    DataSize { examples: pairs.targets.len(), units: pairs.tokens() }
}

/// Mean cross-entropy and perplexity as a training sees them.
pub fn validate(
    pairs: &Pairs,
    end: u32,
    model: &EncoderDecoder,
    compute: &mut Compute,
) -> Result<Validation> {
    let loss = pairs.score(end, model, compute)?;
    Ok(Validation::by_loss(loss, vec![("perplexity", loss.exp())]))
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
