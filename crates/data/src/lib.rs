//! Readers, tokenizers, splits and batches of sequences.
//!
//! The way of the data: [`Texts`] are the pieces (a tune, a document) of a file or folder, [`split()`] puts some
//! of them aside for validation, a [`Tokenizer`] turns each into numbers, a [`TokenStream`] lays them behind each
//! other, and [`Windows`] draws batches from it. Texts are read stretch by stretch and large streams lie in files, so
//! that no text is too large. [`composer`] makes tunes where there is no file, and [`copying`] says
//! how much of a generated text was learned by heart.
//!
//! Other data have readers of their own: [`table`] and [`labelled`] for rows with labels, [`examples`] for whatever is to be
//! classified, be it text, numbers, sounds or pictures, [`parallel`] for sentences and their translations, [`tagged`] for
//! sentences whose words have tags, [`series`] for numbers in time, [`picture`], [`audio`], and [`roll`] and [`events`] for
//! music of several voices. Each gives plain structures, [`Frames`] where these are sequences of vectors, and says where
//! ([`At`]) something is wrong. [`builtin`] makes examples of each kind. [`mod@encoding`] says what bytes are read as, [`mod@lines`]
//! gives the lines of a file or of standard input as they come, and [`mod@look`] tells what a file or folder is to be learnt
//! from. What is read for someone who may leave ends with [`wanted`].
//!
//! ```
//! use std::sync::Arc;
//! use anaphora_data::*;
//!
//! let texts = Arc::new(Texts::of(composer::collection(1, 50), "built-in".as_ref(), None)?);
//! let mut trainer = tokenizer::Trainer::new(Kind::Character, texts.bytes());
//! trainer.read(&Section::whole(texts.clone()))?;
//! let tokenizer = trainer.finish()?;
//! let Split { train, validation } = split(texts, 0.1)?;
//!
//! let stream = TokenStream::of(&tokenizer, &train, &Spill::to_scratch())?;
//! assert_eq!(stream.piece_count(), 45);
//! let plan = Plan::Sequential { batch: 8, length: 100, shuffle: true };
//! let mut windows = Windows::new(Arc::new(stream), plan, 1)?;
//! let mut batch = Batch::default();
//! windows.next_into(&mut batch)?;
//! assert_eq!(batch.rows(), 8);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod as_text;
pub mod audio;
pub mod batches;
pub mod builtin;
pub mod composer;
pub mod copying;
pub mod encoding;
pub mod error;
pub mod events;
pub mod examples;
mod files;
pub mod folders;
pub mod frames;
pub mod holdout;
pub mod labelled;
pub mod lines;
pub mod look;
pub mod ngrams;
pub mod parallel;
pub mod picture;
pub mod roll;
pub mod scaler;
pub mod section;
pub mod sequence;
pub mod series;
pub mod split;
pub mod table;
pub mod tagged;
pub mod texts;
pub mod tokenizer;
pub mod wanted;
pub mod windows;

pub use batches::{BatchSize, Batches, Place};
pub use encoding::Encoding;
pub use error::{At, DataError};
pub use files::{read_text, text_of};
pub use frames::Frames;
pub use holdout::{HoldOut, Order, Splits, split_indices};
pub use ngrams::Ngrams;
pub use scaler::Scaler;
pub use section::Section;
pub use sequence::{Packed, Sequence, Spelling, batch_sizes};
pub use split::{Split, split};
pub use texts::{Event as TextEvent, Format, Piece, Skipped, TextOptions, Texts};
pub use tokenizer::{Decoder, Kind, Tokenizer, TokenizerError};
pub use windows::{
    Batch, Plan, Position, ShardError, Spill, StreamBuilder, StreamError, TokenStream, Windows, WindowsError,
};
