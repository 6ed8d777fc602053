//! What a reader found wrong, and where.

use std::fmt;

/// Something in a text that could not be read as music, or that does not add up.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// Line in the text, from 1.
    pub line: u32,
    /// Character in the line, from 1.
    pub column: u32,
    /// What was found and what would be right, in one sentence.
    pub message: String,
}

impl Problem {
    pub(crate) fn new(line: u32, column: u32, message: impl Into<String>) -> Self {
        Self { line, column, message: message.into() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}: {}", self.line, self.column, self.message)
    }
}
