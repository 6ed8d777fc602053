//! What a text goes on from.

use anaphora_data::Tokenizer;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::error::{ApiError, ApiResult};

/// A prompt or several, as texts or as tokens.
#[derive(Clone, Debug, Deserialize, Serialize, ToSchema)]
#[serde(
    untagged,
    expecting = "a text, a list of texts, a list of tokens or a list of lists of tokens is needed"
)]
pub enum Prompt {
    /// One text.
    Text(String),
    /// Several.
    Texts(Vec<String>),
    /// One, as tokens.
    Tokens(Vec<u32>),
    /// Several.
    Lists(Vec<Vec<u32>>),
}

/// A prompt as the model reads it: an end of a piece in front, of which `shown` tokens are the request's own.
#[derive(Clone, Debug)]
pub struct Read {
    /// All tokens.
    pub ids: Vec<u32>,
    /// How many of them, the last ones, the request named.
    pub shown: usize,
}

impl Read {
    /// A text.
    ///
    /// # Errors
    /// Symbols that the model does not know.
    pub fn text(text: &str, field: &str, tokenizer: &Tokenizer) -> ApiResult<Self> {
        let mut ids = vec![tokenizer.end_id()];
        let encoded = tokenizer.encode_into(text, &mut ids);
        encoded.map_err(|error| ApiError::field(field, error.to_string()))?;
        Ok(Self { shown: ids.len() - 1, ids })
    }

    fn tokens(tokens: &[u32], field: &str, tokenizer: &Tokenizer) -> ApiResult<Self> {
        let (size, end) = (tokenizer.vocab_size(), tokenizer.end_id());
        if let Some(id) = tokens.iter().find(|&&id| id as usize >= size) {
            return Err(ApiError::field(field, format!("token {id} is none of the model's {size}")));
        }
        let ids = if tokens.first() == Some(&end) { tokens.to_vec() } else { [&[end], tokens].concat() };
        Ok(Self { shown: tokens.len(), ids })
    }

    /// The tokens that the request named.
    pub fn own(&self) -> &[u32] {
        &self.ids[self.ids.len() - self.shown..]
    }
}

impl Prompt {
    /// The prompts as the model reads them.
    ///
    /// # Errors
    /// None at all, tokens that there are not, symbols that the model does not know; said of `field`.
    pub fn read(&self, field: &str, tokenizer: &Tokenizer) -> ApiResult<Vec<Read>> {
        let all: Vec<Read> = match self {
            Self::Text(one) => vec![Read::text(one, field, tokenizer)?],
            Self::Texts(all) => {
                all.iter().map(|text| Read::text(text, field, tokenizer)).collect::<ApiResult<_>>()?
            }
            Self::Tokens(one) if !one.is_empty() => vec![Read::tokens(one, field, tokenizer)?],
            Self::Tokens(_) => Vec::new(),
            Self::Lists(all) => {
                all.iter().map(|ids| Read::tokens(ids, field, tokenizer)).collect::<ApiResult<_>>()?
            }
        };
        if all.is_empty() {
            return Err(ApiError::field(
                field,
                format!("{field} is an empty list; it takes one text or more"),
            ));
        }
        Ok(all)
    }
}
