//! Attention of packed batches, forward and backward, without the matrix of all weights.
//!
//! Scores are computed in blocks of queries and keys; the softmax runs along with them, keeping each query's maximum and sum
//! (Milakov, Gimelshein 2018; Dao et al. 2022, "FlashAttention"). What stays for the way back is the logarithm of that sum, a
//! value a token and head, from which the blocks are computed anew. Memory grows with the length, not with its square.
//!
//! A worker takes blocks of one sequence and head: it gathers their rows, which lie a step apart in a packed batch, into
//! memory of its own, works there and puts the results back. Blocks have fixed places and every sum a fixed order, so
//! that the number of workers does not change a bit.

mod backward;
mod band;
mod cached;
mod forward;
mod operand;
mod plan;
mod product;
pub mod reference;
mod scratch;
mod softmax;

pub use self::backward::{Gradients, backward};
pub use self::cached::{Cache, cached};
pub use self::forward::forward;

use self::band::Band;
use crate::random::Positional;
use crate::{Isa, Precision};

/// The precision that pays for blocks of attention where `wanted` is asked for: products of bf16 only on AMX. Elsewhere
/// rounding and packing of blocks that are used a few times costs more than the products gain.
pub fn precision(wanted: Precision) -> Precision {
    if Isa::current() == Isa::Amx { wanted } else { Precision::F32 }
}

/// Queries and keys in a block: their scores, 16 KiB, share the level 1 cache with what they are computed from.
const BLOCK: usize = 64;

/// How a query and a key are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Similarity {
    /// `q · k / √head_size` (Vaswani et al. 2017).
    ScaledDotProduct,
    /// The cosine of the angle between them, times a learned scale a head.
    Cosine,
}

/// What an attention computes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Attention {
    /// Heads of the queries.
    pub heads: usize,
    /// Heads of keys and values, each shared by as many successive heads of the queries (Ainslie et al. 2023).
    pub kv_heads: usize,
    /// Values of a query, a key or a value in one head.
    pub head_size: usize,
    /// How queries and keys are compared.
    pub similarity: Similarity,
    /// Whether a query sees keys up to its own place only.
    pub causal: bool,
    /// A query sees only keys fewer than this many places away: with `causal` the latest so many, itself included.
    pub window: Option<usize>,
    /// Whether scores fall with the distance, in each head at a slope of its own (Press et al. 2022, "ALiBi").
    pub alibi: bool,
    /// The share of weights that training drops.
    pub dropout: f32,
}

impl Attention {
    /// Values a token has in its queries, and in the output.
    pub fn width(&self) -> usize {
        self.heads * self.head_size
    }

    /// Values a token has in its keys, and as many in its values.
    pub fn kv_width(&self) -> usize {
        self.kv_heads * self.head_size
    }

    /// Heads of queries that share a head of keys.
    fn group(&self) -> usize {
        self.heads / self.kv_heads
    }

    /// The keys that each query sees, where the first query stands at `position`.
    fn band(&self, position: usize) -> Band {
        Band::new(position, self.causal, self.window)
    }

    /// What the scores of `head` lose with each place of distance: the geometric sequence of Press et al. 2022, filled up,
    /// where the number of heads is no power of two, with every other value of the next longer one.
    fn slope(&self, head: usize) -> Option<f32> {
        let power =
            if self.heads.is_power_of_two() { self.heads } else { self.heads.next_power_of_two() / 2 };
        let exponent = if head < power {
            8.0 * (head + 1) as f64 / power as f64
        } else {
            4.0 * (2 * (head - power) + 1) as f64 / power as f64
        };
        self.alibi.then(|| (-exponent).exp2() as f32)
    }

    /// What a query of `head` is multiplied with before it meets the keys.
    fn scale(&self, scale: &[f32], head: usize) -> f32 {
        match self.similarity {
            Similarity::ScaledDotProduct => 1.0 / (self.head_size as f32).sqrt(),
            Similarity::Cosine => scale[head],
        }
    }

    /// What a query or key is multiplied with to be one of length 1, for the cosine; else 1.
    fn normaliser(&self, x: &[f32]) -> f32 {
        match self.similarity {
            Similarity::ScaledDotProduct => 1.0,
            Similarity::Cosine => 1.0 / x.iter().map(|x| x * x).sum::<f32>().sqrt().max(SHORTEST),
        }
    }

    fn check(&self, scale: &[f32]) {
        assert!(self.kv_heads > 0 && self.heads.is_multiple_of(self.kv_heads) && self.head_size > 0);
        assert!(self.similarity != Similarity::Cosine || scale.len() == self.heads);
    }
}

/// The length below which a vector counts as one so long when its direction is asked for.
const SHORTEST: f32 = 1e-12;

/// Which weights are dropped: a function of the query's token, the head and the key's place.
#[derive(Clone, Copy, Debug)]
pub struct Dropout {
    stream: Positional,
    heads: usize,
    /// The rate as a share of 2³².
    threshold: u32,
    keep: f32,
}

impl Dropout {
    /// The masks of one attention in one step; none where its rate is zero.
    pub fn new(attention: &Attention, seed: u64) -> Option<Self> {
        (attention.dropout > 0.0).then(|| Self {
            stream: Positional::new(seed),
            heads: attention.heads,
            threshold: (f64::from(attention.dropout) * (1u64 << 32) as f64) as u32,
            keep: 1.0 / (1.0 - attention.dropout),
        })
    }

    /// What the weight of `key` is multiplied with: zero or `1 / (1 - rate)`.
    pub fn factor(&self, token: usize, head: usize, key: usize) -> f32 {
        let mut factor = [0.0];
        self.factors(token, head, key, &mut factor);
        factor[0]
    }

    /// The factors of successive keys. Two neighbours take the two halves of one random number.
    fn factors(&self, token: usize, head: usize, first: usize, factors: &mut [f32]) {
        let row = ((token * self.heads + head) as u64) << 32;
        let mut bits = self.stream.bits(row + first as u64 / 2);
        for (key, factor) in (first..).zip(factors) {
            if key % 2 == 0 {
                bits = self.stream.bits(row + key as u64 / 2);
            }
            let number = (bits >> (32 * (key % 2))) as u32;
            *factor = if number < self.threshold { 0.0 } else { self.keep };
        }
    }
}

/// Where the tokens of a packed batch lie: that of sequence `b` at step `t` is row `offsets[t] + b`.
#[derive(Clone, Debug, Default)]
pub struct Sequences {
    /// First row of each step.
    offsets: Vec<usize>,
    /// Steps of each sequence.
    lengths: Vec<usize>,
    tokens: usize,
}

impl Sequences {
    /// The sequences of a batch with so many rows a step, which never rise.
    pub fn packed(batch_sizes: &[usize]) -> Self {
        assert!(batch_sizes.is_sorted_by(|a, b| a >= b), "batch sizes rise: {batch_sizes:?}");
        let mut tokens = 0;
        let mut offsets = Vec::with_capacity(batch_sizes.len());
        let mut lengths = vec![0; batch_sizes.first().copied().unwrap_or(0)];
        for (step, &rows) in batch_sizes.iter().enumerate() {
            offsets.push(tokens);
            tokens += rows;
            // What is left after the last step is each sequence's last.
            lengths[..rows].fill(step + 1);
        }
        Self { offsets, lengths, tokens }
    }

    /// Steps of each sequence, longest first.
    pub fn lengths(&self) -> &[usize] {
        &self.lengths
    }

    /// Rows of the batch.
    pub fn tokens(&self) -> usize {
        self.tokens
    }
}

/// What attends to what.
#[derive(Clone, Copy)]
pub struct Batch<'a, T = f32> {
    /// `[tokens, heads * head_size]`; without a memory `[tokens, (heads + 2 * kv_heads) * head_size]`: queries, keys and
    /// values side by side.
    pub queries: &'a [T],
    /// Where the queries' tokens lie.
    pub sequences: &'a Sequences,
    /// Where keys and values come from, if not from the queries' tokens.
    pub memory: Option<Memory<'a, T>>,
}

/// Other sequences to attend to.
#[derive(Clone, Copy)]
pub struct Memory<'a, T = f32> {
    /// `[tokens, 2 * kv_heads * head_size]`: keys and values side by side.
    pub keys_values: &'a [T],
    /// Where their tokens lie.
    pub sequences: &'a Sequences,
    /// Which of them each sequence of queries reads.
    pub sources: &'a [usize],
}

/// A head of some matrix: values `[token * stride + column + head * head_size ..]`.
#[derive(Clone, Copy)]
struct Heads<'a, T> {
    data: &'a [T],
    stride: usize,
    column: usize,
    head_size: usize,
}

impl<'a, T> Heads<'a, T> {
    fn at(&self, token: usize, head: usize) -> &'a [T] {
        &self.data[token * self.stride + self.column + head * self.head_size..][..self.head_size]
    }
}

impl<'a, T> Batch<'a, T> {
    /// The matrices of queries, keys and values.
    fn heads(&self, attention: &Attention) -> [Heads<'a, T>; 3] {
        let (width, kv_width) = (attention.width(), attention.kv_width());
        let head_size = attention.head_size;
        let heads = |data, stride, column| Heads { data, stride, column, head_size };
        match self.memory {
            None => {
                let stride = width + 2 * kv_width;
                assert_eq!(self.queries.len(), self.sequences.tokens * stride);
                [0, width, width + kv_width].map(|column| heads(self.queries, stride, column))
            }
            Some(Memory { keys_values, sequences, sources }) => {
                assert_eq!(self.queries.len(), self.sequences.tokens * width);
                assert_eq!(keys_values.len(), sequences.tokens * 2 * kv_width);
                assert_eq!(sources.len(), self.sequences.lengths.len());
                assert!(sources.iter().all(|&source| source < sequences.lengths.len()));
                let memory = |column| heads(keys_values, 2 * kv_width, column);
                [heads(self.queries, width, 0), memory(0), memory(kv_width)]
            }
        }
    }

    /// The sequences of keys and values.
    fn key_sequences(&self) -> &'a Sequences {
        self.memory.as_ref().map_or(self.sequences, |memory| memory.sequences)
    }

    /// The sequence of keys that a sequence of queries reads.
    fn source(&self, sequence: usize) -> usize {
        self.memory.as_ref().map_or(sequence, |memory| memory.sources[sequence])
    }
}
