//! Time series.

use std::path::Path;

use anaphora_data::Scaler;
use anaphora_data::series::{
    Calendar, Feature, Fill, Series, SeriesError, SeriesOptions, Step, parse_date, parse_series, read_series,
};
use proptest::prelude::*;

use crate::data;

fn parse(content: &str, options: &SeriesOptions) -> Result<Series, SeriesError> {
    parse_series(content.as_bytes(), Path::new("a.csv"), options)
}

const HOUR: i64 = 3_600_000;

#[test]
fn steps_are_found() {
    for (step, dates) in [
        (Step::Months(1), "2020-12,2021-01,2021-02"),
        (Step::Months(1), "2020-01-31,2020-02-29,2020-03-31,2020-04-30"),
        (Step::Months(1), "2020-02-01,2020-03-01"),
        (Step::Months(3), "2020-Q1,2020-Q2,2020-Q3"),
        (Step::Months(12), "2019,2020,2021,2022"),
        (Step::Milliseconds(HOUR), "1/2/2020 23:00,1/3/2020 00:00,1/3/2020 1:00"),
        (Step::Milliseconds(24 * HOUR), "30.01.2020,31.01.2020,01.02.2020"),
        (Step::Milliseconds(24 * HOUR), "11/12/2020,12/12/2020,13/12/2020"),
        (Step::Milliseconds(7 * 24 * HOUR), "2020-01-01,2020-01-08,2020-01-15"),
        (Step::Milliseconds(28 * 24 * HOUR), "2020-01-01,2020-01-29,2020-02-26"),
        (Step::Milliseconds(10), "2020-01-01T00:00:00.00,2020-01-01T00:00:00.01,2020-01-01T00:00:00.02"),
        (Step::Milliseconds(HOUR / 4), "2020-01-01T00:00Z,2020-01-01T00:15Z,2020-01-01T01:30+01:00"),
        (
            Step::Weekdays,
            "2020-01-02,2020-01-03,2020-01-06,2020-01-07,2020-01-08,2020-01-09,2020-01-10,2020-01-13",
        ),
    ] {
        let rows: String = dates.split(',').map(|date| format!("{date},1\n")).collect();
        let series = parse(&format!("date,x\n{rows}"), &SeriesOptions::default()).unwrap();
        let calendar = series.calendar.unwrap();
        assert_eq!((calendar.step(), series.len()), (step, dates.split(',').count()), "{dates}");
        for place in 0..1000 {
            assert_eq!(calendar.place(calendar.date(place).unwrap()), Some(place), "{dates}");
        }
        assert_eq!(calendar.first_from(calendar.date(77).unwrap()), 77);
    }
}

#[test]
fn months_keep_their_ends_and_time_its() {
    let calendar = |dates: [&str; 3]| Calendar::of(&dates.map(|date| parse_date(date).unwrap())).unwrap();
    let ends = calendar(["2020-02-29", "2020-03-31", "2020-04-30"]);
    assert_eq!(ends.date(12), parse_date("2021-02-28"));
    assert_eq!(ends.date(3), parse_date("2020-05-31"));
    assert_eq!(ends.place(parse_date("2020-05-30").unwrap()), None);
    assert_eq!(ends.date(usize::MAX), None);
    assert_eq!(ends.waves(0..100_000, &[Feature::Month]), None);
    assert_eq!((parse_date("7"), parse_date("1958")), (None, parse_date("1958-01-01 00:00")));
    assert_eq!(ends.first_from(parse_date("1900-01-01").unwrap()), 0);
}

#[test]
fn each_bad_row_has_its_sentence_or_is_repaired() {
    let strict = SeriesOptions::default();
    let filled = SeriesOptions { fill: Some(Fill::Linear), ..strict.clone() };
    let skipped = SeriesOptions { skip_bad: true, ..strict.clone() };
    for (rows, message, options, values) in [
        (
            "2020-01,1\n2020-02,\n2020-03,3\n",
            "a.csv, line 3: column 'x' is empty, a finite number is needed (or choose how to fill what is missing)",
            &filled,
            vec![1.0, 2.0, 3.0],
        ),
        (
            "2020-01,NaN\n2020-02,-inf\n2020-03,3\n2020-04,1e39\n",
            "a.csv, line 2: column 'x' holds 'NaN', a finite number is needed (or choose how to fill what is missing)",
            &filled,
            vec![3.0; 4],
        ),
        (
            "2020-01,1\n2020-02,2\n2020-05,8\n",
            "a.csv, line 4: 2 monthly steps are missing between 2020-02-01T00:00:00 and 2020-05-01T00:00:00 \
             (add them, or choose how to fill what is missing)",
            &filled,
            vec![1.0, 2.0, 4.0, 6.0, 8.0],
        ),
        (
            "2020-01,1\n2020-02,2\n2020-02,3\n",
            "a.csv, line 4: the date 2020-02-01T00:00:00 comes twice, each may come once",
            &skipped,
            vec![1.0, 2.0],
        ),
        (
            "2020-01,1\n2020-02,2\n2019-12,3\n2020-03,3\n",
            "a.csv, line 4: 2019-12-01T00:00:00 comes behind 2020-02-01T00:00:00, the dates have to ascend",
            &skipped,
            vec![1.0, 2.0, 3.0],
        ),
        (
            "2020-01-01,1\n2020-01-02,2\n2020-01-02 01:30:00,3\n2020-01-03,3\n2020-01-04,4\n",
            "a.csv, line 4: 2020-01-02T01:30:00 lies between two steps, daily ones from 2020-01-01T00:00:00 are needed",
            &skipped,
            vec![1.0, 2.0, 3.0, 4.0],
        ),
        (
            "2020-01,1\n2020-13,2\n2020-02,3\n",
            "a.csv, line 3: '2020-13' is no date, one written %Y-%m is needed",
            &skipped,
            vec![1.0, 3.0],
        ),
    ] {
        let content = format!("date,x\n{rows}");
        assert_eq!(parse(&content, &strict).unwrap_err().to_string(), message);
        let series = parse(&content, options).unwrap();
        assert_eq!(series.values, values);
        assert_eq!(series.repaired[0].to_string(), message);
    }
    let message = |content| parse(content, &filled).unwrap_err().to_string();
    assert_eq!(message("date,x\n2020,1\n"), "a.csv: a series of 1 steps was found, two or more are needed");
    assert_eq!(message("x,y\n1,\n2,\n"), "a.csv: column 'y' holds no number at all, leave it out");
    assert!(message("date,x\n2020,1\n2020,2\n").contains("comes twice"));
    assert!(
        message("date,x\n2020-01-01,1\n2020-01-02,2\n9000-01-01,2\n").contains("daily steps are missing")
    );
    assert!(message("date\n2020-01-01\n2020-01-02\n").contains("no column of numbers"));
}

#[test]
fn the_real_series() {
    let options = SeriesOptions::default();
    for (name, steps, columns, step) in [
        ("AirPassengers", 144, 1, Some(Step::Months(1))),
        ("monthly-sunspots", 2820, 1, Some(Step::Months(1))),
        ("exchange_rate", 7588, 8, None),
        ("ETTh1", 17_420, 7, Some(Step::Milliseconds(HOUR))),
    ] {
        let Some(file) = data(&format!("series/{name}.csv")) else { continue };
        let series = read_series(&file, &options).unwrap();
        assert_eq!((series.len(), series.names.len()), (steps, columns));
        assert_eq!(series.calendar.map(|calendar| calendar.step()), step);
        assert!(series.repaired.is_empty());
        match name {
            "AirPassengers" => {
                let calendar = series.calendar.unwrap();
                assert_eq!(calendar.first_from(parse_date("1958").unwrap()), 108);
                assert_eq!((series.names[0].as_str(), series.step(108)), ("#Passengers", &[340.0][..]));
                assert_eq!(calendar.features(), [Feature::Month]);
                let july = calendar.waves(150..151, &[Feature::Month]).unwrap();
                assert!(july[0].abs() < 1e-6 && (july[1] + 1.0).abs() < 1e-6);
            }
            "ETTh1" => {
                let calendar = series.calendar.unwrap();
                assert_eq!(calendar.date(17_420), parse_date("2018-06-26 20:00:00"));
                let features =
                    [Feature::Hour, Feature::Weekday, Feature::Day, Feature::YearDay, Feature::Month];
                // 2016-07-01 was a Friday.
                assert_eq!(calendar.indices(1..2, &features).unwrap(), [1, 4, 0, 182, 6]);
                let train = 12 * 30 * 24;
                let scaler = Scaler::fit(&series.values[..train * 7], 7);
                // scikit-learn's StandardScaler on the same rows, as in make.py.
                assert!((scaler.mean[6] - 17.128_26).abs() < 1e-3, "{}", scaler.mean[6]);
                assert!((scaler.deviation[6] - 9.176_5).abs() < 1e-3, "{}", scaler.deviation[6]);
            }
            _ => {}
        }
    }
}

proptest! {
    #[test]
    fn any_rows_are_a_series_or_refused(
        cells in proptest::collection::vec(
            (prop_oneof![
                "(20|19|99)(0|1|2|9)[0-9]-(0|1)[0-9]", "202[01]-0[1-3]-[0-3][0-9]( 0[0-9]:(00|30):00)?",
                "[0-9/.:Q -]{0,10}",
            ], "[0-9.]{0,3}|NaN|-?inf|\\PC{0,4}"), 0..12),
        fill in proptest::option::of(prop_oneof![Just(Fill::Linear), Just(Fill::Previous)]),
        skip_bad: bool,
    ) {
        let rows: String = cells.iter().map(|(date, value)| format!("{date},{value}\n")).collect();
        let options = SeriesOptions { fill, skip_bad, ..Default::default() };
        if let Ok(series) = parse(&format!("date,value\n{rows}"), &options) {
            prop_assert!(series.len() > 1 && series.values.iter().all(|value| value.is_finite()));
            if let Some(calendar) = series.calendar {
                let waves = calendar.waves(0..series.len() + 3, calendar.features());
                prop_assert!(waves.is_none_or(|w| w.len() == (series.len() + 3) * calendar.features().len() * 2));
            }
            if fill.is_none() && !skip_bad {
                prop_assert!(series.repaired.is_empty() && series.len() == cells.len());
            }
        }
    }

    #[test]
    fn any_bytes_and_format(content: Vec<u8>, format in proptest::option::of("\\PC{0,6}|(%[a-zA-Z]){1,3}")) {
        let options = SeriesOptions { date_format: format, date: None, ..Default::default() };
        let _ = parse_series(&content, Path::new("any"), &options);
    }

    #[test]
    fn scaling_is_taken_back(rows in proptest::collection::vec(-1e4f32..1e4, 3..30)) {
        let rows = &rows[..rows.len() / 3 * 3];
        let scaler = Scaler::fit(rows, 3);
        let mut scaled = rows.to_vec();
        scaler.apply(&mut scaled);
        let mean: f32 = scaled.iter().step_by(3).sum::<f32>() / (rows.len() / 3) as f32;
        prop_assert!(mean.abs() < 1e-2, "{}", mean);
        scaler.invert(&mut scaled);
        prop_assert!(scaled.iter().zip(rows).all(|(a, b)| (a - b).abs() <= 1e-2));
    }
}
