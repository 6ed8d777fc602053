//! MIDI files, and folders of them.

use std::path::{Path, PathBuf};
use std::{fs, io};

use super::{ReadError, read};
use crate::Score;

/// Why no score comes of a file or a folder.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The operating system refused something.
    #[error("cannot read {}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// It is no MIDI file.
    #[error("{}: {source}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong in it.
        source: ReadError,
    },
    /// A file has no notes.
    #[error("{}: there is no note in this MIDI file, percussion aside", .0.display())]
    NoNotes(PathBuf),
    /// What is to become of its notes cannot.
    #[error("{}: {reason}", path.display())]
    Unusable {
        /// The file.
        path: PathBuf,
        /// What is wrong, as a sentence.
        reason: String,
    },
    /// A folder has no file with notes.
    #[error("{}: there is no MIDI file with notes in it; files that end in .mid, .midi, .kar or .rmi are read", .0.display())]
    NoFiles(PathBuf),
}

impl FileError {
    fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { path: path.to_owned(), source }
    }
}

/// Shows the scores of a MIDI file, or of those in a folder and its folders, one by one, sorted by path; `see` says why one
/// cannot be used, where it cannot. Files that cannot be read or used are told to `bad` where there is one.
///
/// # Errors
/// A file that cannot be read or used or has no notes, where there is no `bad`; nothing with notes; a folder that cannot be read.
pub fn each_file(
    path: &Path,
    mut bad: Option<&mut dyn FnMut(&str)>,
    mut see: impl FnMut(&Path, Score) -> Result<(), String>,
) -> Result<(), FileError> {
    let mut files = Vec::new();
    if path.is_dir() {
        collect(path, &mut files)?;
    } else {
        files.push(path.to_owned());
    }
    let mut any = false;
    for file in files {
        let used = read_file(&file).and_then(|score| {
            see(&file, score).map_err(|reason| FileError::Unusable { path: file.clone(), reason })
        });
        match (used, &mut bad) {
            (Ok(()), _) => any = true,
            (Err(error), Some(bad)) => bad(&format!("{error}; it was passed over")),
            (Err(error), None) => return Err(error),
        }
    }
    if any { Ok(()) } else { Err(FileError::NoFiles(path.to_owned())) }
}

/// The score of a MIDI file.
///
/// # Errors
/// A file that cannot be read, is no MIDI file or has no notes.
pub fn read_file(path: &Path) -> Result<Score, FileError> {
    let bytes = fs::read(path).map_err(FileError::io(path))?;
    let score = read(&bytes).map_err(|source| FileError::Malformed { path: path.to_owned(), source })?;
    if score.parts.is_empty() { Err(FileError::NoNotes(path.to_owned())) } else { Ok(score) }
}

/// The MIDI files of a folder, sorted by path.
fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> Result<(), FileError> {
    let entries = fs::read_dir(folder).map_err(FileError::io(folder))?;
    let paths: Result<Vec<_>, _> = entries.map(|entry| entry.map(|entry| entry.path())).collect();
    let mut paths = paths.map_err(FileError::io(folder))?;
    paths.sort();
    for path in paths {
        let ending = path.extension().unwrap_or_default();
        if path.is_dir() {
            collect(&path, files)?;
        } else if ["mid", "midi", "kar", "rmi"].iter().any(|midi| ending.eq_ignore_ascii_case(midi)) {
            files.push(path);
        }
    }
    Ok(())
}
