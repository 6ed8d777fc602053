//! From a file to a model to new pieces, through the binary.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::common::{Workplace, names, tiny};

#[test]
fn a_model_learns_tunes_and_writes_new_ones() {
    let place = Workplace::new();
    place.write_tunes("tunes.abc", 40);
    let called = place.train(&["tunes.abc", "--steps=100", "--learning-rate=0.01"]);
    assert_eq!((called.code, &*called.stdout), (Some(0), ""), "{called:#?}");
    for said in [
        "task        music, from tunes.abc",
        "learn       36 tunes, ",
        "validate    4 tunes, ",
        "model       lstm, 1 layer of 32 units, embedding 16",
        "compute     f32, 1 thread\n",
        "run         runs/tunes\n",
        "step    100  validation loss ",
        "Done: 100 steps in ",
        "Write with     anaphora generate runs/tunes",
    ] {
        assert!(called.stderr.contains(said), "{said}: {}", called.stderr);
    }

    // Its own validation, and the same pieces as a file.
    let score = place.call(&["evaluate", "runs/tunes", "--json"]).json().remove(0);
    let loss = score["loss"].as_f64().unwrap();
    assert!((1.0..3.0).contains(&loss), "{score}");
    assert!((score["bits"].as_f64().unwrap() - loss / std::f64::consts::LN_2).abs() < 1e-9);
    let all = anaphora_data::composer::compose(7, 40);
    place.write("held-out.abc", all[36..].join("\n"));
    let same = place.call(&["evaluate", "runs/tunes", "--data", "held-out.abc", "--json"]).json().remove(0);
    assert_eq!((&same["loss"], &same["characters"]), (&score["loss"], &score["characters"]));

    // Weights of eight bits: another loss, and hardly another.
    let eight = |command: &str, more: &[&str]| {
        place.call(&[&[command, "runs/tunes", "--precision=int8", "--json"], more].concat()).json()
    };
    let rounded = eight("evaluate", &[]).remove(0)["loss"].as_f64().unwrap();
    assert!(rounded != loss && (rounded - loss).abs() < 0.02, "{rounded} for {loss}");
    let alone = eight("generate", &["--tokens=60", "--retry=0", "--seed=5", "--threads=1"]);
    let both = eight("generate", &["--tokens=60", "--retry=0", "--seed=5", "--threads=2"]);
    assert_eq!(both[0]["text"], alone[0]["text"]);
    let said = place.call(&["bench", "train", "--precision=int8"]).refused(2);
    assert!(said.contains("models that have been trained"), "{said}");

    let run = place.call(&["runs", "--json"]).json().remove(0);
    assert_eq!((&run["name"], &run["task"], &run["steps"]), (&"tunes".into(), &"music".into(), &100.into()));
    assert!((run["best"]["loss"].as_f64().unwrap() - loss).abs() < 1e-6, "{run} {score}");
    let table = place.call(&["runs"]).ok();
    assert!(table.contains(&format!("loss {loss:.3}  just now")), "{table}");

    let write = |more: &[&str]| {
        let call = ["generate", "runs/tunes", "--count=2", "--tokens=150", "--retry=1", "--seed=5", "--json"];
        place.call(&[&call, more].concat()).json()
    };
    let pieces = write(&[]);
    let texts =
        |pieces: &[serde_json::Value]| pieces.iter().map(|piece| piece["text"].clone()).collect::<Vec<_>>();
    assert_eq!(pieces.len(), 2);
    assert_ne!(pieces[0]["text"], pieces[1]["text"]);
    assert_eq!(texts(&write(&["--threads=2"])), texts(&pieces), "the same seed writes the same");
    assert_ne!(texts(&write(&["--seed=6"])), texts(&pieces));
    for piece in &pieces {
        assert!(piece["novelty"]["longest"].as_u64().unwrap() > 0, "{piece}");
        let file = piece["files"][0].as_str().unwrap();
        assert!(file.starts_with("runs/tunes/generated/"), "{file}");
        assert_eq!(heard(&place.read(file)), heard(piece["text"].as_str().unwrap().as_bytes()));
    }
}

#[test]
fn key_metre_and_prime_are_kept_to() {
    let place = Workplace::new();
    place.write_tunes("tunes.abc", 40);
    place.train(&["tunes.abc", "--steps=200", "--learning-rate=0.01"]).ok();
    let header = "X:9\nT:Mine\nR:jig\n";
    let call = ["generate", "runs/tunes", "--tokens=120", "--retry=0", "--seed=1", "--temperature=0.3"];
    let music = ["--key=d Mixolydian", "--metre=6/8", "--midi", "--wav", "--out=out"];
    // So little trained, the model may not come to the fields by itself; it is led up to them.
    let text = place.call(&[&call[..], &music[..2], &["--prompt", &format!("{header}M")]].concat()).ok();
    assert!(text.starts_with(&format!("{header}M:6/8\n")), "{text}");
    let text = place
        .call(&[&call[..], &music[..1], &["--prompt", &format!("{header}M:6/8\nL:1/8\nK")]].concat())
        .ok();
    assert!(
        text.starts_with(&format!("{header}M:6/8\nL:1/8\nK:Dmix\n")),
        "as the training data spell it: {text}"
    );
    let prime = format!("{header}M:6/8\nL:1/8\nK:Dmix\n|:dfd cAc|d");
    place.write("half.abc", format!("{prime}\r\n"));
    let text = place.call(&[&call[..], &["--prime=half.abc"], &music[2..]].concat()).ok();
    assert!(text.starts_with(&prime) && text.len() > prime.len(), "{text}");
    assert_eq!(names(&place.path("out")), ["mine.abc", "mine.mid", "mine.wav"]);
    let sentence = place.call(&[&call[..], &["--prime=half.abc"], &music[..1]].concat()).refused(2);
    assert_eq!(sentence, "--key: the prompt has a K: field already; leave one of them out");
}

#[test]
fn text_is_shown_as_it_is_made() {
    let place = Workplace::new();
    let lines: String =
        (0..400).map(|i| format!("the cat number {} sat on mat {}\n", i % 7, i % 3)).collect();
    place.write("cats.txt", lines);
    place.train(&["cats.txt", "--steps=100", "--learning-rate=0.02", "--backbone=gru", "--dropout=0"]).ok();
    let call = ["generate", "runs/cats", "--prompt=the cat", "--temperature=0.5", "--seed=3"];
    let called = place.call(&[&call[..], &["--tokens=80"]].concat());
    assert!(called.stderr.contains("Novelty: "), "{called:?}");
    let text = called.ok();
    assert!(text.starts_with("the cat") && text.len() > 80, "{text}");
    assert!(!place.path("runs/cats/generated").exists(), "text is not kept unless asked to");

    let stopped = place.call(&[&call[..], &["--stop=\\n"]].concat()).ok();
    assert_eq!(stopped.trim_end(), text.lines().next().unwrap());
    place.call(&[&call[..], &["--tokens=9", "--count=2", "--out=out"]].concat()).ok();
    assert_eq!(names(&place.path("out")), ["piece-2.txt", "piece.txt"]);
    let sentence = place.call(&["generate", "runs/cats", "--prompt=ÿ"]).refused(2);
    assert!(
        sentence.starts_with("--prompt: 'ÿ' (U+00FF) at character 1 is not in the vocabulary"),
        "{sentence}"
    );
    for flag in ["--wav", "--retry=3"] {
        let sentence = place.call(&["generate", "runs/cats", flag]).refused(2);
        let name = flag.split('=').next().unwrap();
        assert_eq!(sentence, format!("{name} is for tunes, and runs/cats has learnt text; leave it out"));
    }
}

#[test]
fn a_text_that_goes_on_from_a_file_is_shown_without_it() {
    let place = Workplace::new();
    let lines: String =
        (0..400).map(|i| format!("the cat number {} sat on mat {}\n", i % 7, i % 3)).collect();
    place.write("cats.txt", lines);
    place.train(&["cats.txt", "--steps=100", "--learning-rate=0.02", "--backbone=gru", "--dropout=0"]).ok();
    let begun = "the cat number 5 sat on mat 2\r".repeat(30) + "the cat";
    place.write("begun.txt", format!("{begun}\r"));
    let begun = begun.replace('\r', "\n");
    let call = ["generate", "runs/cats", "--prime=begun.txt", "--temperature=0", "--tokens=40"];
    let called = place.call(&call);
    assert!(!called.stderr.contains("not complete"), "an end of its tokens is none of a text: {called:?}");
    let shown = called.ok();
    assert!(
        shown.starts_with(" number") && !shown.contains("the cat number 5 sat on mat 2\nthe cat number 5"),
        "{shown}"
    );
    let piece = place.call(&[&call[..], &["--json"]].concat()).json().remove(0);
    assert_eq!(piece["text"].as_str().unwrap(), format!("{begun}{}", shown.strip_suffix('\n').unwrap()));
    assert_eq!((&piece["complete"], &piece["ended"]), (&true.into(), &false.into()), "{piece}");
    let several = place.call(&[&call[..], &["--count=2"]].concat()).ok();
    assert!(several.starts_with(" number"), "{several}");
}

#[test]
fn json_is_all_there_is_on_standard_output() {
    let place = Workplace::new();
    place.write_tunes("tunes.abc", 10);
    let called = place.train(&["tunes.abc", "--steps=20", "--out=run", "--json"]);
    assert_eq!(called.stderr, "");
    let events = called.json();
    let kinds: Vec<_> = events.iter().map(|event| event["event"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["started", "step", "step", "validated", "ended"]);
    assert_eq!(events[0]["examples"]["train"], 9);
    assert_eq!((&events[1]["step"], &events[1]["end"]), (&10.into(), &20.into()));
    assert_eq!((&events[4]["reason"], &events[4]["best"]["step"]), (&"budget".into(), &20.into()));
    let kinds: Vec<_> = place.call(&["resume", "run", "--json"]).json();
    assert_eq!(kinds.last().unwrap()["reason"], "budget", "nothing is left to do");
}

#[test]
fn a_recipe_alone_is_enough() {
    let place = Workplace::new();
    place.write_tunes("tunes.abc", 10);
    place.train(&["tunes.abc", "--steps=20", "--out=first"]).ok();
    let recipe = String::from_utf8(place.read("first/recipe.toml")).unwrap();
    place.write("mine.toml", recipe);
    place.call(&["train", "--recipe=mine.toml"]).ok();
    let model = |run: &str| place.read(&format!("{run}/model.safetensors"));
    assert_eq!(model("runs/tunes"), model("first"));
    place.call(&["train", "--recipe=mine.toml", "--seed=2"]).ok();
    assert_ne!(model("runs/tunes-2"), model("first"), "another seed, in a folder of its own");
    assert_eq!(place.call(&["runs", "--json"]).json().len(), 2);
}

#[test]
#[cfg(unix)]
fn ctrl_c_saves_and_the_run_goes_on_to_the_same_bits() {
    let place = Workplace::new();
    place.write_tunes("tunes.abc", 10);
    place.train(&["tunes.abc", "--steps=800", "--set=training.patience=0", "--out=whole"]).ok();
    let call = tiny(&["tunes.abc", "--steps=800", "--set=training.patience=0", "--out=run"]);
    let mut command = place.command(&call);
    let child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let begun = Instant::now();
    while !place.path("run/model.safetensors").exists() {
        assert!(begun.elapsed() < Duration::from_secs(60), "no validation in a minute");
        std::thread::sleep(Duration::from_millis(2));
    }
    let interrupted = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(interrupted.success());
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(said.contains("\nStopped and saved after "), "{said}");
    assert!(said.ends_with("Go on with     anaphora resume run\n"), "{said}");
    assert!(place.call(&["runs", "."]).ok().contains("unfinished"));

    let resumed = place.call(&["resume", "run"]);
    assert!(resumed.stderr.contains("resumed     after step "), "{resumed:?}");
    resumed.ok();
    assert_eq!(place.read("run/model.safetensors"), place.read("whole/model.safetensors"));
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let place = Workplace::new();
    place.write_tunes("many.abc", 300);
    let mut command = place.command(&["convert", "many.abc", "--to=midi", "--json"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), &*output.stderr), (Some(0), &b""[..]));
    assert!(names(&place.path("many")).len() < 300, "it ended early");
}

#[test]
fn the_demo_needs_no_file() {
    let place = Workplace::new();
    let called = place.call(&["demo", "--seconds=10"]);
    for said in [
        "from the built-in tunes",
        "A new tune:",
        "Novelty: ",
        "What to do next:\n  anaphora generate runs/demo",
    ] {
        assert!(called.stderr.contains(said), "{said}: {}", called.stderr);
    }
    let tune = called.ok();
    assert!(tune.starts_with("X:1\nT:"), "{tune}");
    let files = names(&place.path("runs/demo/generated"));
    let abc = files.iter().find(|file| file.ends_with(".abc")).unwrap();
    assert_eq!(heard(&place.read(&format!("runs/demo/generated/{abc}"))), heard(tune.as_bytes()));
}

#[test]
fn data_that_have_changed_are_not_taken_for_those_of_the_run() {
    let place = Workplace::new();
    place.write_tunes("tunes.abc", 10);
    place.train(&["tunes.abc", "--steps=20", "--out=run"]).ok();
    place.call(&["evaluate", "run"]).ok();
    place.write_tunes("tunes.abc", 11);
    for command in ["evaluate", "resume"] {
        let sentence = place.call(&[command, "run"]).refused(1);
        assert!(sentence.contains("is not what this run began with"), "{command}: {sentence}");
    }
}

/// What a tune sounds like: a complete one is written to its file with its repeats written out.
fn heard(tune: &[u8]) -> anaphora_music::Score {
    anaphora_music::abc::parse_tune(std::str::from_utf8(tune).unwrap()).0.score()
}

#[test]
fn a_state_that_adds_up_from_window_to_window_is_known_for_it() {
    let place = Workplace::new();
    let relu =
        ["--builtin=tunes", "--backbone=rnn", "--set=model.nonlinearity=relu", "--layers=2", "--steps=20"];
    let sentence = place.train(&[&relu[..], &["--length=100", "--out=relu"]].concat()).refused(1);
    assert!(sentence.ends_with("set data.windows to random"), "{sentence}");
    place.train(&[&relu[..], &["--set=data.windows=random", "--out=random"]].concat()).ok();
}
