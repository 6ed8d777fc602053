//! A WAV file, as it is and at another rate.

#![no_main]

use anaphora_data::audio::parse_wav;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|content: &[u8]| {
    parse_wav(content, "a.wav".as_ref(), None).ok();
    parse_wav(content, "a.wav".as_ref(), Some(8_000)).ok();
});
