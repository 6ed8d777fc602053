//! Options and results of composing music of several voices: pieces as notes, not as text.

use std::path::PathBuf;

use anaphora_music::Score;

use crate::decoding::sampling::SamplingOptions;

/// Options of a composition.
#[derive(Clone, Debug, PartialEq)]
pub struct ComposeOptions {
    /// Options of sampling.
    pub sampling: SamplingOptions,
    /// A MIDI file that each piece continues.
    pub prime: Option<PathBuf>,
    /// Number of pieces to compose, side by side.
    pub count: usize,
    /// The most frames or events of a piece, those of the continued file aside.
    pub units: usize,
    /// The seed of all randomness.
    pub seed: u64,
}

/// A composed piece.
#[derive(Clone, Debug, PartialEq)]
pub struct Composed {
    /// Its notes, those of the continued file included.
    pub score: Score,
    /// Number of frames or events drawn.
    pub units: usize,
    /// Whether the model ended it.
    pub ended: bool,
    /// Whether the observer stopped it before its end.
    pub stopped: bool,
}
