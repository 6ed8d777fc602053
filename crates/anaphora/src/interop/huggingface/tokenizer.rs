//! `tokenizer.json` as Hugging Face's `tokenizers` writes it. Sub-words have that form already; characters and bytes are
//! put into it here.

use std::path::Path;

use anaphora_data::{Tokenizer, TokenizerError};
use serde_json::{Map, Value, json};

use crate::error::{Error, Result};

/// What GPT-2 calls the token that closes a text.
const END: &str = "<|endoftext|>";

/// Each character by itself, line ends too.
const EACH: &str = r"[\s\S]";

/// Reads a file; `end_id` is the token that closes a text, where the configuration says it.
pub(super) fn from_huggingface(text: &str, end_id: Option<u64>) -> Result<Tokenizer, TokenizerError> {
    // What is no JSON is refused there, in that reader's words.
    let file: Value = serde_json::from_str(text).unwrap_or_default();
    if file["pre_tokenizer"]["pattern"]["Regex"] == EACH && file["model"]["type"] == "WordLevel" {
        return characters(&file["model"]["vocab"]);
    }
    let added = file["added_tokens"].as_array().into_iter().flatten();
    let mut named = added.filter(|token| end_id.is_some() && token["id"].as_u64() == end_id);
    let in_vocabulary = || {
        let vocabulary = file["model"]["vocab"].as_object()?;
        let (name, _) = vocabulary.iter().find(|(_, id)| end_id.is_some() && id.as_u64() == end_id)?;
        Some(name.as_str())
    };
    let end = named.next().and_then(|token| token["content"].as_str()).or_else(in_vocabulary);
    Tokenizer::from_huggingface(text, end)
}

/// The `tokenizer.json` of a GPT-2 whose tokens and merges are in the two files of earlier versions; `end_id` closes a text.
pub(super) fn join(vocabulary: &str, merges: &str, end_id: Option<u64>) -> Result<String, String> {
    let vocabulary: Map<String, Value> = serde_json::from_str(vocabulary)
        .map_err(|error| format!("an object of tokens and their numbers is needed ({error})"))?;
    // The first line may be a comment with the version.
    let merges: Vec<&str> =
        merges.lines().filter(|line| !line.starts_with("#version") && !line.is_empty()).collect();
    let numbered = vocabulary.iter().find(|(_, id)| end_id.is_some() && id.as_u64() == end_id);
    let (end, id) = match numbered.or_else(|| vocabulary.get_key_value(END)) {
        Some((end, id)) => (end.clone(), id.clone()),
        // Its own tokenizer puts it behind the others then.
        None if end_id.is_none_or(|id| id == vocabulary.len() as u64) => {
            (END.to_owned(), json!(vocabulary.len()))
        }
        None => {
            return Err(format!(
                "token {} is in none of the files, and config.json has it close a text",
                end_id.unwrap_or_default()
            ));
        }
    };
    let level = |use_regex| json!({ "type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": use_regex });
    let model = json!({ "type": "BPE", "vocab": vocabulary, "merges": merges });
    Ok(whole((&end, id), level(true), level(true), model).to_string())
}

/// A tokenizer of characters, from their numbers.
fn characters(vocabulary: &Value) -> Result<Tokenizer, TokenizerError> {
    let numbered = vocabulary.as_object().into_iter().flatten();
    let mut tokens: Vec<_> = numbered.map(|(token, id)| (id.as_u64(), token)).collect();
    tokens.sort();
    let gap = tokens.iter().enumerate().find(|(place, (id, _))| *id != Some(*place as u64));
    if let Some((_, (_, token))) = gap {
        let what = format!("{token:?} has a number that does not follow on the others'");
        return Err(TokenizerError::Damaged(what));
    }
    let tokens: Vec<_> = tokens.into_iter().map(|(_, token)| token).collect();
    Tokenizer::from_json(&json!({ "version": 1, "kind": "character", "tokens": tokens }).to_string())
}

/// A run's tokenizer in Hugging Face's form.
pub(super) fn to_huggingface(run: &Path, tokenizer: &Tokenizer) -> Result<Value> {
    let file: Value = serde_json::from_str(&tokenizer.to_json()).expect("what was written here is JSON");
    let end = tokenizer.name(tokenizer.end_id()).unwrap_or_default();
    match file["kind"].as_str() {
        None => Ok(file),
        Some("character") => {
            let tokens = file["tokens"].as_array().into_iter().flatten().filter_map(Value::as_str);
            let vocabulary = tokens.enumerate().map(|(id, token)| (token.to_owned(), json!(id))).collect();
            Ok(whole(
                (&end, json!(0)),
                json!({
                    "type": "Split",
                    "pattern": { "Regex": EACH },
                    "behavior": "Isolated",
                    "invert": false,
                }),
                json!({ "type": "Fuse" }),
                // No token is the unknown one: what is not in the vocabulary is refused, as it is here.
                json!({ "type": "WordLevel", "vocab": Value::Object(vocabulary), "unk_token": "<unk>" }),
            ))
        }
        Some("byte") => {
            let bytes = (0..=255).map(|byte| (visible(byte).to_string(), json!(u32::from(byte) + 1)));
            let vocabulary: Map<_, _> = bytes.chain([(end.clone(), json!(tokenizer.end_id()))]).collect();
            let byte_level = json!({
                "type": "ByteLevel",
                "add_prefix_space": false,
                "trim_offsets": true,
                "use_regex": false,
            });
            let model = json!({ "type": "BPE", "vocab": vocabulary, "merges": [] });
            Ok(whole((&end, json!(0)), byte_level.clone(), byte_level, model))
        }
        Some(kind) => Err(Error::NotGpt2 {
            path: run.to_owned(),
            field: "data.tokenizer",
            found: kind.to_owned(),
            wanted: "characters, bytes or sub-words",
        }),
    }
}

fn whole((end, id): (&str, Value), pre_tokenizer: Value, decoder: Value, model: Value) -> Value {
    json!({
        "version": "1.0",
        "truncation": null,
        "padding": null,
        "added_tokens": [{
            "id": id,
            "content": end,
            "single_word": false,
            "lstrip": false,
            "rstrip": false,
            "normalized": false,
            "special": true,
        }],
        "normalizer": null,
        "pre_tokenizer": pre_tokenizer,
        "post_processor": null,
        "decoder": decoder,
        "model": model,
    })
}

/// The character that stands for a byte in GPT-2's vocabularies: itself where it is visible, else one from U+0100 on.
fn visible(byte: u8) -> char {
    let shown = |byte: u8| matches!(byte, b'!'..=b'~' | 0xA1..=0xAC | 0xAE..=0xFF);
    if shown(byte) {
        return char::from(byte);
    }
    let hidden_before = (0..byte).filter(|&byte| !shown(byte)).count() as u32;
    char::from_u32(0x100 + hidden_before).expect("there are 68 of them")
}
