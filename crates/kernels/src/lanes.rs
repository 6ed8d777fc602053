//! Walking over slices a vector at a time, the last one masked, and sums in a fixed number of lanes.

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

/// Sums are made in so many lanes, whatever the processor's vectors: the same bits everywhere.
pub const LANES: usize = 16;

/// The sum of `f` of each of `xs`.
#[inline(always)]
pub fn sum(xs: &[f32], f: impl Fn(f32) -> f32) -> f32 {
    fold(xs, 0.0, |sum, x| sum + f(x)).into_iter().sum()
}

/// The sum of the products of `xs` and `ys`, which are as many.
#[inline(always)]
pub fn dot(xs: &[f32], ys: &[f32]) -> f32 {
    let ((xs, xs_rest), (ys, ys_rest)) = (xs.as_chunks::<LANES>(), ys.as_chunks::<LANES>());
    let mut sums = [0.0; LANES];
    for (xs, ys) in xs.iter().zip(ys) {
        sums.iter_mut().zip(xs.iter().zip(ys)).for_each(|(sum, (x, y))| *sum += x * y);
    }
    sums.iter_mut().zip(xs_rest.iter().zip(ys_rest)).for_each(|(sum, (x, y))| *sum += x * y);
    sums.into_iter().sum()
}

/// The greatest of `xs`.
#[inline(always)]
pub fn max(xs: &[f32]) -> f32 {
    fold(xs, f32::NEG_INFINITY, f32::max).into_iter().fold(f32::NEG_INFINITY, f32::max)
}

#[inline(always)]
fn fold(xs: &[f32], start: f32, f: impl Fn(f32, f32) -> f32) -> [f32; LANES] {
    let (whole, rest) = xs.as_chunks::<LANES>();
    let mut lanes = [start; LANES];
    for chunk in whole {
        lanes.iter_mut().zip(chunk).for_each(|(lane, x)| *lane = f(*lane, *x));
    }
    lanes.iter_mut().zip(rest).for_each(|(lane, x)| *lane = f(*lane, *x));
    lanes
}
