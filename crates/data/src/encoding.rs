//! How the bytes of a text become characters: by the encoding that is named, or by what they look like.
//!
//! Found is, in this order: the one that a byte order mark names; UTF-16 without a mark, where every second byte of what
//! UTF-8 would write in one is zero; UTF-8, where the bytes are that; else what the letters make likeliest ([`chardetng`],
//! as web browsers guess). A text that is UTF-8 in most of its letters and broken in a few is
//! damaged UTF-8 and not guessed to be another.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::str::FromStr;

use encoding_rs::{Decoder, DecoderResult, UTF_8, UTF_16BE, UTF_16LE};

use crate::error::DataError;
use crate::files::io_error;

/// Bytes that are read at once.
const BLOCK: usize = 1 << 16;

/// The encoding of texts: one by its name, or whatever each of them is in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Encoding(Option<&'static encoding_rs::Encoding>);

/// A text names no encoding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("auto, or the name of an encoding such as utf-8, windows-1252, utf-16le or shift_jis, is expected")]
pub struct NoEncoding;

impl FromStr for Encoding {
    type Err = NoEncoding;

    /// `auto`, or a name of the [WHATWG's list](https://encoding.spec.whatwg.org/#names-and-labels).
    fn from_str(text: &str) -> Result<Self, NoEncoding> {
        if text == "auto" {
            return Ok(Self(None));
        }
        let name = text.to_ascii_lowercase().replace("latin-", "latin").replace('_', "-");
        let known = [text.as_bytes(), name.as_bytes()];
        let found = known.into_iter().find_map(encoding_rs::Encoding::for_label_no_replacement);
        found.map(|found| Self(Some(found))).ok_or(NoEncoding)
    }
}

impl fmt::Display for Encoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.map_or("auto".to_owned(), name))
    }
}

crate::as_text!(Encoding);

/// The name of an encoding as it is written here.
fn name(encoding: &'static encoding_rs::Encoding) -> String {
    encoding.name().to_ascii_lowercase()
}

/// What a text is to be read as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// As characters in an encoding.
    Text(&'static encoding_rs::Encoding),
    /// Byte by byte, for it is no text; see [`byte_of`].
    Bytes,
}

impl Form {
    pub const UTF_8: Form = Form::Text(UTF_8);

    /// That of a text in UTF-16, by its first bytes: a mark, the first byte of which begins nothing in UTF-8, or zeros.
    pub fn wide(first: &[u8]) -> Option<Form> {
        match first.first()? {
            0xFF => Some(Form::Text(UTF_16LE)),
            0xFE => Some(Form::Text(UTF_16BE)),
            // A unit of two bytes may be on its way.
            _ if first.contains(&0) => {
                let utf8 = std::str::from_utf8(first).is_ok();
                unmarked(&first[..first.len() / 2 * 2], utf8).ok()?.map(Form::Text)
            }
            _ => None,
        }
    }

    /// The bytes of a line feed.
    pub fn line_feed(self) -> &'static [u8] {
        match self {
            Form::Text(encoding) if encoding == UTF_16LE => b"\n\0",
            Form::Text(encoding) if encoding == UTF_16BE => b"\0\n",
            _ => b"\n",
        }
    }
}

/// What was seen of some bytes.
#[derive(Default)]
struct Sight {
    /// The encoding that their first ones name, and how many those are.
    mark: Option<(&'static encoding_rs::Encoding, usize)>,
    nul: bool,
    /// Characters of several bytes that are right as UTF-8, and places that are not.
    right: u64,
    wrong: u64,
    /// Whether there is a character that stands for a byte.
    byte: bool,
}

impl Encoding {
    /// Reads as what each text looks like.
    pub const AUTO: Self = Self(None);

    /// What the bytes of a text, which can be had again and again, are to be read as. With `any`, bytes that are no text are
    /// taken as they are.
    pub(crate) fn form<R: Read>(self, open: impl Fn() -> io::Result<R>, any: bool) -> io::Result<Form> {
        if let (Some(named), false) = (self.0, any) {
            // A mark says it better: there are two kinds of UTF-16.
            let mut first = Vec::new();
            open()?.take(3).read_to_end(&mut first)?;
            return Ok(Form::Text(mark(&first).map_or(named, |(marked, _)| marked)));
        }
        let sight = look(open()?)?;
        let unmarked = match (sight.mark, self.0) {
            (None, None) if sight.nul && !any => unmarked(open()?, sight.wrong == 0)?,
            _ => None,
        };
        Ok(Form::Text(match (sight.mark, self.0) {
            (Some((marked, _)), _) if marked != UTF_8 => marked,
            _ if let Some(unmarked) = unmarked => unmarked,
            (_, Some(named)) if named != UTF_8 => named,
            _ if any && (sight.nul || sight.byte || sight.wrong > 0 && sight.right >= sight.wrong) => {
                return Ok(Form::Bytes);
            }
            // Whoever reads it says what is wrong.
            (_, Some(_)) => UTF_8,
            _ if sight.nul || sight.wrong == 0 || sight.right > sight.wrong => UTF_8,
            _ => guess(open()?)?,
        }))
    }

    /// The form that was named.
    pub(crate) fn named(self) -> Option<Form> {
        self.0.map(Form::Text)
    }

    /// That of a file.
    pub(crate) fn form_of(self, path: &Path, any: bool) -> Result<Form, DataError> {
        self.form(|| File::open(path), any).map_err(|e| io_error(path, e))
    }

    /// What is to be said of a file's encoding, where it is another than UTF-8 and was not named: a clause.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn note(self, path: &Path) -> Result<Option<String>, DataError> {
        // What is read once only cannot be looked at before.
        if self.0.is_some() || !path.is_file() {
            return Ok(None);
        }
        Ok(self.form_of(path, false)?.note(self, path))
    }
}

impl Form {
    /// What is to be said of it, where it was found as `encoding` says.
    pub fn note(self, encoding: Encoding, path: &Path) -> Option<String> {
        match self {
            Form::Text(_) if encoding.0.is_some() => None,
            Form::Text(encoding) if encoding == UTF_8 => None,
            Form::Text(encoding) => {
                let (path, name) = (path.display(), name(encoding));
                Some(format!(
                    "{path} is not UTF-8 and is read as {name}; data.encoding names another encoding"
                ))
            }
            Form::Bytes => Some(format!("{} is no text and is read byte by byte", path.display())),
        }
    }
}

/// The encoding that a byte order mark names.
fn mark(first: &[u8]) -> Option<(&'static encoding_rs::Encoding, usize)> {
    encoding_rs::Encoding::for_bom(first)
}

fn look(mut source: impl Read) -> io::Result<Sight> {
    let mut sight = Sight::default();
    let (mut block, mut kept, mut begun) = (vec![0; BLOCK], 0, false);
    loop {
        let read = fill(&mut source, &mut block[kept..])?;
        let bytes = &block[..kept + read];
        if !begun {
            begun = true;
            sight.mark = mark(bytes);
        }
        sight.nul |= bytes.contains(&0);
        let mut rest = 0;
        let mut at = 0;
        for chunk in bytes.utf8_chunks() {
            at += chunk.valid().len() + chunk.invalid().len();
            let several = chunk.valid().bytes().filter(|&byte| byte >= 0xC0).count();
            sight.right += several as u64;
            sight.byte |= several > 0 && chunk.valid().chars().any(|c| byte_of(c).is_some());
            let bad = chunk.invalid();
            rest = 0;
            if !bad.is_empty() {
                let unfinished =
                    at == bytes.len() && std::str::from_utf8(bad).is_err_and(|e| e.error_len().is_none());
                if unfinished && read > 0 {
                    rest = bad.len();
                } else {
                    sight.wrong += 1;
                }
            }
        }
        let end = kept + read;
        block.copy_within(end - rest..end, 0);
        kept = rest;
        if read == 0 {
            return Ok(sight);
        }
    }
}

/// What was seen of bytes as units of UTF-16.
#[derive(Clone, Copy, Default)]
struct Units {
    all: u64,
    /// Spaces and ends of lines; letters and signs of ASCII with them.
    white: u64,
    plain: u64,
    /// Whether one is in no text.
    foreign: bool,
    /// The first half of a character of two.
    half: bool,
}

impl Units {
    fn see(&mut self, unit: u16) {
        let (low, high) = ((0xDC00..0xE000).contains(&unit), (0xD800..0xDC00).contains(&unit));
        self.foreign |= self.half != low || unit >= 0xFFFE;
        self.half = high;
        self.all += 1;
        match u8::try_from(unit) {
            Ok(b' ' | b'\t' | b'\n' | b'\r') => (self.white, self.plain) = (self.white + 1, self.plain + 1),
            Ok(0x0C | 0x80..) => {}
            Ok(0..b' ' | 0x7F) => self.foreign = true,
            Ok(_) => self.plain += 1,
            Err(_) => {}
        }
    }

    /// Whether they look like a text: most are ASCII, or, where their bytes are none by themselves, words and lines are
    /// parted by white space.
    fn is_text(&self, narrow: bool) -> bool {
        let parted = !narrow && 50 * self.white >= self.all;
        !self.foreign && !self.half && (4 * self.plain >= 3 * self.all || parted)
    }
}

/// The kind of UTF-16 that bytes without a mark look like, if they do: units that are in no text are not among them. `utf8`
/// says that they are UTF-8 as well; such a text with a few zeros in it is in no other alphabet.
fn unmarked(mut source: impl Read, utf8: bool) -> io::Result<Option<&'static encoding_rs::Encoding>> {
    let (mut little, mut big) = (Units::default(), Units::default());
    let mut narrow = utf8;
    let (mut block, mut kept) = (vec![0; BLOCK], 0);
    loop {
        let read = fill(&mut source, &mut block[kept..])?;
        let bytes = &block[..kept + read];
        narrow &= !bytes.iter().any(|&byte| matches!(byte, 1..=8 | 0x0B | 0x0E..=0x1F | 0x7F));
        let (units, rest) = bytes.as_chunks::<2>();
        for &unit in units {
            little.see(u16::from_le_bytes(unit));
            big.see(u16::from_be_bytes(unit));
        }
        if read == 0 || little.foreign && big.foreign {
            let whole = rest.is_empty();
            let kinds = [(little, UTF_16LE), (big, UTF_16BE)].into_iter();
            let texts = kinds.filter(|(units, _)| whole && units.all > 0 && units.is_text(narrow));
            return Ok(texts.max_by_key(|(units, _)| (units.white, units.plain)).map(|(_, kind)| kind));
        }
        let end = kept + read;
        kept = rest.len();
        block.copy_within(end - kept..end, 0);
    }
}

/// The likeliest encoding of what is no UTF-8.
fn guess(mut source: impl Read) -> io::Result<&'static encoding_rs::Encoding> {
    let mut detector = chardetng::EncodingDetector::new(chardetng::Iso2022JpDetection::Deny);
    let mut block = vec![0; BLOCK];
    loop {
        let read = fill(&mut source, &mut block)?;
        detector.feed(&block[..read], read == 0);
        if read == 0 {
            return Ok(detector.guess(None, chardetng::Utf8Detection::Deny));
        }
    }
}

/// Reads what there is; 0 at the end.
fn fill(source: &mut impl Read, into: &mut [u8]) -> io::Result<usize> {
    loop {
        match source.read(into) {
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            read => return read,
        }
    }
}

/// The character that stands for a byte of what is no text: one of the last private ones.
fn char_of(byte: u8) -> char {
    char::from_u32(BYTES + u32::from(byte)).expect("the last 256 numbers are characters")
}

/// The byte that a character stands for, if it stands for one.
pub(crate) fn byte_of(c: char) -> Option<u8> {
    u32::from(c).checked_sub(BYTES).map(|byte| byte as u8)
}

const BYTES: u32 = 0x10_FF00;

/// Bytes that are not what they are read as; goes through [`io::Error`].
#[derive(Debug, thiserror::Error)]
#[error("byte 0x{byte:02X} at offset {offset} (line {line}) is not valid {encoding}")]
pub(crate) struct Undecodable {
    pub byte: u8,
    pub offset: usize,
    pub line: usize,
    pub encoding: String,
}

/// Reads what is in another encoding as UTF-8.
pub(crate) struct Transcoded<R> {
    source: R,
    decoder: Option<Decoder>,
    input: Vec<u8>,
    /// Bytes of the input that were read last.
    to: usize,
    output: Vec<u8>,
    /// Bytes of it that were given on.
    given: usize,
    /// Bytes decoded, and line ends among them.
    offset: usize,
    feeds: usize,
    ended: bool,
}

impl<R: Read> Transcoded<R> {
    pub fn new(source: R, form: Form) -> Self {
        let decoder = match form {
            Form::Text(encoding) => Some(encoding.new_decoder_with_bom_removal()),
            Form::Bytes => None,
        };
        let (input, output) = (vec![0; BLOCK], Vec::new());
        let (to, given, offset, feeds) = (0, 0, 0, 0);
        Self { source, decoder, input, to, output, given, offset, feeds, ended: false }
    }

    fn more(&mut self) -> io::Result<()> {
        // A character may have begun at the end of the block before.
        let behind = self.input[self.to.saturating_sub(8)..self.to].to_vec();
        self.to = fill(&mut self.source, &mut self.input)?;
        let last = self.to == 0;
        let input = &self.input[..self.to];
        let Some(decoder) = &mut self.decoder else {
            // Characters that are right stay what they are; what ends a block is parted, and stays bytes.
            for chunk in input.utf8_chunks() {
                for c in chunk.valid().chars() {
                    let mut bytes = [0; 4];
                    let bytes = c.encode_utf8(&mut bytes).as_bytes();
                    if byte_of(c).is_some() || matches!(c, '\0' | '\r' | '\u{FEFF}') {
                        bytes.iter().for_each(|&byte| push(&mut self.output, char_of(byte)));
                    } else {
                        self.output.extend_from_slice(bytes);
                    }
                }
                chunk.invalid().iter().for_each(|&byte| push(&mut self.output, char_of(byte)));
            }
            self.ended = last;
            return Ok(());
        };
        let mut text = String::with_capacity(decoder.max_utf8_buffer_length(input.len()).unwrap_or(BLOCK));
        let mut at = 0;
        loop {
            let (result, read) = decoder.decode_to_string_without_replacement(&input[at..], &mut text, last);
            at += read;
            match result {
                DecoderResult::InputEmpty => break,
                DecoderResult::OutputFull => text.reserve(BLOCK),
                DecoderResult::Malformed(length, after) => {
                    let back = usize::from(length) + usize::from(after);
                    let offset = (self.offset + at).saturating_sub(back);
                    let line = 1 + self.feeds + text.bytes().filter(|&byte| byte == b'\n').count();
                    let byte = behind.iter().chain(&input[..at]).rev().nth(back - 1).copied();
                    let byte = byte.unwrap_or_default();
                    let encoding = name(decoder.encoding());
                    let error = Undecodable { byte, offset, line, encoding };
                    return Err(io::Error::new(io::ErrorKind::InvalidData, error));
                }
            }
        }
        self.offset += at;
        self.feeds += text.bytes().filter(|&byte| byte == b'\n').count();
        self.output.extend_from_slice(text.as_bytes());
        self.ended = last;
        Ok(())
    }
}

fn push(output: &mut Vec<u8>, c: char) {
    output.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
}

impl<R: Read> Read for Transcoded<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.given == self.output.len() && !self.ended {
            self.output.clear();
            self.given = 0;
            self.more()?;
        }
        let count = into.len().min(self.output.len() - self.given);
        into[..count].copy_from_slice(&self.output[self.given..][..count]);
        self.given += count;
        Ok(count)
    }
}
