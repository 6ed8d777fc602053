//! A table of a time series.

#![no_main]

use anaphora_data::series::{SeriesOptions, parse_series};
use anaphora_data::table::TableOptions;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|content: &[u8]| {
    for skip_bad in [false, true] {
        let table = TableOptions { skip_bad, ..TableOptions::default() };
        let options = SeriesOptions { table, ..SeriesOptions::default() };
        if let Ok(series) = parse_series(content, "a.csv".as_ref(), &options) {
            assert!(series.values.iter().all(|value| value.is_finite()));
            if let Some(calendar) = series.calendar {
                calendar.date(series.len());
            }
        }
    }
});
