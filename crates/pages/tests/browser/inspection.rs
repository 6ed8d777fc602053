//! The page of an inspection.

use std::thread::sleep;
use std::time::Duration;

use anaphora::inspect::{Inspection, Request, View};
use anaphora::recipe::{Backbone, Builtin, Head, Notes};
use anaphora_pages::inspection;
use serde_json::json;

use crate::fixtures::{HOSTILE, hostile, large, seen, trained};
use anaphora_browser::{Browser, DARK, NARROW, WIDE};

const TUNE: &str = "X:1\nT:A\nM:4/4\nL:1/8\nK:D\nD2FA dAFD|GABc d2cB|A2FA dAFD|GFED D4|\n";

/// The sections of a page that have a picture, a text or a table in them.
fn drawn(browser: &Browser) -> Vec<String> {
    let found = browser.run(
        "return [...document.querySelectorAll('section')]
             .filter((section) => section.querySelector('[data-view] :is(canvas, svg, .shaded, table)')).map((section) => section.id)",
    );
    serde_json::from_value(found).expect("names")
}

/// Checks in all looks that a page is drawn, fits and has nothing to complain of.
fn check(browser: &Browser, name: &str) {
    for (look_name, look) in [("wide", WIDE), ("narrow", NARROW), ("dark", DARK)] {
        browser.look(look);
        browser.reload();
        assert_eq!(browser.blank(), json!([]), "{name}, {look_name}");
        assert_eq!(browser.overflow(), json!([]), "{name}, {look_name}");
        let failed = browser
            .run("return document.querySelector('main').textContent.includes('This could not be drawn')");
        assert_eq!(browser.complaints(), Vec::<String>::new(), "{name}, {look_name}");
        assert_eq!(failed, json!(false), "{name}, {look_name}");
        browser.picture(&format!("{name}-{look_name}"));
    }
    browser.look(WIDE);
    browser.reload();
}

fn open(inspections: &[Inspection]) -> Option<Browser> {
    Browser::open(&inspection(inspections), WIDE)
}

#[test]
fn a_model_of_tunes_shows_its_gates_and_plays() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(browser) = open(&[trained(folder.path(), Builtin::Tunes, Backbone::Lstm, Some(TUNE))]) else {
        return;
    };
    let views = ["tune", "next", "graph", "gates", "units", "gradients", "context", "embedding"];
    assert_eq!(drawn(&browser), views);
    check(&browser, "lstm");
    // The text can be found and copied as it was.
    let text = browser.run("return document.querySelector('#next .shaded').textContent");
    assert_eq!(text, TUNE);
    // The pointer over a token shows what was expected there, and all views follow.
    browser.hover("#next .shaded span[data-step='9']");
    browser.tip(|tip| tip.contains("step 9: surprise"));
    let panel = "return document.querySelector('#next .expected').textContent";
    assert!(browser.run(panel).as_str().expect("a text").starts_with("Expected at step 9"));
    browser.keys("#next .shaded", "\u{e014}");
    assert!(browser.run(panel).as_str().expect("a text").starts_with("Expected at step 10"));
    // Sorting by time constant puts other units first.
    browser.keys("#gates .heatmap", "\u{e015}\u{e013}");
    browser.tip(|tip| tip.contains("unit 0,"));
    browser.choose("#gates select", 1, "time");
    browser.keys("#gates .heatmap", "\u{e015}\u{e013}");
    browser.tip(|tip| tip.contains("unit ") && !tip.contains("unit 0,"));
    // Another layer is another picture.
    browser.choose("#gates select", 0, "gates.l0");
    // It is said where units were measured.
    let units = browser.run("return document.querySelector('#units').textContent");
    assert!(units.as_str().expect("a text").contains("what was held out of built-in tunes"), "{units}");
    // It plays, and the playhead and the text follow the sound.
    browser.keys("#tune audio", " ");
    browser
        .until("return document.querySelector('#tune audio').currentTime", |time| time.as_f64() > Some(0.3));
    let now = "return Number(document.querySelector('#next .shaded .now').dataset.step)";
    browser.until(now, |step| step.as_u64() > Some(22));
    browser.run("document.querySelector('#tune audio').pause()");
    let places = "const roll = document.querySelector('#tune .roll'); const at = document.querySelector('#tune audio').currentTime;
        const notes = [...roll.querySelectorAll('.note.now')].map((one) => one.getBoundingClientRect());
        const head = roll.querySelector('.playhead').getBoundingClientRect().left;
        return [at, notes.length > 0 && notes.every((note) => note.left - 1 <= head && head <= note.right + 3)]";
    // The playhead stands in the note that sounds.
    let stopped = browser.until(places, |places| places[1] == true);
    sleep(Duration::from_millis(300));
    assert_eq!(browser.run(places), stopped, "it pauses");
    // A click on the roll moves the sound.
    browser.click("#tune .roll svg");
    browser.until(places, |moved| moved[0].as_f64() > stopped[0].as_f64());
    assert_eq!(browser.complaints(), Vec::<String>::new());
}

#[test]
fn a_transformer_shows_its_heads_and_what_a_query_finds() {
    let folder = tempfile::tempdir().expect("a folder");
    let seen = trained(folder.path(), Builtin::Tunes, Backbone::Transformer, Some(&TUNE[..60]));
    let Some(browser) = open(&[seen]) else { return };
    let views = [
        "tune",
        "next",
        "graph",
        "units",
        "gradients",
        "context",
        "attention",
        "search",
        "embedding",
        "missing",
    ];
    let mut found = drawn(&browser);
    found.push("missing".into());
    assert_eq!(found, views);
    check(&browser, "transformer");
    assert_eq!(browser.run("return document.querySelectorAll('#attention .heads button').length"), 8);
    let title = "return document.querySelector('#attention .whole .chart-title').textContent";
    assert_eq!(browser.run(title), "block 0, masked, head 0");
    browser.click("#attention .block:nth-child(2) button:nth-of-type(3)");
    assert_eq!(browser.run(title), "block 1, masked, head 2");
    // The last query's weights are those of the kernel.
    let said = "return [...document.querySelectorAll('#search .said')].pop().textContent";
    let text = browser.run(said);
    assert!(text.as_str().expect("a text").contains("These weights are those that the model used"), "{text}");
    // Weights of the listed keys fall.
    let weights = browser.run(
        "return [...document.querySelectorAll('#search tbody tr')].map((row) => parseFloat(row.children[4].textContent))",
    );
    let weights: Vec<f64> = serde_json::from_value(weights).expect("numbers");
    assert!(weights.len() > 5 && weights.is_sorted_by(|a, b| a >= b), "{weights:?}");
}

#[test]
fn a_classifier_shows_what_its_answer_hangs_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let seen = trained(folder.path(), Builtin::Names, Backbone::Gru, Some("Baren"));
    let Some(browser) = open(&[seen]) else { return };
    assert_eq!(drawn(&browser), ["graph", "gates", "gradients", "embedding", "saliency"]);
    check(&browser, "classifier");
    assert_eq!(browser.run("return document.querySelector('#saliency .shaded').textContent"), "Baren");
}

#[test]
fn a_translation_shows_where_it_looks() {
    let folder = tempfile::tempdir().expect("a folder");
    let seen = trained(folder.path(), Builtin::Reverse, Backbone::Lstm, None);
    let Some(browser) = open(&[seen]) else { return };
    let found = drawn(&browser);
    for view in ["next", "graph", "gates", "gradients", "attention", "search", "embedding", "saliency"] {
        assert!(found.iter().any(|known| known == view), "{view}: {found:?}");
    }
    check(&browser, "translation");
}

#[test]
fn what_is_asked_for_alone_is_drawn() {
    let folder = tempfile::tempdir().expect("a folder");
    let asked = [View::Bottleneck, View::Speed];
    let request = Request { views: Some(asked.into_iter().collect()), ..Request::default() };
    // As much training as it takes to write a word that is right.
    let some = |recipe: &mut anaphora::Recipe| {
        (recipe.model.layers, recipe.model.hidden_size) = (1, 64);
        (recipe.training.steps, recipe.training.validate_every) = (Some(300), 300);
    };
    let Some(browser) = open(&[seen(folder.path(), Builtin::Reverse, Backbone::Gru, some, &request)]) else {
        return;
    };
    assert_eq!(drawn(&browser), ["bottleneck", "speed"]);
    assert_eq!(browser.run("return document.querySelectorAll('section').length"), 2);
    check(&browser, "asked");
    let rows = browser.run("return [...document.querySelectorAll('#bottleneck tbody tr')].map((row) => [row.children[0].textContent, row.querySelector('.number').textContent])");
    let rows: Vec<[String; 2]> = serde_json::from_value(rows).expect("names and scores");
    assert!(rows.len() > 1, "{rows:?}");
    let bars = browser.run("return Math.max(...[...document.querySelectorAll('#bottleneck .bar b')].map((bar) => bar.getBoundingClientRect().width))");
    assert!(bars.as_f64().is_some_and(|wide| wide > 20.0), "{bars}");
    for [name, score] in &rows {
        assert!(
            name.contains("words (") && score.parse::<f64>().is_ok_and(|score| score >= 0.0),
            "{name}: {score}"
        );
    }
    // A line for each number of threads, over lengths that double.
    let paths = browser.run("return [...document.querySelectorAll('#speed svg path[stroke-width]')].map((path) => path.getAttribute('d').split('L').length)");
    let paths: Vec<u64> = serde_json::from_value(paths).expect("numbers");
    assert!(!paths.is_empty() && paths.iter().all(|points| *points > 2), "{paths:?}");
    browser.hover("#speed svg");
    browser.tip(|tip| tip.contains("thread"));
}

/// Whether the part of a chart that belongs to the step is marked.
fn is_marked(browser: &Browser, section: &str) -> bool {
    let script = format!(
        "const part = document.querySelector('#{section} .part-marked');
         return part.getAttribute('visibility') === 'visible' && part.getBoundingClientRect().width > 0"
    );
    browser.run(&script) == json!(true)
}

#[test]
fn numbers_that_were_read_are_curves() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(browser) = open(&[trained(folder.path(), Builtin::Waves, Backbone::Gru, None)]) else { return };
    assert_eq!(drawn(&browser), ["input", "graph", "gates", "gradients", "saliency"]);
    check(&browser, "curves");
    // A hundred samples, in the units of the wave.
    let path = browser.run(
        "return document.querySelector('#input svg path[stroke-width]').getAttribute('d').split('L').length",
    );
    assert_eq!(path, 100);
    browser.hover("#input svg");
    browser.tip(|tip| [4, 5].iter().any(|step| tip.contains(&format!("place in the row (step {step})"))));
    assert!(!is_marked(&browser, "saliency"));
    browser.click("#input svg");
    assert!(is_marked(&browser, "input") && is_marked(&browser, "saliency"), "a click moves the page");
    assert_eq!(browser.complaints(), Vec::<String>::new());

    let chords = |recipe: &mut anaphora::Recipe| recipe.model.notes = Notes::Independent;
    let page =
        inspection(&[seen(folder.path(), Builtin::Chorales, Backbone::Lstm, chords, &Request::default())]);
    let Some(browser) = Browser::open(&page, WIDE) else { return };
    check(&browser, "pitches");
    browser.keys("#input .heatmap", "\u{e014}");
    browser.tip(|tip| tip.contains("(step 1)"));
}

#[test]
fn a_forecast_stands_beside_what_came() {
    let folder = tempfile::tempdir().expect("a folder");
    let bands = |recipe: &mut anaphora::Recipe| recipe.model.head = Head::Quantile;
    let own = seen(folder.path(), Builtin::Seasonal, Backbone::Lstm, bands, &Request::default());
    let horizon = own.get("forecast").expect("a forecast").shape[0] as u64;
    let Some(browser) = open(&[own]) else { return };
    assert_eq!(drawn(&browser), ["input", "forecast", "graph", "gates", "gradients", "saliency"]);
    check(&browser, "forecast");
    let points = "return [...document.querySelectorAll('#forecast svg path[stroke-width]')].map((path) => path.getAttribute('d').split('L').length)";
    let counts = browser.run(points);
    // What came goes on from the last number that was read.
    assert_eq!([&counts[1], &counts[2]], [&json!(horizon + 1), &json!(horizon)], "{counts}");
    assert!(
        browser.run("return document.querySelectorAll('#forecast svg polygon').length").as_u64() > Some(0)
    );
    let said = "return document.querySelector('#forecast').textContent";
    let text = browser.run(said);
    assert!(text.as_str().expect("a text").contains("Mean absolute error"), "{text}");
    assert!(!text.as_str().expect("a text").contains("after step"), "{text}");
    browser.click("#input svg");
    let text = browser.run(said);
    assert!(text.as_str().expect("a text").contains("after step"), "{text}");
    assert_eq!(browser.run(points).as_array().expect("lines").len(), 4);
    assert_eq!(browser.complaints(), Vec::<String>::new());
}

#[test]
fn a_path_that_is_forecast_is_drawn_in_its_plane() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(browser) = open(&[trained(folder.path(), Builtin::Ball, Backbone::Gru, None)]) else { return };
    check(&browser, "path");
    let legend = "return [...document.querySelectorAll('#forecast .legend')].pop().textContent";
    assert_eq!(browser.run(legend), "readwhat cameforecast");
    let label = "return [...document.querySelectorAll('#forecast svg text:not(.soft)')].map((text) => text.textContent).join()";
    let before = browser.run(label);
    browser.choose("#forecast select", 0, "1");
    // Another column.
    browser.until(label, |label| *label != before);
}

#[test]
fn attention_lies_over_the_picture_that_was_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let seen = [Builtin::Shapes, Builtin::Scenes].map(|builtin| {
        let folder = folder.path().join(builtin.to_string());
        std::fs::create_dir_all(&folder).expect("a folder");
        trained(&folder, builtin, Backbone::Transformer, None)
    });
    let [shapes, scenes] = seen;
    let picture = shapes.get("picture").expect("a picture");
    assert_eq!(picture.axes, ["height", "width", "colours"]);
    assert!(picture.values.iter().all(|value| (-1e-4..=1.0001).contains(value)));
    let words = scenes.labels["steps"].len();
    let Some(browser) = open(&[shapes]) else { return };
    check(&browser, "shapes");
    assert!(drawn(&browser).iter().any(|view| view == "input"));
    // A patch is chosen, and the page shows where it looks.
    browser.keys("#attention .picture", "\u{e014}\u{e015}");
    let said = "return document.querySelector('#attention .picture + .said').textContent";
    browser.until(said, |said| {
        said.as_str().is_some_and(|said| said.starts_with("Where step 5, outlined, looks"))
    });
    browser.tip(|tip| tip.contains("step 5 looks at step 5: "));
    assert_eq!(browser.complaints(), Vec::<String>::new());
    drop(browser);

    let Some(browser) = open(&[scenes]) else { return };
    check(&browser, "scenes");
    // A small picture for each word that is written, the last being the end.
    let looks = "return [...document.querySelectorAll('#attention .looks button')].map((button) => button.textContent)";
    let found: Vec<String> = serde_json::from_value(browser.run(looks)).expect("words");
    assert_eq!(found.len(), words);
    assert_eq!(found.last().map(String::as_str), Some("<end>"));
    browser.click("#attention .looks button:nth-child(2)");
    let text = browser.run(said);
    assert!(
        text.as_str().expect("a text").contains(&format!("as it writes “{}” (after step 1)", found[1])),
        "{text}"
    );
    // What a word hangs on lies over the picture too.
    let over = "return [...document.querySelectorAll('#saliency .looks button')].map((button) => button.textContent)";
    assert_eq!(browser.run(over), json!(found));
    let hangs = "return document.querySelector('#saliency .looks').previousElementSibling.textContent";
    browser.until(hangs, |said| {
        said.as_str().is_some_and(|said| said.contains(&format!("“{}” (after step 1) hangs on", found[1])))
    });
    assert_eq!(browser.complaints(), Vec::<String>::new());
}

#[test]
fn music_of_several_voices_plays() {
    let folder = tempfile::tempdir().expect("a folder");
    let chorale = trained(folder.path(), Builtin::Chorales, Backbone::Lstm, None);
    let notes = chorale.about["notes"].as_array().expect("notes").len();
    let Some(browser) = open(&[chorale]) else { return };
    check(&browser, "chorale");
    assert_eq!(browser.run("return document.querySelectorAll('#tune .note').length"), json!(notes));
    assert!(notes > 20, "{notes}");
    assert_eq!(browser.complaints(), Vec::<String>::new());
}

#[test]
fn several_models_lie_over_each_other() {
    let folder = tempfile::tempdir().expect("a folder");
    let seen = [Backbone::Lstm, Backbone::Rnn, Backbone::Gru]
        .map(|backbone| trained(folder.path(), Builtin::Tunes, backbone, Some(TUNE)));
    let Some(browser) = open(&seen) else { return };
    check(&browser, "several");
    let lines = "return document.querySelectorAll('#gradients svg path[stroke-width]').length";
    assert_eq!(browser.run(lines), 6, "three trained and three untrained");
    assert_eq!(browser.run("return document.querySelectorAll('#context svg path[stroke-width]').length"), 3);
    let title = "return [...document.querySelectorAll('#gates .chart-title')].map((one) => one.textContent)";
    assert!(browser.run(title).to_string().contains("forget gate"));
    browser.choose("[data-view='run'] select", 0, "1");
    // The rnn.
    browser.until(title, |title| *title == json!(["hidden state h"]));
    assert_eq!(browser.complaints(), Vec::<String>::new());
}

#[test]
fn hostile_texts_are_shown_as_they_are() {
    let Some(browser) = open(&[hostile()]) else { return };
    check(&browser, "hostile");
    assert_eq!(browser.run("return window.broken ?? false"), json!(false));
    let text = browser.run("return document.querySelector('#next .shaded').textContent");
    assert_eq!(text, HOSTILE.concat());
    let marks = browser
        .run("return [...document.querySelectorAll('#next [data-mark]')].map((span) => span.dataset.mark)");
    assert!(marks.to_string().contains("U+202E") && marks.to_string().contains("U+0000U+0001"), "{marks}");
    // Nothing but what the page made itself is an element of it.
    assert_eq!(browser.run("return document.querySelectorAll('img, main script').length"), 0);
}

#[test]
fn a_large_page_opens_soon() {
    let page = inspection(&[large(64, 2_048)]);
    assert!(page.len() <= 10_000_000, "{} bytes", page.len());
    let Some(browser) = Browser::open(&page, WIDE) else { return };
    let time = browser.reload();
    eprintln!("{} bytes, drawn within {time:?}", page.len());
    assert!(page.contains("of 64 heads"), "it says what is not there");
    assert_eq!(browser.blank(), json!([]));
    assert_eq!(browser.run("return document.querySelectorAll('#attention .heads canvas').length"), 64);
    assert_eq!(browser.complaints(), Vec::<String>::new());
    browser.picture("large");
}
