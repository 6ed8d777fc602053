//! Folders whose subfolders are named after the classes of the files in them.

use std::path::{Path, PathBuf};

use crate::error::DataError;
use crate::files::{files_of, folders_of, has_extension};

/// Files of one kind, each with its class, and those of other kinds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sorted {
    /// The name of the subfolder, and the file in it; by folder and name.
    pub files: Vec<(String, PathBuf)>,
    /// Files with other extensions.
    pub others: Vec<PathBuf>,
}

/// The files with one of these extensions in a folder's subfolders.
///
/// # Errors
/// A folder that cannot be read.
pub fn sorted_files(folder: &Path, extensions: &[&str]) -> Result<Sorted, DataError> {
    let mut sorted = Sorted::default();
    for class in folders_of(folder)? {
        let label = class.file_name().unwrap_or_default().to_string_lossy().into_owned();
        for path in files_of(&class)? {
            if has_extension(&path, extensions) {
                sorted.files.push((label.clone(), path));
            } else {
                sorted.others.push(path);
            }
        }
    }
    Ok(sorted)
}

/// Whether a folder, or a subfolder of it, has a file with one of these extensions.
///
/// # Errors
/// A folder that cannot be read.
pub fn holds(folder: &Path, extensions: &[&str]) -> Result<bool, DataError> {
    let among = |folder: &Path| Ok(files_of(folder)?.iter().any(|path| has_extension(path, extensions)));
    if among(folder)? {
        return Ok(true);
    }
    for subfolder in folders_of(folder)? {
        if among(&subfolder)? {
            return Ok(true);
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subfolder_names_the_class_of_its_files() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["dog/b.PNG", "dog/a.png", "cat/c.jpg", "cat/notes.txt", "cat/.hidden.png"] {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "").unwrap();
        }
        let sorted = sorted_files(folder.path(), &["png", "jpg"]).unwrap();
        let names: Vec<_> =
            sorted.files.iter().map(|(label, path)| (&**label, path.file_name().unwrap())).collect();
        assert_eq!(names, [("cat", "c.jpg".as_ref()), ("dog", "a.png".as_ref()), ("dog", "b.PNG".as_ref())]);
        assert_eq!(sorted.others, [folder.path().join("cat/notes.txt")]);
        assert!(holds(folder.path(), &["jpg"]).unwrap());
        assert!(!holds(folder.path(), &["wav"]).unwrap());
        assert!(holds(&folder.path().join("bird"), &["wav"]).is_err());
    }
}
