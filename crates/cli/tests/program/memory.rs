//! Problems of memory, through the binary.

use crate::common::{Workplace, tiny};

#[test]
fn adding_and_copy_are_learnt_scored_and_asked() {
    let place = Workplace::new();
    for (name, of_loss, text) in [
        ("adding", "mean_squared_error", "0.25 0.5* 0.75 0.125*"),
        ("copy", "nats_a_step", "0 1 2 3 4 5 6 7 0 1"),
    ] {
        let call = ["--builtin", name, "--length=12", "--steps=40", "--out", name];
        let called = place.train(&call);
        assert_eq!(called.code, Some(0), "{called:#?}");
        assert!(called.stderr.contains("task        memory, from the built-in"), "{}", called.stderr);
        let score = |split: &str| {
            let report = place.call(&["evaluate", name, "--split", split, "--json"]).json().remove(0);
            (report[of_loss].as_f64().unwrap(), report["without_memory"].as_f64().unwrap())
        };
        let ((loss, without), (test, _)) = (score("validation"), score("test"));
        assert!(loss > 0.0 && test > 0.0 && loss != test, "the test has examples of its own: {loss} {test}");
        let known = if name == "adding" { 1.0 / 6.0 } else { 10.0 * 8f64.ln() / 32.0 };
        assert!((without - known).abs() < 1e-9, "{without}");
        let said = place.call(&["predict", name, "--text", text, "--json"]).json().remove(0);
        assert!(said["sum"].is_number() || said["said"].as_array().unwrap().len() == 10, "{said}");
    }
    place.write("lines.txt", "0.5* 1\n0.5* 0.25*\n");
    let sentence = place.call(&["predict", "adding", "lines.txt"]).refused(1);
    assert!(sentence.starts_with("lines.txt: line 1: 1 number is marked"), "{sentence}");
    let sentence = place.call(&["evaluate", "adding", "--data", "lines.txt"]).refused(1);
    assert!(sentence.contains("makes its own examples and reads no file; name none"), "{sentence}");
}

#[test]
fn a_run_that_was_killed_ends_with_the_same_bits() {
    let place = Workplace::new();
    for (builtin, size) in [("adding", "--length=10"), ("chorales", "--batch=8")] {
        let train = |out: &'static str| tiny(&["--builtin", builtin, size, "--steps=60", "--out", out]);
        place.call(&train("whole")).ok();
        let mut child = place.start(&train("killed"));
        let checkpoints = place.path("killed/checkpoints");
        while child.try_wait().unwrap().is_none()
            && !checkpoints.read_dir().is_ok_and(|mut entries| entries.next().is_some())
        {
            std::thread::sleep(std::time::Duration::from_millis(2));
        }
        child.kill().unwrap();
        child.wait().unwrap();
        place.call(&["resume", "killed"]).ok();
        let model = |run: &str| place.read(&format!("{run}/model.safetensors"));
        assert_eq!(model("whole"), model("killed"), "{builtin}");
        for run in ["whole", "killed"] {
            std::fs::remove_dir_all(place.path(run)).unwrap();
        }
    }
}

#[test]
fn what_does_not_go_with_memory_is_refused() {
    let place = Workplace::new();
    place.write("some.txt", "text");
    let sentence = place.call(&["train", "some.txt", "--task=memory"]).refused(2);
    assert!(sentence.contains("makes its own examples"), "{sentence}");
}
