//! AVX-512: values in f32; pairs of bf16 where the processor has `avx512bf16`, else widened and multiplied as with AVX2.

use std::arch::x86_64::*;

use super::vector::{Block, Kernel, by_size};

/// Lines to fetch ahead in each panel: 2 KiB.
const AHEAD: usize = 32;

/// Most rows of a block: 8 × 48 sums in 24 of the 32 registers, or fewer rows and more panels.
const MAX_ROWS: usize = 8;

/// Panels that keep at least eight chains of sums going with so many rows.
fn panels(rows: usize, left: usize) -> usize {
    let wanted = match rows {
        1 => 8,
        2 => 4,
        _ => 3,
    };
    match left {
        // 4 are better as 2 + 2 than as 3 + 1.
        4 if wanted == 3 => 2,
        _ if left >= wanted => wanted,
        _ if left >= 2 => 2,
        _ => 1,
    }
}

/// Calls a kernel for as many rows and panels.
macro_rules! call {
    ($kernel:ident, $block:expr, $rows:expr, $panels:expr) => {
        by_size!(
            $kernel,
            $block,
            ($rows, $panels),
            (1, 1)(2, 1)(3, 1)(4, 1)(5, 1)(6, 1)(7, 1)(8, 1)(1, 2)(2, 2)(3, 2)(4, 2)(5, 2)(6, 2)(7, 2)(8, 2)(
                1, 3
            )(2, 3)(3, 3)(4, 3)(5, 3)(6, 3)(7, 3)(8, 3)(1, 4)(2, 4)(1, 8)
        )
    };
}

/// Defines a kernel, and the function that computes a block of sums in registers with it.
macro_rules! kernel {
    (
        $(#[$doc:meta])* $name:ident, $function:ident, $features:literal, $words:literal,
        |$sum:ident, $a:ident, $line:ident| $step:expr
    ) => {
        $(#[$doc])*
        pub(super) struct $name;

        impl Kernel for $name {
            const MAX_ROWS: usize = MAX_ROWS;
            const WORDS: usize = $words;

            fn panels(rows: usize, left: usize) -> usize {
                panels(rows, left)
            }

            unsafe fn run(block: &Block, rows: usize, at_once: usize) {
                // SAFETY: as for this function.
                unsafe { call!($function, block, rows, at_once) }
            }
        }

        /// One block of sums, held in registers.
        ///
        /// # Safety
        ///
        /// The processor has the features; `block` points to `ROWS` rows and `PANELS` panels.
        #[target_feature(enable = $features)]
        #[allow(clippy::needless_range_loop)]
        unsafe fn $function<const ROWS: usize, const PANELS: usize>(block: &Block) {
            // SAFETY: every access lies within the block; a prefetch may point anywhere.
            unsafe {
                let mut sums = load::<ROWS, PANELS>(block);
                let (row_stride, word_stride) = (block.row_stride, block.word_stride);
                let mut a = block.a;
                let mut b = block.b;
                for _ in 0..block.lines {
                    let mut lines = [_mm512_setzero_si512(); PANELS];
                    for p in 0..PANELS {
                        let b = b.add(p * block.panel_lines);
                        _mm_prefetch::<_MM_HINT_T0>(b.wrapping_add(AHEAD).cast());
                        lines[p] = _mm512_load_si512(b.cast());
                    }
                    for r in 0..ROWS {
                        let $a = |word: usize| *a.add(r * row_stride + word * word_stride) as i32;
                        for p in 0..PANELS {
                            let ($sum, $line) = (sums[r][p], lines[p]);
                            sums[r][p] = $step;
                        }
                    }
                    a = a.wrapping_add($words * word_stride);
                    b = b.wrapping_add(1);
                }
                store(block, &sums);
            }
        }
    };
}

kernel!(
    /// Values in f32.
    Values, values, "avx512f", 1,
    |sum, a, line| {
        _mm512_fmadd_ps(_mm512_castsi512_ps(_mm512_set1_epi32(a(0))), _mm512_castsi512_ps(line), sum)
    }
);

kernel!(
    /// `vdpbf16ps`, for processors with `avx512bf16`. It takes numbers too small to be normal as zero.
    Pairs, pairs, "avx512f,avx512bf16", 1,
    |sum, a, line| {
        // 512 bits are 512 bits.
        let [a, line] = [_mm512_set1_epi32(a(0)), line].map(|x| std::mem::transmute::<__m512i, __m512bh>(x));
        _mm512_dpbf16_ps(sum, a, line)
    }
);

kernel!(
    /// Widening to f32 and FMA, for processors without.
    Rounded, rounded, "avx512f", 2,
    |sum, a, line| {
        let low = _mm512_castsi512_ps(_mm512_slli_epi32::<16>(line));
        let high = _mm512_castsi512_ps(_mm512_and_si512(line, _mm512_set1_epi32(0xffff_0000_u32 as i32)));
        let sum = _mm512_fmadd_ps(_mm512_castsi512_ps(_mm512_set1_epi32(a(0))), low, sum);
        _mm512_fmadd_ps(_mm512_castsi512_ps(_mm512_set1_epi32(a(1))), high, sum)
    }
);

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
