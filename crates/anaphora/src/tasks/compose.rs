//! Writing music of several voices: pieces as notes, not as text.

use std::path::{Path, PathBuf};

use anaphora_music::Score;
use anaphora_nn::Device;

use crate::decoding::sampling::SamplingOptions;
use crate::recipe::Task;
use crate::tasks::{Harmonist, Performer};
use crate::{Error, Result, Run};

/// What is to be written.
#[derive(Clone, Debug, PartialEq)]
pub struct ComposeOptions {
    /// How notes are drawn.
    pub sampling: SamplingOptions,
    /// A MIDI file that each piece goes on from.
    pub prime: Option<PathBuf>,
    /// Pieces to write.
    pub count: usize,
    /// Frames or events after which a piece is broken off, those that it goes on from aside.
    pub units: usize,
    /// Where all randomness starts from.
    pub seed: u64,
}

/// A piece that was written.
#[derive(Clone, Debug, PartialEq)]
pub struct Composed {
    /// Its notes, those that it goes on from included.
    pub score: Score,
    /// Frames or events that were drawn.
    pub units: usize,
    /// Whether it came to an end of its own.
    pub ended: bool,
}

/// Writes pieces with the model of a run whose music has several voices.
pub fn compose(run: &Path, device: Device, options: &ComposeOptions) -> Result<Vec<Composed>> {
    let run = Run::open(run)?;
    match run.info().task {
        Task::Chorales => Harmonist::open(run, device)?.compose(options),
        Task::Events => Performer::open(run, device)?.compose(options),
        task => Err(Error::Predicts { path: run.path().to_owned(), task }),
    }
}
