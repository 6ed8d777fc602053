//! Rounding to bf16 and back.

/// `x` rounded to the nearest bf16, ties to even, as its bits. A NaN stays one and is made quiet.
#[inline]
pub fn to_bf16(x: f32) -> u16 {
    let bits = x.to_bits();
    let rounded = bits.wrapping_add(0x7fff + ((bits >> 16) & 1)) >> 16;
    let quiet = (bits >> 16) | 0x40;
    (if x.is_nan() { quiet } else { rounded }) as u16
}

/// The value of the bf16 with these bits; exact.
#[inline]
pub fn from_bf16(bits: u16) -> f32 {
    f32::from_bits((bits as u32) << 16)
}

/// `x` rounded to the nearest value that bf16 can hold.
#[inline]
pub fn round(x: f32) -> f32 {
    from_bf16(to_bf16(x))
}

/// Two values rounded to bf16, the first in the low half.
#[inline(always)]
pub(super) fn pair(low: f32, high: f32) -> u32 {
    to_bf16(low) as u32 | (to_bf16(high) as u32) << 16
}
