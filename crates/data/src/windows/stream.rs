//! Pieces as tokens, one behind the other.

use crate::pieces::Piece;
use crate::tokenizer::{Tokenizer, TokenizerError};

/// The tokens of all pieces, each closed by the end symbol.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenStream {
    tokens: Vec<u32>,
    /// Where each piece ends, its end symbol included.
    ends: Vec<usize>,
    fingerprint: u64,
}

impl TokenStream {
    /// Encodes pieces.
    ///
    /// # Errors
    /// A character that the tokenizer does not know, with the line of its piece.
    pub fn new(tokenizer: &Tokenizer, pieces: &[Piece]) -> Result<Self, TokenizerError> {
        let mut tokens = Vec::with_capacity(pieces.iter().map(|p| p.text.len() + 1).sum());
        let mut ends = Vec::with_capacity(pieces.len());
        for piece in pieces {
            tokenizer
                .encode_into(&piece.text, &mut tokens)
                .map_err(|e| TokenizerError::InPiece { line: piece.line, source: Box::new(e) })?;
            tokens.push(tokenizer.end_id());
            ends.push(tokens.len());
        }
        Ok(Self::close(tokens, ends))
    }

    /// Pieces that are tokens already, without their end symbols.
    pub fn from_tokens<P: AsRef<[u32]>>(pieces: impl IntoIterator<Item = P>, end_id: u32) -> Self {
        let (mut tokens, mut ends) = (vec![], vec![]);
        for piece in pieces {
            tokens.extend_from_slice(piece.as_ref());
            tokens.push(end_id);
            ends.push(tokens.len());
        }
        Self::close(tokens, ends)
    }

    fn close(tokens: Vec<u32>, ends: Vec<usize>) -> Self {
        // FNV-1a, over whole tokens.
        let fingerprint = tokens
            .iter()
            .fold(0xCBF2_9CE4_8422_2325_u64, |hash, &t| (hash ^ u64::from(t)).wrapping_mul(0x0100_0000_01B3));
        TokenStream { tokens, ends, fingerprint }
    }

    /// All tokens, end symbols included.
    pub fn tokens(&self) -> &[u32] {
        &self.tokens
    }

    /// Number of tokens, which is the number of predictions in an epoch.
    pub fn len(&self) -> usize {
        self.tokens.len()
    }

    /// Whether there is no piece.
    pub fn is_empty(&self) -> bool {
        self.tokens.is_empty()
    }

    /// Number of pieces.
    pub fn piece_count(&self) -> usize {
        self.ends.len()
    }

    /// Where the tokens of piece `index` lie, its end symbol included.
    ///
    /// # Panics
    /// If there is no such piece.
    pub fn range(&self, index: usize) -> std::ops::Range<usize> {
        let start = if index == 0 { 0 } else { self.ends[index - 1] };
        start..self.ends[index]
    }

    /// A number that differs, all but surely, for other tokens.
    pub fn fingerprint(&self) -> u64 {
        self.fingerprint
    }
}
