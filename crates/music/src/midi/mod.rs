//! Scores as Standard MIDI Files, and back.

mod events;
mod files;
mod read;
mod write;

pub use files::{FileError, each_file, read_file};
pub use read::{ReadError, is_midi, read};
pub use write::write;

/// The channel that General MIDI keeps for percussion.
const PERCUSSION: u8 = 9;
