//! The forward pass.

use super::band::block_range;
use super::operand::{multiply, row_stride};
use super::plan::Plan;
use super::product::Limits;
use super::scratch::{Rows, Scratch, with_scratch};
use super::softmax::{self, Block};
use super::{Attention, BLOCK, Batch, Heads, Settings, Tokens};
use crate::pool::Pool;
use crate::shared::SharedMut;
use crate::{Matrix, simd};

/// Attends: writes `out[tokens, heads * head_size]`, and to `log_sums[tokens, heads]` the logarithm of what each
/// softmax was divided by.
pub fn forward(pool: &Pool, settings: Settings, batch: Batch, out: &mut [f32], log_sums: &mut [f32]) {
    settings.check();
    let attention = settings.attention;
    let [queries, keys, values] = batch.heads(attention);
    let (own, others) = (batch.sequences, batch.key_sequences());
    assert_eq!(out.len(), own.rows() * attention.width());
    assert_eq!(log_sums.len(), own.rows() * attention.heads);
    let (out, log_sums) = (SharedMut::new(out), SharedMut::new(log_sums));
    let plan =
        Plan::of_queries(attention, own.lengths(), |sequence| (0, others.lengths()[batch.source(sequence)]));
    pool.run(|worker| {
        let units = &plan.units[plan.share(worker.index(), worker.count())];
        with_scratch(|scratch| {
            let mut gathered = None;
            for &unit in units {
                let (source, kv_head) = (batch.source(unit.sequence), unit.head / attention.group());
                let length = others.lengths()[source];
                if gathered.replace((source, kv_head)) != Some((source, kv_head)) {
                    let tokens = others.tokens(source, 0..length);
                    gather_keys(settings, length, scratch, |step| {
                        (keys.read(tokens, step, kv_head), values.read(tokens, step, kv_head))
                    });
                }
                let rows = block_range(unit.block, own.lengths()[unit.sequence]);
                let tokens = own.tokens(unit.sequence, rows.clone());
                let queries = Queries { heads: queries, head: unit.head, position: rows.start, tokens };
                attend(settings, queries, length, scratch, |token, values, factor, log_sum| {
                    let at = token * attention.heads + unit.head;
                    // SAFETY: this block of queries in this head is the worker's alone.
                    unsafe {
                        store(head_of(out, attention, token, unit.head), values, factor);
                        log_sums.part(at..at + 1)[0] = log_sum;
                    }
                });
            }
        });
    });
}

/// The values of one token and head in a matrix `[tokens, heads * head_size]`.
///
/// # Safety
///
/// As for [`SharedMut::part`].
pub(super) unsafe fn head_of<'a>(
    out: SharedMut<'a>,
    attention: &Attention,
    token: usize,
    head: usize,
) -> &'a mut [f32] {
    let at = token * attention.width() + head * attention.head_size;
    // SAFETY: by the caller's promise.
    unsafe { out.part(at..at + attention.head_size) }
}

/// Gathers keys and values for [`attend`] and packs them.
pub(super) fn gather_keys<'a>(
    settings: Settings,
    length: usize,
    scratch: &mut Scratch,
    at: impl Fn(usize) -> (&'a [f32], &'a [f32]),
) {
    let Settings { attention, precision, .. } = settings;
    scratch.keys.gather(length, attention.head_size, |step, to| scaled(at(step).0, 1.0, attention, to));
    scratch.values.gather(length, attention.head_size, |step, to| to.copy_from_slice(at(step).1));
    scratch.keys.pack_across(precision);
    scratch.values.pack(precision);
}

/// `x` as the similarity wants it, times `scale`.
pub(super) fn scaled(x: &[f32], scale: f32, attention: &Attention, to: &mut [f32]) {
    let scale = scale * attention.normaliser(x);
    to.iter_mut().zip(x).for_each(|(to, x)| *to = x * scale);
}

/// `to = factor · values`.
pub(super) fn store(to: &mut [f32], values: &[f32], factor: f32) {
    to.iter_mut().zip(values).for_each(|(to, value)| *to = value * factor);
}

/// A block of queries in one head.
#[derive(Clone, Copy)]
pub(super) struct Queries<'a> {
    pub heads: Heads<'a, f32>,
    pub head: usize,
    /// The place of the first in its sequence.
    pub position: usize,
    pub tokens: Tokens<'a>,
}

/// One block of queries with the `length` keys and values that [`gather_keys`] left. Calls `write` for each query with
/// its token, its output, what that is still to be multiplied with, and the logarithm of the softmax's sum.
pub(super) fn attend(
    settings: Settings,
    queries: Queries,
    length: usize,
    scratch: &mut Scratch,
    mut write: impl FnMut(usize, &[f32], f32, f32),
) {
    let Settings { attention, precision, dropout, .. } = settings;
    let Queries { heads, head, position, tokens } = queries;
    let (head_size, stride) = (attention.head_size, row_stride(attention.head_size));
    let (rows, band) = (tokens.offsets.len(), attention.band(position));
    let factor = settings.factor(head);
    let Scratch { queries: q, keys, values, out: sums_out, scores, factors, bf16, .. } = scratch;
    q.gather(rows, head_size, |row, to| scaled(heads.read(tokens, row, head), factor, attention, to));
    let sums_out = sums_out.fit_zeros(rows * stride);
    let scores = scores.fit(BLOCK * BLOCK);
    let (mut maxima, mut sums): (Rows, Rows) = ([f32::NEG_INFINITY; BLOCK], [0.0; BLOCK]);
    for number in band.blocks(0..rows, length) {
        let columns = block_range(number, length);
        let band = band.block(0, columns.start);
        let left = q.left(0..rows);
        multiply(left, keys.across(precision, number), scores, BLOCK, Limits::Columns(band), false, bf16);
        let block = Block {
            rows,
            columns: columns.len(),
            band,
            slope: attention.slope(head),
            distance: position as f32 - columns.start as f32,
        };
        simd::dispatch(softmax::Forward {
            block,
            scores,
            maxima: &mut maxima,
            sums: &mut sums,
            out: sums_out,
            out_stride: stride,
        });
        if let Some(dropout) = dropout {
            for (row, scores) in scores.chunks_exact_mut(BLOCK).enumerate().take(rows) {
                let seen = band.columns(row..row + 1, columns.len());
                let factors = &mut factors.fit(BLOCK)[seen.clone()];
                dropout.factors(tokens.at(row), head, columns.start + seen.start, factors);
                scores[seen].iter_mut().zip(factors).for_each(|(score, factor)| *score *= *factor);
            }
        }
        let weights = Matrix::new(&scores[..rows * BLOCK], rows, BLOCK);
        let weights = weights.col_range(0..columns.len());
        multiply(weights, values.block(precision, number), sums_out, stride, Limits::Depth(band), true, bf16);
    }
    for (row, values) in sums_out.chunks_exact(stride).enumerate() {
        // A query that sees no key gets zeros; an infinite sum then makes every weight zero in the backward pass.
        let (factor, sum) = if sums[row] == 0.0 {
            (0.0, f32::INFINITY)
        } else {
            (1.0 / sums[row], maxima[row] + sums[row].ln())
        };
        write(tokens.at(row), values, factor, sum);
    }
}
