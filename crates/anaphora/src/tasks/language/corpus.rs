//! Corpora: from the recipe's data to texts, a tokenizer and token streams.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anaphora_data::tokenizer::Trainer;
use anaphora_data::{
    Format, Section, Spill, StreamError, TextEvent as Event, TextOptions, Texts, TokenStream, Tokenizer,
    composer, split,
};

use crate::recipe::{self, Data, Task};
use crate::run::assets::read_tokenizer;
use crate::{Error, Result};

/// Tunes that the built-in composer writes for a training without a file, and the seed from which it writes them.
const BUILTIN: (u64, usize) = (1, 400);

/// Training and validation data.
pub struct Corpus {
    /// Music for ABC files, text for all others.
    pub task: Task,
    /// What is learnt.
    pub train: Section,
    /// What is held out.
    pub validation: Section,
    /// What is passed over, a sentence each.
    pub skipped: Vec<String>,
}

impl Corpus {
    /// Finds what the recipe names and splits it.
    pub fn open(task: Task, data: &Data) -> Result<Self> {
        let format = match task {
            Task::Auto => None,
            Task::Music => Some(Format::Abc),
            _ => Some(Format::Text),
        };
        let texts = match &data.train {
            None => {
                let (seed, count) = BUILTIN;
                Texts::of(composer::collection(seed, count), &name(data), Some(Format::Abc))?
            }
            Some(path) => Texts::open(path, text_options(data, format))?,
        };
        let task = match texts.format() {
            Format::Abc => Task::Music,
            Format::Text => Task::Text,
        };
        let passed_over = |texts: &Texts| -> Vec<String> {
            let sentence =
                |s: &anaphora_data::Skipped| format!("{} was passed over: {}", s.path.display(), s.reason);
            texts.notes().into_iter().chain(texts.skipped().iter().map(sentence)).collect()
        };
        let mut skipped = passed_over(&texts);
        let (train, validation) = match &data.validation {
            Some(path) => {
                let held_out = Texts::open(path, text_options(data, Some(texts.format())))?;
                skipped.extend(passed_over(&held_out));
                (Section::whole(Arc::new(texts)), Section::whole(Arc::new(held_out)))
            }
            None => {
                let halves = split(Arc::new(texts), data.validation_fraction)?;
                (halves.train, halves.validation)
            }
        };
        Ok(Self { task, train, validation, skipped })
    }

    /// A tokenizer for the corpus. Sub-words are found in what is learnt alone; of characters and words, one that occurs
    /// only in validation must have a number too.
    pub fn tokenizer(&self, data: &Data) -> Result<Tokenizer> {
        let Some(kind) = data.tokenizer_kind() else { return tokenizer(data, []) };
        let mut trainer = Trainer::new(kind, self.train.texts().bytes());
        trainer.read(&self.train)?;
        if !kind.takes_any_text() {
            trainer.read(&self.validation)?;
        }
        Ok(trainer.finish()?)
    }
}

/// How a recipe's texts are read: where tokens are bytes, also what is no text.
pub fn text_options(data: &Data, format: Option<Format>) -> TextOptions {
    let any_bytes = data.tokenizer == recipe::Tokenizer::Byte && format != Some(Format::Abc);
    TextOptions { format, encoding: data.encoding, any_bytes }
}

/// The tokenizer that a recipe asks for, made for these texts.
pub fn tokenizer<'a>(data: &Data, texts: impl IntoIterator<Item = &'a str>) -> Result<Tokenizer> {
    match (&data.tokenizer, data.tokenizer_kind()) {
        (recipe::Tokenizer::File(path), _) => read_tokenizer(path),
        (_, kind) => Ok(Tokenizer::train(kind.unwrap_or_default(), texts)?),
    }
}

/// A section as a stream of tokens, each piece closed by `<end>`; `path` is named where a piece cannot be encoded.
pub fn stream(tokenizer: &Tokenizer, section: &Section, path: &Path, spill: &Spill) -> Result<TokenStream> {
    TokenStream::of(tokenizer, section, spill).map_err(|error| match error {
        StreamError::Data(error) => error.into(),
        StreamError::Tokenizer(source) => Error::Tokens { path: path.to_owned(), source },
        StreamError::Shard(error) => error.into(),
    })
}

/// Characters that the tokens of a stream stand for, the end of a piece counted as one.
pub fn characters(tokenizer: &Tokenizer, stream: &TokenStream) -> Result<usize> {
    let mut characters = 0;
    stream.each_part(|tokens| characters += tokenizer.characters(tokens))?;
    Ok(characters)
}

/// Characters of a passage.
const PASSAGE: usize = 600;

/// The first passages of a section: the beginnings of its pieces, or, of such as are `long`, what comes one behind the other.
pub fn beginning(section: &Section, count: usize, long: bool) -> Result<Vec<String>> {
    let mut passages: Vec<String> = Vec::new();
    let mut left = 0;
    let read = section.replay(|event| {
        match event {
            Event::Begin { .. } if passages.len() < count => {
                passages.push(String::new());
                left = PASSAGE;
            }
            Event::Text(text) => {
                for character in text.chars() {
                    if left == 0 && long && passages.len() < count {
                        passages.push(String::new());
                        left = PASSAGE;
                    }
                    let Some(passage) = passages.last_mut().filter(|_| left > 0) else { break };
                    passage.push(character);
                    left -= 1;
                }
            }
            Event::Begin { .. } => return Err(Error::Stopped),
            Event::End => {}
        }
        match passages.len() == count && left == 0 {
            true => Err(Error::Stopped),
            false => Ok(()),
        }
    });
    match read {
        Ok(()) | Err(Error::Stopped) => Ok(passages),
        Err(error) => Err(error),
    }
}

/// The name of the data for messages: the file's, or that of the built-in tunes.
pub fn name(data: &Data) -> PathBuf {
    data.train.clone().unwrap_or_else(|| PathBuf::from("built-in tunes"))
}
