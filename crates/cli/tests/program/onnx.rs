//! `export --to onnx` as a person calls it.

use crate::common::Workplace;

#[test]
fn a_model_is_a_file_and_one_that_reads_and_writes_is_two() {
    let place = Workplace::new();
    place.train(&["--builtin=tunes", "--steps=2"]).ok();
    let said = place.call(&["export", "runs/tunes", "--to=onnx"]).ok();
    assert_eq!(said, "Written to runs/tunes/model.onnx\n");
    // What lies in the run folder is made anew.
    place.call(&["export", "runs/tunes", "--to=onnx"]).ok();
    place.call(&["export", "runs/tunes", "--to=onnx", "--out=x.onnx"]).ok();
    assert_eq!(
        place.read("x.onnx").len(),
        place.read("runs/tunes/model.onnx").len() - "model".len() + "x".len()
    );
    let said = place.call(&["export", "runs/tunes", "--to=onnx", "--out=x.onnx"]).refused(2);
    assert_eq!(said, "x.onnx is there already; write over it with --force, or name another");
    let equal = ["export", "runs/tunes", "--to=onnx", "--out=x.onnx", "--force", "--equal-lengths"];
    let before = place.read("x.onnx");
    place.call(&equal).ok();
    let has_lengths = |file: &[u8]| file.windows(13).any(|part| part == b"sequence_lens");
    assert!(has_lengths(&before) && !has_lengths(&place.read("x.onnx")));

    place.train(&["--builtin=reverse", "--steps=2", "--threads=1"]).ok();
    let said = place.call(&["export", "runs/reverse", "--to=onnx", "--out=x.onnx", "--json"]).json();
    assert_eq!(said[0]["files"], serde_json::json!(["x.encoder.onnx", "x.decoder.onnx"]));
    let said = place.call(&["export", "runs/reverse", "--to=onnx", "--out=x.onnx"]).refused(2);
    assert!(said.starts_with("x.encoder.onnx is there already"), "{said}");
}

#[test]
fn calls_that_make_no_sense_are_refused() {
    let place = Workplace::new();
    let none = place.call(&["export", "runs/none", "--to=onnx"]).refused(1);
    assert!(none.starts_with("runs/none is not a run folder"), "{none}");
    for out in ["x", "x.pt", "nowhere/x.onnx"] {
        let said = place.call(&["export", "runs/none", "--to=onnx", "--out", out]).refused(2);
        assert_eq!(
            said,
            format!("--out {out}: a name that ends in .onnx, in a folder that is there, is needed")
        );
    }
    for flag in ["--force", "--equal-lengths"] {
        let said = place.call(&["export", "runs/none", "--to=huggingface", flag]).refused(2);
        assert!(said.contains("are for onnx"), "{said}");
    }
}

#[test]
fn a_model_beside_a_linear_map_goes_out_with_it_and_one_whose_map_was_altered_is_refused() {
    let place = Workplace::new();
    place.write("names.csv", place.call(&["sample", "classes", "--count=200"]).ok());
    place.train(&["names.csv", "--task=classify", "--steps=2"]).ok();
    place.call(&["export", "runs/names", "--to=onnx"]).ok();
    let file = place.read("runs/names/model.onnx");
    let has = |what: &str| file.windows(what.len()).any(|part| part == what.as_bytes());
    assert!(has("ngram_weights") && has("linear.weight"));

    // A digit of a weight.
    let linear = String::from_utf8(place.read("runs/names/linear.json")).unwrap();
    let at = linear.find("\"weight\": [").unwrap();
    let at = at + linear[at..].find("0.").unwrap() + 2;
    let other = if linear[at..].starts_with('7') { "8" } else { "7" };
    place.write("runs/names/linear.json", format!("{}{other}{}", &linear[..at], &linear[at + 1..]));
    for call in [&["predict", "runs/names", "--text=Lekai"][..], &["export", "runs/names", "--to=onnx"]] {
        let said = place.call(call).refused(1);
        assert!(said.starts_with("runs/names/linear.json: its content has checksum "), "{said}");
        assert!(
            said.ends_with("so it was cut short or altered; restore the file that the run began with"),
            "{said}"
        );
    }
    // Earlier versions wrote no sum.
    let earlier: Vec<&str> = linear.lines().filter(|line| !line.contains("\"crc32\": ")).collect();
    place.write("runs/names/linear.json", earlier.join("\n"));
    place.call(&["predict", "runs/names", "--text=Lekai"]).ok();
}
