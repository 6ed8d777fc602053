//! Decoders: they write a sequence from an encoded source sequence.

use anaphora_nn::{
    Activation, Alignment, Backbone, Builder, EncoderAttention, EncoderMemory, Graph, Linear, Mask,
    Recurrent, ShapeError, State, Tensor, Transformer, init,
};

use super::backbone::{BackboneOptions, backbone};
use super::encoder::{Encoded, Encoder};
use crate::recipe;

/// A decoder.
pub enum Decoder {
    /// Recurrent layers.
    Recurrent(RecurrentDecoder),
    /// Blocks that each attend to the encoder's steps (Vaswani et al. 2017).
    Transformer(Transformer),
}

/// A recurrent decoder. Its first state and a part of its input at each step come from the encoder's last state: the
/// fixed vector (Sutskever, Vinyals, Le 2014; Cho et al. 2014). With attention it also attends to each of the encoder's
/// steps.
pub struct RecurrentDecoder {
    layers: Recurrent,
    /// Linear maps from the encoder's last state to each part of the first state.
    bridges: Vec<Linear>,
    attention: Option<EncoderAttention>,
    /// Whether attention's result is fed with the next token (input feeding, Luong, Pham, Manning 2015, section 3.3).
    input_feeding: bool,
    hidden_size: usize,
    dropout: f32,
    variational: bool,
}

/// The encoded source sequences as the decoder sees them, on a tape.
pub struct EncodedSource {
    /// Keys and values of the encoder's steps, as the decoder's attention takes them.
    pub parts: Vec<Tensor>,
    /// Rows of each step.
    pub batch_sizes: Vec<usize>,
    /// One vector for each whole sequence, `[sequences, size]`.
    pub summary: Tensor,
}

impl EncodedSource {
    fn seen_by<'a>(&'a self, sources: &'a [usize]) -> EncoderMemory<'a> {
        EncoderMemory { parts: &self.parts, batch_sizes: &self.batch_sizes, sources }
    }
}

/// The target sequences: packed, one row a token, each with the source that it is written from.
#[derive(Clone, Copy)]
pub struct Written<'a> {
    /// `[tokens, embedding_size]`.
    pub x: Tensor,
    /// Rows of each step.
    pub batch_sizes: &'a [usize],
    /// The index of each sequence's source.
    pub sources: &'a [usize],
}

impl Decoder {
    /// Adds `decoder.…`, for a recurrent one also `bridge.…` and `attention.…`; its input is `[tokens, input_size]`.
    pub fn new(builder: &mut Builder, model: &recipe::Model, input_size: usize, encoder: &Encoder) -> Self {
        let read_size = encoder.output_size();
        let is_transformer = model.backbone == recipe::Backbone::Transformer;
        let alignment = match model.attention {
            recipe::Attention::None => None,
            recipe::Attention::Luong => Some(Alignment::Luong),
            recipe::Attention::Bahdanau => Some(Alignment::Bahdanau),
        };
        let input_feeding = model.input_feeding && alignment.is_some();
        let fed = if input_feeding { model.hidden_size } else { 0 };
        let options = BackboneOptions {
            input_size: if is_transformer { input_size } else { input_size + read_size + fed },
            causal: true,
            memory_size: is_transformer.then_some(read_size),
        };
        match backbone(builder, "decoder.", model, options) {
            Backbone::Recurrent(layers) => {
                let from = encoder.end_size().unwrap_or(read_size);
                let bridge = |part| {
                    let name = format!("bridge.{part}");
                    let to = model.hidden_size;
                    Linear::with_init(builder, &name, [from, to], true, move |random, w| {
                        init::xavier(random, w, from, to);
                    })
                };
                let bridges = (0..layers.initial_state(1).parts()).map(bridge).collect();
                let sizes = [model.hidden_size, read_size];
                let attention =
                    alignment.map(|alignment| EncoderAttention::new(builder, "attention", alignment, sizes));
                Self::Recurrent(RecurrentDecoder {
                    layers,
                    bridges,
                    attention,
                    input_feeding,
                    hidden_size: model.hidden_size,
                    dropout: model.dropout as f32,
                    variational: model.variational_dropout,
                })
            }
            Backbone::Transformer(layers) => Self::Transformer(layers),
            _ => unreachable!("a recipe with another backbone as decoder is refused"),
        }
    }

    /// The keys and values of an encoder's `steps[tokens, size]`; none without attention.
    pub fn remember(&self, graph: &mut Graph, steps: Tensor) -> Result<Vec<Tensor>, ShapeError> {
        match self {
            Self::Transformer(layers) => layers.remember(graph, steps),
            Self::Recurrent(decoder) => {
                let remember = |attention: &EncoderAttention| attention.remember(graph, steps);
                decoder.attention.as_ref().map_or(Ok(Vec::new()), remember)
            }
        }
    }

    /// The initial state, a row for each source.
    pub fn begin(
        &self,
        graph: &mut Graph,
        encoded: &Encoded,
        memory: &EncodedSource,
    ) -> Result<State, ShapeError> {
        match self {
            Self::Transformer(layers) => Ok(layers.initial_state(memory.summary.rows)),
            Self::Recurrent(decoder) => decoder.begin(graph, encoded, memory),
        }
    }

    /// Teacher forcing: reads the true tokens from the beginning and gives `[tokens, hidden_size]`, from which the next
    /// of each is predicted.
    pub fn teach(
        &self,
        graph: &mut Graph,
        written: Written,
        encoded: &Encoded,
        memory: &EncodedSource,
    ) -> Result<Tensor, ShapeError> {
        match self {
            Self::Transformer(layers) => {
                let mut state = layers.initial_state(written.sources.len());
                let seen = memory.seen_by(written.sources);
                layers.forward(graph, written.x, written.batch_sizes, Some(seen), &mut state)
            }
            Self::Recurrent(decoder) => {
                let y = decoder.teach(graph, written, encoded, memory)?.1;
                Ok(graph.dropout(y, decoder.dropout, decoder.mask(written.batch_sizes)))
            }
        }
    }

    /// Reads one more token in each row and advances `state`: `[rows, hidden_size]`.
    pub fn step(
        &self,
        graph: &mut Graph,
        written: Written,
        memory: &EncodedSource,
        state: &mut State,
    ) -> Result<Tensor, ShapeError> {
        match self {
            Self::Transformer(layers) => {
                let seen = memory.seen_by(written.sources);
                layers.forward(graph, written.x, written.batch_sizes, Some(seen), state)
            }
            Self::Recurrent(decoder) => decoder.step(graph, written, memory, state),
        }
    }

    /// Attention weights of each true token on each step of its source, `[tokens, steps]` for each sequence in turn; none if
    /// the decoder has no attention.
    pub fn alignments(
        &self,
        graph: &mut Graph,
        written: Written,
        encoded: &Encoded,
        memory: &EncodedSource,
    ) -> Result<Option<Vec<Vec<f32>>>, ShapeError> {
        let Written { x, batch_sizes, sources } = written;
        let seen = memory.seen_by(sources);
        match self {
            Self::Transformer(layers) => layers.alignments(graph, x, batch_sizes, seen).map(Some),
            Self::Recurrent(decoder) => {
                let Some(attention) = &decoder.attention else { return Ok(None) };
                let (states, _) = decoder.teach(graph, written, encoded, memory)?;
                attention.weights(graph, states, batch_sizes, seen).map(Some)
            }
        }
    }
}

impl RecurrentDecoder {
    fn begin(
        &self,
        graph: &mut Graph,
        encoded: &Encoded,
        memory: &EncodedSource,
    ) -> Result<State, ShapeError> {
        // The last part is attention's result, with input feeding.
        let parts = self.bridges.len() + usize::from(self.input_feeding);
        let mut state = State::zeros(memory.summary.rows, std::iter::repeat_n(self.hidden_size, parts));
        for (part, tensor) in self.starts(graph, encoded, memory)?.into_iter().enumerate() {
            state.part_mut(part).copy_from_slice(graph.value(tensor));
        }
        Ok(state)
    }

    /// The layers' states after each true token, and the same combined with attention, both `[tokens, hidden_size]`.
    fn teach(
        &self,
        graph: &mut Graph,
        Written { x, batch_sizes, sources }: Written,
        encoded: &Encoded,
        memory: &EncodedSource,
    ) -> Result<(Tensor, Tensor), ShapeError> {
        let x = graph.dropout(x, self.dropout, self.mask(batch_sizes));
        let x = beside(graph, x, memory.summary, batch_sizes, sources)?;
        let rows: Vec<u32> = sources.iter().map(|&source| source as u32).collect();
        let starts = self.starts(graph, encoded, memory)?.into_iter();
        let starts = starts.map(|start| graph.gather(start, &rows, 1)).collect::<Result<Vec<_>, _>>()?;
        match &self.attention {
            None => {
                let (y, _) = self.layers.run(graph, x, batch_sizes, &starts)?;
                Ok((y, y))
            }
            Some(attention) if self.input_feeding => {
                self.feed(graph, attention, x, batch_sizes, starts, memory.seen_by(sources))
            }
            Some(attention) => {
                let (y, _) = self.layers.run(graph, x, batch_sizes, &starts)?;
                Ok((y, attention.forward(graph, y, batch_sizes, memory.seen_by(sources))?))
            }
        }
    }

    /// [`RecurrentDecoder::teach`] a step at a time, because each step reads attention's result of the step before.
    fn feed(
        &self,
        graph: &mut Graph,
        attention: &EncoderAttention,
        x: Tensor,
        batch_sizes: &[usize],
        mut state: Vec<Tensor>,
        seen: EncoderMemory,
    ) -> Result<(Tensor, Tensor), ShapeError> {
        let rows = batch_sizes.first().copied().unwrap_or(0);
        let mut found = graph.constant(&vec![0.0; rows * self.hidden_size], rows, self.hidden_size)?;
        let (mut states, mut all_found, mut first) = (Vec::new(), Vec::new(), 0);
        for &rows in batch_sizes {
            // Sequences that have ended stand behind the others.
            let those_left: Vec<u32> = (0..rows as u32).collect();
            for part in state.iter_mut().chain([&mut found]).filter(|part| part.rows > rows) {
                *part = graph.gather(*part, &those_left, 1)?;
            }
            let present: Vec<u32> = (first..first + rows as u32).collect();
            let x = graph.gather(x, &present, 1)?;
            let x = graph.concat(x, found)?;
            let (y, ends) = self.layers.run(graph, x, &[rows], &state)?;
            let seen = EncoderMemory { sources: &seen.sources[..rows], ..seen };
            found = attention.forward(graph, y, &[rows], seen)?;
            states.push(y);
            all_found.push(found);
            (state, first) = (ends, first + rows as u32);
        }
        Ok((graph.stack(&states)?, graph.stack(&all_found)?))
    }

    fn step(
        &self,
        graph: &mut Graph,
        Written { x, batch_sizes, sources }: Written,
        memory: &EncodedSource,
        state: &mut State,
    ) -> Result<Tensor, ShapeError> {
        let mut x = beside(graph, x, memory.summary, batch_sizes, sources)?;
        let fed = self.bridges.len();
        if self.input_feeding {
            let found = graph.constant(state.part(fed), state.rows(), self.hidden_size)?;
            x = graph.concat(x, found)?;
        }
        let y = self.layers.forward(graph, x, batch_sizes, state)?;
        let Some(attention) = &self.attention else { return Ok(y) };
        let found = attention.forward(graph, y, batch_sizes, memory.seen_by(sources))?;
        if self.input_feeding {
            state.part_mut(fed).copy_from_slice(graph.value(found));
        }
        Ok(found)
    }

    /// The first states, `[sequences, hidden_size]` each: from the last state of the encoder's layer of the same
    /// number, or of its last layer, or from the summary.
    fn starts(
        &self,
        graph: &mut Graph,
        encoded: &Encoded,
        memory: &EncodedSource,
    ) -> Result<Vec<Tensor>, ShapeError> {
        let each = self.bridges.len() / self.layers.layers();
        let ends = &encoded.ends;
        let per_layer = ends.len() / encoded.layers.max(1);
        let mut starts = Vec::with_capacity(self.bridges.len());
        for (part, bridge) in self.bridges.iter().enumerate() {
            let layer = (part / each).min(encoded.layers.saturating_sub(1));
            let from = match &ends[layer * per_layer..(layer + 1) * per_layer] {
                [] => memory.summary,
                [first, others @ ..] => {
                    others.iter().try_fold(*first, |all, &other| graph.concat(all, other))?
                }
            };
            let sums = bridge.forward(graph, from)?;
            // A hidden state lies within -1 and 1, the cell state beside it does not.
            starts.push(if part % each == 0 { graph.activate(Activation::Tanh, sums) } else { sums });
        }
        Ok(starts)
    }

    fn mask<'a>(&self, batch_sizes: &'a [usize]) -> Mask<'a> {
        if self.variational { Mask::Sequence(batch_sizes) } else { Mask::Each }
    }
}

/// Each row of `x` with its source's row of `summary` behind it.
fn beside(
    graph: &mut Graph,
    x: Tensor,
    summary: Tensor,
    batch_sizes: &[usize],
    sources: &[usize],
) -> Result<Tensor, ShapeError> {
    let rows: Vec<u32> =
        batch_sizes.iter().flat_map(|&rows| &sources[..rows]).map(|&source| source as u32).collect();
    let summary = graph.gather(summary, &rows, 1)?;
    graph.concat(x, summary)
}
