//! Rows of text cells: CSV, TSV, columns of white space, or a label and the text behind it.

mod cells;
mod header;
mod layout;
mod notation;
mod row;

pub(crate) use header::{CLASS_NAMES, LABEL_NAMES, TEXT_NAMES};
pub use layout::Layout;
pub use notation::Decimal;
pub use row::{Cells, Row};

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use self::cells::Cut;
use self::notation::Notation;
use crate::encoding::Encoding;
use crate::error::{At, DataError, counted, sift};
use crate::files::{Decoded, decode_lines, read};
use crate::wanted;

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
    /// The mark before the decimals of numbers; found where not given.
    pub decimal: Option<Decimal>,
    /// Whether bad rows are skipped and reported instead of being errors.
    pub skip_bad: bool,
    /// The encoding of the file.
    pub encoding: Encoding,
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
    /// The first column where it only numbers the rows, without a name, as pandas writes it.
    pub index: Option<usize>,
    /// How the numbers of each column are written.
    notations: Vec<Notation>,
    /// Rows that were left out, where that was asked for.
    pub skipped: Vec<At<RowFault>>,
    /// What a person should know of how it was read, a sentence each.
    pub notes: Vec<String>,
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
    /// A quotation mark that opens a cell which never ends, or only within a later row.
    #[error(
        "a quotation mark is opened and never closed, each cell that begins with one has to end with one"
    )]
    OpenQuote,
    /// Bytes that are no characters.
    #[error(
        "there is a byte that is no character of the file's encoding, mend the line, or name another with data.encoding"
    )]
    NotText,
    /// Text behind the quotation mark that closes a cell.
    #[error(
        "text stands behind the quotation mark that closes a cell; each cell that begins with one has to end with one, and \
         those within it are written twice"
    )]
    BehindQuote,
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
/// Empty lines are no rows, nor is one as `sep=;`, which says how the others are separated. There are as many columns as most rows
/// have; empty ones behind the last are none.
///
/// # Errors
/// Those of [`read_table`] that concern content.
pub fn parse_table(content: &[u8], name: &Path, options: &TableOptions) -> Result<Table, TableError> {
    let Decoded { text, damaged, fault } = decode_lines(content, name, options.encoding)?;
    if let Some(fault) = fault.filter(|_| !options.skip_bad) {
        return Err(fault.into());
    }
    let (declared, text, first_line) = match Layout::declared(&text) {
        Some((layout, rest)) => (Some(layout), rest, 2),
        None => (None, &*text, 1),
    };
    let layout = options.layout.or(declared).unwrap_or_else(|| Layout::detect(name, text));
    let cuts = match (layout, layout.separator()) {
        (Layout::Tab, _) => cells::tabbed(text, first_line),
        (_, Some(separator)) => cells::quoted(text, separator, first_line),
        (Layout::Head, _) => cells::worded(text, 2, first_line),
        _ => cells::worded(text, usize::MAX, first_line),
    };
    // The rows of what nobody wants any more may not be all.
    wanted::check()?;
    let mut notes: Vec<String> = swallowed(&cuts, name).into_iter().collect();
    let mut rows: Vec<(Row, Option<RowFault>)> = cuts.into_iter().map(Cut::row).collect();
    leave_out_empty_columns(&mut rows);
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
    let is_header =
        options.header.unwrap_or_else(|| layout != Layout::Head && header::begins_with_header(&rows));
    let mut header = None;
    if is_header && !rows.is_empty() {
        let below = rows.split_off(header::header_rows(&rows));
        if let [_, others @ ..] = &rows[..]
            && let Some(last) = others.last()
        {
            notes.push(format!(
                "{}: lines {} to {} are taken for the names of columns",
                name.display(),
                rows[0].line,
                last.line
            ));
        }
        header = Some(header::names(&rows));
        rows = below;
    }
    let Some(row) = rows.first() else {
        return Err(TableError::NoRow { path: name.to_owned(), skipped: skipped.len() });
    };
    let columns = row.cells.len();
    let notations = match options.decimal {
        Some(decimal) => vec![Notation { decimal, ..Notation::default() }; columns],
        None => notation::notations(&rows, columns, layout),
    };
    let index = header.as_ref().is_some_and(|header| numbers_rows(&header[0], &rows)).then_some(0);
    let path = name.to_owned();
    Ok(Table { path, layout, header, columns, rows, index, notations, skipped, notes })
}

/// Whether the first column has no name of its own and a number of its own in each row.
fn numbers_rows(name: &str, rows: &[Row]) -> bool {
    let mut seen = HashSet::new();
    (name.is_empty() || name.starts_with("Unnamed:"))
        && rows.len() > 1
        && rows[0].cells.len() > 1
        && rows.iter().all(|row| row.cells[0].parse::<u64>().is_ok_and(|number| seen.insert(number)))
}

/// What is to be said of cells that go over several lines, each like a row: what looks like one cell may be rows behind a mark
/// that was forgotten.
fn swallowed(cuts: &[Cut], path: &Path) -> Option<String> {
    let mut lines = cuts.iter().filter(|cut| cut.holds_rows).map(|cut| cut.line);
    let first = lines.next()?;
    let path = path.display();
    Some(match lines.count() {
        0 => format!(
            "{path}, line {first}: a cell in quotation marks holds lines that are like rows; see that they belong to it"
        ),
        others => format!(
            "{path}, line {first} and {others} more: cells in quotation marks hold lines that are like rows; see that they belong to them"
        ),
    })
}

/// Leaves out columns at the end that hold nothing in any row, as separators at the ends of lines make them.
fn leave_out_empty_columns(rows: &mut [(Row, Option<RowFault>)]) {
    let used = |row: &Row| row.cells.iter().rposition(|cell| !cell.is_empty()).map_or(1, |last| last + 1);
    let most = rows.iter().filter(|(_, fault)| fault.is_none()).map(|(row, _)| used(row)).max().unwrap_or(0);
    rows.iter_mut().filter(|(_, fault)| fault.is_none()).for_each(|(row, _)| row.cells.truncate(most.max(1)));
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

    /// The column of numbers to be learnt where nobody names it: the only one that holds numbers, or the one
    /// with a known name; none where neither is there.
    ///
    /// # Errors
    /// Several columns of numbers, none of which has a known name.
    pub fn number_to_learn(&self) -> Result<Option<Column>, TableError> {
        let columns: Vec<usize> = self.data_columns().filter(|&column| self.mostly_numbers(column)).collect();
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

    /// The column of classes beside numbers where nobody names it: the only one without a number, the one with a known name, or the
    /// first.
    pub fn class_to_learn(&self) -> usize {
        let has_number = |&column: &usize| self.rows.iter().any(|row| self.number_in(row, column).is_some());
        let words: Vec<usize> = self.data_columns().filter(|column| !has_number(column)).collect();
        let named = || self.column_called(CLASS_NAMES).or_else(|| self.data_columns().next());
        match words[..] {
            [only] => only,
            _ => named().unwrap_or(0),
        }
    }

    /// Indices of the columns but for the one that only numbers the rows.
    pub fn data_columns(&self) -> impl Iterator<Item = usize> + use<> {
        let index = self.index;
        (0..self.columns).filter(move |&column| Some(column) != index)
    }

    /// The name of a column, or its number from 1.
    pub fn name(&self, column: usize) -> String {
        match &self.header {
            Some(header) => header[column].clone(),
            None => (column + 1).to_string(),
        }
    }

    /// The finite number in a cell, as its column writes them.
    pub fn number_in(&self, row: &Row, column: usize) -> Option<f64> {
        self.notations[column].decimal.parse(&row.cells[column]).filter(|number| number.is_finite())
    }

    /// The mark before decimals in all columns of numbers with marks; none where no number has one, or columns differ.
    pub fn decimal(&self) -> Option<Decimal> {
        let mut marks =
            self.notations.iter().filter(|notation| notation.marked).map(|notation| notation.decimal);
        let first = marks.next()?;
        marks.all(|mark| mark == first).then_some(first)
    }

    /// Whether a column holds numbers, but for one cell in ten of the first hundred at most: those are bad ones.
    pub fn mostly_numbers(&self, column: usize) -> bool {
        let is_number = |row: &&Row| self.notations[column].decimal.parse(&row.cells[column]).is_some();
        let rows = || self.rows.iter().take(100);
        let numbers = rows().filter(is_number).count();
        numbers > 0 && numbers * 10 >= rows().count() * 9
    }

    /// Whether a column counts the rows, from 0 or 1.
    pub fn counts_rows(&self, column: usize) -> bool {
        let counts = |first: usize| {
            self.rows.iter().enumerate().all(|(index, row)| row.cells[column].parse() == Ok(first + index))
        };
        counts(0) || counts(1)
    }

    /// What is to be said of how the numbers of a column are read, where they can be read in two ways.
    pub fn doubt(&self, column: usize) -> Option<String> {
        let Notation { decimal, doubtful, .. } = &self.notations[column];
        let (cell, line) = doubtful.as_ref()?;
        let number = decimal.parse(cell)?;
        Some(format!(
            "{}, line {line}: {cell} in column {} is read as {number}; data.decimal says otherwise",
            self.path.display(),
            self.name(column),
        ))
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
        self.number_in(row, column).filter(|&number| (number as f32).is_finite()).ok_or_else(|| {
            let fault = RowFault::NotANumber { column: column + 1, found: row.cells[column].to_owned() };
            At::new(&self.path, row.line, fault)
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
