//! The language model: input, backbone and a head over the vocabulary.

use anaphora_data::Batch;
use anaphora_nn::{
    Activation, Backbone, Builder, Cell, Device, FeedForward, FeedForwardKind, Graph, Input, Linear, Mask,
    Memory, Mode, Norm, Params, Position, Recurrent, RecurrentOptions, ShapeError, Similarity, State, Tensor,
    Transformer, TransformerOptions, init,
};

use crate::recipe;

/// A model that gives, after each token of a sequence, a distribution over the next.
pub struct LanguageModel {
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
    /// A model with random weights that follow from `seed`.
    pub fn new(model: &recipe::Model, vocab_size: usize, seed: u64) -> Self {
        let mut params = Params::new();
        let layers = Layers::new(model, vocab_size, &mut Builder::random(&mut params, seed));
        Self { params, layers }
    }

    /// A model whose weights are all zero, to be loaded.
    pub fn zeros(model: &recipe::Model, vocab_size: usize) -> Self {
        let mut params = Params::new();
        let layers = Layers::new(model, vocab_size, &mut Builder::zeros(&mut params));
        Self { params, layers }
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

    /// Adds to the gradients those of `weight` times the batch's mean cross-entropy, which is returned in nats a token.
    /// Sequences go on from `state`.
    pub fn train_batch(
        &mut self,
        device: &Device,
        memory: &mut Memory,
        batch: &Batch,
        state: &mut State,
        seed: u64,
        weight: f32,
    ) -> Result<f32, ShapeError> {
        let mut graph = Graph::new(device, &mut self.params, memory, Mode::Train { seed });
        let logits = self.layers.forward(&mut graph, &batch.ids, &batch.batch_sizes, state)?;
        let (_, mean) = graph.cross_entropy(logits, &batch.targets)?;
        let loss = graph.value(mean)[0];
        graph.backward(mean, weight)?;
        Ok(loss)
    }

    /// The sum of the batch's cross-entropies in nats. Sequences go on from `state`.
    pub fn evaluate_batch(
        &mut self,
        device: &Device,
        memory: &mut Memory,
        batch: &Batch,
        state: &mut State,
    ) -> Result<f64, ShapeError> {
        let mut graph = Graph::new(device, &mut self.params, memory, Mode::Infer);
        let logits = self.layers.forward(&mut graph, &batch.ids, &batch.batch_sizes, state)?;
        let (losses, _) = graph.cross_entropy(logits, &batch.targets)?;
        Ok(graph.value(losses).iter().map(|&loss| f64::from(loss)).sum())
    }

    /// Reads a packed batch and writes the logits after its last step, `[batch_sizes.last(), vocab_size]`. Sequences go on
    /// from `state`.
    pub fn advance(
        &mut self,
        device: &Device,
        memory: &mut Memory,
        ids: &[u32],
        batch_sizes: &[usize],
        state: &mut State,
        logits: &mut Vec<f32>,
    ) -> Result<(), ShapeError> {
        let mut graph = Graph::new(device, &mut self.params, memory, Mode::Infer);
        let output = self.layers.forward(&mut graph, ids, batch_sizes, state)?;
        let last = batch_sizes.last().map_or(0, |rows| rows * self.layers.vocab_size);
        let values = graph.value(output);
        logits.clear();
        logits.extend_from_slice(&values[values.len() - last..]);
        Ok(())
    }
}

impl Layers {
    fn new(model: &recipe::Model, vocab_size: usize, builder: &mut Builder) -> Self {
        use recipe::Backbone as Kind;
        let (embedding_size, hidden_size) = (model.embedding_size(), model.hidden_size);
        let deviation = match model.backbone {
            Kind::Transformer => 0.02,
            _ if model.tied_weights => 1.0 / (embedding_size as f32).sqrt(),
            _ => 1.0,
        };
        let input = Input::new(builder, "embedding", vocab_size, embedding_size, deviation);
        let mut dropout = model.dropout as f32;
        let recurrent = |builder: &mut Builder, cell| {
            let options = RecurrentOptions {
                cell,
                input_size: input.size(),
                hidden_size,
                layers: model.layers,
                bidirectional: false,
                dropout: model.dropout as f32,
                variational: model.variational_dropout,
                forget_bias: model.forget_bias as f32,
            };
            Backbone::Recurrent(Recurrent::new(builder, "rnn", options))
        };
        let backbone = match model.backbone {
            Kind::Window => {
                let sizes = [model.window, input.size(), hidden_size, model.layers];
                Backbone::FeedForward(FeedForward::new(builder, "window", sizes, dropout))
            }
            Kind::Rnn if model.nonlinearity == recipe::Nonlinearity::Relu => recurrent(builder, Cell::Relu),
            Kind::Rnn => recurrent(builder, Cell::Tanh),
            Kind::Gru => recurrent(builder, Cell::Gru),
            Kind::Lstm => recurrent(builder, Cell::Lstm),
            Kind::Transformer => {
                // It drops its input out itself, with the places in it, and nothing in front of the head.
                dropout = 0.0;
                let options = TransformerOptions { input_size: input.size(), ..transformer(model) };
                Backbone::Transformer(Transformer::new(builder, "transformer", options))
            }
        };
        let is_transformer = model.backbone == Kind::Transformer;
        // A Transformer's has none, as GPT-2's, whatever its other maps have.
        let bias = !is_transformer;
        let head = match input.table() {
            Some(table) if model.tied_weights => Linear::tied(builder, "head", table, vocab_size, bias),
            _ if is_transformer => {
                let sizes = [backbone.output_size(), vocab_size];
                Linear::with_init(builder, "head", sizes, bias, |random, w| init::normal(random, w, 0.02))
            }
            _ => Linear::new(builder, "head", backbone.output_size(), vocab_size),
        };
        Self { input, backbone, head, vocab_size, dropout, variational: model.variational_dropout }
    }

    /// Logits `[tokens, vocab_size]` of a packed batch. Dropout stands on every connection that is not recurrent (Zaremba,
    /// Sutskever, Vinyals 2014): behind the input, between layers and before the head.
    fn forward(
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
        let y = graph.dropout(y, self.dropout, mask);
        self.head.forward(graph, y)
    }
}

/// The Transformer that a recipe describes, fed with rows of its own width.
pub(crate) fn transformer(model: &recipe::Model) -> TransformerOptions {
    TransformerOptions {
        input_size: model.hidden_size,
        hidden_size: model.hidden_size,
        layers: model.layers,
        heads: model.heads(),
        kv_heads: model.kv_heads.unwrap_or_else(|| model.heads()),
        feed_forward_size: model.feed_forward_size(),
        feed_forward: match model.feed_forward {
            recipe::FeedForward::Relu => FeedForwardKind::Plain(Activation::Relu),
            recipe::FeedForward::Gelu => FeedForwardKind::Plain(Activation::Gelu),
            recipe::FeedForward::GeluTanh => FeedForwardKind::Plain(Activation::GeluTanh),
            recipe::FeedForward::Swiglu => FeedForwardKind::SwiGlu,
        },
        context: model.context.unwrap_or(recipe::CONTEXT),
        position: match model.position {
            recipe::Position::None => Position::None,
            recipe::Position::Sinusoidal => Position::Sinusoidal,
            recipe::Position::Learned => Position::Learned,
            recipe::Position::Rotary => Position::Rotary,
            recipe::Position::Alibi => Position::Alibi,
        },
        norm: match model.norm {
            recipe::Norm::Layer => Norm::Layer,
            recipe::Norm::Rms => Norm::Rms,
        },
        norm_epsilon: model.norm_epsilon() as f32,
        norm_first: model.norm_first,
        similarity: match model.similarity {
            recipe::Similarity::Dot => Similarity::ScaledDotProduct,
            recipe::Similarity::Cosine => Similarity::Cosine,
        },
        bias: model.bias,
        causal: true,
        memory_size: None,
        dropout: model.dropout as f32,
        attention_dropout: model.attention_dropout as f32,
    }
}
