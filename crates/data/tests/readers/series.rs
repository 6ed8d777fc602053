//! Time series.

use std::path::Path;

use anaphora_data::Scaler;
use anaphora_data::series::{
    Calendar, Feature, Fill, Series, SeriesError, SeriesOptions, Step, parse_date, parse_series, read_paths,
    read_series,
};
use anaphora_data::table::TableOptions;
use proptest::prelude::*;

use crate::data;

fn parse(content: &str, options: &SeriesOptions) -> Result<Series, SeriesError> {
    parse_series(content.as_bytes(), Path::new("a.csv"), options)
}

fn skip_bad(skip_bad: bool) -> TableOptions {
    TableOptions { skip_bad, ..TableOptions::default() }
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
    let skipped = SeriesOptions { table: skip_bad(true), ..strict.clone() };
    for (rows, message, options, values) in [
        (
            "2020-01,1\n2020-02,\n2020-03,3\n",
            "a.csv, line 3: column 'x' is empty, a finite number is needed (or series.fill in the recipe, which says how to fill what is missing)",
            &filled,
            vec![1.0, 2.0, 3.0],
        ),
        (
            "2020-01,NaN\n2020-02,-inf\n2020-03,3\n2020-04,1e39\n",
            "a.csv, line 2: column 'x' holds 'NaN', a finite number is needed (or series.fill in the recipe, which says how to fill what is missing)",
            &filled,
            vec![3.0; 4],
        ),
        (
            "2020-01,1\n2020-02,2\n2020-05,8\n",
            "a.csv, line 4: 2 monthly steps are missing between 2020-02-01T00:00:00 and 2020-05-01T00:00:00 \
             (add what is missing, or say in the recipe, with series.fill, how to fill it)",
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
    assert_eq!(message("date,x\n2020,1\n"), "a.csv: a series of 1 step was found, two or more are needed");
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

/// A series of so many steps, a row each by `row` of its number from 0.
fn rows(header: &str, count: usize, row: impl Fn(usize) -> String) -> String {
    header.to_owned() + &(0..count).map(|i| row(i) + "\n").collect::<String>()
}

#[test]
fn dates_are_read_however_they_are_written() {
    let plain = SeriesOptions::default();
    let day =
        |i: usize| jiff::civil::date(2019, 11, 5).checked_add(jiff::Span::new().days(i as i64)).unwrap();
    let as_written = |header: &str, format: &str| {
        rows(header, 120, |i| format!("{},{}.5", jiff::fmt::strtime::format(format, day(i)).unwrap(), i % 7))
    };
    for format in [
        "%m/%d/%y",
        "%-m/%-d/%y",
        "%d/%m/%y",
        "%d.%m.%y",
        "%y-%m-%d",
        "%d-%b-%y",
        "%d-%b-%Y",
        "%d-%m-%Y",
        "%Y%m%d",
    ] {
        let series = parse(&as_written("date,y\n", format), &plain).unwrap();
        let calendar = series.calendar.unwrap();
        assert_eq!(
            (calendar.start(), calendar.step()),
            (day(0).into(), Step::Milliseconds(24 * HOUR)),
            "{format}"
        );
        assert_eq!((series.len(), series.names.len()), (120, 1), "{format}");
    }
    let hours = SeriesOptions { date_format: Some("%s".into()), ..plain.clone() };
    let first = parse_date("2019-11-05");
    for (header, scale, options) in [
        ("timestamp,y\n", 1, &plain),
        ("time,y\n", 1000, &plain),
        ("Open time,y\n", 1000, &plain),
        ("ts,y\n", 1, &hours),
        ("when,y\n", 1, &hours),
        ("", 1, &plain),
    ] {
        let series =
            parse(&rows(header, 240, |i| format!("{},{i}.5", (1_572_912_000 + 3600 * i) * scale)), options)
                .unwrap();
        let calendar = series.calendar.unwrap();
        assert_eq!((Some(calendar.start()), calendar.step()), (first, Step::Milliseconds(HOUR)), "{header}");
        assert_eq!(series.names.len(), 1);
        assert!(
            options.date_format.is_some() || series.notes[0].contains("seconds since 1970"),
            "{:?}",
            series.notes
        );
    }
    let series = parse(&rows("Date,y\n", 90, |i| format!("{},{i}.5", 43_774 + i)), &plain).unwrap();
    assert_eq!(series.calendar.unwrap().start(), first.unwrap());
    assert!(series.notes[0].contains("column 'Date' is read as dates, written in days since 1899-12-30"));
    for (header, row) in [
        ("year,month,y\n", (|i| format!("{},{},{i}.5", 2010 + i / 12, i % 12 + 1)) as fn(usize) -> String),
        ("y,Month,Year\n", |i| {
            format!(
                "{i}.5,{},{}",
                ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"][i % 12],
                2010 + i / 12
            )
        }),
    ] {
        let series = parse(&rows(header, 60, row), &plain).unwrap();
        let calendar = series.calendar.unwrap();
        assert_eq!((Some(calendar.start()), calendar.step()), (parse_date("2010-01"), Step::Months(1)));
        assert_eq!(series.names, ["y"]);
        assert!(series.notes[0].contains("the dates are put together from the columns"));
    }
    for (header, row) in [
        (
            "Date;Time;y\n",
            (|i| format!("{:02}/11/2019;{:02}.00.00;{i},5", 5 + i / 24, i % 24)) as fn(usize) -> String,
        ),
        ("year;month;day;hour;y\n", |i| format!("2019;11;{};{};{i},5", 5 + i / 24, i % 24)),
    ] {
        let series = parse(&rows(header, 100, row), &plain).unwrap();
        let calendar = series.calendar.unwrap();
        assert_eq!((Some(calendar.start()), calendar.step()), (first, Step::Milliseconds(HOUR)), "{header}");
        assert_eq!((series.names.clone(), series.step(3)), (vec!["y".to_owned()], &[3.5][..]));
    }
    // A year of two digits is none of the first century, whoever says it is written in four.
    assert_eq!(parse_date("4/23/20"), parse_date("2020-04-23"));
    let four = SeriesOptions { date_format: Some("%m/%d/%Y".into()), ..plain.clone() };
    assert!(
        parse("date,y\n4/23/20,1\n4/24/20,2\n", &four)
            .unwrap_err()
            .to_string()
            .contains("'4/23/20' is no date")
    );
}

#[test]
fn local_hours_are_refused_where_the_clock_changes_and_read_where_they_say_how() {
    let plain = SeriesOptions::default();
    let local = |i: usize, zone: bool| {
        // Summer time ends in the night to 2021-10-31, at 03:00.
        let summer = i < 27;
        let hour = if summer { i } else { i - 1 };
        let offset = match (zone, summer) {
            (false, _) => "",
            (true, true) => "+02:00",
            (true, false) => "+01:00",
        };
        format!("2021-10-{:02} {:02}:00:00{offset},{i}.5", 30 + hour / 24, hour % 24)
    };
    let with_offset = rows("time,y\n", 40, |i| local(i, true));
    for content in [
        with_offset.clone(),
        with_offset.replace("+02:00", "+0200").replace("+01:00", "+0100"),
        rows("time,y\n", 40, |i| {
            format!("2021-10-{:02} {:02}:00:00 UTC,{i}.5", 29 + (i + 22) / 24, (i + 22) % 24)
        }),
    ] {
        let series = parse(&content, &plain).unwrap();
        assert_eq!((series.len(), series.values[27], series.repaired.len()), (40, 27.5, 0));
        assert_eq!(Some(series.calendar.unwrap().start()), parse_date("2021-10-29 22:00"));
    }
    assert!(parse(&with_offset, &plain).unwrap().notes[0].contains("are read in UTC"));
    let without = rows("time,y\n", 40, |i| local(i, false));
    let error = parse(&without, &plain).unwrap_err().to_string();
    assert!(error.starts_with("a.csv, line 29: the date 2021-10-31T02:00:00 comes twice"), "{error}");
    let skipping = SeriesOptions { table: skip_bad(true), ..plain };
    let series = parse(&without, &skipping).unwrap();
    assert_eq!((series.len(), series.repaired.len()), (39, 1));
}

#[test]
fn columns_that_only_number_the_rows_are_no_series() {
    let plain = SeriesOptions::default();
    for header in [",date,y\n", "Unnamed: 0,date,y\n", "id,date,y\n"] {
        let series = parse(&rows(header, 20, |i| format!("{i},2019-11-{:02},{i}.5", i + 1)), &plain).unwrap();
        assert_eq!(series.names, ["y"]);
        assert!(series.notes[0].contains("only numbers the rows, and is left out"), "{:?}", series.notes);
    }
    let series = parse(&rows("step,y\n", 20, |i| format!("{},{i}.5", i + 1)), &plain).unwrap();
    assert_eq!(series.names, ["y"]);
    let taken =
        SeriesOptions { columns: Some(vec!["step".parse().unwrap(), "y".parse().unwrap()]), ..plain.clone() };
    assert_eq!(
        parse(&rows("step,y\n", 20, |i| format!("{},{i}.5", i + 1)), &taken).unwrap().names,
        ["step", "y"]
    );
    assert_eq!(parse("x\n1\n2\n3\n", &plain).unwrap().values, [1.0, 2.0, 3.0]);
}

#[test]
fn numbers_with_commas_points_and_signs_of_currencies() {
    let plain = SeriesOptions::default();
    let date = |i: usize| format!("{:02}.{:02}.2019", i % 28 + 1, i / 28 + 2);
    let grouped = |i: usize, mark: &str| {
        let number = 900 + 12 * i;
        if number < 1000 { number.to_string() } else { format!("1{mark}{:03}", number - 1000) }
    };
    for (header, row) in [
        (
            "Datum;Wert\n",
            Box::new(|i| format!("{};{}", date(i), grouped(i, "."))) as Box<dyn Fn(usize) -> String>,
        ),
        ("Datum;Wert\n", Box::new(|i| format!("{};{},00", date(i), grouped(i, ".")))),
        ("", Box::new(|i| format!("{};{},00", date(i), grouped(i, ".")))),
        ("", Box::new(|i| format!("{},00", grouped(i, "")))),
        ("Datum;Wert\n", Box::new(|i| format!("{};{},0", date(i), grouped(i, "")))),
        ("date;value\n", Box::new(|i| format!("{};{}", date(i), grouped(i, ",")))),
        ("date,value\n", Box::new(|i| format!("{},\"{}\"", date(i), grouped(i, ",")))),
        ("date,value\n", Box::new(|i| format!("{},${}", date(i), grouped(i, "")))),
        ("date,value\n", Box::new(|i| format!("{},\"{} €\"", date(i), grouped(i, " ")))),
    ] {
        // A column alone needs another beside it to show what is between them.
        let row = |i: usize| if row(i).contains('.') { row(i) } else { format!("{};{}", row(i), row(i)) };
        let content = rows(header, 56, row);
        let series = parse(&content, &plain).unwrap_or_else(|error| panic!("{error}: {content}"));
        let columns = series.names.len();
        let wanted: Vec<f32> = (0..56).map(|i| 900.0 + 12.0 * i as f32).collect();
        assert_eq!(series.values.iter().step_by(columns).copied().collect::<Vec<_>>(), wanted, "{content}");
    }
    let german = rows("Datum;Wert\n", 56, |i| format!("{};{}", date(i), grouped(i, ".")));
    let said = &parse(&german, &plain).unwrap().notes[0];
    assert_eq!(said, "a.csv, line 11: 1.008 in column Wert is read as 1008; data.decimal says otherwise");
    let table = TableOptions { decimal: Some(anaphora_data::table::Decimal::Point), ..Default::default() };
    let series = parse(&german, &SeriesOptions { table, ..plain }).unwrap();
    assert_eq!((series.values[9], series.notes.len()), (1.008, 0));
}

#[test]
fn what_stands_around_a_series() {
    let plain = SeriesOptions::default();
    let day = |i: usize| format!("2019-11-{:02}", i + 1);
    let several = "Price,Close,Volume\nTicker,AAPL,AAPL\nDate,,\n";
    let series = parse(&rows(several, 20, |i| format!("{},{i}.5,{}", day(i), 1000 + 7 * i)), &plain).unwrap();
    assert_eq!((&series.names[..], series.len()), (&["Close".to_owned(), "Volume".to_owned()][..], 20));
    assert!(series.notes[0].contains("lines 1 to 3 are taken for the names of columns"));
    let two = "Price,Close,Close\nTicker,AAPL,MSFT\nDate,,\n";
    let series = parse(&rows(two, 20, |i| format!("{},{i}.5,{}", day(i), 1000 + 7 * i)), &plain).unwrap();
    assert_eq!(series.names, ["Close AAPL", "Close MSFT"]);
    for header in ["date,y\n", "date,y,\n"] {
        let series = parse(&rows(header, 20, |i| format!("{},{i}.5,", day(i))), &plain).unwrap();
        assert_eq!((&series.names[..], series.len()), (&["y".to_owned()][..], 20));
    }
    let footer = rows("date,y\n", 20, |i| format!("{},{i}.5", day(i))) + "Total,190\n";
    let error = parse(&footer, &plain).unwrap_err().to_string();
    assert!(error.starts_with("a.csv, line 22: 'Total' is no date"), "{error}");
    let bad = rows("date,y\n", 20, |i| {
        format!("{},{}", day(i), if i == 9 { "oops".to_owned() } else { i.to_string() })
    });
    let error = parse(&bad, &plain).unwrap_err().to_string();
    assert!(error.starts_with("a.csv, line 11: column 'y' holds 'oops'"), "{error}");
}

#[test]
fn paths_have_their_places_alone_and_every_row_that_is_left_out_is_said() {
    let content = ",frame,who,x,y\n0,1,a,0,0\n1,2,a,1,1\n2,1,b,5,5\n3,2,b,oops,5\n4,3,b,6\n5,3,b,7,7\n";
    let folder = crate::folder(&[("a.csv", content.as_bytes())]);
    let read = |skip: bool| {
        let mut notes = vec![];
        let who = "who".parse().unwrap();
        let note = &mut |note: &str| notes.push(note.to_owned());
        let read = read_paths(&folder.path().join("a.csv"), Some(&who), None, &skip_bad(skip), note);
        (read, notes)
    };
    assert!(
        read(false).0.unwrap_err().to_string().contains("line 6: the number of columns is 4, 5 are needed")
    );
    let (paths, notes) = read(true);
    let paths = paths.unwrap();
    assert_eq!((&paths.names[..], paths.members.len()), (&["x".to_owned(), "y".to_owned()][..], 2));
    assert_eq!(paths.members[1].values, [5.0, 5.0, 7.0, 7.0]);
    assert!(notes[0].contains("column 'frame' only counts the steps of a path"), "{notes:?}");
    assert!(notes[1].contains("line 5: column 'x' holds 'oops'") && notes[2].contains("line 6"), "{notes:?}");
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
        bad: bool,
    ) {
        let rows: String = cells.iter().map(|(date, value)| format!("{date},{value}\n")).collect();
        let options = SeriesOptions { fill, table: skip_bad(bad), ..Default::default() };
        if let Ok(series) = parse(&format!("date,value\n{rows}"), &options) {
            prop_assert!(series.len() > 1 && series.values.iter().all(|value| value.is_finite()));
            if let Some(calendar) = series.calendar {
                let waves = calendar.waves(0..series.len() + 3, calendar.features());
                prop_assert!(waves.is_none_or(|w| w.len() == (series.len() + 3) * calendar.features().len() * 2));
            }
            if fill.is_none() && !bad {
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
