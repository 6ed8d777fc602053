//! What is asked for, and comes back, where music of several voices is written: pieces as notes, not as text.

use std::path::PathBuf;

use anaphora_music::Score;

use crate::decoding::sampling::SamplingOptions;

/// What is to be composed.
#[derive(Clone, Debug, PartialEq)]
pub struct ComposeOptions {
    /// How notes are drawn.
    pub sampling: SamplingOptions,
    /// A MIDI file that each piece goes on from.
    pub prime: Option<PathBuf>,
    /// Pieces to compose, side by side.
    pub count: usize,
    /// Frames or events after which a piece is broken off, those that it goes on from aside.
    pub units: usize,
    /// Where all randomness starts from.
    pub seed: u64,
}

/// A composed piece.
#[derive(Clone, Debug, PartialEq)]
pub struct Composed {
    /// Its notes, those that it goes on from included.
    pub score: Score,
    /// Frames or events that were drawn.
    pub units: usize,
    /// Whether it came to an end of its own.
    pub ended: bool,
    /// Whether the observer stopped it before its end.
    pub stopped: bool,
}
