//! A MIDI file: read, written as MIDI and as ABC, and read again.

#![no_main]

use anaphora_music::{abc, midi};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|content: &[u8]| {
    let Ok(score) = midi::read(content) else { return };
    midi::read(&midi::write(&score)).expect("what is written can be read");
    abc::parse_tune(&abc::write(&abc::from_score(&score)));
});
