//! Scores as Standard MIDI Files, and back.

mod files;
mod read;
mod write;

pub use files::{FileError, each_file, read_file};
pub use read::{ReadError, read};
pub use write::write;
