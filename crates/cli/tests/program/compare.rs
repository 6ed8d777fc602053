//! Runs side by side, through the binary.

use std::fs;

use crate::common::Workplace;
use serde_json::Value;

#[test]
fn runs_are_compared_by_their_score_a_character() {
    let place = Workplace::new();
    let lines: String = (0..400).map(|i| format!("the cat {} sat on mat {}\n", i % 7, i % 3)).collect();
    place.write("cats.txt", lines);
    place.train(&["cats.txt", "--steps=60", "--learning-rate=0.02", "--backbone=gru", "--out=gru"]).ok();
    place.train(&["cats.txt", "--steps=20", "--out=lstm"]).ok();
    place.train(&["cats.txt", "--steps=20", "--tokenizer=word", "--out=words"]).ok();

    let called = place.call(&["compare", "lstm", "gru", "words"]);
    assert!(called.stderr.contains("Note: the tokenizers differ"), "{called:?}");
    assert!(called.stderr.ends_with("Curves in compare.svg\n"), "{called:?}");
    assert!(!called.stderr.contains("same data"), "{called:?}");
    let table = called.ok();
    let names: Vec<_> = table.lines().map(|line| line.split("  ").next().unwrap()).collect();
    assert_eq!(names[0], "RUN");
    assert!(table.contains("gru 1×32") && table.contains("lstm 1×32"), "{table}");
    let svg = String::from_utf8(place.read("compare.svg")).unwrap();
    for said in ["nats a character", "optimizer steps", "seconds of training", "gru: ", "lstm: ", "words: "] {
        assert!(svg.contains(said), "{said}");
    }

    fs::remove_file(place.path("compare.svg")).unwrap();
    let called = place.call(&["compare", "lstm", "gru", "words", "--json"]);
    assert_eq!(called.stderr, "");
    let runs = called.json();
    assert!(!place.path("compare.svg").exists(), "a picture only where --out asks for one");
    assert_eq!(runs.iter().map(|run| run["run"].as_str().unwrap()).collect::<Vec<_>>(), names[1..]);
    for run in &runs {
        let number = |field: &str| run[field].as_f64().unwrap_or_else(|| panic!("{field}: {run}"));
        // The same figure as an evaluation gives.
        let score = place.call(&["evaluate", run["run"].as_str().unwrap(), "--json"]).json().remove(0);
        for (ours, theirs) in
            [("nats_per_character", "loss"), ("bits_per_character", "bits"), ("perplexity", "perplexity")]
        {
            let theirs = score[theirs].as_f64().unwrap();
            assert!((number(ours) - theirs).abs() < 1e-6 * theirs, "{ours}: {run} {score}");
        }
        assert!(
            number("seconds") > 0.0 && number("tokens_per_second") > 0.0 && number("parameters") > 1000.0
        );
        assert_eq!(run["memory_mib"].is_number(), cfg!(target_os = "linux"));
        assert_eq!((&run["ended"], &run["layers"]), (&true.into(), &1.into()));
    }
    let of = |name: &str| runs.iter().find(|run| run["run"] == name).unwrap();
    assert_eq!((&of("gru")["steps"], &of("words")["steps"]), (&60.into(), &20.into()));
    assert_eq!(of("gru")["nats_per_token"], of("gru")["nats_per_character"]);
    assert!(of("words")["nats_per_token"].as_f64() > of("words")["nats_per_character"].as_f64());
    let scores: Vec<_> = runs.iter().map(|run| run["nats_per_character"].as_f64().unwrap()).collect();
    assert!(scores.is_sorted(), "the best first: {scores:?}");

    forget(&place, "words/run.json", &["validated"]);
    let called = place.call(&["compare", "lstm", "words"]);
    assert!(
        called.stderr.contains("how many characters a token stands for is not known of words"),
        "{called:?}"
    );
    let table = called.ok();
    assert!(table.lines().any(|line| line.starts_with("words") && line.contains("  –  ")), "{table}");
    assert!(String::from_utf8(place.read("compare.svg")).unwrap().contains("nats a token"));
}

/// Takes fields from a `run.json`, so that it is as an earlier version wrote it.
fn forget(place: &Workplace, path: &str, fields: &[&str]) {
    let mut info: Value = serde_json::from_slice(&place.read(path)).unwrap();
    for field in fields {
        let known = info.as_object_mut().unwrap().remove(*field);
        assert!(known.is_some_and(|value| !value.is_null()), "{field}");
    }
    place.write(path, info.to_string());
}

#[test]
fn what_cannot_be_compared_is_said() {
    let place = Workplace::new();
    place.write_tunes("tunes.abc", 10);
    place.write_tunes("others.abc", 11);
    place.train(&["tunes.abc", "--steps=20", "--out=runs/a"]).ok();
    place.train(&["others.abc", "--steps=20", "--out=runs/b"]).ok();
    place.write("both.svg", "mine");
    let sentence = place.call(&["compare", "runs/a", "runs/b", "--out=both.svg"]).refused(2);
    assert_eq!(sentence, "both.svg is there already; write over it with --force, or name another");
    place.write("compare.svg", "mine");
    let called = place.call(&["compare", "runs/a", "runs/b"]);
    assert!(called.stderr.ends_with("Curves in compare-2.svg\n"), "{called:?}");
    assert_eq!(place.read("compare.svg"), b"mine");
    let called = place.call(&["compare", "runs/a", "runs/b", "--out=both.svg", "--force"]);
    assert!(
        called.stderr.contains("Note: not all runs learnt from and were validated on the same data"),
        "{called:?}"
    );
    assert!(called.stderr.ends_with("Curves in both.svg\n"), "{called:?}");
    called.ok();

    forget(&place, "runs/b/run.json", &["validated", "memory_mib"]);
    let runs = place.call(&["compare", "runs/a", "runs/b", "--json"]).json();
    let old = runs.iter().find(|run| run["run"] == "runs/b").unwrap();
    assert!(
        old["memory_mib"].is_null() && old["nats_per_character"].is_number(),
        "a token is a character: {old}"
    );

    let refused = |runs: &[&str], code| place.call(&[&["compare"], runs].concat()).refused(code);
    assert!(refused(&["runs/a", "none"], 1).starts_with("none is not a run folder"));
    assert_eq!(refused(&["runs/a", "./runs/b/../a"], 2), "./runs/b/../a is named twice; name each run once");
    assert_eq!(
        refused(&["runs/a", "runs/b", "--out=curves.png"], 2),
        "--out is curves.png; the picture is SVG, so the name is to be such as curves.svg"
    );
    place.write("runs/b/metrics.jsonl", "");
    assert_eq!(
        refused(&["runs/a", "runs/b"], 1),
        "runs/b has no metrics yet: its training has written no loss; go on with `anaphora resume`"
    );
    place.write("runs/b/metrics.jsonl", "{}\n");
    assert!(refused(&["runs/a", "runs/b"], 1).starts_with("runs/b/metrics.jsonl: line 1: "));
    let called = place.call(&["compare", "runs/a"]);
    assert_eq!((called.code, &*called.stdout), (Some(2), ""), "{called:?}");
}
