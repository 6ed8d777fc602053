//! Sub-words through the `tokenizers` crate, all of them over bytes, so that no text is unknown and every text comes
//! back as it was.
//!
//! The three kinds see a text in the same spelling, that of GPT-2: it is cut into words, each with the space before it,
//! and each byte stands as one visible character (a space as `Ġ`). What differs is how a word is made of tokens.

mod training;

use std::str::FromStr;

use serde_json::Value;
use tokenizers::decoders::DecoderWrapper;
use tokenizers::models::ModelWrapper;
use tokenizers::pre_tokenizers::PreTokenizerWrapper;
use tokenizers::processors::PostProcessorWrapper;
use tokenizers::processors::template::TemplateProcessing;

use super::{END, TokenizerError};

pub(super) use training::{bpe, unigram, wordpiece};

/// Names under which files of other makers have the token that closes a piece, the surest first.
const ENDS: [&str; 8] =
    [END, "<|endoftext|>", "</s>", "<|end_of_text|>", "<|im_end|>", "<eos>", "[EOS]", "[SEP]"];

/// Bytes from which a text is encoded in parts.
const CHUNK: usize = 1 << 16;
/// Parts that are encoded side by side.
const CHUNKS_AT_ONCE: usize = 32;

/// A sub-word tokenizer.
#[derive(Debug, Clone)]
pub(super) struct Subwords {
    inner: tokenizers::Tokenizer,
    /// By id.
    tokens: Vec<Token>,
    /// The token that closes a piece.
    pub end_id: u32,
    /// Whether a text may be encoded in the parts that [`chunks`] gives.
    pub divisible: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Token {
    /// As it stands in the file.
    spelling: String,
    /// What it adds to a text; nothing if special.
    bytes: Vec<u8>,
    special: bool,
}

impl PartialEq for Subwords {
    fn eq(&self, other: &Self) -> bool {
        self.end_id == other.end_id && self.tokens == other.tokens && self.to_json() == other.to_json()
    }
}

impl Eq for Subwords {}

/// Refuses a model of merged pairs where two tokens that are merged give no third.
fn check_merges(model: &Value) -> Result<(), TokenizerError> {
    let (Some(vocab), Some(merges)) = (model["vocab"].as_object(), model["merges"].as_array()) else {
        return Ok(());
    };
    if model["continuing_subword_prefix"].as_str().is_some_and(|prefix| !prefix.is_empty()) {
        return Err(TokenizerError::NotBytes);
    }
    for merge in merges {
        let pair = match merge {
            Value::String(pair) => pair.split_once(' '),
            pair => pair[0].as_str().zip(pair[1].as_str()),
        };
        let merged = pair.map(|(a, b)| format!("{a}{b}"));
        if !merged.is_some_and(|merged| vocab.contains_key(&merged)) {
            return Err(TokenizerError::Damaged(format!(
                "its merge {merge} gives no token of its vocabulary"
            )));
        }
    }
    Ok(())
}

/// Whether a normaliser is, or holds, one with a table of SentencePiece's, which does not work on bytes.
fn has_precompiled(normalizer: &Value) -> bool {
    match normalizer {
        Value::Object(fields) => {
            fields.get("type").is_some_and(|kind| kind == "Precompiled")
                || fields.contains_key("precompiled_charsmap")
                || fields.values().any(has_precompiled)
        }
        Value::Array(several) => several.iter().any(has_precompiled),
        _ => false,
    }
}

impl Subwords {
    /// Reads Hugging Face's format. `end` names the token that closes a piece; without it, the file says or implies it.
    pub fn from_json(json: &str, end: Option<&str>) -> Result<Self, TokenizerError> {
        // The library panics at a decoder that is no JSON, at the normaliser of SentencePiece where its table is damaged, and at
        // merges that give no token.
        let value: Value =
            serde_json::from_str(json).map_err(|error| TokenizerError::Damaged(error.to_string()))?;
        if has_precompiled(&value["normalizer"]) {
            return Err(TokenizerError::NotBytes);
        }
        check_merges(&value["model"])?;
        let inner = tokenizers::Tokenizer::from_str(json);
        Self::new(inner.map_err(|error| TokenizerError::Damaged(one_line(&*error)))?, end)
    }

    fn new(mut inner: tokenizers::Tokenizer, end: Option<&str>) -> Result<Self, TokenizerError> {
        let damaged = |what: String| TokenizerError::Damaged(what);
        if !decodes_bytes(inner.get_decoder()) {
            return Err(TokenizerError::NotBytes);
        }
        // Whole texts are wanted, and a text that merely looks like a special token is text.
        inner.with_truncation(None).map_err(|error| damaged(one_line(&*error)))?;
        inner.with_padding(None).set_encode_special_tokens(true);
        let end = close_with(&mut inner, end)?;
        let tokens = tokens(&inner)?;
        let end_id = inner.token_to_id(&end).ok_or(TokenizerError::NoEnd)?;
        let divisible = inner.get_normalizer().is_none() && cuts_lines(inner.get_pre_tokenizer());
        Ok(Subwords { inner, tokens, end_id, divisible })
    }

    /// Hugging Face's format.
    pub fn to_json(&self) -> String {
        self.inner.to_string(true).expect("what was read or trained can be written")
    }

    pub fn vocab_size(&self) -> usize {
        self.tokens.len()
    }

    pub fn encode_into(&self, text: &str, ids: &mut Vec<u32>) -> Result<(), TokenizerError> {
        let chunks: Vec<&str> = if self.divisible { chunks(text, CHUNK).collect() } else { vec![text] };
        for chunks in chunks.chunks(CHUNKS_AT_ONCE) {
            let encoded = self.inner.encode_batch_fast(chunks.to_vec(), false);
            let encoded = encoded.map_err(|error| TokenizerError::Encoding(one_line(&*error)))?;
            encoded.iter().for_each(|part| ids.extend_from_slice(part.get_ids()));
        }
        Ok(())
    }

    /// The bytes that a token adds to a text; none for an id beyond the vocabulary.
    pub fn bytes(&self, id: u32) -> Option<&[u8]> {
        self.tokens.get(id as usize).map(|token| &token.bytes[..])
    }

    /// How many characters begin in a token, a special one counted as one.
    pub fn characters(&self, id: u32) -> usize {
        match self.tokens.get(id as usize) {
            Some(token) if !token.special => {
                token.bytes.iter().filter(|byte| !(0x80..0xC0).contains(*byte)).count()
            }
            _ => 1,
        }
    }

    /// A token's printable name.
    pub fn name(&self, id: u32) -> Option<String> {
        let token = self.tokens.get(id as usize)?;
        if token.special {
            return Some(token.spelling.clone());
        }
        let mut name = String::new();
        if token.spelling.starts_with(continuing_prefix(&self.inner)) {
            name.push_str(continuing_prefix(&self.inner));
        }
        for chunk in token.bytes.utf8_chunks() {
            name.extend(chunk.valid().escape_debug());
            chunk.invalid().iter().for_each(|byte| name.push_str(&format!("0x{byte:02X}")));
        }
        Some(name)
    }
}

/// Every token by id.
fn tokens(inner: &tokenizers::Tokenizer) -> Result<Vec<Token>, TokenizerError> {
    let vocabulary = inner.get_vocab(true);
    let added = inner.get_added_tokens_decoder();
    let prefix = continuing_prefix(inner);
    let count = vocabulary.len();
    let mut tokens: Vec<Option<Token>> = vec![None; count];
    for (spelling, id) in vocabulary {
        let Some(place) = tokens.get_mut(id as usize) else {
            let range = format!("{count} tokens have the ids 0 to {}", count - 1);
            return Err(TokenizerError::Damaged(format!("{spelling:?} has the id {id}, while {range}")));
        };
        let (bytes, special) = match added.get(&id) {
            Some(token) if token.special => (vec![], true),
            Some(token) => (token.content.as_bytes().to_vec(), false),
            None => (spelt_bytes(spelling.strip_prefix(prefix).unwrap_or(&spelling)), false),
        };
        *place = Some(Token { spelling, bytes, special });
    }
    // As many places as tokens: one that is free means that two share another.
    tokens
        .into_iter()
        .collect::<Option<_>>()
        .ok_or_else(|| TokenizerError::Damaged("two of its tokens have the same id".into()))
}

/// Finds the token that closes a piece, or makes `wanted` that token, in a way that the file keeps: as the special token
/// that its template puts behind a text.
fn close_with(inner: &mut tokenizers::Tokenizer, wanted: Option<&str>) -> Result<String, TokenizerError> {
    let is_special = |inner: &tokenizers::Tokenizer, name: &str| {
        inner.get_added_vocabulary().is_special_token(name) && inner.token_to_id(name).is_some()
    };
    let template = match inner.get_post_processor() {
        Some(PostProcessorWrapper::Template(template)) => serde_json::to_value(&template.single).ok(),
        _ => None,
    };
    let last = template.as_ref().and_then(|parts| parts.as_array()?.last()?["SpecialToken"]["id"].as_str());
    let template = last.map(str::to_owned);
    let known = ENDS.iter().map(|name| (*name).to_owned());
    let found = template.into_iter().chain(known).find(|name| is_special(inner, name));
    let Some(wanted) = wanted.filter(|wanted| found.as_deref() != Some(wanted)) else {
        return found.ok_or(TokenizerError::NoEnd);
    };
    let missing = || TokenizerError::NoSuchEnd(wanted.to_owned());
    let id = inner.token_to_id(wanted).ok_or_else(missing)?;
    inner.add_special_tokens([tokenizers::AddedToken::from(wanted, true)]).map_err(|_| missing())?;
    let template = TemplateProcessing::builder()
        .try_single(format!("$A {wanted}"))
        .map_err(|_| missing())?
        .special_tokens(vec![(wanted, id)])
        .build()
        .map_err(|_| missing())?;
    inner.with_post_processor(Some(template));
    Ok(wanted.to_owned())
}

/// What WordPiece puts before a token that does not begin a word; nothing for the other models.
fn continuing_prefix(inner: &tokenizers::Tokenizer) -> &str {
    match inner.get_model() {
        ModelWrapper::WordPiece(model) => &model.continuing_subword_prefix,
        _ => "",
    }
}

/// Whether tokens are bytes in the spelling that [`spelt_bytes`] reads.
fn decodes_bytes(decoder: Option<&DecoderWrapper>) -> bool {
    match decoder {
        Some(DecoderWrapper::ByteLevel(_)) => true,
        Some(DecoderWrapper::Sequence(sequence)) => {
            sequence.get_decoders().iter().any(|decoder| decodes_bytes(Some(decoder)))
        }
        _ => false,
    }
}

/// Whether words never reach over a line end, by GPT-2's own rule for them.
fn cuts_lines(pre_tokenizer: Option<&PreTokenizerWrapper>) -> bool {
    match pre_tokenizer {
        Some(PreTokenizerWrapper::ByteLevel(level)) => level.use_regex && !level.add_prefix_space,
        Some(PreTokenizerWrapper::Sequence(sequence)) => {
            sequence.as_ref().iter().any(|part| cuts_lines(Some(part)))
        }
        _ => false,
    }
}

/// Cuts a text into parts of at least `size` bytes (the last may be shorter) that give the same words as the whole:
/// behind a single line end between characters that are no white space.
fn chunks(text: &str, size: usize) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let is_border = |&at: &usize| {
            let before = rest[..at - 1].chars().next_back();
            let after = rest[at..].chars().next();
            [before, after].iter().all(|c| c.is_some_and(|c| !c.is_whitespace()))
        };
        let line_ends = rest.bytes().enumerate().skip(size.max(1) - 1).filter(|&(_, byte)| byte == b'\n');
        let cut = line_ends.map(|(at, _)| at + 1).find(is_border).unwrap_or(rest.len());
        let (chunk, after) = rest.split_at(cut);
        rest = after;
        (!chunk.is_empty()).then_some(chunk)
    })
}

/// The bytes that a token spells in GPT-2's visible characters; its own bytes if it has others too.
fn spelt_bytes(token: &str) -> Vec<u8> {
    token.chars().map(spelt_byte).collect::<Option<_>>().unwrap_or_else(|| token.as_bytes().to_vec())
}

/// The byte that a visible character stands for: the printable ones of Latin-1 for themselves, the characters from
/// U+0100 on for the others in their order (`bytes_to_unicode` of GPT-2's `encoder.py`).
fn spelt_byte(c: char) -> Option<u8> {
    let byte = match u32::from(c) {
        c @ (0x21..=0x7E | 0xA1..=0xAC | 0xAE..=0xFF) => c,
        c @ 0x100..=0x120 => c - 0x100,
        c @ 0x121..=0x142 => c - 0x121 + 0x7F,
        0x143 => 0xAD,
        _ => return None,
    };
    u8::try_from(byte).ok()
}

/// What another library says, in one line.
fn one_line(error: &(dyn std::error::Error + Send + Sync)) -> String {
    error.to_string().lines().map(str::trim).collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests;
