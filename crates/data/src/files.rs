//! Getting at the content of files.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use crate::encoding::{Encoding, Form, Transcoded, Undecodable};
use crate::error::DataError;

pub(crate) fn io_error(path: &Path, source: std::io::Error) -> DataError {
    let path = path.to_owned();
    match source.downcast::<Undecodable>() {
        Ok(Undecodable { byte, offset, line, encoding }) => {
            DataError::NotText { path, byte, offset, line, encoding }
        }
        Err(source) if source.kind() == std::io::ErrorKind::NotFound => DataError::Missing { path },
        Err(source) => DataError::Io { path, source },
    }
}

pub(crate) fn read(path: &Path) -> Result<Vec<u8>, DataError> {
    fs::read(path).map_err(|e| io_error(path, e))
}

/// The text of a file, with `\n` line ends and without a byte order mark.
///
/// # Errors
/// A file that cannot be read or is no text.
pub fn read_text(path: &Path, encoding: Encoding) -> Result<String, DataError> {
    decode(&read(path)?, path, encoding)
}

/// The text that bytes are, with `\n` line ends and without a byte order mark; `name` is for messages.
///
/// # Errors
/// Bytes that are no text.
pub fn text_of(content: &[u8], name: &Path, encoding: Encoding) -> Result<String, DataError> {
    decode(content, name, encoding)
}

/// The lines of a text that hold more than white space, without that around them, each with its number from 1.
pub fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    (1..).zip(text.lines().map(str::trim)).filter(|(_, line)| !line.is_empty())
}

/// Text with `\n` line ends and without a byte order mark.
pub(crate) fn decode(content: &[u8], path: &Path, encoding: Encoding) -> Result<String, DataError> {
    match decode_lines(content, path, encoding)? {
        Decoded { fault: Some(fault), .. } => Err(fault),
        Decoded { text, .. } => Ok(text),
    }
}

/// A text some of whose lines may be damaged.
pub(crate) struct Decoded {
    /// It, with U+FFFD for each stretch of bytes that are no characters.
    pub text: String,
    /// The lines that hold such, from 1, in their order.
    pub damaged: Vec<usize>,
    /// What is wrong with the first of them.
    pub fault: Option<DataError>,
}

/// As [`decode`], but lines of UTF-8 may be damaged.
pub(crate) fn decode_lines(content: &[u8], path: &Path, encoding: Encoding) -> Result<Decoded, DataError> {
    let form = encoding.form(|| Ok(content), false).map_err(|e| io_error(path, e))?;
    let mut transcoded = Vec::new();
    let content = if form == Form::UTF_8 {
        content
    } else {
        Transcoded::new(content, form).read_to_end(&mut transcoded).map_err(|e| io_error(path, e))?;
        &transcoded
    };
    if let Some(offset) = content.iter().position(|&b| b == 0) {
        return Err(DataError::Binary { path: path.to_owned(), offset });
    }
    let (mut text, mut damaged, mut fault) = (String::with_capacity(content.len()), vec![], None);
    let (mut line, mut offset) = (1, 0);
    for chunk in content.utf8_chunks() {
        let (valid, invalid) = (chunk.valid(), chunk.invalid());
        let feeds = valid.bytes().filter(|&byte| byte == b'\n').count();
        let returns =
            valid.bytes().zip(valid.bytes().skip(1)).filter(|&pair| pair.0 == b'\r' && pair.1 != b'\n');
        line += feeds + returns.count();
        offset += valid.len();
        text.push_str(valid);
        if !invalid.is_empty() {
            // A carriage return at the end of what is valid has no line feed behind it.
            line += usize::from(valid.ends_with('\r'));
            fault.get_or_insert_with(|| {
                let encoding = "utf-8".to_owned();
                DataError::NotText { path: path.to_owned(), byte: invalid[0], offset, line, encoding }
            });
            if damaged.last() != Some(&line) {
                damaged.push(line);
            }
            offset += invalid.len();
            text.push(char::REPLACEMENT_CHARACTER);
        }
    }
    if text.starts_with('\u{FEFF}') {
        text.remove(0);
    }
    if text.contains('\r') {
        text = text.replace("\r\n", "\n").replace('\r', "\n");
    }
    Ok(Decoded { text, damaged, fault })
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
