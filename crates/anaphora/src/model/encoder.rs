//! Encoders: they read a whole sequence before anything is predicted.

use anaphora_data::Packed;
use anaphora_nn::{Backbone, Builder, Graph, Input, Mask, ShapeError, State, Stem, Tensor};

use super::backbone::{BackboneOptions, backbone, embedding_deviation};
use crate::recipe;

/// What the steps of a sequence are made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reads {
    /// Tokens of a vocabulary of this size.
    Tokens(usize),
    /// Tokens that are words, and the characters that these are written with.
    Words {
        /// Size of the vocabulary of words.
        words: usize,
        /// Size of that of characters.
        characters: usize,
    },
    /// Vectors of this size.
    Frames(usize),
    /// Pictures, which a stem of convolutions makes a sequence.
    Pictures {
        /// Height and width.
        size: [usize; 2],
        /// Channels.
        channels: usize,
    },
}

/// An input and a backbone that reads it.
pub struct Encoder {
    input: Entry,
    backbone: Backbone,
    dropout: f32,
    variational: bool,
}

/// The input layer.
enum Entry {
    Tokens(Input),
    /// A row of the word embedding beside the last states of a bidirectional recurrent encoder of the characters
    /// (Lample et al. 2016).
    Words {
        embedding: Input,
        spelling: Box<Encoder>,
    },
    /// None: steps are vectors already.
    Frames,
    Pictures(Stem),
}

/// The result of an encoder for a packed batch.
pub struct Encoded {
    /// A row for each step, `[units, width]`.
    pub steps: Tensor,
    /// Its rows a step: the batch's own, but where steps were made of pictures.
    pub batch_sizes: Vec<usize>,
    /// Last states of recurrent layers: for each layer and direction the hidden state and, for an LSTM, the
    /// cell state, `[sequences, hidden_size]`.
    pub ends: Vec<Tensor>,
    /// Layers that `ends` are of.
    pub layers: usize,
}

impl Encoder {
    /// Makes an encoder; the names of its parameters begin with `prefix`. If `causal`, a step sees only itself and those
    /// before it.
    pub fn new(
        builder: &mut Builder,
        prefix: &str,
        model: &recipe::Model,
        reads: Reads,
        causal: bool,
    ) -> Self {
        let embedding = |builder: &mut Builder, vocab_size| {
            let (size, deviation) = (model.embedding_size(), embedding_deviation(model));
            Input::new(builder, &format!("{prefix}embedding"), vocab_size, size, deviation)
        };
        let (input, input_size) = match reads {
            Reads::Tokens(vocab_size) => {
                let input = embedding(builder, vocab_size);
                (Entry::Tokens(input), input.size())
            }
            Reads::Words { words, characters } => {
                let embedding = embedding(builder, words);
                let prefix = format!("{prefix}characters.");
                let spelling = Self::new(builder, &prefix, &speller(model), Reads::Tokens(characters), false);
                let size = embedding.size() + spelling.output_size();
                (Entry::Words { embedding, spelling: Box::new(spelling) }, size)
            }
            Reads::Frames(width) => (Entry::Frames, width),
            Reads::Pictures { size, channels } => {
                let stem = Stem::new(builder, &format!("{prefix}stem"), channels, size);
                let width = stem.output_size();
                (Entry::Pictures(stem), width)
            }
        };
        let options = BackboneOptions { input_size, causal, memory_size: None };
        let backbone = backbone(builder, prefix, model, options);
        let is_transformer = model.backbone == recipe::Backbone::Transformer;
        Self {
            input,
            backbone,
            // A Transformer drops its input out itself, with the places in it.
            dropout: if is_transformer { 0.0 } else { model.dropout as f32 },
            variational: model.variational_dropout,
        }
    }

    /// Output size: values for each step.
    pub fn output_size(&self) -> usize {
        self.backbone.output_size()
    }

    /// Size of the last state of one recurrent layer, all its parts together; none for other backbones.
    pub fn end_size(&self) -> Option<usize> {
        let Backbone::Recurrent(layers) = &self.backbone else { return None };
        let state = layers.initial_state(1);
        Some((0..state.parts()).map(|part| state.part(part).len()).sum::<usize>() / layers.layers())
    }

    /// The state of `rows` sequences that have not begun.
    pub fn initial_state(&self, rows: usize) -> State {
        self.backbone.initial_state(rows)
    }

    /// Reads on from `state`: a row for each step, `[tokens, output_size]`.
    pub fn advance(
        &self,
        graph: &mut Graph,
        batch: &Packed,
        state: &mut State,
    ) -> Result<Tensor, ShapeError> {
        let (x, batch_sizes) = self.enter(graph, batch)?;
        self.backbone.forward(graph, x, &batch_sizes, state)
    }

    /// The steps of a batch as vectors, and their rows a step.
    fn enter(&self, graph: &mut Graph, batch: &Packed) -> Result<(Tensor, Vec<usize>), ShapeError> {
        let batch_sizes = batch.batch_sizes.clone();
        let frames = |graph: &mut Graph| {
            let units = batch.units();
            graph.constant(&batch.values, units, batch.values.len() / units.max(1))
        };
        let x = match &self.input {
            Entry::Tokens(input) => input.forward(graph, &batch.ids)?,
            Entry::Words { embedding, spelling } => {
                let words = embedding.forward(graph, &batch.ids)?;
                let Some(spelt) = &batch.spelling else {
                    unreachable!("a batch of words for a model that reads characters has them");
                };
                let characters = spelling.forward(graph, &spelt.characters)?;
                let Some(ends) = spelling.last(graph, &characters)? else {
                    unreachable!("what reads characters is recurrent");
                };
                let spelt = graph.gather(ends, &spelt.word_of, 1)?;
                graph.concat(words, spelt)?
            }
            Entry::Frames => return Ok((frames(graph)?, batch_sizes)),
            Entry::Pictures(stem) => {
                let pixels = frames(graph)?;
                return stem.forward(graph, pixels);
            }
        };
        let mask = if self.variational { Mask::Sequence(&batch_sizes) } else { Mask::Each };
        Ok((graph.dropout(x, self.dropout, mask), batch_sizes))
    }

    /// Reads a packed batch.
    pub fn forward(&self, graph: &mut Graph, batch: &Packed) -> Result<Encoded, ShapeError> {
        let (x, batch_sizes) = self.enter(graph, batch)?;
        let (steps, ends, layers) = match &self.backbone {
            Backbone::Recurrent(layers) => {
                let (steps, ends) = layers.run(graph, x, &batch_sizes, &[])?;
                (steps, ends, layers.layers())
            }
            other => {
                let mut state: State = other.initial_state(batch.rows());
                (other.forward(graph, x, &batch_sizes, &mut state)?, Vec::new(), 0)
            }
        };
        Ok(Encoded { steps, batch_sizes, ends, layers })
    }

    /// The last layer's hidden state after the last step of each sequence, `[sequences, output_size]`, with that of the
    /// other direction beside it; none for other backbones.
    pub fn last(&self, graph: &mut Graph, encoded: &Encoded) -> Result<Option<Tensor>, ShapeError> {
        let Backbone::Recurrent(layers) = &self.backbone else { return Ok(None) };
        let mut hidden = layers.last_hidden(&encoded.ends).into_iter();
        let Some(forward) = hidden.next() else { return Ok(None) };
        match hidden.next() {
            Some(backward) => graph.concat(forward, backward).map(Some),
            None => Ok(Some(forward)),
        }
    }
}

/// The recurrent encoder that reads the characters of a word.
pub(crate) fn speller(model: &recipe::Model) -> recipe::Model {
    recipe::Model {
        backbone: recipe::Backbone::Lstm,
        layers: 1,
        hidden_size: model.character_size,
        embedding_size: Some(model.character_size),
        bidirectional: true,
        dropout: 0.0,
        ..recipe::Model::default()
    }
}
