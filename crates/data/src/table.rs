//! Rows of text cells: CSV, TSV, columns of white space, or a label and the text behind it.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::encoding::Encoding;
use crate::error::{At, DataError, counted, sift};
use crate::files::{Decoded, decode_lines, has_extension, read};

/// The separators of cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Layout {
    /// By commas; a cell may be quoted, and then hold commas and line ends.
    Comma,
    /// By semicolons, else as by commas.
    Semicolon,
    /// By tabulators; quotation marks mean themselves.
    Tab,
    /// By white space.
    Space,
    /// The first word is one cell, the rest of the line the other.
    Head,
}

impl Layout {
    /// By the file's extension (`.tsv`, `.csv`), else by what the first hundred lines have in common: as many
    /// tabulators, or commas, or semicolons in nine lines of ten, or words that are numbers; else [`Layout::Head`].
    pub fn detect(path: &Path, text: &str) -> Layout {
        if has_extension(path, &["tsv", "tab"]) {
            return Layout::Tab;
        }
        let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).take(100).collect();
        let most = |separator: char| {
            let mut counts = HashMap::new();
            lines.iter().for_each(|line| *counts.entry(line.matches(separator).count()).or_insert(0) += 1);
            counts.into_iter().filter(|&(count, _)| count > 0).map(|(_, lines)| lines).max().unwrap_or(0)
        };
        let common = |separator| most(separator) * 10 >= lines.len() * 9 && !lines.is_empty();
        if has_extension(path, &["csv"]) {
            return if common(';') && !common(',') { Layout::Semicolon } else { Layout::Comma };
        }
        let numbers = |line: &&str| {
            let mut words = line.split_whitespace();
            words.clone().count() > 1 && words.all(is_number)
        };
        match () {
            _ if common('\t') => Layout::Tab,
            _ if !lines.is_empty() && lines.iter().all(numbers) => Layout::Space,
            _ if common(',') => Layout::Comma,
            _ if common(';') => Layout::Semicolon,
            _ => Layout::Head,
        }
    }
}

/// A column, as a person names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Column {
    /// By its number, from 1.
    Number(usize),
    /// By its name in the header.
    Name(String),
}

impl std::fmt::Display for Column {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Column::Number(number) => write!(f, "{number}"),
            Column::Name(name) => write!(f, "'{name}'"),
        }
    }
}

impl std::str::FromStr for Column {
    type Err = std::convert::Infallible;

    /// A whole number is a column's number, all else a name.
    fn from_str(text: &str) -> Result<Column, Self::Err> {
        Ok(text.parse().map_or_else(|_| Column::Name(text.to_owned()), Column::Number))
    }
}

/// How a table is read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TableOptions {
    /// The separator of cells; detected if not given.
    pub layout: Option<Layout>,
    /// Whether the first row names the columns; detected where not given.
    pub header: Option<bool>,
    /// Whether bad rows are skipped and reported instead of being errors.
    pub skip_bad: bool,
    /// The encoding of the file.
    pub encoding: Encoding,
}

/// One row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The line it begins on, from 1.
    pub line: usize,
    /// Its cells, without white space around them.
    pub cells: Vec<String>,
}

/// What was read: at least one row, each with as many cells as there are columns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// The file.
    pub path: PathBuf,
    /// The separator of cells.
    pub layout: Layout,
    /// Names of the columns, where the first row is a header.
    pub header: Option<Vec<String>>,
    /// Number of columns.
    pub columns: usize,
    /// The rows in the order of the file.
    pub rows: Vec<Row>,
    /// Rows that were left out, where that was asked for.
    pub skipped: Vec<At<RowFault>>,
}

/// Faults of a row.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RowFault {
    /// Another number of columns than in most rows.
    #[error("the number of columns is {found}, {needed} are needed as on line {as_on}")]
    Columns {
        /// Columns of this row.
        found: usize,
        /// Columns of most rows.
        needed: usize,
        /// The line of the first of them.
        as_on: usize,
    },
    /// A quotation mark that opens a cell which never ends.
    #[error(
        "a quotation mark is opened and never closed, each cell that begins with one has to end with one"
    )]
    OpenQuote,
    /// Bytes that are no characters.
    #[error(
        "there is a byte that is no character of the file's encoding, mend the line, or name another with data.encoding"
    )]
    NotText,
    /// No text.
    #[error("the text is empty, at least one character is needed")]
    EmptyText,
    /// A file among those of labels that holds something else.
    #[error("its extension is not .txt, as that of a file with the lines of one label has to be")]
    OtherFile,
    /// No label.
    #[error("the label is empty, each text needs one")]
    EmptyLabel,
    /// A word without a tag.
    #[error("there is one column, two are needed: a word and its tag")]
    NoTag,
    /// Something else where a number should be.
    #[error("column {column} holds '{found}', a finite number is needed")]
    NotANumber {
        /// The column, from 1.
        column: usize,
        /// What it holds.
        found: String,
    },
}

/// Why a table could not be read.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// The file or folder could not be read.
    #[error(transparent)]
    File(#[from] DataError),
    /// A bad row.
    #[error(transparent)]
    Row(#[from] At<RowFault>),
    /// No good row.
    #[error("{}: no row of data was found, at least one is needed ({} skipped)", path.display(), counted(*skipped, "bad one"))]
    NoRow {
        /// The file.
        path: PathBuf,
        /// Rows that were left out.
        skipped: usize,
    },
    /// A column that the table does not have.
    #[error("{}: there is no column {wanted}, the columns are {columns}", path.display())]
    NoColumn {
        /// The file.
        path: PathBuf,
        /// The column asked for.
        wanted: Column,
        /// Those there are.
        columns: String,
    },
    /// No column of numbers to read.
    #[error("{}: there is the column of the label alone, numbers are needed beside it", .0.display())]
    LabelAlone(PathBuf),
    /// Columns that nobody named and that cannot be guessed.
    #[error("{}: which column is the {what} has to be said, the columns are {columns}", path.display())]
    WhichColumn {
        /// The file.
        path: PathBuf,
        /// What is looked for: `label`, `text`.
        what: &'static str,
        /// Those there are.
        columns: String,
    },
}

/// Reads a file as a table.
///
/// # Errors
/// A file that is missing or no text, one without rows, and, unless they are skipped, bad rows.
pub fn read_table(path: &Path, options: &TableOptions) -> Result<Table, TableError> {
    parse_table(&read(path)?, path, options)
}

/// Reads a file's content as a table; `name` serves for detection of the layout and for messages.
///
/// Empty lines are no rows. There are as many columns as most rows have.
///
/// # Errors
/// Those of [`read_table`] that concern content.
pub fn parse_table(content: &[u8], name: &Path, options: &TableOptions) -> Result<Table, TableError> {
    let Decoded { text, damaged, fault } = decode_lines(content, name, options.encoding)?;
    if let Some(fault) = fault.filter(|_| !options.skip_bad) {
        return Err(fault.into());
    }
    let layout = options.layout.unwrap_or_else(|| Layout::detect(name, &text));
    let rows = match layout {
        Layout::Comma => separated(&text, b',', true),
        Layout::Semicolon => separated(&text, b';', true),
        Layout::Tab => separated(&text, b'\t', false),
        Layout::Space => worded(&text, usize::MAX),
        Layout::Head => worded(&text, 2),
    };
    let (needed, as_on) = columns(rows.iter().map(|(row, _)| row));
    let mut damaged = damaged.into_iter().peekable();
    // A row ends where the next one begins.
    let ends: Vec<usize> = rows.iter().skip(1).map(|(row, _)| row.line).chain([usize::MAX]).collect();
    let rows = rows.into_iter().zip(ends).map(|((row, fault), end)| {
        let mut is_damaged = false;
        while damaged.next_if(|&line| line < end).is_some() {
            is_damaged = true;
        }
        let fault = if is_damaged { Some(RowFault::NotText) } else { fault };
        let found = row.cells.len();
        let columns = || (found != needed).then_some(RowFault::Columns { found, needed, as_on });
        match fault.or_else(columns) {
            Some(fault) => Err(At::new(name, row.line, fault)),
            None => Ok(row),
        }
    });
    let (mut rows, skipped) = sift(rows, options.skip_bad)?;
    let is_header = options.header.unwrap_or_else(|| layout != Layout::Head && begins_with_header(&rows));
    let header = (is_header && !rows.is_empty()).then(|| rows.remove(0).cells);
    let Some(row) = rows.first() else {
        return Err(TableError::NoRow { path: name.to_owned(), skipped: skipped.len() });
    };
    Ok(Table { path: name.to_owned(), layout, header, columns: row.cells.len(), rows, skipped })
}

impl Table {
    /// Index of a column.
    ///
    /// # Errors
    /// A number or name that the table does not have.
    pub fn column(&self, column: &Column) -> Result<usize, TableError> {
        let index = match column {
            Column::Number(number) => number.checked_sub(1).filter(|&index| index < self.columns),
            Column::Name(name) => self.header.iter().flatten().position(|cell| cell == name),
        };
        index.ok_or_else(|| TableError::NoColumn {
            path: self.path.clone(),
            wanted: column.clone(),
            columns: self.describe_columns(),
        })
    }

    /// Index of the column whose name is one of these, whatever its case.
    pub fn column_called(&self, names: &[&str]) -> Option<usize> {
        let is_called = |cell: &String| names.iter().any(|name| cell.eq_ignore_ascii_case(name));
        self.header.iter().flatten().position(is_called)
    }

    /// The column of numbers to be learnt where nobody names it: the only one that holds nothing but finite numbers, or the one
    /// with a known name; none where neither is there.
    ///
    /// # Errors
    /// Several columns of numbers, none of which has a known name.
    pub fn number_to_learn(&self) -> Result<Option<Column>, TableError> {
        let holds_numbers = |&column: &usize| {
            self.rows.iter().all(|row| row.cells[column].trim().parse::<f64>().is_ok_and(f64::is_finite))
        };
        let columns: Vec<usize> = (0..self.columns).filter(holds_numbers).collect();
        let column = match columns[..] {
            [only] => Some(only),
            _ => self.column_called(LABEL_NAMES),
        };
        if column.is_none() && !columns.is_empty() {
            let (path, columns) = (self.path.clone(), self.describe_columns());
            return Err(TableError::WhichColumn { path, what: "number to be learnt", columns });
        }
        Ok(column.map(|column| Column::Number(column + 1)))
    }

    /// The columns in words: `'label', 'text'` or `1 to 3`.
    pub(crate) fn describe_columns(&self) -> String {
        match &self.header {
            Some(names) => format!("'{}'", names.join("', '")),
            None => format!("1 to {}, without names", self.columns),
        }
    }

    /// The number in a cell, which is finite as an `f32`, too.
    ///
    /// # Errors
    /// A cell with anything else.
    pub(crate) fn number(&self, row: &Row, column: usize) -> Result<f64, At<RowFault>> {
        let cell = &row.cells[column];
        cell.parse().ok().filter(|&number: &f64| (number as f32).is_finite()).ok_or_else(|| {
            At::new(&self.path, row.line, RowFault::NotANumber { column: column + 1, found: cell.clone() })
        })
    }
}

/// How many columns most rows have, and the line of the first that has them.
pub(crate) fn columns<'a>(rows: impl Iterator<Item = &'a Row>) -> (usize, usize) {
    let mut counts: HashMap<usize, (usize, usize)> = HashMap::new();
    for row in rows {
        let (count, _) = counts.entry(row.cells.len()).or_insert((0, row.line));
        *count += 1;
    }
    let most = counts.into_iter().max_by_key(|&(_, (count, line))| (count, std::cmp::Reverse(line)));
    most.map_or((0, 0), |(columns, (_, line))| (columns, line))
}

/// Names that a header gives to columns of labels and texts.
pub(crate) const LABEL_NAMES: &[&str] =
    &["label", "class", "category", "target", "sentiment", "score", "rating", "language", "y"];
pub(crate) const TEXT_NAMES: &[&str] =
    &["text", "sentence", "tweet", "review", "document", "sequence", "name"];
/// Other names that make a row a header.
const OTHER_NAMES: &[&str] = &["id", "image", "picture", "file", "caption", "source", "date"];

/// Whether the first row names the columns: it has a known name, or a word where all else in its column are numbers,
/// or it counts the columns from 0.
fn begins_with_header(rows: &[Row]) -> bool {
    let Some((first, others)) = rows.split_first() else { return false };
    if others.is_empty() {
        return false;
    }
    let counted = |(index, cell): (usize, &String)| *cell == index.to_string();
    let known = |cell: &String| {
        let mut names = LABEL_NAMES.iter().chain(TEXT_NAMES).chain(OTHER_NAMES);
        names.any(|name| cell.eq_ignore_ascii_case(name))
    };
    let names_numbers = |(index, cell): (usize, &String)| {
        let mut below =
            others.iter().take(100).map(|row| row.cells[index].as_str()).filter(|c| !c.is_empty());
        !cell.is_empty() && !is_number(cell) && below.clone().next().is_some() && below.all(is_number)
    };
    first.cells.len() > 2 && first.cells.iter().enumerate().all(counted)
        || first.cells.iter().any(known)
        || first.cells.iter().enumerate().any(names_numbers)
}

fn is_number(cell: &str) -> bool {
    cell.parse::<f64>().is_ok()
}

/// Rows of a text with separators, and what is wrong with them in themselves.
fn separated(text: &str, separator: u8, quoting: bool) -> Vec<(Row, Option<RowFault>)> {
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(separator)
        .quoting(quoting)
        .has_headers(false)
        .flexible(true)
        .trim(csv::Trim::All)
        .from_reader(text.as_bytes());
    let mut rows = vec![];
    let mut record = csv::StringRecord::new();
    // The reader's own line numbers are off behind empty lines.
    let (mut counted, mut line) = (0, 1);
    let mut start = 0;
    while let Ok(true) = reader.read_record(&mut record) {
        let end = reader.position().byte() as usize;
        let begin = start + text[start..].bytes().take_while(|&b| b == b'\n').count();
        line += text[counted..begin].bytes().filter(|&b| b == b'\n').count();
        (counted, start) = (begin, end);
        if record.iter().all(str::is_empty) && record.len() == 1 {
            continue;
        }
        let open = quoting && end == text.len() && leaves_a_quote_open(&text[begin..end], separator);
        let row = Row { line, cells: record.iter().map(str::to_owned).collect() };
        rows.push((row, open.then_some(RowFault::OpenQuote)));
    }
    rows
}

/// Whether the quotation marks of a record that ends with the file do not come in pairs, and one begins a cell.
fn leaves_a_quote_open(record: &str, separator: u8) -> bool {
    let begins_cell = record.split(separator as char).any(|cell| cell.starts_with('"'));
    begins_cell && record.bytes().filter(|&b| b == b'"').count() % 2 == 1
}

/// Rows of at most `columns` cells, told apart by white space.
fn worded(text: &str, columns: usize) -> Vec<(Row, Option<RowFault>)> {
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let rows = lines.map(|(index, line)| {
        let cells: Vec<String> = match columns {
            usize::MAX => line.split_whitespace().map(str::to_owned).collect(),
            _ => {
                let (head, rest) = line.trim().split_once(char::is_whitespace).unwrap_or((line.trim(), ""));
                vec![head.to_owned(), rest.trim().to_owned()]
            }
        };
        (Row { line: index + 1, cells }, None)
    });
    rows.collect()
}
