//! What the targets share.

use std::path::Path;

/// The content as a file of that name, for readers that take a path.
pub fn in_file<T>(name: &str, content: &[u8], read: impl FnOnce(&Path) -> T) -> T {
    let folder = tempfile::tempdir().expect("there is room for a file");
    let path = folder.path().join(name);
    std::fs::write(&path, content).expect("there is room for a file");
    read(&path)
}
