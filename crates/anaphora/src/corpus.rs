//! From the recipe's data to pieces, a tokenizer and token streams.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anaphora_data::{
    Format, Kind, Order, Piece, SplitOptions, TokenStream, Tokenizer, composer, parse_pieces, read_pieces,
    split,
};

use crate::recipe::{self, Data, Task};
use crate::{Error, Result};

/// Tunes that the built-in composer writes for a training without a file, and the seed from which it writes them.
const BUILTIN: (u64, usize) = (1, 400);

/// What a training learns from and is judged by.
pub struct Corpus {
    /// Music for ABC files, text for all others.
    pub task: Task,
    /// The pieces that are learnt.
    pub train: Vec<Piece>,
    /// The pieces that are held out.
    pub validation: Vec<Piece>,
    /// What was passed over in reading, a sentence each.
    pub skipped: Vec<String>,
}

impl Corpus {
    /// Reads what the recipe names and splits it.
    pub fn read(task: Task, data: &Data) -> Result<Self> {
        let format = match task {
            Task::Auto => None,
            Task::Music => Some(Format::Abc),
            _ => Some(Format::Text),
        };
        let mut pieces = match &data.train {
            None => {
                let (seed, count) = BUILTIN;
                let tunes = composer::collection(seed, count);
                parse_pieces(tunes.as_bytes(), Path::new("built-in tunes"), Some(Format::Abc))?
            }
            Some(path) => read_pieces(path, format)?,
        };
        let task = match pieces.format {
            Format::Abc => Task::Music,
            Format::Text => Task::Text,
        };
        let passed_over = |skipped: &[anaphora_data::Skipped]| -> Vec<String> {
            skipped.iter().map(|s| format!("{} was passed over: {}", s.path.display(), s.reason)).collect()
        };
        let mut skipped = passed_over(&pieces.skipped);
        let (train, validation) = match &data.validation {
            Some(path) => {
                let held_out = read_pieces(path, Some(pieces.format))?;
                skipped.extend(passed_over(&held_out.skipped));
                (std::mem::take(&mut pieces.pieces), held_out.pieces)
            }
            None => {
                let options =
                    SplitOptions { validation_fraction: data.validation_fraction, order: Order::File };
                let halves = split(pieces, &options)?;
                (halves.train, halves.validation)
            }
        };
        Ok(Self { task, train, validation, skipped })
    }

    /// A tokenizer for the corpus. Sub-words are found in what is learnt alone; of characters and words, one that occurs
    /// only in validation must have a number too.
    pub fn tokenizer(&self, data: &Data) -> Result<Tokenizer> {
        let any_text = kind(data).is_some_and(Kind::takes_any_text);
        let held_out: &[Piece] = if any_text { &[] } else { &self.validation };
        tokenizer(data, self.train.iter().chain(held_out).map(|piece| piece.text.as_str()))
    }
}

/// The kind of tokenizer that a recipe asks for; none where it names a file.
pub fn kind(data: &Data) -> Option<Kind> {
    let minimum_count = data.vocabulary_min_count;
    Some(match data.tokenizer {
        recipe::Tokenizer::Character => Kind::Character,
        recipe::Tokenizer::Byte => Kind::Byte,
        recipe::Tokenizer::Word { size } => Kind::Word { minimum_count, maximum_size: size },
        recipe::Tokenizer::Bpe { size } => Kind::Bpe { minimum_count, maximum_size: size },
        recipe::Tokenizer::WordPiece { size } => Kind::WordPiece { minimum_count, maximum_size: size },
        recipe::Tokenizer::Unigram { size } => Kind::Unigram { maximum_size: size },
        recipe::Tokenizer::File(_) => return None,
    })
}

/// The tokenizer that a recipe asks for, made for these texts.
pub fn tokenizer<'a>(data: &Data, texts: impl IntoIterator<Item = &'a str>) -> Result<Tokenizer> {
    match (&data.tokenizer, kind(data)) {
        (recipe::Tokenizer::File(path), _) => read_tokenizer(path),
        (_, kind) => Ok(Tokenizer::train(kind.unwrap_or_default(), texts)?),
    }
}

/// Reads a tokenizer's file.
pub fn read_tokenizer(path: &Path) -> Result<Tokenizer> {
    let text = std::fs::read_to_string(path).map_err(Error::io("read", path))?;
    Tokenizer::from_json(&text).map_err(|source| Error::Tokens { path: path.to_owned(), source })
}

/// The pieces as a stream of tokens, each piece closed by `<end>`; `path` is named where a piece cannot be encoded.
pub fn stream(tokenizer: &Tokenizer, pieces: &[Piece], path: &Path) -> Result<Arc<TokenStream>> {
    let stream = TokenStream::new(tokenizer, pieces);
    stream.map(Arc::new).map_err(|source| Error::Tokens { path: path.to_owned(), source })
}

/// The name of the data for messages: the file's, or that of the built-in tunes.
pub fn name(data: &Data) -> PathBuf {
    data.train.clone().unwrap_or_else(|| PathBuf::from("built-in tunes"))
}
