//! Encoder–decoder models: they read one sequence and write another.

use anaphora_data::Packed;
use anaphora_nn::{
    Builder, CrossEntropy, Graph, Input, Linear, Params, Reduction, ShapeError, Start, State, Tensor,
};

use super::backbone::embedding_deviation;
use super::compute::{Backward, Compute};
use super::decoder::{Decoder, EncodedSource, Written};
use super::encoder::{Encoded, Encoder, Reads};
use super::logits::likeliest;
use super::observed::{Observed, Pull, observe};
use super::pair_batch::PairBatch;
use crate::recipe;

/// Options of training on pairs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Teaching {
    /// Share of a target's probability that is spread over all tokens.
    pub label_smoothing: f32,
    /// Share of true input tokens that are replaced by the model's own predictions.
    pub scheduled_sampling: f64,
}

/// An encoder and a decoder, with a head over the target vocabulary.
pub struct EncoderDecoder {
    recipe: recipe::Model,
    reads: Reads,
    params: Params,
    layers: Layers,
    vocab_size: usize,
}

struct Layers {
    encoder: Encoder,
    input: Input,
    decoder: Decoder,
    head: Linear,
}

/// Encoded sources, kept while targets are written from them.
#[derive(Clone, Debug)]
pub struct Read {
    /// Keys and values of the encoder's steps.
    parts: Vec<Kept>,
    batch_sizes: Vec<usize>,
    /// A row for each sequence, `[sequences, size]`.
    summary: Kept,
    /// The decoder's initial state for each sequence.
    start: State,
}

/// A tensor's values, which outlive its tape.
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
    /// The decoder's initial state and sources: one row for each source, in packed order.
    pub fn begin(&self) -> (State, Vec<usize>) {
        (self.start.clone(), (0..self.start.rows()).collect())
    }

    /// The encoded sources, on another tape.
    fn on(&self, graph: &mut Graph) -> Result<EncodedSource, ShapeError> {
        let parts = self.parts.iter().map(|part| part.on(graph)).collect::<Result<_, _>>()?;
        Ok(EncodedSource { parts, batch_sizes: self.batch_sizes.clone(), summary: self.summary.on(graph)? })
    }
}

impl EncoderDecoder {
    /// A model whose weights begin as `start` says, which may be a seed; without one they are zero, to be loaded. It writes
    /// tokens of a vocabulary of `vocab_size`.
    pub fn new<'a>(
        model: &recipe::Model,
        reads: Reads,
        vocab_size: usize,
        start: impl Into<Start<'a>>,
    ) -> Self {
        let mut params = Params::new();
        let layers = Layers::new(model, reads, vocab_size, &mut Builder::new(&mut params, start.into()));
        Self { recipe: model.clone(), reads, params, layers, vocab_size }
    }

    /// What it is made of.
    pub fn recipe(&self) -> &recipe::Model {
        &self.recipe
    }

    /// What it reads.
    pub fn reads(&self) -> Reads {
        self.reads
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

    /// Adds the gradients of the batch's mean cross-entropy with smoothed targets, which is returned in nats a token.
    /// Each token is predicted behind the true ones before it (teacher forcing), but for a share of them in whose place
    /// stands what the model itself thinks likeliest there (scheduled sampling, Bengio et al. 2015, in two passes:
    /// Mihaylova, Martins 2019).
    pub fn learn(
        &self,
        backward: &mut Backward,
        mut batch: PairBatch,
        settings: Teaching,
    ) -> Result<f32, ShapeError> {
        let Teaching { label_smoothing, scheduled_sampling } = settings;
        if scheduled_sampling > 0.0 {
            let mut graph = backward.compute.infer(&self.params);
            let logits = self.layers.teach(&mut graph, &batch)?;
            let rows = graph.value(logits).chunks_exact(self.vocab_size);
            let likeliest: Vec<u32> = rows.map(|row| likeliest(row) as u32).collect();
            drop(graph);
            batch.replace(scheduled_sampling, &likeliest, backward.seed);
        }
        let batch = &batch;
        let weight = backward.weight;
        let mut graph = backward.train(&self.params);
        let logits = self.layers.teach(&mut graph, batch)?;
        let options = CrossEntropy { label_smoothing, weights: None };
        let (_, mean) = graph.cross_entropy_with(logits, &batch.targets, &options)?;
        let loss = graph.value(mean)[0];
        graph.backward(mean, weight)?;
        Ok(loss)
    }

    /// The sum of the batch's cross-entropies in nats.
    pub fn score(&self, compute: &mut Compute, batch: &PairBatch) -> Result<f64, ShapeError> {
        let mut graph = compute.infer(&self.params);
        let logits = self.layers.teach(&mut graph, batch)?;
        let (losses, _) = graph.cross_entropy(logits, &batch.targets)?;
        Ok(graph.value(losses).iter().map(|&loss| f64::from(loss)).sum())
    }

    /// Attention weights of each target token of a batch on each step of its source, `[tokens, steps]` for each target,
    /// longest first; none if the decoder has no attention.
    pub fn alignments(
        &self,
        compute: &mut Compute,
        batch: &PairBatch,
    ) -> Result<Option<Vec<Vec<f32>>>, ShapeError> {
        let mut graph = compute.infer(&self.params);
        let (encoded, memory) = self.layers.read(&mut graph, &batch.source)?;
        let written = self.layers.written(&mut graph, batch)?;
        self.layers.decoder.alignments(&mut graph, written, &encoded, &memory)
    }

    /// Reads a batch of pairs, each target behind its true tokens; with `pull` what is seen are the gradients of each state, and
    /// not gates and attention.
    pub fn observe(
        &self,
        compute: &mut Compute,
        batch: &PairBatch,
        pull: Option<Pull>,
    ) -> Result<Observed, ShapeError> {
        observe(compute, &self.params, pull, |graph| self.layers.teach(graph, batch))
    }

    /// Encodes source sequences, longest first.
    pub fn read(&self, compute: &mut Compute, source: &Packed) -> Result<Read, ShapeError> {
        let mut graph = compute.infer(&self.params);
        let (encoded, memory) = self.layers.read(&mut graph, source)?;
        let start = self.layers.decoder.begin(&mut graph, &encoded, &memory)?;
        let EncodedSource { parts, batch_sizes, summary } = memory;
        Ok(Read {
            parts: parts.into_iter().map(|part| Kept::of(&graph, part)).collect(),
            batch_sizes,
            summary: Kept::of(&graph, summary),
            start,
        })
    }

    /// Reads the token `last` in each row and writes `logits [rows, vocab_size]` of the next. Row `i` belongs to source
    /// `sources[i]`; `state` is advanced.
    pub fn write(
        &self,
        compute: &mut Compute,
        read: &Read,
        sources: &[usize],
        last: &[u32],
        state: &mut State,
        logits: &mut Vec<f32>,
    ) -> Result<(), ShapeError> {
        let mut graph = compute.infer(&self.params);
        let known = read.on(&mut graph)?;
        let x = self.layers.input.forward(&mut graph, last)?;
        let written = Written { x, batch_sizes: &[last.len()], sources };
        let y = self.layers.decoder.step(&mut graph, written, &known, state)?;
        let output = self.layers.head.forward(&mut graph, y)?;
        logits.clear();
        logits.extend_from_slice(graph.value(output));
        Ok(())
    }
}

impl Layers {
    fn new(model: &recipe::Model, reads: Reads, vocab_size: usize, builder: &mut Builder) -> Self {
        let encoder = Encoder::new(builder, "encoder.", model, reads, false);
        let (size, deviation) = (model.embedding_size(), embedding_deviation(model));
        let input = Input::new(builder, "decoder.embedding", vocab_size, size, deviation);
        let decoder = Decoder::new(builder, model, input.size(), &encoder);
        let head = match input.table() {
            Some(table) if model.tied_weights => Linear::tied(builder, "head", table, vocab_size, true),
            _ => Linear::new(builder, "head", model.hidden_size, vocab_size).as_head(builder),
        };
        Self { encoder, input, decoder, head }
    }

    fn read(&self, graph: &mut Graph, source: &Packed) -> Result<(Encoded, EncodedSource), ShapeError> {
        let encoded = self.encoder.forward(graph, source)?;
        let summary = match self.encoder.last(graph, &encoded)? {
            Some(last) => last,
            None => graph.pool(encoded.steps, &encoded.batch_sizes, Reduction::Mean)?,
        };
        let parts = self.decoder.remember(graph, encoded.steps)?;
        let memory = EncodedSource { parts, batch_sizes: encoded.batch_sizes.clone(), summary };
        Ok((encoded, memory))
    }

    /// The true tokens of a batch as vectors.
    fn written<'a>(&self, graph: &mut Graph, batch: &'a PairBatch) -> Result<Written<'a>, ShapeError> {
        let x = self.input.forward(graph, &batch.inputs)?;
        Ok(Written { x, batch_sizes: &batch.batch_sizes, sources: &batch.sources })
    }

    /// Logits behind each true token, `[tokens, vocab_size]`.
    fn teach(&self, graph: &mut Graph, batch: &PairBatch) -> Result<Tensor, ShapeError> {
        let (encoded, memory) = self.read(graph, &batch.source)?;
        let written = self.written(graph, batch)?;
        let y = self.decoder.teach(graph, written, &encoded, &memory)?;
        self.head.forward(graph, y)
    }
}

#[cfg(test)]
mod tests {
    use anaphora_data::Sequence;
    use anaphora_nn::check;

    use super::*;
    use crate::recipe::{Attention, Backbone};
    use crate::{Device, Precision};

    const VOCABULARY: usize = 7;
    const END: u32 = 0;

    /// Decoders of all kinds, small, without dropout.
    fn kinds() -> Vec<recipe::Model> {
        let model = recipe::Model {
            layers: 2,
            hidden_size: 8,
            embedding_size: Some(4),
            dropout: 0.0,
            bidirectional: true,
            ..recipe::Model::default()
        };
        let of = |backbone, attention| recipe::Model { backbone, attention, ..model.clone() };
        let transformer = recipe::Model { heads: Some(2), ..of(Backbone::Transformer, Attention::None) };
        let fed = |model| recipe::Model { input_feeding: true, ..model };
        vec![
            of(Backbone::Gru, Attention::None),
            of(Backbone::Lstm, Attention::Luong),
            of(Backbone::Rnn, Attention::Bahdanau),
            fed(of(Backbone::Lstm, Attention::Luong)),
            fed(of(Backbone::Gru, Attention::Bahdanau)),
            transformer,
        ]
    }

    /// A model with weights that let it look somewhere, and pairs in which the longest source has not the longest target.
    fn example(kind: &recipe::Model) -> (EncoderDecoder, Vec<(Sequence, Vec<u32>)>) {
        let mut model = EncoderDecoder::new(kind, Reads::Tokens(9), VOCABULARY, Start::random(3));
        for id in model.params.ids().collect::<Vec<_>>() {
            model.params.value_mut(id).iter_mut().for_each(|weight| *weight *= 3.0);
        }
        let pair = |source: &[u32], target: &[u32]| (Sequence::Tokens(source.to_vec()), target.to_vec());
        (
            model,
            vec![pair(&[1, 8, 3], &[4, 2, 6, 6]), pair(&[5, 2, 7, 4, 1], &[3, 1]), pair(&[6], &[5, 5, 2])],
        )
    }

    fn batch(pairs: &[(Sequence, Vec<u32>)]) -> PairBatch {
        PairBatch::new(&pairs.iter().map(|(source, target)| (source, &target[..])).collect::<Vec<_>>(), END)
    }

    #[test]
    fn what_is_written_step_by_step_is_what_is_taught() {
        let mut compute = Compute::new(Device::new(1, Precision::F32));
        for kind in kinds() {
            let (model, pairs) = example(&kind);
            let taught = model.score(&mut compute, &batch(&pairs)).unwrap();
            // Alone, and a token at a time.
            let mut written = 0.0;
            for (source, target) in &pairs {
                let read = model.read(&mut compute, &Packed::new([source])).unwrap();
                let (mut state, rows) = read.begin();
                let (mut last, mut logits) = (END, Vec::new());
                for &next in target.iter().chain([&END]) {
                    model.write(&mut compute, &read, &rows, &[last], &mut state, &mut logits).unwrap();
                    let sum: f64 = logits.iter().map(|&logit| f64::from(logit).exp()).sum();
                    written += sum.ln() - f64::from(logits[next as usize]);
                    last = next;
                }
            }
            assert!((taught - written).abs() < 1e-4 * taught, "{kind:?}: {taught} and {written}");
        }
    }

    #[test]
    fn gradients_of_fed_input() {
        let device = Device::new(1, Precision::F32);
        for kind in kinds().into_iter().filter(|kind| kind.input_feeding) {
            let (EncoderDecoder { mut params, layers, .. }, pairs) = example(&kind);
            let batch = batch(&pairs);
            let loss = |graph: &mut Graph| -> Result<Tensor, ShapeError> {
                let logits = layers.teach(graph, &batch)?;
                Ok(graph.cross_entropy(logits, &batch.targets)?.1)
            };
            let found = check::gradients(&device, &mut params, 10, 1e-3, 2e-3, loss).unwrap();
            assert_eq!(found.0, [], "{kind:?}");
        }
    }

    #[test]
    fn alignments_have_a_row_a_token() {
        let mut compute = Compute::new(Device::new(1, Precision::F32));
        for kind in kinds() {
            let (model, pairs) = example(&kind);
            let found = model.alignments(&mut compute, &batch(&pairs)).unwrap();
            let looks = kind.backbone == Backbone::Transformer || kind.attention != Attention::None;
            assert_eq!(found.is_some(), looks, "{kind:?}");
            let Some(found) = found else { continue };
            // By the length of what is written: four, three and two tokens and an end each, of three, one and five read.
            for (weights, [tokens, steps]) in found.iter().zip([[5, 3], [4, 1], [3, 5]]) {
                assert_eq!(weights.len(), tokens * steps, "{kind:?}");
                for row in weights.chunks(steps) {
                    assert!((row.iter().sum::<f32>() - 1.0).abs() < 1e-5, "{kind:?}: {row:?}");
                }
            }
        }
    }
}
