//! A table, by itself, as labelled texts and as rows of numbers.

#![no_main]

use anaphora_data::labelled::{LabelledOptions, read_labelled, read_labelled_numbers};
use anaphora_data::table::{TableOptions, parse_table};
use anaphora_fuzz::in_file;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|content: &[u8]| {
    for skip_bad in [false, true] {
        let table = TableOptions { skip_bad, ..TableOptions::default() };
        parse_table(content, "a.csv".as_ref(), &table).ok();
        let options = LabelledOptions { table, ..LabelledOptions::default() };
        in_file("a.csv", content, |path| {
            read_labelled(path, &options).ok();
            read_labelled_numbers(path, &options).ok();
        });
    }
});
