//! Rotary position embedding (Su et al. 2021): each pair of values of a query or key is rotated by an angle that grows with its
//! position, so that the product of two depends on their distance alone.

use crate::pool::Pool;
use crate::shared::SharedMut;
use crate::simd::vectorized;

/// The angles of each row of a batch.
#[derive(Clone, Debug, PartialEq)]
pub struct Rotary {
    half: usize,
    /// For each row its place in the table.
    places: Vec<u32>,
    /// `[places, 2, half]`: cosines, then sines.
    table: Vec<f32>,
}

impl Rotary {
    /// Angles `position * base^(-2 i / head_size)` for pair `i` of a head, for a batch whose rows stand at `positions`.
    ///
    /// # Panics
    ///
    /// If `head_size` is odd.
    pub fn new(head_size: usize, base: f32, positions: &[usize]) -> Self {
        assert!(head_size.is_multiple_of(2), "a head of {head_size} values has no pairs");
        let half = head_size / 2;
        let first = positions.iter().copied().min().unwrap_or(0);
        let count = positions.iter().copied().max().map_or(0, |last| last - first + 1);
        let mut table = vec![0.0; count * 2 * half];
        // In f64: a large position times a small frequency.
        let frequencies: Vec<f64> =
            (0..half).map(|i| f64::from(base).powf(-2.0 * i as f64 / head_size as f64)).collect();
        for (place, row) in table.chunks_exact_mut((2 * half).max(1)).enumerate() {
            let (cosines, sines) = row.split_at_mut(half);
            for ((cos, sin), frequency) in cosines.iter_mut().zip(sines).zip(&frequencies) {
                let (s, c) = ((first + place) as f64 * frequency).sin_cos();
                (*cos, *sin) = (c as f32, s as f32);
            }
        }
        Self { half, places: positions.iter().map(|p| (p - first) as u32).collect(), table }
    }

    /// Rows of the batch.
    pub fn rows(&self) -> usize {
        self.places.len()
    }

    /// Values of a head.
    pub fn head_size(&self) -> usize {
        2 * self.half
    }

    /// Rotates the first `heads` heads of each row of `values[rows, width]`, or rotates them `back`: the backward pass, for
    /// gradients. The pairs of a head are its values `i` and `i + head_size / 2`.
    pub fn rotate(&self, pool: &Pool, heads: usize, width: usize, values: &mut [f32], back: bool) {
        assert_eq!(values.len(), self.rows() * width);
        assert!(heads * 2 * self.half <= width);
        let values = SharedMut::new(values);
        let sign = if back { -1.0 } else { 1.0 };
        pool.run(|worker| {
            for row in worker.share(self.rows(), 1) {
                let angles = &self.table[self.places[row] as usize * 2 * self.half..][..2 * self.half];
                let (cosines, sines) = angles.split_at(self.half);
                // SAFETY: this row belongs to this worker alone.
                let row = unsafe { values.part(row * width..row * width + heads * 2 * self.half) };
                vectorized(
                    #[inline(always)]
                    || {
                        for head in row.chunks_exact_mut(2 * self.half) {
                            let (a, b) = head.split_at_mut(self.half);
                            for (((a, b), cos), sin) in a.iter_mut().zip(b).zip(cosines).zip(sines) {
                                let sin = sin * sign;
                                (*a, *b) = (*a * cos - *b * sin, *b * cos + *a * sin);
                            }
                        }
                    },
                );
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_depend_on_the_distance_alone_and_rotating_back_undoes_it() {
        let (heads, size) = (2, 6);
        let width = heads * size + 3;
        let pool = Pool::new(2);
        let row: Vec<f32> = (0..width).map(|i| (i as f32 * 1.7).sin()).collect();
        let products: Vec<f32> = [0, 5, 1000]
            .iter()
            .map(|shift| {
                let rotary = Rotary::new(size, 10_000.0, &[*shift, shift + 3]);
                let mut values = row.repeat(2);
                rotary.rotate(&pool, heads, width, &mut values, false);
                let (a, b) = values.split_at(width);
                let product = a[..size].iter().zip(&b[..size]).map(|(a, b)| a * b).sum();
                assert_eq!(a[heads * size..], row[heads * size..], "what is not a head stays");
                rotary.rotate(&pool, heads, width, &mut values, true);
                let farthest = values.iter().zip(row.iter().cycle()).map(|(a, b)| (a - b).abs());
                assert!(farthest.fold(0.0, f32::max) < 1e-6);
                product
            })
            .collect();
        assert!((products[0] - products[1]).abs() < 1e-5 && (products[0] - products[2]).abs() < 1e-4);
        let unrotated: f32 = row[..size].iter().map(|v| v * v).sum();
        assert!((products[0] - unrotated).abs() > 0.01, "the distance must show");
    }
}
