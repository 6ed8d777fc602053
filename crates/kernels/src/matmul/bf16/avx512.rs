//! AVX-512: dot products of pairs where the processor has `avx512bf16`, else widening and FMA as with AVX2.

use std::arch::x86_64::*;

use super::rows::Form;
use super::vector::{Block, Kernel};

/// Lines to fetch ahead in each panel: 2 KiB.
const AHEAD: usize = 32;

/// Most rows of a block: 8 × 32 sums in 16 of the 32 registers, or fewer rows and more panels.
const MAX_ROWS: usize = 8;

/// Panels that keep at least eight chains of sums going with so many rows.
fn panels(rows: usize) -> usize {
    match rows {
        1 => 8,
        2 | 3 => 4,
        _ => 2,
    }
}

/// Calls a kernel for as many rows and panels.
macro_rules! call {
    ($kernel:ident, $block:expr, $rows:expr, $panels:expr) => {
        match ($rows, $panels) {
            (1, 8) => $kernel::<1, 8>($block),
            (2, 4) => $kernel::<2, 4>($block),
            (3, 4) => $kernel::<3, 4>($block),
            (4, 2) => $kernel::<4, 2>($block),
            (5, 2) => $kernel::<5, 2>($block),
            (6, 2) => $kernel::<6, 2>($block),
            (7, 2) => $kernel::<7, 2>($block),
            (8, 2) => $kernel::<8, 2>($block),
            (1, 1) => $kernel::<1, 1>($block),
            (2, 1) => $kernel::<2, 1>($block),
            (3, 1) => $kernel::<3, 1>($block),
            (4, 1) => $kernel::<4, 1>($block),
            (5, 1) => $kernel::<5, 1>($block),
            (6, 1) => $kernel::<6, 1>($block),
            (7, 1) => $kernel::<7, 1>($block),
            (8, 1) => $kernel::<8, 1>($block),
            (rows, panels) => unreachable!("block of {rows} rows and {panels} panels"),
        }
    };
}

/// `vdpbf16ps`, for processors with `avx512bf16`. It takes numbers too small to be normal as zero.
pub(super) struct Dot;

impl Kernel for Dot {
    const MAX_ROWS: usize = MAX_ROWS;
    const FORM: Form = Form::Pair;

    fn panels(rows: usize) -> usize {
        panels(rows)
    }

    unsafe fn run(block: &Block, rows: usize, panels: usize) {
        // SAFETY: as for this function.
        unsafe { call!(dot, block, rows, panels) }
    }
}

/// Widening to f32 and FMA, for processors without.
pub(super) struct Fma;

impl Kernel for Fma {
    const MAX_ROWS: usize = MAX_ROWS;
    const FORM: Form = Form::Single;

    fn panels(rows: usize) -> usize {
        panels(rows)
    }

    unsafe fn run(block: &Block, rows: usize, panels: usize) {
        // SAFETY: as for this function.
        unsafe { call!(fma, block, rows, panels) }
    }
}

/// One block of sums, held in registers.
///
/// # Safety
///
/// The processor has AVX-512 F and BF16; `block` points to `ROWS` rows and `PANELS` panels.
#[target_feature(enable = "avx512f,avx512bf16")]
unsafe fn dot<const ROWS: usize, const PANELS: usize>(block: &Block) {
    // SAFETY: every access lies within the block; a prefetch may point anywhere. 512 bits are 512 bits.
    unsafe {
        let mut sums = load::<ROWS, PANELS>(block);
        let mut a = block.a;
        for line in 0..block.lines {
            for p in 0..PANELS {
                let b = block.b.add(p * block.panel_lines + line);
                _mm_prefetch::<_MM_HINT_T0>(b.wrapping_add(AHEAD).cast());
                let pairs: __m512bh = std::mem::transmute(_mm512_load_si512(b.cast()));
                for (r, sums) in sums.iter_mut().enumerate() {
                    let a: __m512bh = std::mem::transmute(_mm512_set1_epi32(*a.add(r) as i32));
                    sums[p] = _mm512_dpbf16_ps(sums[p], a, pairs);
                }
            }
            a = a.add(ROWS);
        }
        store(block, &sums);
    }
}

/// One block of sums, held in registers.
///
/// # Safety
///
/// The processor has AVX-512 F; `block` points to `ROWS` rows and `PANELS` panels.
#[target_feature(enable = "avx512f")]
unsafe fn fma<const ROWS: usize, const PANELS: usize>(block: &Block) {
    let high_half = _mm512_set1_epi32(0xffff_0000_u32 as i32);
    // SAFETY: every access lies within the block; a prefetch may point anywhere.
    unsafe {
        let mut sums = load::<ROWS, PANELS>(block);
        let mut a: *const f32 = block.a.cast();
        for line in 0..block.lines {
            for p in 0..PANELS {
                let b = block.b.add(p * block.panel_lines + line);
                _mm_prefetch::<_MM_HINT_T0>(b.wrapping_add(AHEAD).cast());
                let pairs = _mm512_load_si512(b.cast());
                let low = _mm512_castsi512_ps(_mm512_slli_epi32::<16>(pairs));
                let high = _mm512_castsi512_ps(_mm512_and_si512(pairs, high_half));
                for (r, sums) in sums.iter_mut().enumerate() {
                    sums[p] = _mm512_fmadd_ps(_mm512_set1_ps(*a.add(r)), low, sums[p]);
                    sums[p] = _mm512_fmadd_ps(_mm512_set1_ps(*a.add(ROWS + r)), high, sums[p]);
                }
            }
            a = a.add(2 * ROWS);
        }
        store(block, &sums);
    }
}

/// What the sums begin with.
///
/// # Safety
///
/// The processor has AVX-512 F; `block.c` points to `ROWS` rows and `PANELS` panels.
#[inline]
#[target_feature(enable = "avx512f")]
unsafe fn load<const ROWS: usize, const PANELS: usize>(block: &Block) -> [[__m512; PANELS]; ROWS] {
    let mut sums = [[_mm512_setzero_ps(); PANELS]; ROWS];
    if block.load {
        for (r, sums) in sums.iter_mut().enumerate() {
            for (p, sum) in sums.iter_mut().enumerate() {
                // SAFETY: as for this function.
                *sum = unsafe { _mm512_loadu_ps(block.c.add(r * block.ldc + p * 16)) };
            }
        }
    }
    sums
}

/// Writes the sums to `block.c`.
///
/// # Safety
///
/// The processor has AVX-512 F; `block.c` points to `ROWS` rows and `PANELS` panels.
#[inline]
#[target_feature(enable = "avx512f")]
unsafe fn store<const ROWS: usize, const PANELS: usize>(block: &Block, sums: &[[__m512; PANELS]; ROWS]) {
    for (r, sums) in sums.iter().enumerate() {
        for (p, &sum) in sums.iter().enumerate() {
            // SAFETY: as for this function.
            unsafe { _mm512_storeu_ps(block.c.add(r * block.ldc + p * 16), sum) };
        }
    }
}
