//! The language model: input, backbone and a head over the vocabulary.

use anaphora_data::{Batch, Packed};
use anaphora_nn::{
    Backbone, Builder, Graph, Input, Linear, Mask, Params, ShapeError, Start, State, Tensor, init,
};

use super::backbone::{BackboneOptions, backbone, embedding_deviation};
use super::compute::{Backward, Compute};
use super::observed::{Observe, Observed, Pull, observe, outputs};
use crate::recipe;

/// A model that gives a distribution over the next token after each token of a sequence.
pub struct LanguageModel {
    recipe: recipe::Model,
    params: Params,
    layers: Layers,
}

struct Layers {
    input: Input,
    backbone: Backbone,
    head: Linear,
    vocab_size: usize,
    dropout: f32,
    variational: bool,
}

impl LanguageModel {
    /// A model with initial weights as `start` says, which may be a seed.
    pub fn new<'a>(model: &recipe::Model, vocab_size: usize, start: impl Into<Start<'a>>) -> Self {
        let mut params = Params::new();
        let layers = Layers::new(model, vocab_size, &mut Builder::new(&mut params, start.into()));
        Self { recipe: model.clone(), params, layers }
    }

    /// A model with zero weights, to be loaded.
    pub fn zeros(model: &recipe::Model, vocab_size: usize) -> Self {
        Self::new(model, vocab_size, Start::zeros())
    }

    /// What it is made of.
    pub fn recipe(&self) -> &recipe::Model {
        &self.recipe
    }

    /// The weights.
    pub fn params(&self) -> &Params {
        &self.params
    }

    /// The weights, for an optimizer's step.
    pub fn params_mut(&mut self) -> &mut Params {
        &mut self.params
    }

    /// Number of tokens in the vocabulary.
    pub fn vocab_size(&self) -> usize {
        self.layers.vocab_size
    }

    /// The state of `rows` sequences that have not begun.
    pub fn initial_state(&self, rows: usize) -> State {
        self.layers.backbone.initial_state(rows)
    }

    /// Adds the gradients of the batch's mean cross-entropy, which is returned in nats a token.
    /// Sequences go on from `state`.
    pub fn learn(
        &self,
        backward: &mut Backward,
        batch: &Batch,
        state: &mut State,
    ) -> Result<f32, ShapeError> {
        let weight = backward.weight;
        let mut graph = backward.train(&self.params);
        let logits = self.layers.forward(&mut graph, &batch.ids, &batch.batch_sizes, state)?;
        let (_, mean) = graph.cross_entropy(logits, &batch.targets)?;
        let loss = graph.value(mean)[0];
        graph.backward(mean, weight)?;
        Ok(loss)
    }

    /// The sum of the batch's cross-entropies in nats. Sequences go on from `state`.
    pub fn evaluate_batch(
        &self,
        compute: &mut Compute,
        batch: &Batch,
        state: &mut State,
    ) -> Result<f64, ShapeError> {
        let mut graph = compute.infer(&self.params);
        let logits = self.layers.forward(&mut graph, &batch.ids, &batch.batch_sizes, state)?;
        let (losses, _) = graph.cross_entropy(logits, &batch.targets)?;
        Ok(graph.value(losses).iter().map(|&loss| f64::from(loss)).sum())
    }

    /// The mean over each sequence's steps of what the head reads, `[rows, hidden]`, and its width; each begins from a zero state.
    pub fn embed(&self, compute: &mut Compute, batch: &Packed) -> Result<(Vec<f32>, usize), ShapeError> {
        let (mut state, rows) = (self.initial_state(batch.rows()), batch.rows());
        let (hidden, width) = outputs(compute, &self.params, |graph| {
            self.layers.hidden(graph, &batch.ids, &batch.batch_sizes, &mut state)
        })?;
        let (mut means, mut lengths) = (vec![0.0; rows * width], vec![0.0f32; rows]);
        let mut steps = hidden.chunks_exact(width);
        for &size in &batch.batch_sizes {
            for (row, step) in steps.by_ref().take(size).enumerate() {
                lengths[row] += 1.0;
                means[row * width..][..width].iter_mut().zip(step).for_each(|(sum, x)| *sum += x);
            }
        }
        means
            .chunks_exact_mut(width)
            .zip(&lengths)
            .for_each(|(mean, n)| mean.iter_mut().for_each(|x| *x /= n));
        Ok((means, width))
    }

    /// Reads a packed batch and gives the logits after each step, `[units, vocab_size]`. Sequences go on from `state`.
    pub fn go_on(
        &self,
        compute: &mut Compute,
        ids: &[u32],
        batch_sizes: &[usize],
        state: &mut State,
    ) -> Result<Vec<f32>, ShapeError> {
        let all =
            outputs(compute, &self.params, |graph| self.layers.forward(graph, ids, batch_sizes, state))?;
        Ok(all.0)
    }

    /// Reads a packed batch and writes the logits after each sequence's last step, `[batch_sizes[0], vocab_size]`.
    /// Sequences go on from `state`.
    pub fn advance(
        &self,
        compute: &mut Compute,
        ids: &[u32],
        batch_sizes: &[usize],
        state: &mut State,
        logits: &mut Vec<f32>,
    ) -> Result<(), ShapeError> {
        let mut graph = compute.infer(&self.params);
        let output = self.layers.forward(&mut graph, ids, batch_sizes, state)?;
        let (values, vocab_size) = (graph.value(output), self.layers.vocab_size);
        logits.resize(batch_sizes.first().map_or(0, |rows| rows * vocab_size), 0.0);
        let mut start = 0;
        for (t, &rows) in batch_sizes.iter().enumerate() {
            let going_on = batch_sizes.get(t + 1).copied().unwrap_or(0);
            let ending = (start + going_on) * vocab_size..(start + rows) * vocab_size;
            logits[going_on * vocab_size..rows * vocab_size].copy_from_slice(&values[ending]);
            start += rows;
        }
        Ok(())
    }
}

impl Observe for LanguageModel {
    fn params(&self) -> &Params {
        &self.params
    }

    fn outputs(&self, compute: &mut Compute, batch: &Packed) -> Result<(Vec<f32>, usize), ShapeError> {
        let mut state = self.initial_state(batch.rows());
        let all = self.go_on(compute, &batch.ids, &batch.batch_sizes, &mut state)?;
        Ok((all, self.vocab_size()))
    }

    fn observe(
        &self,
        compute: &mut Compute,
        batch: &Packed,
        pull: Option<Pull>,
    ) -> Result<Observed, ShapeError> {
        let mut state = self.initial_state(batch.rows());
        observe(compute, &self.params, pull, |graph| {
            self.layers.forward(graph, &batch.ids, &batch.batch_sizes, &mut state)
        })
    }
}

impl Layers {
    fn new(model: &recipe::Model, vocab_size: usize, builder: &mut Builder) -> Self {
        use recipe::Backbone as Kind;
        let embedding_size = model.embedding_size();
        let deviation = embedding_deviation(model);
        let input = Input::new(builder, "embedding", vocab_size, embedding_size, deviation);
        let options = BackboneOptions { input_size: input.size(), ..BackboneOptions::default() };
        let backbone = backbone(builder, "", model, options);
        let is_transformer = model.backbone == Kind::Transformer;
        // A Transformer's has none, as GPT-2's, whatever its other maps have.
        let bias = !is_transformer;
        let head = match input.table() {
            Some(table) if model.tied_weights => Linear::tied(builder, "head", table, vocab_size, bias),
            _ if is_transformer => {
                let sizes = [backbone.output_size(), vocab_size];
                Linear::with_init(builder, "head", sizes, bias, move |random, w| {
                    init::normal(random, w, 0.02)
                })
                .as_head(builder)
            }
            _ => Linear::new(builder, "head", backbone.output_size(), vocab_size).as_head(builder),
        };
        // A Transformer drops its input out itself, with the places in it, and nothing in front of the head.
        let dropout = if is_transformer { 0.0 } else { model.dropout as f32 };
        Self { input, backbone, head, vocab_size, dropout, variational: model.variational_dropout }
    }

    /// Logits `[tokens, vocab_size]` of a packed batch.
    fn forward(
        &self,
        graph: &mut Graph,
        ids: &[u32],
        batch_sizes: &[usize],
        state: &mut State,
    ) -> Result<Tensor, ShapeError> {
        let y = self.hidden(graph, ids, batch_sizes, state)?;
        self.head.forward(graph, y)
    }

    /// What the head reads of a packed batch, `[tokens, hidden]`. Dropout stands on every connection that is not recurrent (Zaremba,
    /// Sutskever, Vinyals 2014): behind the input, between layers and before the head.
    fn hidden(
        &self,
        graph: &mut Graph,
        ids: &[u32],
        batch_sizes: &[usize],
        state: &mut State,
    ) -> Result<Tensor, ShapeError> {
        let mask = if self.variational { Mask::Sequence(batch_sizes) } else { Mask::Each };
        let x = self.input.forward(graph, ids)?;
        let x = graph.dropout(x, self.dropout, mask);
        let y = self.backbone.forward(graph, x, batch_sizes, state)?;
        Ok(graph.dropout(y, self.dropout, mask))
    }
}
