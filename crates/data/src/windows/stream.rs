//! Pieces as tokens, one behind the other.

use std::ops::Range;
use std::path::{Path, PathBuf};

use super::shard::{Header, Shard, ShardError, Writer};
use crate::error::DataError;
use crate::section::Section;
use crate::texts::Event;
use crate::tokenizer::{Tokenizer, TokenizerError};

/// Tokens that are kept in memory at most.
const IN_MEMORY: usize = 16 << 20;

/// Bytes that are turned into tokens, or tokens into bytes, at once.
const PART: usize = 1 << 13;

/// Why there is no stream of some texts.
#[derive(Debug, thiserror::Error)]
pub enum StreamError {
    /// They cannot be read.
    #[error(transparent)]
    Data(#[from] DataError),
    /// They cannot be encoded.
    #[error(transparent)]
    Tokenizer(#[from] TokenizerError),
    /// Their tokens cannot be kept.
    #[error(transparent)]
    Shard(#[from] ShardError),
}

/// Where a stream goes that is too large to be kept in memory.
#[derive(Debug, Clone)]
pub struct Spill {
    file: Option<PathBuf>,
    /// Tokens up to which it stays in memory.
    above: usize,
}

impl Spill {
    /// A stream of more than 16 Mi tokens goes to this file, in a folder that is made where it is missing.
    pub fn to(file: impl Into<PathBuf>) -> Self {
        Spill { file: Some(file.into()), above: IN_MEMORY }
    }

    /// A stream of more than 16 Mi tokens goes to a file that is gone with this process.
    pub fn to_scratch() -> Self {
        Spill { file: None, above: IN_MEMORY }
    }

    /// The same for streams of more than so many tokens.
    pub fn above(self, tokens: usize) -> Self {
        Spill { above: tokens, ..self }
    }
}

/// The tokens of all pieces, each closed by the end symbol. They lie in memory, or, where there are many, in a file.
#[derive(Debug)]
pub struct TokenStream {
    store: Store,
    /// Bytes a token: 1, 2 or 4, as many as its vocabulary needs.
    width: usize,
    /// Where each piece ends, its end symbol included.
    ends: Vec<usize>,
    fingerprint: u64,
}

/// Tokens as bytes.
#[derive(Debug)]
enum Store {
    Memory(Vec<u8>),
    File(Shard),
}

impl TokenStream {
    /// Encodes the pieces of a section.
    ///
    /// # Errors
    /// A character that the tokenizer does not know, with the line of its piece; a section that cannot be read; a file that
    /// cannot be written.
    pub fn of(tokenizer: &Tokenizer, section: &Section, spill: &Spill) -> Result<Self, StreamError> {
        let mut builder = StreamBuilder::new(tokenizer.vocab_size(), spill);
        // The text of a piece that must be encoded as a whole.
        let mut whole = String::new();
        let (mut first_line, mut tokens) = (0, vec![]);
        section.replay(|event| {
            let mut encode = |text: &str, builder: &mut StreamBuilder| {
                tokens.clear();
                let encoded = tokenizer.encode_into(text, &mut tokens);
                encoded.map_err(|error| in_piece(error, first_line, builder.open()))?;
                Ok::<_, StreamError>(builder.push(&tokens)?)
            };
            match event {
                Event::Begin { line, .. } => first_line = line,
                Event::Text(text) if tokenizer.takes_stretches() => encode(text, &mut builder)?,
                Event::Text(text) => whole.push_str(text),
                Event::End => {
                    if !whole.is_empty() {
                        encode(&whole, &mut builder)?;
                        whole.clear();
                    }
                    builder.end(tokenizer.end_id())?;
                }
            }
            Ok::<_, StreamError>(())
        })?;
        Ok(builder.finish()?)
    }

    /// Opens the file to which a stream went earlier; its tokens are below `symbols`.
    ///
    /// # Errors
    /// A file that cannot be read, that is damaged or of other symbols.
    pub fn open(path: &Path, symbols: usize) -> Result<Self, ShardError> {
        let width = width(symbols);
        let (mut fingerprint, mut largest) = (FINGERPRINT, 0);
        let (shard, header, ends) = Shard::open(path, |bytes| {
            for_each_token(bytes, width, |token| {
                fingerprint = mixed(fingerprint, token);
                largest = largest.max(token);
            });
        })?;
        let damaged =
            |reason: &str| Err(ShardError::Damaged { path: path.to_owned(), reason: reason.to_owned() });
        if header.width != width || largest as usize >= symbols {
            return damaged(&format!("its tokens are not those of a vocabulary of {symbols}"));
        }
        if header.fingerprint != fingerprint {
            return damaged("its tokens have changed since they were written");
        }
        Ok(TokenStream { store: Store::File(shard), width, ends, fingerprint })
    }

    /// Number of tokens, which is the number of predictions in an epoch.
    pub fn len(&self) -> usize {
        self.ends.last().copied().unwrap_or(0)
    }

    /// Whether there is no piece.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Whether the tokens lie in a file.
    pub fn is_in_file(&self) -> bool {
        matches!(self.store, Store::File(_))
    }

    /// Number of pieces.
    pub fn piece_count(&self) -> usize {
        self.ends.len()
    }

    /// Where the tokens of piece `index` lie, its end symbol included.
    ///
    /// # Panics
    /// If there is no such piece.
    pub fn range(&self, index: usize) -> Range<usize> {
        let start = if index == 0 { 0 } else { self.ends[index - 1] };
        start..self.ends[index]
    }

    /// A number that differs, all but surely, for other tokens.
    pub fn fingerprint(&self) -> u64 {
        self.fingerprint
    }

    /// Appends the tokens of a range to `into`.
    ///
    /// # Errors
    /// A file that cannot be read.
    ///
    /// # Panics
    /// If the range reaches over the end.
    pub fn read(&self, range: Range<usize>, into: &mut Vec<u32>) -> Result<(), ShardError> {
        assert!(range.end <= self.len(), "tokens {range:?} of {}", self.len());
        let width = self.width;
        match &self.store {
            Store::Memory(bytes) => {
                for_each_token(&bytes[range.start * width..range.end * width], width, |token| {
                    into.push(token)
                });
            }
            Store::File(shard) => {
                let mut buffer = [0; PART];
                for first in range.clone().step_by(PART / width) {
                    let bytes = &mut buffer[..(range.end - first).min(PART / width) * width];
                    shard.read(first, bytes)?;
                    for_each_token(bytes, width, |token| into.push(token));
                }
            }
        }
        Ok(())
    }

    /// Shows all tokens, some at a time.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn each_part(&self, mut see: impl FnMut(&[u32])) -> Result<(), ShardError> {
        let mut tokens = vec![];
        for first in (0..self.len()).step_by(PART) {
            tokens.clear();
            self.read(first..self.len().min(first + PART), &mut tokens)?;
            see(&tokens);
        }
        Ok(())
    }
}

/// Puts a stream together, token by token.
#[derive(Debug)]
pub struct StreamBuilder {
    spill: Spill,
    width: usize,
    /// Tokens that are not in the file, as bytes.
    bytes: Vec<u8>,
    file: Option<Writer>,
    tokens: usize,
    ends: Vec<usize>,
    fingerprint: u64,
}

impl StreamBuilder {
    /// Begins a stream of tokens below `symbols`.
    pub fn new(symbols: usize, spill: &Spill) -> Self {
        StreamBuilder {
            spill: spill.clone(),
            width: width(symbols),
            bytes: vec![],
            file: None,
            tokens: 0,
            ends: vec![],
            fingerprint: FINGERPRINT,
        }
    }

    /// Appends tokens to the open piece.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn push(&mut self, tokens: &[u32]) -> Result<(), ShardError> {
        for tokens in tokens.chunks(PART) {
            match self.width {
                1 => self.bytes.extend(tokens.iter().map(|&token| token as u8)),
                2 => self.bytes.extend(tokens.iter().flat_map(|&token| (token as u16).to_le_bytes())),
                _ => self.bytes.extend(tokens.iter().flat_map(|&token| token.to_le_bytes())),
            }
            self.fingerprint = tokens.iter().fold(self.fingerprint, |hash, &token| mixed(hash, token));
            self.tokens += tokens.len();
            if self.tokens > self.spill.above {
                self.flush()?;
            }
        }
        Ok(())
    }

    /// Closes the open piece with its end symbol.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn end(&mut self, end_id: u32) -> Result<(), ShardError> {
        self.push(&[end_id])?;
        self.ends.push(self.tokens);
        Ok(())
    }

    /// Tokens of the open piece.
    fn open(&self) -> usize {
        self.tokens - self.ends.last().copied().unwrap_or(0)
    }

    fn flush(&mut self) -> Result<(), ShardError> {
        let file = match &mut self.file {
            Some(file) => file,
            None => self.file.insert(Writer::create(self.spill.file.as_deref())?),
        };
        file.write(&self.bytes)?;
        if self.bytes.len() > PART * 4 {
            // What was to be kept in memory.
            self.bytes = vec![];
        }
        self.bytes.clear();
        Ok(())
    }

    /// The stream of the pieces that have been closed.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn finish(mut self) -> Result<TokenStream, ShardError> {
        let Self { width, tokens, fingerprint, .. } = self;
        debug_assert_eq!(self.open(), 0, "a piece that is not closed");
        let store = match self.file.take() {
            None => {
                self.bytes.shrink_to_fit();
                Store::Memory(self.bytes)
            }
            Some(mut file) => {
                file.write(&self.bytes)?;
                let header = Header { width, tokens, pieces: self.ends.len(), fingerprint };
                Store::File(file.finish(header, &self.ends)?)
            }
        };
        self.ends.shrink_to_fit();
        Ok(TokenStream { store, width, ends: self.ends, fingerprint })
    }
}

/// Bytes that a token takes.
fn width(symbols: usize) -> usize {
    match symbols {
        0..=0x100 => 1,
        0x101..=0x1_0000 => 2,
        _ => 4,
    }
}

fn for_each_token(bytes: &[u8], width: usize, mut see: impl FnMut(u32)) {
    match width {
        1 => bytes.iter().for_each(|&byte| see(byte.into())),
        2 => bytes.as_chunks().0.iter().for_each(|&pair| see(u16::from_le_bytes(pair).into())),
        _ => bytes.as_chunks().0.iter().for_each(|&four| see(u32::from_le_bytes(four))),
    }
}

/// FNV-1a, over whole tokens.
const FINGERPRINT: u64 = 0xCBF2_9CE4_8422_2325;

fn mixed(hash: u64, token: u32) -> u64 {
    (hash ^ u64::from(token)).wrapping_mul(0x0100_0000_01B3)
}

/// Where a text cannot be encoded: in which piece, and behind the characters that have been encoded of it.
fn in_piece(mut error: TokenizerError, line: usize, before: usize) -> TokenizerError {
    if let TokenizerError::UnseenCharacter { position, .. } = &mut error {
        *position += before;
    }
    TokenizerError::InPiece { line, source: Box::new(error) }
}

#[cfg(test)]
mod tests;
