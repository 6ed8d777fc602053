//! The rooms of the library import each other in one direction.

use std::fs;
use std::path::{Path, PathBuf};

/// Each room, and what it imports beside itself and the error type; `lib` imports all, and the error type wraps the errors of all.
const ROOMS: &[(&str, &[&str])] = &[
    ("recipe", &[]),
    ("metrics", &[]),
    ("model", &["recipe"]),
    ("run", &["recipe"]),
    ("decoding", &["model"]),
    ("plot", &["recipe", "run"]),
    ("training", &["recipe", "model", "run", "plot"]),
    ("inspect", &["recipe", "model", "metrics", "run"]),
    ("tasks", &["recipe", "metrics", "model", "decoding", "run", "plot", "training", "inspect"]),
    ("interop", &["recipe", "model", "run", "tasks"]),
    (
        "lecture",
        &["recipe", "metrics", "model", "decoding", "run", "plot", "training", "tasks", "inspect", "lib"],
    ),
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
fn rooms_import_what_they_may() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut all = Vec::new();
    files(&source, &mut all);
    let mut wrong = Vec::new();
    for file in all {
        let relative = file.strip_prefix(&source).unwrap();
        let first = relative.components().next().unwrap().as_os_str().to_str().unwrap();
        let own = first.trim_end_matches(".rs");
        if ["lib", "error"].contains(&own) {
            continue;
        }
        let (_, imports) =
            ROOMS.iter().find(|(room, _)| *room == own).unwrap_or_else(|| panic!("{own} is no room"));
        let text = fs::read_to_string(&file).unwrap();
        let code: Vec<&str> = text.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
        for path in code.join("\n").split("crate::").skip(1) {
            for name in firsts(path) {
                // The facade hands on what stands in rooms.
                let room = match name {
                    "Recipe" => "recipe",
                    "Run" => "run",
                    "train" | "resume" => "lib",
                    other => other,
                };
                let is_room = room == "lib" || ROOMS.iter().any(|(known, _)| *known == room);
                if is_room && room != own && !imports.contains(&room) {
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

/// What libraries say also reaches those who call no command: fields of the recipe are named, and no flags. The lecture is of
/// commands.
#[test]
fn messages_name_no_flags() {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut all = Vec::new();
    files(&own.join("src"), &mut all);
    files(&own.join("../data/src"), &mut all);
    assert!(all.len() > 100, "{}", all.len());
    let is_flag = |line: &str| {
        line.match_indices("--").any(|(at, _)| {
            let before = line[..at].chars().next_back().is_none_or(|c| " ('\"`".contains(c));
            before && line[at + 2..].starts_with(|c: char| c.is_ascii_lowercase())
        })
    };
    let mut wrong = Vec::new();
    for file in all.iter().filter(|file| !file.components().any(|part| part.as_os_str() == "lecture")) {
        let text = fs::read_to_string(file).unwrap();
        let said = text.lines().enumerate().filter(|(_, line)| !line.trim_start().starts_with("//"));
        let found = said.filter(|(_, line)| is_flag(line));
        wrong.extend(found.map(|(at, line)| format!("{}:{}: {}", file.display(), at + 1, line.trim())));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
