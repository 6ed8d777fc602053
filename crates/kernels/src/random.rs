//! Random numbers by position: the number at an index does not depend on who computes it, or when.

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
}
