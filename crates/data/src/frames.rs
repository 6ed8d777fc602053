//! Sequences of frames: vectors of numbers, one a step.

/// Frames laid behind each other.
#[derive(Debug, Clone, PartialEq)]
pub struct Frames {
    /// Numbers in a frame.
    pub width: usize,
    /// The numbers, `[frames, width]`.
    pub values: Vec<f32>,
}

impl Frames {
    /// Number of frames.
    pub fn len(&self) -> usize {
        self.values.len() / self.width
    }

    /// Whether there is no frame.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// One frame, `[width]`.
    pub fn frame(&self, index: usize) -> &[f32] {
        &self.values[index * self.width..][..self.width]
    }
}
