//! Forecasts of series and paths, through the binary.

use std::fmt::Write;
use std::time::Duration;

use crate::common::{Workplace, names};
use serde_json::Value;

/// Twelve years of months that grow and come back, as a CSV.
fn months(count: usize) -> String {
    let mut csv = "month,visits\n".to_owned();
    for month in 0..count {
        let season = (std::f64::consts::TAU * month as f64 / 12.0).sin();
        let wobble = ((month * 37 + 11) % 17) as f64 / 17.0 - 0.5;
        let visits = 100.0 + month as f64 + 20.0 * season + 2.0 * wobble;
        writeln!(csv, "{}-{:02},{visits:.3}", 2010 + month / 12, month % 12 + 1).unwrap();
    }
    csv
}

const QUICK: [&str; 4] = ["--hidden=8", "--threads=1", "--precision=f32", "--set=training.validate_every=10"];

fn train(place: &Workplace, call: &[&str]) -> String {
    place.call(&[&["train"], &QUICK[..], call].concat()).ok()
}

fn refused(place: &Workplace, call: &[&str], code: i32) -> String {
    place.call(&[&["train", "--task=forecast", "--steps=5"], &QUICK[..], call].concat()).refused(code)
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value} is no number"))
}

#[test]
fn a_series_goes_on_with_its_dates() {
    let place = Workplace::new();
    place.write("visits.csv", months(144));
    let call = ["visits.csv", "--task=forecast", "--horizon=24", "--test-from=2020-01", "--steps=40"];
    train(&place, &call);
    assert!(names(&place.path("runs/visits")).contains(&"forecast.json".to_owned()));

    let score = place.call(&["evaluate", "runs/visits", "--split=test", "--json"]).json().remove(0);
    let of = |name: &str| number(&score["contenders"][name]["mape"]);
    assert_eq!((&score["examples"], &score["ahead"]), (&1.into(), &24.into()));
    assert!(of("this_model") < 5.0, "{score}");
    assert!(of("this_model") < of("last_season_again"), "{score}");
    assert!((number(&score["mape"]) - of("this_model")).abs() < 1e-9);
    let repeated = number(&score["contenders"]["last_season_again"]["mase"]);
    assert!(
        (1.2..2.0).contains(&repeated),
        "a year later it is a year's growth off, two years later twice: {repeated}"
    );

    let table = place.call(&["evaluate", "runs/visits", "--split=test", "--plot=test.svg"]).ok();
    for said in ["this model", "linear map", "last season again", "last value again", "24 steps ahead"] {
        assert!(table.contains(said), "{said}: {table}");
    }
    assert!(String::from_utf8(place.read("test.svg")).unwrap().contains("what came"));

    let text = place.call(&["predict", "runs/visits", "--plot=next.svg"]).ok();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 25);
    assert!(lines[1].starts_with("2022-01-01") && lines[24].starts_with("2023-12-01"), "{text}");
    assert!(!String::from_utf8(place.read("next.svg")).unwrap().contains("what came"));
    place.write("next.svg", "mine");
    for call in [&["predict", "runs/visits"][..], &["evaluate", "runs/visits", "--split=test"]] {
        let sentence = place.call(&[call, &["--plot=next.svg"]].concat()).refused(2);
        assert_eq!(sentence, "next.svg is there already; write over it with --force, or name another");
        assert_eq!(place.read("next.svg"), b"mine");
    }
    place.call(&["predict", "runs/visits", "--plot=next.svg", "--force"]).ok();
    assert!(place.read("next.svg").starts_with(b"<svg"));

    // The same series as a file, but a year shorter.
    place.write("shorter.csv", months(132));
    let next = place.call(&["predict", "runs/visits", "shorter.csv", "--json"]).json().remove(0);
    assert_eq!(next["from"], "2021-01-01");
    let steps = next["forecast"].as_array().unwrap();
    assert_eq!((steps.len(), &steps[0]["step"]), (24, &"2021-01-01".into()));
    assert!((180.0..290.0).contains(&number(&steps[0]["visits"])), "{next}");
    // What is known stands before it, up to its beginning.
    let known = next["history"].as_array().unwrap();
    let (last, rows) = (known.last().unwrap(), months(132));
    let visits: f64 = rows.trim().rsplit(',').next().unwrap().parse().unwrap();
    assert_eq!((known.len(), &last["step"]), (48, &"2020-12-01".into()));
    assert!((number(&last["visits"]) - visits).abs() < 1e-3, "{last}");
}

#[test]
fn midnight_has_a_time_where_other_hours_have_one() {
    let place = Workplace::new();
    place.write("hours.csv", place.call(&["sample", "series", "--count=100"]).ok());
    train(&place, &["hours.csv", "--task=forecast", "--horizon=24", "--lookback=24", "--steps=2"]);
    let next = place.call(&["predict", "runs/hours", "--json"]).json().remove(0);
    let stamps: Vec<&str> =
        next["forecast"].as_array().unwrap().iter().map(|step| step["step"].as_str().unwrap()).collect();
    assert!(stamps.iter().any(|stamp| stamp.ends_with(" 00:00:00")), "{stamps:?}");
    assert!(stamps.iter().all(|stamp| stamp.len() == "2020-01-01 00:00:00".len()), "{stamps:?}");
}

#[test]
fn numbers_are_read_by_the_mark_that_was_learnt() {
    let place = Workplace::new();
    let rows = |from: usize, to: usize, decimals: usize| -> String {
        let value = |i: usize| format!("{:.decimals$}", 1.0 + ((i * 7) % 10) as f64 / 8.0);
        let row = |i: usize| format!("2020-01-{:02}\t{}\n", i + 1, value(i));
        "date\tx\n".to_owned() + &(from..to).map(row).collect::<String>()
    };
    place.write("all.tsv", rows(0, 28, 3).replace("1.875", "0.875").replace('.', ","));
    // By themselves the numbers of the last rows have thousands.
    place.write("last.tsv", rows(20, 28, 3).replace('.', ","));
    place.write("points.tsv", rows(20, 28, 2));
    train(&place, &["all.tsv", "--task=forecast", "--horizon=2", "--lookback=6", "--steps=2"]);
    let recipe = String::from_utf8(place.read("runs/all/recipe.toml")).unwrap();
    assert!(recipe.contains("decimal = \"comma\""), "{recipe}");
    let next = place.call(&["predict", "runs/all", "last.tsv", "--json"]).json().remove(0);
    for step in next["forecast"].as_array().unwrap() {
        assert!((0.0..3.0).contains(&number(&step["x"])), "{next}");
    }
    // With the other mark they are none.
    let refused = place.call(&["predict", "runs/all", "points.tsv"]).refused(1);
    assert!(refused.contains("a finite number is needed"), "{refused}");
}

#[test]
fn quantiles_have_a_band() {
    let place = Workplace::new();
    place.write("visits.csv", months(144));
    for head in ["quantile", "gaussian"] {
        let (out, head) = (format!("--out={head}"), format!("--head={head}"));
        let call =
            ["visits.csv", "--task=forecast", "--horizon=6", "--test-from=0.8", &head, &out, "--steps=20"];
        train(&place, &call);
        let run = &out[6..];
        let score = place.call(&["evaluate", run, "--split=test", "--json"]).json().remove(0);
        assert!(
            (0.0..=1.0).contains(&number(&score["coverage"])) && number(&score["pinball"]) > 0.0,
            "{score}"
        );
        assert!(
            score["examples"].as_u64().unwrap() > 20,
            "each month of the test but the last begins a forecast"
        );
        let next = place.call(&["predict", run, "--json"]).json().remove(0);
        for step in next["forecast"].as_array().unwrap() {
            let level = |level: &str| number(&step["visits_quantiles"][level]);
            assert!(level("0.1") <= level("0.5") && level("0.5") <= level("0.9"), "{step}");
            assert_eq!(step["visits"], step["visits_quantiles"]["0.5"]);
        }
    }
}

#[test]
fn every_backbone_forecasts_several_columns() {
    let place = Workplace::new();
    let mut csv = "date;east;west\n".to_owned();
    for day in 0..120 {
        let wave = (std::f64::consts::TAU * f64::from(day) / 7.0).sin();
        let (month, date) = (day / 28 + 1, day % 28 + 1);
        // February has 28 days, and so has each month here but for the days that are filled.
        writeln!(csv, "2023-{month:02}-{date:02};{:.3};{:.3}", wave, 5.0 - 2.0 * wave).unwrap();
    }
    place.write("both.csv", csv);
    for backbone in ["window", "gru", "transformer"] {
        for channels in ["independent", "joint"] {
            let out = format!("--out={backbone}-{channels}");
            let (backbone, channels) =
                (format!("--backbone={backbone}"), format!("--set=series.channels={channels}"));
            let call = [
                "both.csv",
                "--task=forecast",
                "--horizon=3",
                "--lookback=14",
                "--set=data.patch=4",
                "--steps=10",
                "--set=series.fill=linear",
                &backbone,
                &channels,
                &out,
            ];
            train(&place, &call);
            let score = place.call(&["evaluate", &out[6..], "--json"]).json().remove(0);
            assert!(number(&score["mse"]) < 4.0, "{score}");
        }
    }
}

#[test]
fn killed_and_resumed_it_learns_the_same() {
    let place = Workplace::new();
    let call = [
        "train",
        "--builtin=seasonal",
        "--horizon=12",
        "--lookback=24",
        "--steps=60",
        "--hidden=8",
        "--threads=1",
        "--precision=f32",
        "--set=training.validate_every=20",
        "--set=training.checkpoint_every=5",
    ];
    place.call(&[&call[..], &["--out=whole"]].concat()).ok();
    let mut child = place.start(&[&call[..], &["--out=run"]].concat());
    let checkpoint = place.path("run/checkpoints");
    for _ in 0..600 {
        let there = std::fs::read_dir(&checkpoint).map_or(0, Iterator::count);
        if there > 1 || child.try_wait().unwrap().is_some() {
            break;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    let _ = child.kill();
    child.wait().unwrap();
    place.call(&["resume", "run"]).ok();
    assert_eq!(place.read("whole/model.safetensors"), place.read("run/model.safetensors"));
}

#[test]
fn how_far_back_is_read_follows_from_the_series() {
    let place = Workplace::new();
    let recipe = |run: &str| String::from_utf8(place.read(&format!("runs/{run}/recipe.toml"))).unwrap();
    let called = place.call(&[&["train"], &QUICK[..], &["--builtin=seasonal", "--steps=2"]].concat());
    assert!(called.stderr.contains("168 steps are read, the length of a week"), "{}", called.stderr);
    called.ok();
    assert!(recipe("seasonal").contains("\nlookback = 168 "), "{}", recipe("seasonal"));
    // Without dates the week is found by its numbers alone, and is the season that is repeated.
    let hours = place.call(&["sample", "series", "--count=2000"]).ok();
    let loads: String = hours.lines().map(|line| line.split_once(',').unwrap().1.to_owned() + "\n").collect();
    place.write("loads.csv", &loads);
    train(&place, &["loads.csv", "--task=forecast", "--horizon=24", "--test-from=0.8", "--steps=2"]);
    let score = place.call(&["evaluate", "runs/loads", "--split=test", "--json"]).json().remove(0);
    assert!(number(&score["contenders"]["last_season_again"]["mase"]) < 1.5, "{score}");
    // What comes behind the part that is learnt changes nothing of it.
    let rows: Vec<&str> = loads.lines().collect();
    let other =
        rows[..1500].join("\n") + "\n" + &(0..500).map(|i| format!("{}\n", i % 9)).collect::<String>();
    place.write("other.csv", other);
    let cut = ["--validation-from=1300", "--test-from=1600"];
    for file in ["loads.csv", "other.csv"] {
        let out = format!("--out=runs/{file}");
        let call = [file, "--task=forecast", "--horizon=24", "--steps=2", &out];
        train(&place, &[&call[..], &cut].concat());
    }
    let read = |run: &str| recipe(run).lines().find(|line| line.starts_with("lookback")).unwrap().to_owned();
    assert_eq!(read("loads.csv"), read("other.csv"));
    // Where nothing comes back it is three times what is forecast.
    let noise = |i: u64| (i * i % 1_009 * 7_919 + i * 104_729) % 10_007;
    place.write("noise.csv", (0..600).map(|i| format!("{}\n", noise(i))).collect::<String>());
    train(&place, &["noise.csv", "--task=forecast", "--horizon=10", "--steps=2"]);
    assert!(recipe("noise").contains("\nlookback = 30 "), "{}", recipe("noise"));
    // A run of an earlier version says nothing of it, and goes on as it was.
    let earlier = recipe("noise").replace("lookback = 30", "# lookback = 30");
    place.write("runs/noise/recipe.toml", earlier);
    place.call(&["resume", "runs/noise", "--steps=2"]).ok();
    train(&place, &["noise.csv", "--from=runs/noise", "--steps=2", "--out=more"]);
}

#[test]
fn what_is_wrong_with_a_series_is_said() {
    let place = Workplace::new();
    let good = months(60);
    let lines: Vec<&str> = good.lines().collect();
    let without = |line: usize| -> String {
        let kept = lines.iter().enumerate().filter(|(index, _)| *index != line);
        kept.map(|(_, line)| format!("{line}\n")).collect()
    };
    place.write("gap.csv", without(20));
    let sentence = refused(&place, &["gap.csv"], 1);
    assert!(sentence.contains("gap.csv") && sentence.contains("1 monthly step is missing"), "{sentence}");
    place.write("nan.csv", good.replace(lines[7], "2010-07,NaN"));
    let sentence = refused(&place, &["nan.csv"], 1);
    assert!(sentence.contains("line 8") && sentence.contains("'visits' holds 'NaN'"), "{sentence}");
    place.write("order.csv", good.replace(lines[30], "2010-01,5"));
    assert!(refused(&place, &["order.csv"], 1).contains("line 31"));

    place.write("good.csv", &good);
    let sentence =
        refused(&place, &["good.csv", "--lookback=40", "--set=series.chunk=30", "--horizon=30"], 1);
    assert!(sentence.contains("set a smaller series.lookback or series.chunk"), "{sentence}");
    let sentence = refused(&place, &["good.csv", "--test-from=soon"], 1);
    assert!(sentence.contains("series.test_from is soon; it takes a date or a share"), "{sentence}");
    let sentence = refused(&place, &["good.csv", "--set=series.columns=sales"], 1);
    assert!(sentence.contains("sales"), "{sentence}");
    let sentence = refused(&place, &["good.csv", "--set=model.levels=[0.9, 0.5]"], 2);
    assert!(sentence.contains("ascending levels"), "{sentence}");
    place.write("zero.csv", good.replace(lines[7], "2010-07,0"));
    let sentence = refused(&place, &["zero.csv", "--set=series.transform=log"], 1);
    assert!(
        sentence.contains("column visits is 0 at 2010-07-01") && sentence.contains("above 0"),
        "{sentence}"
    );

    train(&place, &["good.csv", "--task=forecast", "--horizon=6", "--steps=5", "--out=run"]);
    let sentence = place.call(&["evaluate", "run", "--split=test"]).refused(1);
    assert!(sentence.ends_with("train with series.test_from"), "{sentence}");
    let sentence = place.call(&["predict", "run", "--text=what next"]).refused(1);
    assert!(sentence.contains("is no series; name a file"), "{sentence}");
    place.write("other.csv", good.replace("visits", "sales"));
    let sentence = place.call(&["predict", "run", "other.csv"]).refused(1);
    assert!(sentence.contains("the columns are sales where the model reads visits"), "{sentence}");
    place.write("short.csv", months(3));
    assert!(place.call(&["predict", "run", "short.csv"]).refused(1).contains("needed to forecast from"));
}

#[test]
fn thrown_balls_are_followed() {
    let place = Workplace::new();
    train(&place, &["--builtin=ball", "--steps=20", "--set=series.horizon=20"]);
    let called = place.call(&["evaluate", "runs/ball", "--split=test", "--json", "--plot=paths.svg"]);
    let score = called.json().remove(0);
    assert_eq!(score["examples"], 1000);
    let mean = |name: &str| number(&score["contenders"][name]["mean_distance"]);
    assert!(mean("this_model") < mean("stays_there"), "{score}");
    assert_eq!(score["contenders"]["straight_on"]["by_step"].as_array().unwrap().len(), 20);
    let svg = String::from_utf8(place.read("paths.svg")).unwrap();
    assert!(svg.contains("true path") && svg.contains("throw "), "{svg}");
}

#[test]
fn paths_come_from_a_table() {
    let place = Workplace::new();
    let mut csv = "who,x,y\n".to_owned();
    for walk in 0..30 {
        for step in 0..12 {
            let (x, y) = (0.1 * f64::from(walk * step), f64::from(step) - 0.05 * f64::from(walk));
            writeln!(csv, "w{walk},{x:.3},{y:.3}").unwrap();
        }
    }
    place.write("walks.csv", format!("{csv}late,0,0\nlate,1,1\n"));
    let call = ["walks.csv", "--task=trajectory", "--lookback=4", "--horizon=6", "--steps=20"];
    let called = place.call(&[&["train"], &QUICK[..], &call].concat());
    assert!(called.stderr.contains("1 path is shorter than the 10 steps"), "{}", called.stderr);
    called.ok();
    let score = place.call(&["evaluate", "runs/walks", "--split=test", "--json"]).json().remove(0);
    assert_eq!(score["examples"], 3);
    assert!(number(&score["contenders"]["straight_on"]["mean_distance"]) < 0.01, "{score}");
    place.write("new.csv", csv.lines().take(1 + 24).map(|line| format!("{line}\n")).collect::<String>());
    let next = place.call(&["predict", "runs/walks", "new.csv", "--json"]).json();
    assert_eq!(next.len(), 2);
    assert_eq!((&next[1]["input"], &next[1]["from"]), (&"w1".into(), &"13".into()));
    assert_eq!(next[1]["forecast"].as_array().unwrap().len(), 6);
    place.write("bad.csv", "who,x,y\na,1,2\na,inf,3\n");
    let sentence = place.call(&["predict", "runs/walks", "bad.csv"]).refused(1);
    assert!(sentence.contains("line 3: column 'x' holds 'inf'"), "{sentence}");
    let sentence = place.call(&["predict", "runs/walks", "--text=x"]).refused(1);
    assert!(sentence.contains("is no path"), "{sentence}");
}

/// A week of hours with a day's wave, a row an hour by `row` of its number and value.
fn hours(header: &str, row: impl Fn(usize, f64) -> String) -> String {
    let value = |hour: usize| 900.0 + 200.0 * (std::f64::consts::TAU * hour as f64 / 24.0).sin();
    let rows: String = (0..240).map(|hour| row(hour, value(hour).round()) + "\n").collect();
    header.to_owned() + &rows
}

#[test]
fn a_training_says_its_dates_and_a_share_is_a_point_in_time() {
    let place = Workplace::new();
    place.write("visits.csv", months(120));
    let call = [
        "visits.csv",
        "--task=forecast",
        "--horizon=6",
        "--lookback=12",
        "--set=series.chunk=6",
        "--steps=2",
    ];
    let cut = ["--validation-from=0.7", "--test-from=0.8", "--set=series.until=0.95"];
    let called = place.call(&[&["train"], &QUICK[..], &call, &cut].concat());
    let said = "learnt from 2010-01-01 to 2016-12-01 (67 windows), validated on 2017-01-01 to 2017-12-01 (7 windows), \
                tested on 2018-01-01 to 2019-06-01 (13 windows); what follows 2019-06-01 is left alone";
    assert!(called.stderr.contains(said), "{}", called.stderr);
    called.ok();
    let score = place.call(&["evaluate", "runs/visits", "--split=test", "--json"]).json().remove(0);
    assert_eq!(score["examples"], 13);
    let sentence = refused(&place, &["visits.csv", "--season=65536"], 1);
    assert!(
        sentence.contains("series.season is 65536, and the series has 105 steps to learn from"),
        "{sentence}"
    );
}

#[test]
fn what_is_to_be_known_of_a_file_is_said_wherever_it_is_read() {
    let place = Workplace::new();
    let first = 1_572_912_000;
    place.write(
        "learnt.csv",
        hours("timestamp;load\n", |hour, load| {
            let load = if load < 1000.0 { load.to_string() } else { format!("1.{:03}", load - 1000.0) };
            format!("{};{load}", first + 3600 * hour)
        }),
    );
    let call = ["learnt.csv", "--task=forecast", "--horizon=6", "--steps=5"];
    let called = place.call(&[&["train"], &QUICK[..], &call].concat());
    let (dates, numbers) = ("written in seconds since 1970", "1.000 in column load is read as 1000");
    assert!(called.stderr.contains(dates) && called.stderr.contains(numbers), "{}", called.stderr);
    called.ok();
    let next = place.call(&["predict", "runs/learnt", "--json"]).json().remove(0);
    assert_eq!(next["from"], "2019-11-15 00:00:00");
    assert!((500.0..1300.0).contains(&number(&next["forecast"][0]["load"])), "{next}");
    let noted = |report: &Value, what: &str| {
        report["notes"].as_array().unwrap().iter().any(|note| note.as_str().unwrap().contains(what))
    };
    let score = place.call(&["evaluate", "runs/learnt", "--data=learnt.csv", "--json"]).json().remove(0);
    for report in [&next, &score] {
        // How numbers are read is settled by what was learnt.
        assert!(noted(report, dates) && !noted(report, numbers), "{report}");
    }
    let called = place.call(&["predict", "runs/learnt", "learnt.csv"]);
    assert!(called.stderr.lines().any(|line| line.starts_with("Note: learnt.csv: ")), "{called:#?}");
    assert!(!called.ok().contains("Note"), "the forecast alone is the result");
    // The mark before decimals can be told.
    let called =
        place.call(&[&["train"], &QUICK[..], &call, &["--set=data.decimal=comma", "--out=told"]].concat());
    assert!(!called.stderr.contains("data.decimal"), "{}", called.stderr);
    called.ok();
}

#[test]
fn rows_of_paths_that_are_left_out_are_said() {
    let place = Workplace::new();
    let walks: String = (0..360).map(|i| format!("w{},{},{}\n", i / 12, i % 12, i % 7)).collect();
    place.write("walks.csv", format!("who,x,y\n{walks}w3,oops,1\nw4,1\n"));
    let call = ["walks.csv", "--task=trajectory", "--lookback=4", "--horizon=6", "--steps=2"];
    let sentence = place.call(&[&["train"], &QUICK[..], &call].concat()).refused(1);
    assert!(sentence.contains("line 363: the number of columns is 2, 3 are needed"), "{sentence}");
    let called = place.call(&[&["train"], &QUICK[..], &call, &["--skip-bad=true"]].concat());
    for said in ["line 362: column 'x' holds 'oops'", "line 363: the number of columns is 2"] {
        assert!(called.stderr.contains(said), "{}", called.stderr);
    }
    called.ok();
    for call in [
        &["evaluate", "runs/walks", "--data=walks.csv", "--json"],
        &["predict", "runs/walks", "walks.csv", "--json"],
    ] {
        let report = place.call(call).json().remove(0);
        assert_eq!(report["notes"].as_array().unwrap().len(), 2, "{report}");
    }
}

#[test]
fn a_built_in_series_without_enough_of_it_is_named() {
    let place = Workplace::new();
    let sentence = place.call(&["train", "--builtin=ball", "--horizon=100"]).refused(1);
    assert!(sentence.starts_with("the built-in ball: path throw 1 has 60 steps"), "{sentence}");
}
