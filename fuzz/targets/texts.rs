//! A text or a collection of tunes, in pieces and as tokens.

#![no_main]

use std::sync::Arc;

use anaphora_data::texts::Format;
use anaphora_data::{Kind, Section, Spill, Texts, TokenStream, Tokenizer, split};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|content: &[u8]| {
    for format in [None, Some(Format::Abc), Some(Format::Text)] {
        let Ok(texts) = Texts::of(content, "a.txt".as_ref(), format) else { continue };
        let texts = Arc::new(texts);
        let whole = Section::whole(texts.clone());
        if let Ok(tokenizer) = Tokenizer::train(Kind::Byte, []) {
            TokenStream::of(&tokenizer, &whole, &Spill::to_scratch()).ok();
        }
        split(texts, 0.1).ok();
    }
});
