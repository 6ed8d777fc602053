//! `anaphora recipe`, what a recipe reads and refuses, and the help that follows from its fields.

use crate::common::Workplace;

const BUILTINS: [&str; 13] = [
    "tunes", "names", "waves", "reverse", "scenes", "seasonal", "ball", "adding", "copy", "chorales",
    "played", "phrases", "prices",
];
const BACKBONES: [&str; 5] = ["lstm", "transformer", "gru", "rnn", "window"];

/// Whether the built-in data are pairs, which a window cannot write.
fn is_pairs(builtin: &str) -> bool {
    matches!(builtin, "reverse" | "scenes")
}

#[test]
fn what_is_set_and_not_read_is_refused_by_its_flag() {
    let place = Workplace::new();
    place.write_tunes("tunes.abc", 4);
    place.write("rows.csv", "a,1,2,3\nb,2,3,4\n".repeat(20));
    place.write("half.toml", "[model]\nheads = 4\n");
    for (call, said) in [
        (
            &["tunes.abc", "--heads", "7"][..],
            "--heads: field model.heads is read by the backbone transformer only, and this one is lstm",
        ),
        (
            &["tunes.abc", "--notes=independent"],
            "--notes: field model.notes is read by the task chorales only, and this one is music or text",
        ),
        (
            &["rows.csv", "--task=classify", "--horizon=3"],
            "--horizon: field series.horizon is read by the tasks forecast and trajectory only, and this one is classify",
        ),
        (
            &["tunes.abc", "--attention=bahdanau", "--task=text"],
            "--attention: field model.attention is read by the tasks translate and caption only, and this one is text",
        ),
        (
            &["tunes.abc", "--pooling=max"],
            "--pooling: field model.pooling is read by the tasks classify, regress, forecast, trajectory and memory only, and this one is music or text",
        ),
        (
            &["tunes.abc", "--nonlinearity=relu"],
            "--nonlinearity: field model.nonlinearity is read by the backbone rnn only, and this one is lstm",
        ),
        (
            &["tunes.abc", "--set", "training.momentum=0.5"],
            "--set training.momentum=0.5: field training.momentum is read only where training.optimizer is sgd or muon, and it is adamw",
        ),
        (
            &["rows.csv", "--task=classify", "--input=numbers", "--set=data.mels=20"],
            "--set data.mels=20: field data.mels is read only where data.input is mel, and it is numbers",
        ),
        (
            &["rows.csv", "--task=forecast", "--valid=rows.csv"],
            "--valid: field data.validation is read by all tasks but forecast, trajectory and memory, and this one is forecast",
        ),
        (
            &[
                "rows.csv",
                "--task=tag",
                "--bidirectional",
                "--backbone=transformer",
                "--layers=3",
                "--length=4",
            ],
            "--bidirectional: field model.bidirectional is read by the backbones rnn, gru and lstm only, and this one is transformer",
        ),
        (
            &["--builtin=reverse", "--batch=8", "--batch-units=300"],
            "--batch: field training.batch is read only where training.batch_units is left out, and it is 300",
        ),
        (
            &["--set=data.builtin=reverse", "--batch-units=300", "--set=training.batch=8"],
            "--set training.batch=8: field training.batch is read only where training.batch_units is left out, and it is 300",
        ),
        (
            &["tunes.abc", "--recipe=half.toml"],
            "half.toml: field model.heads is read by the backbone transformer only, and this one is lstm",
        ),
    ] {
        assert_eq!(place.call(&[&["train"], call].concat()).refused(2), said, "{call:?}");
    }
    // What only the data tell is looked at again behind them.
    let sentence = place.call(&["train", "rows.csv", "--task=classify", "--set=data.mels=20"]).refused(2);
    assert_eq!(sentence, "field data.mels is read only where data.input is mel, and it is numbers");
    assert!(!place.path("runs").exists(), "nothing is begun");
    // Also a default that is set by hand is a mistake where nothing reads it.
    let sentence = place.call(&["recipe", "--task=text", "--set=training.momentum=0.9"]).refused(2);
    assert!(
        sentence.starts_with("--set training.momentum=0.9: field training.momentum is read"),
        "{sentence}"
    );
    // A batch of sequences takes the place of one of tokens.
    let printed = place.call(&["recipe", "--task=translate", "--batch=8"]).ok();
    assert!(printed.contains("\nbatch = 8 ") && printed.contains("\n# batch_units ="), "{printed}");
}

#[test]
fn what_is_printed_is_a_recipe_to_train_by() {
    let place = Workplace::new();
    for (number, builtin) in BUILTINS.iter().enumerate() {
        for backbone in BACKBONES {
            let call = ["recipe", "--builtin", builtin, "--backbone", backbone, "--hidden=16", "--steps=1"];
            let called = place.call(&call);
            if backbone == "window" && is_pairs(builtin) {
                called.refused(2);
                continue;
            }
            let printed = called.ok();
            assert!(printed.contains(&format!("builtin = \"{builtin}\"")), "{printed}");
            assert!(
                printed.lines().all(|line| line.is_empty() || line.starts_with('[') || line.contains("# "))
            );
            place.write("mine.toml", &printed);
            assert_eq!(place.call(&["recipe", "--recipe=mine.toml"]).ok(), printed, "{builtin} {backbone}");
            if backbone == BACKBONES[number % 4] {
                place.call(&["train", "--recipe=mine.toml", "--threads=1", "--out", builtin]).ok();
                let kept = String::from_utf8(place.read(&format!("{builtin}/recipe.toml"))).unwrap();
                let fields = |text: &str| text.lines().filter(|line| line.contains(" = ")).count();
                assert!(fields(&kept).abs_diff(fields(&printed)) < 2, "{kept}");
            }
        }
    }
    let json = place.call(&["recipe", "--task=classify", "--json"]).json().remove(0);
    assert_eq!(json["model"]["hidden_size"], 128);
    assert!(json["series"].is_null() && json["model"]["heads"].is_null(), "{json}");
    let printed = place.call(&["recipe", "novel.txt", "--layers=2"]).ok();
    assert!(printed.contains("train = \"novel.txt\"") && printed.contains("layers = 2"), "{printed}");
}

#[test]
fn a_recipe_that_lists_all_fields_is_read() {
    // Runs of earlier versions have each field in their recipe, read or not.
    let place = Workplace::new();
    for (text, value) in [
        (include_str!("../format2/tunes/recipe.toml"), "context = 16"),
        (include_str!("../format2/gpt/recipe.toml"), "forget_bias = 1.0"),
        (include_str!("../format2/seasonal/recipe.toml"), "position = \"rotary\""),
    ] {
        assert!(text.contains(value), "{text}");
        place.write("all.toml", text);
        let printed = place.call(&["recipe", "--recipe=all.toml"]).ok();
        assert!(!printed.contains(value), "{printed}");
        for line in printed.lines().filter(|line| line.contains(" = ")) {
            let setting = line.split(" #").next().unwrap_or(line).trim_end();
            // Of later versions, which had it at a value of its own before.
            let is_later = setting.contains("rotary_base");
            assert!(is_later || text.lines().any(|line| line.starts_with(setting)), "{setting}");
        }
        place.call(&["train", "--recipe=all.toml", "--steps=1", "--out=run"]).ok();
        std::fs::remove_dir_all(place.path("run")).unwrap();
    }
    // With another backbone, fields that only the first one read are left behind.
    place.write("all.toml", include_str!("../format2/gpt/recipe.toml"));
    let printed = place.call(&["recipe", "--recipe=all.toml", "--backbone=gru"]).ok();
    assert!(!printed.contains("heads"), "{printed}");
}

#[test]
fn help_is_of_the_task_at_hand() {
    let place = Workplace::new();
    let help = |call: &[&str]| place.call(&[&["train"], call].concat()).ok();
    let flags = |help: &str| help.lines().filter(|line| line.trim_start().starts_with('-')).count();
    let says = |help: &str, flag: &str, part: &str| {
        let joined = help.split_whitespace().collect::<Vec<_>>().join(" ");
        joined.split(" --").any(|entry| entry.starts_with(flag) && entry.contains(part))
    };
    let short = help(&["--help"]);
    assert!(flags(&short) <= 28, "{} flags\n{short}", flags(&short));
    assert!(says(&short, "hidden <N>", "[default: 512]"), "{short}");
    assert!(!short.contains("--horizon") && !short.contains("--weight-decay"), "{short}");
    assert_eq!(short, help(&["-h"]));
    let classify = help(&["--task", "classify", "--help"]);
    assert!(says(&classify, "hidden <N>", "[default: 128]"), "{classify}");
    assert!(classify.contains("--label ") && !classify.contains("--length"), "{classify}");
    let waves = help(&["--builtin", "waves", "--backbone=transformer", "--help"]);
    assert!(says(&waves, "dropout <SHARE>", "[default: 0.1]") && waves.contains("--heads"), "{waves}");
    let all = help(&["--help", "all", "--builtin=seasonal"]);
    assert!(says(&all, "weight-decay <X>", "[default: 0.01]"), "{all}");
    assert!(says(&all, "notes <KIND>", "[read by the task chorales only]"), "{all}");
    assert!(flags(&all) > flags(&short) + 20, "{all}");
    assert!(place.call(&["recipe", "--task=tag", "--help"]).ok().contains("Usage: anaphora recipe"));
}

#[test]
fn a_long_text_in_a_short_time_gets_a_transformer() {
    let place = Workplace::new();
    // 300 kB a minute: 6 kB for a hundredth of one.
    place.write("long.txt", "a line of some words\n".repeat(300));
    place.write("short.txt", "a line of some words\n".repeat(100));
    place.write_tunes("tunes.abc", 40);
    let note = "learns more of it than an lstm; model.backbone names another";
    for (call, backbone) in [
        (&["long.txt", "--minutes=0.01", "--seed=2", "--tokenizer=byte"][..], "transformer"),
        (&["long.txt", "--minutes=0.01", "--task=text"], "transformer"),
        (&["long.txt", "--minutes=0.03"], "lstm"),
        (&["long.txt"], "lstm"),
        (&["long.txt", "--minutes=0.01", "--hidden=32"], "lstm"),
        (&["long.txt", "--minutes=0.01", "--backbone=gru"], "gru"),
        (&["short.txt", "--minutes=0.01"], "lstm"),
        (&["tunes.abc", "--minutes=0.01"], "lstm"),
    ] {
        let run = place.path("run");
        let _ = std::fs::remove_dir_all(&run);
        let limits = ["--steps=1", "--threads=1", "--out=run"];
        let fixed = if backbone == "transformer" { &limits[1..] } else { &limits[..] };
        let called = place.call(&[&["train"], call, fixed].concat());
        let told = called.stderr.clone();
        called.ok();
        let recipe = std::fs::read_to_string(run.join("recipe.toml")).unwrap();
        assert!(recipe.contains(&format!("backbone = \"{backbone}\"")), "{call:?}: {recipe}");
        assert_eq!(told.contains(note), backbone == "transformer", "{call:?}: {told}");
    }
}
