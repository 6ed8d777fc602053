//! `anaphora lecture`: chapters are tried for real, the same settings give the same figures, and what is cut short goes on.

use std::fs;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::common::Workplace;

/// The chapters of a lecture without what hangs on the clock.
fn figures(place: &Workplace, folder: &str) -> Vec<Value> {
    let results: Value = serde_json::from_slice(&place.read(&format!("{folder}/results.json"))).unwrap();
    assert!(results["seconds"].as_f64().unwrap() > 0.0);
    let mut chapters = results["chapters"].as_array().unwrap().clone();
    for chapter in &mut chapters {
        let chapter = chapter.as_object_mut().unwrap();
        chapter.remove("seconds").unwrap();
        chapter.remove("times").unwrap();
        chapter["checks"].as_array_mut().unwrap().retain(|check| check["timed"] == false);
    }
    chapters
}

#[test]
fn chapters_are_tried_and_written() {
    let place = Workplace::new();
    let call = |out: &str, threads: &str| {
        place.call(&[
            "lecture",
            "--only=remedies,position",
            "--minutes=0.1",
            "--out",
            out,
            "--threads",
            threads,
        ])
    };
    let called = call("first", "1");
    assert!(called.stderr.contains(" tried: "), "{called:#?}");
    // How little was trained is said in numbers, on the terminal and on the page.
    let cut = ["Trainings were cut to 1 % of the steps", "adding-tanh 15 of 1500, adding-relu 15 of 1500"];
    assert!(cut.iter().all(|part| called.stderr.contains(part)), "{called:#?}");
    called.ok();
    let chapters = figures(&place, "first");
    let ids: Vec<&str> = chapters.iter().map(|chapter| chapter["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["remedies", "position"]);
    // What follows from how attention is built holds after any training.
    assert_eq!(chapters[1]["held"], true);
    assert!(chapters[1]["figures"]["none_largest_difference"].as_f64().unwrap() < 1e-5);
    // No LSTM learns to add in fifteen steps.
    assert_eq!(chapters[0]["held"], false);
    let check = &chapters[0]["checks"][1];
    assert_eq!(
        (&check["side"], &check["threshold"], &check["held"]),
        (&"at_most".into(), &0.01.into(), &false.into())
    );
    let distance = check["threshold"].as_f64().unwrap() - check["value"].as_f64().unwrap();
    assert!((check["distance"].as_f64().unwrap() - distance).abs() < 1e-12);
    assert!(
        chapters[0]["command"].as_str().unwrap().starts_with("anaphora train --builtin adding --length 100")
    );
    let page = String::from_utf8(place.read("first/index.html")).unwrap();
    assert!(page.starts_with("<!DOCTYPE html>") && page.contains("1/6") && page.contains("id=\"position\""));
    assert!(cut.iter().all(|part| page.contains(part)));
    assert_eq!(chapters[0]["trainings"][3], json!({"run": "adding-lstm", "steps": 15, "full": 1500}));
    assert_eq!(chapters[1]["trainings"], json!([]));

    // Another number of threads changes no figure.
    call("second", "2").ok();
    assert_eq!(figures(&place, "second"), chapters);
    // What is done is kept, and another chapter joins it.
    let written = fs::metadata(place.path("first/chapters/remedies.json")).unwrap().modified().unwrap();
    let called = place.call(&["lecture", "--only=position,remedies", "--minutes=0.1", "--out=first"]);
    assert!(called.stderr.contains("(kept)"), "{called:#?}");
    assert_eq!(
        fs::metadata(place.path("first/chapters/remedies.json")).unwrap().modified().unwrap(),
        written
    );
    // Another seed gives others.
    place.call(&["lecture", "--only=remedies", "--minutes=0.1", "--out=first", "--seed=2"]).ok();
    let other = figures(&place, "first");
    assert_eq!(other.len(), 1);
    assert_ne!(other[0]["figures"], chapters[0]["figures"]);
}

#[test]
#[cfg(target_os = "linux")]
fn a_lecture_that_is_cut_short_goes_on_to_the_same_figures() {
    let place = Workplace::new();
    let call =
        |out: &'static str| ["lecture", "--only=remedies", "--minutes=0.6", "--threads=1", "--out", out];
    let mut child = place.start(&call("cut"));
    let patience = Instant::now() + Duration::from_secs(300);
    // In the middle of the second training.
    while !place.path("cut/runs/adding-relu/run.json").exists() {
        assert!(Instant::now() < patience && child.try_wait().unwrap().is_none(), "it does not train");
        std::thread::sleep(Duration::from_millis(1));
    }
    crate::interrupt::interrupt(&child);
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(!place.path("cut/results.json").exists(), "no chapter was done");
    place.call(&call("cut")).ok();
    place.call(&call("whole")).ok();
    assert_eq!(figures(&place, "cut"), figures(&place, "whole"));
}

#[test]
fn a_file_changes_the_chapters_that_read_it_and_no_others() {
    let place = Workplace::new();
    place.write_tunes("own.abc", 60);
    let call = |data: &[&str]| {
        let call = ["lecture", "--only=position,search", "--minutes=0.05", "--threads=1"];
        place.call(&[&call, data].concat())
    };
    let without = call(&[]);
    assert!(!without.stderr.contains("decides"), "{without:#?}");
    without.ok();
    let built_in = figures(&place, "lecture");
    assert_eq!(built_in[0]["own_file"], "decides");
    assert!(built_in[0]["data"].as_str().unwrap().starts_with("Built-in tunes"));
    let with = call(&["own.abc"]);
    assert!(with.stderr.contains("own.abc decides, in whole or in part, search."), "{with:#?}");
    assert!(with.stderr.contains("own.abc changes nothing in position."), "{with:#?}");
    assert!(with.stderr.contains("position     holds (kept)"), "{with:#?}");
    with.ok();
    let own = figures(&place, "lecture");
    assert_ne!(own[0]["figures"], built_in[0]["figures"]);
    assert_eq!(own[1], built_in[1]);
    assert!(own[0]["data"].as_str().unwrap().starts_with("From own.abc: "));
    assert!(own[1]["data"].as_str().unwrap().starts_with("From built-in data: "));
    let page = String::from_utf8(place.read("lecture/index.html")).unwrap();
    assert!(page.contains("own.abc changes nothing in position."));
}

#[test]
#[cfg(unix)]
fn commands_of_the_chapters_run_as_they_are_printed() {
    let place = Workplace::new();
    place.call(&["lecture", "--minutes=0.05"]).ok();
    let program = std::path::Path::new(env!("CARGO_BIN_EXE_anaphora")).parent().unwrap();
    let path = format!("{}:{}", program.display(), std::env::var("PATH").unwrap());
    let chapters = figures(&place, "lecture");
    assert_eq!(chapters.len(), 16);
    for chapter in chapters {
        let empty = Workplace::new();
        for command in chapter["command"].as_str().unwrap().lines() {
            // As it stands, but for how long it trains.
            let words: Vec<&str> = command.split(' ').collect();
            let steps = words.iter().position(|word| *word == "--steps");
            let words = words.iter().enumerate();
            let short: Vec<&str> = words
                .map(|(at, word)| if steps.is_some_and(|steps| at == steps + 1) { "2" } else { word })
                .collect();
            let mut shell = std::process::Command::new("sh");
            shell.args(["-c", &short.join(" ")]).current_dir(empty.path("")).env("PATH", &path);
            let output = shell.stdin(std::process::Stdio::null()).output().unwrap();
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(output.status.success(), "{}: {command}: {said}", chapter["id"]);
        }
    }
}

#[test]
fn wrong_calls_are_refused() {
    let place = Workplace::new();
    assert!(place.call(&["lecture", "--only=nonsense"]).refused(2).contains("transformer"));
    assert!(place.call(&["lecture", "--minutes=0"]).refused(2).contains("0.05"));
    place.write("names.csv", "label,text\na,Anna\nb,Bert\na,Alma\nb,Bodo\n");
    let refused = place.call(&["lecture", "names.csv"]).refused(1);
    assert!(
        refused.starts_with("names.csv: ")
            && refused.ends_with("the lecture learns from tunes (ABC) or a text")
    );
    place.call(&["lecture", "missing.abc"]).refused(1);
    place.write("short.txt", "ab");
    let refused = place.call(&["lecture", "short.txt", "--only=position"]).refused(1);
    assert!(refused.contains("2 characters in 1 piece"), "{refused}");
    std::fs::create_dir_all(place.path("book/chapters")).unwrap();
    place.write("book/chapters/one.txt", "x");
    place.write("book/index.html", "my own");
    let refused = place.call(&["lecture", "--only=position", "--out=book"]).refused(1);
    assert!(
        refused.contains("choose a new folder") && place.read("book/index.html") == b"my own",
        "{refused}"
    );
    place.write("other.txt", "mine");
    fs::create_dir(place.path("full")).unwrap();
    fs::rename(place.path("other.txt"), place.path("full/other.txt")).unwrap();
    let refused = place.call(&["lecture", "--only=position", "--out=full"]).refused(1);
    assert!(refused.contains("it holds other.txt"), "{refused}");
}
