//! A tokenizer's file, of our own and of Hugging Face's format.

#![no_main]

use anaphora_data::Tokenizer;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|content: &[u8]| {
    let text = String::from_utf8_lossy(content);
    for tokenizer in
        [Tokenizer::from_json(&text), Tokenizer::from_huggingface(&text, None)].into_iter().flatten()
    {
        if let Ok(ids) = tokenizer.encode("Ein Text, a text: äöü 12\n") {
            tokenizer.decode(&ids);
        }
    }
});
