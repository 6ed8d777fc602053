//! `kill -9` at any moment, then `resume`: the same bits as a training that was never stopped.

use std::fs;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::path::Path;
use std::time::{Duration, Instant};

use crate::common::{Workplace, tiny};

const KILLS: u32 = 20;

/// What a training is to have come to: the model, and all numbers of its metrics but those of the clock.
fn result(place: &Workplace, run: &str) -> (Vec<u8>, Vec<serde_json::Value>) {
    let metrics = String::from_utf8(place.read(&format!("{run}/metrics.jsonl"))).unwrap();
    let without_clock = |line| {
        let mut record: serde_json::Value = serde_json::from_str(line).unwrap();
        let fields = record.as_object_mut().unwrap();
        fields.retain(|name, _| !matches!(name.as_str(), "seconds" | "tokens_per_second"));
        record
    };
    (place.read(&format!("{run}/model.safetensors")), metrics.lines().map(without_clock).collect())
}

/// A share of 1, other each time.
fn any_share() -> f64 {
    RandomState::new().build_hasher().finish() as f64 / u64::MAX as f64
}

#[test]
fn a_training_killed_at_any_moment_ends_with_the_same_bits() {
    let place = Workplace::new();
    place.write_tunes("tunes.abc", 10);
    let recipe = ["tunes.abc", "--steps=120", "--dropout=0.1", "--set=training.patience=0"];
    let begun = Instant::now();
    place.train(&[&recipe[..], &["--out=whole"]].concat()).ok();
    let takes = begun.elapsed();
    let whole = result(&place, "whole");
    let lines = whole.1.len() as f64;
    assert!(lines >= 18.0, "twelve lines of training, six validations");

    let mut midway = 0;
    for kill in 0..KILLS {
        // Every second time the tokens are in files of the run; the result is to be the same.
        let in_files = kill % 2 == 1;
        let tokens = format!("--set=data.tokens_in_memory={}", if in_files { 0 } else { 1 << 20 });
        let call = tiny(&[&recipe[..], &["--out=run", &tokens]].concat());
        let _ = fs::remove_dir_all(place.path("run"));
        // A random moment in each twentieth of the training: so far in its metrics, and a little on. By the clock
        // alone, a machine that is busy now and idle later would have all moments after the end.
        let after = (lines * (f64::from(kill) + any_share()) / f64::from(KILLS)) as usize;
        let then = takes.mul_f64(any_share() / lines);
        kill_after(&place, &call, after, then);
        if !place.path("run/run.json").exists() {
            // Killed before there was a run: it can be begun anew in the same folder.
            place.call(&call).ok();
        } else {
            midway += u32::from(is_unfinished(&place.path("run/run.json")));
            // Every third is killed once more on its way.
            if kill % 3 == 0 {
                kill_after(&place, &["resume", "run"], 0, takes.mul_f64(any_share()));
            }
            place.call(&["resume", "run"]).ok();
        }
        assert_eq!(place.path("run/tokens/train.tokens").exists(), in_files);
        assert!(result(&place, "run") == whole, "killed {then:?} after line {after} of the metrics");
    }
    assert!(midway >= KILLS / 2, "the moments miss the training: {midway} of {KILLS}");
}

/// Starts a call and kills it some time after the metrics have so many lines.
fn kill_after(place: &Workplace, call: &[&str], lines: usize, then: Duration) {
    let metrics = place.path("run/metrics.jsonl");
    let written = || fs::read(&metrics).map_or(0, |text| text.iter().filter(|&&byte| byte == b'\n').count());
    let mut child = place.start(call);
    while written() < lines && child.try_wait().unwrap().is_none() {
        std::thread::sleep(Duration::from_micros(200));
    }
    std::thread::sleep(then);
    // SIGKILL on Unix.
    child.kill().unwrap();
    child.wait().unwrap();
}

fn is_unfinished(info: &Path) -> bool {
    let info: serde_json::Value = serde_json::from_slice(&fs::read(info).unwrap()).unwrap();
    info["ended"].is_null()
}
