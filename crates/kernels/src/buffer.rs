//! The memory of values: it begins at a cache line, and where it is much the system is asked for large pages.
//!
//! A vector that is loaded or stored across two lines takes twice as long, and a tile sixteen times two lines. Weights and
//! activations of some MiB need a page table's entry for each 4 KiB, more than a processor remembers.

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::fmt;
use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;

/// Words of a cache line.
pub(crate) const LINE: usize = 16;

/// Bytes of a large page of most systems.
const LARGE_PAGE: usize = 2 << 20;

/// The words of a cache line.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
pub(crate) struct Line(pub [u32; LINE]);

impl Line {
    pub const ZERO: Line = Line([0; LINE]);
}

/// Cache lines, zeros at first.
pub(crate) struct Lines {
    first: NonNull<Line>,
    len: usize,
}

impl Lines {
    fn zeros(len: usize) -> Self {
        if len == 0 {
            return Self { first: NonNull::dangling(), len };
        }
        let layout = Self::layout(len);
        // SAFETY: there are bytes to allocate; all of them are written before anything reads them.
        unsafe {
            let Some(first) = NonNull::new(alloc(layout).cast::<Line>()) else { handle_alloc_error(layout) };
            ask_for_large_pages(first.as_ptr().cast(), layout.size());
            first.write_bytes(0, len);
            Self { first, len }
        }
    }

    fn layout(len: usize) -> Layout {
        let bytes = len.saturating_mul(size_of::<Line>());
        let align = if bytes >= LARGE_PAGE { LARGE_PAGE } else { align_of::<Line>() };
        Layout::from_size_align(bytes, align).expect("less than half of what can be addressed")
    }

    /// Makes room for at least so many; those that there are stay.
    pub fn grow(&mut self, len: usize) {
        if self.len < len {
            let mut grown = Self::zeros(len);
            grown[..self.len].copy_from_slice(self);
            *self = grown;
        }
    }
}

impl Drop for Lines {
    fn drop(&mut self) {
        if self.len > 0 {
            // SAFETY: allocated with this layout.
            unsafe { dealloc(self.first.as_ptr().cast(), Self::layout(self.len)) };
        }
    }
}

// SAFETY: it owns its lines, which are plain numbers.
unsafe impl Send for Lines {}
// SAFETY: likewise.
unsafe impl Sync for Lines {}

impl Default for Lines {
    fn default() -> Self {
        Self::zeros(0)
    }
}

impl Clone for Lines {
    fn clone(&self) -> Self {
        let mut lines = Self::zeros(self.len);
        lines.copy_from_slice(self);
        lines
    }
}

impl fmt::Debug for Lines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} lines", self.len)
    }
}

impl Deref for Lines {
    type Target = [Line];

    fn deref(&self) -> &[Line] {
        // SAFETY: so many lines were allocated and written.
        unsafe { std::slice::from_raw_parts(self.first.as_ptr(), self.len) }
    }
}

impl DerefMut for Lines {
    fn deref_mut(&mut self) -> &mut [Line] {
        // SAFETY: as above; they are this owner's.
        unsafe { std::slice::from_raw_parts_mut(self.first.as_ptr(), self.len) }
    }
}

/// Values whose first begins a cache line. Memory is kept when fewer are wanted.
#[derive(Clone, Default)]
pub struct Buffer {
    lines: Lines,
    len: usize,
}

impl Buffer {
    /// So many zeros.
    pub fn zeros(len: usize) -> Self {
        Self { lines: Lines::zeros(len.div_ceil(LINE)), len }
    }

    /// Makes it `len` values long. What there was stays as far as it goes; nothing is known of the rest.
    pub fn fit(&mut self, len: usize) -> &mut [f32] {
        self.reserve(len);
        self.len = len;
        self
    }

    /// Makes it `len` zeros.
    pub fn fit_zeros(&mut self, len: usize) -> &mut [f32] {
        let values = self.fit(len);
        values.fill(0.0);
        values
    }

    /// Makes room for at least so many values in all.
    pub fn reserve(&mut self, capacity: usize) {
        self.lines.grow(capacity.div_ceil(LINE));
    }

    /// Values that it can hold without other memory.
    pub fn capacity(&self) -> usize {
        self.lines.len() * LINE
    }
}

impl Deref for Buffer {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        // SAFETY: the lines hold at least as many words, which are values.
        unsafe { std::slice::from_raw_parts(self.lines.first.as_ptr().cast(), self.len) }
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [f32] {
        // SAFETY: as above; they are this owner's.
        unsafe { std::slice::from_raw_parts_mut(self.lines.first.as_ptr().cast(), self.len) }
    }
}

impl From<&[f32]> for Buffer {
    fn from(values: &[f32]) -> Self {
        let mut buffer = Self::zeros(values.len());
        buffer.copy_from_slice(values);
        buffer
    }
}

impl PartialEq for Buffer {
    fn eq(&self, other: &Self) -> bool {
        self[..] == other[..]
    }
}

impl fmt::Debug for Buffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self[..].fmt(f)
    }
}

/// Asks that memory be given in large pages, as far as it fills such.
#[cfg(target_os = "linux")]
fn ask_for_large_pages(first: *mut u8, bytes: usize) {
    if bytes >= LARGE_PAGE {
        // SAFETY: advice on memory that was just allocated; whether it is followed changes nothing else.
        unsafe { libc::madvise(first.cast(), bytes / LARGE_PAGE * LARGE_PAGE, libc::MADV_HUGEPAGE) };
    }
}

#[cfg(not(target_os = "linux"))]
fn ask_for_large_pages(_: *mut u8, _: usize) {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_buffer_begins_at_a_cache_line() {
        let mut kept = Vec::new();
        for len in [1, 2, 15, 16, 17, 1_000, 65_537, 3_000_001] {
            let mut buffer = Buffer::zeros(len);
            assert!(buffer.len() == len && buffer.iter().all(|&value| value == 0.0));
            buffer.fill(len as f32);
            let large = size_of_val(&buffer[..]) >= LARGE_PAGE;
            let align = if large { LARGE_PAGE } else { 64 };
            assert!(buffer.as_ptr().addr().is_multiple_of(align), "{len}");
            kept.push(buffer);
        }
        for buffer in &kept {
            assert!(buffer.iter().all(|&value| value == buffer.len() as f32));
            assert_eq!(buffer.clone(), *buffer);
        }
    }

    #[test]
    fn a_buffer_keeps_its_values_and_its_memory() {
        let mut buffer = Buffer::default();
        assert!(buffer.is_empty() && buffer.clone().is_empty());
        buffer.fit_zeros(5).copy_from_slice(&[1.0, 2.0, 3.0, 4.0, 5.0]);
        assert_eq!(buffer.fit(2_000)[..5], [1.0, 2.0, 3.0, 4.0, 5.0]);
        let (at, capacity) = (buffer.as_ptr(), buffer.capacity());
        assert_eq!(*buffer.fit(2), [1.0, 2.0]);
        assert_eq!((buffer.fit(capacity).as_ptr(), buffer.capacity()), (at, capacity));
        assert_eq!(Buffer::from(&[7.0, 8.0][..])[..], [7.0, 8.0]);
    }
}
