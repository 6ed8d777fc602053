//! Sequences that a language model continues.

use std::cmp::Reverse;

use anaphora_nn::State;

use crate::Result;
use crate::model::{Compute, LanguageModel};

/// Sequences side by side, one row of the batch each, with the logits of each one's next token.
pub struct Sequences<'a> {
    model: &'a LanguageModel,
    compute: &'a mut Compute,
    state: State,
    /// `[rows, vocab_size]`.
    logits: Vec<f32>,
}

impl<'a> Sequences<'a> {
    /// Reads prompts, none of them empty but of any lengths, in one packed batch; row `i` goes on from prompt `i`.
    pub fn read(model: &'a LanguageModel, compute: &'a mut Compute, prompts: &[Vec<u32>]) -> Result<Self> {
        // The longest first, step by step, as a packed batch has them.
        let mut order: Vec<usize> = (0..prompts.len()).collect();
        order.sort_by_key(|&prompt| Reverse(prompts[prompt].len()));
        let (mut ids, mut batch_sizes) = (Vec::new(), Vec::new());
        for step in 0..order.first().map_or(0, |&longest| prompts[longest].len()) {
            let before = ids.len();
            ids.extend(order.iter().map_while(|&prompt| prompts[prompt].get(step)));
            batch_sizes.push(ids.len() - before);
        }
        let (mut state, mut logits) = (model.initial_state(prompts.len()), Vec::new());
        model.advance(compute, &ids, &batch_sizes, &mut state, &mut logits)?;
        let mut rows = vec![0; order.len()];
        order.iter().enumerate().for_each(|(row, &prompt)| rows[prompt] = row);
        let mut sequences = Self { model, compute, state, logits };
        sequences.select(&rows);
        Ok(sequences)
    }

    /// The logits of the next token of each row, `[vocab_size]`.
    pub fn logits(&self) -> impl Iterator<Item = &[f32]> {
        self.logits.chunks_exact(self.model.vocab_size())
    }

    /// Selects the given rows, in that order; a row may be given several times.
    pub fn select(&mut self, rows: &[usize]) {
        let vocab_size = self.model.vocab_size();
        let of_row = |&row: &usize| &self.logits[row * vocab_size..][..vocab_size];
        self.logits = rows.iter().flat_map(of_row).copied().collect();
        self.state.select(rows);
    }

    /// Continues each row by its token of `next`, which has one for each row of `open` or none where it has come to its end;
    /// `open` keeps what goes on.
    pub fn advance_open(&mut self, open: &mut Vec<usize>, next: &[Option<u32>]) -> Result<()> {
        let rows: Vec<usize> = (0..open.len()).filter(|&row| next[row].is_some()).collect();
        *open = rows.iter().map(|&row| open[row]).collect();
        if open.is_empty() {
            return Ok(());
        }
        self.advance(&rows, &next.iter().copied().flatten().collect::<Vec<_>>())
    }

    /// Continues the rows `parents`, in that order, by one token each.
    pub fn advance(&mut self, parents: &[usize], tokens: &[u32]) -> Result<()> {
        if !parents.iter().copied().eq(0..self.state.rows()) {
            self.state.select(parents);
        }
        Ok(self.model.advance(self.compute, tokens, &[tokens.len()], &mut self.state, &mut self.logits)?)
    }
}
