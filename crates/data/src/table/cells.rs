//! Cuts a text into rows of cells.

use super::RowFault;
use super::row::{Cells, NewCells, Row};
use crate::wanted;

/// A row of a text, before it is known how many columns there are.
pub(super) struct Cut {
    /// The line it begins on, from 1.
    pub line: usize,
    /// Its cells.
    pub cells: Cells,
    /// Of each, whether it stands in quotation marks; none where that is not looked at.
    quoted: Box<[bool]>,
    /// What is wrong with it in itself: then it is that line alone.
    pub fault: Option<RowFault>,
    /// Whether it has three lines or more, each with separators enough for a row of its own: a mark may be missing.
    pub holds_rows: bool,
}

impl Cut {
    /// The row, and what is wrong with it.
    pub fn row(self) -> (Row, Option<RowFault>) {
        (Row { line: self.line, cells: self.cells }, self.fault)
    }

    /// The cells that do not stand in quotation marks.
    pub fn unquoted(&self) -> impl Iterator<Item = &str> {
        self.cells.iter().zip(self.quoted.iter()).filter(|(_, quoted)| !**quoted).map(|(cell, _)| cell)
    }

    /// Those that do.
    fn quoted(&self) -> impl Iterator<Item = &str> {
        self.cells.iter().zip(self.quoted.iter()).filter(|(_, quoted)| **quoted).map(|(cell, _)| cell)
    }
}

/// How a quotation mark is written within a quoted cell.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mark {
    /// Twice.
    Doubled,
    /// With a backslash before it, which then stands for itself where there are two.
    Escaped,
}

/// The rows of a text with separators, in which cells may stand in quotation marks; where that leaves rows that are no rows,
/// and marks have backslashes before them, those are taken for part of a cell.
pub(super) fn quoted(text: &str, separator: u8, first_line: usize) -> Vec<Cut> {
    let faults = |cuts: &[Cut]| cuts.iter().filter(|cut| cut.fault.is_some()).count();
    let plain: Vec<Cut> = rows(text, separator, first_line, Mark::Doubled).collect();
    if faults(&plain) > 0 && text.contains("\\\"") {
        let escaped: Vec<Cut> = rows(text, separator, first_line, Mark::Escaped).collect();
        if faults(&escaped) < faults(&plain) {
            return escaped;
        }
    }
    plain
}

/// The first rows of such a text.
pub(super) fn beginning(text: &str, separator: u8, count: usize) -> Vec<Cut> {
    rows(text, separator, 1, Mark::Doubled).take(count).collect()
}

/// The rows of a text with tabulators, in which quotation marks mean themselves; but where a spreadsheet has written it, so
/// that each mark is in a quoted cell, and one of these holds some or the first cell is one, they are read as such.
pub(super) fn tabbed(text: &str, first_line: usize) -> Vec<Cut> {
    if text.contains('"') {
        let rows: Vec<Cut> = rows(text, b'\t', first_line, Mark::Doubled).collect();
        let proper = rows.iter().all(|row| row.fault.is_none() && !row.holds_rows)
            && rows.iter().flat_map(Cut::unquoted).all(|cell| !cell.contains('"'));
        let needed = || rows.iter().flat_map(Cut::quoted).any(|cell| cell.contains('"'));
        if proper && (text.trim_start().starts_with('"') || needed()) {
            return rows;
        }
    }
    let lines = (first_line..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty());
    lines.take_while(|_| wanted::is_wanted()).map(|(line, text)| plain(text, b'\t', line)).collect()
}

/// Rows of at most `columns` cells, told apart by white space.
pub(super) fn worded(text: &str, columns: usize, first_line: usize) -> Vec<Cut> {
    let lines = (first_line..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty());
    let row = |(number, line): (usize, &str)| {
        let cells: Cells = match columns {
            usize::MAX => line.split_whitespace().collect(),
            _ => {
                let (head, rest) = line.trim().split_once(char::is_whitespace).unwrap_or((line.trim(), ""));
                [head, rest.trim()].into_iter().collect()
            }
        };
        Cut { line: number, cells, quoted: Box::default(), fault: None, holds_rows: false }
    };
    lines.take_while(|_| wanted::is_wanted()).map(row).collect()
}

fn plain(line: &str, separator: u8, number: usize) -> Cut {
    let cells: Cells = line.split(separator as char).map(str::trim).collect();
    let quoted = vec![false; cells.len()].into();
    Cut { line: number, cells, quoted, fault: None, holds_rows: false }
}

fn rows(text: &str, separator: u8, first_line: usize, mark: Mark) -> impl Iterator<Item = Cut> {
    let (mut at, mut line) = (0, first_line);
    std::iter::from_fn(move || {
        loop {
            let rest = text.get(at..).filter(|rest| !rest.is_empty() && wanted::is_wanted())?;
            let one = rest.split('\n').next().unwrap_or_default();
            let number = line;
            if one.trim_matches(|c: char| c.is_whitespace() && c != separator as char).is_empty() {
                (at, line) = (at + one.len() + 1, line + 1);
                continue;
            }
            let (cells, quoted, length) = match row(rest, separator, mark) {
                Ok(found) => found,
                Err(fault) => {
                    // What it swallows may be whole rows, so it ends with its line.
                    (at, line) = (at + one.len() + 1, line + 1);
                    return Some(Cut { fault: Some(fault), ..plain(one, separator, number) });
                }
            };
            let raw = &rest[..length];
            let has_row = |line: &str| line.matches(separator as char).count() + 1 >= cells.len();
            let holds_rows = cells.len() > 1 && raw.lines().nth(2).is_some() && raw.lines().all(has_row);
            at += length;
            line += raw.matches('\n').count();
            return Some(Cut { line: number, cells, quoted, fault: None, holds_rows });
        }
    })
}

/// The cells of the row that a text begins with, of each whether it is quoted, and the row's length with the line end.
fn row(text: &str, separator: u8, mark: Mark) -> Result<(Cells, Box<[bool]>, usize), RowFault> {
    let bytes = text.as_bytes();
    let blanks = |at: usize| {
        let is_blank = |&&b: &&u8| matches!(b, b' ' | b'\t') && b != separator;
        at + bytes[at..].iter().take_while(is_blank).count()
    };
    let (mut cells, mut quoted, mut at) = (NewCells::default(), vec![], 0);
    loop {
        let begin = blanks(at);
        let end = if bytes.get(begin) == Some(&b'"') {
            let (cell, end) = quoted_cell(&text[begin + 1..], mark).ok_or(RowFault::OpenQuote)?;
            let (end, behind) = (begin + 1 + end, blanks(begin + 1 + end));
            if bytes.get(behind).is_some_and(|&b| b != separator && b != b'\n') {
                let same_line = !text[begin..end].contains('\n');
                return Err(if same_line { RowFault::BehindQuote } else { RowFault::OpenQuote });
            }
            cells.push(cell.trim());
            quoted.push(true);
            behind
        } else {
            let is_end = |&b: &u8| b == separator || b == b'\n';
            let end = bytes[at..].iter().position(is_end).map_or(bytes.len(), |length| at + length);
            cells.push(text[at..end].trim());
            quoted.push(false);
            end
        };
        match bytes.get(end) {
            Some(&b) if b == separator => at = end + 1,
            Some(_) => return Ok((cells.finish(), quoted.into(), end + 1)),
            None => return Ok((cells.finish(), quoted.into(), end)),
        }
    }
}

/// What stands in quotation marks, of which the text is behind the first, and where the last one ends; none where it never does.
fn quoted_cell(text: &str, mark: Mark) -> Option<(String, usize)> {
    let mut cell = String::new();
    let mut at = 0;
    loop {
        let special = |c: char| c == '"' || c == '\\' && mark == Mark::Escaped;
        let found = at + text[at..].find(special)?;
        cell.push_str(&text[at..found]);
        let next = text.as_bytes().get(found + 1);
        at = match (text.as_bytes()[found], next) {
            (b'"', Some(b'"')) => {
                cell.push('"');
                found + 2
            }
            (b'"', _) => return Some((cell, found + 1)),
            (_, Some(&next @ (b'"' | b'\\'))) => {
                cell.push(next as char);
                found + 2
            }
            _ => {
                cell.push('\\');
                found + 1
            }
        };
    }
}
