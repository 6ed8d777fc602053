//! Readers, tokenizers, splits and batches of sequences.
//!
//! The way of the data: [`read_pieces`] reads a file or folder into pieces (a tune, a document), [`split()`] puts some
//! of them aside for validation, a [`Tokenizer`] turns each into numbers, a [`TokenStream`] lays them behind each
//! other, and [`Windows`] draws batches from it. [`composer`] makes tunes where there is no file, and [`copying`] says
//! how much of a generated text was learned by heart.
//!
//! Other data have readers of their own: [`table`] and [`labelled`] for rows and what is to be classified, [`parallel`]
//! for sentences and their translations, [`tagged`] for sentences whose words have tags, [`series`] for numbers in time,
//! [`picture`], [`audio`], and [`roll`] and [`events`] for music of several voices. Each gives plain structures, [`Frames`]
//! where these are sequences of vectors, and says where ([`At`]) something is wrong. [`builtin`] makes examples of each kind.
//!
//! ```
//! use std::sync::Arc;
//! use anaphora_data::*;
//!
//! let read = parse_pieces(composer::collection(1, 50).as_bytes(), "built-in".as_ref(), None)?;
//! let tokenizer = Tokenizer::train(Kind::Character, read.pieces.iter().map(|piece| piece.text.as_str()))?;
//! let Split { train, validation } = split(read, &SplitOptions::default())?;
//! assert_eq!((train.len(), validation.len()), (45, 5));
//!
//! let stream = Arc::new(TokenStream::new(&tokenizer, &train)?);
//! let plan = Plan::Sequential { batch: 8, length: 100, shuffle: true };
//! let mut windows = Windows::new(stream, plan, 1)?;
//! let mut batch = Batch::default();
//! windows.next_into(&mut batch);
//! assert_eq!(batch.rows(), 8);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod audio;
pub mod batches;
pub mod builtin;
pub mod composer;
pub mod copying;
pub mod error;
pub mod events;
mod files;
pub mod folders;
pub mod frames;
pub mod holdout;
pub mod labelled;
pub mod parallel;
pub mod picture;
pub mod pieces;
pub mod roll;
pub mod scaler;
pub mod sequence;
pub mod series;
pub mod split;
pub mod table;
pub mod tagged;
pub mod tokenizer;
pub mod windows;

pub use batches::{BatchSize, Batches, Place};
pub use error::{At, DataError};
pub use frames::Frames;
pub use holdout::{HoldOut, Shares, share_out};
pub use pieces::{Format, Piece, Pieces, Skipped, parse_pieces, read_pieces};
pub use scaler::Scaler;
pub use sequence::{Packed, Sequence, Spelling, batch_sizes};
pub use split::{Order, Split, SplitOptions, split};
pub use tokenizer::{Decoder, Kind, Tokenizer, TokenizerError};
pub use windows::{Batch, Plan, Position, TokenStream, Windows, WindowsError};
