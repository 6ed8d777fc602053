//! One block: self-attention, attention to a memory where there is one, and a feed-forward network.

use std::rc::Rc;

use anaphora_autograd::trace::Place;
use anaphora_autograd::{
    Activation, Attention, Cache, Graph, NormParams, ParamId, Rotary, ShapeError, Similarity, Tensor,
};

use super::TransformerOptions;
use crate::{Builder, Linear, State, init};

/// The inner layer of a feed-forward network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FeedForwardKind {
    /// One activation.
    Plain(Activation),
    /// SwiGLU: the product of a gate and a linear map (Shazeer 2020).
    SwiGlu,
}

/// The memory of an encoder, which a decoder attends to.
#[derive(Clone, Copy, Debug)]
pub struct EncoderMemory<'a> {
    /// The result of the decoder's `remember` for the encoder's steps: packed batches.
    pub parts: &'a [Tensor],
    /// Rows of each step.
    pub batch_sizes: &'a [usize],
    /// For each sequence of the decoder's batch, the index of the memory's sequence that it reads.
    pub sources: &'a [usize],
}

/// Where the keys and values of self-attention come from.
pub(super) enum Keys<'a> {
    /// From the batch itself, whose sequences begin with it.
    OfBatch,
    /// From the state's cache and the batch, which is added to it.
    Remembered { state: &'a mut State, lengths: &'a [usize], capacity: usize, window: usize },
}

/// What all blocks of one pass share.
pub(super) struct Pass<'a> {
    /// Rows of each step of the batch.
    pub batch_sizes: &'a [usize],
    pub rotary: Option<Rc<Rotary>>,
    pub memory: Option<EncoderMemory<'a>>,
    pub keys: Keys<'a>,
    /// Each block's queries to the memory, where they are to be noted.
    pub queries: Option<Vec<Tensor>>,
}

#[derive(Clone, Debug)]
pub(super) struct Block {
    attention: Attention,
    dropout: f32,
    norm_first: bool,
    /// Queries, keys and values side by side.
    qkv: Linear,
    /// Each head's factor on cosines.
    scale: Option<ParamId>,
    out: Linear,
    cross: Option<Cross>,
    up: Linear,
    kind: FeedForwardKind,
    down: Linear,
    /// One for each part.
    norms: Vec<NormParams>,
}

#[derive(Clone, Debug)]
struct Cross {
    q: Linear,
    kv: Linear,
    scale: Option<ParamId>,
    out: Linear,
}

impl Block {
    pub fn new(builder: &mut Builder, name: &str, options: &TransformerOptions) -> Self {
        let TransformerOptions { hidden_size: width, feed_forward_size: inner, bias, .. } = *options;
        let attention = options.attention();
        let kv_width = attention.kv_heads * attention.head_size;
        let parts = 2 + usize::from(options.memory_size.is_some());
        let ending = 0.02 / ((parts * options.layers) as f32).sqrt();
        let linear = |builder: &mut Builder, part: &str, inputs, outputs, deviation: f32| {
            Linear::with_init(
                builder,
                &format!("{name}.{part}"),
                [inputs, outputs],
                bias,
                move |random, w| {
                    init::normal(random, w, deviation);
                },
            )
        };
        let scale = |builder: &mut Builder, part: &str| {
            // About the logarithm of the number of keys lets a weight come near 1 (Henry et al. 2020).
            (options.similarity == Similarity::Cosine)
                .then(|| builder.add(format!("{name}.{part}.scale"), &[options.heads], |_, s| s.fill(10.0)))
        };
        let qkv = linear(builder, "attention.qkv", width, width + 2 * kv_width, 0.02)
            .stacked(builder, &[width, kv_width, kv_width]);
        let own_scale = scale(builder, "attention");
        let out = linear(builder, "attention.out", width, width, ending);
        let cross = options.memory_size.map(|memory| Cross {
            q: linear(builder, "cross_attention.q", width, width, 0.02),
            kv: linear(builder, "cross_attention.kv", memory, 2 * kv_width, 0.02)
                .stacked(builder, &[kv_width; 2]),
            scale: scale(builder, "cross_attention"),
            out: linear(builder, "cross_attention.out", width, width, ending),
        });
        let gates = if options.feed_forward == FeedForwardKind::SwiGlu { 2 } else { 1 };
        let up = linear(builder, "feed_forward.up", width, gates * inner, 0.02)
            .stacked(builder, &vec![inner; gates]);
        let down = linear(builder, "feed_forward.down", inner, width, ending);
        let norms =
            (1..=parts).map(|number| options.norm(builder, &format!("{name}.norm{number}"))).collect();
        Self {
            attention,
            dropout: options.dropout,
            norm_first: options.norm_first,
            qkv,
            scale: own_scale,
            out,
            cross,
            up,
            kind: options.feed_forward,
            down,
            norms,
        }
    }

    /// A weight by which the block is known.
    pub fn weight(&self) -> ParamId {
        self.qkv.weight()
    }

    /// The norm of the first part.
    pub fn first_norm(&self) -> NormParams {
        self.norms[0]
    }

    /// The keys and values of what an encoder left, side by side, where the block looks at it.
    pub fn remember(&self, graph: &mut Graph, steps: Tensor) -> Option<Result<Tensor, ShapeError>> {
        self.cross.as_ref().map(|cross| cross.kv.forward(graph, steps))
    }

    /// How much each of the `queries` of block `number` in this pass looked at each step of the memory, `[heads, queries,
    /// steps]` for each sequence.
    pub fn memory_weights(
        &self,
        graph: &Graph,
        number: usize,
        queries: Tensor,
        pass: &Pass,
    ) -> Option<Result<Vec<Vec<f32>>, ShapeError>> {
        let (cross, memory) = (self.cross.as_ref()?, pass.memory?);
        Some(graph.cross_attention_weights(
            &self.cross_attention(),
            cross.scale,
            queries,
            pass.batch_sizes,
            memory.parts[number],
            memory.batch_sizes,
            memory.sources,
        ))
    }

    /// From the residual stream and what is read of it to both behind this block, the pass's `number`th; `following` is the
    /// norm in front of what comes next, where norms stand in front.
    pub fn forward(
        &self,
        graph: &mut Graph,
        number: usize,
        (mut stream, mut y): (Tensor, Tensor),
        pass: &mut Pass,
        following: Option<NormParams>,
    ) -> Result<(Tensor, Tensor), ShapeError> {
        graph.under(self.weight());
        let branch = self.attend(graph, number, y, pass)?;
        (stream, y) = self.join(graph, stream, branch, 0, following)?;
        let mut part = 1;
        if let (Some(cross), Some(memory)) = (&self.cross, pass.memory) {
            let queries = cross.q.forward(graph, y)?;
            if let Some(all) = &mut pass.queries {
                all.push(queries);
            }
            let seen = graph.cross_attention(
                &self.cross_attention(),
                cross.scale,
                queries,
                pass.batch_sizes,
                memory.parts[number],
                memory.batch_sizes,
                memory.sources,
            )?;
            let branch = cross.out.forward(graph, seen)?;
            (stream, y) = self.join(graph, stream, branch, part, following)?;
            part += 1;
        }
        let inner = match self.kind {
            FeedForwardKind::Plain(function) => self.up.forward_activated(graph, y, function)?,
            FeedForwardKind::SwiGlu => {
                let gates_and_ups = self.up.forward(graph, y)?;
                graph.swiglu(gates_and_ups)?
            }
        };
        let branch = self.down.forward(graph, inner)?;
        let (stream, y) = self.join(graph, stream, branch, part, following)?;
        // Where a norm follows, what comes back to the branch is the gradient of the sum.
        let whole = if self.norm_first { [stream, branch] } else { [y, y] };
        graph.watch_through(Place::Block, self.weight(), whole);
        Ok((stream, y))
    }

    /// Adds what a part gives to the stream, and normalises: by the next part's norm where norms stand in front, by this
    /// part's where they stand behind.
    fn join(
        &self,
        graph: &mut Graph,
        stream: Tensor,
        branch: Tensor,
        part: usize,
        following: Option<NormParams>,
    ) -> Result<(Tensor, Tensor), ShapeError> {
        if !self.norm_first {
            let (_, y) = graph.residual_norm(stream, branch, self.dropout, self.norms[part])?;
            return Ok((y, y));
        }
        let norm = self.norms.get(part + 1).copied().or(following);
        let norm = norm.expect("a norm follows the last block where norms stand in front");
        graph.residual_norm(stream, branch, self.dropout, norm)
    }

    fn attend(
        &self,
        graph: &mut Graph,
        number: usize,
        y: Tensor,
        pass: &mut Pass,
    ) -> Result<Tensor, ShapeError> {
        let mut qkv = self.qkv.forward(graph, y)?;
        if let Some(rotary) = &pass.rotary {
            // Queries and keys stand in front of the values.
            qkv = graph.rotate(qkv, self.attention.heads + self.attention.kv_heads, rotary)?;
        }
        let seen = match &mut pass.keys {
            Keys::OfBatch => graph.self_attention(&self.attention, self.scale, qkv, pass.batch_sizes)?,
            Keys::Remembered { state, lengths, capacity, window } => {
                let attention = Attention { window: Some(*window), ..self.attention };
                let [keys, values] = state.pair_mut(2 * number);
                // Sequences that have ended stand behind those of the batch.
                let room = lengths.len() * *capacity * attention.kv_heads * attention.head_size;
                let (keys, values) = (&mut keys[..room], &mut values[..room]);
                let cache = Cache { keys, values, capacity: *capacity, lengths };
                graph.cached_attention(&attention, self.scale, qkv, pass.batch_sizes, cache)?
            }
        };
        self.out.forward(graph, seen)
    }

    /// That to a memory: distances mean nothing between two sequences, and nothing of the memory is in the future.
    fn cross_attention(&self) -> Attention {
        Attention { causal: false, window: None, alibi: false, ..self.attention }
    }
}
