//! Attention of packed batches, forward and backward, without the matrix of all weights.
//!
//! Scores are computed in blocks of queries and keys; the softmax runs along with them, keeping each query's maximum
//! and sum (Milakov, Gimelshein 2018; Dao et al. 2022, "FlashAttention"). What stays for the backward pass is the logarithm
//! of that sum, a value a token and head, from which the blocks are computed anew. Memory grows with the length, not
//! with its square.
//!
//! A worker takes blocks of one sequence and head: it gathers their rows, which lie a step apart in a packed batch, into
//! memory of its own, works there and puts the results back. Blocks have fixed places and every sum a fixed order, so
//! that the number of workers does not change a bit.

mod backward;
mod band;
mod cached;
mod dropout;
mod forward;
mod operand;
mod plan;
mod product;
pub mod reference;
mod scratch;
mod softmax;
mod weights;

pub use self::backward::{Gradients, backward};
pub use self::cached::{Cache, cached};
pub use self::dropout::Dropout;
pub use self::forward::forward;
pub use self::weights::weights;

use std::ops::Range;

use rten_simd::SimdOp;
use rten_simd::ops::{BitOps, NumOps};

use self::band::Band;
use crate::lanes::for_each;
use crate::prefetch::prefetch;
use crate::{Precision, simd};

/// The precision to attend in where `wanted` is asked for: bf16 only where the processor has such products. Blocks are
/// multiplied a few times each, and elsewhere rounding and packing them costs more than f32 products do, as
/// rounding them to 8 bits would (see
/// `examples/attention.rs`).
pub fn precision(wanted: Precision) -> Precision {
    match (wanted, Precision::auto()) {
        (Precision::Bf16 | Precision::Int8, Precision::Bf16) => Precision::Bf16,
        _ => Precision::F32,
    }
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

/// The shape of an attention.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Attention {
    /// Heads of the queries.
    pub heads: usize,
    /// Heads of keys and values, each shared by as many successive heads of the queries (Ainslie et al. 2023).
    pub kv_heads: usize,
    /// Values of a query, a key or a value in one head.
    pub head_size: usize,
    /// The score between queries and keys.
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
    pub fn group(&self) -> usize {
        self.heads / self.kv_heads
    }

    /// The keys that each query sees, where the first query stands at `position`.
    fn band(&self, position: usize) -> Band {
        Band::new(position, self.causal, self.window)
    }

    /// What the scores of `head` lose with each place of distance: the geometric sequence of Press et al. 2022, filled
    /// up, where the number of heads is no power of two, with every other value of the next longer one. None without ALiBi.
    pub fn slope(&self, head: usize) -> Option<f32> {
        let power =
            if self.heads.is_power_of_two() { self.heads } else { self.heads.next_power_of_two() / 2 };
        let exponent = if head < power {
            8.0 * (head + 1) as f64 / power as f64
        } else {
            4.0 * (2 * (head - power) + 1) as f64 / power as f64
        };
        self.alibi.then(|| (-exponent).exp2() as f32)
    }

    /// What a query or key is multiplied with to be one of length 1, for the cosine; else 1.
    fn normaliser(&self, x: &[f32]) -> f32 {
        match self.similarity {
            Similarity::ScaledDotProduct => 1.0,
            Similarity::Cosine => 1.0 / dot(x, x).sqrt().max(SHORTEST),
        }
    }
}

/// How a call attends: the same forward and backward.
#[derive(Clone, Copy)]
pub struct Settings<'a> {
    /// What is computed.
    pub attention: &'a Attention,
    /// `[heads]`: the learned scale of [`Similarity::Cosine`]; else empty.
    pub scale: &'a [f32],
    /// The number format of products.
    pub precision: Precision,
    /// Which weights are dropped.
    pub dropout: Option<Dropout>,
}

impl Settings<'_> {
    /// What a query of `head` is multiplied with before it meets the keys.
    fn factor(&self, head: usize) -> f32 {
        match self.attention.similarity {
            Similarity::ScaledDotProduct => 1.0 / (self.attention.head_size as f32).sqrt(),
            Similarity::Cosine => self.scale[head],
        }
    }

    fn check(&self) {
        let Attention { heads, kv_heads, head_size, similarity, window, .. } = *self.attention;
        assert!(kv_heads > 0 && heads.is_multiple_of(kv_heads) && head_size > 0 && window != Some(0));
        assert!(similarity != Similarity::Cosine || self.scale.len() == heads);
    }
}

/// `a · b`.
fn dot(a: &[f32], b: &[f32]) -> f32 {
    struct Dot<'a>(&'a [f32], &'a [f32]);

    impl SimdOp for Dot<'_> {
        type Output = f32;

        #[inline(always)]
        fn eval<I: rten_simd::Isa>(self, isa: I) -> f32 {
            let ops = isa.f32();
            let mut sum = ops.zero();
            // SAFETY: both have this length.
            unsafe {
                for_each(
                    isa,
                    self.0.len(),
                    #[inline(always)]
                    |at| sum = ops.mul_add(at.load(isa, self.0), at.load(isa, self.1), sum),
                );
            }
            ops.sum(sum)
        }
    }

    assert_eq!(a.len(), b.len());
    simd::dispatch(Dot(a, b))
}

/// The length below which a vector counts as one so long when its direction is asked for.
const SHORTEST: f32 = 1e-12;

/// Where the tokens of a packed batch lie: that of sequence `b` at step `t` is row `offsets[t] + b`.
#[derive(Clone, Debug, Default)]
pub struct Sequences {
    /// First row of each step.
    offsets: Vec<usize>,
    /// Steps of each sequence.
    lengths: Vec<usize>,
    rows: usize,
}

impl Sequences {
    /// The sequences of a batch with so many rows a step, which never rise.
    pub fn packed(batch_sizes: &[usize]) -> Self {
        assert!(batch_sizes.is_sorted_by(|a, b| a >= b), "batch sizes rise: {batch_sizes:?}");
        let mut total = 0;
        let mut offsets = Vec::with_capacity(batch_sizes.len());
        let mut lengths = vec![0; batch_sizes.first().copied().unwrap_or(0)];
        for (step, &rows) in batch_sizes.iter().enumerate() {
            offsets.push(total);
            total += rows;
            // What is left after the last step is each sequence's last.
            lengths[..rows].fill(step + 1);
        }
        Self { offsets, lengths, rows: total }
    }

    /// The rows of a sequence's steps, from `first` to before `end`.
    fn tokens(&self, sequence: usize, steps: Range<usize>) -> Tokens<'_> {
        Tokens { offsets: &self.offsets[steps], sequence }
    }

    /// The row of each step of a sequence.
    pub fn rows_of(&self, sequence: usize) -> Vec<usize> {
        let steps = self.lengths[sequence];
        self.offsets[..steps].iter().map(|offset| offset + sequence).collect()
    }

    /// Steps of each sequence, longest first.
    pub fn lengths(&self) -> &[usize] {
        &self.lengths
    }

    /// Rows of the batch.
    pub fn rows(&self) -> usize {
        self.rows
    }
}

/// The inputs of an attention.
#[derive(Clone, Copy)]
pub struct Batch<'a, T = f32> {
    /// `[tokens, heads * head_size]`; without `key_values` `[tokens, (heads + 2 * kv_heads) * head_size]`: queries, keys and
    /// values side by side.
    pub queries: &'a [T],
    /// Where the queries' tokens lie.
    pub sequences: &'a Sequences,
    /// Keys and values of other sequences; none for self-attention.
    pub key_values: Option<KeyValues<'a, T>>,
}

/// Keys and values of other sequences to attend to.
#[derive(Clone, Copy)]
pub struct KeyValues<'a, T = f32> {
    /// `[tokens, 2 * kv_heads * head_size]`: keys and values side by side.
    pub rows: &'a [T],
    /// Where their tokens lie.
    pub sequences: &'a Sequences,
    /// The index of the sequence that each sequence of queries reads.
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

/// Rows that are fetched ahead. Those of one sequence lie a step apart in a packed batch, and the processor does not
/// see the next one coming.
const AHEAD: usize = 8;

/// The rows of a sequence in a packed batch, from some step on.
#[derive(Clone, Copy)]
struct Tokens<'a> {
    offsets: &'a [usize],
    sequence: usize,
}

impl Tokens<'_> {
    /// The row of a step.
    #[inline(always)]
    fn at(self, step: usize) -> usize {
        self.offsets[step] + self.sequence
    }

    /// The row to fetch while `step` is worked on.
    #[inline(always)]
    fn ahead(self, step: usize) -> usize {
        self.offsets[(step + AHEAD).min(self.offsets.len() - 1)] + self.sequence
    }
}

impl<'a, T> Heads<'a, T> {
    /// What is at a step of a sequence, while that of a later step is fetched.
    #[inline(always)]
    fn read(&self, tokens: Tokens, step: usize, head: usize) -> &'a [T] {
        let first = self.data.as_ptr().wrapping_add(self.place(tokens.ahead(step), head));
        prefetch(first, self.head_size);
        self.at(tokens.at(step), head)
    }

    /// Index of the first value.
    #[inline(always)]
    fn place(&self, token: usize, head: usize) -> usize {
        token * self.stride + self.column + head * self.head_size
    }

    #[inline(always)]
    fn at(&self, token: usize, head: usize) -> &'a [T] {
        &self.data[self.place(token, head)..][..self.head_size]
    }
}

impl<'a, T> Batch<'a, T> {
    /// The matrices of queries, keys and values.
    fn heads(&self, attention: &Attention) -> [Heads<'a, T>; 3] {
        let (width, kv_width) = (attention.width(), attention.kv_width());
        let head_size = attention.head_size;
        let heads = |data, stride, column| Heads { data, stride, column, head_size };
        match self.key_values {
            None => {
                let stride = width + 2 * kv_width;
                assert_eq!(self.queries.len(), self.sequences.rows * stride);
                [0, width, width + kv_width].map(|column| heads(self.queries, stride, column))
            }
            Some(KeyValues { rows, sequences, sources }) => {
                assert_eq!(self.queries.len(), self.sequences.rows * width);
                assert_eq!(rows.len(), sequences.rows * 2 * kv_width);
                assert_eq!(sources.len(), self.sequences.lengths.len());
                assert!(sources.iter().all(|&source| source < sequences.lengths.len()));
                let others = |column| heads(rows, 2 * kv_width, column);
                [heads(self.queries, width, 0), others(0), others(kv_width)]
            }
        }
    }

    /// The sequences of keys and values.
    fn key_sequences(&self) -> &'a Sequences {
        self.key_values.as_ref().map_or(self.sequences, |others| others.sequences)
    }

    /// The sequence of keys that a sequence of queries reads.
    fn source(&self, sequence: usize) -> usize {
        self.key_values.as_ref().map_or(sequence, |others| others.sources[sequence])
    }
}
