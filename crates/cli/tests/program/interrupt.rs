//! Ctrl-C: what is written by then is shown and kept, and a training is saved.
#![cfg(target_os = "linux")]

use std::fs;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::common::{Called, Workplace, names, tiny};
use serde_json::Value;

/// Waits until a process listens for SIGINT, by the mask of caught signals in its status.
fn wait_for_handler(child: &mut Child) {
    let patience = Instant::now() + Duration::from_secs(120);
    loop {
        let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
        let mask = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
        let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0);
        if mask & (1 << (2 - 1)) != 0 {
            return;
        }
        assert!(Instant::now() < patience && child.try_wait().unwrap().is_none(), "it does not listen");
        std::thread::sleep(Duration::from_millis(2));
    }
}

pub fn interrupt(child: &Child) {
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
}

/// A call that is interrupted a moment after it begins to work.
fn interrupted(place: &Workplace, call: &[&str]) -> Called {
    let mut command = place.command(call);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    wait_for_handler(&mut child);
    // What it prints in this time fits into the pipe.
    std::thread::sleep(Duration::from_millis(100));
    interrupt(&child);
    let output = child.wait_with_output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Called { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

#[test]
fn what_is_written_is_shown_and_kept() {
    let place = Workplace::new();
    let lines: String =
        (0..400).map(|i| format!("the cat number {} sat on mat {}\n", i % 7, i % 3)).collect();
    place.write("cats.txt", lines);
    place.train(&["cats.txt", "--steps=100", "--learning-rate=0.02", "--backbone=gru"]).ok();
    // The likeliest goes round in circles and comes to no end.
    let endless =
        ["generate", "runs/cats", "--prompt=the cat", "--threads=1", "--tokens=100000000", "--out=out"];
    let call = |more: &[&str]| interrupted(&place, &[&endless, more].concat());

    let called = call(&["--temperature=0"]);
    assert_eq!(called.code, Some(130), "{called:#?}");
    assert!(called.stdout.starts_with("the cat") && called.stdout.ends_with('\n'), "{called:#?}");
    assert!(called.stderr.contains("Stopping after this token, to show and keep what is written."));
    assert!(called.stderr.contains("The piece is not complete: it was stopped.\nWritten to out/piece.txt\n"));
    assert!(!called.stderr.contains("Novelty"), "nobody waits for it: {called:#?}");
    assert_eq!(String::from_utf8(place.read("out/piece.txt")).unwrap().trim_end(), called.stdout.trim_end());

    let called = call(&["--temperature=0", "--count=3", "--json", "--logprobs=0"]);
    assert_eq!(called.code, Some(130), "{called:#?}");
    let pieces: Vec<Value> = called.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(pieces.len(), 3);
    for piece in pieces {
        assert_eq!((&piece["stopped"], &piece["complete"]), (&true.into(), &false.into()));
        let tokens = piece["tokens"].as_u64().unwrap() as usize;
        assert_eq!(piece["text"].as_str().unwrap().len(), "the cat".len() + tokens);
        assert_eq!(piece["logprobs"].as_array().map_or(0, Vec::len), tokens);
    }
    let called = call(&["--beams=2"]);
    assert_eq!(called.code, Some(130), "{called:#?}");
    assert!(called.stdout.starts_with("the cat"), "{called:#?}");
    assert_eq!(names(&place.path("out")).len(), 5);
}

#[test]
fn what_is_composed_is_kept() {
    let place = Workplace::new();
    for (task, notes) in [("chorales", "independent"), ("chorales", "conditioned"), ("played", "conditioned")]
    {
        let builtin = format!("--builtin={task}");
        let train = [&builtin[..], "--steps=20", "--out=run"];
        let choice: &[&str] = if task == "chorales" { &["--notes", notes] } else { &[] };
        let _ = fs::remove_dir_all(place.path("run"));
        assert_eq!(place.train(&[&train, choice].concat()).code, Some(0));
        // The likeliest event goes round in circles; of so many chords not all come to an end of their own at once.
        let temperature = if task == "played" { "--temperature=0" } else { "--temperature=1" };
        let size = ["--tokens=1000000", "--count=40", "--threads=1"];
        let call = [&["generate", "run", temperature, "--seed=1", "--json"], &size[..]].concat();
        let called = interrupted(&place, &call);
        assert_eq!(called.code, Some(130), "{called:#?}");
        let pieces: Vec<Value> =
            called.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(pieces.len(), 40);
        assert!(pieces.iter().any(|piece| piece["stopped"] == true), "{task} {notes}");
        // What ended before it began is neither.
        let empty = |piece: &Value| piece["notes"] == 0;
        assert!(pieces.iter().all(|piece| piece["stopped"] != piece["complete"] || empty(piece)));
        for piece in &pieces {
            let file = piece["files"][0].as_str().unwrap();
            assert!(place.read(file).starts_with(b"MThd"));
        }
    }
}

#[test]
fn a_training_is_saved() {
    let place = Workplace::new();
    place.write_tunes("tunes.abc", 10);
    let called = interrupted(&place, &tiny(&["tunes.abc", "--steps=1000000", "--out=run"]));
    assert_eq!(called.code, Some(0), "{called:#?}");
    assert!(called.stderr.contains("Stopping after this step, to save."), "{called:#?}");
    assert!(called.stderr.contains("Stopped and saved after"), "{called:#?}");
    assert_eq!(names(&place.path("run/checkpoints")).len().min(1), 1);
}
