//! The rooms of the library import each other in one direction.

use std::fs;
use std::path::{Path, PathBuf};

/// Each room imports only those before it, and the error type.
const ROOMS: &[&str] = &[
    "error", "recipe", "metrics", "model", "decoding", "run", "plot", "training", "tasks", "interop", "lib",
];

fn files(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.is_dir() { files(&entry, into) } else { into.push(entry) }
    }
}

/// The names that may follow `crate::`: the first, or the first of each path between braces.
fn firsts(path: &str) -> Vec<&str> {
    fn name(path: &str) -> &str {
        path.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default()
    }
    match path.strip_prefix('{') {
        Some(group) => {
            group.split(';').next().unwrap_or_default().split(',').map(|p| name(p.trim_start())).collect()
        }
        None => vec![name(path)],
    }
}

#[test]
fn no_room_imports_one_behind_it() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut all = Vec::new();
    files(&source, &mut all);
    let place = |room: &str| ROOMS.iter().position(|known| *known == room);
    let mut wrong = Vec::new();
    for file in all {
        let relative = file.strip_prefix(&source).unwrap();
        let first = relative.components().next().unwrap().as_os_str().to_str().unwrap();
        let own = first.trim_end_matches(".rs");
        let at = place(own).unwrap_or_else(|| panic!("{own} is none of the rooms {ROOMS:?}"));
        let text = fs::read_to_string(&file).unwrap();
        let code: Vec<&str> = text.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
        for path in code.join("\n").split("crate::").skip(1) {
            for room in firsts(path) {
                // What is no room stands at the root: `Error`, `Device` and the like.
                if own != "error" && place(room).is_some_and(|other| other > at) {
                    wrong.push(format!("{} imports {room}", relative.display()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn imports_between_braces_are_seen() {
    assert_eq!(firsts("tasks::open(run)"), ["tasks"]);
    assert_eq!(
        firsts("{Error,\n    tasks::{self, open}, run};\nuse crate"),
        ["Error", "tasks", "open", "run"]
    );
}
