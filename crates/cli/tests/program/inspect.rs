//! Looking into models.

use serde_json::Value;

use crate::common::Workplace;

/// The shape of an array of an inspection.
fn shape(inspection: &Value, name: &str) -> Vec<u64> {
    let shape = inspection["arrays"][name]["shape"].as_array();
    let shape = shape.unwrap_or_else(|| panic!("{name} is not there"));
    shape.iter().map(|len| len.as_u64().unwrap()).collect()
}

fn values(inspection: &Value, name: &str) -> Vec<f64> {
    let values = inspection["arrays"][name]["values"].as_array().unwrap();
    values.iter().map(|value| value.as_f64().unwrap_or(f64::NAN)).collect()
}

fn inspect(place: &Workplace, call: &[&str]) -> Value {
    let call: Vec<&str> = ["inspect"].iter().chain(call).chain(&["--json"]).copied().collect();
    place.call(&call).json().remove(0)
}

/// A workplace with an LSTM and a Transformer that learnt the same tunes.
fn trained() -> Workplace {
    let place = Workplace::new();
    place.write_tunes("tunes.abc", 12);
    place.train(&["tunes.abc", "--steps=20", "--backbone=lstm", "--layers=2", "--out=lstm"]).ok();
    place
        .train(&[
            "tunes.abc",
            "--steps=20",
            "--backbone=transformer",
            "--embedding=32",
            "--layers=2",
            "--out=gpt",
        ])
        .ok();
    place
}

#[test]
fn a_model_of_tunes_shows_what_happens_in_it() {
    let place = trained();
    let text = "X:1\nT:A\nM:4/4\nL:1/8\nK:D\nD2FA dAFD|";
    let found = inspect(&place, &["lstm", "--text", text]);
    let steps = text.chars().count() as u64 + 1;
    let symbols = found["labels"]["symbols"].as_array().unwrap().len() as u64;
    assert_eq!(shape(&found, "tokens"), [steps]);
    assert_eq!(found["labels"]["steps"][0], "<end>");
    assert_eq!(found["labels"]["steps"][1], "X");
    assert_eq!(shape(&found, "logits"), [steps, symbols]);
    for layer in ["l0", "l1"] {
        for part in ["i", "f", "g", "o", "c", "h"] {
            assert_eq!(shape(&found, &format!("gates.{layer}.{part}")), [steps, 32]);
        }
    }
    assert_eq!(shape(&found, "embedding"), [symbols, 16]);
    assert_eq!(shape(&found, "gradients.hidden.l1"), [steps - 1, 5]);
    assert!(found["arrays"]["attention.b0"].is_null() && found["not_shown"]["attention"].is_string());
    assert_eq!(values(&found, "targets").last(), Some(&-1.0), "nothing is known behind a text that goes on");
    // What units track is measured on what was held out, and it is said how much that is.
    let units = &found["about"]["units"];
    assert_eq!(units["text"], "what was held out of tunes.abc");
    assert!(units["steps"].as_u64().unwrap() > steps && units["pieces"].as_u64().unwrap() > 0, "{units}");
    // The notes stand at their symbols.
    let note = &found["about"]["notes"][0];
    let step = note["step"].as_u64().unwrap() as usize;
    assert_eq!((&found["labels"]["steps"][step], &note["pitch"]), (&"D".into(), &62.into()));
    // Median norms fall or rise, but they are numbers.
    assert!(values(&found, "gradients.input").iter().all(|norm| norm.is_finite() && *norm >= 0.0));

    let found = inspect(&place, &["gpt", "--text", text]);
    let shown = shape(&found, "tokens")[0];
    assert_eq!(
        shape(&found, "attention.b1"),
        [4, shown, shown].map(|len| if len == 4 { shape(&found, "q.b0")[0] } else { len })
    );
    for row in values(&found, "attention.b1").chunks(shown as usize) {
        assert!((row.iter().sum::<f64>() - 1.0).abs() < 1e-5, "{row:?}");
    }
    assert_eq!(shape(&found, "hidden.b1"), [shown, 32]);
    // A context of 32 symbols is all that it sees.
    assert!(
        shown == 32 && found["notes"][0].as_str().unwrap().contains("longer than the 32 steps"),
        "{}",
        found["notes"]
    );

    // What is asked for alone is computed, and the numbers are the same as tensors.
    let found = inspect(&place, &["lstm", "--text", text, "--show=gates", "--out=seen.safetensors"]);
    assert!(found["arrays"]["logits"].is_null() && found["arrays"]["gradients.input"].is_null());
    let tensors = anaphora::run::weights::read_weights(place.path("seen.safetensors")).unwrap();
    let cell = tensors.iter().find(|tensor| tensor.name == "gates.l1.c").unwrap();
    let wanted: Vec<f32> = values(&found, "gates.l1.c").iter().map(|value| *value as f32).collect();
    assert_eq!(*cell.data, *wanted);
    let call = ["inspect", "lstm", "--text=X", "--out=seen.safetensors"];
    assert!(place.call(&call).refused(2).contains("--force"));
}

#[test]
fn each_task_shows_what_it_reads() {
    let place = Workplace::new();
    let cases: [(&[&str], &[&str]); 10] = [
        (&["--builtin=names", "--bidirectional"], &["tokens", "gates.l0_reverse.c", "saliency", "running"]),
        (&["--builtin=waves"], &["frames", "input", "gates.l0.h", "saliency"]),
        (&["--builtin=shapes"], &["frames", "picture", "saliency"]),
        (&["--builtin=prices"], &["tokens", "said", "gradients.hidden.l0"]),
        (&["--builtin=phrases"], &["tokens", "gates.l0.h", "saliency.steps"]),
        (
            &["--builtin=reverse", "--attention=bahdanau"],
            &["encoder.tokens", "cross.b0", "gradients.cell.l0", "encoder.gradients.input"],
        ),
        (&["--builtin=seasonal"], &["frames", "input", "forecast", "came", "gates.l0.h", "gradients.input"]),
        (&["--builtin=ball"], &["frames", "input", "forecast.running", "gradients.input"]),
        (&["--builtin=copy"], &["tokens", "said", "gradients.input"]),
        (&["--builtin=chorales"], &["tokens", "attention.b0", "q.b0"]),
    ];
    for (number, (recipe, arrays)) in cases.iter().enumerate() {
        let out = format!("run-{number}");
        let mut call = vec!["train", "--steps=3", "--hidden=16", "--batch=4", "--threads=1", "--layers=1"];
        let out_flag = format!("--out={out}");
        call.extend(recipe.iter().copied().chain([out_flag.as_str()]));
        place.call(&call).ok();
        let found = inspect(&place, &[&out]);
        for array in *arrays {
            assert!(!shape(&found, array).is_empty(), "{recipe:?}");
        }
        // Labels have the lengths of their axes.
        for (name, array) in found["arrays"].as_object().unwrap() {
            for (axis, len) in
                array["axes"].as_array().unwrap().iter().zip(array["shape"].as_array().unwrap())
            {
                if let Some(labels) = found["labels"][axis.as_str().unwrap()].as_array() {
                    assert_eq!(labels.len() as u64, len.as_u64().unwrap(), "{recipe:?}: {name} along {axis}");
                }
            }
        }
        let call = ["inspect", &out, "--show=speed", "--index=2", "--json"];
        if *recipe == ["--builtin=phrases"] {
            assert!(place.call(&call).refused(1).contains("no length that could be chosen"));
            continue;
        }
        let found = place.call(&call).json().remove(0);
        let measured = found["arrays"]["speed.seconds"]["values"].as_array().unwrap();
        assert!(measured.iter().all(|time| time.as_f64().unwrap() > 0.0), "{recipe:?}");
    }
}

#[test]
fn a_forecast_is_in_the_units_of_its_table() {
    let place = Workplace::new();
    // A season of six in thousands, a trend, and a second column of small numbers.
    let row = |step: usize| {
        let wave = (step as f64 / 6.0 * std::f64::consts::TAU).sin();
        format!("{:.1},{:.4}\n", 5_000.0 + 10.0 * step as f64 + 800.0 * wave, 0.02 + 0.01 * wave)
    };
    let rows: String = (0..160).map(row).collect();
    place.write("sales.csv", format!("sales,share\n{rows}"));
    let train = [
        "train",
        "sales.csv",
        "--task=forecast",
        "--lookback=24",
        "--horizon=12",
        "--set=series.chunk=6",
        "--set=series.season=6",
    ];
    for (head, levels) in [("point", 1), ("quantile", 3)] {
        let [head, out] = [format!("--head={head}"), format!("--out={head}")];
        let more = [&head, &out, "--hidden=8", "--steps=20", "--threads=1"];
        place.call(&[&train[..], &more].concat()).ok();
        let found = inspect(&place, &[&out["--out=".len()..]]);
        assert_eq!(found["labels"]["channels"], serde_json::json!(["sales", "share"]));
        assert_eq!(shape(&found, "input"), [24, 2]);
        assert_eq!(shape(&found, "forecast"), [12, 2, levels]);
        // What was read and what came are rows of the table, one behind the other.
        let (input, came) = (values(&found, "input"), values(&found, "came"));
        let written = |values: &[f64]| format!("{:.1},{:.4}\n", values[0], values[1]);
        let window: String = input.chunks(2).chain(came.chunks(2)).map(written).collect();
        assert!(rows.contains(&window), "{window}");
        // The forecast lies near them, and once all is read what forms is the forecast.
        let forecast = values(&found, "forecast");
        let middle = levels as usize / 2;
        for (column, size) in [(0, 800.0), (1, 0.01)] {
            for step in 0..12 {
                let said = forecast[(step * 2 + column) * levels as usize + middle];
                let off = (said - came[step * 2 + column]).abs();
                assert!(
                    off < size,
                    "column {column}, step {step}: {said} against {}",
                    came[step * 2 + column]
                );
            }
        }
        let running = values(&found, "forecast.running");
        let last = &running[running.len() - 6..];
        for (step, formed) in last.iter().enumerate() {
            let said = forecast[step * 2 * levels as usize + middle];
            assert!((formed - said).abs() < 1e-3 * said, "{formed} {said}");
        }
    }
}

#[test]
fn only_what_is_asked_for_is_in_the_page() {
    let place = trained();
    let sections = |call: &[&str]| -> Vec<String> {
        place
            .call(
                &[&["inspect", "lstm", "--text", "X:1\nK:D\nDEFG|", "--force", "--out=page.html"], call]
                    .concat(),
            )
            .ok();
        let page = std::fs::read_to_string(place.path("page.html")).unwrap();
        page.split("data-view=\"").skip(1).map(|rest| rest.split('"').next().unwrap().to_owned()).collect()
    };
    assert_eq!(sections(&["--show=speed"]), ["run", "speed"]);
    assert_eq!(sections(&["--show=gates,tune"]), ["run", "tune", "gates"]);
    let all = sections(&[]);
    assert!(
        ["tune", "next", "graph", "gates", "units"].iter().all(|view| all.iter().any(|one| one == view)),
        "{all:?}"
    );
}

#[test]
fn a_page_holds_what_was_seen() {
    let place = trained();
    let called = place.call(&["inspect", "lstm", "--text", "X:1\nK:D\nDE|"]);
    assert_eq!(called.stdout, "lstm/inspect.html\n");
    let page = std::fs::read_to_string(place.path("lstm/inspect.html")).unwrap();
    assert!(page.starts_with("<!DOCTYPE html>") && page.contains("data-view=\"gates\""));
    place.call(&["inspect", "lstm", "gpt", "--text", "X:1\nK:D\nDEFG|", "--out", "both.html"]).ok();
    let both = std::fs::read_to_string(place.path("both.html")).unwrap();
    assert!(both.contains("Inside lstm, gpt") && both.contains("data-view=\"attention\""));
    let sentence = place.call(&["inspect", "lstm", "--text", "X:", "--out", "both.html"]).refused(2);
    assert!(sentence.contains("both.html"), "{sentence}");
}

#[test]
fn what_cannot_be_looked_at_is_said_in_a_sentence() {
    let place = trained();
    place.write("empty.abc", "");
    place.write("latin.abc", "X:1\nK:C\nCDE\u{4e2d}|\n");
    place.call(&["train", "--builtin=names", "--steps=3", "--hidden=16", "--out=names"]).ok();
    for (call, code, said) in [
        (&["inspect", "lstm", "--text", ""][..], 1, "the text given is empty"),
        (&["inspect", "lstm", "--text", "X:1\u{4e2d}"], 1, "\u{4e2d}"),
        (&["inspect", "lstm", "--data", "latin.abc"], 1, "latin.abc"),
        (&["inspect", "lstm", "--data", "empty.abc"], 1, "empty.abc"),
        (&["inspect", "lstm", "--data", "none.abc"], 1, "none.abc"),
        (&["inspect", "lstm", "--index", "400"], 1, "number 400 was asked for"),
        (
            &["inspect", "lstm", "--text", "X:", "--index", "2"],
            1,
            "the text given is one piece, and number 2",
        ),
        (&["inspect", "lstm", "--show", "attention"], 1, "the view attention: the model does not attend"),
        (
            &["inspect", "gpt", "--show", "gates"],
            1,
            "the view gates: a model with backbone transformer has no recurrent layer",
        ),
        (&["inspect", "names", "--show", "context"], 1, "the view context: "),
        (
            &["inspect", "lstm", "--show", "all"],
            2,
            "there is no view 'all'; the views are input, forecast, tune, graph, next, gates",
        ),
        (&["inspect", "lstm", "--text", "X:", "--out", "page.doc"], 2, ".html"),
        (&["inspect", "lstm", "names", "--json", "--show", "gates"], 1, "which are not the same"),
        (&["inspect", "lstm", "--text", "X:", "--out", "nowhere/page.html"], 2, "a folder that is there"),
        (&["inspect", "lstm", "--show", "gates,", "--json"], 2, "a view's name is missing beside a comma"),
        (&["inspect", "nowhere"], 1, "nowhere is not a run folder"),
        (&["inspect", "names", "--text", ""], 1, "the text is empty"),
    ] {
        let sentence = place.call(call).refused(code);
        assert!(sentence.contains(said), "{call:?}: {sentence}");
    }
}

#[test]
fn what_is_damaged_is_said() {
    let place = trained();
    // Half a recipe would be read as another one.
    let recipe = String::from_utf8(place.read("gpt/recipe.toml")).unwrap();
    let mut cut: Vec<&str> = recipe.lines().collect();
    while let Some(line) = cut.pop() {
        if line.starts_with("seed") {
            place.write("gpt/recipe.toml", cut.join("\n"));
            for call in [&["inspect", "gpt", "--text=X:1"][..], &["generate", "gpt"], &["resume", "gpt"]] {
                let sentence = place.call(call).refused(1);
                assert!(
                    sentence.contains("gpt/recipe.toml: it ends before training.precision"),
                    "{sentence}"
                );
            }
        }
    }
    // Weights so large that sums of them have no number.
    let path = place.path("lstm/model.safetensors");
    let mut weights = anaphora::run::weights::read_weights(&path).unwrap();
    weights.iter_mut().for_each(|tensor| tensor.data.to_mut().fill(3e38));
    anaphora::run::weights::write_weights(&path, &weights).unwrap();
    let found = inspect(&place, &["lstm", "--text=X:1"]);
    assert!(found["notes"].to_string().contains("are not finite"), "{}", found["notes"]);
}

#[test]
fn what_does_not_fit_the_model_is_said_by_who_reads_it() {
    let place = Workplace::new();
    for (builtin, out) in [("waves", "waves"), ("seasonal", "seasonal")] {
        let builtin = format!("--builtin={builtin}");
        place.call(&["train", &builtin, "--hidden=8", "--steps=4", "--threads=1", "--out", out]).ok();
    }
    // A model of dates reads no series without.
    let series = place.call(&["sample", "series", "--count", "200"]).ok();
    let named = series.lines().next().unwrap().split(',').count();
    let undated: String =
        series.lines().map(|line| format!("{}\n", line.split_once(',').unwrap().1)).collect();
    assert_eq!(named, 2, "{series}");
    place.write("dated.csv", &series);
    place.write("undated.csv", undated);
    for call in [
        &["inspect", "seasonal", "--data", "undated.csv", "--json"][..],
        &["predict", "seasonal", "undated.csv"],
        &["evaluate", "seasonal", "--data", "undated.csv"],
    ] {
        let sentence = place.call(call).refused(1);
        assert!(sentence.contains("there are no dates, which the model reads too"), "{sentence}");
    }
    // A series that is named is seen from its end, and from before it, where what came is known.
    let end = inspect(&place, &["seasonal", "--data", "dated.csv"]);
    assert!(values(&end, "came").iter().all(|value| value.is_nan()) && end["arrays"]["forecast"].is_object());
    let before = inspect(&place, &["seasonal", "--data", "dated.csv", "--index", "2"]);
    assert!(values(&before, "came").iter().all(|value| value.is_finite()));
    // A picture that cannot be read is no folder that is missing.
    place.call(&["train", "--builtin=scenes", "--hidden=8", "--steps=2", "--threads=1", "--out=scenes"]).ok();
    place.write("cut.png", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR");
    let sentence = place.call(&["inspect", "scenes", "--data", "cut.png"]).refused(1);
    assert!(sentence.contains("cut.png") && sentence.contains("PNG"), "{sentence}");
    let found = inspect(&place, &["scenes", "--show=graph"]);
    assert_eq!(found["about"]["encoder_steps"], 64);
    let sentence = place.call(&["inspect", "scenes", "--show=graph", "--index", "4000000"]).refused(1);
    assert!(sentence.contains("4000000"), "{sentence}");
}

#[test]
fn files_have_the_names_that_people_know() {
    let place = trained();
    let called =
        place.call_with(&["inspect", "lstm", "--data=-", "--json"], "X:1\nK:C\nCDE\u{4e2d}|\n".as_bytes());
    let sentence = called.refused(1);
    assert!(sentence.contains("standard input: ") && !sentence.contains("/anaphora-"), "{sentence}");
    let called = place.call_with(&["evaluate", "lstm", "--data=/dev/stdin"], "\u{4e2d}".as_bytes());
    let sentence = called.refused(1);
    assert!(sentence.contains("standard input") && !sentence.contains("/anaphora-"), "{sentence}");
    place.call(&["inspect", "lstm", "--text=X:1", "--show=next", "--out=PAGE.HTML"]).ok();
    assert!(place.read("PAGE.HTML").starts_with(b"<!DOCTYPE html>"));
}

#[test]
fn what_is_cut_or_too_long_is_said() {
    let place = Workplace::new();
    let tiny = ["--steps=2", "--hidden=8", "--batch=2", "--threads=1", "--layers=1"];
    let train = |call: &[&str]| place.call(&[&["train"], call, &tiny[..]].concat()).ok();
    train(&["--builtin=opinions", "--backbone=transformer", "--out=opinions"]);
    train(&["--builtin=names", "--out=names"]);
    train(&["--builtin=reverse", "--out=reverse"]);
    let long = "good ".repeat(2_000);
    let found = inspect(&place, &["opinions", "--text", &long]);
    assert!(!found["notes"].as_array().unwrap().is_empty(), "{}", found["notes"]);
    for run in ["names", "reverse"] {
        let sentence = place.call(&["inspect", run, "--text", &long]).refused(1);
        assert!(sentence.contains("at most can be looked at"), "{sentence}");
    }
    // What a model writes itself is no truth.
    let found = inspect(&place, &["reverse", "--text", "1 2 3"]);
    assert!(found["notes"].to_string().contains("the model's own"), "{}", found["notes"]);
}

#[test]
fn what_is_read_otherwise_than_it_stands_is_noted() {
    let place = Workplace::new();
    place.train(&["--builtin=names", "--steps=2", "--out=names"]).ok();
    let unknown = "2 characters are not in the vocabulary: '漢', '\\u{1b}'";
    let text = "Sm漢th\u{1b}";
    let found = inspect(&place, &["names", "--text", text]);
    assert_eq!(found["notes"], serde_json::json!([unknown]));
    let told = place.call(&["predict", "names", "--text", text, "--json"]).json().remove(0);
    assert_eq!(told["notes"], found["notes"]);
    place.train(&["--builtin=phrases", "--steps=2", "--out=tags"]).ok();
    let found = inspect(&place, &["tags", "--text=the zyx saw the zyx"]);
    let note = found["notes"][0].as_str().unwrap();
    assert!(note.contains("not in the vocabulary: ") && note.contains("'zyx'"), "{note}");
    let told = place.call(&["predict", "tags", "--text=the zyx saw the zyx", "--json"]).json().remove(0);
    assert_eq!(told["notes"], found["notes"]);

    let mut content = vec![];
    let mut encoder = png::Encoder::new(&mut content, 30, 20);
    encoder.set_color(png::ColorType::Rgba);
    encoder.write_header().unwrap().write_image_data(&[40; 30 * 20 * 4]).unwrap();
    place.write("clear.png", content);
    for (run, how) in [("shapes", "stretched"), ("scenes", "its middle kept")] {
        let builtin = format!("--builtin={run}");
        place.call(&["train", &builtin, "--steps=2", "--hidden=16", "--out", run]).ok();
        let found = inspect(&place, &[run, "--data=clear.png"]);
        let notes: Vec<&str> = found["notes"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
        assert_eq!(notes[0], format!("the picture of 30x20 pixels was brought to 32x32, {how}"));
        assert_eq!(notes[1], "what is transparent in the picture was laid on white");
        let told = place.call(&["predict", run, "clear.png", "--json"]).json().remove(0);
        assert_eq!(told["notes"], serde_json::json!(notes[..2]));
    }
}

#[test]
fn music_that_was_read_is_noted_and_has_notes() {
    let place = trained();
    let tune = "X:1\nT:A\nM:4/4\nL:1/8\nK:D\nD2F0 dA/0d1000000|";
    let found = inspect(&place, &["lstm", "--text", tune]);
    let notes = found["notes"].as_array().unwrap();
    for (column, what) in [(4, "nothing"), (8, "nothing"), (11, "more than 64 whole notes")] {
        let said = format!("the tune, line 6, column {column}: a length of {what}; the unit length is taken");
        assert!(notes.contains(&said.clone().into()), "{said}: {notes:?}");
    }
    place.train(&["--builtin=chorales", "--steps=2", "--out=chorales"]).ok();
    place.train(&["--builtin=chorales", "--set=model.notes=independent", "--steps=2", "--out=alone"]).ok();
    let [conditioned, alone] = ["chorales", "alone"].map(|run| inspect(&place, &[run]));
    let sounding = |found: &Value| -> Vec<(u64, u64, u64)> {
        let thousandths = |value: &Value| (1e3 * value.as_f64().unwrap()).round() as u64;
        let notes = found["about"]["notes"].as_array().unwrap().iter();
        let note = |note: &Value| {
            (thousandths(&note["start"]), note["pitch"].as_u64().unwrap(), thousandths(&note["seconds"]))
        };
        let mut all: Vec<_> = notes.map(note).collect();
        all.sort_unstable();
        all
    };
    // The last frame is foretold and not read where frames are read whole.
    let [all, most] = [sounding(&conditioned), sounding(&alone)];
    let begins =
        |notes: &[(u64, u64, u64)]| notes.iter().map(|&(start, pitch, _)| (start, pitch)).collect::<Vec<_>>();
    let [all, most] = [begins(&all), begins(&most)];
    assert!(!most.is_empty() && all.starts_with(&most) && all.len() <= most.len() + 4, "{all:?} {most:?}");
    // A pitch stands at the step that reads it.
    let first = &conditioned["about"]["notes"][0];
    let step = first["step"].as_u64().unwrap() as usize;
    let token = values(&conditioned, "tokens")[step] as usize;
    let name = conditioned["labels"]["symbols"][token].as_str().unwrap();
    assert_eq!(name, anaphora_music::pitch_name(first["pitch"].as_u64().unwrap() as u8));
}

#[test]
fn runs_that_read_other_windows_are_laid_over_each_other_with_a_note() {
    let place = Workplace::new();
    for (run, lookback) in [("short", "--lookback=24"), ("long", "--lookback=48")] {
        let call = ["train", "--builtin=seasonal", "--steps=2", "--hidden=16", lookback, "--out", run];
        place.call(&call).ok();
    }
    let called = place.call(&["inspect", "short", "long", "--out=page.html"]);
    let note = called.stderr.lines().find(|line| line.starts_with("Note: long: it read 48 rows"));
    assert!(note.is_some_and(|note| note.contains(", and short 24 rows")), "{}", called.stderr);
    assert!(String::from_utf8(place.read("page.html")).unwrap().contains("is not of one input"));
    let called = place.call(&["inspect", "short", "short", "--out=same.html"]);
    assert!(!called.stderr.contains("not of one input"), "{}", called.stderr);
}

#[test]
fn a_model_whose_data_are_gone_shows_the_rest() {
    let place = trained();
    std::fs::remove_file(place.path("tunes.abc")).unwrap();
    let found = inspect(&place, &["lstm", "--text=X:1"]);
    assert!(
        shape(&found, "gates.l0.f")[0] == 4
            && found["not_shown"]["units"].as_str().unwrap().contains("tunes.abc")
    );
    let sentence = place.call(&["inspect", "lstm", "--text=X:1", "--show=units"]).refused(1);
    assert!(sentence.contains("tunes.abc"), "{sentence}");
    let sentence = place.call(&["inspect", "lstm"]).refused(1);
    assert!(sentence.contains("tunes.abc"), "{sentence}");
}
