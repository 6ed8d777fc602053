//! The Transformer (Vaswani et al. 2017): a stack of attention and feed-forward networks around a residual stream.

mod block;
mod cache;

use anaphora_autograd::trace::Place;
use anaphora_autograd::{Attention, Graph, Norm, NormParams, ShapeError, Similarity, Tensor};

use self::block::{Block, Keys, Pass};
use self::cache::Layout;
use crate::position::{Position, Positions};
use crate::{Builder, Linear, State, init, norm};

pub use self::block::{EncoderMemory, FeedForwardKind};

/// The shape of a stack.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TransformerOptions {
    /// Input size: values for each step. If it is not `hidden_size`, a linear map stands in front.
    pub input_size: usize,
    /// Size of the residual stream.
    pub hidden_size: usize,
    /// Blocks on top of each other.
    pub layers: usize,
    /// Heads of queries; they divide `hidden_size`.
    pub heads: usize,
    /// Heads of keys and values, each shared by as many heads of queries (Ainslie et al. 2023); they divide `heads`.
    pub kv_heads: usize,
    /// Values of the feed-forward networks' inner layer.
    pub feed_forward_size: usize,
    /// The inner layer's activation.
    pub feed_forward: FeedForwardKind,
    /// Most steps that a token sees, itself included.
    pub context: usize,
    /// The positional encoding.
    pub position: Position,
    /// The base of rotary frequencies, [`ROTARY_BASE`](crate::ROTARY_BASE) as a rule.
    pub rotary_base: f32,
    /// The kind of norm.
    pub norm: Norm,
    /// Added by norms to the variance under the root.
    pub norm_epsilon: f32,
    /// Whether a norm stands in front of each part (GPT-2) or behind its residual sum (Vaswani et al. 2017).
    pub norm_first: bool,
    /// The score between queries and keys.
    pub similarity: Similarity,
    /// Whether linear maps and norms have biases.
    pub bias: bool,
    /// Whether a token sees only those before it and itself: a decoder, else an encoder.
    pub causal: bool,
    /// Values for each step of the encoder's memory that each block attends to; none without an encoder.
    pub memory_size: Option<usize>,
    /// Probability with which a value is dropped behind the input and behind each part, in training.
    pub dropout: f32,
    /// Probability with which an attention weight is dropped in training.
    pub attention_dropout: f32,
}

impl TransformerOptions {
    /// What is wrong with the sizes, as a sentence; none if nothing is.
    pub fn conflict(&self) -> Option<String> {
        let Self { hidden_size, heads, kv_heads, .. } = *self;
        if heads == 0 || !hidden_size.is_multiple_of(heads) {
            return Some(format!("{heads} heads do not divide a width of {hidden_size}"));
        }
        if kv_heads == 0 || !heads.is_multiple_of(kv_heads) {
            return Some(format!(
                "{kv_heads} heads of keys and values do not divide {heads} heads of queries"
            ));
        }
        let head_size = hidden_size / heads;
        if self.position == Position::Rotary && !head_size.is_multiple_of(2) {
            return Some(format!("rotary positions turn pairs of values, and a head has {head_size}"));
        }
        None
    }

    /// What the scores of a head lose with each step of distance; none but with [`Position::Alibi`].
    pub fn slope(&self, head: usize) -> Option<f32> {
        self.attention().slope(head)
    }

    fn norm(&self, builder: &mut Builder, name: &str) -> NormParams {
        norm(builder, name, self.norm, self.hidden_size, self.bias, self.norm_epsilon)
    }

    fn attention(&self) -> Attention {
        Attention {
            heads: self.heads,
            kv_heads: self.kv_heads,
            head_size: self.hidden_size / self.heads,
            similarity: self.similarity,
            causal: self.causal,
            window: None,
            alibi: self.position == Position::Alibi,
            dropout: self.attention_dropout,
        }
    }
}

/// A stack of blocks.
#[derive(Clone, Debug)]
pub struct Transformer {
    options: TransformerOptions,
    input: Option<Linear>,
    positions: Positions,
    blocks: Vec<Block>,
    /// The norm after the last block, if norms stand in front of the parts.
    last_norm: Option<NormParams>,
}

impl Transformer {
    /// Adds `NAME.layers.0.norm1.weight` and so on. Weights begin normal with deviation 0.02, those that end a branch of
    /// the residual stream smaller by the root of the number of branches (GPT-2, Radford et al. 2019).
    ///
    /// # Panics
    ///
    /// Where [`TransformerOptions::conflict`] finds something.
    pub fn new(builder: &mut Builder, name: &str, options: TransformerOptions) -> Self {
        if let Some(conflict) = options.conflict() {
            panic!("{conflict}");
        }
        let TransformerOptions { input_size, hidden_size, layers, context, position, .. } = options;
        let input = (input_size != hidden_size).then(|| {
            let sizes = [input_size, hidden_size];
            let normal = |random: &mut init::Random, w: &mut [f32]| init::normal(random, w, 0.02);
            Linear::with_init(builder, &format!("{name}.input"), sizes, options.bias, normal)
        });
        let sizes = [context, hidden_size, hidden_size / options.heads];
        let name_of_places = format!("{name}.position");
        let positions = Positions::new(builder, &name_of_places, position, sizes, options.rotary_base);
        let blocks =
            (0..layers).map(|i| Block::new(builder, &format!("{name}.layers.{i}"), &options)).collect();
        let last_norm = options.norm_first.then(|| options.norm(builder, &format!("{name}.norm")));
        Self { options, input, positions, blocks, last_norm }
    }

    /// Values a step of the output.
    pub fn output_size(&self) -> usize {
        self.options.hidden_size
    }

    /// The state of `rows` sequences that have not begun: what is remembered of their steps is laid out when the first
    /// comes.
    pub fn initial_state(&self, rows: usize) -> State {
        State::zeros(rows, [])
    }

    /// `x[tokens, input_size]`, a packed batch with `batch_sizes` rows a step, to `[tokens, hidden_size]`.
    ///
    /// In training each sequence begins here, and has `context` steps at most. Else a causal stack goes on from
    /// `state`, which holds keys and values of the latest steps: the stretches into which a sequence is cut do not
    /// matter. Where places are absolute and the context is full, its latter half is read again from place 0; else it
    /// slides.
    pub fn forward(
        &self,
        graph: &mut Graph,
        x: Tensor,
        batch_sizes: &[usize],
        memory: Option<EncoderMemory>,
        state: &mut State,
    ) -> Result<Tensor, ShapeError> {
        let x = self.enter(graph, x)?;
        if self.options.causal && !graph.records() {
            return self.go_on(graph, x, batch_sizes, memory, state);
        }
        let keys = Keys::OfBatch;
        let mut pass = Pass { batch_sizes, rotary: None, memory, keys, queries: None };
        self.run(graph, x, &places(batch_sizes), &mut pass)
    }

    /// Keys and values of an encoder's `steps[memory tokens, memory_size]`, for each block.
    pub fn remember(&self, graph: &mut Graph, steps: Tensor) -> Result<Vec<Tensor>, ShapeError> {
        self.blocks.iter().filter_map(|block| block.remember(graph, steps)).collect()
    }

    /// How much each token of `x` looks at each step of its source, `[queries, steps]` for each sequence in turn: the mean
    /// of the heads of the last block but one, which comes nearest to how people align words (Garg et al. 2019), or of the
    /// only one. Empty where the blocks look at no memory.
    pub fn alignments(
        &self,
        graph: &mut Graph,
        x: Tensor,
        batch_sizes: &[usize],
        memory: EncoderMemory,
    ) -> Result<Vec<Vec<f32>>, ShapeError> {
        let x = self.enter(graph, x)?;
        let (keys, memory) = (Keys::OfBatch, Some(memory));
        let mut pass = Pass { batch_sizes, rotary: None, memory, keys, queries: Some(Vec::new()) };
        self.run(graph, x, &places(batch_sizes), &mut pass)?;
        let number = self.blocks.len().saturating_sub(2);
        let queries = pass.queries.iter().flatten().nth(number).copied();
        let looked = queries.and_then(|q| self.blocks[number].memory_weights(graph, number, q, &pass));
        let heads = self.options.heads;
        let mean = |weights: Vec<f32>| {
            let mut heads = weights.chunks_exact((weights.len() / heads).max(1));
            let mut sum = heads.next().unwrap_or_default().to_vec();
            heads.for_each(|head| sum.iter_mut().zip(head).for_each(|(sum, weight)| *sum += weight));
            sum.iter_mut().for_each(|sum| *sum /= self.options.heads as f32);
            sum
        };
        Ok(looked.transpose()?.unwrap_or_default().into_iter().map(mean).collect())
    }

    fn enter(&self, graph: &mut Graph, x: Tensor) -> Result<Tensor, ShapeError> {
        if let Some(block) = self.blocks.first() {
            graph.watch(Place::Input, block.weight(), &[x]);
        }
        match &self.input {
            Some(input) => input.forward(graph, x),
            None => Ok(x),
        }
    }

    /// One pass over the blocks; `places` has one for each row of `x`.
    fn run(
        &self,
        graph: &mut Graph,
        x: Tensor,
        places: &[usize],
        pass: &mut Pass,
    ) -> Result<Tensor, ShapeError> {
        let x = self.positions.add(graph, x, places)?;
        let x = graph.dropout(x, self.options.dropout, anaphora_autograd::Mask::Each);
        pass.rotary = self.positions.rotary(places);
        // The residual stream and what the next part reads of it: two things where norms stand in front of the parts.
        let (mut stream, mut y) = (x, x);
        if let Some(block) = self.blocks.first().filter(|_| self.options.norm_first) {
            y = graph.norm(x, block.first_norm())?;
        }
        for (number, block) in self.blocks.iter().enumerate() {
            let following = self.blocks.get(number + 1).map(Block::first_norm).or(self.last_norm);
            let following = following.filter(|_| self.options.norm_first);
            (stream, y) = block.forward(graph, number, (stream, y), pass, following)?;
        }
        Ok(y)
    }

    /// The layout of the state.
    fn layout(&self) -> Layout {
        let TransformerOptions { hidden_size, heads, kv_heads, layers, context, position, .. } = self.options;
        Layout::new(layers, kv_heads * (hidden_size / heads), hidden_size, context, position)
    }
}

/// The place of each row of a packed batch in its sequence.
fn places(batch_sizes: &[usize]) -> Vec<usize> {
    batch_sizes.iter().enumerate().flat_map(|(t, &rows)| std::iter::repeat_n(t, rows)).collect()
}
