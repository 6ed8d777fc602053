//! AVX2 with FMA: bf16 is widened to f32 by a shift or a mask on the way, which costs little beside the products and
//! halves the memory to read.

use std::arch::asm;
use std::arch::x86_64::*;
use std::sync::atomic::{Ordering, compiler_fence};

use super::rows::Form;
use super::vector::{Block, Kernel};

/// Lines to fetch ahead in each panel: 2 KiB.
const AHEAD: usize = 32;

/// 6 × 16 sums in 12 of the 16 registers, or fewer rows and more panels.
pub(super) struct Fma;

impl Kernel for Fma {
    const MAX_ROWS: usize = 6;
    const FORM: Form = Form::Single;

    fn panels(rows: usize) -> usize {
        match rows {
            1 => 4,
            2 => 2,
            _ => 1,
        }
    }

    unsafe fn run(block: &Block, rows: usize, panels: usize) {
        // SAFETY: as for this function.
        unsafe {
            match (rows, panels) {
                (1, 4) => fma::<1, 4>(block),
                (2, 2) => fma::<2, 2>(block),
                (1, 1) => fma::<1, 1>(block),
                (2, 1) => fma::<2, 1>(block),
                (3, 1) => fma::<3, 1>(block),
                (4, 1) => fma::<4, 1>(block),
                (5, 1) => fma::<5, 1>(block),
                (6, 1) => fma::<6, 1>(block),
                _ => unreachable!("block of {rows} rows and {panels} panels"),
            }
        }
    }
}

/// One block of sums, held in registers.
///
/// # Safety
///
/// The processor has AVX2 and FMA; `block` points to `ROWS` rows and `PANELS` panels.
#[target_feature(enable = "avx2,fma")]
#[allow(clippy::needless_range_loop)]
unsafe fn fma<const ROWS: usize, const PANELS: usize>(block: &Block) {
    let mut sums = [[[_mm256_setzero_ps(); 2]; PANELS]; ROWS];
    let mut high_half = _mm256_set1_epi32(0xffff_0000_u32 as i32);
    // SAFETY: no instruction at all. The compiler, knowing the mask, would take a blend, which fewer ports can do.
    unsafe { asm!("/* {0} */", inout(ymm_reg) high_half, options(pure, nomem, nostack, preserves_flags)) };
    // SAFETY: every access lies within the block; a prefetch may point anywhere.
    unsafe {
        let c = |r: usize, p: usize, h: usize| block.c.add(r * block.ldc + p * 16 + h * 8);
        if block.load {
            for r in 0..ROWS {
                for p in 0..PANELS {
                    sums[r][p] = [_mm256_loadu_ps(c(r, p, 0)), _mm256_loadu_ps(c(r, p, 1))];
                }
            }
        }
        let mut a: *const f32 = block.a.cast();
        let (lines, b, panel_lines) = (block.lines, block.b, block.panel_lines);
        for line in 0..lines {
            for p in 0..PANELS {
                let b = b.add(p * panel_lines + line);
                _mm_prefetch::<_MM_HINT_T0>(b.wrapping_add(AHEAD).cast());
                let b: *const __m256i = b.cast();
                let load = |h: usize| _mm256_load_si256(b.add(h));

                // Twelve sums leave four registers. Past a fence the compiler loads lines and rows again, from the
                // level 1 cache, where it would otherwise keep them and put sums on the stack.
                if ROWS * PANELS > 4 {
                    compiler_fence(Ordering::SeqCst);
                }
                let low = [0, 1].map(|h| _mm256_castsi256_ps(_mm256_slli_epi32::<16>(load(h))));
                for r in 0..ROWS {
                    let a = _mm256_broadcast_ss(&*a.add(r));
                    for h in 0..2 {
                        sums[r][p][h] = _mm256_fmadd_ps(a, low[h], sums[r][p][h]);
                    }
                }
                if ROWS * PANELS > 4 {
                    compiler_fence(Ordering::SeqCst);
                }
                let high = [0, 1].map(|h| _mm256_castsi256_ps(_mm256_and_si256(load(h), high_half)));
                for r in 0..ROWS {
                    let a = _mm256_broadcast_ss(&*a.add(ROWS + r));
                    for h in 0..2 {
                        sums[r][p][h] = _mm256_fmadd_ps(a, high[h], sums[r][p][h]);
                    }
                }
            }
            a = a.add(2 * ROWS);
        }
        for r in 0..ROWS {
            for p in 0..PANELS {
                _mm256_storeu_ps(c(r, p, 0), sums[r][p][0]);
                _mm256_storeu_ps(c(r, p, 1), sums[r][p][1]);
            }
        }
    }
}
