//! AVX2 with FMA. A panel of 16 columns is two vectors; bf16 is widened to f32 by a shift or a mask on the way, which costs
//! little beside the products and halves the memory to read.

use std::arch::asm;
use std::arch::x86_64::*;
use std::sync::atomic::{Ordering, compiler_fence};

use super::vector::{Block, Kernel, by_size};

/// Lines to fetch ahead in each panel: 2 KiB.
const AHEAD: usize = 32;

/// Most rows: 6 × 16 sums in 12 of the 16 registers, or fewer rows and more panels.
const MAX_ROWS: usize = 6;

/// Panels that keep several chains of sums going with so many rows.
fn panels(rows: usize, left: usize) -> usize {
    match rows {
        1 if left >= 4 => 4,
        2 if left >= 2 => 2,
        _ => 1,
    }
}

/// Calls a kernel for as many rows and panels.
macro_rules! call {
    ($kernel:ident, $block:expr, $rows:expr, $panels:expr) => {
        by_size!($kernel, $block, ($rows, $panels), (1, 1)(2, 1)(3, 1)(4, 1)(5, 1)(6, 1)(1, 2)(2, 2)(1, 4))
    };
}

/// Values in f32.
pub(super) struct Values;

impl Kernel for Values {
    const MAX_ROWS: usize = MAX_ROWS;
    const WORDS: usize = 1;

    fn panels(rows: usize, left: usize) -> usize {
        panels(rows, left)
    }

    unsafe fn run(block: &Block, rows: usize, at_once: usize) {
        // SAFETY: as for this function.
        unsafe { call!(values, block, rows, at_once) }
    }
}

/// Values rounded to bf16.
pub(super) struct Rounded;

impl Kernel for Rounded {
    const MAX_ROWS: usize = MAX_ROWS;
    const WORDS: usize = 2;

    fn panels(rows: usize, left: usize) -> usize {
        panels(rows, left)
    }

    unsafe fn run(block: &Block, rows: usize, at_once: usize) {
        // SAFETY: as for this function.
        unsafe { call!(rounded, block, rows, at_once) }
    }
}

/// One block of sums, held in registers.
///
/// # Safety
///
/// The processor has AVX2 and FMA; `block` points to `ROWS` rows and `PANELS` panels.
#[target_feature(enable = "avx2,fma")]
#[allow(clippy::needless_range_loop)]
unsafe fn values<const ROWS: usize, const PANELS: usize>(block: &Block) {
    // SAFETY: every access lies within the block; a prefetch may point anywhere.
    unsafe {
        let mut sums = load::<ROWS, PANELS>(block);
        let (row_stride, word_stride) = (block.row_stride, block.word_stride);
        let mut a: *const f32 = block.a.cast();
        for line in 0..block.lines {
            for p in 0..PANELS {
                let b = block.b.add(p * block.panel_lines + line);
                _mm_prefetch::<_MM_HINT_T0>(b.wrapping_add(AHEAD).cast());
                let b: *const f32 = b.cast();
                let b = [_mm256_load_ps(b), _mm256_load_ps(b.add(8))];
                for r in 0..ROWS {
                    let a = _mm256_broadcast_ss(&*a.add(r * row_stride));
                    for h in 0..2 {
                        sums[r][p][h] = _mm256_fmadd_ps(a, b[h], sums[r][p][h]);
                    }
                }
            }
            a = a.wrapping_add(word_stride);
        }
        store(block, &sums);
    }
}

/// One block of sums, held in registers.
///
/// # Safety
///
/// The processor has AVX2 and FMA; `block` points to `ROWS` rows and `PANELS` panels.
#[target_feature(enable = "avx2,fma")]
#[allow(clippy::needless_range_loop)]
unsafe fn rounded<const ROWS: usize, const PANELS: usize>(block: &Block) {
    let mut high_half = _mm256_set1_epi32(0xffff_0000_u32 as i32);
    // SAFETY: no instruction at all. The compiler, knowing the mask, would take a blend, which fewer ports can do.
    unsafe { asm!("/* {0} */", inout(ymm_reg) high_half, options(pure, nomem, nostack, preserves_flags)) };
    // SAFETY: every access lies within the block; a prefetch may point anywhere.
    unsafe {
        let mut sums = load::<ROWS, PANELS>(block);
        let (row_stride, word_stride) = (block.row_stride, block.word_stride);
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
                    let a = _mm256_broadcast_ss(&*a.add(r * row_stride));
                    for h in 0..2 {
                        sums[r][p][h] = _mm256_fmadd_ps(a, low[h], sums[r][p][h]);
                    }
                }
                if ROWS * PANELS > 4 {
                    compiler_fence(Ordering::SeqCst);
                }
                let high = [0, 1].map(|h| _mm256_castsi256_ps(_mm256_and_si256(load(h), high_half)));
                for r in 0..ROWS {
                    let a = _mm256_broadcast_ss(&*a.add(r * row_stride + word_stride));
                    for h in 0..2 {
                        sums[r][p][h] = _mm256_fmadd_ps(a, high[h], sums[r][p][h]);
                    }
                }
            }
            a = a.wrapping_add(2 * word_stride);
        }
        store(block, &sums);
    }
}

/// What the sums begin with.
///
/// # Safety
///
/// The processor has AVX2; `block.c` points to `ROWS` rows and `PANELS` panels.
#[inline]
#[target_feature(enable = "avx2")]
#[allow(clippy::needless_range_loop)]
unsafe fn load<const ROWS: usize, const PANELS: usize>(block: &Block) -> [[[__m256; 2]; PANELS]; ROWS] {
    let mut sums = [[[_mm256_setzero_ps(); 2]; PANELS]; ROWS];
    if block.load {
        for r in 0..ROWS {
            for p in 0..PANELS {
                for h in 0..2 {
                    // SAFETY: as for this function.
                    sums[r][p][h] = unsafe { _mm256_loadu_ps(block.c.add(r * block.ldc + p * 16 + h * 8)) };
                }
            }
        }
    }
    sums
}

/// Writes the sums to `block.c`.
///
/// # Safety
///
/// The processor has AVX2; `block.c` points to `ROWS` rows and `PANELS` panels.
#[inline]
#[target_feature(enable = "avx2")]
#[allow(clippy::needless_range_loop)]
unsafe fn store<const ROWS: usize, const PANELS: usize>(block: &Block, sums: &[[[__m256; 2]; PANELS]; ROWS]) {
    for r in 0..ROWS {
        for p in 0..PANELS {
            for h in 0..2 {
                // SAFETY: as for this function.
                unsafe { _mm256_storeu_ps(block.c.add(r * block.ldc + p * 16 + h * 8), sums[r][p][h]) };
            }
        }
    }
}
