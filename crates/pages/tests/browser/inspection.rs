//! The page of an inspection.

use std::thread::sleep;
use std::time::Duration;

use anaphora::inspect::Inspection;
use anaphora::recipe::{Backbone, Builtin};
use anaphora_pages::inspection;
use serde_json::json;

use crate::browser::{Browser, DARK, NARROW, WIDE};
use crate::fixtures::{HOSTILE, hostile, large, trained};

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
    assert!(browser.tip().contains("step 9: surprise"), "{}", browser.tip());
    let panel = "return document.querySelector('#next .expected').textContent";
    assert!(browser.run(panel).as_str().expect("a text").starts_with("Expected at step 9"));
    browser.keys("#next .shaded", "\u{e014}");
    assert!(browser.run(panel).as_str().expect("a text").starts_with("Expected at step 10"));
    // Sorting by time constant puts other units first.
    let told = |browser: &Browser| {
        browser.keys("#gates .heatmap", "\u{e015}\u{e013}");
        sleep(Duration::from_millis(100));
        browser.tip()
    };
    let before = told(&browser);
    browser.choose("#gates select", 1, "time");
    let after = told(&browser);
    assert!(before.contains("unit 0,") && !after.contains("unit 0,"), "{before} {after}");
    // Another layer is another picture.
    browser.choose("#gates select", 0, "gates.l0");
    // It plays, and the text follows.
    browser.click("#tune button");
    sleep(Duration::from_millis(1500));
    let now = browser.run("return Number(document.querySelector('#next .shaded .now').dataset.step)");
    assert!(now.as_u64().is_some_and(|step| step > 22), "{now}");
    browser.click("#tune button");
    let seconds = "return document.querySelector('#tune input').value";
    let stopped = browser.run(seconds);
    sleep(Duration::from_millis(300));
    assert_eq!(browser.run(seconds), stopped, "it pauses");
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
    sleep(Duration::from_millis(1500));
    assert_eq!(browser.run(title), json!(["hidden state h"]), "the rnn");
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
