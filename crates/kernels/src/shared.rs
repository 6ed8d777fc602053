//! A mutable slice of which the workers of a pool each write their own part.

use std::marker::PhantomData;
use std::ops::Range;

use crate::prefetch::prefetch;

/// A `&mut [f32]` that several workers hold at once.
///
/// Rust cannot see that their parts do not overlap, so taking a part is unsafe; everything above this crate is safe.
#[derive(Clone, Copy)]
pub struct SharedMut<'a> {
    data: *mut f32,
    len: usize,
    lifetime: PhantomData<&'a mut [f32]>,
}

// SAFETY: access is through the unsafe methods alone, whose callers keep parts apart.
unsafe impl Send for SharedMut<'_> {}
// SAFETY: as above.
unsafe impl Sync for SharedMut<'_> {}

impl<'a> SharedMut<'a> {
    /// Shares `data` for as long as it is borrowed.
    pub fn new(data: &'a mut [f32]) -> Self {
        Self { data: data.as_mut_ptr(), len: data.len(), lifetime: PhantomData }
    }

    /// The part `range` for writing.
    ///
    /// # Safety
    ///
    /// While the result lives no other worker may hold any of these values.
    #[allow(clippy::mut_from_ref)]
    #[inline]
    pub unsafe fn part(&self, range: Range<usize>) -> &'a mut [f32] {
        assert!(range.start <= range.end && range.end <= self.len);
        // SAFETY: within the slice that `new` borrowed; exclusive by the caller's promise.
        unsafe { std::slice::from_raw_parts_mut(self.data.add(range.start), range.len()) }
    }

    /// Begins to fetch `len` values from `start` on.
    #[inline]
    pub fn fetch(&self, start: usize, len: usize) {
        prefetch(self.data.wrapping_add(start).cast_const(), len);
    }

    /// The part `range` for reading.
    ///
    /// # Safety
    ///
    /// While the result lives no worker may write any of these values.
    #[inline]
    pub unsafe fn read(&self, range: Range<usize>) -> &'a [f32] {
        assert!(range.start <= range.end && range.end <= self.len);
        // SAFETY: within the slice that `new` borrowed; not written by the caller's promise.
        unsafe { std::slice::from_raw_parts(self.data.add(range.start), range.len()) }
    }
}
