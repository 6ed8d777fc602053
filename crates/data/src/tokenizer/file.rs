//! The form in which a tokenizer is stored: `tokenizer.json`. Sub-words have Hugging Face's format, whose version is a
//! text; the others have one of their own, whose version is a number.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{END, Subwords, Tokenizer, TokenizerError, UNKNOWN, Vocabulary, words};

/// Version of this program's own format.
pub const VERSION: u64 = 1;

/// `tokens` lists the tokens by id, the special ones first; for bytes it is left out.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct TokenizerFile {
    version: u64,
    kind: StoredKind,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    tokens: Vec<String>,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum StoredKind {
    Character,
    Byte,
    Word,
}

impl Tokenizer {
    /// Reads what [`to_json`](Self::to_json) wrote, or a file in Hugging Face's format as
    /// [`from_huggingface`](Self::from_huggingface) does.
    ///
    /// # Errors
    /// Another version; no JSON; tokens that are missing, double, or none that this kind could produce; for Hugging Face's
    /// format those of [`from_huggingface`](Self::from_huggingface).
    pub fn from_json(json: &str) -> Result<Self, TokenizerError> {
        #[derive(Deserialize)]
        struct OfVersion {
            version: Value,
        }
        let damaged = |e: serde_json::Error| TokenizerError::Damaged(e.to_string());
        // The version comes first: a file of another version may have any other field.
        let OfVersion { version } = serde_json::from_str(json).map_err(damaged)?;
        match version.as_u64() {
            Some(VERSION) => serde_json::from_str::<TokenizerFile>(json).map_err(damaged)?.try_into(),
            Some(version) => Err(TokenizerError::Version(version)),
            None if version.is_string() => Self::from_huggingface(json, None),
            None => Err(TokenizerError::Damaged(format!("its version is {version}"))),
        }
    }

    /// Reads the `tokenizer.json` of Hugging Face's `tokenizers`, which has to work on bytes as GPT-2's does. `end` names
    /// the token that closes a piece; without it, it is the special token that the file puts behind a text, or else the
    /// one that has a usual name (`<|endoftext|>`, `</s>` …).
    ///
    /// # Errors
    /// No such file, one that does not work on bytes, or has no such token.
    pub fn from_huggingface(json: &str, end: Option<&str>) -> Result<Self, TokenizerError> {
        let subwords = Subwords::from_json(json, end)?;
        Ok(Tokenizer { vocabulary: Vocabulary::Subwords(Box::new(subwords)) })
    }

    /// The stored form, in JSON.
    pub fn to_json(&self) -> String {
        let (kind, tokens) = match &self.vocabulary {
            Vocabulary::Subwords(subwords) => return subwords.to_json(),
            Vocabulary::Character(known) => {
                let characters = known.iter().map(char::to_string);
                (StoredKind::Character, std::iter::once(END.to_owned()).chain(characters).collect())
            }
            Vocabulary::Byte => (StoredKind::Byte, vec![]),
            Vocabulary::Word { tokens, .. } => (StoredKind::Word, tokens.clone()),
        };
        let file = TokenizerFile { version: VERSION, kind, tokens };
        serde_json::to_string(&file).expect("strings and numbers can always be written")
    }
}

impl TryFrom<TokenizerFile> for Tokenizer {
    type Error = TokenizerError;

    fn try_from(file: TokenizerFile) -> Result<Self, TokenizerError> {
        let damaged = |what: String| Err(TokenizerError::Damaged(what));
        let special: &[&str] = match file.kind {
            StoredKind::Character => &[END],
            StoredKind::Byte => &[],
            StoredKind::Word => &[END, UNKNOWN],
        };
        let count = file.tokens.len();
        if count < special.len() || file.tokens.iter().zip(special).any(|(token, special)| token != special) {
            return damaged(format!("its list of tokens does not begin with {}", special.join(", ")));
        }
        if u32::try_from(count).is_err() {
            return damaged(format!("{count} tokens are more than ids have room for"));
        }
        let ordinary = &file.tokens[special.len()..];
        let mut seen = HashSet::new();
        if let Some(double) = ordinary.iter().find(|token| !seen.insert(token.as_str())) {
            return damaged(format!("the token {double:?} is listed twice"));
        }
        let vocabulary = match file.kind {
            StoredKind::Byte if count > 0 => return damaged("a byte tokenizer lists no tokens".into()),
            StoredKind::Byte => Vocabulary::Byte,
            StoredKind::Character => {
                let mut characters = Vec::with_capacity(ordinary.len());
                for token in ordinary {
                    let mut of_token = token.chars();
                    match (of_token.next(), of_token.next()) {
                        (Some(character), None) => characters.push(character),
                        _ => return damaged(format!("the token {token:?} is not one character")),
                    }
                }
                if characters.is_empty() || !characters.is_sorted() {
                    return damaged("its characters are not one or more in the order of code points".into());
                }
                Vocabulary::Character(characters)
            }
            StoredKind::Word => {
                let is_segment = |token: &&String| words::segments(token).count() == 1;
                if let Some(token) = ordinary.iter().find(|token| !is_segment(token)) {
                    return damaged(format!("the token {token:?} is not one word or character"));
                }
                Vocabulary::words(ordinary.to_vec())
            }
        };
        Ok(Tokenizer { vocabulary })
    }
}

#[cfg(test)]
mod tests {
    use super::super::Kind;
    use super::*;

    #[test]
    fn every_kind_is_stored_and_read() {
        let word = Kind::Word { minimum_count: 1, maximum_size: 50 };
        for kind in [Kind::Character, Kind::Byte, word] {
            let tokenizer = Tokenizer::train(kind, ["Grüße an <end> alle \u{1F600}\n"]).unwrap();
            assert_eq!(Tokenizer::from_json(&tokenizer.to_json()).unwrap(), tokenizer);
        }
        let small = Tokenizer::train(Kind::Character, ["ba\n"]).unwrap();
        assert_eq!(small.to_json(), r#"{"version":1,"kind":"character","tokens":["<end>","\n","a","b"]}"#);
    }

    #[test]
    fn damage_is_told() {
        for (json, expected) in [
            (r#"{"version":2,"merges":[]}"#, "has version 2, this program reads version 1"),
            ("", "EOF"),
            (r#"{"version":1,"kind":"letter"}"#, "unknown variant `letter`"),
            (r#"{"version":1,"kind":"byte","colour":3}"#, "unknown field `colour`"),
            (r#"{"version":1,"kind":"byte","tokens":["a"]}"#, "lists no tokens"),
            (r#"{"version":1,"kind":"character"}"#, "does not begin with <end>"),
            (r#"{"version":1,"kind":"character","tokens":["<end>"]}"#, "one or more"),
            (r#"{"version":1,"kind":"character","tokens":["<end>","ab"]}"#, r#""ab" is not one character"#),
            (r#"{"version":1,"kind":"character","tokens":["<end>","b","a"]}"#, "order of code points"),
            (r#"{"version":1,"kind":"character","tokens":["<end>","a","a"]}"#, r#""a" is listed twice"#),
            (r#"{"version":1,"kind":"word","tokens":["<end>","a"]}"#, "does not begin with <end>, <unk>"),
            (r#"{"version":1,"kind":"word","tokens":["<end>","<unk>","a b"]}"#, "not one word"),
        ] {
            let message = Tokenizer::from_json(json).unwrap_err().to_string();
            assert!(message.contains(expected), "{json}: {message}");
        }
    }
}
