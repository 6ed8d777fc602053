//! Chorales as JSON.

#![no_main]

use anaphora_data::roll::parse_chorales;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|content: &[u8]| {
    parse_chorales(content, "a.json".as_ref()).ok();
});
