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
        let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
        for (number, line) in code.enumerate() {
            for path in line.split("crate::").skip(1) {
                let room: String = path.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
                // What is no room stands at the root: `Error`, `Device` and the like.
                if own != "error" && place(&room).is_some_and(|other| other > at) {
                    wrong.push(format!("{} (line {number} of code) imports {room}", relative.display()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
