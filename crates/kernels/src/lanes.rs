//! Walking over slices a vector at a time, the last one masked.

use rten_simd::ops::BitOps;
use rten_simd::{Isa, Simd};

/// Where a vector lies in a slice: its first element, and a mask where the slice ends within the vector.
#[derive(Clone, Copy)]
pub struct Lanes<I: Isa> {
    start: usize,
    mask: Option<<I::F32 as Simd>::Mask>,
}

impl<I: Isa> Lanes<I> {
    /// The vector of `xs` here; lanes beyond the slice are zero.
    #[inline(always)]
    pub fn load(self, isa: I, xs: &[f32]) -> I::F32 {
        debug_assert!(self.start < xs.len());
        // SAFETY: `for_each` was given the common length of the slices.
        unsafe {
            let at = xs.as_ptr().add(self.start);
            match self.mask {
                None => isa.f32().load_ptr(at),
                Some(mask) => isa.f32().load_ptr_mask(at, mask),
            }
        }
    }

    /// Writes `value` to `xs` here.
    #[inline(always)]
    pub fn store(self, isa: I, value: I::F32, xs: &mut [f32]) {
        debug_assert!(self.start < xs.len());
        // SAFETY: as in `load`.
        unsafe {
            let at = xs.as_mut_ptr().add(self.start);
            match self.mask {
                None => isa.f32().store_ptr(value, at),
                Some(mask) => isa.f32().store_ptr_mask(value, at, mask),
            }
        }
    }
}

/// Calls `f` for each vector of slices that are at least `len` long.
///
/// # Safety
///
/// Every slice that `f` loads from or stores to has at least `len` values.
#[inline(always)]
pub unsafe fn for_each<I: Isa>(isa: I, len: usize, mut f: impl FnMut(Lanes<I>)) {
    let ops = isa.f32();
    let width = ops.len();
    let mut start = 0;
    while start + width <= len {
        f(Lanes { start, mask: None });
        start += width;
    }
    if start < len {
        let mask = ops.first_n_mask(len - start);

        f(Lanes { start, mask: Some(mask) });
    }
}
