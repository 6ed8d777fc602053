//! Attention of new tokens to all before them, whose keys and values are kept.

use std::cell::RefCell;
use std::ops::Range;

use rten_simd::ops::{BitOps, NumOps};
use rten_simd::{Isa, SimdOp};

use super::band::block_range;
use super::forward::{Queries, attend, gather_keys, head_of, scaled, store};
use super::plan::Plan;
use super::scratch::with_scratch;
use super::{Attention, Batch, Sequences, Settings};
use crate::cross_entropy::softmax;
use crate::lanes::for_each;
use crate::pool::Pool;
use crate::shared::SharedMut;
use crate::{Buffer, simd};

/// Up to so many new tokens a sequence are compared with the keys where they lie; more are worth gathering these.
const FEW: usize = 4;

/// Multiplications with keys below which the work is done before another thread has woken: some microseconds.
const LITTLE: usize = 1 << 16;

/// Keys and values of the tokens so far. Keys are kept as the similarity uses them: for the cosine at length 1.
pub struct Cache<'a> {
    /// `[sequences, capacity, kv_heads * head_size]`.
    pub keys: &'a mut [f32],
    /// `[sequences, capacity, kv_heads * head_size]`.
    pub values: &'a mut [f32],
    /// Tokens that a sequence has room for.
    pub capacity: usize,
    /// `[sequences]`: tokens that each holds.
    pub lengths: &'a [usize],
}

/// Adds the keys and values of new tokens to the cache and attends with their queries to all that is then in it. `qkv`
/// is a packed batch as [`Batch::queries`] without `key_values`; its sequence `b` goes on where the cache's has
/// `lengths[b]` tokens. Writes `out[tokens, heads * head_size]`.
///
/// # Panics
///
/// If a sequence has no room for its new tokens, or the sizes do not fit.
pub fn cached(
    pool: &Pool,
    settings: Settings,
    qkv: &[f32],
    sequences: &Sequences,
    cache: Cache,
    out: &mut [f32],
) {
    settings.check();
    let attention = settings.attention;
    let batch = Batch { queries: qkv, sequences, key_values: None };
    let [queries, new_keys, new_values] = batch.heads(attention);
    let Cache { keys, values, capacity, lengths } = cache;
    let width = attention.kv_width();
    assert_eq!(lengths.len(), sequences.lengths().len());
    assert_eq!(
        (keys.len(), values.len()),
        (lengths.len() * capacity * width, lengths.len() * capacity * width)
    );
    let totals = || lengths.iter().zip(sequences.lengths()).map(|(old, new)| old + new);
    assert!(totals().all(|total| total <= capacity), "{lengths:?} and {:?} tokens", sequences.lengths());
    assert_eq!(out.len(), sequences.rows() * attention.width());
    let total = |sequence: usize| lengths[sequence] + sequences.lengths()[sequence];
    let few = sequences.offsets.len() <= FEW;
    let plan = (!few).then(|| {
        let keys = |sequence: usize| (lengths[sequence], total(sequence));
        Plan::of_queries(attention, sequences.lengths(), keys)
    });

    let row = |sequence: usize, step: usize| (sequence * capacity + step) * width;
    for (sequence, (&held, &new)) in lengths.iter().zip(sequences.lengths()).enumerate() {
        for step in 0..new {
            let (token, at) = (sequences.offsets[step] + sequence, row(sequence, held + step));
            for head in 0..attention.kv_heads {
                let columns = at + head * attention.head_size..at + (head + 1) * attention.head_size;
                scaled(new_keys.at(token, head), 1.0, attention, &mut keys[columns.clone()]);
                values[columns].copy_from_slice(new_values.at(token, head));
            }
        }
    }
    let (keys, values, out) = (&*keys, &*values, SharedMut::new(out));

    let Some(plan) = plan else {
        let units = sequences.rows() * attention.heads;
        let attend = |units: Range<usize>| {
            for unit in units {
                let (token, head) = (unit / attention.heads, unit % attention.heads);
                let (step, sequence) = place(sequences, token);
                let position = lengths[sequence] + step;
                let seen = attention.band(position).columns(0..1, total(sequence));
                let at = row(sequence, seen.start) + head / attention.group() * attention.head_size;
                let end = row(sequence, seen.end);
                let (query, keys, values) = (queries.at(token, head), &keys[at..end], &values[at..end]);
                let one = One { attention, head, query, keys, values, position, seen };
                // SAFETY: this token in this head is in one range of units alone.
                one.attend(settings.factor(head), unsafe { head_of(out, attention, token, head) });
            }
        };
        if units * totals().max().unwrap_or(0) * attention.head_size < LITTLE {
            attend(0..units);
        } else {
            pool.run(|worker| attend(worker.share(units, 1)));
        }
        return;
    };
    pool.run(|worker| {
        with_scratch(|scratch| {
            let mut gathered = None;
            for &unit in &plan.units[plan.share(worker.index(), worker.count())] {
                let (sequence, kv_head) = (unit.sequence, unit.head / attention.group());
                let length = total(sequence);
                if gathered.replace((sequence, kv_head)) != Some((sequence, kv_head)) {
                    let at = |step: usize| {
                        let at = row(sequence, step) + kv_head * attention.head_size;
                        at..at + attention.head_size
                    };
                    gather_keys(settings, length, scratch, |step| (&keys[at(step)], &values[at(step)]));
                }
                let rows = block_range(unit.block, sequences.lengths()[sequence]);
                let position = lengths[sequence] + rows.start;
                let tokens = sequences.tokens(sequence, rows);
                let queries = Queries { heads: queries, head: unit.head, position, tokens };
                attend(settings, queries, length, scratch, |token, values, factor, _| {
                    // SAFETY: this block of queries in this head is the worker's alone.
                    store(unsafe { head_of(out, attention, token, unit.head) }, values, factor);
                });
            }
        });
    });
}

/// Step and sequence of a row.
fn place(sequences: &Sequences, token: usize) -> (usize, usize) {
    let step = sequences.offsets.partition_point(|&offset| offset <= token) - 1;
    (step, token - sequences.offsets[step])
}

/// One query and the keys that it sees, where they lie in the cache.
struct One<'a> {
    attention: &'a Attention,
    head: usize,
    query: &'a [f32],
    /// From the first seen on; rows are `kv_width` apart.
    keys: &'a [f32],
    values: &'a [f32],
    position: usize,
    seen: Range<usize>,
}

impl One<'_> {
    fn attend(&self, factor: f32, out: &mut [f32]) {
        thread_local!(static ROWS: RefCell<[Buffer; 2]> = RefCell::default());
        out.fill(0.0);
        if self.seen.is_empty() {
            return;
        }
        ROWS.with_borrow_mut(|[query, scores]| {
            let query = query.fit(self.query.len());
            scaled(self.query, factor, self.attention, query);
            let scores = scores.fit(self.seen.len());
            let stride = self.attention.kv_width();
            simd::dispatch(Scores { query, keys: self.keys, stride, scores });
            if let Some(slope) = self.attention.slope(self.head) {
                for (key, score) in self.seen.clone().zip(scores.iter_mut()) {
                    *score -= slope * self.position.abs_diff(key) as f32;
                }
            }
            softmax(scores);
            simd::dispatch(WeightedSum { weights: scores, values: self.values, stride, out });
        });
    }
}

/// Rows that are taken together.
const TOGETHER: usize = 4;

/// `scores[i] = query · keys[i]`.
struct Scores<'a> {
    query: &'a [f32],
    keys: &'a [f32],
    stride: usize,
    scores: &'a mut [f32],
}

impl SimdOp for Scores<'_> {
    type Output = ();

    #[inline(always)]
    fn eval<I: Isa>(self, isa: I) {
        let Self { query, keys, stride, scores } = self;
        let ops = isa.f32();
        for (group, scores) in scores.chunks_mut(TOGETHER).enumerate() {
            // The last rows stand in for those that are missing.
            let row =
                |i: usize| &keys[(group * TOGETHER + i.min(scores.len() - 1)) * stride..][..query.len()];
            let rows: [&[f32]; TOGETHER] = std::array::from_fn(row);
            let mut sums = [ops.zero(); TOGETHER];
            // SAFETY: all have the query's length.
            unsafe {
                for_each(
                    isa,
                    query.len(),
                    #[inline(always)]
                    |at| {
                        let query = at.load(isa, query);
                        for (sum, row) in sums.iter_mut().zip(rows) {
                            *sum = ops.mul_add(query, at.load(isa, row), *sum);
                        }
                    },
                );
            }
            scores.iter_mut().zip(sums).for_each(|(score, sum)| *score = ops.sum(sum));
        }
    }
}

/// `out += Σ weights[i] · values[i]`.
struct WeightedSum<'a> {
    weights: &'a [f32],
    values: &'a [f32],
    stride: usize,
    out: &'a mut [f32],
}

impl SimdOp for WeightedSum<'_> {
    type Output = ();

    #[inline(always)]
    fn eval<I: Isa>(self, isa: I) {
        let Self { weights, values, stride, out } = self;
        let ops = isa.f32();
        for (group, weights) in weights.chunks(TOGETHER).enumerate() {
            let row =
                |i: usize| &values[(group * TOGETHER + i.min(weights.len() - 1)) * stride..][..out.len()];
            let rows: [&[f32]; TOGETHER] = std::array::from_fn(row);
            let weights: [I::F32; TOGETHER] =
                std::array::from_fn(|i| ops.splat(weights.get(i).copied().unwrap_or(0.0)));
            // SAFETY: all have the output's length.
            unsafe {
                for_each(
                    isa,
                    out.len(),
                    #[inline(always)]
                    |at| {
                        let mut sum = at.load(isa, out);
                        for (weight, row) in weights.iter().zip(rows) {
                            sum = ops.mul_add(*weight, at.load(isa, row), sum);
                        }
                        at.store(isa, sum, out);
                    },
                );
            }
        }
    }
}
