//! The plain version, for processors without vectors: what the others are checked against.

use super::vector::{Block, Kernel};
use crate::matmul::PANEL;
use crate::matmul::bf16::from_bf16;

/// Values in f32.
pub(super) struct Values;

impl Kernel for Values {
    const MAX_ROWS: usize = 1;
    const WORDS: usize = 1;

    unsafe fn run(block: &Block, _: usize, _: usize) {
        // SAFETY: as for this function.
        unsafe {
            run(block, |sum, [value]: [u32; 1], word| sum + f32::from_bits(value) * f32::from_bits(word))
        }
    }
}

/// Values rounded to bf16.
pub(super) struct Rounded;

impl Kernel for Rounded {
    const MAX_ROWS: usize = 1;
    const WORDS: usize = 2;

    unsafe fn run(block: &Block, _: usize, _: usize) {
        // SAFETY: as for this function.
        unsafe {
            run(block, |sum, [low, high], word| {
                let sum = sum + f32::from_bits(low) * from_bf16(word as u16);
                sum + f32::from_bits(high) * from_bf16((word >> 16) as u16)
            });
        }
    }
}

/// One row and one panel; `add` adds to a sum what the row's words and a word of the panel give.
///
/// # Safety
///
/// As for [`Kernel::run`].
#[inline(always)]
unsafe fn run<const WORDS: usize>(block: &Block, add: impl Fn(f32, [u32; WORDS], u32) -> f32) {
    // SAFETY: every access lies within the block.
    unsafe {
        let c = &mut *block.c.cast::<[f32; PANEL]>();
        let mut sums = if block.load { *c } else { [0.0; PANEL] };
        for line in 0..block.lines {
            let words = std::array::from_fn(|i| *block.a.add((line * WORDS + i) * block.word_stride));
            let line = &(*block.b.add(line)).0;
            sums.iter_mut().zip(line).for_each(|(sum, &word)| *sum = add(*sum, words, word));
        }
        *c = sums;
    }
}
