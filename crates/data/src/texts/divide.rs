//! From the lines of a file to its pieces, stretch by stretch.

use std::io::Read;

use super::decode::Lines;
use super::{DOCUMENT_SEPARATOR, Event, Format};
use crate::error::DataError;

/// What a tune's first line begins with.
pub(super) const TUNE: &str = "X:";

/// A stretch may be so many times longer than wanted before it is parted anywhere.
const PATIENCE: usize = 16;

impl Format {
    /// Whether a line is the first of a piece (ABC), or parts two of them (text).
    fn is_border(self, line: &str) -> bool {
        match self {
            Format::Abc => line.starts_with(TUNE),
            Format::Text => line.trim_end() == DOCUMENT_SEPARATOR,
        }
    }

    /// Whether a line that begins so may be a border.
    fn may_be_border(self, beginning: &str) -> bool {
        match self {
            Format::Abc => TUNE.starts_with(beginning),
            Format::Text => {
                let rest = beginning.strip_prefix(DOCUMENT_SEPARATOR);
                DOCUMENT_SEPARATOR.starts_with(beginning) || rest.is_some_and(|rest| rest.trim().is_empty())
            }
        }
    }
}

/// Shows the pieces of the file of number `file`, in stretches of about `stretch` bytes.
pub(super) fn divide<E: From<DataError>>(
    mut lines: Lines<impl Read>,
    format: Format,
    file: usize,
    stretch: usize,
    see: &mut impl FnMut(Event) -> Result<(), E>,
) -> Result<(), E> {
    let mut piece =
        Open { see, format, file, stretch, text: String::new(), line: 1, begun: false, full: stretch };
    let (mut number, mut pieces, mut blank) = (1, 0, true);
    // What precedes the first tune is none.
    let mut within = format == Format::Text;
    lines.each(
        |line| format.may_be_border(line),
        |line, begins| {
            let ends = line.ends_with('\n');
            let border = begins && format.is_border(line);
            if border {
                pieces += usize::from(within && piece.close()?);
                piece.line = if format == Format::Abc { number } else { number + 1 };
                within = true;
            }
            blank &= line.trim_start().is_empty();
            if within && !(border && format == Format::Text) {
                piece.push(line)?;
            }
            number += usize::from(ends);
            Ok::<_, E>(())
        },
    )?;
    pieces += usize::from(within && piece.close()?);
    let path = lines.path().to_owned();
    match format {
        _ if pieces > 0 => Ok(()),
        Format::Abc if !blank => Err(DataError::NoTune { path }.into()),
        _ => Err(DataError::Empty { path }.into()),
    }
}

/// A piece that is being read.
struct Open<'a, F> {
    see: &'a mut F,
    format: Format,
    file: usize,
    stretch: usize,
    /// The line on which it begins.
    line: usize,
    /// What has not been shown of it.
    text: String,
    /// Whether anything has been shown.
    begun: bool,
    /// The length of the text at which a part of it is shown.
    full: usize,
}

impl<F, E> Open<'_, F>
where
    F: FnMut(Event) -> Result<(), E>,
{
    fn push(&mut self, text: &str) -> Result<(), E> {
        self.text.push_str(text);
        if self.text.len() < self.full {
            return Ok(());
        }
        let at = match last_border(&self.text) {
            Some(at) => at,
            None if self.text.len() < PATIENCE * self.stretch => 0,
            // White space at the end may be the end of the tune.
            None => self.text.trim_end().len(),
        };
        if at > 0 {
            self.show(at)?;
            self.text.drain(..at);
        }
        self.full = self.stretch.max(2 * self.text.len());
        Ok(())
    }

    /// Ends the piece, if it is one; a blank document is none.
    fn close(&mut self) -> Result<bool, E> {
        let solid = self.text.trim_end().len();
        let is_piece = self.begun || solid > 0;
        if self.format == Format::Abc {
            self.text.truncate(solid);
            self.text.push('\n');
        }
        if is_piece {
            if !self.text.is_empty() {
                self.show(self.text.len())?;
            }
            (self.see)(Event::End)?;
        }
        self.text.clear();
        (self.begun, self.full) = (false, self.stretch);
        Ok(is_piece)
    }

    fn show(&mut self, length: usize) -> Result<(), E> {
        if !self.begun {
            self.begun = true;
            (self.see)(Event::Begin { file: self.file, line: self.line })?;
        }
        (self.see)(Event::Text(&self.text[..length]))
    }
}

/// The last place over which no token reaches: before a single space, or behind a single line end, between characters
/// that are no white space.
fn last_border(text: &str) -> Option<usize> {
    let mut solid = false;
    for (at, c) in text.char_indices().rev() {
        if solid && matches!(c, ' ' | '\n') {
            let before = text[..at].chars().next_back();
            if before.is_some_and(|c| !c.is_whitespace()) {
                return Some(if c == '\n' { at + 1 } else { at });
            }
        }
        solid = !c.is_whitespace();
    }
    None
}
