//! What a token is, as a recipe says it: a word, with the size of the vocabulary where it has one to choose.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use anaphora_data::Kind;

use super::Data;

/// What a token is. In a recipe and on the command line `character`, `byte`, `word`, `bpe`, `wordpiece`, `unigram`, the
/// last four with a size if wanted (`bpe:4096`), the path of a tokenizer's `.json` file, or `auto`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Tokenizer {
    /// A word, or a character where nearly all texts have one word each: of what is labelled, the data decide.
    Auto,
    /// A Unicode character that occurs in the data.
    #[default]
    Character,
    /// One of 256 bytes.
    Byte,
    /// A word or mark of punctuation; rare ones are `<unk>`.
    Word {
        /// The most tokens that are kept.
        size: usize,
    },
    /// A sub-word by byte-pair encoding.
    Bpe {
        /// The most tokens.
        size: usize,
    },
    /// A sub-word by WordPiece.
    WordPiece {
        /// The most tokens.
        size: usize,
    },
    /// A sub-word by a unigram language model.
    Unigram {
        /// The most tokens.
        size: usize,
    },
    /// Whatever this file says: the `tokenizer.json` of a run or of Hugging Face.
    File(PathBuf),
}

impl Tokenizer {
    /// The words that occur, where no size is said.
    pub const WORDS: Self = Self::Word { size: WORDS };

    /// What a token is called.
    pub fn unit(&self) -> &'static str {
        match self {
            Self::Character => "character",
            Self::Byte => "byte",
            Self::Word { .. } => "word",
            _ => "token",
        }
    }
}

/// The largest vocabulary that can be asked for.
const LARGEST: usize = 1_000_000;
/// The most words where no size is said.
const WORDS: usize = 20_000;
/// The most sub-words where no size is said.
const SUBWORDS: usize = 4_096;

impl Data {
    /// The kind of tokenizer that is to be made of the texts; none where a file is named, or before the data have decided.
    pub fn tokenizer_kind(&self) -> Option<Kind> {
        let minimum_count = self.vocabulary_min_count;
        Some(match self.tokenizer {
            Tokenizer::Character => Kind::Character,
            Tokenizer::Byte => Kind::Byte,
            Tokenizer::Word { size } => Kind::Word { minimum_count, maximum_size: size },
            Tokenizer::Bpe { size } => Kind::Bpe { minimum_count, maximum_size: size },
            Tokenizer::WordPiece { size } => Kind::WordPiece { minimum_count, maximum_size: size },
            Tokenizer::Unigram { size } => Kind::Unigram { maximum_size: size },
            Tokenizer::Auto | Tokenizer::File(_) => return None,
        })
    }
}

impl FromStr for Tokenizer {
    type Err = NoTokenizer;

    fn from_str(text: &str) -> Result<Self, NoTokenizer> {
        if text.len() > ".json".len() && text.ends_with(".json") {
            return Ok(Self::File(text.into()));
        }
        let (kind, size) = match text.split_once(':') {
            Some((kind, size)) => (kind, Some(size.parse().map_err(|_| NoTokenizer)?)),
            None => (text, None),
        };
        if size.is_some_and(|size: usize| !(1..=LARGEST).contains(&size)) {
            return Err(NoTokenizer);
        }
        let subwords = size.unwrap_or(SUBWORDS);
        match (kind, size) {
            ("auto", None) => Ok(Self::Auto),
            ("character", None) => Ok(Self::Character),
            ("byte", None) => Ok(Self::Byte),
            ("word", _) => Ok(Self::Word { size: size.unwrap_or(WORDS) }),
            ("bpe", _) => Ok(Self::Bpe { size: subwords }),
            ("wordpiece", _) => Ok(Self::WordPiece { size: subwords }),
            ("unigram", _) => Ok(Self::Unigram { size: subwords }),
            _ => Err(NoTokenizer),
        }
    }
}

impl fmt::Display for Tokenizer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Character => f.write_str("character"),
            Self::Byte => f.write_str("byte"),
            Self::Word { size } => write!(f, "word:{size}"),
            Self::Bpe { size } => write!(f, "bpe:{size}"),
            Self::WordPiece { size } => write!(f, "wordpiece:{size}"),
            Self::Unigram { size } => write!(f, "unigram:{size}"),
            Self::File(path) => path.display().fmt(f),
        }
    }
}

/// A text names no tokenizer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("auto, character, byte, word, bpe, wordpiece or unigram, or a .json file, is expected")]
pub struct NoTokenizer;

anaphora_data::as_text!(Tokenizer);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_sizes_and_files_are_told_apart() {
        for (text, tokenizer) in [
            ("auto", Tokenizer::Auto),
            ("character", Tokenizer::Character),
            ("byte", Tokenizer::Byte),
            ("word:5000", Tokenizer::Word { size: 5000 }),
            ("bpe:4096", Tokenizer::Bpe { size: 4096 }),
            ("wordpiece:8000", Tokenizer::WordPiece { size: 8000 }),
            ("unigram:8000", Tokenizer::Unigram { size: 8000 }),
            ("C:\\gpt2\\tokenizer.json", Tokenizer::File("C:\\gpt2\\tokenizer.json".into())),
        ] {
            assert_eq!(text.parse(), Ok(tokenizer.clone()));
            assert_eq!(tokenizer.to_string(), text);
        }
        assert_eq!("bpe".parse(), Ok(Tokenizer::Bpe { size: 4096 }));
        assert_eq!("word".parse(), Ok(Tokenizer::Word { size: 20_000 }));
        for text in [
            "",
            "bep:4096",
            "bpe:",
            "bpe:many",
            "bpe:0",
            "bpe:-1",
            "bpe:1000001",
            "byte:256",
            "auto:9",
            ".json",
        ] {
            assert_eq!(text.parse::<Tokenizer>(), Err(NoTokenizer), "{text}");
        }
    }
}
