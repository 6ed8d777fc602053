//! What a wrong call is answered.

use crate::common::Workplace;

#[test]
fn a_wrong_call_has_exit_code_2() {
    let place = Workplace::new();
    place.write_tunes("tunes.abc", 4);
    let refused = |call: &[&str]| {
        let called = place.call(call);
        assert_eq!((called.code, &*called.stdout), (Some(2), ""), "{call:?}: {called:#?}");
        let sentence = called.stderr.strip_prefix("anaphora: ");
        sentence.unwrap_or_else(|| panic!("{call:?}: {}", called.stderr)).to_owned()
    };
    for (call, said) in [
        (&["trian", "tunes.abc"][..], "a similar subcommand exists: 'train'"),
        (
            &["train"],
            "there is nothing to learn from: name a file or folder (data.train), with its translation in data.target",
        ),
        (&["train", "tunes.abc", "--bach", "3"], "a similar argument exists: '--batch'"),
        (
            &["train", "tunes.abc", "--layers", "49"],
            "--layers: field model.layers is 49; it takes a whole number from 1 to 48",
        ),
        (&["train", "tunes.abc", "--hidden", "-1"], "--hidden: field model.hidden_size is -1; it takes"),
        (&["generate", "runs/x", "--count", "-1"], "'-1' for '--count <N>': -1 is not in 1..="),
        (&["generate", "runs/x", "--seed", "-1"], "'-1' for '--seed <N>': it takes a whole number from 0 on"),
        (&["generate", "runs/x", "--threads", "-2"], "'-2' for '--threads <N>': -2 is not in 0..="),
        (&["predict", "runs/x", "--no-repeat-ngram", "-1"], "it takes a whole number from 0 on"),
        (&["resume", "runs/x", "--steps", "-1"], "it takes a whole number from 1 on"),
        (&["demo", "--seconds", "-1"], "'-1' for '--seconds <N>': -1 is not in 10..="),
        (&["bench", "train", "--layers", "-1"], "it takes a whole number from 1 to 1000000"),
        (&["train", "tunes.abc", "--steps", "many"], "--steps: field training.steps is \"many\"; it takes"),
        (&["train", "tunes.abc", "--backbone", "lstn"], "it takes window, rnn, gru, lstm or transformer"),
        (
            &["train", "tunes.abc", "--nonlinearity", "relu"],
            "is read by the backbone rnn only, and this one is lstm",
        ),
        (&["train", "tunes.abc", "--set", "training.bach=3"], "did you mean training.batch?"),
        (&["train", "tunes.abc", "--set", "batch"], "an = is missing"),
        (
            &["train", "tunes.abc", "--set", "training.schedule=cosine"],
            "needs training.steps, training.epochs or training.minutes",
        ),
        (&["generate"], "required arguments were not provided"),
        (&["generate", "runs/x", "--count", "0"], "0 is not in 1..=10000"),
        (
            &["generate", "runs/x", "--temperature", "-1"],
            "temperature is -1; it takes a number from 0 to 100",
        ),
        (&["generate", "runs/x", "--top-p", "1.5"], "top-p is 1.5"),
        (&["generate", "runs/x", "--prompt", "a", "--prime", "b"], "cannot be used with"),
        (&["generate", "runs/x", "--soundfont", "b"], "--wav"),
        (&["convert", "tunes.abc"], "--to <FORMAT>"),
        (&["convert", "tunes.abc", "--to", "mp3"], "possible values: abc, midi, wav"),
        (&["convert", "tunes.abc", "--to", "midi", "--soundfont", "a.sf2"], "it goes with --to wav only"),
        (&["demo", "--seconds", "1"], "is not in 10.."),
    ] {
        let sentence = refused(call);
        assert!(sentence.contains(said), "{call:?}: {sentence}");
    }
    assert!(!place.path("runs").exists(), "nothing is begun");
}

#[test]
fn what_is_missing_has_exit_code_1() {
    let place = Workplace::new();
    for (call, said) in [
        (&["train", "none.abc"][..], "none.abc: no such file or folder"),
        (&["train", "--recipe", "none.toml"], "cannot read none.toml"),
        (&["resume", "none"], "none is not a run folder"),
        (&["generate", "none"], "none is not a run folder"),
        (&["evaluate", "none"], "none is not a run folder"),
        (&["convert", "none.abc", "--to", "midi"], "cannot read none.abc"),
    ] {
        let sentence = place.call(call).refused(1);
        assert!(sentence.starts_with(said), "{call:?}: {sentence}");
    }
}

#[test]
fn help_is_a_result() {
    let place = Workplace::new();
    let help = place.call(&["--help"]).ok();
    let commands = [
        "demo", "train", "recipe", "resume", "generate", "evaluate", "convert", "import", "export", "runs",
        "compare",
    ];
    for command in commands {
        assert!(help.contains(&format!("\n  {command} ")), "{help}");
        let help = place.call(&[command, "--help"]).ok();
        assert!(help.contains(&format!("Usage: anaphora {command}")), "{help}");
    }
    assert_eq!(place.call(&["--version"]).ok(), format!("anaphora {}\n", env!("CARGO_PKG_VERSION")));
    let called = place.call(&[]);
    assert_eq!(called.code, Some(2));
    assert!(called.stderr.contains("Usage: anaphora <COMMAND>"), "{called:?}");
}

#[test]
fn every_sample_can_be_learnt_from() {
    let place = Workplace::new();
    let kinds = [
        ("tunes", "tunes.abc", ""),
        ("text", "text.txt", ""),
        ("classes", "names.csv", "classify"),
        ("numbers", "lists.csv", "regress"),
        ("rows", "waves.csv", "classify"),
        ("tags", "sentences.conll", "tag"),
        ("pairs", "pairs.tsv", "translate"),
        ("series", "hours.csv", "forecast"),
        ("paths", "throws.csv", "trajectory"),
    ];
    for (kind, file, task) in kinds {
        let sample = place.call(&["sample", kind, "--count=60"]).ok();
        assert_eq!(place.call(&["sample", kind, "--count=60"]).ok(), sample, "{kind}");
        assert_ne!(place.call(&["sample", kind, "--count=60", "--seed=2"]).ok(), sample, "{kind}");
        place.write(file, sample);
        let mut call = vec!["train", file, "--hidden=8", "--steps=2", "--threads=1"];
        let task = format!("--task={task}");
        if task != "--task=" {
            call.push(&task);
        }
        if kind == "series" {
            call.extend(["--horizon=2", "--lookback=12"]);
        } else if kind == "paths" {
            call.extend(["--horizon=20"]);
        }
        let called = place.call(&call);
        assert_eq!(called.code, Some(0), "{kind}: {called:#?}");
        let learnt = called.stderr.lines().find(|line| line.starts_with("learn ")).unwrap_or_default();
        assert!(kind == "text" || !learnt.contains(" 1 "), "{kind}: {learnt}");
    }
    let refused = place.call(&["sample", "poems"]).refused(2);
    assert!(refused.contains("poems"), "{refused}");
}
