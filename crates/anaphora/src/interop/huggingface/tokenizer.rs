//! Tokenizers of a folder: `tokenizer.json` as Hugging Face's `tokenizers` writes it, the two files of earlier versions, and the
//! characters of a module of one's own. Sub-words have the first form already; characters and bytes are put into it here.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anaphora_data::{Tokenizer, TokenizerError};
use serde_json::{Map, Value, json};

use crate::error::{Error, Result};

pub(super) const TOKENIZER: &str = "tokenizer.json";
/// The files of a tokenizer before there was one.
const VOCABULARY: &str = "vocab.json";
const MERGES: &str = "merges.txt";

/// What GPT-2 calls the token that closes a text.
const END: &str = "<|endoftext|>";

/// Each character by itself, line ends too.
const EACH: &str = r"[\s\S]";

/// What closes a text in modules of people's own.
const ENDS: [&str; 5] = ["<end>", "<eos>", "<EOS>", "</s>", END];

/// Reads the tokenizer of a folder, and says from which file; `end_id` is the token that closes a text.
pub(super) fn read(folder: &Path, end_id: Option<u64>) -> Result<(&'static str, Tokenizer)> {
    let (name, text) = if folder.join(TOKENIZER).exists() {
        (TOKENIZER, content(folder, TOKENIZER)?)
    } else if folder.join(VOCABULARY).exists() && folder.join(MERGES).exists() {
        let path = folder.join(VOCABULARY);
        let joined = join(&content(folder, VOCABULARY)?, &content(folder, MERGES)?, end_id);
        (VOCABULARY, joined.map_err(|reason| Error::Malformed { path, reason })?)
    } else {
        let reason = format!(
            "there is no {TOKENIZER} in it, nor both {VOCABULARY} and {MERGES}; AutoTokenizer.from_pretrained(…).save_pretrained(folder) writes it"
        );
        return Err(Error::Malformed { path: folder.to_owned(), reason });
    };
    let tokenizer = from_huggingface(&text, end_id);
    Ok((name, tokenizer.map_err(|source| Error::Tokens { path: folder.join(name), source })?))
}

fn content(folder: &Path, name: &str) -> Result<String> {
    let path = folder.join(name);
    fs::read_to_string(&path).map_err(Error::io("read", path))
}

/// The symbols of a module of one's own.
pub(super) struct Vocabulary {
    pub tokenizer: Tokenizer,
    /// For each of our tokens the number of theirs; none where they have no such token.
    pub rows: Vec<Option<usize>>,
    /// What a person should know of it.
    pub notes: Vec<String>,
}

/// Reads the `size` symbols of a module of one's own: any `tokenizer.json`, or the characters of a `vocab.json`, a list of them or
/// an object of their numbers. `end` is the token that closes a text.
pub(super) fn of_module(folder: &Path, end: Option<&str>, size: usize) -> Result<Vocabulary> {
    let (name, vocabulary) = if folder.join(TOKENIZER).exists() {
        let path = folder.join(TOKENIZER);
        let text = content(folder, TOKENIZER)?;
        let of_others = || serde_json::from_str::<Value>(&text).is_ok_and(|file| file["version"].is_string());
        let tokenizer = match end {
            Some(end) if of_others() => Tokenizer::from_huggingface(&text, Some(end)),
            _ => Tokenizer::from_json(&text),
        };
        let tokenizer = tokenizer.map_err(|source| Error::Tokens { path: path.clone(), source })?;
        let own = tokenizer.name(tokenizer.end_id()).unwrap_or_default();
        if let Some(end) = end.filter(|end| *end != own) {
            let reason = format!("{own} closes a text in it, and config.json names {end} as end_token");
            return Err(Error::Malformed { path, reason });
        }
        let rows = (0..tokenizer.vocab_size()).map(Some).collect();
        (TOKENIZER, Vocabulary { tokenizer, rows, notes: Vec::new() })
    } else if folder.join(VOCABULARY).exists() {
        let malformed = |reason: String| Error::Malformed { path: folder.join(VOCABULARY), reason };
        let tokens = numbered(&content(folder, VOCABULARY)?).map_err(malformed)?;
        (VOCABULARY, of_characters(&tokens, end).map_err(malformed)?)
    } else {
        let reason = format!(
            "there is neither {TOKENIZER} in it, nor {VOCABULARY} with the number of each character, as {{\"a\": 0, \"b\": 1}}"
        );
        return Err(Error::Malformed { path: folder.to_owned(), reason });
    };
    let found = vocabulary.rows.iter().flatten().count();
    if found != size {
        let reason = format!("it has {found} tokens, and the weights are for {size}");
        return Err(Error::Malformed { path: folder.join(name), reason });
    }
    Ok(vocabulary)
}

/// Tokens in the order of their numbers, of a list or of an object that numbers them from 0.
fn numbered(text: &str) -> Result<Vec<String>, String> {
    let wanted = "a list of characters, or an object of their numbers, is needed";
    let file: Value = serde_json::from_str(text).map_err(|error| format!("{wanted} ({error})"))?;
    if let Some(list) = file.as_array() {
        let tokens = list.iter().map(|token| token.as_str().map(str::to_owned));
        return tokens.collect::<Option<_>>().ok_or_else(|| wanted.to_owned());
    }
    let object = file.as_object().ok_or_else(|| wanted.to_owned())?;
    let mut tokens = BTreeMap::new();
    for (token, id) in object {
        let below = id.as_u64().filter(|&id| id < object.len() as u64);
        let below = below.ok_or_else(|| {
            format!("{token:?} has the number {id}, and {} tokens have those from 0", object.len())
        })?;
        if let Some(other) = tokens.insert(below, token) {
            return Err(format!("{token:?} and {other:?} both have the number {id}"));
        }
    }
    Ok(tokens.into_values().cloned().collect())
}

/// A tokenizer of characters: in the order of code points, behind the token that closes a text.
fn of_characters(tokens: &[String], end: Option<&str>) -> Result<Vocabulary, String> {
    let place = |end: &str| tokens.iter().position(|token| token == end);
    let closing = match end {
        Some(end) => Some(
            place(end).ok_or_else(|| format!("there is no {end:?}, which config.json names as end_token"))?,
        ),
        None => ENDS.iter().find_map(|end| place(end)),
    };
    let mut characters = BTreeMap::new();
    for (number, token) in tokens.iter().enumerate().filter(|(number, _)| Some(*number) != closing) {
        let mut of_token = token.chars();
        let (Some(character), None) = (of_token.next(), of_token.next()) else {
            return Err(format!(
                "token {token:?} is not one character; words and sub-words are read from a {TOKENIZER}, and end_token in config.json names the one that closes a text"
            ));
        };
        if characters.insert(character, number).is_some() {
            return Err(format!("{token:?} is there twice"));
        }
    }
    let spelt: Vec<String> = characters.keys().map(char::to_string).collect();
    let known = [vec![anaphora_data::tokenizer::END.to_owned()], spelt].concat();
    let tokenizer =
        Tokenizer::from_json(&json!({ "version": 1, "kind": "character", "tokens": known }).to_string());
    let rows = std::iter::once(closing).chain(characters.into_values().map(Some)).collect();
    let note = "no token of vocab.json closes a text, so <end> is added, and stands before each text: its weights are the mean of the others', and it is hardly ever written; end_token in config.json names a token that does";
    let notes = if closing.is_none() { vec![note.to_owned()] } else { Vec::new() };
    Ok(Vocabulary { tokenizer: tokenizer.map_err(|error| error.to_string())?, rows, notes })
}

/// Reads a file; `end_id` is the token that closes a text, where the configuration says it.
fn from_huggingface(text: &str, end_id: Option<u64>) -> Result<Tokenizer, TokenizerError> {
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
fn join(vocabulary: &str, merges: &str, end_id: Option<u64>) -> Result<String, String> {
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
        Some(kind) => Err(Error::NotHeld {
            path: run.to_owned(),
            field: "data.tokenizer",
            found: kind.to_owned(),
            format: "Hugging Face's format",
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
