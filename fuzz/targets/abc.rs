//! A text in ABC notation: read, checked, played and written again.

#![no_main]

use anaphora_music::{abc, midi};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|content: &[u8]| {
    let text = String::from_utf8_lossy(content);
    let (tunes, _) = abc::parse(&text);
    for tune in &tunes {
        let score = tune.score();
        midi::read(&midi::write(&score)).ok();
        let (again, _) = abc::parse_tune(&abc::write(tune));
        assert_eq!(again.score().parts.len(), score.parts.len(), "what is written reads the same");
    }
});
