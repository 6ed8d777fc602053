//! The backward pass: weights are computed anew, block by block.

use std::ops::Range;

use super::band::block_range;
use super::forward::scaled;
use super::operand::{multiply, row_stride};
use super::plan::{Plan, Readers, cost};
use super::product::Limits;
use super::scratch::{Scratch, with_scratch};
use super::softmax::{self, Block};
use super::{Attention, BLOCK, Batch, Heads, SHORTEST, Settings, Similarity, Tokens, dot};
use crate::pool::Pool;
use crate::shared::SharedMut;
use crate::{Matrix, elementwise, simd};

/// The gradients to add to.
pub struct Gradients<'a> {
    /// Whether `queries` hold nothing yet: they are then written, whatever was there.
    pub fresh: bool,
    /// As [`Batch::queries`].
    pub queries: &'a mut [f32],
    /// As [`super::KeyValues::rows`]; empty without them.
    pub keys_values: &'a mut [f32],
    /// `[heads]`: the learned scale of the cosine; else empty.
    pub scale: &'a mut [f32],
    /// `[tokens, heads]`, working memory; empty where `scale` is.
    pub scale_terms: &'a mut [f32],
}

/// What one call works on.
struct Pass<'a> {
    settings: Settings<'a>,
    batch: Batch<'a>,
    heads: [Heads<'a, f32>; 3],
    out: Heads<'a, f32>,
    dout: Heads<'a, f32>,
    log_sums: &'a [f32],
    dheads: [SharedMut<'a>; 3],
    scale_terms: SharedMut<'a>,
    fresh: bool,
}

/// Adds to the gradients of queries, keys, values and scale what `dout[tokens, heads * head_size]` says. `saved` are
/// the `out` and `log_sums` that [`super::forward`] wrote, the other arguments those that it was called with.
pub fn backward(
    pool: &Pool,
    settings: Settings,
    batch: Batch,
    saved: (&[f32], &[f32]),
    dout: &[f32],
    gradients: Gradients,
) {
    settings.check();
    let (attention, (out, log_sums)) = (settings.attention, saved);
    let cosine = attention.similarity == Similarity::Cosine;
    let tokens = batch.sequences.rows();
    let Gradients { fresh, queries, keys_values, scale: dscale, scale_terms } = gradients;
    assert_eq!(queries.len(), batch.queries.len());
    assert_eq!(keys_values.len(), batch.key_values.map_or(0, |others| others.rows.len()));
    assert_eq!((out.len(), dout.len()), (tokens * attention.width(), tokens * attention.width()));
    assert_eq!(log_sums.len(), tokens * attention.heads);
    if cosine {
        assert_eq!((dscale.len(), scale_terms.len()), (attention.heads, log_sums.len()));
        // Queries that see no key may be no one's.
        scale_terms.fill(0.0);
    }
    if fresh && batch.key_values.is_some() {
        // Queries that see no key may be no one's.
        queries.fill(0.0);
    }
    let rows = |data| {
        let (stride, head_size) = (attention.width(), attention.head_size);
        Heads { data, stride, column: 0, head_size }
    };
    let dqueries = SharedMut::new(queries);
    let dkeys_values = if batch.key_values.is_some() { SharedMut::new(keys_values) } else { dqueries };
    let pass = Pass {
        settings,
        batch,
        heads: batch.heads(attention),
        out: rows(out),
        dout: rows(dout),
        log_sums,
        dheads: [dqueries, dkeys_values, dkeys_values],
        scale_terms: SharedMut::new(&mut *scale_terms),
        // Without `key_values` each query sees a key, itself, and each head of a token is written once.
        fresh: fresh && batch.key_values.is_none(),
    };
    let readers = Readers::new(&batch);
    let plan = Plan::of_keys(attention, &batch, &readers);
    pool.run(|worker| {
        let share = plan.share(worker.index(), worker.count());
        with_scratch(|scratch| {
            let units = &plan.units[share.clone()];
            let mut first = share.start;
            for same in units.chunk_by(|a, b| (a.sequence, a.head) == (b.sequence, b.head)) {
                let item = Item { source: same[0].sequence, head: same[0].head };
                let blocks = same[0].block..same[0].block + same.len();
                let begin = first - blocks.start;
                let all = batch.key_sequences().lengths()[item.source].div_ceil(BLOCK);
                if blocks.len() == all {
                    pass.run(item, readers.of(item.source), blocks, Some(0..u64::MAX), true, scratch);
                } else {
                    // Others work on the same keys: this worker takes its keys' gradients from all queries, and from
                    // all keys the gradients of as many queries, in the same order as if it were alone.
                    let costs = plan.cost(begin..first)..plan.cost(begin..first + same.len());
                    let readers = readers.of(item.source);
                    pass.run(item, readers, blocks, None, true, scratch);
                    pass.run(item, readers, 0..all, Some(costs), false, scratch);
                }
                first += same.len();
            }
        });
    });
    if cosine {
        elementwise::add_column_sums(dscale, Matrix::new(scale_terms, tokens, attention.heads));
    }
}

/// A sequence of keys and values in one of their heads.
#[derive(Clone, Copy)]
struct Item {
    source: usize,
    head: usize,
}

/// A block of queries: its first is number `first` of the sequence, and `rows` of those that are gathered.
struct QueryBlock {
    sequence: usize,
    head: usize,
    first: usize,
    rows: Range<usize>,
}

impl<'a> Pass<'a> {
    /// Some blocks of an item's keys with the queries of its `readers`: gradients of the keys and values where
    /// `wants_keys`, and of the blocks of queries before which the costs of the item's blocks add up to something in
    /// `wants_queries`.
    fn run(
        &self,
        item: Item,
        readers: &[usize],
        blocks: Range<usize>,
        wants_queries: Option<Range<u64>>,
        wants_keys: bool,
        scratch: &mut Scratch,
    ) {
        let attention = self.settings.attention;
        let stride = row_stride(attention.head_size);
        let length = self.batch.key_sequences().lengths()[item.source];
        self.gather_keys(item, length, scratch, wants_queries.is_some());
        if wants_keys {
            scratch.dkeys.fit_zeros(length * stride);
            scratch.dvalues.fit_zeros(length * stride);
        }
        let band = attention.band(0);
        let mut before = 0;
        for &sequence in readers {
            let queries = self.batch.sequences.lengths()[sequence];
            for head in item.head * attention.group()..(item.head + 1) * attention.group() {
                // Which blocks of queries matter here; they follow one another.
                let mut chosen = 0..queries.div_ceil(BLOCK);
                if let Some(wanted) = wants_queries.as_ref().filter(|wanted| wanted.end < u64::MAX) {
                    let numbers = chosen.clone();
                    chosen = numbers.end..numbers.end;
                    for number in numbers {
                        let rows = block_range(number, queries);
                        if wanted.contains(&before) {
                            chosen = chosen.start.min(number)..number + 1;
                        }
                        let seen = band.blocks(rows.clone(), length);
                        before +=
                            seen.map(|key| cost(band, rows.clone(), block_range(key, length))).sum::<u64>();
                    }
                }
                if chosen.is_empty() {
                    continue;
                }
                let rows = chosen.start * BLOCK..(chosen.end * BLOCK).min(queries);
                self.gather_queries(sequence, head, rows.clone(), scratch, wants_keys);
                scratch.dqueries.fit_zeros(rows.len() * stride);
                for number in chosen {
                    let block = block_range(number, queries);
                    let seen = band.blocks(block.clone(), length);
                    let start = block.start - rows.start;
                    let block =
                        QueryBlock { sequence, head, first: block.start, rows: start..start + block.len() };
                    let wants = [wants_queries.is_some(), wants_keys];
                    for key in seen.start.max(blocks.start)..seen.end.min(blocks.end) {
                        self.block_pair(&block, key, length, wants, scratch);
                    }
                }
                if wants_queries.is_some() {
                    self.scatter_queries(sequence, head, rows, scratch);
                }
            }
        }
        if wants_keys {
            let steps = blocks.start * BLOCK..(blocks.end * BLOCK).min(length);
            self.scatter_keys(item, steps, scratch);
        }
    }

    /// The products of a block of queries and block `key` of `length` keys, for the gradients of queries, of keys, or
    /// both.
    fn block_pair(
        &self,
        block: &QueryBlock,
        key: usize,
        length: usize,
        [wants_queries, wants_keys]: [bool; 2],
        scratch: &mut Scratch,
    ) {
        let Settings { attention, precision, dropout, .. } = self.settings;
        let QueryBlock { sequence, head, first, ref rows } = *block;
        let stride = row_stride(attention.head_size);
        let columns = block_range(key, length);
        let band = attention.band(0).block(first, columns.start);
        let Scratch { queries, keys, values, douts, bf16, .. } = scratch;
        let scores = scratch.scores.fit(BLOCK * BLOCK);
        let dscores = scratch.dscores.fit(BLOCK * BLOCK);

        let (q, dout) = (queries.left(rows.clone()), douts.left(rows.clone()));
        multiply(q, keys.across(precision, key), scores, BLOCK, Limits::Columns(band), false, bf16);
        multiply(dout, values.across(precision, key), dscores, BLOCK, Limits::Columns(band), false, bf16);
        let factors = dropout.map(|dropout| {
            let factors = scratch.factors.fit(BLOCK * BLOCK);
            for (row, factors) in factors.chunks_exact_mut(BLOCK).enumerate().take(rows.len()) {
                let token = self.batch.sequences.offsets[first + row] + sequence;
                let seen = band.columns(row..row + 1, columns.len());
                dropout.factors(token, head, columns.start + seen.start, &mut factors[seen]);
            }
            &*factors
        });
        simd::dispatch(softmax::Backward {
            block: Block {
                rows: rows.len(),
                columns: columns.len(),
                band,
                slope: attention.slope(head),
                distance: first as f32 - columns.start as f32,
            },
            scores,
            dscores,
            factors,
            log_sums: &scratch.log_sums[rows.clone()],
            deltas: &scratch.deltas[rows.clone()],
        });
        let weights =
            Matrix::new(&scores[..rows.len() * BLOCK], rows.len(), BLOCK).col_range(0..columns.len());
        let dscores =
            Matrix::new(&dscores[..rows.len() * BLOCK], rows.len(), BLOCK).col_range(0..columns.len());
        if wants_queries {
            let dqueries = &mut scratch.dqueries[rows.start * stride..rows.end * stride];
            multiply(dscores, keys.block(precision, key), dqueries, stride, Limits::Depth(band), true, bf16);
        }
        if wants_keys {
            let (band, number) = (band.transposed(), rows.start / BLOCK);
            let part = columns.start * stride..columns.end * stride;
            let dvalues = &mut scratch.dvalues[part.clone()];
            let right = douts.block(precision, number);
            multiply(weights.transposed(), right, dvalues, stride, Limits::Depth(band), true, bf16);
            let dkeys = &mut scratch.dkeys[part];
            let right = queries.block(precision, number);
            multiply(dscores.transposed(), right, dkeys, stride, Limits::Depth(band), true, bf16);
        }
    }

    fn gather_keys(&self, item: Item, length: usize, scratch: &mut Scratch, wants_queries: bool) {
        let Settings { attention, precision, .. } = self.settings;
        let [_, keys, values] = self.heads;
        let tokens = self.batch.key_sequences().tokens(item.source, 0..length);
        scratch.keys.gather(length, attention.head_size, |step, to| {
            scaled(keys.read(tokens, step, item.head), 1.0, attention, to);
        });
        scratch.values.gather(length, attention.head_size, |step, to| {
            to.copy_from_slice(values.read(tokens, step, item.head));
        });
        scratch.keys.pack_across(precision);
        scratch.values.pack_across(precision);
        if wants_queries {
            scratch.keys.pack(precision);
        }
    }

    /// Gathers the queries `rows` of a sequence in one head, the gradients of their outputs, and what the softmax needs.
    fn gather_queries(
        &self,
        sequence: usize,
        head: usize,
        rows: Range<usize>,
        scratch: &mut Scratch,
        wants_keys: bool,
    ) {
        let Settings { attention, precision, .. } = self.settings;
        let tokens = self.batch.sequences.tokens(sequence, rows.clone());
        let factor = self.settings.factor(head);
        let log_sums = scratch.log_sums.fit(rows.len());
        let deltas = scratch.deltas.fit(rows.len());
        scratch.queries.gather(rows.len(), attention.head_size, |row, to| {
            scaled(self.heads[0].read(tokens, row, head), factor, attention, to);
        });
        scratch.douts.gather(rows.len(), attention.head_size, |row, to| {
            let (out, dout) = (self.out.read(tokens, row, head), self.dout.read(tokens, row, head));
            to.copy_from_slice(dout);
            log_sums[row] = self.log_sums[tokens.at(row) * attention.heads + head];
            deltas[row] = dot(out, dout);
        });
        if wants_keys {
            scratch.queries.pack(precision);
            scratch.douts.pack(precision);
        }
    }

    /// Adds the gradients of queries.
    fn scatter_queries(&self, sequence: usize, head: usize, rows: Range<usize>, scratch: &mut Scratch) {
        let attention = self.settings.attention;
        let factor = self.settings.factor(head);
        let tokens = self.batch.sequences.tokens(sequence, rows);
        let dqueries = scratch.dqueries.chunks_exact(row_stride(attention.head_size));
        for (row, raw) in dqueries.enumerate().take(tokens.offsets.len()) {
            let token = tokens.at(row);
            // SAFETY: these queries in this head are the worker's alone.
            let to = unsafe { self.gradient(0, tokens, row, head) };
            let along = add_normalised(attention, self.heads[0].at(token, head), raw, factor, to);
            if attention.similarity == Similarity::Cosine {
                let at = token * attention.heads + head;
                // SAFETY: as above.
                unsafe { self.scale_terms.part(at..at + 1)[0] = along };
            }
        }
    }

    /// Adds the gradients of keys and values.
    fn scatter_keys(&self, item: Item, steps: Range<usize>, scratch: &Scratch) {
        let attention = self.settings.attention;
        let stride = row_stride(attention.head_size);
        let tokens = self.batch.key_sequences().tokens(item.source, steps.clone());
        for (row, step) in steps.enumerate() {
            let raw = &scratch.dkeys[step * stride..];
            // SAFETY: these keys and values in this head are the worker's alone.
            let [dkey, dvalue] = [1, 2].map(|which| unsafe { self.gradient(which, tokens, row, item.head) });
            add_normalised(attention, self.heads[1].at(tokens.at(row), item.head), raw, 1.0, dkey);
            dvalue.iter_mut().zip(&scratch.dvalues[step * stride..]).for_each(|(to, d)| *to += d);
        }
    }

    /// The gradient of queries (0), keys (1) or values (2), while that of a later step is fetched.
    ///
    /// # Safety
    ///
    /// As for [`SharedMut::part`].
    unsafe fn gradient(&self, which: usize, tokens: Tokens, row: usize, head: usize) -> &'a mut [f32] {
        let (data, like) = (self.dheads[which], self.heads[which]);
        data.fetch(like.place(tokens.ahead(row), head), like.head_size);
        let at = like.place(tokens.at(row), head);
        // SAFETY: by the caller's promise.
        let part = unsafe { data.part(at..at + like.head_size) };
        if self.fresh {
            part.fill(0.0);
        }
        part
    }
}

/// Adds to the gradient of `x` where `factor · normalised(x)` went into the scores and `raw` is the gradient of it
/// without the factor. Returns the factor's own gradient, for the cosine.
fn add_normalised(attention: &Attention, x: &[f32], raw: &[f32], factor: f32, to: &mut [f32]) -> f32 {
    if attention.similarity != Similarity::Cosine {
        to.iter_mut().zip(raw).for_each(|(to, raw)| *to += factor * raw);
        return 0.0;
    }
    let normaliser = attention.normaliser(x);
    let along = normaliser * dot(x, &raw[..x.len()]);
    // The direction of a vector that is too short is not told apart from its length.
    let turned = if normaliser < 1.0 / SHORTEST { along * normaliser } else { 0.0 };
    for ((to, x), raw) in to.iter_mut().zip(x).zip(raw) {
        *to += factor * normaliser * (raw - turned * x);
    }
    along
}
