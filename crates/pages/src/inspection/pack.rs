//! Arrays as they travel in a page: bytes in base64, small ones exact, large ones in eight or sixteen bits between the least and the
//! greatest number of each plane, deflated.

use std::io::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::ZlibEncoder;
use serde::Serialize;

/// Numbers in an array that is kept exact, at most.
const EXACT: usize = 8_192;

/// How many bits a number of a large array has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bits {
    /// For what is looked at.
    Eight,
    /// For what is calculated with.
    Sixteen,
}

/// An array, packed.
#[derive(Clone, Debug, Serialize)]
pub struct Packed {
    /// The length of each dimension, slowest first.
    pub shape: Vec<usize>,
    /// Bits of a number: 32 for floats, 16 or 8 for steps from the least to the greatest of its plane.
    bits: u8,
    /// The least and the greatest number of each plane of the last two dimensions; none of exact arrays.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    ranges: Vec<[f32; 2]>,
    /// The numbers in base64, little-endian; deflated where not exact. The greatest step stands for what is no number.
    data: String,
}

impl Packed {
    /// Packs an array, `values` row-major.
    pub fn new(shape: &[usize], values: &[f32], bits: Bits) -> Self {
        let shape = shape.to_vec();
        if values.len() <= EXACT {
            let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
            return Self { shape, bits: 32, ranges: Vec::new(), data: STANDARD.encode(bytes) };
        }
        let plane = shape.iter().rev().take(2).product::<usize>().max(1);
        let mut ranges = Vec::with_capacity(values.len() / plane);
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
        for values in values.chunks(plane) {
            let finite = values.iter().copied().filter(|value| value.is_finite());
            let low = finite.clone().reduce(f32::min).unwrap_or(0.0);
            let high = finite.reduce(f32::max).unwrap_or(0.0);
            ranges.push([low, high]);
            let steps = if bits == Bits::Eight { 254.0 } else { 65_534.0 };
            let scale = if high > low { steps / (f64::from(high) - f64::from(low)) } else { 0.0 };
            let bytes: Vec<u8> = match bits {
                Bits::Eight => values.iter().map(|&value| step(value, low, scale, 255.0) as u8).collect(),
                Bits::Sixteen => values
                    .iter()
                    .flat_map(|&value| (step(value, low, scale, 65_535.0) as u16).to_le_bytes())
                    .collect(),
            };
            encoder.write_all(&bytes).expect("memory takes all");
        }
        let bytes = encoder.finish().expect("memory takes all");
        let bits = if bits == Bits::Eight { 8 } else { 16 };
        Self { shape, bits, ranges, data: STANDARD.encode(bytes) }
    }

    /// How many bytes of the page it takes.
    pub fn size(&self) -> usize {
        self.data.len()
    }
}

/// The number of a value's step above the least; `none` for what is no number.
fn step(value: f32, low: f32, scale: f64, none: f64) -> f64 {
    if value.is_finite() { ((f64::from(value) - f64::from(low)) * scale).round() } else { none }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use flate2::read::ZlibDecoder;

    use super::*;

    fn bytes(packed: &Packed) -> Vec<u8> {
        let bytes = STANDARD.decode(&packed.data).expect("base64");
        let mut all = Vec::new();
        ZlibDecoder::new(&bytes[..]).read_to_end(&mut all).expect("deflated");
        all
    }

    #[test]
    fn small_arrays_are_exact() {
        let values = [0.1, -3.25e-20, f32::NAN];
        let packed = Packed::new(&[3], &values, Bits::Eight);
        let bytes = STANDARD.decode(&packed.data).expect("base64");
        let read: Vec<f32> = bytes.as_chunks().0.iter().map(|&four| f32::from_le_bytes(four)).collect();
        assert_eq!(read[..2], values[..2]);
        assert!(read[2].is_nan());
    }

    #[test]
    fn large_arrays_are_steps_between_the_ends_of_their_plane() {
        // Two planes, one around a hundred, one small; the first number is none.
        let mut values: Vec<f32> = (0..20_000).map(|k| (k as f32 * 0.37).sin()).collect();
        values[..10_000].iter_mut().for_each(|value| *value += 100.0);
        values[0] = f32::NAN;
        for (bits, most, none) in [(Bits::Eight, 254.0, 255), (Bits::Sixteen, 65_534.0, 65_535)] {
            let packed = Packed::new(&[2, 100, 100], &values, bits);
            let bytes = bytes(&packed);
            let steps: Vec<u16> = match bits {
                Bits::Eight => bytes.iter().map(|&byte| byte.into()).collect(),
                Bits::Sixteen => bytes.as_chunks().0.iter().map(|&two| u16::from_le_bytes(two)).collect(),
            };
            assert_eq!(steps[0], none);
            for (k, &value) in values.iter().enumerate().skip(1) {
                let [low, high] = packed.ranges[k / 10_000];
                let read = low + f32::from(steps[k]) / most * (high - low);
                assert!((read - value).abs() <= (high - low) / most * 0.51 + 1e-5, "{k}: {read} {value}");
            }
        }
    }
}
