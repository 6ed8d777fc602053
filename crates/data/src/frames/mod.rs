//! Sequences of frames: vectors of numbers, one a step, and how a sound or a picture becomes one.

mod picture;
mod sound;

pub use picture::{Changed, PictureFrames, PictureSteps};
pub use sound::{SoundFrames, SoundReader, SoundSteps};

/// Frames laid behind each other.
#[derive(Debug, Clone, PartialEq)]
pub struct Frames {
    /// Numbers in a frame.
    pub width: usize,
    /// The numbers, `[frames, width]`.
    pub values: Vec<f32>,
}

impl Frames {
    /// A row of numbers as frames of so many; the last one is filled with the row's last number.
    ///
    /// # Panics
    /// Where `width` is 0.
    pub fn of_row(mut values: Vec<f32>, width: usize) -> Self {
        let last = values.last().copied().unwrap_or(0.0);
        values.resize(values.len().next_multiple_of(width), last);
        Self { width, values }
    }

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_frame_of_a_row_is_filled() {
        let frames = Frames::of_row(vec![1.0, 2.0, 3.0], 2);
        assert_eq!((frames.len(), frames.frame(1)), (2, &[3.0, 3.0][..]));
        assert!(Frames::of_row(Vec::new(), 2).is_empty());
    }
}
