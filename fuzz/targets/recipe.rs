//! A recipe: what is read is written and read the same.

#![no_main]

use anaphora::Recipe;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|content: &[u8]| {
    let Ok(recipe) = Recipe::parse(&String::from_utf8_lossy(content)) else { return };
    if recipe.refuse_unread().is_ok() {
        let text = recipe.to_toml().expect("what was read can be written");
        assert_eq!(Recipe::parse(&text).expect("what was written can be read"), recipe);
    }
});
