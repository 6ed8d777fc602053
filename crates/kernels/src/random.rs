//! Random numbers by position: the number at an index does not depend on who computes it, or when.

use crate::pool::Pool;
use crate::shared::SharedMut;
use crate::simd::vectorized;

/// A stream of numbers that are a function of `seed` and index (SplitMix64, Steele, Lea, Flood 2014).
#[derive(Clone, Copy, Debug)]
pub struct Positional {
    seed: u64,
}

impl Positional {
    /// The stream of `seed`.
    pub fn new(seed: u64) -> Self {
        Self { seed: mix(seed ^ 0x6A09_E667_F3BC_C909) }
    }

    /// 64 random bits at `index`.
    #[inline]
    pub fn bits(&self, index: u64) -> u64 {
        mix(self.seed.wrapping_add(index.wrapping_mul(0x9E37_79B9_7F4A_7C15)))
    }

    /// 256 random bits at `index`, as words that are made side by side: of each stretch of indices 64 bits, and from these and
    /// the place in it a word (C. Wellons' `lowbias32`, with half of the bits in its middle).
    #[inline(always)]
    pub fn words(&self, index: u64) -> [u32; 8] {
        const STRETCH: u64 = 1 << 16;
        let key = self.bits(index / STRETCH);
        let (begin, middle) = (key as u32, (key >> 32) as u32);
        let first = (index % STRETCH) as u32 * 8;
        std::array::from_fn(|i| {
            let mut x = begin.wrapping_add(first + i as u32);
            x = (x ^ (x >> 16)).wrapping_mul(0x7FEB_352D) ^ middle;
            x = (x ^ (x >> 15)).wrapping_mul(0x846C_A68B);
            x ^ (x >> 16)
        })
    }

    /// A number in `[0, 1)` at `index`.
    #[inline]
    pub fn uniform(&self, index: u64) -> f32 {
        (self.bits(index) >> 40) as f32 / (1u64 << 24) as f32
    }
}

/// Normal numbers that an index gives.
pub const AT_ONCE: usize = 8;

/// Values that a thread takes at once: results do not depend on it.
const GRANULE: usize = 1 << 12;

/// Fills `values` with normal numbers of mean zero that follow from `seed` (Box, Muller 1958), the same whatever the number of
/// threads and the instruction set: only operations that are rounded exactly take part, none of them fused.
pub fn normal(pool: &Pool, seed: u64, values: &mut [f32], deviation: f32) {
    let (len, stream) = (values.len(), Positional::new(seed));
    let values = SharedMut::new(values);
    pool.run(|worker| {
        let own = worker.share(len, GRANULE);
        let start = (own.start / AT_ONCE) as u64;
        // SAFETY: these values belong to this worker alone.
        fill_normal(stream, start, unsafe { values.part(own) }, deviation);
    });
}

/// Fills `values` with the normal numbers of a stream from `index` on, [`AT_ONCE`] at each.
pub(crate) fn fill_normal(stream: Positional, index: u64, values: &mut [f32], deviation: f32) {
    vectorized(
        #[inline(always)]
        || {
            for (index, values) in (index..).zip(values.chunks_mut(AT_ONCE)) {
                let numbers = eight_normal(stream.words(index));
                values.iter_mut().zip(numbers).for_each(|(value, number)| *value = number * deviation);
            }
        },
    );
}

/// Eight normal numbers of eight words.
#[inline(always)]
fn eight_normal(words: [u32; 8]) -> [f32; 8] {
    let mut numbers = [0.0; 8];
    for i in 0..4 {
        // In (0, 1], so that the logarithm is finite.
        let uniform = (words[i] as f32 + 1.0) * (1.0 / 4_294_967_296.0);
        let radius = (-2.0 * ln(uniform)).sqrt();
        // An eighth of a turn to both sides, and which of four directions that is around.
        let word = words[i + 4];
        let angle = (word << 2) as i32 as f32 * (std::f32::consts::FRAC_PI_4 / 2_147_483_648.0);
        let (sin, cos) = sin_cos(angle);
        let cos = if word & (1 << 31) == 0 { cos } else { -cos };
        let (a, b) = if word & (1 << 30) == 0 { (cos, sin) } else { (sin, cos) };
        (numbers[i], numbers[i + 4]) = (radius * a, radius * b);
    }
    numbers
}

/// The natural logarithm of a normal number above zero, to 2 units of the last place (Moshier's Cephes, `logf`).
#[inline(always)]
fn ln(x: f32) -> f32 {
    const POLYNOMIAL: [f32; 9] = [
        7.037_683_6e-2,
        -1.151_461e-1,
        1.167_699_9e-1,
        -1.242_014_1e-1,
        1.424_932_3e-1,
        -1.666_805_8e-1,
        2.000_071_5e-1,
        -2.499_999_4e-1,
        3.333_333_1e-1,
    ];
    // The mantissa in [√½, √2), and the power of two in front of it.
    let shifted = x.to_bits().wrapping_sub(0x3F35_04F3);
    let power = (shifted as i32 >> 23) as f32;
    let x = f32::from_bits((shifted & 0x007F_FFFF) + 0x3F35_04F3) - 1.0;
    let square = x * x;
    let mut sum = 0.0;
    for coefficient in POLYNOMIAL {
        sum = sum * x + coefficient;
    }
    // `ln 2` as a sum of which the first part has zeros at its end.
    x + (sum * x * square + power * -2.121_944_4e-4 - 0.5 * square) + power * 0.693_359_4
}

/// Sine and cosine on `±π / 4` (Moshier's Cephes, `sinf`, `cosf`).
#[inline(always)]
fn sin_cos(x: f32) -> (f32, f32) {
    let z = x * x;
    let sin = ((-1.951_529_6e-4 * z + 8.332_161e-3) * z - 1.666_665_5e-1) * z * x + x;
    let cos = ((2.443_315_7e-5 * z - 1.388_731_6e-3) * z + 4.166_664_6e-2) * z * z - 0.5 * z + 1.0;
    (sin, cos)
}

#[inline]
fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uniform_numbers_fill_the_interval_evenly() {
        let stream = Positional::new(3);
        let mut counts = [0u32; 10];
        (0..100_000).for_each(|i| counts[(stream.uniform(i) * 10.0) as usize] += 1);
        assert!(counts.iter().all(|c| (9_600..10_400).contains(c)), "{counts:?}");
        assert_ne!(Positional::new(4).bits(0), stream.bits(0));
    }

    #[test]
    fn logarithms_sines_and_cosines_are_near_the_exact_ones() {
        for i in 1..200_000u32 {
            let x = i as f32 / 200_000.0;
            let (found, exact) = (f64::from(ln(x)), f64::from(x).ln());
            assert!((found - exact).abs() < 2e-7 * exact.abs().max(0.1), "ln({x}) is {exact}, not {found}");
            let angle = (x - 0.5) * std::f32::consts::FRAC_PI_2;
            let (sin, cos) = sin_cos(angle);
            let exact = f64::from(angle).sin_cos();
            assert!((f64::from(sin) - exact.0).abs() < 1e-7 && (f64::from(cos) - exact.1).abs() < 1e-7);
        }
        let least = 1.0 / 4_294_967_296.0f32;
        assert!((f64::from(ln(least)) - f64::from(least).ln()).abs() < 2e-6);
        assert_eq!(ln(1.0), 0.0);
    }

    #[test]
    fn normal_numbers_have_their_moments_whatever_the_number_of_threads() {
        let fill = |threads, len| {
            let mut values = vec![9.0; len];
            normal(&Pool::new(threads), 2, &mut values, 2.0);
            values
        };
        let values = fill(1, 1_000_003);
        assert!(values == fill(2, 1_000_003) && values == fill(3, 1_000_003));
        assert!(values[..77] == fill(1, 77));
        let moment = |power| values.iter().map(|&v| f64::from(v / 2.0).powi(power)).sum::<f64>() / 1e6;
        for (power, expected) in [(1, 0.0), (2, 1.0), (3, 0.0), (4, 3.0), (6, 15.0)] {
            let (found, near) = (moment(power), 0.004 * f64::from([0, 1, 1, 4, 4, 9, 40][power as usize]));
            assert!((found - expected).abs() < near, "moment {power} is {found}");
        }
        // Neighbours, and the two of a pair, know nothing of each other; nor do their squares.
        for distance in [1, 4, 8] {
            let pairs =
                values.iter().zip(&values[distance..]).map(|(a, b)| (f64::from(a / 2.0), f64::from(b / 2.0)));
            let (mut first, mut second) = (0.0, 0.0);
            pairs
                .for_each(|(a, b)| (first, second) = (first + a * b, second + (a * a - 1.0) * (b * b - 1.0)));
            assert!(
                (first / 1e6).abs() < 0.005 && (second / 1e6).abs() < 0.01,
                "{distance}: {first} {second}"
            );
        }
        let beyond = values.iter().filter(|value| value.abs() > 6.0).count();
        assert!((2_400..3_000).contains(&beyond), "{beyond} of a million beyond three deviations");
    }
}
