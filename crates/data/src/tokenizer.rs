//! Text to numbers and back.
//!
//! Every tokenizer has a special symbol, [`END`], that closes a piece, and a model begins a new piece after it; its id is
//! [`Tokenizer::end_id`]. A word tokenizer has a second one, [`UNKNOWN`], of id 1. Neither is ever produced from text
//! that merely looks like it.

mod decoder;
mod file;
mod subwords;
mod trainer;
mod words;

use std::collections::HashMap;

use subwords::Subwords;
pub(crate) use words::segments;

use crate::encoding::byte_of;
use crate::error::{counted, not_known};

pub use decoder::Decoder;
pub use file::VERSION;
pub use trainer::Trainer;

/// Name of the symbol that closes a piece; it decodes to nothing. Tokenizers read from elsewhere may call it otherwise.
pub const END: &str = "<end>";
/// Name of a word tokenizer's symbol for what it does not know; its id is 1.
pub const UNKNOWN: &str = "<unk>";

/// Id of [`END`] in all but sub-word tokenizers.
const END_ID: u32 = 0;
const UNKNOWN_ID: u32 = 1;

/// The kind of token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Kind {
    /// A character (a Unicode scalar value); ids follow the order of code points.
    #[default]
    Character,
    /// A byte of the UTF-8 text; byte `b` has the id `b + 1`. Nothing is unknown to it.
    Byte,
    /// A word with the one space before it, or any other single character; ids follow frequency.
    Word {
        /// Rarer tokens become `<unk>`.
        minimum_count: usize,
        /// Most tokens that the vocabulary may have, special ones included.
        maximum_size: usize,
    },
    /// Sub-words by byte-pair encoding over bytes, as in GPT-2 (Sennrich et al., 2016). Nothing is unknown to it.
    Bpe {
        /// Rarer pairs are not merged.
        minimum_count: usize,
        /// Most tokens, special ones included; 257 at least.
        maximum_size: usize,
    },
    /// Sub-words by WordPiece (Schuster & Nakajima, 2012), over bytes. Nothing is unknown to it.
    WordPiece {
        /// Rarer pairs are not merged.
        minimum_count: usize,
        /// Most tokens, special ones included; 513 at least.
        maximum_size: usize,
    },
    /// Sub-words by a unigram language model (Kudo, 2018), over bytes. Nothing is unknown to it.
    Unigram {
        /// Most tokens, special ones included; 258 at least.
        maximum_size: usize,
    },
}

impl Kind {
    /// Whether every text can be encoded, also one with characters that were not trained on.
    pub fn takes_any_text(self) -> bool {
        !matches!(self, Kind::Character | Kind::Word { .. })
    }
}

/// Why text cannot be encoded, or a tokenizer cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum TokenizerError {
    /// A character that no training text has.
    #[error(
        "{character:?} (U+{:04X}) at character {position} is not in the vocabulary of {}",
        *character as u32, counted(*size, "character")
    )]
    UnseenCharacter {
        /// The character.
        character: char,
        /// Where it is in the text, in characters from 1.
        position: usize,
        /// How many characters the tokenizer knows.
        size: usize,
    },
    /// As above, within a file.
    #[error("the piece that begins at line {line}: {source}")]
    InPiece {
        /// First line of the piece in its file.
        line: usize,
        /// The fault.
        source: Box<TokenizerError>,
    },
    /// There is no text to make a vocabulary from.
    #[error("the training text is empty, a vocabulary cannot be made from it")]
    NoText,
    /// A vocabulary with no room for what it always holds.
    #[error(
        "a vocabulary of at most {size} tokens was asked for, one of this kind has to hold at least {least}"
    )]
    TooSmall {
        /// The size that was asked for.
        size: usize,
        /// The smallest that will do.
        least: usize,
    },
    /// Sub-words cannot be found.
    #[error("no sub-words can be made from the training text: {0}")]
    Training(String),
    /// A tokenizer of another maker cannot encode a text.
    #[error("the tokenizer cannot encode the text: {0}")]
    Encoding(String),
    /// A stored tokenizer that is not one.
    #[error("the tokenizer file is damaged: {0}")]
    Damaged(String),
    /// A stored tokenizer of another version of the format.
    #[error("the tokenizer file has version {0}, this program reads version {VERSION}")]
    Version(u64),
    /// A tokenizer of Hugging Face's format whose decoding is not that of bytes.
    #[error(
        "the tokenizer file would not give texts back as they were, for it does not work on bytes; \
         one with a ByteLevel decoder, as GPT-2 has, is needed"
    )]
    NotBytes,
    /// A tokenizer of Hugging Face's format in which no special token is known to close a piece.
    #[error("the tokenizer file has no special token that closes a piece, such as <|endoftext|> or </s>")]
    NoEnd,
    /// The token that is to close a piece is not in the file.
    #[error("the tokenizer file has no token {0:?}, which is to close a piece")]
    NoSuchEnd(String),
}

/// Turns text into token ids and back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tokenizer {
    vocabulary: Vocabulary,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Vocabulary {
    /// Characters in ascending order; the first has id 1.
    Character(Vec<char>),
    Byte,
    /// Tokens by id, the two special ones included, and ids by token, the special ones not.
    Word {
        tokens: Vec<String>,
        ids: HashMap<String, u32>,
    },
    Subwords(Box<Subwords>),
}

impl Tokenizer {
    /// Makes the vocabulary of `texts`. The same texts give the same vocabulary.
    ///
    /// A kind that does not [take any text](Kind::takes_any_text) knows only characters or words that occur, so the texts
    /// should be all that the tokenizer is to encode, those for validation included; the others want the training texts
    /// alone.
    ///
    /// # Errors
    /// No character in `texts` (except for bytes, which need none); a `maximum_size` that is too small.
    pub fn train<'a>(kind: Kind, texts: impl IntoIterator<Item = &'a str>) -> Result<Self, TokenizerError> {
        let mut trainer = Trainer::new(kind, 0);
        texts.into_iter().for_each(|text| trainer.see(text));
        trainer.finish()
    }

    /// Number of token ids, special symbols included: ids are `0..vocab_size`.
    pub fn vocab_size(&self) -> usize {
        match &self.vocabulary {
            Vocabulary::Character(characters) => characters.len() + 1,
            Vocabulary::Byte => 257,
            Vocabulary::Word { tokens, .. } => tokens.len(),
            Vocabulary::Subwords(subwords) => subwords.vocab_size(),
        }
    }

    /// Id of the symbol that closes a piece.
    pub fn end_id(&self) -> u32 {
        match &self.vocabulary {
            Vocabulary::Subwords(subwords) => subwords.end_id,
            _ => END_ID,
        }
    }

    /// Id of the symbol for what is not known, where there is one.
    pub fn unknown_id(&self) -> Option<u32> {
        matches!(self.vocabulary, Vocabulary::Word { .. }).then_some(UNKNOWN_ID)
    }

    /// The tokens of a text, without a closing `<end>`.
    ///
    /// # Errors
    /// A character that a character tokenizer does not know; the other kinds take any text, but for tokenizers of other
    /// makers, which may be incomplete.
    pub fn encode(&self, text: &str) -> Result<Vec<u32>, TokenizerError> {
        let mut ids = Vec::with_capacity(text.len());
        self.encode_into(text, &mut ids)?;
        Ok(ids)
    }

    /// Appends the tokens of a text to `ids`, as [`encode`](Self::encode) gives them.
    ///
    /// # Errors
    /// Those of [`encode`](Self::encode); what precedes the unknown character has then been appended.
    pub fn encode_into(&self, text: &str, ids: &mut Vec<u32>) -> Result<(), TokenizerError> {
        match &self.vocabulary {
            Vocabulary::Character(known) => {
                for (index, character) in text.chars().enumerate() {
                    let found = known.binary_search(&character).map_err(|_| {
                        TokenizerError::UnseenCharacter { character, position: index + 1, size: known.len() }
                    })?;
                    ids.push(found as u32 + 1);
                }
            }
            // What stands for bytes begins with 0xF4, which is rare.
            Vocabulary::Byte if text.as_bytes().contains(&0xF4) => {
                for c in text.chars() {
                    match byte_of(c) {
                        Some(byte) => ids.push(u32::from(byte) + 1),
                        None => ids.extend(c.encode_utf8(&mut [0; 4]).bytes().map(|b| u32::from(b) + 1)),
                    }
                }
            }
            Vocabulary::Byte => ids.extend(text.bytes().map(|b| u32::from(b) + 1)),
            Vocabulary::Word { ids: known, .. } => {
                for token in words::segments(text) {
                    match (known.get(token), token.strip_prefix(' ')) {
                        (Some(&id), _) => ids.push(id),
                        (None, Some(word)) => {
                            ids.push(known.get(" ").copied().unwrap_or(UNKNOWN_ID));
                            ids.push(known.get(word).copied().unwrap_or(UNKNOWN_ID));
                        }
                        (None, None) => ids.push(UNKNOWN_ID),
                    }
                }
            }
            Vocabulary::Subwords(subwords) => subwords.encode_into(text, ids)?,
        }
        Ok(())
    }

    /// Whether the tokens of the stretches in which [`Texts`](crate::Texts) give a piece are those of the piece.
    pub fn takes_stretches(&self) -> bool {
        !matches!(&self.vocabulary, Vocabulary::Subwords(subwords) if !subwords.divisible)
    }

    /// What of a text is not in the vocabulary, said as a clause: how many words or characters, and which; nothing of a text that is
    /// known whole, and by the kinds to which nothing is unknown.
    pub fn note_unknown(&self, text: &str) -> Option<String> {
        match &self.vocabulary {
            Vocabulary::Character(known) => {
                let unknown = |(_, c): &(usize, char)| known.binary_search(c).is_err();
                let characters = text.char_indices().filter(unknown);
                let found: Vec<&str> = characters.map(|(at, c)| &text[at..at + c.len_utf8()]).collect();
                not_known("character", &found)
            }
            Vocabulary::Word { ids: known, .. } => {
                let unknown = |segment: &&str| !known.contains_key(*segment);
                let words =
                    words::segments(text).filter(unknown).map(|segment| segment.trim_start_matches(' '));
                let found: Vec<&str> = words.filter(|word| !word.is_empty()).filter(unknown).collect();
                not_known("word", &found)
            }
            Vocabulary::Byte | Vocabulary::Subwords(_) => None,
        }
    }

    /// What each of a word tokenizer's tokens of a text stands for, in the order of [`encode`](Self::encode), unknown ones
    /// too; none for the other kinds, to which nothing is unknown.
    pub fn words<'a>(&self, text: &'a str) -> Option<Vec<&'a str>> {
        let Vocabulary::Word { ids: known, .. } = &self.vocabulary else { return None };
        let split = |segment: &'a str| match segment.strip_prefix(' ') {
            Some(word) if !known.contains_key(segment) => [Some(&segment[..1]), Some(word)],
            _ => [Some(segment), None],
        };
        Some(words::segments(text).flat_map(split).flatten().collect())
    }

    /// The text of a sequence of tokens. `<end>` gives nothing, `<unk>` its name, bytes that are not UTF-8 and ids
    /// beyond the vocabulary give U+FFFD.
    pub fn decode(&self, ids: &[u32]) -> String {
        let mut decoder = self.decoder();
        let mut text = String::new();
        ids.iter().for_each(|&id| text.push_str(decoder.push(id)));
        text.push_str(decoder.finish());
        text
    }

    /// The bytes that a token adds to a text, which may be none, or part of a character.
    pub fn bytes(&self, id: u32) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.append_bytes(id, &mut bytes);
        bytes
    }

    /// A decoder that gives the text token by token.
    pub fn decoder(&self) -> Decoder<'_> {
        Decoder::new(self)
    }

    /// A token's printable name: `a`, `\n`, `0xC3`, `##ing`, `<end>`; none for an id beyond the vocabulary.
    pub fn name(&self, id: u32) -> Option<String> {
        match (&self.vocabulary, id) {
            (Vocabulary::Subwords(subwords), _) => subwords.name(id),
            (_, END_ID) => Some(END.to_owned()),
            (Vocabulary::Character(known), _) => {
                known.get(id as usize - 1).map(|c| c.escape_debug().to_string())
            }
            (Vocabulary::Byte, 1..=256) => {
                let byte = (id - 1) as u8;
                let printable = byte.is_ascii_graphic() || byte == b' ';
                Some(if printable { char::from(byte).to_string() } else { format!("0x{byte:02X}") })
            }
            (Vocabulary::Byte, _) => None,
            (Vocabulary::Word { tokens, .. }, _) => {
                tokens.get(id as usize).map(|t| t.escape_debug().to_string())
            }
        }
    }

    /// How many characters a sequence of tokens stands for, each `<end>` and `<unk>` counted as one: what a loss is
    /// divided by so that tokenizers can be compared.
    pub fn characters(&self, ids: &[u32]) -> usize {
        let of_token = |&id: &u32| match &self.vocabulary {
            Vocabulary::Character(_) => 1,
            Vocabulary::Byte => usize::from(!(0x80..0xC0).contains(&(id as i64 - 1))),
            Vocabulary::Word { .. } if id == END_ID || id == UNKNOWN_ID => 1,
            Vocabulary::Word { tokens, .. } => tokens.get(id as usize).map_or(1, |t| t.chars().count()),
            Vocabulary::Subwords(subwords) => subwords.characters(id),
        };
        ids.iter().map(of_token).sum()
    }

    /// Appends the bytes of a token's text.
    fn append_bytes(&self, id: u32, bytes: &mut Vec<u8>) {
        let unknown = char::REPLACEMENT_CHARACTER;
        let append_character = |c: char, bytes: &mut Vec<u8>| {
            bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
        };
        match (&self.vocabulary, id) {
            (Vocabulary::Subwords(subwords), _) => match subwords.bytes(id) {
                Some(of_token) => bytes.extend_from_slice(of_token),
                None => append_character(unknown, bytes),
            },
            (_, END_ID) => {}
            (Vocabulary::Character(known), _) => {
                append_character(known.get(id as usize - 1).copied().unwrap_or(unknown), bytes);
            }
            (Vocabulary::Byte, 1..=256) => bytes.push((id - 1) as u8),
            (Vocabulary::Byte, _) => append_character(unknown, bytes),
            (Vocabulary::Word { tokens, .. }, _) => match tokens.get(id as usize) {
                Some(token) => bytes.extend_from_slice(token.as_bytes()),
                None => append_character(unknown, bytes),
            },
        }
    }
}

impl Vocabulary {
    /// A word vocabulary of the ordinary tokens in the order of their ids.
    fn words(ordinary: Vec<String>) -> Self {
        let ids = ordinary.iter().enumerate().map(|(i, token)| (token.clone(), i as u32 + 2)).collect();
        let tokens = [END.to_owned(), UNKNOWN.to_owned()].into_iter().chain(ordinary).collect();
        Vocabulary::Word { tokens, ids }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORD: Kind = Kind::Word { minimum_count: 1, maximum_size: 1000 };

    #[test]
    fn what_is_not_known_is_told() {
        let characters = Tokenizer::train(Kind::Character, ["abc"]).unwrap();
        assert_eq!(characters.note_unknown("abcab"), None);
        let note = characters.note_unknown("aübü\u{1b}").unwrap();
        assert_eq!(note, "3 characters are not in the vocabulary: 'ü', '\\u{1b}'");
        let kind = Kind::Word { minimum_count: 1, maximum_size: 100 };
        let words = Tokenizer::train(kind, [" the cat sat"]).unwrap();
        assert_eq!(words.note_unknown(" the cat  sat"), None);
        assert_eq!(
            words.note_unknown(" the zebra sat; zebra").unwrap(),
            "3 words are not in the vocabulary: 'zebra', ';'"
        );
        assert_eq!(words.note_unknown(" dog").unwrap(), "1 word is not in the vocabulary: 'dog'");
        assert_eq!(Tokenizer::train(Kind::Byte, ["a"]).unwrap().note_unknown("ü"), None);
    }

    #[test]
    fn characters_are_sorted_behind_the_end_symbol() {
        let tokenizer = Tokenizer::train(Kind::Character, ["cab", "äb"]).unwrap();
        assert_eq!(tokenizer.vocab_size(), 5);
        assert_eq!(tokenizer.encode("abcä").unwrap(), [1, 2, 3, 4]);
        assert_eq!(tokenizer.decode(&[4, 0, 1, 99]), "äa\u{FFFD}");
        assert_eq!(tokenizer.characters(&[4, 1, 0]), 3);
        assert_eq!(tokenizer.name(0).as_deref(), Some("<end>"));
        assert_eq!(tokenizer.name(5), None);
    }

    #[test]
    fn an_unseen_character_is_named() {
        let tokenizer = Tokenizer::train(Kind::Character, ["Strasse"]).unwrap();
        assert_eq!(
            tokenizer.encode("Straße").unwrap_err().to_string(),
            "'ß' (U+00DF) at character 5 is not in the vocabulary of 6 characters"
        );
    }

    #[test]
    fn bytes_take_any_text() {
        let tokenizer = Tokenizer::train(Kind::Byte, []).unwrap();
        let ids = tokenizer.encode("ö!").unwrap();
        assert_eq!(ids, [0xC4, 0xB7, 0x22]);
        assert_eq!(tokenizer.decode(&ids), "ö!");
        assert_eq!(tokenizer.characters(&[0xC4, 0xB7, 0x22, 0]), 3);
        assert_eq!(tokenizer.name(0xC4).as_deref(), Some("0xC3"));
        assert_eq!(tokenizer.name(257), None);
    }

    #[test]
    fn words_keep_white_space_and_know_what_they_do_not_know() {
        let text = "The cat,  the <unk> dog's\n\tthe end. the";
        let tokenizer = Tokenizer::train(WORD, [text]).unwrap();
        let ids = tokenizer.encode(text).unwrap();
        assert_eq!(tokenizer.decode(&ids), text);
        assert!(!ids.contains(&0) && !ids.contains(&1));
        assert_eq!(tokenizer.characters(&ids), text.chars().count());
        assert_eq!(tokenizer.decode(&tokenizer.encode("The bird, cat").unwrap()), "The <unk>, cat");
        assert_eq!(tokenizer.unknown_id(), Some(1));
        assert_eq!(tokenizer.name(2).as_deref(), Some(" the"), "the most frequent token comes first");
    }

    #[test]
    fn rare_words_fall_out() {
        let kind = Kind::Word { minimum_count: 2, maximum_size: 1000 };
        let tokenizer = Tokenizer::train(kind, ["a a a b b b c"]).unwrap();
        assert_eq!(tokenizer.decode(&tokenizer.encode("a a b c").unwrap()), "<unk> a b <unk>");
        let small =
            Tokenizer::train(Kind::Word { minimum_count: 1, maximum_size: 5 }, ["a b c d e"]).unwrap();
        assert_eq!(small.vocab_size(), 5);
        assert!(Tokenizer::train(Kind::Word { minimum_count: 1, maximum_size: 3 }, ["a"]).is_err());
        assert!(Tokenizer::train(Kind::Character, [""]).is_err());
    }
}
