//! A look into a file or folder, to tell what it is to be learnt from.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::Read;
use std::path::Path;

use crate::encoding::Encoding;
use crate::error::DataError;
use crate::files::{decode, files_of, has_extension, io_error};
use crate::folders::holds;
use crate::picture::idx_files;
use crate::series::parse_date;
use crate::table::{LABEL_NAMES, Layout, Row, TEXT_NAMES, Table, TableOptions, parse_table};
use crate::texts::{Format, Texts};

/// Bytes at the beginning of a file that are looked at.
const HEAD: u64 = 1 << 18;

/// What a file or folder looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Tunes in ABC.
    Abc,
    /// Text.
    Text,
    /// A table of labels and texts.
    LabelledTexts,
    /// A table of labels and numbers.
    LabelledNumbers,
    /// A table of texts, each with a number.
    Scores,
    /// Numbers at regular dates or steps.
    Series,
    /// Coordinates of many paths, a path after the other.
    Paths,
    /// Words with tags in columns.
    Tagged,
    /// Texts and what they become.
    Pairs,
    /// Sounds in folders or with names of classes.
    Sounds,
    /// Pictures in folders of classes.
    Pictures,
    /// Pictures and a table of captions.
    Captions,
    /// MIDI files.
    Midi,
    /// Chords of several voices.
    Chords,
}

/// A kind, and why: a clause such as "has dates and numbers in its columns".
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Look {
    /// What it is taken for.
    pub kind: Kind,
    /// What was found.
    pub found: &'static str,
}

/// Looks into a file or folder. What is like nothing else is text.
///
/// # Errors
/// A path that is missing or cannot be read.
pub fn look(path: &Path, encoding: Encoding) -> Result<Look, DataError> {
    let kinds = if path.is_dir() { FOLDERS.iter() } else { FILES.iter() };
    let seen = Seen::of(path, encoding)?;
    for (is, kind, found) in kinds {
        if is(&seen)? {
            return Ok(Look { kind: *kind, found });
        }
    }
    Ok(Look { kind: Kind::Text, found: "holds text" })
}

type Test = fn(&Seen) -> Result<bool, DataError>;

/// The kinds of folders, the first of which that fits is taken.
const FOLDERS: &[(Test, Kind, &str)] = &[
    (|seen| holds(seen.path, &["abc"]), Kind::Abc, "holds ABC files"),
    (|seen| holds(seen.path, &["mid", "midi"]), Kind::Midi, "holds MIDI files"),
    (|seen| seen.has_captions(), Kind::Captions, "holds pictures and a table"),
    (
        |seen| Ok(holds(seen.path, PICTURES)? || !idx_files(seen.path)?.is_empty()),
        Kind::Pictures,
        "holds pictures",
    ),
    (|seen| holds(seen.path, &["wav"]), Kind::Sounds, "holds sounds"),
];

/// The kinds of files likewise.
const FILES: &[(Test, Kind, &str)] = &[
    (|seen| Ok(has_extension(seen.path, &["mid", "midi"])), Kind::Midi, "is a MIDI file"),
    (|seen| Ok(seen.is_abc()), Kind::Abc, "holds tunes in ABC"),
    (|seen| Ok(seen.is_chords()), Kind::Chords, "holds chords"),
    (|seen| Ok(seen.is_tagged()), Kind::Tagged, "has a word and its tag in each line"),
    (|seen| Ok(seen.is_fasttext()), Kind::LabelledTexts, "has a __label__ in each line"),
    (|seen| Ok(seen.is_series()), Kind::Series, "has dates and numbers in its columns"),
    // Whoever reads it says which cells are none.
    (
        |seen| Ok(seen.is_nearly_a_series()),
        Kind::Series,
        "has dates and, but for a few cells, numbers in its columns",
    ),
    (
        |seen| Ok(seen.is_paths()),
        Kind::Paths,
        "has the coordinates of one path after the other in its columns",
    ),
    (|seen| Ok(seen.names_pictures()), Kind::Captions, "has names of pictures and texts in its columns"),
    (|seen| Ok(seen.has_labelled_numbers()), Kind::LabelledNumbers, "has labels and numbers in its columns"),
    (|seen| Ok(seen.is_numbers()), Kind::Series, "has nothing but numbers in its columns"),
    (|seen| Ok(seen.has_labels_and_texts()), Kind::LabelledTexts, "has labels and texts in its columns"),
    (|seen| Ok(seen.has_scores()), Kind::Scores, "has numbers and texts in its columns"),
    (|seen| Ok(seen.is_pairs()), Kind::Pairs, "has texts in two columns"),
];

const PICTURES: &[&str] = &["png", "jpg", "jpeg"];

/// What is looked at.
struct Seen<'a> {
    path: &'a Path,
    /// The beginning of a file, where it is text; whole lines.
    text: String,
    /// The same as a table.
    table: Option<Table>,
}

/// What a column holds.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Holds {
    Dates,
    /// Numbers; whether they are few whole ones, as labels are.
    Numbers(bool),
    /// Few different words.
    Labels,
    Texts,
    Pictures,
}

impl<'a> Seen<'a> {
    fn of(path: &'a Path, encoding: Encoding) -> Result<Self, DataError> {
        let mut seen = Self { path, text: String::new(), table: None };
        if path.is_dir() {
            return Ok(seen);
        }
        let mut head = Vec::new();
        let file = File::open(path).map_err(|e| io_error(path, e))?;
        file.take(HEAD).read_to_end(&mut head).map_err(|e| io_error(path, e))?;
        if head.len() as u64 == HEAD {
            // The last line may be cut; so may a character of it.
            let form = encoding.form(|| Ok(&head[..]), false).map_err(|e| io_error(path, e))?;
            let feed = form.line_feed();
            match head.chunks_exact(feed.len()).rposition(|unit| unit == feed) {
                Some(at) => head.truncate((at + 1) * feed.len()),
                None => head.truncate(head.iter().rposition(u8::is_ascii).map_or(0, |at| at + 1)),
            }
        }
        // What is no text is refused by whoever reads it.
        seen.text = decode(&head, path, encoding).unwrap_or_default();
        let options = TableOptions { skip_bad: true, encoding, ..TableOptions::default() };
        seen.table = parse_table(&head, path, &options).ok().filter(|table| seen.is_a_table(table));
        Ok(seen)
    }

    /// Whether what was read as a table is one: its name says so, or its lines have cells that are alike in number.
    fn is_a_table(&self, table: &Table) -> bool {
        let lines = self.lines().count();
        let regular = table.rows.len() >= 3 && (table.rows.len() + table.skipped.len()) * 10 >= lines * 8;
        let few_bad = table.skipped.len() * 10 <= table.rows.len();
        match table.layout {
            // The first word of a line is a cell of any text.
            Layout::Head => {
                let numbers = || table.rows.iter().map(|row| &*row.cells[0]);
                table.rows.len() >= 3 && few_bad && numbers().all(|cell| cell.parse::<i32>().is_ok())
            }
            _ => table.columns > 1 && few_bad && (regular || has_extension(self.path, TABLES)),
        }
    }

    /// The lines that are not empty.
    fn lines(&self) -> impl Iterator<Item = &str> {
        self.text.lines().filter(|line| !line.trim().is_empty())
    }

    fn is_abc(&self) -> bool {
        has_extension(self.path, &["abc"])
            || Texts::of(self.text.clone(), self.path, None).is_ok_and(|texts| texts.format() == Format::Abc)
    }

    fn is_chords(&self) -> bool {
        let begin: String = self.text.chars().filter(|c| !c.is_whitespace()).take(40).collect();
        has_extension(self.path, &["json"])
            && ["train", "valid", "test"].iter().any(|part| begin.starts_with(&format!("{{\"{part}\":[[[")))
    }

    fn is_tagged(&self) -> bool {
        if has_extension(self.path, &["conll", "conllu", "iob", "iob2", "bio"]) {
            return true;
        }
        let columns = |line: &str| match line.contains('\t') {
            true => line.split('\t').count(),
            false => line.split_ascii_whitespace().count(),
        };
        let words: Vec<&str> = self.lines().filter(|line| !line.starts_with('#')).take(200).collect();
        let parted = self.text.lines().take(400).any(|line| line.trim().is_empty());
        let Some(first) = words.first().map(|line| columns(line)) else { return false };
        let is_tag = |line: &&str| {
            let tag = line.split_ascii_whitespace().next_back().unwrap_or_default();
            tag == "O" || tag.get(1..2) == Some("-") && tag.starts_with(|c: char| c.is_ascii_uppercase())
        };
        parted
            && (2..=12).contains(&first)
            && words.iter().all(|line| columns(line) == first)
            && words.iter().all(is_tag)
    }

    fn is_fasttext(&self) -> bool {
        self.lines().next().is_some()
            && self.lines().take(100).all(|line| line.trim_start().starts_with("__label__"))
    }

    fn has_captions(&self) -> Result<bool, DataError> {
        let files = files_of(self.path)?;
        let tables = files.iter().filter(|path| has_extension(path, &["csv", "tsv", "txt"])).count();
        Ok(tables == 1
            && (holds(&self.path.join("images"), PICTURES).unwrap_or(false)
                || files.iter().any(|path| has_extension(path, PICTURES))))
    }

    /// What the columns hold.
    fn columns(&self) -> Vec<Holds> {
        let Some(table) = &self.table else { return vec![] };
        (0..table.columns).map(|column| of_column(table, column)).collect()
    }

    fn is_series(&self) -> bool {
        let columns = self.columns();
        let numbers = columns.iter().filter(|holds| matches!(holds, Holds::Numbers(_))).count();
        let dates = columns.iter().filter(|holds| **holds == Holds::Dates).count();
        let ascending = self.table.as_ref().is_some_and(|table| !table.rows.is_empty());
        dates == 1 && numbers > 0 && numbers + dates == columns.len() && ascending
    }

    /// A column of dates beside columns of numbers, but for one cell in twenty of each.
    fn is_nearly_a_series(&self) -> bool {
        let Some(table) = &self.table else { return false };
        let most = |column: usize, is: fn(&str) -> bool| {
            let cells = || table.rows.iter().map(|row| &*row.cells[column]).filter(|cell| !cell.is_empty());
            let bad = cells().filter(|cell| !is(cell)).count();
            bad * 20 <= cells().count() && cells().next().is_some()
        };
        let is_date = |cell: &str| !is_number(cell) && parse_date(cell).is_some();
        let dates = (0..table.columns).filter(|&column| most(column, is_date)).count();
        let numbers = (0..table.columns).filter(|&column| most(column, is_number)).count();
        dates == 1 && numbers > 0 && dates + numbers == table.columns
    }

    /// A name in front of two or three numbers, its rows together, in which each of the numbers goes on from where it was; not
    /// the parts of a date.
    fn is_paths(&self) -> bool {
        let columns = self.columns();
        let (Some(table), Some((name, numbers))) = (&self.table, columns.split_first()) else { return false };
        if numbers.iter().any(|holds| !matches!(holds, Holds::Numbers(_))) || *name == Holds::Dates {
            return false;
        }
        if table.column_called(CALENDAR_NAMES).is_some() || table.header.is_none() && holds_years(table) {
            return false;
        }
        let rows = || table.rows.iter();
        let paths: Vec<&[Row]> = table.rows.chunk_by(|a, b| a.cells[0] == b.cells[0]).collect();
        let names: HashSet<&str> = paths.iter().map(|path| &*path[0].cells[0]).collect();
        let together = names.len() == paths.len() && paths.len() >= 3 && rows().count() >= 5 * paths.len();
        // What goes up by as much in each row counts them.
        let coordinates: Vec<_> =
            (1..table.columns).filter(|&column| !counts(table, &paths, column)).collect();
        together
            && (2..=3).contains(&coordinates.len())
            && coordinates.iter().all(|&column| goes_on(table, &paths, column))
    }

    fn names_pictures(&self) -> bool {
        self.columns().contains(&Holds::Pictures)
    }

    /// A column of few whole numbers, or of words, beside numbers that are no such: three or more.
    fn has_labelled_numbers(&self) -> bool {
        let columns = self.columns();
        let is_number = |holds: &&Holds| matches!(holds, Holds::Numbers(_));
        let words = columns.iter().filter(|holds| **holds == Holds::Labels).count();
        let rest = columns.iter().filter(is_number).count();
        match words {
            0 => {
                let (first, others) = columns.split_first().unzip();
                first == Some(&Holds::Numbers(true))
                    && others.is_some_and(|others: &[Holds]| {
                        others.len() >= 3 && others.iter().all(|holds| *holds == Holds::Numbers(false))
                    })
            }
            1 => rest >= 3 && rest + 1 == columns.len(),
            _ => false,
        }
    }

    fn is_numbers(&self) -> bool {
        let columns = self.columns();
        !columns.is_empty() && columns.iter().all(|holds| matches!(holds, Holds::Numbers(_)))
    }

    fn has_labels_and_texts(&self) -> bool {
        let columns = self.columns();
        let Some(table) = &self.table else { return false };
        let named = table.column_called(LABEL_NAMES).map(|column| columns[column]);
        let is_label = |holds: &Holds| matches!(holds, Holds::Labels | Holds::Numbers(true));
        let label = match named {
            Some(holds) => is_label(&holds),
            None => columns.iter().any(is_label),
        };
        label && self.has_texts(&columns)
    }

    fn has_scores(&self) -> bool {
        // The number in front of a line may be that of the line.
        let headed = self.table.as_ref().is_some_and(|table| table.layout == Layout::Head);
        let columns = self.columns();
        !headed && columns.iter().any(|holds| matches!(holds, Holds::Numbers(_))) && self.has_texts(&columns)
    }

    fn has_texts(&self, columns: &[Holds]) -> bool {
        columns.contains(&Holds::Texts)
            || self.table.as_ref().is_some_and(|table| table.column_called(TEXT_NAMES).is_some())
    }

    fn is_pairs(&self) -> bool {
        let tabbed = self.table.as_ref().is_some_and(|table| table.layout == Layout::Tab);
        (tabbed || has_extension(self.path, TABLES))
            && self.columns().starts_with(&[Holds::Texts, Holds::Texts])
    }
}

const TABLES: &[&str] = &["csv", "tsv", "tab"];

/// Columns that are parts of a date.
const CALENDAR_NAMES: &[&str] = &["year", "month", "week", "day", "hour", "minute", "date"];

/// Whether the first column holds nothing but what may be years.
fn holds_years(table: &Table) -> bool {
    table.rows.iter().all(|row| row.cells[0].parse().is_ok_and(|year: u32| (1500..2200).contains(&year)))
}

/// The numbers of a column in the rows of a path.
fn along<'a>(table: &'a Table, path: &'a [Row], column: usize) -> impl Iterator<Item = f64> + Clone + 'a {
    path.iter().filter_map(move |row| table.number_in(row, column))
}

/// Whether a column goes up by as much from each row of a path to the next.
fn counts(table: &Table, paths: &[&[Row]], column: usize) -> bool {
    let steps = || paths.iter().flat_map(|path| steps(along(table, path, column)));
    steps().next().is_some_and(|first| first > 0.0 && steps().all(|step| step == first))
}

fn steps(numbers: impl Iterator<Item = f64> + Clone) -> impl Iterator<Item = f64> {
    numbers.clone().skip(1).zip(numbers).map(|(next, number)| next - number)
}

/// Whether the numbers of a column are nearer to the one before than to the mean of their path: those of rows in no order are
/// farther from it.
fn goes_on(table: &Table, paths: &[&[Row]], column: usize) -> bool {
    let (mut stepped, mut spread) = (0.0, 0.0);
    for path in paths {
        let numbers = along(table, path, column);
        let mean = numbers.clone().sum::<f64>() / path.len() as f64;
        stepped += steps(numbers.clone()).map(|step| step * step).sum::<f64>();
        spread += numbers.map(|number| (number - mean).powi(2)).sum::<f64>();
    }
    stepped < spread
}

fn is_number(cell: &str) -> bool {
    cell.replace(',', ".").parse::<f64>().is_ok()
}

/// What most of a column's cells are.
fn of_column(table: &Table, column: usize) -> Holds {
    const LOOKED_AT: usize = 1000;
    let cells: Vec<&str> = table
        .rows
        .iter()
        .take(LOOKED_AT)
        .map(|row| &*row.cells[column])
        .filter(|cell| !cell.is_empty())
        .collect();
    let mut counts: HashMap<&str, usize> = HashMap::new();
    cells.iter().for_each(|cell| *counts.entry(cell).or_default() += 1);
    // A label comes again and again.
    let few = counts.len() <= 1 + cells.len() / 3 && counts.len() <= 200;
    let all = |is: fn(&str) -> bool| !cells.is_empty() && cells.iter().all(|cell| is(cell));
    match () {
        _ if all(|cell| cell.parse::<f64>().is_err() && parse_date(cell).is_some()) => Holds::Dates,
        _ if all(|cell| PICTURES.iter().any(|end| cell.to_lowercase().ends_with(&format!(".{end}")))) => {
            Holds::Pictures
        }
        _ if all(is_number) => {
            let whole =
                cells.iter().all(|cell| cell.parse::<f64>().is_ok_and(|number| number.fract() == 0.0));
            Holds::Numbers(whole && few && counts.len() <= 20)
        }
        _ if few => Holds::Labels,
        _ => Holds::Texts,
    }
}
