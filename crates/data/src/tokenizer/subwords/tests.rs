use std::sync::LazyLock;

use proptest::prelude::*;
use tokenizers::decoders::byte_level::ByteLevel;

use super::super::{Kind, Tokenizer};
use super::*;

const TEXT: &str = "The cat sat on the mat, the other cat sat on the other mat.\n\nThe #1 cat's ## hat: été, été 北京 北京!\n";

fn kinds(size: usize) -> [Kind; 3] {
    [
        Kind::Bpe { minimum_count: 2, maximum_size: size },
        Kind::WordPiece { minimum_count: 2, maximum_size: size },
        Kind::Unigram { maximum_size: size },
    ]
}

fn trained(kind: Kind) -> Tokenizer {
    Tokenizer::train(kind, [TEXT]).unwrap()
}

static TRAINED: LazyLock<[Tokenizer; 3]> = LazyLock::new(|| kinds(600).map(trained));

fn names(tokenizer: &Tokenizer, text: &str) -> Vec<String> {
    tokenizer.encode(text).unwrap().into_iter().map(|id| tokenizer.name(id).unwrap()).collect()
}

/// What the crate's own decoder says, as Python's `tokenizers` would.
fn decoded_by_the_file(tokenizer: &Tokenizer, ids: &[u32]) -> String {
    tokenizers::Tokenizer::from_str(&tokenizer.to_json()).unwrap().decode(ids, true).unwrap()
}

#[test]
fn what_the_library_panics_at_is_refused() {
    let json = TRAINED[0].to_json();
    let decoder = json.find("\"decoder\":").unwrap();
    let broken = format!("{}\"decoder\": ?{}", &json[..decoder], &json[decoder + 10..]);
    assert!(matches!(Tokenizer::from_json(&broken), Err(TokenizerError::Damaged(_))));
    let mut value: Value = serde_json::from_str(&json).unwrap();
    value["normalizer"] = serde_json::json!({ "type": "Precompiled", "precompiled_charsmap": "AAAA" });
    assert!(matches!(Tokenizer::from_json(&value.to_string()), Err(TokenizerError::NotBytes)));
    for merge in [serde_json::json!(["th", "nowhere"]), "th nowhere".into(), "th".into()] {
        let mut value: Value = serde_json::from_str(&json).unwrap();
        value["model"]["merges"].as_array_mut().unwrap().push(merge);
        let refused = Tokenizer::from_json(&value.to_string()).unwrap_err().to_string();
        assert!(refused.contains("gives no token"), "{refused}");
    }
}

#[test]
fn a_text_that_the_library_panics_at_has_its_bytes() {
    let text = " #.#a . .#'";
    let tokenizer = Tokenizer::train(Kind::Unigram { maximum_size: 513 }, [text]).unwrap();
    assert_eq!(tokenizer.decode(&tokenizer.encode(text).unwrap()), text);
}

#[test]
fn frequent_words_become_tokens() {
    let [bpe, wordpiece, unigram] = kinds(600).map(trained);
    assert_eq!(names(&bpe, "The cat sat"), ["The", " cat", " sat"]);
    assert_eq!(names(&wordpiece, "The cathat"), ["The", " cat", "##h", "##at"]);
    // Its trainer keeps to characters in a text as short as this one, but for what comes often.
    assert!(names(&unigram, TEXT).contains(&"the".to_owned()), "{:?}", names(&unigram, TEXT));
    for tokenizer in [bpe, wordpiece, unigram] {
        assert!(tokenizer.vocab_size() <= 600);
        assert_eq!(tokenizer.name(tokenizer.end_id()).as_deref(), Some("<end>"));
        assert_eq!(tokenizer.name(600), None);
    }
}

#[test]
fn a_special_token_in_a_text_is_text() {
    for tokenizer in kinds(600).map(trained) {
        let text = "<end> [UNK]<unk><UNK>";
        let ids = tokenizer.encode(text).unwrap();
        assert!(!ids.contains(&tokenizer.end_id()));
        assert_eq!(tokenizer.decode(&ids), text);
    }
}

#[test]
fn a_vocabulary_has_room_for_every_byte() {
    for (kind, least) in kinds(200).into_iter().zip([257, 513, 258]) {
        let message = Tokenizer::train(kind, [TEXT]).unwrap_err().to_string();
        assert!(message.contains("of at most 200 tokens was asked for"), "{message}");
        assert!(message.ends_with(&format!("at least {least}")), "{message}");
    }
    for kind in [
        Kind::Bpe { minimum_count: 0, maximum_size: 257 },
        Kind::WordPiece { minimum_count: 0, maximum_size: 513 },
        Kind::Unigram { maximum_size: 258 },
    ] {
        let tokenizer = trained(kind);
        let text = "any, even \u{1F600}";
        assert_eq!(tokenizer.decode(&tokenizer.encode(text).unwrap()), text);
    }
}

#[test]
fn a_character_over_several_tokens_comes_when_it_is_whole() {
    for tokenizer in kinds(600).map(trained) {
        let ids = tokenizer.encode("a \u{1F600}é\u{1F600}").unwrap();
        let mut decoder = tokenizer.decoder();
        let parts: Vec<String> = ids.iter().map(|&id| decoder.push(id).to_owned()).collect();
        assert_eq!(parts.concat(), "a \u{1F600}é\u{1F600}");
        assert!(parts.iter().any(String::is_empty), "four bytes are no token: {parts:?}");
        assert_eq!(tokenizer.characters(&ids), 5);
    }
}

#[test]
fn the_same_text_gives_the_same_vocabulary() {
    let text: String = crate::composer::collection(3, 60);
    for kind in kinds(900) {
        let one = Tokenizer::train(kind, [text.as_str()]).unwrap();
        for _ in 0..5 {
            assert!(Tokenizer::train(kind, [text.as_str()]).unwrap() == one, "{kind:?}");
        }
    }
}

#[test]
fn pathological_texts_are_learnt_and_read() {
    let long = "ab".repeat(2_000) + &"é".repeat(3_000) + &" ".repeat(3_000) + &"#".repeat(500);
    for text in [&long, "a", "\u{0}", " ", "\n\n\n", "aaaa", "<0x41>", "▁", "Ġ"] {
        for kind in kinds(700) {
            let tokenizer = Tokenizer::train(kind, [text]).unwrap();
            for text in [text, &long] {
                let ids = tokenizer.encode(text).unwrap();
                assert!(tokenizer.decode(&ids) == text, "{kind:?}");
                assert_eq!(tokenizer.characters(&ids), text.chars().count());
            }
        }
    }
}

#[test]
fn a_stored_tokenizer_is_hugging_faces() {
    for tokenizer in kinds(600).map(trained) {
        let json = tokenizer.to_json();
        assert!(json.contains(r#""version": "1.0""#));
        let read = Tokenizer::from_json(&json).unwrap();
        assert_eq!(read, tokenizer);
        assert_eq!(read.to_json(), json);
        let ids = tokenizer.encode(TEXT).unwrap();
        assert_eq!(read.encode(TEXT).unwrap(), ids);
        assert_eq!(decoded_by_the_file(&tokenizer, &ids), TEXT);
    }
}

/// A tokenizer file like GPT-2's: all bytes, one merge, and the special tokens `added` behind them.
fn like_gpt2(added: &[&str]) -> serde_json::Value {
    let mut bytes: Vec<char> = ByteLevel::alphabet().into_iter().collect();
    bytes.sort_unstable();
    let tokens = bytes.iter().map(char::to_string).chain(["he".to_owned()]);
    let vocabulary: serde_json::Map<_, _> = tokens.zip((0..).map(serde_json::Value::from)).collect();
    let special = added.iter().enumerate().map(|(index, name)| {
        let id = 257 + index;
        serde_json::json!({"id": id, "content": name, "single_word": false, "lstrip": false,
            "rstrip": false, "normalized": false, "special": true})
    });
    let level = serde_json::json!({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true});
    serde_json::json!({
        "version": "1.0", "truncation": null, "padding": null,
        "added_tokens": special.collect::<Vec<_>>(),
        "normalizer": null, "pre_tokenizer": level, "post_processor": level, "decoder": level,
        "model": {"type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": "",
            "end_of_word_suffix": "", "fuse_unk": false, "vocab": vocabulary, "merges": ["h e"]},
    })
}

#[test]
fn a_file_of_another_maker_has_its_own_end() {
    let file = like_gpt2(&["<pad>", "<|endoftext|>", "<stop>"]).to_string();
    let tokenizer = Tokenizer::from_json(&file).unwrap();
    assert_eq!((tokenizer.vocab_size(), tokenizer.end_id()), (260, 258));
    assert_eq!(names(&tokenizer, "the é"), ["t", "he", " ", "0xC3", "0xA9"]);
    let text = "the<|endoftext|> <pad>";
    let mut ids = tokenizer.encode(text).unwrap();
    assert_eq!(tokenizer.decode(&ids), text);
    ids.push(258);
    assert_eq!(tokenizer.decode(&ids), text);
    assert_eq!(tokenizer.characters(&ids), text.len() + 1);
    assert_eq!(Tokenizer::from_json(&tokenizer.to_json()).unwrap(), tokenizer);

    let other = Tokenizer::from_huggingface(&file, Some("<stop>")).unwrap();
    assert_eq!(other.end_id(), 259);
    assert_eq!(Tokenizer::from_json(&other.to_json()).unwrap().end_id(), 259, "the file keeps it");
}

#[test]
fn a_file_that_is_of_no_use_is_refused() {
    let mut words = like_gpt2(&["</s>"]);
    words["decoder"] = serde_json::json!({"type": "WordPiece", "prefix": "##", "cleanup": true});
    let mut gap = like_gpt2(&["</s>"]);
    gap["model"]["vocab"]["he"] = 400.into();
    let mut shared = like_gpt2(&["</s>"]);
    shared["model"]["vocab"]["he"] = 3.into();
    for (json, expected) in [
        (like_gpt2(&["<pad>"]), "has no special token that closes a piece, such as <|endoftext|>"),
        (words, "one with a ByteLevel decoder, as GPT-2 has, is needed"),
        (gap, "\"he\" has the id 400, while 258 tokens have the ids 0 to 257"),
        (shared, "two of its tokens have the same id"),
        (serde_json::json!({"version": "1.0"}), "the tokenizer file is damaged: "),
        (serde_json::json!({"version": "2.0"}), "the tokenizer file is damaged: "),
        (serde_json::json!({"version": [1]}), "the tokenizer file is damaged: its version is [1]"),
    ] {
        let message = Tokenizer::from_json(&json.to_string()).unwrap_err().to_string();
        assert!(message.contains(expected), "{message}");
        assert!(!message.contains('\n'), "{message}");
    }
    let missing = Tokenizer::from_huggingface(&like_gpt2(&["</s>"]).to_string(), Some("<stop>"));
    assert!(missing.unwrap_err().to_string().contains("no token \"<stop>\""));
}

#[test]
fn every_byte_has_a_spelling() {
    let mut read: Vec<u8> = ByteLevel::alphabet().into_iter().map(|c| spelt_byte(c).unwrap()).collect();
    read.sort_unstable();
    assert_eq!(read, (0..=255).collect::<Vec<u8>>());
    // As the crate spells them.
    let mut text = tokenizers::PreTokenizedString::from("\0 é\u{AD}~\u{7F}");
    tokenizers::PreTokenizer::pre_tokenize(&ByteLevel::new(false, false, false), &mut text).unwrap();
    let splits = text.get_splits(tokenizers::OffsetReferential::Original, tokenizers::OffsetType::None);
    assert_eq!(spelt_bytes(splits[0].0), "\0 é\u{AD}~\u{7F}".as_bytes());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn any_text_is_learnt(text in "[ab# '\n\t.,é]{1,40}|.{1,40}", size in 513usize..700) {
        for kind in kinds(size) {
            let tokenizer = Tokenizer::train(kind, [text.as_str()]).unwrap();
            prop_assert!(tokenizer.vocab_size() <= size);
            let ids = tokenizer.encode(&text).unwrap();
            prop_assert_eq!(tokenizer.decode(&ids), text.as_str());
            prop_assert!(Tokenizer::train(kind, [text.as_str()]).unwrap() == tokenizer);
        }
    }
}

proptest! {
    #[test]
    fn any_text_comes_back(text in "\\PC{0,60}|[ab# '\n\t.,é]{0,60}|.{0,60}") {
        for tokenizer in TRAINED.iter() {
            let ids = tokenizer.encode(&text).unwrap();
            prop_assert_eq!(&tokenizer.decode(&ids), &text);
            prop_assert_eq!(tokenizer.characters(&ids), text.chars().count());
            prop_assert_eq!(decoded_by_the_file(tokenizer, &ids), &text[..]);
            let mut decoder = tokenizer.decoder();
            let mut parts: String = ids.iter().map(|&id| decoder.push(id).to_owned()).collect();
            parts.push_str(decoder.finish());
            prop_assert_eq!(parts, text.as_str());
        }
    }

    #[test]
    fn parts_give_the_tokens_of_the_whole(text in "[ab# '\n.]{0,200}", size in 1usize..20) {
        let parts: Vec<&str> = chunks(&text, size).collect();
        prop_assert_eq!(parts.concat(), text.as_str());
        for tokenizer in TRAINED.iter() {
            let apart: Vec<u32> = parts.iter().flat_map(|part| tokenizer.encode(part).unwrap()).collect();
            prop_assert_eq!(apart, tokenizer.encode(&text).unwrap());
        }
    }

    #[test]
    fn any_damage_is_read_or_refused(at: prop::sample::Index, byte: u8, kind in 0usize..3) {
        let mut json = TRAINED[kind].to_json().into_bytes();
        let at = at.index(json.len());
        json[at] = byte;
        if let Ok(tokenizer) = Tokenizer::from_json(&String::from_utf8_lossy(&json))
            && let Ok(ids) = tokenizer.encode(TEXT)
        {
            tokenizer.decode(&ids);
        }
    }
}
