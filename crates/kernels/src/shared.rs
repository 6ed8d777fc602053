//! A mutable slice of which the workers of a pool each write their own part.

use std::marker::PhantomData;
use std::ops::Range;

use crate::prefetch::prefetch;

/// A mutable slice that several workers hold at once.
///
/// Rust cannot see that their parts do not overlap, so taking a part is unsafe; everything above this crate is safe.
pub struct SharedMut<'a, T = f32> {
    data: *mut T,
    len: usize,
    lifetime: PhantomData<&'a mut [T]>,
}

impl<T> Clone for SharedMut<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for SharedMut<'_, T> {}

// SAFETY: access is through the unsafe methods alone, whose callers keep parts apart.
unsafe impl<T: Send> Send for SharedMut<'_, T> {}
// SAFETY: as above.
unsafe impl<T: Send> Sync for SharedMut<'_, T> {}

impl<'a, T> SharedMut<'a, T> {
    /// Shares `data` for as long as it is borrowed.
    pub fn new(data: &'a mut [T]) -> Self {
        Self { data: data.as_mut_ptr(), len: data.len(), lifetime: PhantomData }
    }

    /// The part `range` for writing.
    ///
    /// # Safety
    ///
    /// While the result lives no other worker may hold any of these values.
    #[allow(clippy::mut_from_ref)]
    #[inline]
    pub unsafe fn part(&self, range: Range<usize>) -> &'a mut [T] {
        assert!(range.start <= range.end && range.end <= self.len);
        // SAFETY: within the slice that `new` borrowed; exclusive by the caller's promise.
        unsafe { std::slice::from_raw_parts_mut(self.data.add(range.start), range.len()) }
    }

    /// The part `range` for reading.
    ///
    /// # Safety
    ///
    /// While the result lives no worker may write any of these values.
    #[inline]
    pub unsafe fn read(&self, range: Range<usize>) -> &'a [T] {
        assert!(range.start <= range.end && range.end <= self.len);
        // SAFETY: within the slice that `new` borrowed; not written by the caller's promise.
        unsafe { std::slice::from_raw_parts(self.data.add(range.start), range.len()) }
    }
}

impl SharedMut<'_> {
    /// Begins to fetch `len` values from `start` on.
    #[inline]
    pub fn fetch(&self, start: usize, len: usize) {
        prefetch(self.data.wrapping_add(start).cast_const(), len);
    }
}
