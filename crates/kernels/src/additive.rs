//! Additive attention (Bahdanau, Cho, Bengio 2015): a query and a key are scored by `Σ weight ⊙ tanh(query + key)`.
//!
//! The sequences are those of an encoder–decoder, whose lengths are a sentence's: the weights themselves are kept for the
//! backward pass.

use rten_simd::ops::NumOps;
use rten_simd::{Isa, SimdOp};

use crate::cross_entropy::softmax;
use crate::functions::tanh;
use crate::lanes::for_each;
use crate::pool::Pool;
use crate::shared::SharedMut;
use crate::simd::{self, vectorized};

/// A sequence of queries and the sequence of keys that it reads, each as the rows of its tokens in a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pair {
    /// Row of each query.
    pub queries: Vec<usize>,
    /// Row of each key and value.
    pub keys: Vec<usize>,
    /// Where the pair's weights `[queries, keys]` begin among those of all pairs.
    pub weights: usize,
}

/// Queries `[tokens, width]`, keys `[memory tokens, width]`, values `[memory tokens, value_width]`, and what a score weighs
/// the features with, `[width]`.
#[derive(Clone, Copy)]
pub struct Inputs<'a> {
    /// `[tokens, width]`.
    pub queries: &'a [f32],
    /// `[memory tokens, width]`.
    pub keys: &'a [f32],
    /// `[memory tokens, value_width]`.
    pub values: &'a [f32],
    /// `[width]`.
    pub weight: &'a [f32],
    /// Columns of the values and of the result.
    pub value_width: usize,
}

impl<'a> Inputs<'a> {
    fn query(&self, row: usize) -> &'a [f32] {
        &self.queries[row * self.weight.len()..][..self.weight.len()]
    }

    fn key(&self, row: usize) -> &'a [f32] {
        &self.keys[row * self.weight.len()..][..self.weight.len()]
    }

    fn value(&self, row: usize) -> &'a [f32] {
        &self.values[row * self.value_width..][..self.value_width]
    }
}

/// Writes the attention weights of all pairs to `weights` and the weighted sums of values to `out[tokens, value_width]`.
pub fn forward(pool: &Pool, inputs: Inputs, pairs: &[Pair], weights: &mut [f32], out: &mut [f32]) {
    let (weights, out) = (SharedMut::new(weights), SharedMut::new(out));
    pool.run(|worker| {
        for pair in &pairs[worker.share(pairs.len(), 1)] {
            let keys = pair.keys.len();
            for (number, &query) in pair.queries.iter().enumerate() {
                let at = pair.weights + number * keys;
                // SAFETY: a query's weights and result belong to its pair, and that to this worker alone.
                let (row, out) = unsafe {
                    (
                        weights.part(at..at + keys),
                        out.part(query * inputs.value_width..(query + 1) * inputs.value_width),
                    )
                };
                for (score, &key) in row.iter_mut().zip(&pair.keys) {
                    let (query, key) = (inputs.query(query), inputs.key(key));
                    *score = simd::dispatch(Score { query, key, weight: inputs.weight });
                }
                softmax(row);
                out.fill(0.0);
                for (p, &key) in row.iter().zip(&pair.keys) {
                    vectorized(
                        #[inline(always)]
                        || out.iter_mut().zip(inputs.value(key)).for_each(|(out, v)| *out += p * v),
                    );
                }
            }
        }
    });
}

/// `Σ weight ⊙ tanh(query + key)`.
struct Score<'a> {
    query: &'a [f32],
    key: &'a [f32],
    weight: &'a [f32],
}

impl SimdOp for Score<'_> {
    type Output = f32;

    #[inline(always)]
    fn eval<I: Isa>(self, isa: I) -> f32 {
        let Self { query, key, weight } = self;
        let ops = isa.f32();
        // Sixteen partial sums, whatever the processor's vectors: the same bits everywhere.
        let mut lanes = [0.0f32; 16];
        let mut products = [0.0f32; 16];
        for start in (0..weight.len()).step_by(16) {
            let end = (start + 16).min(weight.len());
            let (query, key, weight) = (&query[start..end], &key[start..end], &weight[start..end]);
            // SAFETY: all slices have this length at least.
            unsafe {
                for_each(
                    isa,
                    weight.len(),
                    #[inline(always)]
                    |at| {
                        let value = tanh(isa, ops.add(at.load(isa, query), at.load(isa, key)));
                        at.store(isa, ops.mul(value, at.load(isa, weight)), &mut products);
                    },
                );
            }
            lanes.iter_mut().zip(&products[..weight.len()]).for_each(|(sum, v)| *sum += v);
        }
        lanes.iter().sum()
    }
}

/// Gradients that [`backward`] adds to.
pub struct Gradients<'a> {
    /// `[tokens, width]`.
    pub queries: &'a mut [f32],
    /// `[memory tokens, width]`.
    pub keys: &'a mut [f32],
    /// `[memory tokens, value_width]`.
    pub values: &'a mut [f32],
    /// `[width]`.
    pub weight: &'a mut [f32],
}

/// The backward pass of [`forward`], from the gradient of its result and the weights that it left.
///
/// # Panics
///
/// If two pairs read the same keys: their gradients would meet.
pub fn backward(pool: &Pool, inputs: Inputs, pairs: &[Pair], weights: &[f32], dout: &[f32], d: Gradients) {
    let width = inputs.weight.len();
    let mut read: Vec<usize> = pairs.iter().filter_map(|pair| pair.keys.first().copied()).collect();
    read.sort_unstable();
    assert!(read.windows(2).all(|two| two[0] != two[1]), "two sequences read the same keys");
    let mut partial = vec![0.0; pairs.len() * width];
    let Gradients { queries, keys, values, weight } = d;
    let [queries, keys, values, sums] = [queries, keys, values, &mut partial].map(SharedMut::new);
    pool.run(|worker| {
        let mut slope = vec![0.0; width];
        for number in worker.share(pairs.len(), 1) {
            let pair = &pairs[number];
            // SAFETY, here and below: all rows of a pair belong to this worker alone, and so does its part of the sums.
            let dweight = unsafe { row(sums, number, width) };
            for (place, &query) in pair.queries.iter().enumerate() {
                let p = &weights[pair.weights + place * pair.keys.len()..][..pair.keys.len()];
                let dout = &dout[query * inputs.value_width..][..inputs.value_width];
                let dp: Vec<f32> = pair
                    .keys
                    .iter()
                    .map(|&key| dout.iter().zip(inputs.value(key)).map(|(d, v)| d * v).sum())
                    .collect();
                let mean: f32 = p.iter().zip(&dp).map(|(p, dp)| p * dp).sum();
                let dquery = unsafe { row(queries, query, width) };
                for ((&key, p), dp) in pair.keys.iter().zip(p).zip(dp) {
                    let dvalue = unsafe { row(values, key, inputs.value_width) };
                    dvalue.iter_mut().zip(dout).for_each(|(dv, d)| *dv += p * d);
                    let dscore = p * (dp - mean);
                    let features = inputs.query(query).iter().zip(inputs.key(key));
                    slope.iter_mut().zip(features).for_each(|(sum, (q, k))| *sum = q + k);
                    simd::dispatch(InPlace(&mut slope));
                    let dkey = unsafe { row(keys, key, width) };
                    for (i, tanh) in slope.iter().enumerate() {
                        let g = dscore * inputs.weight[i] * (1.0 - tanh * tanh);
                        dweight[i] += dscore * tanh;
                        dquery[i] += g;
                        dkey[i] += g;
                    }
                }
            }
        }
    });
    for part in partial.chunks_exact(width.max(1)) {
        weight.iter_mut().zip(part).for_each(|(sum, part)| *sum += part);
    }
}

/// One row of a shared matrix.
///
/// # Safety
///
/// No other worker may hold it.
#[allow(clippy::mut_from_ref)]
unsafe fn row<'a>(all: SharedMut<'a>, row: usize, width: usize) -> &'a mut [f32] {
    // SAFETY: as for this function.
    unsafe { all.part(row * width..(row + 1) * width) }
}

/// `tanh` of each value.
struct InPlace<'a>(&'a mut [f32]);

impl SimdOp for InPlace<'_> {
    type Output = ();

    #[inline(always)]
    fn eval<I: Isa>(self, isa: I) {
        let values = self.0;
        // SAFETY: one slice, its own length.
        unsafe {
            for_each(
                isa,
                values.len(),
                #[inline(always)]
                |at| at.store(isa, tanh(isa, at.load(isa, values)), values),
            );
        }
    }
}
