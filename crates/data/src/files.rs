//! Getting at the content of files.

use std::fs;
use std::path::{Path, PathBuf};

use crate::error::DataError;

pub(crate) fn io_error(path: &Path, source: std::io::Error) -> DataError {
    let path = path.to_owned();
    if source.kind() == std::io::ErrorKind::NotFound {
        DataError::Missing { path }
    } else {
        DataError::Io { path, source }
    }
}

pub(crate) fn read(path: &Path) -> Result<Vec<u8>, DataError> {
    fs::read(path).map_err(|e| io_error(path, e))
}

/// The text of a file, with `\n` line ends and without a byte order mark.
///
/// # Errors
/// A file that cannot be read or is no text in UTF-8.
pub fn read_text(path: &Path) -> Result<String, DataError> {
    decode(&read(path)?, path)
}

/// The lines of a text that hold more than white space, without that around them, each with its number from 1.
pub fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    (1..).zip(text.lines().map(str::trim)).filter(|(_, line)| !line.is_empty())
}

/// Text with `\n` line ends and without a byte order mark.
pub(crate) fn decode(content: &[u8], path: &Path) -> Result<String, DataError> {
    if let Some(offset) = content.iter().position(|&b| b == 0) {
        return Err(DataError::Binary { path: path.to_owned(), offset });
    }
    let text = std::str::from_utf8(content).map_err(|e| {
        let offset = e.valid_up_to();
        let line = 1 + content[..offset].iter().filter(|&&b| b == b'\n').count();
        DataError::NotUtf8 { path: path.to_owned(), byte: content[offset], offset, line }
    })?;
    let text = text.strip_prefix('\u{FEFF}').unwrap_or(text);
    Ok(if text.contains('\r') { text.replace("\r\n", "\n").replace('\r', "\n") } else { text.to_owned() })
}

pub(crate) fn has_extension(path: &Path, extensions: &[&str]) -> bool {
    path.extension().is_some_and(|e| extensions.iter().any(|x| e.eq_ignore_ascii_case(x)))
}

/// The files of a folder, not those of its subfolders, that are not hidden, sorted by name.
pub(crate) fn files_of(folder: &Path) -> Result<Vec<PathBuf>, DataError> {
    let mut files = vec![];
    for entry in fs::read_dir(folder).map_err(|e| io_error(folder, e))? {
        let entry = entry.map_err(|e| io_error(folder, e))?;
        if !entry.file_name().as_encoded_bytes().starts_with(b".") && entry.path().is_file() {
            files.push(entry.path());
        }
    }
    files.sort();
    Ok(files)
}

/// The subfolders of a folder that are not hidden, sorted by name.
pub(crate) fn folders_of(folder: &Path) -> Result<Vec<PathBuf>, DataError> {
    let mut folders = vec![];
    for entry in fs::read_dir(folder).map_err(|e| io_error(folder, e))? {
        let entry = entry.map_err(|e| io_error(folder, e))?;
        if !entry.file_name().as_encoded_bytes().starts_with(b".") && entry.path().is_dir() {
            folders.push(entry.path());
        }
    }
    folders.sort();
    Ok(folders)
}
