//! Texts of any size: a file or a folder, divided into pieces, which are tunes of ABC files or documents of texts.
//!
//! Nothing is kept of them. Whoever wants to see them has them [replayed](Texts::replay), stretch by stretch, as often as
//! needed: to count characters, to make a vocabulary, to turn them into tokens.

mod decode;
mod divide;

use std::fs::{self, File};
use std::io::{Cursor, Read};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use self::decode::Lines;
use crate::encoding::{Encoding, Form, Transcoded};
use crate::error::DataError;
use crate::files::{has_extension, io_error};
use crate::wanted;

/// The line that separates documents within one text file.
pub const DOCUMENT_SEPARATOR: &str = "<|endoftext|>";

/// Bytes that are read at once, and from which a stretch is given.
const STRETCH: usize = 1 << 20;

/// How a file is divided into pieces.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// ABC notation: a piece is a tune, from its `X:` line to the next. It ends with one line end, and what precedes the
    /// first tune of a file belongs to none.
    Abc,
    /// Plain text: a piece is a document, a file or what lies between two lines `<|endoftext|>`, if it is not blank.
    Text,
}

impl Format {
    /// Extensions of the files that are taken from a folder.
    fn extensions(self) -> &'static [&'static str] {
        match self {
            Format::Abc => &["abc"],
            Format::Text => &["txt", "text", "md"],
        }
    }
}

/// How texts are read.
#[derive(Debug, Clone, Copy, Default)]
pub struct TextOptions {
    /// How files are divided into pieces; found from them where not given.
    pub format: Option<Format>,
    /// Their encoding.
    pub encoding: Encoding,
    /// Whether a file that is no text is read byte by byte, each byte as one of the last 256 private characters, which the
    /// tokenizer of bytes takes for the byte.
    pub any_bytes: bool,
}

impl From<Option<Format>> for TextOptions {
    fn from(format: Option<Format>) -> Self {
        Self { format, ..Self::default() }
    }
}

/// What is seen of texts, one after the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event<'a> {
    /// A piece begins.
    Begin {
        /// The file it comes from, an index into [`Texts::files`].
        file: usize,
        /// The line of that file on which it begins, from 1.
        line: usize,
    },
    /// The piece goes on with this stretch of it, which is not empty.
    ///
    /// Where a piece is longer than a megabyte or so, it is parted before a single space or behind a single line end
    /// between characters that are no white space, so that tokens do not reach over the border; only where there is no
    /// such place in many megabytes, between any two characters.
    Text(&'a str),
    /// The piece ends.
    End,
}

/// One tune or document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// Its text, with `\n` line ends.
    pub text: String,
    /// The file it comes from, an index into [`Texts::files`].
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

/// Files of text, or one text in memory.
#[derive(Debug, Clone)]
pub struct Texts {
    format: Format,
    files: Vec<PathBuf>,
    /// What each file is read as.
    forms: Vec<Form>,
    encoding: Encoding,
    /// The text, where it lies in no file.
    content: Option<Vec<u8>>,
    skipped: Vec<Skipped>,
    bytes: u64,
    stretch: usize,
}

impl Texts {
    /// A file, or the files of a folder and its subfolders.
    ///
    /// Without a format, a file is ABC by its extension `.abc` or by an `X:1` line with a `K:` line after it, and a folder
    /// is ABC if it holds any `.abc` file; all else is text. Of a folder the files with a fitting extension are taken, in
    /// the order of their paths; the others are in [`Texts::skipped`]. Hidden files and folders, and links to folders, are
    /// passed over.
    ///
    /// # Errors
    /// A path that is missing, a folder without a fitting file; those of [`Texts::replay`], where a file is read to find
    /// its format.
    pub fn open(path: &Path, options: impl Into<TextOptions>) -> Result<Self, DataError> {
        let options = options.into();
        let meta = fs::metadata(path).map_err(|e| io_error(path, e))?;
        if meta.is_file() {
            return Self::one(path, None, meta.len(), &options);
        }
        if !meta.is_dir() {
            // A pipe is read once, and texts are seen again and again.
            return Self::of(fs::read(path).map_err(|e| io_error(path, e))?, path, options);
        }
        let all = files_below(path)?;
        let format = options.format.unwrap_or_else(|| {
            let any_abc = all.iter().any(|f| has_extension(f, Format::Abc.extensions()));
            if any_abc { Format::Abc } else { Format::Text }
        });
        let (files, others): (Vec<_>, Vec<_>) =
            all.into_iter().partition(|file| has_extension(file, format.extensions()));
        if files.is_empty() {
            let wanted = match format {
                Format::Abc => "file with the extension .abc",
                Format::Text => "text file (.txt, .text or .md)",
            };
            return Err(DataError::NoText { path: path.to_owned(), wanted });
        }
        let reason = format!("its extension is none of {}", format.extensions().join(", "));
        let skipped = others.into_iter().map(|path| Skipped { path, reason: reason.clone() }).collect();
        let (mut bytes, mut forms) = (0, vec![]);
        for file in &files {
            bytes += fs::metadata(file).map_err(|e| io_error(file, e))?.len();
            forms.push(options.encoding.form_of(file, options.any_bytes)?);
        }
        let encoding = options.encoding;
        Ok(Self { format, files, forms, encoding, content: None, skipped, bytes, stretch: STRETCH })
    }

    /// A text in memory; `name` serves for finding the format and for messages.
    ///
    /// # Errors
    /// Those of [`Texts::replay`], where the text is read to find its format.
    pub fn of(
        content: impl Into<Vec<u8>>,
        name: &Path,
        options: impl Into<TextOptions>,
    ) -> Result<Self, DataError> {
        let content = content.into();
        let bytes = content.len() as u64;
        Self::one(name, Some(content), bytes, &options.into())
    }

    fn one(
        path: &Path,
        content: Option<Vec<u8>>,
        bytes: u64,
        options: &TextOptions,
    ) -> Result<Self, DataError> {
        let form = match &content {
            Some(content) => {
                let form = options.encoding.form(|| Ok(&content[..]), options.any_bytes);
                form.map_err(|e| io_error(path, e))?
            }
            None => options.encoding.form_of(path, options.any_bytes)?,
        };
        let (files, forms) = (vec![path.to_owned()], vec![form]);
        let (format, skipped, encoding) = (Format::Text, vec![], options.encoding);
        let mut texts = Self { format, files, forms, encoding, content, skipped, bytes, stretch: STRETCH };
        texts.format = match options.format {
            Some(format) => format,
            None if has_extension(path, Format::Abc.extensions()) => Format::Abc,
            None => texts.detect()?,
        };
        Ok(texts)
    }

    /// ABC if a line `X:1` is followed by a line `K:`.
    fn detect(&self) -> Result<Format, DataError> {
        let numbered = |line: &str| {
            let number = line.strip_prefix(divide::TUNE).map(str::trim_start);
            number.is_some_and(|number| number.starts_with(|c: char| c.is_ascii_digit()))
        };
        let undecided = |line: &str| {
            let blank = line.strip_prefix(divide::TUNE).is_some_and(|rest| rest.trim().is_empty());
            blank || divide::TUNE.starts_with(line) || "K:".starts_with(line)
        };
        let (mut tune, mut key) = (false, false);
        self.lines(0)?.each::<DataError>(undecided, |line, begins| {
            key |= tune && begins && line.starts_with("K:");
            tune |= begins && numbered(line);
            Ok(())
        })?;
        Ok(if key { Format::Abc } else { Format::Text })
    }

    fn lines(&self, file: usize) -> Result<Lines<'_, Box<dyn Read + '_>>, DataError> {
        let path = &self.files[file];
        let source: Box<dyn Read> = match &self.content {
            Some(content) => Box::new(Cursor::new(content)),
            None => Box::new(File::open(path).map_err(|e| io_error(path, e))?),
        };
        let source = match self.forms[file] {
            form if form == Form::UTF_8 => source,
            form => Box::new(Transcoded::new(source, form)),
        };
        Ok(Lines::new(source, path, self.stretch))
    }

    /// Shows all pieces in the order of files (by path) and lines: a beginning, stretches of text, an end. There is at
    /// least one piece. The texts have `\n` line ends and no byte order mark.
    ///
    /// # Errors
    /// A file that is empty, binary, no text or without a tune, and what `see` returns, which ends it.
    pub fn replay<E: From<DataError>>(&self, mut see: impl FnMut(Event) -> Result<(), E>) -> Result<(), E> {
        for file in 0..self.files.len() {
            let see = &mut |event: Event| {
                wanted::check()?;
                see(event)
            };
            divide::divide(self.lines(file)?, self.format, file, self.stretch, see)?;
        }
        Ok(())
    }

    /// All pieces at once, of a text that fits in memory.
    ///
    /// # Errors
    /// Those of [`Texts::replay`].
    pub fn pieces(&self) -> Result<Vec<Piece>, DataError> {
        let mut pieces: Vec<Piece> = vec![];
        self.replay(|event| {
            match event {
                Event::Begin { file, line } => pieces.push(Piece { text: String::new(), file, line }),
                Event::Text(text) => pieces.iter_mut().last().into_iter().for_each(|p| p.text.push_str(text)),
                Event::End => {}
            }
            Ok::<_, DataError>(())
        })?;
        Ok(pieces)
    }

    /// How the files are divided.
    pub fn format(&self) -> Format {
        self.format
    }

    /// The files that are read.
    pub fn files(&self) -> &[PathBuf] {
        &self.files
    }

    /// Files of the folder that are left out.
    pub fn skipped(&self) -> &[Skipped] {
        &self.skipped
    }

    /// What is to be said of the files' encodings, a clause each.
    pub fn notes(&self) -> Vec<String> {
        self.files.iter().zip(&self.forms).filter_map(|(file, form)| form.note(self.encoding, file)).collect()
    }

    /// Bytes of all files.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }
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
mod tests;
