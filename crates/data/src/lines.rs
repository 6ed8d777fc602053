//! The lines of a file or of standard input as they come: none is left out, and none is waited for longer than needed.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, sync_channel};

use crate::encoding::{Encoding, Form, Transcoded};
use crate::error::DataError;
use crate::files::io_error;

/// What stands for standard input in place of a file.
pub const STANDARD_INPUT: &str = "-";

/// A line of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Its number, from 1.
    pub number: usize,
    /// What is in it, without its end.
    pub text: String,
    /// What is to be said of the text from here on: a clause.
    pub note: Option<String>,
}

/// The lines of a text, which is read once, in batches: of a file as many as are asked for; of a pipe or a terminal those
/// that are there, one at least.
pub struct Lines {
    source: Source,
    most: usize,
    fault: Option<DataError>,
}

enum Source {
    File(Reader),
    /// From a thread that nobody waits for: it ends with its input, or with the program.
    Pipe(Receiver<Result<Line, DataError>>),
}

impl Lines {
    /// Opens a file, or, by the name `-`, standard input. A batch has `most` lines at most.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn open(path: &Path, encoding: Encoding, most: usize) -> Result<Self, DataError> {
        let open = || File::open(path).map_err(|e| io_error(path, e));
        let source = if path.is_file() {
            let form = encoding.form_of(path, false)?;
            Source::File(Reader { note: form.note(encoding, path), ..Reader::new(open()?, path, Some(form)) })
        } else {
            let form = encoding.named();
            let mut reader = match path == Path::new(STANDARD_INPUT) {
                true => Reader::new(io::stdin(), path, form),
                false => Reader::new(open()?, path, form),
            };
            let (send, receive) = sync_channel(2 * most);
            std::thread::spawn(move || {
                while let Some(line) = reader.next().transpose() {
                    let failed = line.is_err();
                    // Whoever no longer listens has enough.
                    if send.send(line).is_err() || failed {
                        break;
                    }
                }
            });
            Source::Pipe(receive)
        };
        Ok(Self { source, most, fault: None })
    }

    /// The next lines; none at the end.
    ///
    /// # Errors
    /// A file that cannot be read on, bytes that are no text; the lines before them are given first.
    pub fn next_batch(&mut self) -> Result<Vec<Line>, DataError> {
        let mut batch = Vec::new();
        while batch.len() < self.most && self.fault.is_none() {
            let line = match &mut self.source {
                Source::File(reader) => reader.next().transpose(),
                Source::Pipe(lines) if batch.is_empty() => lines.recv().ok(),
                Source::Pipe(lines) => lines.try_recv().ok(),
            };
            match line {
                Some(Ok(line)) => batch.push(line),
                Some(Err(fault)) => self.fault = Some(fault),
                None => break,
            }
        }
        match self.fault.take_if(|_| batch.is_empty()) {
            Some(fault) => Err(fault),
            None => Ok(batch),
        }
    }
}

/// Reads line by line.
struct Reader {
    source: Box<dyn BufRead + Send>,
    path: PathBuf,
    /// What the source is read as, where that is known.
    form: Option<Form>,
    number: usize,
    /// Bytes before the line.
    offset: usize,
    /// Whether the last line ended with a carriage return, whose line feed may follow.
    returned: bool,
    /// What is to be said with the next line.
    note: Option<String>,
}

impl Reader {
    /// A reader of a source in a form; where none is given, the first letters that are not ASCII decide it.
    fn new(source: impl Read + Send + 'static, path: &Path, form: Option<Form>) -> Self {
        let mut reader = Self {
            source: Box::new(BufReader::new(source)),
            path: path.to_owned(),
            form: None,
            number: 0,
            offset: 0,
            returned: false,
            note: None,
        };
        if let Some(form) = form {
            reader.decode(form);
        }
        reader
    }

    /// Reads on in a form.
    fn decode(&mut self, form: Form) {
        if form != Form::UTF_8 {
            let source = std::mem::replace(&mut self.source, Box::new(io::empty()));
            self.source = Box::new(BufReader::new(Transcoded::new(source, form)));
        }
        self.form = Some(form);
    }

    fn next(&mut self) -> Result<Option<Line>, DataError> {
        if self.number == 0 && self.form.is_none() {
            let first = self.source.fill_buf().map_err(|e| io_error(&self.path, e))?;
            if let Some(form) = Form::wide(first) {
                self.note = form.note(Encoding::AUTO, &self.path);
                self.decode(form);
            }
        }
        let offset = self.offset;
        let Some(mut bytes) = self.bytes().map_err(|e| io_error(&self.path, e))? else { return Ok(None) };
        self.number += 1;
        if self.form.is_none() && !bytes.is_ascii() {
            let form = Encoding::AUTO.form(|| Ok(&bytes[..]), false).map_err(|e| io_error(&self.path, e))?;
            if form != Form::UTF_8 {
                let mut text = Vec::new();
                let read = Transcoded::new(&bytes[..], form).read_to_end(&mut text);
                read.map_err(|e| io_error(&self.path, e))?;
                bytes = text;
            }
            self.note = form.note(Encoding::AUTO, &self.path);
            self.decode(form);
        }
        let path = || self.path.clone();
        if let Some(at) = bytes.iter().position(|&byte| byte == 0) {
            return Err(DataError::Binary { path: path(), offset: offset + at });
        }
        let mut text = String::from_utf8(bytes).map_err(|e| {
            let at = e.utf8_error().valid_up_to();
            let (byte, offset, line) = (e.as_bytes()[at], offset + at, self.number);
            DataError::NotText { path: path(), byte, offset, line, encoding: "utf-8".to_owned() }
        })?;
        if self.number == 1 && text.starts_with('\u{FEFF}') {
            text.remove(0);
        }
        Ok(Some(Line { number: self.number, text, note: self.note.take() }))
    }

    /// The bytes of the next line, without its end.
    fn bytes(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut line = Vec::new();
        loop {
            let block = match self.source.fill_buf() {
                Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                block => block?,
            };
            if block.is_empty() {
                return Ok((!line.is_empty()).then_some(line));
            }
            let fed = usize::from(std::mem::take(&mut self.returned) && block[0] == b'\n');
            let rest = &block[fed..];
            let end = rest.iter().position(|byte| matches!(byte, b'\n' | b'\r'));
            line.extend_from_slice(&rest[..end.unwrap_or(rest.len())]);
            self.returned = end.is_some_and(|end| rest[end] == b'\r');
            let used = fed + end.map_or(rest.len(), |end| end + 1);
            self.source.consume(used);
            self.offset += used;
            if end.is_some() {
                return Ok(Some(line));
            }
        }
    }
}
