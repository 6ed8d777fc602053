//! Models that read one sequence and write another: an encoder, and a decoder that knows what it read.

use anaphora_data::{Packed, Sequence, batch_sizes};
use anaphora_nn::{
    Activation, Alignment, Backbone, Builder, CrossEntropy, EncoderAttention, EncoderMemory, Graph, Input,
    Linear, Mask, Mode, Params, Pooler, Pooling, ShapeError, State, Tensor, init,
};

use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{Rng, SeedableRng};

use super::backbone::{BackboneOptions, backbone, embedding_deviation};
use super::encoder::{Encoded, Encoder, Reads};
use crate::learner::Compute;
use crate::recipe;

/// Pairs of sequences as a model learns them: what is read, and what is to be written.
#[derive(Clone, Debug, Default)]
pub struct PairBatch {
    /// What is read, longest first.
    source: Packed,
    /// What is written: each begins behind an end symbol, longest first.
    inputs: Vec<u32>,
    /// What is to follow each of them, the end symbol at last.
    targets: Vec<u32>,
    batch_sizes: Vec<usize>,
    /// For each written sequence, the place of the one that it belongs to among those read.
    sources: Vec<usize>,
}

impl PairBatch {
    /// Packs pairs; written sequences are closed by `end`.
    pub fn new(pairs: &[(&Sequence, &[u32])], end: u32) -> Self {
        let order = |length: &dyn Fn(usize) -> usize| {
            let mut order: Vec<usize> = (0..pairs.len()).collect();
            order.sort_by_key(|&pair| std::cmp::Reverse(length(pair)));
            order
        };
        let read = order(&|pair| pairs[pair].0.len());
        let mut place = vec![0; pairs.len()];
        read.iter().enumerate().for_each(|(at, &pair)| place[pair] = at);
        let written = order(&|pair| pairs[pair].1.len());
        let mut batch = Self {
            source: Packed::new(read.iter().map(|&pair| pairs[pair].0)),
            batch_sizes: batch_sizes(written.iter().map(|&pair| pairs[pair].1.len() + 1)),
            sources: written.iter().map(|&pair| place[pair]).collect(),
            ..Self::default()
        };
        for (t, &rows) in batch.batch_sizes.iter().enumerate() {
            for &pair in &written[..rows] {
                let ids = pairs[pair].1;
                batch.inputs.push(if t == 0 { end } else { ids[t - 1] });
                batch.targets.push(ids.get(t).copied().unwrap_or(end));
            }
        }
        batch
    }

    /// What the encoder left, for the decoder to look at.
    fn memory<'a>(&'a self, read: &'a Memory) -> EncoderMemory<'a> {
        EncoderMemory { parts: &read.parts, batch_sizes: &read.encoded.batch_sizes, sources: &self.sources }
    }

    /// Puts what the model thinks likeliest in the place of each true token before, drawn with probability `share`.
    fn replace(&mut self, share: f64, likeliest: &[u32], seed: u64) {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
        let (inputs, mut before) = (&mut self.inputs, 0);
        for pair in self.batch_sizes.windows(2) {
            for row in 0..pair[1] {
                let draw = (random.next_u64() >> 11) as f64 / (1_u64 << 53) as f64;
                if draw < share {
                    inputs[before + pair[0] + row] = likeliest[before + row];
                }
            }
            before += pair[0];
        }
    }

    /// Tokens that are to be written, ends included.
    pub fn tokens(&self) -> usize {
        self.targets.len()
    }
}

/// How pairs are taught.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Teaching {
    /// Share of a target's probability that is spread over all tokens.
    pub label_smoothing: f32,
    /// Share of the true tokens in whose place the model reads its own.
    pub scheduled_sampling: f64,
}

/// An encoder and a decoder with a head over the vocabulary of what is written.
pub struct EncoderDecoder {
    params: Params,
    layers: Layers,
    vocab_size: usize,
}

struct Layers {
    encoder: Encoder,
    /// What stands for a whole sequence where the encoder is no recurrent one.
    mean: Pooler,
    input: Input,
    decoder: Decoder,
    head: Linear,
    dropout: f32,
    variational: bool,
}

/// What writes.
enum Decoder {
    /// It begins in a state, and reads at each step a row, that follow from where the encoder ended: the fixed vector
    /// (Sutskever, Vinyals, Le 2014; Cho et al. 2014). With attention it also looks at each of the encoder's steps.
    Recurrent { layers: anaphora_nn::Recurrent, bridges: Vec<Linear>, attention: Option<EncoderAttention> },
    /// Each of its blocks looks at the encoder's steps (Vaswani et al. 2017).
    Transformer(anaphora_nn::Transformer),
}

/// What was read, on a tape.
struct Memory {
    encoded: Encoded,
    /// `[sequences, size]`.
    summary: Tensor,
    /// What the decoder looks at.
    parts: Vec<Tensor>,
}

/// What was read, kept while something is written of it.
#[derive(Clone, Debug)]
pub struct Read {
    /// What the decoder looks at of each of the encoder's steps.
    parts: Vec<Kept>,
    batch_sizes: Vec<usize>,
    /// A row for each sequence, `[sequences, size]`.
    summary: Kept,
    /// What a decoder begins with, of each sequence.
    start: State,
}

/// A tensor that outlives its tape.
#[derive(Clone, Debug)]
struct Kept {
    values: Vec<f32>,
    shape: [usize; 2],
}

impl Kept {
    fn of(graph: &Graph, tensor: Tensor) -> Self {
        Self { values: graph.value(tensor).to_vec(), shape: tensor.shape() }
    }

    /// The tensor on another tape.
    fn on(&self, graph: &mut Graph) -> Result<Tensor, ShapeError> {
        graph.constant(&self.values, self.shape[0], self.shape[1])
    }
}

impl Read {
    /// Where those who write of these sequences begin: one each, in the order in which they were packed.
    pub fn begin(&self) -> (State, Vec<usize>) {
        (self.start.clone(), (0..self.start.rows()).collect())
    }
}

impl EncoderDecoder {
    /// A model with random weights that follow from `seed`; zeros, to be loaded, without one. It writes tokens of a
    /// vocabulary of `vocab_size`.
    pub fn new(model: &recipe::Model, reads: Reads, vocab_size: usize, seed: Option<u64>) -> Self {
        let mut params = Params::new();
        let mut builder = match seed {
            Some(seed) => Builder::random(&mut params, seed),
            None => Builder::zeros(&mut params),
        };
        let layers = Layers::new(model, reads, vocab_size, &mut builder);
        Self { params, layers, vocab_size }
    }

    /// The weights.
    pub fn params(&self) -> &Params {
        &self.params
    }

    /// The weights, for an optimizer's step.
    pub fn params_mut(&mut self) -> &mut Params {
        &mut self.params
    }

    /// Number of tokens that can be written.
    pub fn vocab_size(&self) -> usize {
        self.vocab_size
    }

    /// Adds to the gradients those of `weight` times the batch's mean cross-entropy with smoothed targets, which is returned
    /// in nats a token. Each token is predicted behind the true ones before it (teacher forcing), but for a share of them
    /// in whose place stands what the model itself thinks likeliest there (scheduled sampling, Bengio et al. 2015, in two
    /// passes: Mihaylova, Martins 2019).
    pub fn learn(
        &mut self,
        compute: &mut Compute,
        mut batch: PairBatch,
        settings: Teaching,
        seed: u64,
        weight: f32,
    ) -> Result<f32, ShapeError> {
        let Teaching { label_smoothing, scheduled_sampling } = settings;
        if scheduled_sampling > 0.0 {
            let Compute { device, memory } = &mut *compute;
            let mut graph = Graph::new(device, &mut self.params, memory, Mode::Infer);
            let logits = self.layers.teach(&mut graph, &batch)?;
            let rows = graph.value(logits).chunks_exact(self.vocab_size);
            let likeliest: Vec<u32> = rows.map(likeliest).collect();
            drop(graph);
            batch.replace(scheduled_sampling, &likeliest, seed);
        }
        let batch = &batch;
        let Compute { device, memory } = compute;
        let mut graph = Graph::new(device, &mut self.params, memory, Mode::Train { seed });
        let logits = self.layers.teach(&mut graph, batch)?;
        let options = CrossEntropy { label_smoothing, weights: None };
        let (_, mean) = graph.cross_entropy_with(logits, &batch.targets, &options)?;
        let loss = graph.value(mean)[0];
        graph.backward(mean, weight)?;
        Ok(loss)
    }

    /// The sum of the batch's cross-entropies in nats.
    pub fn score(&mut self, compute: &mut Compute, batch: &PairBatch) -> Result<f64, ShapeError> {
        let Compute { device, memory } = compute;
        let mut graph = Graph::new(device, &mut self.params, memory, Mode::Infer);
        let logits = self.layers.teach(&mut graph, batch)?;
        let (losses, _) = graph.cross_entropy(logits, &batch.targets)?;
        Ok(graph.value(losses).iter().map(|&loss| f64::from(loss)).sum())
    }

    /// How much each written token of a batch looked at each step of its source, `[tokens, steps]` for each written sequence,
    /// longest first; none where the decoder does not look at them.
    pub fn alignments(
        &mut self,
        compute: &mut Compute,
        batch: &PairBatch,
    ) -> Result<Option<Vec<Vec<f32>>>, ShapeError> {
        let Compute { device, memory } = compute;
        let mut graph = Graph::new(device, &mut self.params, memory, Mode::Infer);
        let read = self.layers.read(&mut graph, &batch.source)?;
        let (sizes, memory) = (&batch.batch_sizes[..], batch.memory(&read));
        Ok(match &self.layers.decoder {
            Decoder::Recurrent { attention: None, .. } => None,
            Decoder::Recurrent { attention: Some(attention), .. } => {
                let y = self.layers.decode(&mut graph, batch, &read)?;
                Some(attention.weights(&mut graph, y, sizes, memory)?)
            }
            Decoder::Transformer(layers) => {
                let x = self.layers.input.forward(&mut graph, &batch.inputs)?;
                Some(layers.alignments(&mut graph, x, sizes, memory)?)
            }
        })
    }

    /// Reads sequences, longest first.
    pub fn read(&mut self, compute: &mut Compute, source: &Packed) -> Result<Read, ShapeError> {
        let Compute { device, memory } = compute;
        let mut graph = Graph::new(device, &mut self.params, memory, Mode::Infer);
        let read = self.layers.read(&mut graph, source)?;
        let start = match &self.layers.decoder {
            Decoder::Transformer(layers) => layers.initial_state(source.rows()),
            Decoder::Recurrent { layers, bridges, .. } => {
                let mut start = layers.initial_state(source.rows());
                for (part, tensor) in bridge(&mut graph, bridges, layers, &read)?.into_iter().enumerate() {
                    start.part_mut(part).copy_from_slice(graph.value(tensor));
                }
                start
            }
        };
        Ok(Read {
            parts: read.parts.iter().map(|&part| Kept::of(&graph, part)).collect(),
            batch_sizes: read.encoded.batch_sizes,
            summary: Kept::of(&graph, read.summary),
            start,
        })
    }

    /// Writes a token more in each row: `logits [rows, vocab_size]` of what follows `last`. Row `i` writes of sequence
    /// `sources[i]` and goes on from `state`.
    pub fn write(
        &mut self,
        compute: &mut Compute,
        read: &Read,
        sources: &[usize],
        last: &[u32],
        state: &mut State,
        logits: &mut Vec<f32>,
    ) -> Result<(), ShapeError> {
        let Compute { device, memory } = compute;
        let mut graph = Graph::new(device, &mut self.params, memory, Mode::Infer);
        let parts = read.parts.iter().map(|part| part.on(&mut graph)).collect::<Result<Vec<_>, _>>()?;
        let sizes = [last.len()];
        let x = self.layers.input.forward(&mut graph, last)?;
        let known = EncoderMemory { parts: &parts, batch_sizes: &read.batch_sizes, sources };
        let y = match &self.layers.decoder {
            Decoder::Transformer(layers) => layers.forward(&mut graph, x, &sizes, Some(known), state)?,
            Decoder::Recurrent { layers, attention, .. } => {
                let summary = read.summary.on(&mut graph)?;
                let x = beside(&mut graph, x, summary, &sizes, sources)?;
                let y = layers.forward(&mut graph, x, &sizes, state)?;
                attend(&mut graph, attention.as_ref(), y, &sizes, known)?
            }
        };
        let output = self.layers.head.forward(&mut graph, y)?;
        logits.clear();
        logits.extend_from_slice(graph.value(output));
        Ok(())
    }
}

impl Layers {
    fn new(model: &recipe::Model, reads: Reads, vocab_size: usize, builder: &mut Builder) -> Self {
        let encoder = Encoder::new(builder, "encoder.", model, reads, false);
        let read_size = encoder.output_size();
        let (size, deviation) = (model.embedding_size(), embedding_deviation(model));
        let input = Input::new(builder, "decoder.embedding", vocab_size, size, deviation);
        let is_transformer = model.backbone == recipe::Backbone::Transformer;
        let options = BackboneOptions {
            input_size: if is_transformer { input.size() } else { input.size() + read_size },
            causal: true,
            memory_size: is_transformer.then_some(read_size),
        };
        let decoder = match backbone(builder, "decoder.", model, options) {
            Backbone::Recurrent(layers) => {
                let from = encoder.end_size().unwrap_or(read_size);
                let parts = layers.initial_state(1).parts();
                let bridge = |part| {
                    let name = format!("bridge.{part}");
                    Linear::with_init(builder, &name, [from, model.hidden_size], true, |random, w| {
                        init::xavier(random, w, from, model.hidden_size);
                    })
                };
                let bridges = (0..parts).map(bridge).collect();
                let alignment = match model.attention {
                    recipe::Attention::None => None,
                    recipe::Attention::Luong => Some(Alignment::Luong),
                    recipe::Attention::Bahdanau => Some(Alignment::Bahdanau),
                };
                let sizes = [model.hidden_size, read_size];
                let attention =
                    alignment.map(|alignment| EncoderAttention::new(builder, "attention", alignment, sizes));
                Decoder::Recurrent { layers, bridges, attention }
            }
            Backbone::Transformer(layers) => Decoder::Transformer(layers),
            Backbone::FeedForward(_) => unreachable!("a recipe with a window as decoder is refused"),
        };
        let head = match input.table() {
            Some(table) if model.tied_weights => Linear::tied(builder, "head", table, vocab_size, true),
            _ => Linear::new(builder, "head", model.hidden_size, vocab_size),
        };
        Self {
            mean: Pooler::new(builder, "summary", Pooling::Mean, read_size),
            encoder,
            input,
            decoder,
            head,
            dropout: model.dropout as f32,
            variational: model.variational_dropout,
        }
    }

    fn read(&self, graph: &mut Graph, source: &Packed) -> Result<Memory, ShapeError> {
        let encoded = self.encoder.forward(graph, source)?;
        let summary = match self.encoder.last(graph, &encoded)? {
            Some(last) => last,
            None => self.mean.forward(graph, encoded.steps, &encoded.batch_sizes)?,
        };
        let parts = match &self.decoder {
            Decoder::Transformer(layers) => layers.remember(graph, encoded.steps)?,
            Decoder::Recurrent { attention: Some(attention), .. } => {
                attention.remember(graph, encoded.steps)?
            }
            Decoder::Recurrent { attention: None, .. } => Vec::new(),
        };
        Ok(Memory { encoded, summary, parts })
    }

    /// Logits behind each true token, `[tokens, vocab_size]`.
    fn teach(&self, graph: &mut Graph, batch: &PairBatch) -> Result<Tensor, ShapeError> {
        let read = self.read(graph, &batch.source)?;
        let y = self.decode(graph, batch, &read)?;
        let y = match &self.decoder {
            Decoder::Transformer(_) => y,
            Decoder::Recurrent { attention, .. } => {
                let sizes = &batch.batch_sizes[..];
                let y = attend(graph, attention.as_ref(), y, sizes, batch.memory(&read))?;
                graph.dropout(y, self.dropout, self.mask(sizes))
            }
        };
        self.head.forward(graph, y)
    }

    /// What the decoder's layers make of each true token, `[tokens, hidden_size]`.
    fn decode(&self, graph: &mut Graph, batch: &PairBatch, read: &Memory) -> Result<Tensor, ShapeError> {
        let (sizes, sources) = (&batch.batch_sizes[..], &batch.sources[..]);
        let x = self.input.forward(graph, &batch.inputs)?;
        match &self.decoder {
            Decoder::Transformer(layers) => {
                let mut state = layers.initial_state(sources.len());
                layers.forward(graph, x, sizes, Some(batch.memory(read)), &mut state)
            }
            Decoder::Recurrent { layers, bridges, .. } => {
                let x = graph.dropout(x, self.dropout, self.mask(sizes));
                let x = beside(graph, x, read.summary, sizes, sources)?;
                let rows: Vec<u32> = sources.iter().map(|&source| source as u32).collect();
                let starts = bridge(graph, bridges, layers, read)?;
                let starts: Vec<Tensor> = starts
                    .into_iter()
                    .map(|start| graph.gather(start, &rows, 1))
                    .collect::<Result<_, _>>()?;
                Ok(layers.run(graph, x, sizes, &starts)?.0)
            }
        }
    }

    fn mask<'a>(&self, batch_sizes: &'a [usize]) -> Mask<'a> {
        if self.variational { Mask::Sequence(batch_sizes) } else { Mask::Each }
    }
}

/// The place of the largest value.
fn likeliest(row: &[f32]) -> u32 {
    (0..row.len()).max_by(|&a, &b| row[a].total_cmp(&row[b])).unwrap_or(0) as u32
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

/// A decoder's first states, `[sequences, hidden_size]` each: from where the encoder's layer of the same number ended, or its
/// last one, or from the summary.
fn bridge(
    graph: &mut Graph,
    bridges: &[Linear],
    layers: &anaphora_nn::Recurrent,
    read: &Memory,
) -> Result<Vec<Tensor>, ShapeError> {
    let each = layers.initial_state(1).parts() / layers.layers();
    let ends = &read.encoded.ends;
    let per_layer = ends.len() / read.encoded.layers.max(1);
    let mut starts = Vec::with_capacity(bridges.len());
    for (part, bridge) in bridges.iter().enumerate() {
        let layer = (part / each).min(read.encoded.layers.saturating_sub(1));
        let from = match &ends[layer * per_layer..(layer + 1) * per_layer] {
            [] => read.summary,
            [first, others @ ..] => others.iter().try_fold(*first, |all, &other| graph.concat(all, other))?,
        };
        let sums = bridge.forward(graph, from)?;
        // A hidden state lies within -1 and 1, the cell state beside it does not.
        starts.push(if part % each == 0 { graph.activate(Activation::Tanh, sums) } else { sums });
    }
    Ok(starts)
}

fn attend(
    graph: &mut Graph,
    attention: Option<&EncoderAttention>,
    y: Tensor,
    batch_sizes: &[usize],
    memory: EncoderMemory,
) -> Result<Tensor, ShapeError> {
    match attention {
        Some(attention) => attention.forward(graph, y, batch_sizes, memory),
        None => Ok(y),
    }
}
