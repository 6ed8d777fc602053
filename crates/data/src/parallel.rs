//! Parallel text: a sentence and its translation.

use std::path::{Path, PathBuf};

use crate::error::{At, DataError, counted, sift};
use crate::files::{Decoded, decode_lines, read};
use crate::table::{Column, RowFault, TableError, TableOptions, read_table};

/// A sentence and its translation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pair {
    /// What is to be translated, without white space around it; never empty.
    pub source: String,
    /// Its translation, likewise.
    pub target: String,
    /// Their line, from 1.
    pub line: usize,
}

/// What was read: at least one pair, and what was not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pairs {
    /// The pairs in the order of the lines.
    pub pairs: Vec<Pair>,
    /// Lines that were left out, where that was asked for.
    pub skipped: Vec<At<RowFault>>,
    /// What a person should know of how they were read, a sentence each.
    pub notes: Vec<String>,
}

/// Why parallel text could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ParallelError {
    /// A file could not be read.
    #[error(transparent)]
    File(#[from] DataError),
    /// The table could not be read.
    #[error(transparent)]
    Table(#[from] TableError),
    /// A sentence without its translation.
    #[error(transparent)]
    Line(#[from] At<RowFault>),
    /// Two files of different length.
    #[error(
        "{} has {} and {} {target_lines}, line by line one has to be the translation of the other",
        source_path.display(), counted(*source_lines, "line"), target_path.display()
    )]
    Lines {
        /// The file of sentences.
        source_path: PathBuf,
        /// Its number of lines.
        source_lines: usize,
        /// The file of translations.
        target_path: PathBuf,
        /// Its number of lines.
        target_lines: usize,
    },
    /// No pair at all.
    #[error("{}: no pair of sentences was found, at least one is needed ({} skipped)", path.display(), counted(*skipped, "bad one"))]
    NoPair {
        /// The file of sentences.
        path: PathBuf,
        /// Lines that were left out.
        skipped: usize,
    },
}

/// Reads two files, each line of one the translation of the same line of the other.
///
/// Lines that are empty in both are passed over, but not at the price of the count.
///
/// # Errors
/// Files that cannot be read, unequal counts of lines, no pair; unless they are skipped, lines empty in one file only.
pub fn read_parallel(source: &Path, target: &Path, options: &TableOptions) -> Result<Pairs, ParallelError> {
    let decode = |path: &Path| {
        let Decoded { text, damaged, fault } = decode_lines(&read(path)?, path, options.encoding)?;
        match fault.filter(|_| !options.skip_bad) {
            Some(fault) => Err(fault),
            None => Ok((text, damaged)),
        }
    };
    let ((source_text, source_damaged), (target_text, target_damaged)) = (decode(source)?, decode(target)?);
    let (source_lines, target_lines) = (source_text.lines().count(), target_text.lines().count());
    if source_lines != target_lines {
        let (source_path, target_path) = (source.to_owned(), target.to_owned());
        return Err(ParallelError::Lines { source_path, source_lines, target_path, target_lines });
    }
    let lines = source_text.lines().zip(target_text.lines()).enumerate();
    let pairs = lines.map(|(index, (one, other))| (index + 1, one.trim(), other.trim()));
    let pairs = pairs.filter(|(_, one, other)| !(one.is_empty() && other.is_empty()));
    let mut skipped = vec![];
    for (path, damaged) in [(source, &source_damaged), (target, &target_damaged)] {
        skipped.extend(damaged.iter().map(|&line| At::new(path, line, RowFault::NotText)));
    }
    let whole = |line| [&source_damaged, &target_damaged].iter().all(|all| all.binary_search(&line).is_err());
    finish(source, target, pairs.filter(|&(line, ..)| whole(line)), options.skip_bad, skipped)
}

/// Reads a table whose columns are sentences and translations, by default its first two behind one that only numbers the rows.
///
/// # Errors
/// Those of [`read_table`], columns that are not there; unless they are skipped, rows with one of them empty.
pub fn read_parallel_table(
    path: &Path,
    columns: Option<(&Column, &Column)>,
    options: &TableOptions,
) -> Result<Pairs, ParallelError> {
    let mut table = read_table(path, options)?;
    let first = Column::Number(1 + table.index.map_or(0, |index| index + 1));
    let second = Column::Number(2 + table.index.map_or(0, |index| index + 1));
    let (source, target) = columns.unwrap_or((&first, &second));
    let (source, target) = (table.column(source)?, table.column(target)?);
    let skipped = std::mem::take(&mut table.skipped);
    let pairs = table.rows.iter().map(|row| (row.line, &row.cells[source], &row.cells[target]));
    let read = finish(path, path, pairs, options.skip_bad, skipped)?;
    Ok(Pairs { notes: table.notes.clone(), ..read })
}

fn finish<'a>(
    source: &Path,
    target: &Path,
    pairs: impl Iterator<Item = (usize, &'a str, &'a str)>,
    skip_bad: bool,
    mut skipped: Vec<At<RowFault>>,
) -> Result<Pairs, ParallelError> {
    let pairs = pairs.map(|(line, one, other)| match () {
        _ if one.is_empty() => Err(At::new(source, line, RowFault::EmptyText)),
        _ if other.is_empty() => Err(At::new(target, line, RowFault::EmptyText)),
        _ => Ok(Pair { source: one.to_owned(), target: other.to_owned(), line }),
    });
    let (pairs, bad) = sift(pairs, skip_bad)?;
    skipped.extend(bad);
    if pairs.is_empty() {
        return Err(ParallelError::NoPair { path: source.to_owned(), skipped: skipped.len() });
    }
    Ok(Pairs { pairs, skipped, notes: vec![] })
}
