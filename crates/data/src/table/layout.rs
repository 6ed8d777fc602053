//! What separates the cells of a table.

use std::collections::HashMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::cells::{Cut, beginning};
use crate::files::has_extension;

/// The separators of cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Layout {
    /// By commas; a cell may be quoted, and then hold commas and line ends.
    Comma,
    /// By semicolons, else as by commas.
    Semicolon,
    /// By tabulators; quotation marks mean themselves, unless the file is written as a spreadsheet writes it.
    Tab,
    /// By upright bars, else as by commas.
    Bar,
    /// By white space.
    Space,
    /// The first word is one cell, the rest of the line the other.
    Head,
}

/// Rows that are looked at.
const LOOKED_AT: usize = 100;

/// The layouts with a separator, in the order in which they are tried.
const SEPARATED: [Layout; 4] = [Layout::Comma, Layout::Semicolon, Layout::Tab, Layout::Bar];

impl Layout {
    /// The separator, where it is one character.
    pub(super) fn separator(self) -> Option<u8> {
        match self {
            Layout::Comma => Some(b','),
            Layout::Semicolon => Some(b';'),
            Layout::Tab => Some(b'\t'),
            Layout::Bar => Some(b'|'),
            Layout::Space | Layout::Head => None,
        }
    }

    /// What the first rows of a text have in common: the separator by which nine in ten have as many cells, two at least; of
    /// several the one that leaves the fewest others within cells. Else by the file's extension (`.tsv`, `.csv`), or words that are
    /// numbers; else [`Layout::Head`].
    pub fn detect(path: &Path, text: &str) -> Layout {
        let lines = || text.lines().filter(|line| !line.trim().is_empty()).take(LOOKED_AT);
        let usual = match path {
            path if has_extension(path, &["tsv", "tab"]) => Some(Layout::Tab),
            path if has_extension(path, &["csv"]) => Some(Layout::Comma),
            _ => None,
        };
        if usual == Some(Layout::Tab) && lines().any(|line| line.contains('\t')) {
            return Layout::Tab;
        }
        let numbers = |line: &str| {
            let mut words = line.split_whitespace();
            words.clone().count() > 1 && words.all(|word| word.parse::<f64>().is_ok())
        };
        let fit = |layout: &Layout| {
            let rows = beginning(text, layout.separator()?, LOOKED_AT);
            Some((*layout, misfits(&rows)?))
        };
        let fitting = SEPARATED.iter().filter_map(fit).min_by_key(|&(_, misfits)| misfits);
        match (fitting, usual) {
            (fitting, None)
                if fitting.is_none_or(|(layout, _)| layout != Layout::Tab) && {
                    lines().next().is_some() && lines().all(numbers)
                } =>
            {
                Layout::Space
            }
            (Some((layout, _)), _) => layout,
            (None, usual) => usual.unwrap_or(Layout::Head),
        }
    }

    /// The first separator in a line.
    pub(crate) fn of_line(line: &str) -> Option<Layout> {
        line.bytes().find_map(|byte| SEPARATED.into_iter().find(|layout| layout.separator() == Some(byte)))
    }

    /// What the first line says where it is one that is there for spreadsheets, as `sep=;`; and the text behind it.
    pub(super) fn declared(text: &str) -> Option<(Layout, &str)> {
        let (line, rest) = text.split_once('\n')?;
        let line = line.trim_matches(|c: char| c == '"' || c == ' ');
        let said = line.get(..4).filter(|word| word.eq_ignore_ascii_case("sep=")).map(|_| &line[4..])?;
        let layout =
            SEPARATED.into_iter().find(|layout| layout.separator().is_some_and(|b| said.as_bytes() == [b]));
        Some((layout?, rest))
    }
}

/// How many cells of a table hold something that another separator may be; none where its rows have not as many cells.
fn misfits(rows: &[Cut]) -> Option<usize> {
    let mut counts = HashMap::new();
    rows.iter().for_each(|row| *counts.entry(row.cells.len()).or_insert(0) += 1);
    let (columns, most) = counts.into_iter().max_by_key(|&(columns, count)| (count, columns))?;
    if columns < 2 || most * 10 < rows.len() * 9 {
        return None;
    }
    Some(rows.iter().flat_map(Cut::unquoted).filter(|cell| holds_separator(cell)).count())
}

/// Whether a cell holds a separator that is neither punctuation, with white space behind it, nor before decimals.
fn holds_separator(cell: &str) -> bool {
    let around =
        |at: usize, c: char| (cell[..at].chars().next_back(), cell[at + c.len_utf8()..].chars().next());
    cell.char_indices().any(|(at, c)| match (c, around(at, c)) {
        ('\t', _) => true,
        (',', (Some(before), Some(behind))) if before.is_ascii_digit() && behind.is_ascii_digit() => false,
        (',' | ';' | '|', (_, Some(behind))) => !behind.is_whitespace(),
        _ => false,
    })
}
