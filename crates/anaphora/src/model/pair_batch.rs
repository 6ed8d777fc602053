//! Pairs of sequences in a batch.

use anaphora_data::{Packed, Sequence, batch_sizes};
use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{Rng, SeedableRng};

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
