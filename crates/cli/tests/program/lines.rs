//! Lines in and out: as many as there are, as they come, in any encoding, from files, pipes and standard input.

use std::io::{BufRead, BufReader, Write};
use std::process::Stdio;

use crate::common::Workplace;
use serde_json::Value;

/// A run of each kind of model that reads lines.
fn train_all(place: &Workplace) {
    let few = ["--steps=2", "--batch=4"];
    for builtin in ["names", "prices", "phrases", "adding"] {
        place.train(&[&["--builtin", builtin][..], &few].concat()).ok();
    }
    let pairs: String = (0..60).map(|i| i % 20).map(|i| format!("der Mann {i}\tthe man {i}\n")).collect();
    place.write("pairs.tsv", pairs);
    let call = [
        "train",
        "pairs.tsv",
        "--task=translate",
        "--tokenizer=word",
        "--hidden=8",
        "--embedding=8",
        "--steps=2",
    ];
    place.call(&[&call[..], &["--set=training.batch_units=100", "--out=runs/pairs"]].concat()).ok();
}

#[test]
fn each_line_has_its_prediction() {
    let place = Workplace::new();
    train_all(&place);
    for (run, key) in
        [("names", "label"), ("prices", "number"), ("pairs", "translation"), ("phrases", "tags")]
    {
        let folder = format!("runs/{run}");
        // An empty line in the middle and one at the end, and line ends of three kinds.
        for text in
            ["der Mann 7\n\n3 eggs\n \n", "der Mann 7\r\n\r\n3 eggs\r\n \r\n", "der Mann 7\r\r3 eggs\r \r"]
        {
            place.write("in.txt", text);
            let objects = place.call(&["predict", &folder, "in.txt", "--json"]).json();
            let lines: Vec<u64> = objects.iter().map(|object| object["line"].as_u64().unwrap()).collect();
            assert_eq!(lines, [1, 2, 3, 4], "{run}");
            let empty: Vec<bool> = objects.iter().map(|object| object[key].is_null()).collect();
            assert_eq!(empty, [false, true, false, true], "{run}: {objects:?}");
            for input in [&["-"][..], &[]] {
                let call = [&["predict", &folder, "--json"][..], input].concat();
                assert_eq!(place.call_with(&call, text.as_bytes()).json(), objects, "{run}");
            }
            if run != "phrases" {
                let lines = place.call(&["predict", &folder, "in.txt"]).ok();
                let empty: Vec<bool> = lines.lines().map(str::is_empty).collect();
                assert_eq!(empty, [false, true, false, true], "{run}: {lines}");
            }
        }
    }
    let sums = place.call_with(&["predict", "runs/adding", "--json"], b"\n\n").json();
    assert_eq!((sums.len(), &sums[1]["line"], &sums[1]["sum"]), (2, &2.into(), &Value::Null));
    // What is said before a line that cannot be read stays said.
    place.write("rows.csv", (0..60).map(|i| format!("{},{i},{i},{i}\n", i % 2)).collect::<String>());
    place.train(&["rows.csv", "--task=classify", "--steps=2", "--batch=4", "--out=runs/rows"]).ok();
    let called = place.call_with(&["predict", "runs/rows"], b"1,2,3\n\n4,x,6\n7,8,9\n");
    assert_eq!((called.code, called.stdout.lines().count()), (Some(1), 2), "{called:#?}");
    assert!(called.stderr.contains("standard input: line 3: x is no finite number"), "{called:#?}");
}

#[test]
fn an_answer_comes_before_the_next_line() {
    let place = Workplace::new();
    place.train(&["--builtin=names", "--steps=2", "--batch=4"]).ok();
    let mut command = place.command(&["predict", "runs/names"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let (mut to, mut from) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
    for name in ["Kalani", "Thorgard", ""] {
        writeln!(to, "{name}").unwrap();
        let mut answer = String::new();
        from.read_line(&mut answer).unwrap();
        assert!(answer.ends_with(&format!("{name}\n")), "{answer}");
    }
    drop(to);
    assert!(child.wait().unwrap().success());
}

#[test]
fn other_encodings_are_read_and_named() {
    let place = Workplace::new();
    let line = |i: usize| {
        format!("{}\tSchöne Grüße Nummer {i}, sagte \u{201c}Käthe\u{201d}\n", ["gut", "übel"][i % 2])
    };
    let text: String = (0..60).map(line).collect();
    let windows = |c: char| match c {
        '\u{201c}' => 0x93,
        '\u{201d}' => 0x94,
        c => c as u32 as u8,
    };
    let bytes: Vec<u8> = text.chars().map(windows).collect();
    place.write("a.tsv", &bytes);
    let said = place.train(&["a.tsv", "--task=classify", "--steps=2", "--batch=4"]);
    assert_eq!(said.code, Some(0), "{said:#?}");
    let note = "Note: a.tsv is not UTF-8 and is read as windows-1252; data.encoding names another encoding.";
    assert!(said.stderr.contains(note), "{said:#?}");
    let report = place.call(&["evaluate", "runs/a", "--data=a.tsv", "--json"]).json().remove(0);
    assert_eq!(report["labels"], Value::from(vec!["gut", "übel"]));
    assert_eq!(
        place.call_with(&["evaluate", "runs/a", "--data=-", "--json"], &bytes).json()[0]["examples"],
        60
    );
    place.write("a.txt", &bytes);
    for more in [&["--tokenizer=byte"][..], &["--encoding=windows-1252"], &[]] {
        place.train(&[&["a.txt", "--task=text", "--steps=2"], more].concat()).ok();
    }
    let sentence = place.train(&["a.txt", "--task=text", "--encoding=utf-8"]).refused(1);
    assert!(sentence.contains("is not valid utf-8; mend the file"), "{sentence}");
    let sentence = place.train(&["a.txt", "--encoding=klingon"]).refused(2);
    assert!(sentence.contains("it takes auto or the name of an encoding"), "{sentence}");
    // Bytes that are no text in any encoding.
    let any: Vec<u8> = (0..2_000_u32).map(|i| (i * i % 251) as u8).collect();
    place.write("any.bin", any);
    place.train(&["any.bin", "--task=text", "--tokenizer=byte", "--steps=2"]).ok();
    assert!(place.train(&["any.bin", "--task=text", "--out=x"]).refused(1).contains("a binary file"));
}

#[test]
fn standard_input_is_learnt_and_can_be_resumed() {
    let place = Workplace::new();
    let text = "Some words of a text that is not long.\n".repeat(40);
    let call = [
        "train",
        "-",
        "--hidden=16",
        "--steps=4",
        "--set=training.checkpoint_every=2",
        "--batch=2",
        "--length=16",
    ];
    let called = place.call_with(&call, text.as_bytes());
    assert_eq!(called.code, Some(0), "{called:#?}");
    assert_eq!(place.read("runs/stdin/data/data.train"), text.as_bytes());
    place.call(&["evaluate", "runs/stdin"]).ok();
    place.call(&["resume", "runs/stdin"]).ok();
    let called =
        place.call_with(&["generate", "runs/stdin", "--prompts=-", "--tokens=5", "--json"], b"S\nw\n");
    assert_eq!(called.json().len(), 2);
    let refused = place.call_with(&["train", "-", "--out=empty"], b"").refused(1);
    assert!(refused.contains("the file is empty"), "{refused}");
    assert!(!place.path("empty").exists());
    place.write("text.txt", &text);
    let call = ["train", "text.txt", "--valid=-", "--steps=2", "--hidden=8", "--length=16", "--out=valid"];
    let called = place.call_with(&call, text.as_bytes());
    assert_eq!(called.code, Some(0), "{called:#?}");
}

#[test]
fn small_texts_are_learnt_or_refused_in_a_sentence() {
    let place = Workplace::new();
    for (name, text) in [("one", "a"), ("none", ""), ("end", "\n")] {
        place.write(&format!("{name}.txt"), text);
        let sentence = place.train(&[&format!("{name}.txt"), "--steps=3"]).refused(1);
        assert!(sentence.contains("is needed") || sentence.contains("are needed"), "{sentence}");
    }
    let digits = "31415926535897932384626433832795".repeat(10);
    for (name, text) in
        [("two", "ab"), ("short", "hello world\n"), ("same", &*"a".repeat(300)), ("digits", &digits)]
    {
        place.write(&format!("{name}.txt"), text);
        for backbone in ["lstm", "transformer"] {
            let out = format!("runs/{name}-{backbone}");
            place.train(&[&format!("{name}.txt"), "--steps=3", "--backbone", backbone, "--out", &out]).ok();
            let report = place.call(&["evaluate", &out, "--json"]).json().remove(0);
            assert!(report["loss"].as_f64().is_some_and(f64::is_finite), "{name}: {report}");
        }
    }
}

#[test]
fn data_are_looked_into() {
    let place = Workplace::new();
    let series: String = (1..=28).map(|day| format!("2020-01-{day:02},{}.5\n", day % 7)).collect();
    place.write("series.csv", "date,sold\n".to_owned() + &series);
    let recipe = place.call(&["recipe", "series.csv"]);
    assert!(recipe.stdout.contains("task = \"forecast\""), "{recipe:#?}");
    let note = "Note: series.csv has dates and numbers in its columns, so the task is forecast; --task names another, as in --task text.";
    assert!(recipe.stderr.contains(note), "{recipe:#?}");
    // A recipe for text says what it is for; a table is not learnt by its characters unawares.
    place.write("mine.toml", "[training]\nsteps = 2\n");
    let sentence = place.call(&["train", "series.csv", "--recipe=mine.toml"]).refused(2);
    assert!(sentence.contains("set task to forecast, or to text to learn its characters"), "{sentence}");
    place.train(&["series.csv", "--task=text", "--steps=2"]).ok();
    place.write("tweets.tsv", (0..60).map(|i| format!("{}\ttweet {i}\n", i % 2)).collect::<String>());
    let said = place.call(&["train", "tweets.tsv", "--steps=2", "--hidden=8"]);
    assert!(said.stderr.contains("task        classify, from tweets.tsv"), "{said:#?}");
}

#[test]
fn several_labels_in_a_line_are_several_labels() {
    let place = Workplace::new();
    let line =
        |i: usize| format!("__label__{} __label__t{} a film of number {i}\n", ["a", "b"][i % 2], i % 3);
    place.write("films.txt", (0..90).map(line).collect::<String>());
    let said = place.call(&["train", "films.txt", "--steps=2", "--hidden=8"]);
    assert!(said.stderr.contains("any of 5 labels"), "{said:#?}");
    let found = place.call(&["predict", "runs/films", "--text=a film", "--json"]).json().remove(0);
    let names: Vec<&String> = found["probabilities"].as_object().unwrap().keys().collect();
    assert_eq!(names, ["__label__a", "__label__b", "__label__t0", "__label__t1", "__label__t2"]);
    place.call(&["evaluate", "runs/films"]).ok();
    let call = ["train", "films.txt", "--steps=2", "--class-weights=balanced", "--out=x"];
    assert!(place.call(&call).refused(2).contains("has several in a line"));
}

#[test]
fn a_translation_says_what_it_did_not_learn() {
    let place = Workplace::new();
    train_all(&place);
    let text = "der Mann zebra und noch ein Mann";
    let called = place.call(&["predict", "runs/pairs", "--text", text]);
    assert!(called.stderr.contains("words are not in the vocabulary: 'zebra', "), "{called:#?}");
    assert!(
        called
            .stderr
            .contains("Note: with 32 characters it is longer than all that was learnt from, 11 at most."),
        "{called:#?}"
    );
    let object = place.call(&["predict", "runs/pairs", "--text", text, "--json"]).json().remove(0);
    assert_eq!(object["notes"].as_array().unwrap().len(), 2);
    let plain = place.call(&["predict", "runs/pairs", "--text=der Mann 7", "--json"]).json().remove(0);
    assert!(plain.get("notes").is_none(), "{plain}");
}
