//! Rows that name the columns.

use std::collections::HashSet;

use super::Row;

/// Names that a header gives to columns of labels and texts.
pub(crate) const LABEL_NAMES: &[&str] =
    &["label", "class", "category", "target", "sentiment", "score", "rating", "language", "y"];
/// Those of them that no column of a table of numbers has but the one with the classes.
pub(crate) const CLASS_NAMES: &[&str] = &["label", "class", "category", "target"];
pub(crate) const TEXT_NAMES: &[&str] =
    &["text", "sentence", "tweet", "review", "document", "sequence", "name"];
/// Other names that make a row a header.
const OTHER_NAMES: &[&str] = &["id", "image", "picture", "file", "caption", "source", "date"];
/// What stands in place of a number that is missing.
const MISSING: &[&str] = &["na", "n/a", "nan", "null", "none", "-", "?", "."];

/// Rows below a header that are looked at.
const LOOKED_AT: usize = 100;
/// Rows of a header at most.
const MOST: usize = 4;

/// Whether the first row names the columns: it has a known name, or a word where what is below it in its column are numbers or
/// dates, but for one in ten, or it counts the columns from 0, behind one without a name or not.
pub(super) fn begins_with_header(rows: &[Row]) -> bool {
    let Some((first, others)) = rows.split_first() else { return false };
    if others.is_empty() {
        return false;
    }
    // Those behind the first `without` count from 0.
    let counts = |without: usize| {
        let mut cells = first.cells.iter().skip(without).enumerate();
        first.cells.len() > 1 + without && cells.all(|(index, cell)| cell == index.to_string())
    };
    let known = |cell: &str| {
        let mut names = LABEL_NAMES.iter().chain(TEXT_NAMES).chain(OTHER_NAMES);
        names.any(|name| cell.eq_ignore_ascii_case(name))
    };
    let names_quantities = |(index, cell): (usize, &str)| {
        !cell.is_empty() && !is_quantity(cell) && holds_quantities(others, index)
    };
    // An index without a name, as pandas writes it.
    let names_others = || {
        let is_name = |cell: &str| !cell.is_empty() && !is_quantity(cell);
        first.cells.iter().skip(1).all(is_name) && holds_quantities(others, 0)
    };
    first.cells.len() > 2 && counts(0)
        || first.cells[0].is_empty() && (counts(1) || names_others())
        || first.cells.iter().any(known)
        || first.cells.iter().enumerate().any(names_quantities)
}

/// How many rows a header has whose first row is one: each that follows has words, or nothing, where there are numbers and dates
/// below.
pub(super) fn header_rows(rows: &[Row]) -> usize {
    let goes_on = |index: usize| {
        let (row, others) = (&rows[index], &rows[index + 1..]);
        let below: Vec<&str> = (0..row.cells.len())
            .filter(|&column| holds_quantities(others, column))
            .map(|column| &row.cells[column])
            .collect();
        let is_word = |cell: &str| !cell.is_empty() && !MISSING.contains(&cell.to_lowercase().as_str());
        !others.is_empty()
            && below.iter().all(|cell| !is_quantity(cell))
            && below.iter().any(|cell| is_word(cell))
    };
    (1..rows.len().min(MOST)).find(|&index| !goes_on(index)).unwrap_or(rows.len().clamp(1, MOST))
}

/// The names of the columns: those of a header's first row, with what is below them where they are not all different.
pub(super) fn names(header: &[Row]) -> Vec<String> {
    let first = &header[0].cells;
    let different: HashSet<&str> = first.iter().collect();
    if different.len() == first.len() {
        return first.iter().map(str::to_owned).collect();
    }
    let name = |column: usize| {
        let parts: Vec<&str> =
            header.iter().map(|row| &row.cells[column]).filter(|part| !part.is_empty()).collect();
        parts.join(" ")
    };
    (0..first.len()).map(name).collect()
}

/// Whether what is in a column are numbers or dates, but for one in ten, or one at all.
fn holds_quantities(rows: &[Row], column: usize) -> bool {
    let cells = || rows.iter().take(LOOKED_AT).map(|row| &row.cells[column]).filter(|cell| !cell.is_empty());
    let (count, others) = (cells().count(), cells().filter(|cell| !is_quantity(cell)).count());
    count > 0 && (others * 10 <= count || others == 1 && count > 2)
}

/// Whether a cell is a number, or a date in figures, however it is written.
fn is_quantity(cell: &str) -> bool {
    cell.parse::<f64>().is_ok()
        || cell.bytes().any(|b| b.is_ascii_digit()) && !cell.chars().any(char::is_alphabetic)
}
