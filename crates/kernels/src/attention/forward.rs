//! The forward pass.

use std::ops::Range;

use super::band::block_range;
use super::operand::{multiply, row_stride};
use super::plan::{Plan, Unit};
use super::product::Limits;
use super::scratch::{Rows, Scratch, with_scratch};
use super::softmax::{self, Block};
use super::{Attention, BLOCK, Batch, Dropout, Heads};
use crate::pool::Pool;
use crate::shared::SharedMut;
use crate::{Precision, simd};

/// Attends: writes `out[tokens, heads * head_size]`, and to `log_sums[tokens, heads]` the logarithm of what each softmax was
/// divided by. `scale[heads]` is the learned scale of [`super::Similarity::Cosine`].
pub fn forward(
    pool: &Pool,
    precision: Precision,
    attention: &Attention,
    scale: &[f32],
    dropout: Option<Dropout>,
    batch: Batch<f32>,
    out: &mut [f32],
    log_sums: &mut [f32],
) {
    attention.check(scale);
    let [queries, keys, values] = batch.heads(attention);
    let (own, others) = (batch.sequences, batch.key_sequences());
    assert_eq!(out.len(), own.tokens() * attention.width());
    assert_eq!(log_sums.len(), own.tokens() * attention.heads);
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
                    let token = |step: usize| others.offsets[step] + source;
                    gather_keys(attention, precision, length, scratch, |step| {
                        (keys.at(token(step), kv_head), values.at(token(step), kv_head))
                    });
                }
                let token = |step: usize| own.offsets[step] + unit.sequence;
                let queries = Queries { rows: queries, scale, dropout, position: 0, token };
                let rows = block_range(unit.block, own.lengths()[unit.sequence]);
                // SAFETY: this block of queries in this head is the worker's alone.
                let out = |token: usize| unsafe { head_of(out, attention, token, unit.head) };
                let log_sum = |token: usize, value: f32| unsafe {
                    let at = token * attention.heads + unit.head;
                    log_sums.part(at..at + 1)[0] = value;
                };
                attend(attention, precision, unit, rows, length, &queries, scratch, out, log_sum);
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
    attention: &Attention,
    precision: Precision,
    length: usize,
    scratch: &mut Scratch,
    at: impl Fn(usize) -> (&'a [f32], &'a [f32]),
) {
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

/// What the queries of one sequence are.
pub(super) struct Queries<'a, Token: Fn(usize) -> usize> {
    pub rows: Heads<'a, f32>,
    pub scale: &'a [f32],
    pub dropout: Option<Dropout>,
    /// The place of the first.
    pub position: usize,
    /// The row of each.
    pub token: Token,
}

/// One block of queries with the `length` keys and values that [`gather_keys`] left.
pub(super) fn attend<'a, Token: Fn(usize) -> usize>(
    attention: &Attention,
    precision: Precision,
    unit: Unit,
    rows: Range<usize>,
    length: usize,
    queries: &Queries<Token>,
    scratch: &mut Scratch,
    mut out: impl FnMut(usize) -> &'a mut [f32],
    mut log_sum: impl FnMut(usize, f32),
) {
    let (head, head_size, stride) = (unit.head, attention.head_size, row_stride(attention.head_size));
    let band = attention.band(queries.position);
    let factor = attention.scale(queries.scale, head);
    let Scratch { queries: q, keys, values, out: sums_out, scores, factors, bf16, .. } = scratch;
    q.gather(rows.len(), head_size, |row, to| {
        scaled(queries.rows.at((queries.token)(rows.start + row), head), factor, attention, to);
    });
    let sums_out = sums_out.zeroed(rows.len() * stride);
    let scores = scores.reserve(BLOCK * BLOCK);
    let (mut maxima, mut sums): (Rows, Rows) = ([f32::NEG_INFINITY; BLOCK], [0.0; BLOCK]);
    for number in band.blocks(rows.clone(), length) {
        let columns = block_range(number, length);
        let band = band.block(rows.start, columns.start);
        let left = q.left(0..rows.len());
        multiply(left, keys.across(precision, number), scores, BLOCK, band, Limits::Columns, false, bf16);
        let block = Block {
            rows: rows.len(),
            columns: columns.len(),
            band,
            slope: attention.slope(head),
            distance: (queries.position + rows.start) as f32 - columns.start as f32,
        };
        simd::dispatch(softmax::Forward {
            block,
            scores,
            maxima: &mut maxima,
            sums: &mut sums,
            out: sums_out,
            out_stride: stride,
        });
        if let Some(dropout) = queries.dropout {
            let factors = &mut factors.reserve(BLOCK)[..columns.len()];
            for (row, scores) in scores.chunks_exact_mut(BLOCK).enumerate().take(rows.len()) {
                dropout.factors((queries.token)(rows.start + row), head, columns.start, factors);
                scores.iter_mut().zip(&*factors).for_each(|(score, factor)| *score *= factor);
            }
        }
        let weights = crate::Matrix::new(&scores[..rows.len() * BLOCK], rows.len(), BLOCK);
        let weights = weights.col_range(0..columns.len());
        multiply(weights, values.block(precision, number), sums_out, stride, band, Limits::Depth, true, bf16);
    }
    for (row, values) in sums_out.chunks_exact(stride).enumerate() {
        let token = (queries.token)(rows.start + row);
        // A query that sees no key gets zeros; an infinite sum then makes every weight zero on the way back.
        let (factor, sum) = if sums[row] == 0.0 {
            (0.0, f32::INFINITY)
        } else {
            (1.0 / sums[row], maxima[row] + sums[row].ln())
        };
        out(token).iter_mut().zip(values).for_each(|(out, value)| *out = value * factor);
        log_sum(token, sum);
    }
}
