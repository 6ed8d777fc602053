//! Sequences of tokens or frames, and several of them packed into a batch.

use crate::Frames;

/// What a model reads of one example.
#[derive(Debug, Clone, PartialEq)]
pub enum Sequence {
    /// Tokens.
    Tokens(Vec<u32>),
    /// Vectors.
    Frames(Frames),
}

impl Sequence {
    /// Number of steps.
    pub fn len(&self) -> usize {
        match self {
            Self::Tokens(ids) => ids.len(),
            Self::Frames(frames) => frames.len(),
        }
    }

    /// Whether there is no step.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// The steps of several sequences, time by time: first that of each sequence which begins, then the second of each that has
/// one. Sequences stand longest first (PyTorch's `PackedSequence`).
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Packed {
    /// `[units]`, where steps are tokens.
    pub ids: Vec<u32>,
    /// `[units, width]`, where they are frames.
    pub values: Vec<f32>,
    /// Sequences that have a step `t`, `[steps]`; it never rises.
    pub batch_sizes: Vec<usize>,
    /// How the tokens are written, where a model reads that too.
    pub spelling: Option<Spelling>,
    /// What the outputs of each sequence are added to, `[sequences, outputs]`; empty where there is nothing.
    pub offsets: Vec<f32>,
}

/// Tokens are the characters of words.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Spelling {
    /// The characters of each different word of a batch, packed, longest first.
    pub characters: Box<Packed>,
    /// For each unit of the batch, which of these words it is.
    pub word_of: Vec<u32>,
}

impl Packed {
    /// Packs sequences that stand longest first.
    ///
    /// # Panics
    /// Where they do not.
    pub fn new<'a>(sequences: impl IntoIterator<Item = &'a Sequence>) -> Self {
        let sequences: Vec<&Sequence> = sequences.into_iter().collect();
        let batch_sizes = batch_sizes(sequences.iter().map(|sequence| sequence.len()));
        let mut packed = Self { batch_sizes, ..Self::default() };
        for (t, &rows) in packed.batch_sizes.iter().enumerate() {
            for sequence in &sequences[..rows] {
                match sequence {
                    Sequence::Tokens(ids) => packed.ids.push(ids[t]),
                    Sequence::Frames(frames) => packed.values.extend_from_slice(frames.frame(t)),
                }
            }
        }
        packed
    }

    /// Number of sequences.
    pub fn rows(&self) -> usize {
        self.batch_sizes.first().copied().unwrap_or(0)
    }

    /// Number of steps of all sequences together.
    pub fn units(&self) -> usize {
        self.batch_sizes.iter().sum()
    }
}

/// How many sequences have each step, from their lengths, longest first.
///
/// # Panics
/// Where they are not.
pub fn batch_sizes(lengths: impl IntoIterator<Item = usize>) -> Vec<usize> {
    let lengths: Vec<usize> = lengths.into_iter().collect();
    assert!(lengths.is_sorted_by(|a, b| a >= b), "sequences of {lengths:?} steps do not stand longest first");
    let steps = lengths.first().copied().unwrap_or(0);
    let mut rows = lengths.len();
    (0..steps)
        .map(|t| {
            while lengths[rows - 1] <= t {
                rows -= 1;
            }
            rows
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_lie_time_by_time() {
        let sequences =
            [Sequence::Tokens(vec![1, 2, 3]), Sequence::Tokens(vec![4, 5]), Sequence::Tokens(vec![6])];
        let packed = Packed::new(&sequences);
        assert_eq!(packed.ids, [1, 4, 6, 2, 5, 3]);
        assert_eq!(packed.batch_sizes, [3, 2, 1]);
        assert_eq!((packed.rows(), packed.units()), (3, 6));
        let frames = |values: &[f32]| Sequence::Frames(Frames { width: 2, values: values.to_vec() });
        let packed = Packed::new(&[frames(&[1.0, 2.0, 3.0, 4.0]), frames(&[5.0, 6.0])]);
        assert_eq!(packed.values, [1.0, 2.0, 5.0, 6.0, 3.0, 4.0]);
        assert_eq!(Packed::new(&[]), Packed::default());
    }
}
