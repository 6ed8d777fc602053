//! Products in bf16 with f32 accumulation.
//!
//! The right-hand matrix, most often weights that serve many products, is packed once into a [`PackedBf16`]; the
//! left-hand one is rounded and packed block by block inside [`multiply`].
//!
//! One layout serves all back ends, since it is the one that tiles and dot products of pairs ask for: *panels* of 16
//! columns, and in a panel one line of 64 bytes for each pair of rows of the matrix, `(b[2l][j], b[2l + 1][j])` in the low and
//! high half of word `j`. The ends are filled with zeros, to a multiple of four panels and of 32 rows.
//!
//! Each element of the product is one chain of additions over `k` in ascending order, begun at zero, or at `c` where
//! the product is accumulated. How a caller divides rows or columns among threads therefore never changes a bit. The
//! back ends differ among themselves in their last bits (fused or not, sums of pairs), as the instructions do.

mod pack;
mod portable;

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "x86_64")]
mod rows;
#[cfg(target_arch = "x86_64")]
mod vector;

#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
mod tiles;

use crate::{Isa, Matrix};

/// Columns of a panel: the words of a [`Line`], the lanes of an AVX-512 register, the columns of a tile.
const PANEL: usize = 16;

/// Lines of a tile, that is half its 32 rows of the right-hand matrix; panels are padded to a multiple of it.
const TILE_LINES: usize = 16;

/// The number of panels is padded to a multiple of this, so that tiles can take as many at once.
const PANEL_GROUP: usize = 4;

/// Two successive rows of a panel, element by element in pairs: one cache line.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
struct Line([u32; PANEL]);

impl Line {
    const ZERO: Line = Line([0; PANEL]);
}

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
fn pair(low: f32, high: f32) -> u32 {
    to_bf16(low) as u32 | (to_bf16(high) as u32) << 16
}

/// A right-hand matrix \[k, n\] in bf16, laid out for one instruction set.
#[derive(Clone, Debug)]
pub struct PackedBf16 {
    k: usize,
    n: usize,
    isa: Isa,
    lines: Vec<Line>,
}

impl Default for PackedBf16 {
    /// An empty matrix, 0 × 0.
    fn default() -> Self {
        Self { k: 0, n: 0, isa: Isa::Portable, lines: Vec::new() }
    }
}

impl PackedBf16 {
    /// Rounds and packs `b` for the instruction set in use; the former content is replaced, its memory used again.
    pub fn pack(&mut self, b: Matrix<'_>) {
        self.pack_for(Isa::current(), b);
    }

    /// [`PackedBf16::pack`] for a given instruction set, whose back end [`multiply`] will then take.
    ///
    /// # Panics
    ///
    /// If the processor does not have it.
    pub fn pack_for(&mut self, isa: Isa, b: Matrix<'_>) {
        let detected = Isa::detected();
        assert!(isa <= detected, "packing for {}, on a processor with {}", isa.name(), detected.name());
        // SAFETY: checked above.
        unsafe { self.pack_for_unchecked(isa, b) }
    }

    /// [`PackedBf16::pack_for`] without the check, for a processor whose missing instructions are emulated.
    ///
    /// # Safety
    ///
    /// [`multiply`] with this matrix will execute instructions of `isa`: something must carry them out.
    pub unsafe fn pack_for_unchecked(&mut self, isa: Isa, b: Matrix<'_>) {
        (self.k, self.n, self.isa) = (b.rows(), b.cols(), isa);
        let panel_lines = self.panel_lines();
        self.lines.resize(self.panels().next_multiple_of(PANEL_GROUP) * panel_lines, Line::ZERO);
        pack::panels(b, &mut self.lines, panel_lines);
    }

    /// Number of rows: the length of the sums.
    pub fn k(&self) -> usize {
        self.k
    }

    /// Number of columns.
    pub fn n(&self) -> usize {
        self.n
    }

    /// The instruction set that products with this matrix use.
    pub fn isa(&self) -> Isa {
        self.isa
    }

    /// Number of panels.
    fn panels(&self) -> usize {
        self.n.div_ceil(PANEL)
    }

    /// Lines of one panel, padding included.
    fn panel_lines(&self) -> usize {
        self.k.div_ceil(2).next_multiple_of(TILE_LINES)
    }

    /// One panel's lines, those of padding left out.
    fn panel(&self, panel: usize) -> &[Line] {
        &self.lines[panel * self.panel_lines()..][..self.k.div_ceil(2)]
    }
}

/// Memory for the packed left-hand matrix, kept from product to product.
#[derive(Clone, Debug, Default)]
pub struct Scratch {
    lines: Vec<Line>,
}

impl Scratch {
    /// So many lines, with whatever they held before.
    fn lines(&mut self, len: usize) -> &mut [Line] {
        if self.lines.len() < len {
            self.lines.resize(len, Line::ZERO);
        }
        &mut self.lines[..len]
    }

    /// At least `len` words, with whatever they held before.
    fn words(&mut self, len: usize) -> &mut [u32] {
        let lines = self.lines(len.div_ceil(PANEL));
        // SAFETY: a `Line` is an array of `PANEL` words without padding.
        unsafe { std::slice::from_raw_parts_mut(lines.as_mut_ptr().cast(), lines.len() * PANEL) }
    }
}

/// Matrix product `c = a · b`, or `c += a · b` when `accumulate`.
///
/// `a` is \[m, k\] with any strides and is rounded to bf16; `c` is \[m, n\] with element `(i, j)` at `i * ldc + j`, and
/// nothing between its rows is touched.
///
/// # Panics
///
/// If the inner sizes differ, if `ldc < n`, or if `c` is too short for m rows.
pub fn multiply(
    a: Matrix<'_>,
    b: &PackedBf16,
    c: &mut [f32],
    ldc: usize,
    accumulate: bool,
    scratch: &mut Scratch,
) {
    let (m, k, n) = (a.rows(), b.k, b.n);
    assert_eq!(a.cols(), k, "product of {m} x {} and {k} x {n} matrices", a.cols());
    assert!(ldc >= n, "rows of {n} values at a distance of {ldc}");
    if m == 0 || n == 0 {
        return;
    }
    assert!(c.len() >= (m - 1) * ldc + n, "{m} x {n} product into {} values, rows {ldc} apart", c.len());
    if k == 0 {
        if !accumulate {
            c.chunks_mut(ldc).take(m).for_each(|row| row[..n].fill(0.0));
        }
        return;
    }
    match b.isa {
        // SAFETY: that the processor has the instructions was checked, or vouched for, when `b` was packed; the
        // sizes were checked above.
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 => unsafe { vector::multiply::<avx2::Fma>(a, b, c, ldc, accumulate, scratch) },
        // SAFETY: likewise.
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 if is_x86_feature_detected!("avx512bf16") => unsafe {
            vector::multiply::<avx512::Dot>(a, b, c, ldc, accumulate, scratch)
        },
        // SAFETY: likewise.
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 => unsafe { vector::multiply::<avx512::Fma>(a, b, c, ldc, accumulate, scratch) },
        // SAFETY: likewise.
        #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
        Isa::Amx => unsafe { tiles::multiply(a, b, c, ldc, accumulate, scratch) },
        _ => portable::multiply(a, b, c, ldc, accumulate, scratch),
    }
}
