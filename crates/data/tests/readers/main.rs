//! The readers of every kind of data: on small files made here, on any bytes, and on the real collections, which lie
//! beside the project and without which their tests are skipped with a message.

mod audio;
mod builtin;
mod look;
mod parallel;
mod picture;
mod roll;
mod series;
mod table;
mod tagged;
mod text;

use std::path::{Path, PathBuf};

/// A file or folder of the real collections.
fn data(path: &str) -> Option<PathBuf> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let file = std::env::var_os("ANAPHORA_DATA").map_or_else(beside, PathBuf::from).join(path);
    if !file.exists() {
        println!("skipped: there is no {}", file.display());
        return None;
    }
    Some(file)
}

/// A folder with these files in it, gone at the end of the test.
fn folder(files: &[(&str, &[u8])]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    files.iter().for_each(|(name, content)| std::fs::write(folder.path().join(name), content).unwrap());
    folder
}
