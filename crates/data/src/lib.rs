//! Readers, tokenizers, splits and batches of sequences.
//!
//! The way of the data: [`read_pieces`] reads a file or folder into pieces (a tune, a document), [`split()`] puts some
//! of them aside for validation, a [`Tokenizer`] turns each into numbers, a [`TokenStream`] lays them behind each
//! other, and [`Windows`] draws batches from it. [`composer`] makes tunes where there is no file, and [`copying`] says
//! how much of a generated text was learned by heart.

pub mod composer;
pub mod copying;
pub mod error;
pub mod pieces;
pub mod split;
pub mod tokenizer;
pub mod windows;

pub use error::DataError;
pub use pieces::{Format, Piece, Pieces, Skipped, parse_pieces, read_pieces};
pub use split::{Order, Split, SplitOptions, split};
pub use tokenizer::{Decoder, Kind, Tokenizer, TokenizerError};
pub use windows::{Batch, Plan, Position, TokenStream, Windows, WindowsError};
