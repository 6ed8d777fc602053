//! Whole numbers of 8 bits: by `vpdpbusd` where the processor has it for whole registers, else by plain loops.

use super::vector::{Block, Kernel};
use crate::matmul::PANEL;
use crate::matmul::bytes::OFFSET;

/// Plain loops, which the compiler makes vectors of.
pub(super) struct Plain;

impl Kernel for Plain {
    const MAX_ROWS: usize = 1;
    const WORDS: usize = 1;
    const WHOLE: bool = true;

    unsafe fn run(block: &Block, _: usize, _: usize) {
        // SAFETY: as for this function.
        crate::simd::vectorized(|| unsafe { plain(block) });
    }
}

/// One row and one panel.
///
/// # Safety
///
/// As for [`Kernel::run`].
#[inline(always)]
unsafe fn plain(block: &Block) {
    // SAFETY: every access lies within the block, or in the lines and the word behind it.
    unsafe {
        let mut sums = [0_i32; PANEL];
        for line in 0..block.lines {
            let left = (*block.a.add(line)).to_le_bytes().map(|value| i32::from(value) - OFFSET);
            for (sum, word) in sums.iter_mut().zip((*block.b.add(line)).0) {
                let right = word.to_le_bytes().map(|value| i32::from(value as i8));
                let product =
                    left[0] * right[0] + left[1] * right[1] + left[2] * right[2] + left[3] * right[3];
                *sum = sum.wrapping_add(product);
            }
        }
        let left = f32::from_bits(*block.a.add(block.lines));
        let c = &mut *block.c.cast::<[f32; PANEL]>();
        for ((c, sum), scale) in c.iter_mut().zip(sums).zip((*block.b.add(block.lines)).0) {
            let value = sum as f32 * (f32::from_bits(scale) * left);
            *c = if block.load { *c + value } else { value };
        }
    }
}

#[cfg(target_arch = "x86_64")]
pub(super) use with_vectors::{Vectors, available};

#[cfg(target_arch = "x86_64")]
mod with_vectors {
    use std::arch::x86_64::*;

    use super::super::vector::{Block, Kernel, by_size};
    use crate::Isa;

    /// Whether the processor multiplies bytes in whole registers, and that is not forbidden.
    #[inline]
    pub fn available() -> bool {
        Isa::current() >= Isa::Avx512 && is_x86_feature_detected!("avx512vnni")
    }

    /// Lines to fetch ahead in each panel.
    const AHEAD: usize = 32;

    /// `vpdpbusd` on AVX-512.
    pub struct Vectors;

    impl Kernel for Vectors {
        const MAX_ROWS: usize = 8;
        const WORDS: usize = 1;
        const WHOLE: bool = true;

        fn panels(rows: usize, left: usize) -> usize {
            match (rows, left) {
                (1, 8..) => 8,
                (1 | 2, 4..) => 4,
                (_, 2..) => 2,
                _ => 1,
            }
        }

        unsafe fn run(block: &Block, rows: usize, at_once: usize) {
            // SAFETY: as for this function.
            unsafe {
                by_size!(
                    bytes,
                    block,
                    (rows, at_once),
                    (1, 1)(2, 1)(3, 1)(4, 1)(5, 1)(6, 1)(7, 1)(8, 1)(1, 2)(2, 2)(3, 2)(4, 2)(5, 2)(6, 2)(
                        7, 2
                    )(8, 2)(1, 4)(2, 4)(1, 8)
                )
            }
        }
    }

    /// One block of sums, held in registers.
    ///
    /// # Safety
    ///
    /// The processor has the features; `block` points to `ROWS` rows and `PANELS` panels.
    #[target_feature(enable = "avx512f,avx512vnni")]
    #[allow(clippy::needless_range_loop)]
    unsafe fn bytes<const ROWS: usize, const PANELS: usize>(block: &Block) {
        // SAFETY: every access lies within the block, or in the lines and words behind it; a prefetch may point anywhere.
        unsafe {
            let mut sums = [[_mm512_setzero_si512(); PANELS]; ROWS];
            for line in 0..block.lines {
                let mut lines = [_mm512_setzero_si512(); PANELS];
                for p in 0..PANELS {
                    let b = block.b.add(p * block.panel_lines + line);
                    _mm_prefetch::<_MM_HINT_T0>(b.wrapping_add(AHEAD).cast());
                    lines[p] = _mm512_load_si512(b.cast());
                }
                for r in 0..ROWS {
                    let a = _mm512_set1_epi32(*block.a.add(r * block.row_stride + line) as i32);
                    for p in 0..PANELS {
                        sums[r][p] = _mm512_dpbusd_epi32(sums[r][p], a, lines[p]);
                    }
                }
            }
            for r in 0..ROWS {
                let left = f32::from_bits(*block.a.add(r * block.row_stride + block.lines));
                for p in 0..PANELS {
                    let behind = block.b.add(p * block.panel_lines + block.lines);
                    let offsets = _mm512_load_si512(behind.add(1).cast());
                    let scales = _mm512_mul_ps(_mm512_load_ps(behind.cast()), _mm512_set1_ps(left));
                    let sums = _mm512_cvtepi32_ps(_mm512_sub_epi32(sums[r][p], offsets));
                    let c = block.c.add(r * block.ldc + p * 16);
                    let values = _mm512_mul_ps(sums, scales);
                    let values = if block.load { _mm512_add_ps(_mm512_loadu_ps(c), values) } else { values };
                    _mm512_storeu_ps(c, values);
                }
            }
        }
    }
}
