//! Pairs of sequences in a batch.

use anaphora_data::{BatchSize, Batches, Packed, Sequence, batch_sizes};
use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{Rng, SeedableRng};

use super::{Compute, EncoderDecoder};
use crate::Result;

/// Tokens that are scored at once.
const UNITS: usize = 4_096;

/// Sources and targets, pair by pair.
#[derive(Default)]
pub struct Pairs {
    /// Sources.
    pub sources: Vec<Sequence>,
    /// Targets, pair by pair, without ends.
    pub targets: Vec<Vec<u32>>,
    /// The index of each pair's source: pairs may share one.
    pub source_of: Vec<usize>,
}

impl Pairs {
    /// The length of each pair: that of its longer sequence.
    pub fn lengths(&self) -> Vec<usize> {
        let pairs = self.source_of.iter().zip(&self.targets);
        pairs.map(|(&source, target)| self.sources[source].len().max(target.len() + 1)).collect()
    }

    /// Number of target tokens, ends included.
    pub fn tokens(&self) -> usize {
        self.targets.iter().map(|target| target.len() + 1).sum()
    }

    /// A batch of some pairs; targets are closed by `end`.
    pub fn batch(&self, pairs: &[usize], end: u32) -> PairBatch {
        let pair = |&pair: &usize| (&self.sources[self.source_of[pair]], &self.targets[pair][..]);
        PairBatch::new(&pairs.iter().map(pair).collect::<Vec<_>>(), end)
    }

    /// Mean cross-entropy in nats a token, with teacher forcing.
    pub fn score(&self, end: u32, model: &EncoderDecoder, compute: &mut Compute) -> Result<f64> {
        let mut sum = 0.0;
        for pairs in Batches::in_order(&self.lengths(), BatchSize::Units(UNITS)) {
            sum += model.score(compute, &self.batch(&pairs, end))?;
        }
        Ok(sum / self.tokens().max(1) as f64)
    }
}

/// A batch of pairs of sequences: sources and targets.
#[derive(Clone, Debug, Default)]
pub struct PairBatch {
    /// Sources, longest first.
    pub(super) source: Packed,
    /// Decoder inputs: each target behind an end symbol, longest first.
    pub(super) inputs: Vec<u32>,
    /// The token that follows each input, the end symbol at last.
    pub(super) targets: Vec<u32>,
    pub(super) batch_sizes: Vec<usize>,
    /// For each target, the index of its source.
    pub(super) sources: Vec<usize>,
}

impl PairBatch {
    /// Packs pairs; targets are closed by `end`.
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

    /// Rows of each step of what is written, and the token that follows each.
    pub fn written(&self) -> (&[usize], &[u32]) {
        (&self.batch_sizes, &self.targets)
    }

    /// Rows of each step of what is read.
    pub fn read(&self) -> &[usize] {
        &self.source.batch_sizes
    }

    /// Replaces each input token, with probability `share`, by the token that the model finds likeliest there.
    pub(super) fn replace(&mut self, share: f64, likeliest: &[u32], seed: u64) {
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

    /// Number of target tokens, ends included.
    pub fn tokens(&self) -> usize {
        self.targets.len()
    }
}
