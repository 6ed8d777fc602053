//! Scores as Standard MIDI Files, and back.

mod read;
mod write;

pub use read::{ReadError, read};
pub use write::write;
