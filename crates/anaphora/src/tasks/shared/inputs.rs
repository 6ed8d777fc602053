//! What a prediction is made from, and how files are read for it.

use std::path::{Path, PathBuf};

use anaphora_data::DataError;
use anaphora_data::table::{Column, TableOptions};

use crate::recipe::Data;
use crate::{Error, Result};

/// Something to predict from.
#[derive(Clone, Debug, PartialEq)]
pub enum Input {
    /// A text on the command line.
    Text(String),
    /// A file.
    File(PathBuf),
}

impl Input {
    /// What messages call it.
    pub fn path(&self) -> &Path {
        match self {
            Self::Text(_) => Path::new("the text given"),
            Self::File(path) => path,
        }
    }
}

/// The content of an input that is text: its own, or its file's.
pub fn read_lines(input: &Input) -> Result<String> {
    let path = match input {
        Input::Text(text) => return Ok(text.clone()),
        Input::File(path) => path,
    };
    let content = std::fs::read(path).map_err(Error::io("read", path))?;
    String::from_utf8(content).map_err(|error| {
        let offset = error.utf8_error().valid_up_to();
        let byte = error.as_bytes()[offset];
        let line = 1 + error.as_bytes()[..offset].iter().filter(|&&byte| byte == b'\n').count();
        Error::Data(DataError::NotUtf8 { path: path.to_owned(), byte, offset, line })
    })
}

/// Shows each line of the inputs that is not empty: the input, its number in a file (0 for a text on the command line), and
/// the line.
pub fn each_line(inputs: &[Input], mut see: impl FnMut(&Input, usize, &str) -> Result<()>) -> Result<()> {
    for input in inputs {
        let text = read_lines(input)?;
        let is_file = matches!(input, Input::File(_));
        for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            see(input, if is_file { index + 1 } else { 0 }, line.trim())?;
        }
    }
    Ok(())
}

/// What is wrong at a line of a file; at 0 with all of it.
pub fn malformed_at(path: &Path, line: usize, reason: impl std::fmt::Display) -> Error {
    let reason = if line > 0 { format!("line {line}: {reason}") } else { reason.to_string() };
    Error::Malformed { path: path.to_owned(), reason }
}

/// How the recipe's tables are read.
pub fn table_options(data: &Data) -> TableOptions {
    TableOptions { layout: data.layout, header: None, skip_bad: data.skip_bad }
}

/// A column as a recipe names it: by its name, or by its number from 1.
pub fn column(name: &str) -> Column {
    name.trim().parse().expect("any text is a column")
}
