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
fn a_model_beside_a_linear_map_is_refused_and_one_without_goes_out() {
    let place = Workplace::new();
    place.write("names.csv", place.call(&["sample", "classes", "--count=200"]).ok());
    let train = ["names.csv", "--task=classify", "--steps=2"];
    place.train(&train).ok();
    let said = place.call(&["export", "runs/names", "--to=onnx"]).refused(1);
    assert!(said.contains("the linear map beside the network") && said.contains("model.shortcut"), "{said}");
    assert!(!place.path("runs/names/model.onnx").exists());
    place.train(&[&train[..], &["--set=model.shortcut=none", "--out=runs/network"]].concat()).ok();
    place.call(&["export", "runs/network", "--to=onnx"]).ok();
}
