//! What holds for any input.

use std::path::Path;
use std::sync::Arc;

use anaphora_data::{DataError, Format, Kind, Section, Texts, Tokenizer, split};
use proptest::prelude::*;

fn kinds() -> impl Strategy<Value = Kind> {
    prop_oneof![
        Just(Kind::Character),
        Just(Kind::Byte),
        Just(Kind::Word { minimum_count: 1, maximum_size: 10_000 }),
        (0usize..4, 4usize..20)
            .prop_map(|(minimum_count, maximum_size)| Kind::Word { minimum_count, maximum_size }),
    ]
}

/// Lines that readers look for, among others that they do not.
fn content() -> impl Strategy<Value = Vec<u8>> {
    let line = prop_oneof![
        Just(b"X:1\n".to_vec()),
        Just(b"K:C\r\n".to_vec()),
        Just(b"<|endoftext|>\n".to_vec()),
        Just(b"\n".to_vec()),
        "\\PC{0,12}\n".prop_map(String::into_bytes),
        proptest::collection::vec(any::<u8>(), 0..4),
    ];
    proptest::collection::vec(line, 0..12).prop_map(|lines| lines.concat())
}

proptest! {
    #[test]
    fn any_content_is_read_or_refused(
        content in content(), format in proptest::option::of(prop_oneof![Just(Format::Abc), Just(Format::Text)]),
    ) {
        let read = Texts::of(content.clone(), Path::new("any"), format);
        let read = read.and_then(|texts| Ok((texts.pieces()?, texts)));
        let Ok((pieces, texts)) = read else { return Ok(()) };
        prop_assert!(!pieces.is_empty());
        // What is in another encoding is compared elsewhere; two letters with two zeros are UTF-16.
        let Ok(lines) = String::from_utf8(content) else { return Ok(()) };
        if lines.contains('\0') {
            return Ok(());
        }
        let lines = lines.replace("\r\n", "\n").replace('\r', "\n");
        for piece in &pieces {
            prop_assert!(!piece.text.trim().is_empty() && !piece.text.contains('\r'));
            let first = piece.text.lines().next().unwrap();
            let in_file = lines.lines().nth(piece.line - 1).unwrap().trim_start_matches('\u{FEFF}');
            prop_assert_eq!(first.trim_end(), in_file.trim_end());
        }
        let all: String = pieces.iter().map(|p| p.text.as_str()).collect();
        if let Ok(parts) = split(Arc::new(texts), 0.1) {
            let text = |section: &Section| {
                let mut text = String::new();
                let read = section.each_piece(|piece| {
                    text.push_str(piece);
                    Ok::<_, DataError>(())
                });
                read.map(|()| text)
            };
            let (train, validation) = (text(&parts.train).unwrap(), text(&parts.validation).unwrap());
            prop_assert!(!train.trim().is_empty() && !validation.trim().is_empty());
            prop_assert_eq!(train + &validation, all);
        }
    }

    #[test]
    fn known_text_comes_back(text in "\\PC{1,40}|[ab '\\n.,]{1,40}", kind in kinds()) {
        let tokenizer = Tokenizer::train(kind, [text.as_str()]).unwrap();
        let ids = tokenizer.encode(&text).unwrap();
        prop_assert!(ids.iter().all(|&id| id != tokenizer.end_id() && (id as usize) < tokenizer.vocab_size()));
        if tokenizer.unknown_id().is_none_or(|unknown| !ids.contains(&unknown)) {
            prop_assert_eq!(tokenizer.decode(&ids), text.as_str());
            prop_assert_eq!(tokenizer.characters(&ids), text.chars().count());
        } else {
            let whole = Kind::Word { minimum_count: 1, maximum_size: 10_000 };
            prop_assert_ne!(kind, whole);
        }
        let stored = Tokenizer::from_json(&tokenizer.to_json()).unwrap();
        prop_assert_eq!(stored, tokenizer);
    }

    #[test]
    fn any_text_is_encoded_or_refused(known in "\\PC{1,20}", text in "\\PC{0,20}", kind in kinds()) {
        let tokenizer = Tokenizer::train(kind, [known.as_str()]).unwrap();
        match tokenizer.encode(&text) {
            Ok(ids) => drop(tokenizer.decode(&ids)),
            Err(error) => prop_assert!(error.to_string().contains("is not in the vocabulary")),
        }
    }

    #[test]
    fn any_ids_are_decoded(ids: Vec<u32>, kind in kinds()) {
        let tokenizer = Tokenizer::train(kind, ["aé b"]).unwrap();
        let mut decoder = tokenizer.decoder();
        let mut text: String = ids.iter().map(|&id| decoder.push(id).to_owned()).collect();
        text.push_str(decoder.finish());
        prop_assert_eq!(text, tokenizer.decode(&ids));
        ids.iter().for_each(|&id| drop(tokenizer.name(id)));
        tokenizer.characters(&ids);
    }

    #[test]
    fn any_json_is_read_or_refused(text in "\\PC{0,40}", kind in kinds(), at in 0usize..400) {
        prop_assert!(Tokenizer::from_json(&text).is_err());
        let mut json = Tokenizer::train(kind, ["ab c"]).unwrap().to_json().into_bytes();
        let at = at % json.len();
        json[at] = json[at].wrapping_add(1);
        if let Ok(tokenizer) = Tokenizer::from_json(&String::from_utf8_lossy(&json)) {
            let _ = tokenizer.encode("ab c d");
        }
    }
}
