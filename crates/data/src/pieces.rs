//! Reading a file or a folder into pieces: tunes of an ABC file, documents of a text.

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::DataError;

/// The line that separates documents within one text file.
pub const DOCUMENT_SEPARATOR: &str = "<|endoftext|>";

/// How a file is divided into pieces.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// ABC notation: a piece is a tune, from its `X:` line to the next.
    Abc,
    /// Plain text: a piece is a document, a file or what lies between two lines `<|endoftext|>`.
    Text,
}

impl Format {
    /// Recognises ABC by the extension `.abc` or by an `X:1` line with a `K:` line after it; all else is text.
    pub fn detect(path: &Path, text: &str) -> Format {
        let tune_follows = || {
            let mut lines = text.lines();
            lines.any(|line| {
                begins_tune(line) && line[2..].trim_start().starts_with(|c: char| c.is_ascii_digit())
            }) && lines.any(|line| line.starts_with("K:"))
        };
        if has_extension(path, &["abc"]) || tune_follows() { Format::Abc } else { Format::Text }
    }

    /// Extensions of the files that are taken from a folder.
    fn extensions(self) -> &'static [&'static str] {
        match self {
            Format::Abc => &["abc"],
            Format::Text => &["txt", "text", "md"],
        }
    }
}

/// One tune or document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// Its text, with `\n` line ends. A tune ends with exactly one of them.
    pub text: String,
    /// The file it comes from, an index into [`Pieces::files`].
    pub file: usize,
    /// The line of that file on which it begins, from 1.
    pub line: usize,
}

/// A file of a folder that was left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skipped {
    /// The file.
    pub path: PathBuf,
    /// Why, as a clause: `its extension is none of txt, text, md`.
    pub reason: String,
}

/// What was read: at least one piece, and what was not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pieces {
    /// How the files were divided.
    pub format: Format,
    /// The pieces in the order of files (by path) and lines; never empty.
    pub pieces: Vec<Piece>,
    /// The files they come from.
    pub files: Vec<PathBuf>,
    /// Text before the first tune of an ABC file, which belongs to none of its tunes: file index and text.
    pub headers: Vec<(usize, String)>,
    /// Files of the folder that were left out.
    pub skipped: Vec<Skipped>,
}

/// Reads a file, or the files of a folder and its subfolders, into pieces.
///
/// Without a format, a file's is detected from its name and content, and a folder is ABC if it holds any `.abc` file.
/// Of a folder the files with a fitting extension are read, in the order of their paths; the others are in
/// [`Pieces::skipped`]. Hidden files and folders, and links to folders, are passed over.
///
/// # Errors
/// A path that is missing, a file that is empty, binary, not UTF-8 or without a tune, a folder without a fitting file.
pub fn read_pieces(path: &Path, format: Option<Format>) -> Result<Pieces, DataError> {
    let meta = fs::metadata(path).map_err(|e| io_error(path, e))?;
    if !meta.is_dir() {
        return parse_pieces(&read(path)?, path, format);
    }
    let files = files_below(path)?;
    let format = format.unwrap_or_else(|| {
        let any_abc = files.iter().any(|f| has_extension(f, Format::Abc.extensions()));
        if any_abc { Format::Abc } else { Format::Text }
    });
    let mut all = Pieces { format, pieces: vec![], files: vec![], headers: vec![], skipped: vec![] };
    for file in files {
        if has_extension(&file, format.extensions()) {
            let text = decode(&read(&file)?, &file)?;
            all.add(&text, file)?;
        } else {
            let reason = format!("its extension is none of {}", format.extensions().join(", "));
            all.skipped.push(Skipped { path: file, reason });
        }
    }
    if all.pieces.is_empty() {
        let wanted = match format {
            Format::Abc => "file with the extension .abc",
            Format::Text => "text file (.txt, .text or .md)",
        };
        return Err(DataError::NoText { path: path.to_owned(), wanted });
    }
    Ok(all)
}

/// Divides a file's content into pieces; `name` serves for detection of the format and for messages.
///
/// # Errors
/// Those of [`read_pieces`] that concern content.
pub fn parse_pieces(content: &[u8], name: &Path, format: Option<Format>) -> Result<Pieces, DataError> {
    let text = decode(content, name)?;
    let format = format.unwrap_or_else(|| Format::detect(name, &text));
    let mut pieces = Pieces { format, pieces: vec![], files: vec![], headers: vec![], skipped: vec![] };
    pieces.add(&text, name.to_owned())?;
    Ok(pieces)
}

impl Pieces {
    /// Adds the pieces of one file.
    fn add(&mut self, text: &str, path: PathBuf) -> Result<(), DataError> {
        let file = self.files.len();
        let before = self.pieces.len();
        match self.format {
            Format::Abc => {
                let mut tunes = split_lines(text, begins_tune, true);
                // Everything before the first X: line comes first, and may be nothing.
                let (_, header) = tunes.remove(0);
                if !header.trim().is_empty() {
                    self.headers.push((file, header.to_owned()));
                }
                self.pieces.extend(tunes.into_iter().map(|(line, tune)| {
                    let text = format!("{}\n", tune.trim_end());
                    Piece { text, file, line }
                }));
            }
            Format::Text => {
                let documents = split_lines(text, |line| line.trim_end() == DOCUMENT_SEPARATOR, false);
                let documents = documents.into_iter().filter(|(_, text)| !text.trim().is_empty());
                self.pieces.extend(documents.map(|(line, text)| Piece { text: text.to_owned(), file, line }));
            }
        }
        if self.pieces.len() == before {
            return Err(match self.format {
                Format::Abc => DataError::NoTune { path },
                Format::Text => DataError::Empty { path },
            });
        }
        self.files.push(path);
        Ok(())
    }
}

fn begins_tune(line: &str) -> bool {
    line.starts_with("X:")
}

/// Cuts a text before each line that `is_border`; the border lines are kept at the start of a part or left out.
/// Gives the first line's number (from 1) and the text of each part, the first being what precedes any border.
fn split_lines(text: &str, is_border: impl Fn(&str) -> bool, keep: bool) -> Vec<(usize, &str)> {
    let mut parts = vec![];
    let (mut start, mut start_line) = (0, 1);
    let mut at = 0;
    for (index, line) in text.split_inclusive('\n').enumerate() {
        let next = at + line.len();
        if is_border(line) {
            parts.push((start_line, &text[start..at]));
            (start, start_line) = if keep { (at, index + 1) } else { (next, index + 2) };
        }
        at = next;
    }
    parts.push((start_line, &text[start..]));
    parts
}

/// Text of a file, with `\n` line ends and without a byte order mark.
fn decode(content: &[u8], path: &Path) -> Result<String, DataError> {
    let path = || path.to_owned();
    if let Some(offset) = content.iter().position(|&b| b == 0) {
        return Err(DataError::Binary { path: path(), offset });
    }
    let text = std::str::from_utf8(content).map_err(|e| {
        let offset = e.valid_up_to();
        let line = 1 + content[..offset].iter().filter(|&&b| b == b'\n').count();
        DataError::NotUtf8 { path: path(), byte: content[offset], offset, line }
    })?;
    let text = text.strip_prefix('\u{FEFF}').unwrap_or(text);
    if text.trim().is_empty() {
        return Err(DataError::Empty { path: path() });
    }
    Ok(if text.contains('\r') { text.replace("\r\n", "\n").replace('\r', "\n") } else { text.to_owned() })
}

fn read(path: &Path) -> Result<Vec<u8>, DataError> {
    fs::read(path).map_err(|e| io_error(path, e))
}

fn io_error(path: &Path, source: std::io::Error) -> DataError {
    let path = path.to_owned();
    if source.kind() == std::io::ErrorKind::NotFound {
        DataError::Missing { path }
    } else {
        DataError::Io { path, source }
    }
}

fn has_extension(path: &Path, extensions: &[&str]) -> bool {
    path.extension().is_some_and(|e| extensions.iter().any(|x| e.eq_ignore_ascii_case(x)))
}

/// All files below a folder that are not hidden, sorted by path.
fn files_below(folder: &Path) -> Result<Vec<PathBuf>, DataError> {
    let mut folders = vec![folder.to_owned()];
    let mut files = vec![];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).map_err(|e| io_error(&folder, e))? {
            let entry = entry.map_err(|e| io_error(&folder, e))?;
            let path = entry.path();
            if entry.file_name().as_encoded_bytes().starts_with(b".") {
                continue;
            }
            if entry.file_type().map_err(|e| io_error(&path, e))?.is_dir() {
                folders.push(path);
            } else if path.is_file() {
                files.push(path);
            }
        }
    }
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(content: &str, name: &str) -> Result<Pieces, DataError> {
        parse_pieces(content.as_bytes(), Path::new(name), None)
    }

    fn texts(pieces: &Pieces) -> Vec<&str> {
        pieces.pieces.iter().map(|p| p.text.as_str()).collect()
    }

    #[test]
    fn abc_is_split_by_tune() {
        let file = "% a collection\r\n\r\nX:1\r\nT:One\r\nK:C\r\nCDE|\r\n\r\n\r\nX:2\r\nK:G\r\nGAB|";
        let read = parse(file, "tunes.txt").unwrap();
        assert_eq!(read.format, Format::Abc);
        assert_eq!(texts(&read), ["X:1\nT:One\nK:C\nCDE|\n", "X:2\nK:G\nGAB|\n"]);
        assert_eq!(read.pieces.iter().map(|p| p.line).collect::<Vec<_>>(), [3, 9]);
        assert_eq!(read.headers, [(0, "% a collection\n\n".to_owned())]);
    }

    #[test]
    fn text_is_split_at_separator_lines() {
        let read =
            parse("one\n\ntwo\n<|endoftext|>\nthree <|endoftext|>\n<|endoftext|>\n\n", "a.txt").unwrap();
        assert_eq!(read.format, Format::Text);
        assert_eq!(texts(&read), ["one\n\ntwo\n", "three <|endoftext|>\n"]);
        assert_eq!(read.pieces[1].line, 5);
    }

    #[test]
    fn a_dialogue_with_x_is_no_music() {
        assert_eq!(parse("X: who is there?\nY: I am.\n", "play.txt").unwrap().format, Format::Text);
    }

    #[test]
    fn each_bad_file_has_its_sentence() {
        let message = |content: &[u8], name: &str| {
            parse_pieces(content, Path::new(name), None).unwrap_err().to_string()
        };
        assert_eq!(message(b"", "a.txt"), "a.txt: the file is empty, text or ABC tunes are needed");
        assert!(message(b" \n\t\n", "a.txt").contains("is empty"));
        assert!(message(b"<|endoftext|>\n", "a.txt").contains("is empty"));
        assert!(message(b"ab\0c", "a.txt").contains("NUL byte at offset 2"));
        assert!(
            message(b"gut\nsch\xF6n\n", "a.txt").contains("0xF6 at offset 7 (line 2) is not valid UTF-8")
        );
        assert!(message(b"T:no number\nK:C\n", "a.abc").contains("'X:1'"));
    }

    #[test]
    fn a_folder_gives_a_document_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
        let message = |path: &Path| read_pieces(path, None).unwrap_err().to_string();
        assert!(message(folder.path()).contains("holds no text file"));
        assert!(message(&folder.path().join("nowhere")).contains("no such file"));
        fs::create_dir(folder.path().join("more")).unwrap();
        write("more/c.TXT", "three");
        write("b.txt", "two");
        write("a.md", "one");
        write(".hidden.txt", "none");
        write("image.png", "no text");
        let read = read_pieces(folder.path(), None).unwrap();
        assert_eq!(texts(&read), ["one", "two", "three"]);
        assert_eq!(read.files.len(), 3);
        assert_eq!(read.skipped.len(), 1);
        write("tune.abc", "X:1\nK:C\nC|\n");
        assert_eq!(texts(&read_pieces(folder.path(), None).unwrap()), ["X:1\nK:C\nC|\n"]);
        assert_eq!(read_pieces(folder.path(), Some(Format::Text)).unwrap().pieces.len(), 3);
    }
}
