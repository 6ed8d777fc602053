//! Trainings that go on: beyond their end, from another run's weights, or not at all where there is no room.

use crate::common::{Workplace, tiny};

/// Steps done, by `run.json`.
fn steps(place: &Workplace, run: &str) -> u64 {
    let info: serde_json::Value = serde_json::from_slice(&place.read(&format!("{run}/run.json"))).unwrap();
    info["steps"].as_u64().unwrap()
}

#[test]
fn a_training_that_has_ended_says_so_and_goes_on_for_more() {
    let place = Workplace::new();
    place.write_tunes("tunes.abc", 10);
    place.train(&["tunes.abc", "--steps=20"]).ok();
    let called = place.call(&["resume", "runs/tunes"]);
    for said in
        ["This training had ended after 20 steps: the budget", "anaphora resume runs/tunes --steps 1000"]
    {
        assert!(called.code == Some(0) && called.stderr.contains(said), "{said}: {called:#?}");
    }
    let model = place.read("runs/tunes/model.safetensors");
    let called = place.call(&["resume", "runs/tunes", "--steps=15"]);
    assert!(called.stderr.contains("Done: 35 steps"), "{called:#?}");
    assert_eq!(steps(&place, "runs/tunes"), 35);
    assert_ne!(place.read("runs/tunes/model.safetensors"), model);
    let recipe = String::from_utf8(place.read("runs/tunes/recipe.toml")).unwrap();
    assert!(recipe.contains("\nsteps = 35 "), "{recipe}");

    // An end that was edited counts too.
    place.write("runs/tunes/recipe.toml", recipe.replace("\nsteps = 35 ", "\nsteps = 40 "));
    place.call(&["resume", "runs/tunes"]).ok();
    assert_eq!(steps(&place, "runs/tunes"), 40);
    let called = place.call(&["resume", "runs/tunes", "--epochs=0.5"]);
    assert!(called.code == Some(0) && steps(&place, "runs/tunes") > 40, "{called:#?}");
    for (flag, said) in
        [("--minutes=0", "--minutes is 0; it takes a number above 0"), ("--epochs=-1", "--epochs is -1; it")]
    {
        let sentence = place.call(&["resume", "runs/tunes", flag]).refused(2);
        assert!(sentence.starts_with(said), "{sentence}");
    }
}

#[test]
fn a_training_that_no_longer_got_better_goes_on_for_more() {
    let place = Workplace::new();
    place.write_tunes("tunes.abc", 10);
    // A rate of next to nothing, so that two validations are no better than the first.
    place.train(&["tunes.abc", "--learning-rate=1e-30", "--patience=2"]).ok();
    let before = steps(&place, "runs/tunes");
    let called = place.call(&["resume", "runs/tunes"]);
    assert!(called.stderr.contains("the validation loss no longer fell"), "{called:#?}");
    place.call(&["resume", "runs/tunes", "--steps=10"]).ok();
    assert_eq!(steps(&place, "runs/tunes"), before + 10);
}

#[test]
fn a_killed_extension_resumes_to_the_same_bits() {
    let place = Workplace::new();
    place.write_tunes("tunes.abc", 10);
    for run in ["whole", "parts"] {
        place.train(&["tunes.abc", "--steps=20", "--out", run]).ok();
    }
    place.call(&["resume", "whole", "--steps=30"]).ok();
    let mut child = place.start(&["resume", "parts", "--steps=30"]);
    while !String::from_utf8(place.read("parts/recipe.toml")).unwrap().contains("\nsteps = 50 ") {
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    place.call(&["resume", "parts"]).ok();
    assert_eq!(steps(&place, "parts"), 50);
    assert_eq!(place.read("whole/model.safetensors"), place.read("parts/model.safetensors"));
}

#[test]
fn a_training_goes_on_from_the_weights_of_another() {
    let place = Workplace::new();
    place.write_tunes("tunes.abc", 40);
    place.write("new.abc", anaphora_data::composer::collection(99, 12));
    place.train(&["tunes.abc", "--steps=60", "--learning-rate=0.01", "--tokenizer=bpe:300"]).ok();
    let call =
        ["train", "new.abc", "--from=runs/tunes", "--steps=20", "--patience=0", "--learning-rate=1e-3"];
    let called = place.call(&call);
    assert!(called.stderr.contains("lstm, 1 layer of 32 units, embedding 16"), "{called:#?}");
    called.ok();
    let info: serde_json::Value = serde_json::from_slice(&place.read("runs/new/run.json")).unwrap();
    assert!(info["from"].as_str().unwrap().ends_with("runs/tunes"), "{info}");
    assert_eq!(place.read("runs/new/tokenizer.json"), place.read("runs/tunes/tokenizer.json"));
    // It begins where the other ended, far below where a new model does.
    let best = info["best"]["loss"].as_f64().unwrap();
    let call = [
        "train",
        "new.abc",
        "--steps=20",
        "--hidden=32",
        "--embedding=16",
        "--tokenizer=bpe:300",
        "--out=scratch",
    ];
    place.call(&call).ok();
    let info: serde_json::Value = serde_json::from_slice(&place.read("scratch/run.json")).unwrap();
    assert!(best < info["best"]["loss"].as_f64().unwrap() - 0.3, "{best} {info}");
    place.call(&["resume", "runs/new", "--steps=5"]).ok();
    assert_eq!(steps(&place, "runs/new"), 25);

    let refused = |more: &[&str]| {
        let call = ["train", "new.abc", "--from=runs/tunes", "--steps=20", "--out=other"];
        let called = place.call(&[&call[..], more].concat());
        assert!(!place.path("other").exists(), "{called:#?}");
        called
    };
    let sentence = refused(&["--hidden=64"]).refused(2);
    let said = "--hidden: model.hidden_size is 64, and 32 in runs/tunes; leave it out";
    assert!(sentence.starts_with(said), "{sentence}");
    assert!(refused(&["--tokenizer=character"]).refused(2).contains("data.tokenizer is character"));
    let sentence = refused(&["--task=text", "--length=16"]).refused(1);
    assert!(sentence.contains("runs/tunes is a model for the task music"), "{sentence}");
    assert!(refused(&["--recipe=runs/tunes/recipe.toml"]).code == Some(2));
}

#[test]
fn classes_of_another_run_are_those_that_are_known() {
    let place = Workplace::new();
    let row =
        |i: usize| format!("{}\tso {}\n", ["bad", "good"][i % 2], ["sad", "glad"][i % 2].repeat(i % 3 + 1));
    place.write("films.tsv", (0..60).map(row).collect::<String>());
    place.train(&["films.tsv", "--task=classify", "--steps=20"]).ok();
    place.write("more.tsv", (0..30).map(row).collect::<String>());
    place.call(&["train", "more.tsv", "--from=runs/films", "--steps=20"]).ok();
    place.write("other.tsv", (0..30).map(|i| row(i).replace("bad", "poor")).collect::<String>());
    let called = place.call(&["train", "other.tsv", "--from=runs/films", "--steps=20"]);
    let sentence = called.refused(1);
    assert!(sentence.contains("poor"), "{sentence}");
    place.train(&["--builtin=chorales", "--steps=2"]).ok();
    place.call(&["train", "--builtin=chorales", "--from=runs/chorales", "--steps=2"]).ok();
    place.call(&["train", "--builtin=seasonal", "--hidden=8", "--steps=2"]).ok();
    place.call(&["train", "--builtin=seasonal", "--from=runs/seasonal", "--steps=2"]).ok();
    let call = ["train", "--builtin=seasonal", "--from=runs/seasonal", "--lookback=48", "--steps=2"];
    let sentence = place.call(&call).refused(2);
    assert!(sentence.starts_with("--lookback: series.lookback is 48, and "), "{sentence}");
    place.write("other.csv", (0..400).map(|i| format!("{}\n", i % 24)).collect::<String>());
    let sentence = place.call(&["train", "other.csv", "--from=runs/seasonal", "--steps=2"]).refused(1);
    assert!(sentence.contains("where the model reads"), "{sentence}");
}

#[test]
fn what_does_not_fit_into_memory_is_refused_before_it_is_made() {
    let place = Workplace::new();
    for sizes in [["--hidden=65536", "--layers=8"], ["--hidden=65536", "--backbone=transformer"]] {
        let call = ["train", "--builtin=tunes", "--steps=1", "--out=huge"];
        let sentence = place.call(&[&call[..], &sizes].concat()).refused(1);
        assert!(
            sentence.starts_with("training needs about ") && sentence.contains(" GB are free; "),
            "{sentence}"
        );
        assert!(!place.path("huge").exists());
    }
    let batch = ["--builtin=tunes", "--steps=1", "--batch=65536", "--length=60000", "--out=huge"];
    let sentence = place.call(&[&tiny(&[])[..1], &batch].concat()).refused(1);
    assert!(sentence.starts_with("training needs about "), "{sentence}");
    assert!(!place.path("huge").exists());
}

#[test]
fn threads_beyond_the_cores_are_left_out_with_a_note() {
    let place = Workplace::new();
    let called = place.call(&["train", "--builtin=tunes", "--hidden=16", "--steps=2", "--threads=1024"]);
    assert!(
        called.code == Some(0) && called.stderr.contains("Note: 1024 threads are asked for, and "),
        "{called:#?}"
    );
    let called = place.call(&["generate", "runs/tunes", "--tokens=5", "--threads=1024"]);
    assert!(
        called.code == Some(0) && called.stderr.contains("Note: 1024 threads are asked for, and "),
        "{called:#?}"
    );
}

#[test]
fn runs_and_comparisons_show_the_scores_of_the_task() {
    let place = Workplace::new();
    for (backbone, steps) in [("gru", "40"), ("lstm", "20")] {
        let call = ["--builtin=names", "--backbone", backbone, "--steps", steps, "--out", backbone];
        place.train(&call).ok();
    }
    let table = place.call(&["runs", "."]).ok();
    assert!(table.contains("accuracy 0."), "{table}");
    let called = place.call(&["compare", "gru", "lstm"]);
    assert!(!called.stderr.contains("Note"), "{called:#?}");
    let table = called.ok();
    let head = table.lines().next().unwrap();
    for name in ["UNITS/S", "LOSS", "ACCURACY", "MACRO F1"] {
        assert!(head.contains(name), "{head}");
    }
    assert!(!head.contains("PERPLEXITY") && !head.contains("NATS"), "{head}");
    let runs = place.call(&["compare", "gru", "lstm", "--json"]).json();
    let accuracy = |run: &serde_json::Value| run["scores"]["accuracy"].as_f64().unwrap();
    assert!(accuracy(&runs[0]) >= accuracy(&runs[1]), "{runs:?}");
    assert!(runs[0]["perplexity"].is_null() && runs[0]["loss_unit"] == "nats an example", "{runs:?}");
    assert!(String::from_utf8(place.read("gru/loss.svg")).unwrap().contains("loss, nats an example"));
    assert!(String::from_utf8(place.read("compare.svg")).unwrap().contains("nats an example"));
}
