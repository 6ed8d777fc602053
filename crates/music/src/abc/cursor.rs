//! A cursor over one line of text that knows its column.

/// Largest number that is read: keeps every product of lengths far from overflow.
const LARGEST: u64 = 10_000_000;

/// Most characters between a quotation mark or bracket and the one that closes it. Without a bound
/// a line of opening brackets would be searched to its end from each of them.
const FARTHEST: usize = 1000;

/// The lines of a text with their ends: LF, CR LF, or CR as in files of old Macintoshes.
pub(super) fn lines_with_ends(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let end = rest.find(['\n', '\r']).map_or(rest.len(), |at| {
            let both = rest[at..].starts_with("\r\n");
            at + if both { 2 } else { 1 }
        });
        let (line, after) = rest.split_at(end);
        rest = after;
        (!line.is_empty()).then_some(line)
    })
}

/// The lines of a text without their ends.
pub(super) fn lines(text: &str) -> impl Iterator<Item = &str> {
    lines_with_ends(text).map(|line| line.trim_end_matches(['\n', '\r']))
}

/// Position in a line.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cursor<'a> {
    rest: &'a str,
    /// Column of the next character, from 1.
    pub column: u32,
}

impl<'a> Cursor<'a> {
    pub fn new(line: &'a str) -> Self {
        Self { rest: line, column: 1 }
    }

    /// A cursor on what follows a given number of bytes, all of them ASCII.
    pub fn after_ascii(line: &'a str, bytes: usize) -> Self {
        Self { rest: &line[bytes..], column: bytes as u32 + 1 }
    }

    pub fn rest(&self) -> &'a str {
        self.rest
    }

    pub fn peek(&self) -> Option<char> {
        self.rest.chars().next()
    }

    /// The character after the next.
    pub fn peek_second(&self) -> Option<char> {
        self.rest.chars().nth(1)
    }

    pub fn next(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.rest = &self.rest[c.len_utf8()..];
        self.column += 1;
        Some(c)
    }

    /// Takes the next character if it is `c`.
    pub fn eat(&mut self, c: char) -> bool {
        let found = self.peek() == Some(c);
        if found {
            self.next();
        }
        found
    }

    pub fn skip_spaces(&mut self) {
        self.take_while(char::is_whitespace);
    }

    pub fn take_while(&mut self, mut keep: impl FnMut(char) -> bool) -> &'a str {
        let end = self.rest.find(|c| !keep(c)).unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at(end);
        self.column += taken.chars().count() as u32;
        self.rest = rest;
        taken
    }

    /// Takes everything up to `close` and `close` itself; `None`, and nothing taken, where none
    /// comes soon.
    pub fn take_through(&mut self, close: char) -> Option<&'a str> {
        let (end, _) = self.rest.char_indices().take(FARTHEST).find(|(_, c)| *c == close)?;
        let taken = &self.rest[..end];
        self.column += taken.chars().count() as u32 + 1;
        self.rest = &self.rest[end + close.len_utf8()..];
        Some(taken)
    }

    /// A number without sign; too large a one is cut to ten million.
    pub fn number(&mut self) -> Option<u64> {
        let digits = self.take_while(|c| c.is_ascii_digit());
        if digits.is_empty() {
            return None;
        }
        Some(digits.parse().unwrap_or(LARGEST).min(LARGEST))
    }

    /// A note length such as `3/2`, `/`, `//`, `2` or nothing, as numerator and denominator.
    /// Either may be 0 where the text says so.
    pub fn fraction(&mut self) -> (u64, u64) {
        let numerator = self.number().unwrap_or(1);
        let mut denominator = 1;
        while self.eat('/') {
            let by = self.number().unwrap_or(2);
            denominator = (denominator * by).min(LARGEST);
        }
        (numerator, denominator)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fractions() {
        for (text, value) in [
            ("", (1, 1)),
            ("2", (2, 1)),
            ("/", (1, 2)),
            ("//", (1, 4)),
            ("3/2", (3, 2)),
            ("/4", (1, 4)),
            ("99999999999999999999/0", (LARGEST, 0)),
        ] {
            assert_eq!(Cursor::new(text).fraction(), value, "{text:?}");
        }
    }

    #[test]
    fn lines_end_in_three_ways() {
        for text in ["a\n\nb\nc", "a\r\n\r\nb\r\nc\r\n", "a\r\rb\rc\r", "a\n\rb\r\nc"] {
            assert_eq!(lines(text).collect::<Vec<_>>(), ["a", "", "b", "c"], "{text:?}");
            assert_eq!(lines_with_ends(text).collect::<String>(), text);
        }
        assert_eq!(lines("").count(), 0);
    }

    #[test]
    fn columns_count_characters() {
        let mut c = Cursor::new("\"é\"A");
        c.next();
        assert_eq!(c.take_through('"'), Some("é"));
        assert_eq!(c.column, 4);
        assert_eq!(c.take_through('"'), None);
        assert_eq!(c.peek(), Some('A'));
    }
}
