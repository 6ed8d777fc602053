//! Products of matrices, single-threaded: `c = a · b` with `b` packed once for many products.
//!
//! Every element of `c` is summed over `k` in an order that depends on `k` alone, so that cutting a product by rows or by
//! columns, over any number of threads, gives the same bits.

pub mod bf16;
pub mod f32;
pub mod linear;
mod once;
pub(crate) mod transpose;

use self::bf16::PackedBf16;
use self::f32::PackedF32;
pub(crate) use self::once::{Once, with_once};
use crate::{Isa, Matrix};

/// The number format of the factors of a product; sums are always f32.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Precision {
    /// 32-bit floats.
    F32,
    /// Factors rounded to bfloat16.
    Bf16,
}

impl Precision {
    /// The faster precision of this processor: bf16 where it has AMX, f32 elsewhere.
    pub fn auto() -> Self {
        if Isa::current() == Isa::Amx { Self::Bf16 } else { Self::F32 }
    }

    /// `f32` or `bf16`.
    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::Bf16 => "bf16",
        }
    }
}

/// A right-hand matrix `[k, n]`, packed for products.
pub enum Packed {
    /// In f32.
    F32(PackedF32),
    /// Rounded to bf16.
    Bf16(PackedBf16),
}

impl Packed {
    /// An empty matrix of the given precision, to be filled by [`Packed::pack`].
    pub fn new(precision: Precision) -> Self {
        match precision {
            Precision::F32 => Self::F32(PackedF32::default()),
            Precision::Bf16 => Self::Bf16(PackedBf16::default()),
        }
    }

    /// Packs `b`, using the memory of what was packed before.
    pub fn pack(&mut self, b: Matrix) {
        match self {
            Self::F32(packed) => packed.pack(b),
            Self::Bf16(packed) => packed.pack(b),
        }
    }

    /// Rows: the length of the sums.
    pub fn k(&self) -> usize {
        match self {
            Self::F32(packed) => packed.k(),
            Self::Bf16(packed) => packed.k(),
        }
    }

    /// Columns.
    pub fn n(&self) -> usize {
        match self {
            Self::F32(packed) => packed.n(),
            Self::Bf16(packed) => packed.n(),
        }
    }
}

/// Buffers that products use again and again, one a thread.
#[derive(Default)]
pub struct Scratch {
    bf16: bf16::Scratch,
    once: PackedBf16,
    narrow: PackedF32,
    rows: Vec<f32>,
}

/// `c[m, n] = a[m, k] · b[k, n]`, or `c += …` where `accumulate`; rows of `c` lie `ldc` values apart, and nothing between
/// them is touched.
pub fn multiply(a: Matrix, b: &Packed, c: &mut [f32], ldc: usize, accumulate: bool, scratch: &mut Scratch) {
    match b {
        Packed::F32(b) => f32::multiply(a, b, c, ldc, accumulate),
        Packed::Bf16(b) => bf16::multiply(a, b, c, ldc, accumulate, &mut scratch.bf16),
    }
}
