//! Time series: rows of numbers at regular dates.

mod calendar;
mod collection;
mod cuts;
mod cycles;
mod dates;
mod naive;
mod transform;
mod window;

pub use calendar::{Calendar, Feature, Step};
pub use collection::{Collection, Member, NoTransform, read_paths};
pub use cuts::{CutOptions, Cuts, NoPlace};
pub use cycles::{Cycle, cycles};
pub use dates::parse_date;
pub use naive::{repeated, season_errors, straight_on};
pub use transform::Transform;
pub use window::{Normalize, Origin, Origins, Window, frames_in};

use std::path::{Path, PathBuf};

use jiff::civil::DateTime;
use serde::{Deserialize, Serialize};

use crate::error::{At, counted};
use crate::files::read;
use crate::table::{Column, Row, RowFault, Table, TableError, TableOptions, parse_table};

/// The replacement of a missing number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Fill {
    /// The number before it, or, at the beginning, the first one behind it.
    Previous,
    /// What lies on the line between the numbers before and behind it; at an end, the nearest number.
    Linear,
}

/// How a series is read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SeriesOptions {
    /// How the file is read as a table; rows without a date, with one that came before, or between two steps are skipped and reported
    /// where its bad rows are.
    pub table: TableOptions,
    /// The column of dates; else one named `date`, `month` ..., or the first one that holds dates and no numbers, or columns of years
    /// and months.
    pub date: Option<Column>,
    /// How dates are written, in `strptime`'s way (`%d.%m.%Y`, `%s` for seconds since 1970); detected where not given.
    pub date_format: Option<String>,
    /// The columns of numbers; else all others but the first where it only numbers the rows.
    pub columns: Option<Vec<Column>>,
    /// What takes the place of missing dates, empty cells and what is no finite number; else they are errors.
    pub fill: Option<Fill>,
}

/// Numbers at regular steps, none missing.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// The file.
    pub path: PathBuf,
    /// Names of the columns: those of the header, else their numbers.
    pub names: Vec<String>,
    /// The numbers, `[steps, columns]`.
    pub values: Vec<f32>,
    /// When they were measured, where the file says so.
    pub calendar: Option<Calendar>,
    /// What was skipped or filled, in the order of the lines.
    pub repaired: Vec<At<SeriesFault>>,
    /// What a person should know of how it was read, a sentence each.
    pub notes: Vec<String>,
}

impl Series {
    /// Number of steps.
    pub fn len(&self) -> usize {
        self.values.len() / self.names.len()
    }

    /// Never: a series has at least two steps.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// The numbers of one step, `[columns]`.
    pub fn step(&self, index: usize) -> &[f32] {
        &self.values[index * self.names.len()..][..self.names.len()]
    }
}

/// Faults of a row of a series.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum SeriesFault {
    /// Wrong already as a row of a table.
    #[error(transparent)]
    Row(#[from] RowFault),
    /// No number, or not a finite one.
    #[error(
        "column '{column}' {}, a finite number is needed (or series.fill in the recipe, which says how to fill what is missing)",
        if found.is_empty() { "is empty".to_owned() } else { format!("holds '{found}'") }
    )]
    Cell {
        /// The column's name.
        column: String,
        /// What its cell holds.
        found: String,
    },
    /// Something else than a number in a table of paths.
    #[error("column '{column}' holds '{found}', a finite number is needed")]
    Number {
        /// The column's name.
        column: String,
        /// What its cell holds.
        found: String,
    },
    /// No date.
    #[error("'{found}' is no date, one written {like} is needed")]
    NoDate {
        /// What is in its place.
        found: String,
        /// A format as of `strptime`, or words.
        like: String,
    },
    /// Steps are missing before this row.
    #[error(
        "{} {} missing between {after} and {date} (add what is missing, or say in the recipe, with series.fill, how to fill it)",
        counted(*missing, &format!("{step} step")), if *missing == 1 { "is" } else { "are" }
    )]
    Gap {
        /// Number of missing steps.
        missing: usize,
        /// The step of the series.
        step: Step,
        /// The date before.
        after: DateTime,
        /// The date of this row.
        date: DateTime,
    },
    /// The same date once more.
    #[error("the date {date} comes twice, each may come once")]
    Repeated {
        /// The date.
        date: DateTime,
    },
    /// A date before the one above.
    #[error("{date} comes behind {after}, the dates have to ascend")]
    Unordered {
        /// The date of this row.
        date: DateTime,
        /// The date before.
        after: DateTime,
    },
    /// A date between two steps.
    #[error("{date} lies between two steps, {step} ones from {start} are needed")]
    OffStep {
        /// The date.
        date: DateTime,
        /// The step of the series.
        step: Step,
        /// Its first date.
        start: DateTime,
    },
}

/// Why a series could not be read.
#[derive(Debug, thiserror::Error)]
pub enum SeriesError {
    /// The table could not be read.
    #[error(transparent)]
    Table(#[from] TableError),
    /// A bad row.
    #[error(transparent)]
    Row(#[from] At<SeriesFault>),
    /// One step or none.
    #[error("{}: a series of {} was found, two or more are needed", path.display(), counted(*found, "step"))]
    TooShort {
        /// The file.
        path: PathBuf,
        /// Steps there are.
        found: usize,
    },
    /// A column without a single number.
    #[error("{}: column '{column}' holds no number at all, leave it out", path.display())]
    NoNumber {
        /// The file.
        path: PathBuf,
        /// The column's name.
        column: String,
    },
    /// No column of numbers.
    #[error("{}: there is no column of numbers beside {beside}, one or more are needed", path.display())]
    NoColumn {
        /// The file.
        path: PathBuf,
        /// The column that there is.
        beside: &'static str,
    },
    /// A number that cannot be transformed as was asked for.
    #[error(transparent)]
    NoTransform(At<NoTransform>),
    /// A place to cut a series at that is not in it.
    #[error(transparent)]
    NoPlace(At<NoPlace>),
}

/// Reads a time series from a table.
///
/// # Errors
/// Those of [`crate::table::read_table`]; a bad row, unless options say how it is repaired; less than two steps.
pub fn read_series(path: &Path, options: &SeriesOptions) -> Result<Series, SeriesError> {
    parse_series(&read(path).map_err(TableError::from)?, path, options)
}

/// Reads a time series from a file's content; `name` serves for detection of the layout and for messages.
///
/// # Errors
/// Those of [`read_series`] that concern content.
pub fn parse_series(content: &[u8], name: &Path, options: &SeriesOptions) -> Result<Series, SeriesError> {
    let table = parse_table(content, name, &options.table)?;
    let dates = dates::find(&table, options.date.as_ref(), options.date_format.as_deref())?;
    let mut notes = table.notes.clone();
    notes.extend(dates.as_ref().and_then(|dates| dates.note.clone()));
    let columns = match &options.columns {
        Some(columns) => columns.iter().map(|column| table.column(column)).collect::<Result<Vec<_>, _>>()?,
        None => {
            let dated = dates.as_ref().map_or(&[][..], |dates| &dates.columns);
            measured(&table, dated, &mut notes)
        }
    };
    if columns.is_empty() {
        return Err(SeriesError::NoColumn { path: name.to_owned(), beside: "the dates" });
    }
    notes.extend(columns.iter().filter_map(|&column| table.doubt(column)));
    let mut repaired =
        table.skipped.iter().map(|at| At::new(name, at.line, at.fault.clone().into())).collect();
    let mut series = Series {
        path: name.to_owned(),
        names: columns.iter().map(|&column| table.name(column)).collect(),
        values: vec![],
        calendar: None,
        repaired: vec![],
        notes,
    };
    let places = match &dates {
        Some(dates) => {
            let (calendar, places) = places(&table, dates, options, &mut repaired)?;
            series.calendar = Some(calendar);
            places
        }
        None => table.rows.iter().enumerate().collect(),
    };
    let steps = places.last().map_or(0, |(place, _)| place + 1);
    if steps < 2 {
        return Err(SeriesError::TooShort { path: name.to_owned(), found: steps });
    }
    // What is missing is not a number until it is filled.
    series.values = vec![f32::NAN; steps * columns.len()];
    for (place, row) in places {
        for (index, &column) in columns.iter().enumerate() {
            let number = table.number_in(row, column).map(|number| number as f32);
            match number.filter(|number| number.is_finite()) {
                Some(number) => series.values[place * columns.len() + index] = number,
                None => {
                    let fault = SeriesFault::Cell {
                        column: series.names[index].clone(),
                        found: row.cells[column].to_owned(),
                    };
                    repair(&mut repaired, At::new(name, row.line, fault), options.fill.is_some())?;
                }
            }
        }
    }
    for (index, column) in series.names.iter().enumerate() {
        if !fill(&mut series.values[index..], columns.len(), options.fill.unwrap_or(Fill::Previous)) {
            return Err(SeriesError::NoNumber { path: name.to_owned(), column: column.clone() });
        }
    }
    repaired.sort_by_key(|at| at.line);
    series.repaired = repaired;
    Ok(series)
}

/// The columns that were measured: neither dates, nor one that only numbers the rows, of which it is said.
fn measured(table: &Table, dated: &[usize], notes: &mut Vec<String>) -> Vec<usize> {
    let mut columns: Vec<usize> = (0..table.columns).filter(|column| !dated.contains(column)).collect();
    let counting = columns.first().copied().filter(|&first| {
        let counts = || first == 0 && table.rows.len() > 2 && table.counts_rows(first);
        columns.len() > 1 && (table.index == Some(first) || counts())
    });
    if let Some(counting) = counting {
        columns.retain(|&column| column != counting);
        let (path, name) = (table.path.display(), table.name(counting));
        notes.push(format!(
            "{path}: column '{name}' only numbers the rows, and is left out; series.columns takes it in"
        ));
    }
    columns
}

/// Rows, each with its step, in ascending order.
type Places<'a> = Vec<(usize, &'a Row)>;

/// Puts each row on its step of the calendar.
fn places<'a>(
    table: &'a Table,
    dates: &dates::Dates,
    options: &SeriesOptions,
    repaired: &mut Vec<At<SeriesFault>>,
) -> Result<(Calendar, Places<'a>), SeriesError> {
    let skip_bad = options.table.skip_bad;
    let at = |row: &Row, fault| At::new(&table.path, row.line, fault);
    let mut dated = vec![];
    for (row, found) in table.rows.iter().zip(&dates.cells) {
        match dates.format.parse(found) {
            Some(date) => dated.push((date, row)),
            None => {
                let fault =
                    SeriesFault::NoDate { found: found.clone().into_owned(), like: dates.format.to_string() };
                repair(repaired, at(row, fault), skip_bad)?;
            }
        }
    }
    let dates: Vec<DateTime> = dated.iter().map(|&(date, _)| date).collect();
    let Some(calendar) = Calendar::of(&dates) else {
        // All dates are the same, or descend: the second row says why.
        let [(first, _), (second, row), ..] = dated[..] else {
            return Err(SeriesError::TooShort { path: table.path.clone(), found: dated.len() });
        };
        return Err(at(row, order_fault(second, first)).into());
    };
    let mut places: Places = vec![];
    let mut after = calendar.start();
    for (date, row) in dated {
        let last = places.last().map(|&(place, _)| place);
        let place = match calendar.place(date) {
            _ if last.is_some() && date <= after => Err(order_fault(date, after)),
            Some(place) => Ok(place),
            None => Err(SeriesFault::OffStep { date, step: calendar.step(), start: calendar.start() }),
        };
        let place = match place {
            Ok(place) => place,
            Err(fault) => {
                repair(repaired, at(row, fault), skip_bad)?;
                continue;
            }
        };
        let missing = place - last.map_or(0, |last| last + 1);
        if missing > 0 {
            let fault = SeriesFault::Gap { missing, step: calendar.step(), after, date };
            // A date that is wrong by centuries is not to be paid for in memory.
            let bearable = place < 10 * table.rows.len() + 100;
            repair(repaired, at(row, fault), options.fill.is_some() && bearable)?;
        }
        places.push((place, row));
        after = date;
    }
    Ok((calendar, places))
}

fn order_fault(date: DateTime, after: DateTime) -> SeriesFault {
    if date == after { SeriesFault::Repeated { date } } else { SeriesFault::Unordered { date, after } }
}

/// Keeps a fault that is repaired, and is the error where it may not be.
fn repair(
    repaired: &mut Vec<At<SeriesFault>>,
    at: At<SeriesFault>,
    allowed: bool,
) -> Result<(), At<SeriesFault>> {
    if !allowed {
        return Err(at);
    }
    repaired.push(at);
    Ok(())
}

/// Fills the missing numbers of a column, which begins at 0 and comes every `stride`; false if it has none but those.
fn fill(values: &mut [f32], stride: usize, how: Fill) -> bool {
    let known: Vec<usize> =
        (0..values.len()).step_by(stride).filter(|&index| !values[index].is_nan()).collect();
    let (Some(&first), Some(&last)) = (known.first(), known.last()) else { return false };
    for index in (0..values.len()).step_by(stride) {
        match index {
            _ if index < first => values[index] = values[first],
            _ if index > last => values[index] = values[last],
            _ => {}
        }
    }
    for pair in known.windows(2) {
        let (before, behind) = (values[pair[0]], values[pair[1]]);
        for index in (pair[0] + stride..pair[1]).step_by(stride) {
            let share = (index - pair[0]) as f32 / (pair[1] - pair[0]) as f32;
            values[index] = match how {
                Fill::Previous => before,
                Fill::Linear => before * (1.0 - share) + behind * share,
            };
        }
    }
    true
}
