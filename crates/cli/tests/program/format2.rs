//! Run folders that an earlier version of the program wrote, in run format 2: they open, score as they did, and go on as they
//! did.
//!
//! Each folder in `format2/` was trained there for 12 steps from data made by rule, in f32 on one thread; `expected.json` is what
//! that version's `evaluate --json` said of it. Of two steps before its end there is a checkpoint in most.

use std::fs;
use std::path::{Path, PathBuf};

use crate::common::Workplace;
use serde_json::Value;

fn folders() -> Vec<PathBuf> {
    let all = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/format2");
    let mut folders: Vec<_> = fs::read_dir(all).unwrap().map(|entry| entry.unwrap().path()).collect();
    folders.sort();
    assert_eq!(folders.len(), 11);
    folders
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(|entry| entry.unwrap().path()) {
        let there = to.join(entry.file_name().unwrap());
        if entry.is_dir() { copy(&entry, &there) } else { _ = fs::copy(&entry, &there).unwrap() }
    }
}

/// Where two reports differ by more than rounding.
fn differences(found: &Value, expected: &Value, path: &str, into: &mut Vec<String>) {
    match (found, expected) {
        (Value::Object(found), Value::Object(expected)) => {
            for (name, expected) in expected {
                // Names of scores had blanks then.
                let found = found.get(&name.replace(' ', "_")).unwrap_or(&Value::Null);
                differences(found, expected, &format!("{path}.{name}"), into);
            }
        }
        (Value::Array(found), Value::Array(expected)) if found.len() == expected.len() => {
            let pairs = found.iter().zip(expected).enumerate();
            pairs.for_each(|(i, (a, b))| differences(a, b, &format!("{path}[{i}]"), into));
        }
        _ => {
            let near = |a: f64, b: f64| (a - b).abs() <= 1e-4 * a.abs().max(b.abs()).max(1e-3);
            let same = match (found.as_f64(), expected.as_f64()) {
                (Some(a), Some(b)) => near(a, b),
                _ => found == expected,
            };
            if !same {
                into.push(format!("{path}: {found} where {expected} was"));
            }
        }
    }
}

#[test]
fn they_score_as_they_did() {
    for folder in folders() {
        let expected: Value =
            serde_json::from_slice(&fs::read(folder.join("expected.json")).unwrap()).unwrap();
        let run = folder.to_str().unwrap();
        let found = Workplace::new().call(&["evaluate", run, "--threads=1", "--json"]).json().remove(0);
        let mut differing = Vec::new();
        differences(&found, &expected, "", &mut differing);
        assert!(differing.is_empty(), "{run}: {differing:#?}");
    }
}

#[test]
fn they_go_on_as_they_did() {
    let mut resumed = 0;
    for folder in folders().into_iter().filter(|folder| folder.join("checkpoints").exists()) {
        let place = Workplace::new();
        let name = folder.file_name().unwrap().to_str().unwrap();
        copy(&folder, &place.path(name));
        fs::remove_file(place.path(name).join("model.safetensors")).unwrap();
        let told = place.call(&["resume", name]).stderr;
        assert!(told.contains("Note: an earlier version wrote this run"), "{name}: {told}");
        let read =
            |folder: &Path| anaphora::run::weights::read_weights(folder.join("model.safetensors")).unwrap();
        for (found, known) in read(&place.path(name)).iter().zip(&read(&folder)) {
            assert_eq!(found.name, known.name, "{name}");
            // Kernels that have become more exact since then round otherwise.
            let far = found.data.iter().zip(&*known.data).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(far < 1e-6, "{name}: {} differs by {far:e}", found.name);
        }
        let told = place.call(&["resume", name, "--steps=1"]).stderr;
        assert!(!told.contains("earlier version"), "{name}: {told}");
        resumed += 1;
    }
    assert_eq!(resumed, 8);
}
