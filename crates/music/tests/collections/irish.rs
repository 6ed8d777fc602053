//! The 804 tunes of `irish.abc`, which lie beside the tree.

use std::path::PathBuf;

/// Their text, or none, with a message, where they are missing.
pub fn collection() -> Option<String> {
    let data = std::env::var_os("ANAPHORA_DATA").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"),
        PathBuf::from,
    );
    let file = data.join("music/irish.abc");
    let text = std::fs::read_to_string(&file).ok();
    if text.is_none() {
        eprintln!("skipped: {} is not there", file.display());
    }
    text
}
