//! Sentences in columns, and parallel text.

#![no_main]

use anaphora_data::parallel::{read_parallel, read_parallel_table};
use anaphora_data::table::TableOptions;
use anaphora_data::tagged::{TaggedOptions, read_tagged, read_words};
use anaphora_fuzz::in_file;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|content: &[u8]| {
    in_file("a.conll", content, |path| {
        read_tagged(path, &TaggedOptions::default()).ok();
        read_words(path, &TaggedOptions::default()).ok();
        read_parallel(path, path, &TableOptions { skip_bad: true, ..TableOptions::default() }).ok();
        read_parallel_table(path, None, &TableOptions::default()).ok();
    });
});
