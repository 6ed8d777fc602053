//! Every kind of chart, drawn from data.

use anaphora_pages::Page;
use anaphora_pages::chart::*;

use anaphora_browser::{Browser, DARK, NARROW, WIDE};

/// A page with a chart of each kind.
fn page() -> String {
    let mut page = Page::new("Every chart <once>");
    let x: Vec<f64> = (0..40).map(f64::from).collect();
    let decay = |rate: f64| -> Vec<f64> { x.iter().map(|x| (-rate * x).exp()).collect() };
    let times = |values: &[f64], by: f64| -> Vec<f64> { values.iter().map(|value| value * by).collect() };
    let lines = |names: &[(&str, f64)]| -> Vec<Line> {
        names
            .iter()
            .map(|(name, rate)| {
                let y = decay(*rate);
                let bands = vec![
                    Band { low: times(&y, 0.3), high: times(&y, 3.0) },
                    Band { low: times(&y, 0.6), high: times(&y, 1.6) },
                ];
                Line { name: (*name).into(), x: x.clone(), y, bands, ..Line::default() }
            })
            .collect()
    };
    page.section("lines", "Lines");
    let series =
        lines(&[("rnn", 0.6), ("gru, with a name that is long", 0.2), ("lstm", 0.18), ("transformer", 0.02)]);
    page.figure(
        &Chart::Lines(Lines {
            x: Axis::new("steps earlier"),
            y: Axis::log("norm of the gradient"),
            marks: vec![LineMark { y: Some(0.01), label: "1 %".into(), ..LineMark::default() }],
            series,
            ..Lines::default()
        }),
        "The gradient falls with distance.",
    );
    page.section("bars", "Bars");
    page.figure(
        &Chart::Bars(Bars {
            label: "accuracy".into(),
            names: ["<i>bag</i> of words", "rnn", "lstm"].map(String::from).to_vec(),
            series: vec![
                BarSeries {
                    name: "trained".into(),
                    values: vec![0.51, 0.83, 0.97],
                    low: Some(vec![0.45, 0.8, 0.95]),
                    high: Some(vec![0.55, 0.86, 0.98]),
                },
                BarSeries { name: "untrained".into(), values: vec![0.5, 0.48, 0.52], ..BarSeries::default() },
            ],
            marks: vec![BarMark { value: 0.5, label: "chance".into() }],
            high: Some(1.0),
            share: true,
            ..Bars::default()
        }),
        "Longer is better.",
    );
    page.section("table", "Table");
    page.figure(
        &Chart::Table(Table {
            columns: ["task", "score", "chance"].map(Column::new).to_vec(),
            rows: vec![
                vec!["many to one".into(), 0.9.into(), 0.5.into()],
                vec!["one to many".into(), 0.31.into(), Cell::Empty(())],
                vec!["</script>".into(), 12345.6.into(), 0.25.into()],
            ],
            sortable: true,
            ..Table::default()
        }),
        "A click on a name sorts.",
    );
    page.section("long", "A long table");
    page.figure(
        &Chart::Table(Table {
            columns: ["number", "square"].map(Column::new).to_vec(),
            rows: (0..40).map(|k| vec![f64::from(k).into(), f64::from(k * k).into()]).collect(),
            ..Table::default()
        }),
        "It scrolls.",
    );
    page.section("heat", "Heat map");
    let names =
        |count: usize| (0..count).map(|k| ["the", " cat", "\n", " sat on"][k % 4].to_owned()).collect();
    page.figure(
        &Chart::HeatMap(HeatMap {
            title: "attention".into(),
            label: "weight".into(),
            rows: Places::named("query", names(24)),
            columns: Places::named("key", names(24)),
            values: (0..24 * 24)
                .map(|k| if k % 24 > k / 24 { 0.0 } else { 1.0 / (1 + k / 24 - k % 24) as f32 })
                .collect(),
            square: true,
            zoom: true,
            ..HeatMap::default()
        }),
        "A row is a query.",
    );
    page.figure(
        &Chart::HeatMap(HeatMap {
            title: "cell".into(),
            label: "value".into(),
            rows: Places::numbered("unit", 64),
            columns: Places::numbered("step", 700),
            values: (0..64 * 700).map(|k| ((k % 700) as f32 / 9.0 + (k / 700) as f32).sin()).collect(),
            range: Some([-1.0, 1.0]),
            ..HeatMap::default()
        }),
        "A row is a unit.",
    );
    page.section("text", "Text");
    let tokens: Vec<String> = "It was not bad at all ,\nand\u{202e} \"good\" \u{7}</script><!--"
        .split_inclusive(' ')
        .map(String::from)
        .collect();
    let shades = (0..tokens.len()).map(|k| (k as f64 * 0.9).sin()).collect();
    page.figure(
        &Chart::Text(Text { label: "gradient × input".into(), tokens, shades, ..Text::default() }),
        "Orange speaks for it.",
    );
    page.section("plane", "Plane");
    let point = |k: usize| Point {
        x: (k as f64).cos() * k as f64,
        y: (k as f64 * 0.7).sin(),
        name: char::from(b'a' + k as u8).to_string(),
        group: Some(k % 2),
    };
    page.figure(
        &Chart::Plane(Plane {
            x: "first component".into(),
            y: "second component".into(),
            points: (0..26).map(point).collect(),
            groups: vec!["even".into(), "odd".into()],
            ..Plane::default()
        }),
        "Close means alike.",
    );
    let path = |name: &str, dashed| Path {
        name: name.into(),
        x: x.iter().map(|t| t / 5.0).collect(),
        y: x.iter().map(|t| (t / 5.0).sin() + if dashed { t / 60.0 } else { 0.0 }).collect(),
        dashed,
        ..Path::default()
    };
    page.figure(
        &Chart::Plane(Plane {
            x: "x".into(),
            y: "y".into(),
            paths: vec![path("true", false), path("forecast", true)],
            square: true,
            ..Plane::default()
        }),
        "Paths.",
    );
    page.section("tune", "Tune");
    let note = |k: usize| Sounding {
        start: k as f64 * 0.3,
        seconds: 0.28,
        pitch: [62, 64, 66, 67, 69, 71, 73, 74][k % 8],
        step: Some(k),
    };
    page.figure(
        &Chart::Tune(Tune {
            abc: "X:1\nK:D\nDEFG ABcd|".into(),
            notes: (0..16).map(note).collect(),
            ..Tune::default()
        }),
        "It plays.",
    );
    page.write()
}

#[test]
fn every_chart_is_drawn_in_every_look() {
    let Some(browser) = Browser::open(&page(), WIDE) else { return };
    for (name, look) in [("wide", WIDE), ("narrow", NARROW), ("dark", DARK)] {
        browser.look(look);
        browser.reload();
        assert_eq!(browser.blank(), serde_json::json!([]), "{name}");
        assert_eq!(browser.overflow(), serde_json::json!([]), "{name}");
        browser.picture(&format!("charts-{name}"));
        assert_eq!(browser.complaints(), Vec::<String>::new(), "{name}");
    }
}

#[test]
fn logarithmic_axes_have_some_round_marks_that_do_not_meet() {
    let mut page = Page::new("Logarithmic axes");
    let ranges = [
        [1e-12, 1e12],
        [3e-13, 2e5],
        [1e-4, 0.2],
        [0.13, 0.18],
        [1.0, 128.0],
        [32.0, 256.0],
        [10.0, 10_000.0],
        [10.0, 160.0],
        [0.7, 3.0],
    ];
    page.section("axes", "Axes");
    for [low, high] in ranges {
        let line = Line { x: vec![low, high], y: vec![low, high], ..Line::default() };
        let (x, y) = (Axis::log("across"), Axis::log("up"));
        page.figure(&Chart::Lines(Lines { x, y, series: vec![line], ..Lines::default() }), "");
    }
    let Some(browser) = Browser::open(&page.write(), WIDE) else { return };
    // Of each picture and axis: the number of marks, and how near two of them come.
    let marks = "return [...document.querySelectorAll('#axes svg')].flatMap((picture) => ['middle', 'end'].map((anchor) => {
         const boxes = [...picture.querySelectorAll(`text.soft[text-anchor=${anchor}]`)].map((text) => text.getBoundingClientRect());
         const apart = (a, b) => Math.max(a.left - b.right, b.left - a.right, a.top - b.bottom, b.top - a.bottom);
         const pairs = boxes.flatMap((a, k) => boxes.slice(k + 1).map((b) => apart(a, b)));
         return [boxes.length, pairs.length ? Math.min(...pairs) : -1];
     }))";
    for (name, look) in [("wide", WIDE), ("narrow", NARROW)] {
        browser.look(look);
        browser.reload();
        let found: Vec<(usize, f64)> = serde_json::from_value(browser.run(marks)).expect("pairs");
        assert_eq!(found.len(), 2 * ranges.len());
        for (at, (count, nearest)) in found.into_iter().enumerate() {
            let range = ranges[at / 2];
            // On a phone a range that is narrow has few round numbers.
            assert!((3..=8).contains(&count), "{name} {range:?}: {count} marks");
            assert!(nearest > 0.0, "{name} {range:?}: two marks meet, {nearest}");
        }
        browser.picture(&format!("logarithmic-{name}"));
    }
}

#[test]
fn marks_of_a_narrow_axis_differ() {
    let mut page = Page::new("Narrow axes");
    let ranges = [
        [0.1628, 0.1636],
        [-2.0004, -2.0001],
        [1_000_001.0, 1_000_005.0],
        [12_345.1, 12_345.4],
        [3e-7, 3.002e-7],
    ];
    page.section("axes", "Axes");
    for [low, high] in ranges {
        let line = Line { x: vec![low, high], y: vec![low, high], ..Line::default() };
        let (x, y) = (Axis::new("across"), Axis::new("up"));
        page.figure(&Chart::Lines(Lines { x, y, series: vec![line], ..Lines::default() }), "");
    }
    let Some(browser) = Browser::open(&page.write(), WIDE) else { return };
    browser.picture("narrow-axes");
    let marks = "return [...document.querySelectorAll('#axes svg')].flatMap((picture) => ['middle', 'end'].map((anchor) =>
         [...picture.querySelectorAll(`text.soft[text-anchor=${anchor}]`)].map((text) => text.textContent)))";
    let found: Vec<Vec<String>> = serde_json::from_value(browser.run(marks)).expect("texts");
    assert_eq!(found.len(), 2 * ranges.len());
    for marks in found {
        let different: std::collections::BTreeSet<&String> = marks.iter().collect();
        assert!(marks.len() > 2 && different.len() == marks.len(), "{marks:?}");
    }
}

#[test]
fn charts_answer_pointer_and_keys() {
    let Some(browser) = Browser::open(&page(), WIDE) else { return };
    browser.hover("#lines svg");
    browser.tip(|tip| tip.contains("lstm: "));
    browser.keys("#heat .heatmap", "\u{e014}\u{e015}");
    browser.tip(|tip| tip.starts_with("␣cat × ␣cat: 1"));
    let first = "return document.querySelector('#table tbody th').textContent";
    // A blank between two letters is seen by itself.
    browser.keys("#heat .heatmap", "\u{e014}\u{e014}");
    browser.tip(|tip| tip.starts_with("␣cat × ␣sat on: "));
    browser.click("#table thead th:nth-child(2) button");
    assert_eq!(browser.run(first), "</script>");
    browser.click("#table thead th:nth-child(2) button");
    assert_eq!(browser.run(first), "one to many");
    let sound = browser
        .run("const audio = document.querySelector('#tune audio'); return [audio.controls, audio.duration]");
    let seconds = sound[1].as_f64();
    assert!(sound[0] == true && seconds.is_some_and(|long| (4.7..7.0).contains(&long)), "{sound}");
    // A table that scrolls says so, and how much of it is below.
    let cue = "return [...document.querySelectorAll('#long .scrolls')].filter((cue) => !cue.hidden).map((cue) => cue.textContent).join()";
    let before = browser.run(cue).as_str().expect("a text").to_owned();
    assert!(
        before.starts_with("40 rows, ") && before.contains("more below; the table scrolls down"),
        "{before}"
    );
    browser.keys("#long .scroll", "\u{e010}");
    browser.until(cue, |cue| *cue == "40 rows; the table scrolls down, also by arrow keys.");
    assert_eq!(browser.run("return document.querySelectorAll('#table .scrolls:not([hidden])').length"), 0);
    let copied = browser.run("return document.querySelector('#text .shaded').textContent");
    assert_eq!(copied, "It was not bad at all ,\nand\u{202e} \"good\" \u{7}</script><!--");
    assert_eq!(browser.complaints(), Vec::<String>::new());
}
