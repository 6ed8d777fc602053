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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recipe::{Backbone, Model, Position};
    use crate::{Device, Precision};

    const VOCABULARY: usize = 11;

    /// Reads a prompt in stretches of so many tokens, and adds it.
    fn join(batcher: &mut Batcher, compute: &mut Compute, prompt: &[u32]) {
        let mut joining = batcher.begin(prompt.to_vec());
        while !joining.is_read() {
            batcher.read(compute, &mut joining, 4, None).unwrap();
        }
        batcher.join(joining);
    }

    /// What comes behind a prompt if the likeliest is always taken, and the logits on the way.
    fn alone(model: &LanguageModel, compute: &mut Compute, prompt: &[u32], steps: usize) -> Vec<Vec<f32>> {
        let mut batcher = Batcher::new(model);
        join(&mut batcher, compute, prompt);
        let mut all = Vec::new();
        for _ in 0..steps {
            all.push(batcher.logits(0).to_vec());
            let next = crate::model::likeliest(batcher.logits(0)) as u32;
            batcher.advance(compute, &[Some(next)]).unwrap();
        }
        all
    }

    #[test]
    fn a_sequence_has_the_same_bits_whatever_joins_and_leaves_beside_it() {
        let base = Model { hidden_size: 32, layers: 2, embedding_size: Some(16), ..Model::default() };
        let transformer = Model {
            backbone: Backbone::Transformer,
            embedding_size: None,
            heads: Some(2),
            context: Some(12),
            ..base.clone()
        };
        let kinds = [
            base.clone(),
            Model { backbone: Backbone::Gru, ..base.clone() },
            Model { backbone: Backbone::Window, window: 4, ..base.clone() },
            Model { position: Position::Rotary, ..transformer.clone() },
            Model { position: Position::Learned, ..transformer },
        ];
        for (kind, precision) in
            kinds.iter().flat_map(|kind| [(kind, Precision::F32), (kind, Precision::Bf16)])
        {
            let mut compute = Compute::new(Device::new(2, precision));
            let model = LanguageModel::new(kind, VOCABULARY, 5);
            let prompts: [(&[u32], usize, usize); 4] =
                [(&[0, 3, 4], 0, 20), (&[0], 2, 5), (&[0, 9, 9, 1, 2, 5, 6, 7, 8], 2, 16), (&[0, 1], 11, 9)];
            let wanted: Vec<_> = prompts
                .iter()
                .map(|(prompt, _, steps)| alone(&model, &mut compute, prompt, *steps))
                .collect();
            let mut batcher = Batcher::new(&model);
            // The sequence and the step of each row.
            let mut rows: Vec<(usize, usize)> = Vec::new();
            for time in 0..30 {
                for (number, (prompt, ..)) in
                    prompts.iter().enumerate().filter(|(_, prompt)| prompt.1 == time)
                {
                    join(&mut batcher, &mut compute, prompt);
                    rows.push((number, 0));
                }
                assert_eq!(batcher.rows(), rows.len());
                let mut next = Vec::new();
                for (row, (number, step)) in rows.iter_mut().enumerate() {
                    assert_eq!(batcher.logits(row), wanted[*number][*step], "{kind:?}: {number} at {step}");
                    *step += 1;
                    let token = crate::model::likeliest(batcher.logits(row)) as u32;
                    next.push((*step < prompts[*number].2).then_some(token));
                }
                batcher.advance(&mut compute, &next).unwrap();
                rows.retain(|(number, step)| *step < prompts[*number].2);
            }
            assert!(rows.is_empty());
        }
    }
}
