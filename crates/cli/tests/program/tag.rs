//! From sentences whose words have tags to a model that tags new ones, through the binary.

use std::process::Stdio;
use std::time::Duration;

use crate::common::{Called, Workplace, tiny};
use serde_json::Value;

/// `train` with a tagger that is trained in a moment.
fn train(place: &Workplace, call: &[&str]) -> Called {
    place.train(&[&["--task=tag", "--learning-rate=0.01", "--batch=16"], call].concat())
}

#[test]
fn phrases_are_learnt_scored_and_tagged() {
    let place = Workplace::new();
    let said = place.train(&["--builtin=phrases", "--batch=16", "--learning-rate=0.01", "--steps=400"]);
    assert_eq!((said.code, &*said.stdout), (Some(0), ""), "{said:#?}");
    for part in
        ["task        tag, from the built-in phrases", "1,800 sentences", "one of 11 tags each", "span F1 "]
    {
        assert!(said.stderr.contains(part), "{part}: {}", said.stderr);
    }
    let report = place.call(&["evaluate", "runs/phrases", "--split=test", "--json"]).json().remove(0);
    let score = |score: &Value| score.as_f64().unwrap();
    assert_eq!(report["examples"], 500);
    // A word's usual tag is no match for its sentence.
    assert!(score(&report["accuracy"]) > 0.95 && score(&report["usual_tag"]["accuracy"]) < 0.8, "{report}");
    assert!(score(&report["span_f1"]) > 0.9 && score(&report["usual_tag"]["span_f1"]) < 0.5, "{report}");
    let spans = report["spans"].as_object().unwrap();
    assert_eq!(spans.keys().collect::<Vec<_>>(), ["LOC", "NP", "ORG", "PER", "VP"]);
    let table = place.call(&["evaluate", "runs/phrases"]).ok();
    assert!(
        table.contains("\nB-PER ")
            && table.contains("\nall spans ")
            && table.contains("each word's usual tag")
    );

    let line = "the guard checks the market .";
    let text = place.call(&["predict", "runs/phrases", "--text", line]).ok();
    assert_eq!(text, "the\tB-NP\nguard\tI-NP\nchecks\tB-VP\nthe\tB-NP\nmarket\tI-NP\n.\tO\n");
    place.write("lines.txt", format!("{line}\n\nshe ships letters .\n"));
    let lines = place.call(&["predict", "runs/phrases", "lines.txt"]).ok();
    assert_eq!(lines, format!("{text}\n\n\nshe\tB-NP\nships\tB-VP\nletters\tB-NP\n.\tO\n"));
    // What was said is read again, tags and all.
    place.write("columns.tsv", &lines);
    assert_eq!(
        place.call(&["predict", "runs/phrases", "columns.tsv"]).ok(),
        lines.replace("\n\n\n\n", "\n\n")
    );
    let report = place.call(&["evaluate", "runs/phrases", "--data=columns.tsv", "--json"]).json().remove(0);
    assert_eq!((&report["accuracy"], &report["words"]), (&1.0.into(), &10.into()), "{report}");
    let objects = place.call(&["predict", "runs/phrases", "lines.txt", "--json"]).json();
    assert_eq!((objects.len(), &objects[1]["tags"], &objects[2]["line"]), (3, &Value::Null, &3.into()));
    assert_eq!(objects[2]["tags"], Value::from(vec!["B-NP", "B-VP", "B-NP", "O"]));
    assert_eq!(objects[2]["spans"][1]["text"], "ships");
    assert_eq!(objects[2]["probabilities"].as_array().unwrap().len(), 4);

    place.write("other.tsv", "she\tB-NP\nran\tB-ZP\n\nit\tB-NP\n");
    let sentence = place.call(&["evaluate", "runs/phrases", "--data=other.tsv"]).refused(1);
    assert!(
        sentence.starts_with("other.tsv: line 2: the tag B-ZP is none of those that are learnt from (B-LOC,")
    );
    let sentence = place.call(&["predict", "runs/phrases", "--text= "]).refused(1);
    assert_eq!(sentence, "the text given: there is no word to be tagged, one at least is needed");
}

#[test]
fn any_backbone_tags_and_bad_sentences_are_named_or_skipped() {
    let place = Workplace::new();
    // A word is an adverb behind another, else a verb.
    let good: String =
        (0..200).map(|i| format!("he{} P\nruns V\n{}\n", i % 5, ["", "runs A\n"][i % 2])).collect();
    place.write("good.conll", &good);
    let flags = [
        &["--backbone=gru", "--set=model.character_size=0"][..],
        &["--backbone=transformer", "--layers=1", "--heads=2", "--learning-rate=0.003"],
        &["--backbone=window", "--set=training.class_weights=balanced", "--set=data.lowercase=true"],
    ];
    for (out, flags) in ["gru", "transformer", "window"].into_iter().zip(flags) {
        train(&place, &[&["good.conll", "--steps=80", "--out", out], flags].concat()).ok();
        let report = place.call(&["evaluate", out, "--json"]).json().remove(0);
        assert_eq!(report["accuracy"], 1.0, "{out}: {report}");
        assert!(report["usual_tag"]["accuracy"].as_f64().unwrap() < 0.9 && report.get("span_f1").is_none());
    }
    let long = "runs ".repeat(50);
    let sentence = place.call(&["predict", "transformer", "--text", &long]).refused(1);
    assert_eq!(sentence, "the text given: the sentence has 50 words, and the model reads 6 at most");

    place.write("bad.conll", format!("{good}he P\nruns\n\nhe P\nruns X\n"));
    let refused = |call: &[&str]| train(&place, &[call, &["--out=none"]].concat()).refused(1);
    assert_eq!(
        refused(&["bad.conll"]),
        "bad.conll, line 702: the number of columns is 1, 2 are needed as on line 1"
    );
    let said = train(&place, &["bad.conll", "--steps=20", "--skip-bad", "--out=bad"]);
    for part in
        ["are needed as on line 1 (its sentence is skipped)", "the tag X (bad.conll, line 705) is seen once"]
    {
        assert!(said.stderr.contains(part), "{part}: {said:#?}");
    }
    place.write("new.conll", "he P\nruns Y\n\nhe P\n");
    let sentence = refused(&["good.conll", "--valid=new.conll"]);
    assert_eq!(sentence, "new.conll: line 2: the tag Y is none of those that are learnt from (A, P, V)");
    place.write("one.conll", "he P\nruns V\n");
    let sentence = refused(&["one.conll"]);
    assert_eq!(
        sentence,
        "one.conll: there is one sentence, of 2 words; two or more are needed, with an empty line between them"
    );
    place.write("alike.conll", "he P\n\nshe P\n\nit P\n");
    assert_eq!(refused(&["alike.conll"]), "alike.conll: all words have the tag P; two or more are needed");
    let sentence = refused_call(&place, &["good.conll", "--tokenizer=character", "--out=none"]);
    assert_eq!(sentence, "data.tokenizer is character, and a tagger reads words; leave it out, or set word");
    place.write("empty.conll", "\n");
    assert!(refused(&["empty.conll"]).starts_with("empty.conll: no row of data was found"));
}

fn refused_call(place: &Workplace, call: &[&str]) -> String {
    train(place, call).refused(2)
}

#[test]
fn a_killed_training_ends_with_the_same_bits() {
    let place = Workplace::new();
    let call = ["--builtin=phrases", "--batch=16", "--steps=80", "--set=training.patience=0"];
    place.train(&[&call[..], &["--out=whole"]].concat()).ok();
    let begun = tiny(&[&call[..], &["--out=killed"]].concat());
    let mut child = place.command(&begun).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let metrics = place.path("killed/metrics.jsonl");
    let lines =
        || std::fs::read(&metrics).map_or(0, |text| text.iter().filter(|&&byte| byte == b'\n').count());
    while lines() < 3 && child.try_wait().unwrap().is_none() {
        std::thread::sleep(Duration::from_micros(200));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    place.call(&["resume", "killed"]).ok();
    assert!(place.read("killed/model.safetensors") == place.read("whole/model.safetensors"));
}
