//! Sequences of one model that join and leave at any step: what a server computes together.

use anaphora_nn::State;

use crate::Result;
use crate::model::{Compute, LanguageModel};

/// Sequences side by side, one row of the batch each. What a row's logits are does not depend on what else is in the batch.
pub struct Batcher<'a> {
    model: &'a LanguageModel,
    state: State,
    /// `[rows, vocab_size]`: of the next token of each.
    logits: Vec<f32>,
}

impl<'a> Batcher<'a> {
    /// No sequence yet.
    pub fn new(model: &'a LanguageModel) -> Self {
        Self { model, state: model.initial_state(0), logits: Vec::new() }
    }

    /// Number of sequences.
    pub fn rows(&self) -> usize {
        self.logits.len() / self.model.vocab_size()
    }

    /// Begins to read a prompt, which is not empty.
    pub fn begin(&self, prompt: Vec<u32>) -> Joining {
        Joining { state: self.model.initial_state(1), logits: Vec::new(), prompt, read: 0 }
    }

    /// Reads on in a prompt, so many tokens at most, and tells how many. Where it is always as many, the bits are the same
    /// whatever is computed in between. `score` is given the logits behind each token, and the token that comes there.
    ///
    /// # Errors
    /// A prompt that the model cannot read, and what `score` says.
    pub fn read(
        &self,
        compute: &mut Compute,
        joining: &mut Joining,
        most: usize,
        score: Option<&mut Score>,
    ) -> Result<usize> {
        let Joining { state, logits, prompt, read } = joining;
        let end = prompt.len().min(*read + most);
        let steps = vec![1; end - *read];
        match score {
            None => self.model.advance(compute, &prompt[*read..end], &steps, state, logits)?,
            Some(score) => {
                let all = self.model.go_on(compute, &prompt[*read..end], &steps, state)?;
                for (row, at) in all.chunks_exact(self.model.vocab_size()).zip(*read + 1..) {
                    if let Some(&next) = prompt.get(at) {
                        score(row, next)?;
                    }
                }
                logits.clear();
                logits.extend_from_slice(&all[all.len() - self.model.vocab_size()..]);
            }
        }
        *read = end;
        Ok(steps.len())
    }

    /// Adds a row that goes on from a prompt that was read.
    ///
    /// # Panics
    /// Where it was not read to its end.
    pub fn join(&mut self, joining: Joining) {
        assert!(joining.is_read(), "a prompt is read to its end before it joins");
        self.state.append(joining.state);
        self.logits.extend_from_slice(&joining.logits);
    }

    /// The logits of the next token of a row, `[vocab_size]`.
    pub fn logits(&self, row: usize) -> &[f32] {
        let vocab_size = self.model.vocab_size();
        &self.logits[row * vocab_size..][..vocab_size]
    }

    /// Continues each row by its token of `next`, one a row; those without one leave, and the rows behind them move up.
    ///
    /// # Errors
    /// A step that the model cannot do.
    pub fn advance(&mut self, compute: &mut Compute, next: &[Option<u32>]) -> Result<()> {
        let rows: Vec<usize> = (0..next.len()).filter(|&row| next[row].is_some()).collect();
        self.state.select(&rows);
        if rows.is_empty() {
            self.logits.clear();
            return Ok(());
        }
        let tokens: Vec<u32> = next.iter().copied().flatten().collect();
        Ok(self.model.advance(compute, &tokens, &[tokens.len()], &mut self.state, &mut self.logits)?)
    }
}

/// What is told of a prompt's tokens: the logits behind those before, `[vocab_size]`, and the token.
pub type Score<'a> = dyn FnMut(&[f32], u32) -> Result<()> + 'a;

/// A prompt on its way into a batch.
pub struct Joining {
    state: State,
    /// `[vocab_size]`: behind what was read.
    logits: Vec<f32>,
    prompt: Vec<u32>,
    read: usize,
}

impl Joining {
    /// Whether it was read to its end.
    pub fn is_read(&self) -> bool {
        self.read == self.prompt.len()
    }
}
