//! From the bytes of a file to its lines, block by block.

use std::io::{ErrorKind, Read};
use std::path::Path;

use crate::error::DataError;
use crate::files::io_error;

/// The lines of a UTF-8 file.
pub(super) struct Lines<'a, R> {
    source: R,
    path: &'a Path,
    block: Vec<u8>,
    /// Bytes at the start of the block that are the beginning of a character.
    kept: usize,
    /// Bytes of the file before the block, and line ends among them.
    offset: usize,
    feeds: usize,
    /// Whether any character has been read, so that a byte order mark is none any more.
    begun: bool,
    /// Whether the last character was a carriage return, whose line feed may follow.
    returned: bool,
}

impl<'a, R: Read> Lines<'a, R> {
    /// Reads blocks of `block` bytes, 4 at least; `path` is named in messages.
    pub fn new(source: R, path: &'a Path, block: usize) -> Self {
        let block = vec![0; block.max(4)];
        Lines { source, path, block, kept: 0, offset: 0, feeds: 0, begun: false, returned: false }
    }

    /// The file.
    pub fn path(&self) -> &'a Path {
        self.path
    }

    /// Shows all lines with their line ends, and whether a line begins with what is shown: long ones come in parts. What
    /// `undecided` says of the beginning of a line is not shown before more of the line has been read.
    pub fn each<E: From<DataError>>(
        &mut self,
        undecided: impl Fn(&str) -> bool,
        mut see: impl FnMut(&str, bool) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut text = String::new();
        let mut begins = true;
        loop {
            let more = self.read(&mut text)?;
            let mut at = 0;
            while at < text.len() {
                let rest = &text[at..];
                let end = rest.find('\n');
                let line = end.map_or(rest, |end| &rest[..=end]);
                if begins && end.is_none() && more && undecided(line) {
                    break;
                }
                see(line, begins)?;
                at += line.len();
                begins = end.is_some();
            }
            text.drain(..at);
            if !more {
                return Ok(());
            }
        }
    }

    /// Appends the next block, with `\n` line ends and without a byte order mark; false where there is none.
    fn read(&mut self, text: &mut String) -> Result<bool, DataError> {
        let returned = self.returned;
        let read = self.fill(self.kept)?;
        let bytes = &self.block[..self.kept + read];
        if bytes.contains(&0) {
            let at = bytes.iter().position(|&byte| byte == 0).unwrap_or(0);
            return Err(DataError::Binary { path: self.path.to_owned(), offset: self.offset + at });
        }
        let valid = match std::str::from_utf8(bytes) {
            Ok(valid) => valid,
            Err(e) if e.error_len().is_some() || read == 0 => {
                let length = bytes.len();
                return Err(self.invalid(e.valid_up_to(), length));
            }
            // A character that goes on in the next block.
            Err(e) => std::str::from_utf8(&bytes[..e.valid_up_to()]).unwrap_or_default(),
        };
        let mut new = valid;
        if !self.begun && !new.is_empty() {
            self.begun = true;
            new = new.strip_prefix('\u{FEFF}').unwrap_or(new);
        }
        if self.returned && !new.is_empty() {
            self.returned = false;
            new = new.strip_prefix('\n').unwrap_or(new);
        }
        let mut parts = new.split('\r');
        text.push_str(parts.next().unwrap_or_default());
        for part in parts {
            text.push('\n');
            text.push_str(part.strip_prefix('\n').unwrap_or(part));
        }
        self.returned |= new.ends_with('\r');
        let length = valid.len();
        self.feeds += line_ends(&bytes[..length], returned);
        self.offset += length;
        self.kept = bytes.len() - length;
        self.block.copy_within(length..length + self.kept, 0);
        Ok(read > 0)
    }

    /// Reads into the block from `at` on.
    fn fill(&mut self, at: usize) -> Result<usize, DataError> {
        loop {
            match self.source.read(&mut self.block[at..]) {
                Ok(read) => return Ok(read),
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) => return Err(io_error(self.path, e)),
            }
        }
    }

    /// What is wrong with a file whose block has `valid` good bytes and no NUL: it is binary, if there is one further on.
    fn invalid(&mut self, valid: usize, length: usize) -> DataError {
        let path = self.path.to_owned();
        let line = 1 + self.feeds + line_ends(&self.block[..valid], self.returned);
        let (byte, offset) = (self.block[valid], self.offset + valid);
        let mut before = self.offset + length;
        loop {
            match self.fill(0) {
                Ok(0) => {
                    let encoding = "utf-8".to_owned();
                    return DataError::NotText { path, byte, offset, line, encoding };
                }
                Ok(read) => {
                    if let Some(nul) = self.block[..read].iter().position(|&byte| byte == 0) {
                        return DataError::Binary { path, offset: before + nul };
                    }
                    before += read;
                }
                Err(error) => return error,
            }
        }
    }
}

/// How many lines end in some bytes; `returned` says that a carriage return stands before them, whose line feed ends none.
fn line_ends(bytes: &[u8], returned: bool) -> usize {
    let mut before = if returned { b'\r' } else { b' ' };
    let ends = |&byte: &u8| {
        let ends = byte == b'\r' || byte == b'\n' && before != b'\r';
        before = byte;
        ends
    };
    bytes.iter().copied().filter(ends).count()
}
