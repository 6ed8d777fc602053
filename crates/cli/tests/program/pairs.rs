//! Translation and captions through the binary.

use crate::common::Workplace;
use serde_json::Value;

/// Numbers and the same the other way round, as two files.
fn write_numbers(place: &Workplace, name: &str, seed: u64, count: usize) {
    let pairs = anaphora_data::builtin::reverse(seed, count, 6);
    let lines = |pick: fn(&(String, String)) -> &String| -> String {
        pairs.iter().map(|pair| format!("{}\n", pick(pair))).collect()
    };
    place.write(&format!("{name}.source"), lines(|pair| &pair.0));
    place.write(&format!("{name}.target"), lines(|pair| &pair.1));
}

/// A PNG file of one colour.
fn picture(colour: [u8; 3]) -> Vec<u8> {
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, 40, 30);
    encoder.set_color(png::ColorType::Rgb);
    encoder.write_header().unwrap().write_image_data(&colour.repeat(40 * 30)).unwrap();
    file
}

const TINY: &[&str] = &[
    "--source=train.source",
    "--target=train.target",
    "--tokenizer=word",
    "--hidden=24",
    "--embedding=12",
    "--dropout=0",
    "--set=training.batch_units=300",
    "--set=training.validate_every=20",
    "--set=training.checkpoint_every=20",
    "--threads=1",
    "--precision=f32",
];

fn train(place: &Workplace, more: &[&str]) -> crate::common::Called {
    place.call(&[&["train"], TINY, more].concat())
}

fn score(place: &Workplace, run: &str) -> Value {
    place.call(&["evaluate", run, "--data=other.source", "--target=other.target", "--json"]).json().remove(0)
}

#[test]
fn a_model_learns_to_turn_lists_round() {
    let place = Workplace::new();
    write_numbers(&place, "train", 1, 600);
    write_numbers(&place, "other", 2, 30);
    let called = train(&place, &["--steps=60", "--out=runs/numbers"]);
    assert_eq!(called.code, Some(0), "{called:#?}");
    for said in [
        "task        translate, from train.source",
        "learn       540 pairs, ",
        "Predict with   anaphora predict runs/numbers FILE\n",
    ] {
        assert!(called.stderr.contains(said), "{said}: {}", called.stderr);
    }
    let untrained = {
        train(&place, &["--steps=1", "--out=runs/untrained"]).ok();
        score(&place, "runs/untrained")
    };
    let trained = score(&place, "runs/numbers");
    let loss = |report: &Value| report["loss"].as_f64().unwrap();
    assert!(loss(&trained) < loss(&untrained) - 0.1, "{trained} {untrained}");
    assert_eq!(trained["signature"], "nrefs:1|case:mixed|eff:no|tok:none|smooth:exp|version:2.6.0");
    assert_eq!(trained["examples"], 30);
    let pairs: u64 =
        trained["by_length"].as_array().unwrap().iter().map(|r| r["pairs"].as_u64().unwrap()).sum();
    assert_eq!(pairs, 30);

    // One text, a file and standard input say the same.
    let one = place.call(&["predict", "runs/numbers", "--text", "3 1 4", "--json"]).json().remove(0);
    assert_eq!(one["source"], "3 1 4");
    place.write("more.txt", "3 1 4\n5 9\n");
    let several = place.call(&["predict", "runs/numbers", "more.txt", "--json"]).json();
    assert_eq!((several.len(), &several[0]["translation"]), (2, &one["translation"]));
    // The likeliest first, and the text for people is the best of them.
    let best = place.call(&["predict", "runs/numbers", "--text=3 1 4", "--n-best=3", "--beams=4", "--json"]);
    let best = best.json().remove(0);
    let scores: Vec<f64> =
        best["best"].as_array().unwrap().iter().map(|found| found["score"].as_f64().unwrap()).collect();
    assert_eq!(scores.len(), 3);
    assert!(scores.is_sorted_by(|a, b| a >= b), "{scores:?}");
    let text = place.call(&["predict", "runs/numbers", "--text", "3 1 4"]).ok();
    assert_eq!(text.trim_end(), one["translation"].as_str().unwrap());
}

#[test]
fn every_kind_of_decoder_learns_and_goes_on_with_the_same_bits() {
    let place = Workplace::new();
    write_numbers(&place, "train", 1, 200);
    write_numbers(&place, "other", 2, 10);
    let kinds: [&[&str]; 6] = [
        &["--backbone=lstm", "--attention=none"],
        &["--backbone=gru", "--attention=luong", "--layers=2", "--set=training.scheduled_sampling=0.3"],
        &["--backbone=rnn", "--attention=bahdanau"],
        &["--backbone=lstm", "--set=model.input_feeding=true"],
        &["--backbone=transformer", "--layers=2", "--heads=2", "--embedding=24"],
        &["--backbone=transformer", "--layers=1", "--heads=2", "--embedding=24", "--position=learned"],
    ];
    for (number, kind) in kinds.into_iter().enumerate() {
        let run = format!("runs/{number}");
        train(
            &place,
            &[
                kind,
                &[
                    "--dropout=0.1",
                    "--learning-rate=0.01",
                    "--set=training.warmup_steps=5",
                    "--steps=40",
                    "--out",
                    &run,
                ],
            ]
            .concat(),
        )
        .ok();
        let report = score(&place, &run);
        // As if it had been killed behind the checkpoint in the middle.
        let weights = place.read(&format!("{run}/model.safetensors"));
        std::fs::remove_file(place.path(&format!("{run}/model.safetensors"))).unwrap();
        let checkpoints = place.path(&format!("{run}/checkpoints"));
        let latest = crate::common::names(&checkpoints).pop().unwrap();
        std::fs::remove_file(checkpoints.join(latest)).unwrap();
        let resumed = place.call(&["resume", &run]);
        assert!(resumed.stderr.contains("resumed     after step 20"), "{resumed:#?}");
        assert!(place.read(&format!("{run}/model.safetensors")) == weights, "{kind:?}");
        assert!(report["loss"].as_f64().unwrap() < 4.0, "{kind:?}: {report}");
    }
}

#[test]
fn an_unknown_word_comes_from_where_it_was_looked_at() {
    let place = Workplace::new();
    // No name comes twice.
    let lines = |line: fn(String) -> String| -> String {
        (0..300)
            .map(|i: u32| line(format!("{}{}", ["an", "bo", "cu"][i as usize % 3], i * 7919 % 997)))
            .collect()
    };
    place.write("train.source", lines(|name| format!("please call {name} now\n")));
    place.write("train.target", lines(|name| format!("now call {name} please\n")));
    let kinds: [(&str, &[&str]); 2] = [
        ("runs/gru", &["--steps=150"]),
        (
            "runs/transformer",
            &["--backbone=transformer", "--layers=2", "--heads=2", "--embedding=24", "--steps=200"],
        ),
    ];
    for (run, kind) in kinds {
        let learn = ["--learning-rate=0.01", "--set=training.warmup_steps=10", "--out", run];
        train(&place, &[kind, &learn].concat()).ok();
        let predict = |more: &[&str]| {
            let call = ["predict", run, "--text=please call zebra now", "--beams=1"];
            place.call(&[&call, more].concat())
        };
        assert_eq!(predict(&[]).ok().trim_end(), "now call <unk> please", "{run}");
        let replaced = predict(&["--replace-unknown"]).ok();
        let words: Vec<&str> = replaced.split_whitespace().collect();
        assert_eq!((words.len(), words[0], words[1], words[3]), (4, "now", "call", "please"), "{run}");
        assert!(["please", "call", "zebra", "now"].contains(&words[2]), "{run}: {replaced}");
    }

    let fixed = ["--attention=none", "--steps=150", "--learning-rate=0.01", "--out=runs/fixed"];
    train(&place, &fixed).ok();
    let call = ["predict", "runs/fixed", "--text=please call zebra now", "--replace-unknown"];
    let sentence = place.call(&call).refused(1);
    assert!(sentence.starts_with("runs/fixed has no attention to say from where"), "{sentence}");
}

#[test]
fn what_is_wrong_with_pairs_is_said() {
    let place = Workplace::new();
    write_numbers(&place, "train", 1, 20);
    place.write("short.target", "1 2\n");
    let call = ["train", "--source=train.source", "--target=short.target", "--steps=1"];
    let sentence = place.call(&call).refused(1);
    assert_eq!(
        sentence,
        "train.source has 20 lines and short.target 1, line by line one has to be the translation of the other"
    );
    place.write("holes.source", "1 2\n\n3\n");
    place.write("holes.target", "2 1\n4\n3\n");
    let call = ["train", "--source=holes.source", "--target=holes.target", "--steps=1", "--out=runs/holes"];
    let sentence = place.call(&call).refused(1);
    assert!(sentence.starts_with("holes.source, line 2: "), "{sentence}");
    let window = [&["train"], TINY, &["--backbone=window"]].concat();
    let sentence = place.call(&window).refused(2);
    assert!(sentence.contains("cannot write a sequence of another"), "{sentence}");
    train(&place, &["--steps=1", "--out=runs/numbers"]).ok();
    let sentence = place.call(&["generate", "runs/numbers"]).refused(1);
    assert!(sentence.ends_with("use it with `anaphora predict`"), "{sentence}");
    let sentence = place.call(&["predict", "runs/numbers", "--text=1", "--length-penalty=99"]).refused(2);
    assert!(sentence.contains("length penalty"), "{sentence}");
}

#[test]
fn pictures_get_captions() {
    let place = Workplace::new();
    let tiny = [
        "--hidden=16",
        "--embedding=8",
        "--steps=4",
        "--threads=1",
        "--set=data.validation_fraction=0.02",
        "--set=training.validate_every=4",
    ];
    for input in ["picture", "patches", "rows"] {
        let run = format!("runs/{input}");
        let call = ["train", "--builtin=scenes", "--input", input, "--out", &run];
        place.call(&[&call[..], &tiny].concat()).ok();
    }
    // A folder of pictures and a table.
    std::fs::create_dir(place.path("photos")).unwrap();
    std::fs::create_dir(place.path("photos/images")).unwrap();
    let mut table = "image,caption\n".to_owned();
    for (number, colour) in
        [[200, 30, 30], [30, 200, 30], [30, 30, 200], [200, 200, 30]].into_iter().enumerate()
    {
        place.write(&format!("photos/images/{number}.png"), picture(colour));
        table += &format!("{number}.png,a plain picture\n{number}.png,picture number {number}\n");
    }
    place.write("photos/captions.csv", &table);
    let call = ["train", "photos", "--task=caption", "--set=data.picture_size=16", "--out=runs/photos"];
    let called = place.call(&[&call[..], &tiny].concat());
    assert!(called.stderr.contains("learn       6 captions, "), "{called:#?}");
    let report = place.call(&["evaluate", "runs/photos", "--json"]).json().remove(0);
    assert_eq!(report["examples"], 1);
    assert_eq!(report["most_frequent"]["caption"], "a plain picture");
    let one = place.call(&["predict", "runs/photos", "photos/images/1.png", "--json"]).json().remove(0);
    assert_eq!(one["picture"], "photos/images/1.png");

    // A caption without its picture, and a picture that is none.
    place.write("photos/captions.csv", table.clone() + "5.png,nothing\n");
    let again = ["train", "photos", "--task=caption", "--out=runs/bad"];
    let sentence = place.call(&again).refused(1);
    assert!(sentence.contains("captions.csv, line 10: the folder holds no picture '5.png'"), "{sentence}");
    place.write("photos/images/5.png", "no picture");
    let sentence = place.call(&again).refused(1);
    assert!(sentence.contains("5.png: no picture that can be read"), "{sentence}");
}
