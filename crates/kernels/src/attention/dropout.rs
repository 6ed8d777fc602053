//! Dropout of weights, whose masks are computed where they are needed and never kept.

use rten_simd::{Isa, SimdOp};

use super::Attention;
use crate::random::Positional;
use crate::simd;

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

    /// The factors of successive keys from `first` on.
    pub(super) fn factors(&self, token: usize, head: usize, first: usize, factors: &mut [f32]) {
        let row = self.stream.bits((token * self.heads + head) as u64);
        simd::dispatch(Factors { row, first, threshold: self.threshold, keep: self.keep, factors });
    }
}

struct Factors<'a> {
    row: u64,
    first: usize,
    threshold: u32,
    keep: f32,
    factors: &'a mut [f32],
}

impl SimdOp for Factors<'_> {
    type Output = ();

    /// A plain loop, which the compiler turns into vectors of the processor here.
    #[inline(always)]
    fn eval<I: Isa>(self, _: I) {
        let Self { row, first, threshold, keep, factors } = self;
        for (i, factor) in factors.iter_mut().enumerate() {
            *factor = if mix(row, (first + i) as u32) < threshold { 0.0 } else { keep };
        }
    }
}

/// 32 random bits for a key: C. Wellons' `lowbias32`, which vectors of 32 bits can compute, with half of the row's
/// random bits before its first round and half before its second.
#[inline(always)]
fn mix(row: u64, key: u32) -> u32 {
    let mut x = key.wrapping_add(row as u32);
    x ^= x >> 16;
    x = x.wrapping_mul(0x7FEB_352D);
    x ^= x >> 15;
    x ^= (row >> 32) as u32;
    x = x.wrapping_mul(0x846C_A68B);
    x ^ (x >> 16)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attention::Similarity;

    #[test]
    fn each_row_drops_its_share_and_no_two_alike() {
        let attention = Attention {
            heads: 3,
            kv_heads: 3,
            head_size: 1,
            similarity: Similarity::ScaledDotProduct,
            causal: false,
            window: None,
            alibi: false,
            dropout: 0.3,
        };
        let masks = |seed| -> Vec<Vec<f32>> {
            let dropout = Dropout::new(&attention, seed).unwrap();
            let row = |i: usize| {
                let mut factors = vec![9.0; 1000];
                dropout.factors(i / 3, i % 3, 0, &mut factors);
                factors
            };
            (0..60).map(row).collect()
        };
        let rows = masks(1);
        for (i, row) in rows.iter().enumerate() {
            let dropped = row.iter().filter(|factor| **factor == 0.0).count();
            assert!((240..360).contains(&dropped), "{dropped} of row {i}");
            assert!(row.iter().all(|factor| *factor == 0.0 || *factor == 1.0 / 0.7));
            for other in &rows[..i] {
                // Independent rows agree in 0.58 of the places.
                let same = row.iter().zip(other).filter(|(a, b)| a == b).count();
                assert!((500..660).contains(&same), "{same}");
            }
        }
        let all = rows.iter().flatten().filter(|factor| **factor == 0.0).count() as f32;
        assert!((all / 60_000.0 - 0.3).abs() < 0.01);
        assert_ne!(masks(2), rows);
        let part = Dropout::new(&attention, 1).unwrap();
        assert!((0..1000).all(|key| part.factor(5, 1, key) == rows[16][key]));
    }
}
