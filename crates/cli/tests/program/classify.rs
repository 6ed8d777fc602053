//! From labelled examples to a model that classifies new ones, through the binary.

use std::fs;
use std::process::Stdio;
use std::time::Duration;

use crate::common::{Called, Workplace, tiny};
use serde_json::Value;

/// `train` with a model that is trained in a moment.
fn train(place: &Workplace, call: &[&str]) -> Called {
    place.train(&[&["--task=classify", "--learning-rate=0.01", "--batch=16"], call].concat())
}

#[test]
fn names_are_learnt_scored_and_told_apart() {
    let place = Workplace::new();
    let said = place.train(&["--builtin=names", "--batch=16", "--learning-rate=0.01", "--steps=100"]);
    assert_eq!((said.code, &*said.stdout), (Some(0), ""), "{said:#?}");
    for part in [
        "task        classify, from the built-in names",
        "learn       3,600 examples, ",
        "reads       tokens, one of 4 classes",
        "accuracy ",
        "Predict with   anaphora predict runs/names FILE\n",
    ] {
        assert!(said.stderr.contains(part), "{part}: {}", said.stderr);
    }

    let report = place.call(&["evaluate", "runs/names", "--json"]).json().remove(0);
    assert!(report["accuracy"].as_f64().unwrap() > 0.8, "{report}");
    let labels = ["eastern", "island", "northern", "southern"];
    assert_eq!(report["labels"], Value::from(labels.to_vec()));
    let counts: u64 = report["confusion"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|row| row.as_array().unwrap())
        .map(|n| n.as_u64().unwrap())
        .sum();
    assert_eq!((counts, &report["examples"]), (400, &400.into()));
    let table = place.call(&["evaluate", "runs/names"]).ok();
    assert!(table.contains("precision") && table.contains("taken for"), "{table}");

    place.write("new.txt", "Thorgard\n\nBorisvich\n");
    let predictions = place.call(&["predict", "runs/names", "new.txt", "--text=Kalani", "--json"]).json();
    let found: Vec<_> = predictions
        .iter()
        .map(|p| (p["input"].as_str().unwrap(), p["label"].as_str().unwrap_or("")))
        .collect();
    // An empty line has a place of its own.
    assert_eq!(found, [("Kalani", "island"), ("Thorgard", "northern"), ("", ""), ("Borisvich", "eastern")]);
    for prediction in predictions.iter().filter(|prediction| prediction["label"].is_string()) {
        let sum: f64 = labels.iter().map(|label| prediction["probabilities"][label].as_f64().unwrap()).sum();
        assert!((sum - 1.0).abs() < 1e-5, "{prediction}");
    }
    // Of a character that no name has, nothing is known.
    let foreign = place.call(&["predict", "runs/names", "--text=Kalāni", "--json"]).json().remove(0);
    assert_eq!(foreign["label"], "island");
    let text = place.call(&["predict", "runs/names", "--text=Kalani"]).ok();
    assert!(text.starts_with("island  ") && text.ends_with("  Kalani\n"), "{text}");

    let sentence = place.call(&["predict", "runs/names", "--text= "]).refused(1);
    assert_eq!(sentence, "the text given: the text is empty, at least one character is needed");
    place.write("other.tsv", "island\tKalani\nmoon\tZorg\n");
    let sentence = place.call(&["evaluate", "runs/names", "--data=other.tsv"]).refused(1);
    assert_eq!(
        sentence,
        "other.tsv: line 2: the label moon is none of those that are learnt from (eastern, island, northern, southern)"
    );
    let sentence = place.call(&["generate", "runs/names"]).refused(1);
    assert!(sentence.contains("use it with `anaphora predict`"), "{sentence}");
}

#[test]
fn a_killed_training_ends_with_the_same_bits() {
    let place = Workplace::new();
    write_notes(&place, "notes.tsv", 0);
    // Built-in texts have no linear map.
    let weights = "model.safetensors";
    for (data, killed, files) in
        [("--builtin=names", "killed", &[weights][..]), ("notes.tsv", "noted", &[weights, "linear.json"])]
    {
        let call = [data, "--task=classify", "--batch=16", "--steps=120", "--set=training.patience=0"];
        let whole = format!("whole-{killed}");
        place.train(&[&call[..], &["--out", &whole]].concat()).ok();
        let begun = tiny(&[&call[..], &["--out", killed]].concat());
        let mut child = place.command(&begun).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let metrics = place.path(&format!("{killed}/metrics.jsonl"));
        let lines =
            || fs::read(&metrics).map_or(0, |text| text.iter().filter(|&&byte| byte == b'\n').count());
        while lines() < 5 && child.try_wait().unwrap().is_none() {
            std::thread::sleep(Duration::from_micros(200));
        }
        child.kill().unwrap();
        child.wait().unwrap();
        place.call(&["resume", killed]).ok();
        for file in files {
            let [killed, whole] = [killed, &whole].map(|run| place.read(&format!("{run}/{file}")));
            assert!(killed == whole, "{data}, {file}");
        }
    }
}

/// Notes that a word of each tells apart, whatever stands around it, and one of two other words, which tells nothing.
fn write_notes(place: &Workplace, name: &str, from: usize) {
    let word = |i: usize| [("wet", ["rain", "flood"]), ("dry", ["drought", "sun"])][i % 2];
    let row = |i: usize| {
        let ((label, words), other) = (word(i), ["monday", "friday"][i / 3 % 2]);
        format!("{label}\t{other} saw {} number {i}\n", words[i / 2 % 2])
    };
    place.write(name, (from..from + 120).map(row).collect::<String>());
}

#[test]
fn words_that_tell_classes_apart_are_known_from_the_first_steps() {
    let place = Workplace::new();
    write_notes(&place, "notes.tsv", 0);
    write_notes(&place, "others.tsv", 1_000);
    // A rate at which the network learns nothing in ten steps.
    let call = ["train", "notes.tsv", "--task=classify", "--steps=10", "--learning-rate=1e-6", "--threads=1"];
    let said = place.call(&call);
    assert_eq!(said.code, Some(0), "{said:#?}");
    assert!(said.stderr.contains("Note: a linear map of "), "{said:#?}");
    assert!(said.stderr.contains("accuracy 1.000; what the network says is added to it"), "{said:#?}");
    let recipe = String::from_utf8(place.read("runs/notes/recipe.toml")).unwrap();
    assert!(recipe.contains("\nshortcut = \"linear\""), "{recipe}");
    let evaluate = |run: &str| place.call(&["evaluate", run, "--data=others.tsv", "--json"]).json().remove(0);
    let report = evaluate("runs/notes");
    assert_eq!(
        (&report["accuracy"], &report["contenders"]["linear_map"]["accuracy"]),
        (&1.0.into(), &1.0.into())
    );
    let table = place.call(&["evaluate", "runs/notes", "--data=others.tsv"]).ok();
    assert!(table.contains("\nthis model") && table.contains("\nlinear map"), "{table}");
    let predicted = |run: &str| {
        let prediction = place.call(&["predict", run, "--text=Drought again", "--json"]).json().remove(0);
        (prediction["label"].as_str().unwrap().to_owned(), prediction["probability"].as_f64().unwrap())
    };
    let (label, probability) = predicted("runs/notes");
    assert!(label == "dry" && probability > 0.8, "{label} {probability}");

    // What is shown is what is predicted, and what of it the linear map says.
    let shown = place.call(&["inspect", "runs/notes", "--text=Drought again", "--show=saliency", "--json"]);
    let shown = shown.json().remove(0);
    let array = |name: &str| -> Vec<f64> {
        shown["arrays"][name]["values"]
            .as_array()
            .unwrap()
            .iter()
            .map(|value| value.as_f64().unwrap())
            .collect()
    };
    assert!((array("said")[0] - probability).abs() < 1e-4, "{shown}");
    assert!(array("linear")[0] > array("linear")[1], "{shown}");
    assert!((array("running").rchunks(2).next().unwrap()[0] - probability).abs() < 1e-4, "{shown}");
    assert!(shown["notes"].to_string().contains("linear map"), "{shown}");

    // Without it the network knows nothing yet.
    place.call(&[&call[..], &["--set=model.shortcut=none", "--out=alone"]].concat()).ok();
    let report = evaluate("alone");
    assert!(report["accuracy"].as_f64().unwrap() < 0.9 && report["contenders"].is_null(), "{report}");
    assert!(!place.path("alone/linear.json").exists());
    // Nor has a run of an earlier version a map, which said nothing of a shortcut.
    let recipe = String::from_utf8(place.read("alone/recipe.toml")).unwrap();
    let lines = recipe.lines().filter(|line| !line.starts_with("shortcut"));
    place.write("alone/recipe.toml", lines.map(|line| format!("{line}\n")).collect::<String>());
    assert_eq!(evaluate("alone")["accuracy"], report["accuracy"]);
    place.call(&["resume", "alone", "--steps=5"]).ok();
    assert!(!place.path("alone/linear.json").exists());

    // A map that is damaged, of other classes or not there is refused.
    let whole = String::from_utf8(place.read("runs/notes/linear.json")).unwrap();
    // Earlier versions wrote no sum.
    let earlier: String =
        whole.lines().filter(|line| !line.contains("\"crc32\"")).map(|line| format!("{line}\n")).collect();
    assert!(whole.contains("\"crc32\": ") && earlier.len() < whole.len());
    for (text, found) in [
        (&whole, ["so it was cut short or altered"; 3]),
        (&earlier, ["EOF", "trailing", "no map of n-grams"]),
    ] {
        let half = text[..text.len() / 2].to_owned();
        let others = text.replace("\"outputs\": 2", "\"outputs\": 3");
        assert!(others != *text);
        for (damaged, found) in [half, text.repeat(2), others].into_iter().zip(found) {
            place.write("runs/notes/linear.json", damaged);
            let sentence = place.call(&["predict", "runs/notes", "--text=sun"]).refused(1);
            assert!(sentence.contains("linear.json") && sentence.contains(found), "{sentence}");
        }
    }
    std::fs::remove_file(place.path("runs/notes/linear.json")).unwrap();
    assert!(place.call(&["predict", "runs/notes", "--text=sun"]).refused(1).contains("linear.json"));
}

#[test]
fn what_is_kept_of_a_network_is_what_was_validated() {
    let place = Workplace::new();
    // The order of words counts, which the map does not know, and of so few texts a network learns much by heart: a part of what it
    // says is what helps.
    place.write("opinions.csv", place.call(&["sample", "opinions", "--count=400"]).ok());
    let settings = ["--hidden=128", "--batch=32", "--steps=150", "--validate-every=30"];
    place.train(&[&["opinions.csv", "--task=classify"][..], &settings].concat()).ok();
    let info: Value = serde_json::from_slice(&place.read("runs/opinions/run.json")).unwrap();
    let report = place.call(&["evaluate", "runs/opinions", "--precision=f32", "--json"]).json().remove(0);
    for (found, wanted) in
        [(&report["loss"], &info["best"]["loss"]), (&report["accuracy"], &info["best"]["scores"]["accuracy"])]
    {
        let [found, wanted] = [found, wanted].map(|value| value.as_f64().unwrap());
        assert!((found - wanted).abs() < 1e-4, "{report} {info}");
    }
    let map = report["contenders"]["linear_map"]["loss"].as_f64().unwrap();
    assert!(report["loss"].as_f64().unwrap() < map - 1e-3, "{report}");
}

#[test]
fn labels_have_a_linear_map_too_and_numbers_have_none() {
    let place = Workplace::new();
    let word = |i: usize, words: [&'static str; 2]| words[usize::from(i.is_multiple_of(3))];
    let row = |i: usize| {
        let (warm, windy) = (i.is_multiple_of(3), (i / 2).is_multiple_of(3));
        let labels = [("warm", warm), ("windy", windy)]
            .into_iter()
            .filter(|(_, there)| *there)
            .map(|(label, _)| label);
        let labels = labels.collect::<Vec<_>>().join("|");
        let labels = if labels.is_empty() { "|".to_owned() } else { labels };
        format!("{labels}\tday {i} {} {}\n", word(i, ["cold", "hot"]), word(i / 2, ["calm", "gusty"]))
    };
    place.write("days.tsv", (0..150).map(row).collect::<String>());
    let call =
        ["days.tsv", "--task=classify", "--set=data.label_separator=|", "--steps=5", "--learning-rate=1e-6"];
    place.train(&call).ok();
    let report = place.call(&["evaluate", "runs/days", "--json"]).json().remove(0);
    assert_eq!(
        (&report["micro_f1"], &report["contenders"]["linear_map"]["micro_f1"]),
        (&1.0.into(), &1.0.into())
    );

    let rows = (0..40).map(|i| format!("{}\t{i}\t{}\t{}\n", i % 2, i % 5, i % 7)).collect::<String>();
    place.write("rows.tsv", rows);
    let sentence = train(&place, &["rows.tsv", "--steps=5", "--set=model.shortcut=none"]).refused(2);
    assert!(sentence.contains("model.shortcut"), "{sentence}");
    train(&place, &["rows.tsv", "--steps=5"]).ok();
    assert!(!place.path("runs/rows/linear.json").exists());
}

/// A recording of one channel in 16 bits.
fn wav(rate: u32, samples: &[i16]) -> Vec<u8> {
    let bytes = 2 * samples.len() as u32;
    let mut file = b"RIFF".to_vec();
    file.extend((36 + bytes).to_le_bytes());
    file.extend(b"WAVEfmt \x10\0\0\0\x01\0\x01\0");
    file.extend(rate.to_le_bytes());
    file.extend((2 * rate).to_le_bytes());
    file.extend(b"\x02\0\x10\0data");
    file.extend(bytes.to_le_bytes());
    samples.iter().for_each(|sample| file.extend(sample.to_le_bytes()));
    file
}

fn tone(rate: u32, hertz: f32, samples: usize) -> Vec<u8> {
    let sample = |index| ((index as f32 * hertz * std::f32::consts::TAU / rate as f32).sin() * 9e3) as i16;
    wav(rate, &(0..samples).map(sample).collect::<Vec<_>>())
}

#[test]
fn sounds_are_told_apart_whatever_their_rate() {
    let place = Workplace::new();
    fs::create_dir(place.path("sounds")).unwrap();
    for take in 0..12 {
        let (change, length) = (5.0 * take as f32, 800 + 40 * take);
        place.write(&format!("sounds/low_{take}.wav"), tone(8_000, 300.0 + change, length));
        place.write(&format!("sounds/high_{take}.wav"), tone(8_000, 1_200.0 + change, length));
    }
    place.write("sounds/low_20.wav", tone(16_000, 310.0, 2_000));
    let call = ["sounds", "--steps=60", "--test-files=*_[01].wav"];
    let said = train(&place, &call);
    assert!(said.stderr.contains("1 of 25 sounds has another rate: resampled to 8000 Hz"), "{said:#?}");
    let report = place.call(&["evaluate", "runs/sounds", "--split=test", "--json"]).json().remove(0);
    assert_eq!((&report["examples"], &report["accuracy"]), (&4.into(), &1.0.into()), "{report}");
    place.write("new.wav", tone(16_000, 1_230.0, 2_000));
    let prediction = place.call(&["predict", "runs/sounds", "new.wav", "--json"]).json().remove(0);
    assert_eq!(prediction["label"], "high");
    assert_eq!(prediction["notes"][0], "resampled from 16000 to 8000 Hz");

    let sentence = train(&place, &["sounds", "--test-files=*.mp3", "--out=none"]).refused(2);
    assert!(
        sentence.starts_with("data.test_files is *.mp3, which is like the name of no file"),
        "{sentence}"
    );

    place.write("sounds/low_30.wav", b"RIFF, but no more");
    let sentence = train(&place, &[&call[..], &["--out=bad"]].concat()).refused(1);
    assert!(sentence.starts_with("sounds/low_30.wav: no WAV file that can be read"), "{sentence}");
    let said = train(&place, &[&call[..], &["--out=good", "--skip-bad"]].concat());
    assert_eq!(said.code, Some(0), "{said:#?}");
    assert!(said.stderr.contains("sounds/low_30.wav: no WAV file that can be read"), "{said:#?}");
}

/// Pictures and labels as MNIST's files.
fn write_idx(place: &Workplace, name: &str, count: usize) {
    let (side, mut pictures, mut labels) = (8, Vec::new(), Vec::new());
    for index in 0..count {
        let (class, line) = (index % 2, index / 2 % side);
        let lit = |place: usize| if class == 0 { place / side == line } else { place % side == line };
        pictures.extend((0..side * side).map(|place| if lit(place) { 255 } else { (index * 7 % 30) as u8 }));
        labels.push(class as u8);
    }
    let head = |kind: u8, sizes: &[usize]| -> Vec<u8> {
        let sizes = sizes.iter().flat_map(|&size| (size as u32).to_be_bytes());
        [0, 0, 8, kind].into_iter().chain(sizes).collect()
    };
    place.write(
        &format!("digits/{name}-images-idx3-ubyte"),
        [head(3, &[count, side, side]), pictures].concat(),
    );
    place.write(&format!("digits/{name}-labels-idx1-ubyte"), [head(1, &[count]), labels].concat());
}

#[test]
fn pictures_are_read_in_rows_and_in_patches() {
    let place = Workplace::new();
    fs::create_dir(place.path("digits")).unwrap();
    write_idx(&place, "train", 200);
    write_idx(&place, "t10k", 50);
    train(&place, &["digits", "--steps=60", "--out=rows"]).ok();
    train(
        &place,
        &[
            "digits",
            "--steps=60",
            "--out=patches",
            "--input=patches",
            "--backbone=transformer",
            "--layers=1",
            "--position=learned",
        ],
    )
    .ok();
    for run in ["rows", "patches"] {
        let report = place.call(&["evaluate", run, "--split=test", "--json"]).json().remove(0);
        assert_eq!(report["examples"], 50);
        assert!(report["accuracy"].as_f64().unwrap() > 0.9, "{run}: {report}");
        let predictions = place.call(&["predict", run, "digits/t10k-images-idx3-ubyte", "--json"]).json();
        assert_eq!(predictions.len(), 50);
    }
    place.write("no.png", "this is no picture");
    let sentence = place.call(&["predict", "rows", "no.png"]).refused(1);
    assert!(sentence.starts_with("no.png: no picture"), "{sentence}");
    let sentence = place.call(&["predict", "rows", "--text=seven"]).refused(1);
    assert_eq!(sentence, "the text given: the model reads pictures (PNG, JPEG or IDX); name a file");
}

#[test]
fn an_example_may_have_several_labels() {
    let place = Workplace::new();
    let word = |bit: bool, yes, no| if bit { yes } else { no };
    let line = |index: usize| {
        let (warm, dry) = (index.is_multiple_of(2), (index / 2).is_multiple_of(2));
        let labels = [(warm, "warm"), (dry, "dry")]
            .iter()
            .filter(|(there, _)| *there)
            .map(|(_, label)| *label)
            .collect::<Vec<_>>()
            .join("|");
        let labels = if labels.is_empty() { "|".to_owned() } else { labels };
        format!(
            "{labels}\tday {} was {} and {}\n",
            index % 9,
            word(warm, "hot", "cold"),
            word(dry, "bright", "wet")
        )
    };
    place.write("days.tsv", (0..300).map(line).collect::<String>());
    let call = ["days.tsv", "--steps=80", "--label=1", "--text=2", "--set=data.label_separator=|"];
    train(&place, &call).ok();
    let report = place.call(&["evaluate", "runs/days", "--json"]).json().remove(0);
    assert!(report["micro_f1"].as_f64().unwrap() > 0.95, "{report}");
    assert_eq!(report["labels"], Value::from(vec!["dry", "warm"]));
    let prediction = |text: &str| {
        place.call(&["predict", "runs/days", "--json", "--text", text]).json().remove(0)["labels"].clone()
    };
    assert_eq!(prediction("day 3 was hot and bright"), Value::from(vec!["dry", "warm"]));
    assert_eq!(prediction("day 3 was cold and wet"), Value::Array(Vec::new()));
    let balanced = [&call[..], &["--set=training.class_weights=balanced", "--out=x"]].concat();
    let sentence = train(&place, &balanced).refused(2);
    assert!(
        sentence.ends_with("is read only where data.label_separator is left out, and it is \"|\""),
        "{sentence}"
    );
}

#[test]
fn bad_rows_are_named_or_skipped() {
    let place = Workplace::new();
    let good: String =
        (0..60).map(|i| format!("{},{},{},{},{}\n", i % 2, i % 2 * 3, i % 5, i % 3, i % 7)).collect();
    place.write("rows.csv", format!("{good}1,2,3\n0,1,2,x,4\n7,1,2,3,4\n"));
    let sentence = train(&place, &["rows.csv", "--input=numbers"]).refused(1);
    assert_eq!(sentence, "rows.csv, line 61: the number of columns is 3, 5 are needed as on line 1");
    let said = train(&place, &["rows.csv", "--input=numbers", "--steps=40", "--skip-bad"]);
    for part in [
        "rows.csv, line 61: the number of columns is 3, 5 are needed as on line 1 (skipped)",
        "rows.csv, line 62: column 4 holds 'x', a finite number is needed (skipped)",
        "the label 7 (rows.csv, line 63) is seen once",
    ] {
        assert!(said.stderr.contains(part), "{part}: {said:#?}");
    }
    place.write("new.csv", "3,1,1\n3,1,1,4\n");
    let sentence = place.call(&["predict", "runs/rows", "new.csv"]).refused(1);
    assert_eq!(sentence, "new.csv: line 1: there are 3 numbers, 4 as in training are needed");
    place.write("new.csv", "3,1,1,inf\n");
    let sentence = place.call(&["predict", "runs/rows", "new.csv"]).refused(1);
    assert_eq!(sentence, "new.csv: line 1: inf is no finite number");
    place.write("one.tsv", "a\tb\na\tc\na\td\n");
    let sentence = train(&place, &["one.tsv", "--label=1"]).refused(1);
    assert_eq!(sentence, "one.tsv: all examples to learn from have the label a; two or more are needed");
}

#[test]
fn texts_of_one_word_each_are_read_in_characters() {
    let place = Workplace::new();
    // Surnames of which no two are alike: those that are validated on have never been seen.
    let name = |k: usize| {
        let parts = ["ka", "lo", "mi", "ne", "ru", "ta", "vi"];
        format!("{}{}{}", parts[k % 7], parts[k / 7 % 7], parts[k / 49 % 7])
    };
    let ending = |k: usize| if k.is_multiple_of(2) { "son" } else { "ova" };
    let label = |k: usize| if k.is_multiple_of(2) { "north" } else { "east" };
    let table = |text: &dyn Fn(usize) -> String| -> String {
        (0..200).map(|k| format!("{},{}\n", label(k), text(k))).collect()
    };
    place.write("names.csv", table(&|k| format!("{}{}", name(k), ending(k))));
    let called = train(&place, &["names.csv", "--steps=60"]);
    assert!(called.stderr.contains(
        "Note: names.csv: 200 of 200 texts are one word each, so a token is a character; set data.tokenizer to word"
    ), "{}", called.stderr);
    called.ok();
    let score = place.call(&["evaluate", "runs/names", "--json"]).json().remove(0);
    assert!(score["accuracy"].as_f64().unwrap() > 0.9, "it knows the ends of names: {score}");
    let recipe = String::from_utf8(place.read("runs/names/recipe.toml")).unwrap();
    assert!(recipe.contains("tokenizer = \"character\""), "{recipe}");
    // DNA, a few lines of which have a remark.
    let dna = |k: usize| {
        let letters: String =
            (0..12).map(|at| ["A", "C", "G", "T"][(k * 31 + at * at * 7 + k / 3) % 4]).collect();
        if k.is_multiple_of(50) { format!("{letters} (checked)") } else { letters }
    };
    place.write("dna.csv", table(&dna));
    let called = train(&place, &["dna.csv", "--steps=2", "--valid=names.csv"]);
    assert!(called.stderr.contains("dna.csv: 196 of 200 texts are one word each"), "{}", called.stderr);
    assert!(
        !called.stderr.contains("names.csv: 200 of"),
        "what is validated on decides nothing: {}",
        called.stderr
    );
    // What is asked for is done, and sentences are read in words.
    place.write("films.csv", table(&|k| format!("a {} film", name(k))));
    for (call, tokens) in [
        (&["names.csv", "--tokenizer=word", "--out=asked"][..], "word:20000"),
        (&["names.csv", "--tokenizer=auto", "--out=decided"], "character"),
        (&["films.csv", "--out=films"], "word:20000"),
    ] {
        let called = train(&place, &[call, &["--steps=2"]].concat());
        assert_eq!(called.stderr.contains("one word each"), tokens == "character", "{}", called.stderr);
        called.ok();
        let folder = call.last().unwrap().trim_start_matches("--out=");
        let recipe = String::from_utf8(place.read(&format!("{folder}/recipe.toml"))).unwrap();
        assert!(recipe.contains(&format!("tokenizer = \"{tokens}\"")), "{recipe}");
    }
    // Numbers of texts are learnt likewise; what has neither class nor number cannot decide.
    place.write(
        "lengths.csv",
        (0..200).map(|k| format!("{},{}{}\n", k % 9, name(k), "a".repeat(k % 9))).collect::<String>(),
    );
    let called = place.train(&["lengths.csv", "--task=regress", "--label=1", "--text=2", "--steps=2"]);
    assert!(called.stderr.contains("lengths.csv: 200 of 200 texts are one word each"), "{}", called.stderr);
    let sentence = place.train(&["films.csv", "--task=text", "--tokenizer=auto", "--steps=2"]).refused(2);
    assert_eq!(
        sentence,
        "data.tokenizer is auto, which texts decide that have a class or a number each, and task is text; leave it out, or name what a token is"
    );
}
