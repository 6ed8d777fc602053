//! Making a vocabulary of text that comes stretch by stretch.

use std::collections::HashMap;

use super::{Kind, Tokenizer, TokenizerError, Vocabulary, subwords, words};
use crate::error::DataError;
use crate::section::Section;
use crate::texts::Event;

/// Bytes of text from which sub-words are made, at most: more would hardly change them.
const SAMPLE: u64 = 64 << 20;

/// Different words that are counted at most.
const WORDS: usize = 1 << 22;

/// Makes a tokenizer of what it has seen. The same texts give the same vocabulary.
///
/// Characters and words are counted over all texts; but where there are more than some four million different words, the
/// rarest are forgotten as often as needed (Manku & Motwani, 2002). Sub-words are made from 64 MiB, in stretches taken evenly
/// over all texts.
pub struct Trainer {
    kind: Kind,
    /// By code point, whether it occurs.
    characters: Vec<bool>,
    words: Words,
    sample: Sample,
}

#[derive(Default)]
struct Words {
    counts: HashMap<String, usize>,
    /// Words that had been met so often at most were forgotten.
    forgotten: usize,
}

#[derive(Default)]
struct Sample {
    texts: Vec<String>,
    /// Bytes in them, of those that have been seen, of those that there are.
    taken: u64,
    seen: u64,
    bytes: u64,
}

impl Trainer {
    /// A trainer of texts of about so many bytes; 0 where that is not known, and sub-words are made from all of them.
    pub fn new(kind: Kind, bytes: u64) -> Self {
        let characters = if kind == Kind::Character { vec![false; char::MAX as usize + 1] } else { vec![] };
        Trainer { kind, characters, words: Words::default(), sample: Sample { bytes, ..Sample::default() } }
    }

    /// Looks at a text, or at a stretch of one.
    pub fn see(&mut self, text: &str) {
        match self.kind {
            Kind::Character => text.chars().for_each(|c| self.characters[c as usize] = true),
            Kind::Byte => {}
            Kind::Word { .. } => self.words.see(text),
            Kind::Bpe { .. } | Kind::WordPiece { .. } | Kind::Unigram { .. } => self.sample.see(text),
        }
    }

    /// Looks at all of a section.
    ///
    /// # Errors
    /// Those of [`Section::replay`].
    pub fn read(&mut self, section: &Section) -> Result<(), DataError> {
        section.replay(|event| {
            if let Event::Text(text) = event {
                self.see(text);
            }
            Ok(())
        })
    }

    /// The tokenizer.
    ///
    /// # Errors
    /// No character was seen (except for bytes, which need none); a `maximum_size` that is too small.
    pub fn finish(self) -> Result<Tokenizer, TokenizerError> {
        let Self { kind, characters, words: Words { counts, .. }, sample } = self;
        let texts = sample.texts.iter().map(String::as_str);
        let vocabulary = match kind {
            Kind::Character => {
                let known: Vec<char> = ('\0'..=char::MAX).filter(|&c| characters[c as usize]).collect();
                if known.is_empty() {
                    return Err(TokenizerError::NoText);
                }
                Vocabulary::Character(known)
            }
            Kind::Byte => Vocabulary::Byte,
            Kind::Word { minimum_count, maximum_size } => {
                Vocabulary::words(words::vocabulary(counts, minimum_count, maximum_size)?)
            }
            Kind::Bpe { minimum_count, maximum_size } => {
                Vocabulary::Subwords(Box::new(subwords::bpe(texts, minimum_count, maximum_size)?))
            }
            Kind::WordPiece { minimum_count, maximum_size } => {
                Vocabulary::Subwords(Box::new(subwords::wordpiece(texts, minimum_count, maximum_size)?))
            }
            Kind::Unigram { maximum_size } => {
                Vocabulary::Subwords(Box::new(subwords::unigram(texts, maximum_size)?))
            }
        };
        Ok(Tokenizer { vocabulary })
    }
}

impl Words {
    fn see(&mut self, text: &str) {
        let Self { counts, forgotten } = self;
        for word in words::segments(text) {
            match counts.get_mut(word) {
                Some(count) => *count += 1,
                None => drop(counts.insert(word.to_owned(), 1)),
            }
        }
        while counts.len() > WORDS {
            *forgotten += 1;
            counts.retain(|_, count| *count > *forgotten);
        }
    }
}

impl Sample {
    fn see(&mut self, text: &str) {
        // As large a share of what has been seen as of all.
        if u128::from(self.taken) * u128::from(self.bytes) <= u128::from(self.seen) * u128::from(SAMPLE) {
            self.taken += text.len() as u64;
            self.texts.push(text.to_owned());
        }
        self.seen += text.len() as u64;
    }
}
