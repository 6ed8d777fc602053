//! Evaluation of a language model on pieces outside its training data.

use std::path::Path;
use std::sync::Arc;

use anaphora_data::{Batch, Plan, Section, Spill, Texts, TokenStream, Tokenizer, Windows, wanted};
use anaphora_nn::State;
use serde::Serialize;

use crate::Result;
use crate::model::{Compute, LanguageModel};
use crate::tasks::language::Trained;
use crate::tasks::language::corpus;

/// Sequences that are read side by side.
const ROWS: usize = 64;

/// Steps of time that are read at once, at least.
const SHORTEST: usize = 64;

/// A piece longer than this is read in parts, each from a fresh state, so that a single long document can be read side by
/// side too.
const LONGEST: usize = 5_000;

/// The score of a model on some pieces.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LanguageScore {
    /// Mean cross-entropy in nats a character, ends of pieces counted as one.
    pub loss: f64,
    /// The same in bits.
    pub bits: f64,
    /// The exponential of the mean cross-entropy a token: it is as unsure as among so many equally likely tokens.
    pub perplexity: f64,
    /// Characters read, ends of pieces counted as one.
    pub characters: usize,
    /// Tokens read.
    pub tokens: usize,
    /// Pieces read.
    pub pieces: usize,
}

/// Scores a finished run on its own validation pieces, or on the file or folder `data`.
///
/// # Errors
/// As [`Trained::predicting`], and data that cannot be read or encoded.
pub fn evaluate(run: impl AsRef<Path>, data: Option<&Path>, compute: &mut Compute) -> Result<LanguageScore> {
    Trained::predicting(run, compute.device.precision())?.evaluate(data, compute)
}

impl Trained {
    /// Scores the model; see [`evaluate`].
    ///
    /// # Errors
    /// Data that cannot be read or encoded.
    pub fn evaluate(&self, data: Option<&Path>, compute: &mut Compute) -> Result<LanguageScore> {
        let (section, path) = match data {
            Some(path) => {
                let options = corpus::text_options(&self.recipe.data, Some(self.format()));
                (Section::whole(Arc::new(Texts::open(path, options)?)), path.to_owned())
            }
            None => (self.corpus()?.validation, corpus::name(&self.recipe.data)),
        };
        score(&self.model, &self.tokenizer, &section, &path, compute)
    }
}

/// Scores a model on a section of texts; `path` is named where one of them cannot be encoded.
pub fn score(
    model: &LanguageModel,
    tokenizer: &Tokenizer,
    section: &Section,
    path: &Path,
    compute: &mut Compute,
) -> Result<LanguageScore> {
    let stream = corpus::stream(tokenizer, section, path, &Spill::to_scratch())?;
    let (tokens, pieces) = (stream.len(), stream.piece_count());
    let characters = corpus::characters(tokenizer, &stream)?;
    let mean = Evaluator::new(Arc::new(stream), 4096)?.loss(model, compute)?;
    let loss = mean * tokens as f64 / characters.max(1) as f64;
    Ok(LanguageScore {
        loss,
        bits: loss / std::f64::consts::LN_2,
        perplexity: mean.exp(),
        characters,
        tokens,
        pieces,
    })
}

/// Reads the same pieces again and again, each from a fresh state.
pub struct Evaluator {
    windows: Windows,
    tokens: usize,
    batch: Batch,
}

impl Evaluator {
    /// Reads `stream`, about `tokens` tokens at once: as much as a training batch has, and enough that the stretches, which
    /// each cost a Transformer whose places are absolute half a context more, are not short.
    pub fn new(stream: Arc<TokenStream>, tokens: usize) -> Result<Self> {
        let plan = Plan::Pieces {
            batch: ROWS,
            length: (tokens / ROWS).max(SHORTEST),
            longest: Some(LONGEST),
            shuffle: false,
        };
        let tokens = stream.len();
        Ok(Self { windows: Windows::new(stream, plan, 0)?, tokens, batch: Batch::default() })
    }

    /// Mean cross-entropy in nats a token.
    pub fn loss(&mut self, model: &LanguageModel, compute: &mut Compute) -> Result<f64> {
        let mut windows = self.windows.clone();
        let mut state = State::default();
        let mut sum = 0.0;
        while windows.epoch() == 0 {
            wanted::check()?;
            windows.next_into(&mut self.batch)?;
            continue_state(&mut state, &self.batch, model);
            sum += model.evaluate_batch(compute, &self.batch, &mut state)?;
        }
        Ok(sum / self.tokens as f64)
    }
}

/// Makes `state` that of the batch's rows: those that go on keep theirs, the others begin afresh.
pub fn continue_state(state: &mut State, batch: &Batch, model: &LanguageModel) {
    if state.parts() == 0 {
        *state = model.initial_state(batch.rows());
    }
    state.resize(batch.rows());
    for (row, reset) in batch.reset.iter().enumerate() {
        if *reset {
            state.reset(row);
        }
    }
}
