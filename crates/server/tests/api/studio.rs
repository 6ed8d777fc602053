//! The studio in a real browser, on a real server with real models.

use std::path::Path;

use anaphora_browser::{Browser, DARK, NARROW, WIDE};
use serde_json::{Value, json};

use crate::common::{Server, file, picture, shared, train};

/// The keys of the browser's driver.
const TAB: &str = "\u{e004}";
const ENTER: &str = "\u{e007}";
const SPACE: &str = " ";
const RIGHT: &str = "\u{e014}";

/// Opens a room of a server's studio. `None` where there is no browser.
fn open(server: &Server, room: &str) -> Option<Browser> {
    let browser = Browser::start()?;
    browser.look(WIDE);
    browser.visit(&format!("{}/#/{room}", server.url()));
    Some(browser)
}

/// Goes to another room.
fn go(browser: &Browser, room: &str) {
    browser.run(&format!(
        "document.documentElement.dataset.ready = 'no'; location.hash = {}",
        json!(format!("#/{room}"))
    ));
    browser.until("return document.documentElement.dataset.ready", |ready| ready == "yes");
}

/// The text of the first element that a selector finds, empty where it finds none.
fn text(selector: &str) -> String {
    format!("return document.querySelector({})?.textContent ?? ''", json!(selector))
}

fn has(value: &Value, part: &str) -> bool {
    value.as_str().is_some_and(|text| text.contains(part))
}

/// Waits until an element says something.
#[track_caller]
fn says(browser: &Browser, selector: &str, part: &str) -> String {
    let found = browser.until(&text(selector), |text| has(text, part));
    found.as_str().unwrap_or_default().to_owned()
}

/// Checks in all looks that a room fits, has nothing empty in it, and that nobody complained.
#[track_caller]
fn check(browser: &Browser, name: &str) {
    for (look_name, look) in [("wide", WIDE), ("narrow", NARROW), ("dark", DARK)] {
        browser.look(look);
        // What is drawn for a width is drawn with the next frames.
        browser.until("return document.documentElement.dataset.ready", |ready| ready == "yes");
        browser.settle();
        assert_eq!(browser.overflow(), json!([]), "{name}, {look_name}");
        assert_eq!(browser.blank(), json!([]), "{name}, {look_name}");
        browser.picture(&format!("studio-{name}-{look_name}"));
    }
    browser.look(WIDE);
    assert_eq!(browser.complaints(), Vec::<String>::new(), "{name}");
}

/// Sets a field of the recipe in the room where a training is planned, and waits until it has been looked at.
#[track_caller]
fn set(browser: &Browser, field: &str, value: u32) {
    browser.run(&format!(
        "const input = document.getElementById({}); input.value = {value};
         input.dispatchEvent(new Event('change', {{ bubbles: true }}))",
        json!(format!("field-{field}"))
    ));
    let changed = "return [...document.querySelectorAll('.changed label')].map((label) => label.textContent)";
    browser.until(changed, |labels| labels.as_array().is_some_and(|labels| labels.contains(&json!(field))));
}

/// Chooses an end after so many steps.
fn end_after(browser: &Browser, steps: u32) {
    browser.run("document.querySelectorAll('[name=budget]')[4].click()");
    browser.choose(".options .controls select", 0, "training.steps");
    browser.run(&format!(
        "const input = document.querySelector('.options .controls input'); input.value = {steps};
         input.dispatchEvent(new Event('change', {{ bubbles: true }}))"
    ));
}

/// Presses the one button with a label.
#[track_caller]
fn press(browser: &Browser, label: &str) {
    let found = browser.until(
        &format!(
            "for (const one of document.querySelectorAll('button, a.button'))
                 if (one.textContent === {} && !one.disabled) {{ one.click(); return true; }}
             return false",
            json!(label)
        ),
        |pressed| pressed == true,
    );
    assert_eq!(found, true);
}

#[test]
fn a_first_visit_leads_to_a_tune_that_plays() {
    let server = Server::new("first-visit");
    let Some(browser) = open(&server, "") else { return };
    says(&browser, "h1", "Train your first model");
    check(&browser, "first-visit");
    // The first click.
    browser.click(".cards a[href$='builtin/tunes']");
    says(&browser, ".room", "What was found");
    says(&browser, ".example pre", "X:");
    check(&browser, "plan");
    // A minute is chosen already; a test has less time.
    assert_eq!(browser.run("return document.querySelector('[name=budget]').checked"), true);
    set(&browser, "model.hidden_size", 64);
    end_after(&browser, 150);
    // The second.
    press(&browser, "Train");
    says(&browser, ".tabs [aria-current]", "Training");
    browser.until("return document.querySelector('.status progress')?.value > 0", |is| is == true);
    browser.until("return document.querySelectorAll('.figure svg path').length > 0", |is| is == true);
    says(&browser, ".status", "done");
    check(&browser, "trained");
    // The third: a model that has learnt for seconds may write what is no tune, and is asked again.
    press(&browser, "Write a tune");
    for _ in 0..8 {
        browser.until(&text(".result"), |text| {
            has(text, "symbols,") && !has(text, "Save ABC") || has(text, "Save ABC")
        });
        let heard = "return Boolean(document.querySelector('.result audio'))
             || Boolean(document.querySelector('.result .wrong'))";
        browser.until(heard, |heard| heard == true);
        if browser.run("return Boolean(document.querySelector('.result audio'))") == true {
            break;
        }
        press(&browser, "Write another");
        browser.settle();
    }
    browser.until("return document.querySelector('.result audio')?.duration > 0", |is| is == true);
    check(&browser, "tune");
    // Each character is shaded by itself.
    let counts = browser.run(
        "const text = document.querySelector('.result .shaded');
         return [text.childElementCount, [...text.textContent].length]",
    );
    assert_eq!(counts[0], counts[1]);
    // The fourth plays it, and its symbols are followed.
    browser.keys(".result audio", SPACE);
    browser.until("return document.querySelector('.result audio').currentTime > 0.2", |is| is == true);
    browser.until("return document.querySelector('.result .shaded .now') !== null", |is| is == true);
    // What was written is there after a reload, and can be looked into.
    let before = browser.run(&text(".result .shaded"));
    browser.again();
    browser.until(&text(".result .shaded"), |after| *after == before);
    press(&browser, "Look inside");
    browser.until("return document.querySelectorAll('.inside section').length > 3", |is| is == true);
    browser.until("return document.querySelector('#gates canvas') !== null", |is| is == true);
    let read = browser.run(&text(".inside #next .shaded"));
    assert_eq!(read, before, "it reads what was written");
    check(&browser, "inside");
}

#[test]
fn a_training_is_watched_stopped_and_resumed() {
    let server = Server::new("watched");
    let Some(browser) = open(&server, "new/builtin/names") else { return };
    says(&browser, ".room", "What was found");
    set(&browser, "training.validate_every", 20);
    end_after(&browser, 100_000);
    press(&browser, "Train");
    let step = "const found = [...document.querySelectorAll('.status .facts div')].find((one) => one.firstChild.textContent === 'step');
         return found ? Number(found.lastChild.textContent.replaceAll(',', '')) : -1";
    let first = browser.until(step, |step| step.as_i64() > Some(0));
    browser.until(step, |step| step.as_i64() > first.as_i64());
    // The page may be left and come back to.
    browser.again();
    browser.until(step, |step| step.as_i64() >= first.as_i64());
    says(&browser, ".status", "validation");
    press(&browser, "Stop");
    says(&browser, ".status", "stopped");
    press(&browser, "Resume to its end");
    says(&browser, ".status", "training");
    press(&browser, "Stop");
    says(&browser, ".status", "stopped");
    // Another like it, with one thing changed, is drawn beside it.
    go(&browser, "new/like/names");
    says(&browser, ".room", "Settings");
    set(&browser, "model.hidden_size", 24);
    press(&browser, "Train another");
    says(&browser, ".tabs [aria-current]", "Training");
    says(&browser, ".figure .legend", "names, validation");
    press(&browser, "Stop");
    says(&browser, ".status", "stopped");
    check(&browser, "beside");
    go(&browser, "");
    says(&browser, ".runs", "names-2");
    check(&browser, "runs");
}

#[test]
fn every_task_predicts() {
    let server = shared();
    let Some(browser) = open(server, "run/names/predict") else { return };
    browser.keys("textarea", "Anders");
    press(&browser, "Predict");
    says(&browser, ".prediction .bars", "%");
    browser.until(
        "return document.querySelector('.why #saliency canvas, .why #saliency .shaded') !== null",
        |is| is == true,
    );
    check(&browser, "classify");
    for (run, input, expected) in [
        ("phrases", "a dog sees the cat", ".prediction .tagged"),
        ("reverse", "1 2 3", ".why #attention canvas"),
        ("prices", "two fresh apples", ".prediction .answer"),
        ("adding", "0.3 0.25* 0.9 0.5*", ".prediction pre"),
    ] {
        go(&browser, &format!("run/{run}/predict"));
        browser.keys("textarea", input);
        press(&browser, "Predict");
        browser
            .until(&format!("return document.querySelector({}) !== null", json!(expected)), |is| is == true);
        check(&browser, run);
    }
    go(&browser, "run/seasonal/predict");
    press(&browser, "Predict");
    browser.until("return document.querySelectorAll('.prediction svg path').length > 0", |is| is == true);
    check(&browser, "forecast");
    // A picture that is drawn, and one that is dropped.
    for run in ["shapes", "scenes"] {
        go(&browser, &format!("run/{run}/predict"));
        browser.run("document.querySelector('details:has(.sketch)').open = true");
        browser.stroke(".sketch");
        press(&browser, "Use this picture");
        browser.until("return document.querySelector('.prediction .answer') !== null", |is| is == true);
        check(&browser, run);
    }
    drop_file(&browser, ".drop", "mine.png", &file("mine.png", &picture())["data"]);
    browser.until("return document.querySelector('.prediction img')?.alt ?? ''", |name| *name == "mine.png");
}

/// Drops a file, of base64, onto an element.
fn drop_file(browser: &Browser, selector: &str, name: &str, data: &Value) {
    browser.run(&format!(
        "const bytes = Uint8Array.from(atob({data}), (letter) => letter.charCodeAt(0));
         const transfer = new DataTransfer();
         transfer.items.add(new File([bytes], {}));
         const event = new DragEvent('drop', {{ bubbles: true, cancelable: true, dataTransfer: transfer }});
         document.querySelector({}).dispatchEvent(event)",
        json!(name),
        json!(selector),
    ));
}

#[test]
fn music_of_several_voices_is_written_and_heard() {
    let Some(browser) = open(shared(), "run/chorales/write") else { return };
    press(&browser, "Write a piece");
    browser.until("return document.querySelectorAll('.result .roll rect').length > 0 && document.querySelector('.result audio')?.duration > 0", |is| is == true);
    check(&browser, "chorale");
}

#[test]
fn a_file_of_ones_own_is_looked_at_and_learnt() {
    let server = Server::new("own-file");
    let Some(browser) = open(&server, "") else { return };
    let table = "label,text\n".to_owned()
        + &(0..60)
            .map(|k| {
                if k % 2 == 0 { format!("good,a fine film {k}\n") } else { format!("bad,a dull film {k}\n") }
            })
            .collect::<String>();
    drop_file(&browser, ".drop", "films.csv", &file("films.csv", table.as_bytes())["data"]);
    says(&browser, "h1", "films.csv");
    says(&browser, ".room", "learnt as classes");
    says(&browser, ".examples", "film");
    check(&browser, "own-file");
    // What cannot be learnt is told in a sentence, and another file can be chosen.
    go(&browser, "");
    drop_file(&browser, ".drop", "empty.csv", &json!(""));
    says(&browser, ".wrong", "empty.csv");
    browser.complaints();
}

#[test]
fn the_keyboard_alone_is_enough() {
    let server = Server::new("keyboard");
    let Some(browser) = open(&server, "") else { return };
    let focused = "return (document.activeElement.closest('label') ?? document.activeElement).textContent";
    let tab_to = |label: &str| {
        for _ in 0..200 {
            browser.send(TAB);
            if has(&browser.run(focused), label) {
                return;
            }
        }
        panic!("{label} is not reached by the tab key");
    };
    tab_to("tunes");
    browser.send(ENTER);
    says(&browser, ".room", "What was found");
    tab_to("1 minute");
    // The radio buttons of a group are reached by arrow keys.
    for _ in 0..4 {
        browser.send(RIGHT);
    }
    browser.until(focused, |label| has(label, "otherwise"));
    browser.send(TAB);
    browser.send("\u{e009}a\u{e000}3");
    browser.send(TAB);
    browser.send("o");
    browser.until("return document.activeElement.value", |value| *value == "training.steps");
    tab_to("Train");
    browser.send(ENTER);
    says(&browser, ".status", "done");
    tab_to("Write a tune");
    browser.send(ENTER);
    says(&browser, ".result", "symbols,");
    assert_eq!(browser.complaints().iter().filter(|one| !one.contains("/api/sound")).count(), 0);
}

#[test]
fn a_key_is_asked_for_once() {
    let folder = tempfile::tempdir().unwrap();
    train(folder.path(), "names", "names");
    let server = Server::with_key(folder.path(), "a-key-for-the-tests");
    let Some(browser) = Browser::start() else { return };
    browser.look(WIDE);
    browser.load(&format!("{}/#/", server.url()));
    says(&browser, "dialog", "asks for a key");
    browser.keys("dialog input", "wrong\n");
    says(&browser, "dialog [role=alert]", "none of the server's keys");
    browser.keys("dialog input", "a-key-for-the-tests\n");
    says(&browser, ".runs", "names");
    go(&browser, "run/names/training");
    says(&browser, ".status", "done");
    assert!(Path::new(folder.path()).join("names").is_dir());
}
