//! Reading dates as people and programs write them.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::sync::LazyLock;

use jiff::civil::{DateTime, date};
use jiff::fmt::strtime::BrokenDownTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use crate::table::{Column, Table, TableError};

/// Ways to write a day, the commoner first; a time of it may follow.
const DAYS: &[&str] = &[
    "%Y-%m-%d",
    "%Y/%m/%d",
    "%m/%d/%Y",
    "%d/%m/%Y",
    "%d.%m.%Y",
    "%m-%d-%Y",
    "%d-%m-%Y",
    "%Y.%m.%d",
    "%d %b %Y",
    "%d-%b-%Y",
    "%b %d, %Y",
    "%b %d %Y",
    "%Y%m%d",
    "%m/%d/%y",
    "%d/%m/%y",
    "%d.%m.%y",
    "%y-%m-%d",
    "%d-%m-%y",
    "%y/%m/%d",
    "%d-%b-%y",
    "%d %b %y",
];
/// Ways to write the time of a day behind it.
const TIMES: &[&str] =
    &["", " %H:%M", " %H:%M:%S", " %I:%M %p", " %I:%M:%S %p", " %H.%M", " %H.%M.%S", " %H:%M:%S%.f", " %H"];
/// Ways to write longer spans; the first day of each is meant.
const SPANS: &[&str] = &["%Y-%m", "%Y/%m", "%m/%Y", "%m-%Y", "%b %Y", "%b-%y", "%b-%Y", "%Y%m", "%Y"];

/// All ways to write a date with or without a time, the commoner first.
static WRITTEN: LazyLock<Vec<String>> = LazyLock::new(|| {
    let of_days = DAYS.iter().flat_map(|day| TIMES.iter().map(move |time| format!("{day}{time}")));
    of_days.chain(SPANS.iter().map(|&span| span.to_owned())).collect()
});
/// Characters of a date, at most.
const LONGEST: usize = 80;

/// Names of columns that hold dates.
const NAMES: &[&str] = &[
    "date",
    "datetime",
    "time",
    "timestamp",
    "ts",
    "ds",
    "unix",
    "unixtime",
    "epoch",
    "year",
    "quarter",
    "month",
    "week",
    "day",
    "hour",
    "period",
    "datum",
    "zeit",
    "zeitpunkt",
    "zeitstempel",
    "jahr",
    "quartal",
    "monat",
    "woche",
    "tag",
    "fecha",
];
/// Names of columns that hold a part of a date, from the year to the second.
const PARTS: [&[&str]; 6] = [
    &["year", "yr", "yyyy", "jahr"],
    &["month", "mon", "mo", "mm", "monat"],
    &["day", "dy", "dd", "tag"],
    &["hour", "hr", "hh", "stunde"],
    &["minute", "min", "minuten"],
    &["second", "sec", "sekunde"],
];
/// Names of columns that hold the time of a day.
const TIME_OF_DAY: &[&str] = &["time", "hour", "hr", "zeit", "uhrzeit", "stunde", "hora"];

/// How a column's dates are written.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Format<'a> {
    /// As in ISO 8601: `2016-07-01`, `2016-07-01 00:00:00`, with an offset (`Z`, `+02:00`, ` UTC`) taken to UTC.
    Iso,
    /// `1949-Q1` or `1949Q1`.
    Quarter,
    /// Seconds since 1970 in UTC, or, where they are too many, thousandths, millionths or billionths of them.
    Epoch,
    /// Days since 1899-12-30, as spreadsheets count them.
    Spreadsheet,
    /// As in `strptime`.
    Like(Cow<'a, str>),
}

impl fmt::Display for Format<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Format::Iso => "2016-07-01 or 2016-07-01 00:00:00",
            Format::Quarter => "2016-Q1",
            Format::Epoch => "in seconds since 1970",
            Format::Spreadsheet => "in days since 1899-12-30",
            Format::Like(format) => format,
        })
    }
}

impl<'a> Format<'a> {
    /// The format given, or the one in which most of the cells are dates; of several, which differ in the order of day, month and
    /// year, the one in which most ascend, and at one distance.
    pub fn find(cells: &[&str], given: Option<&'a str>) -> Format<'a> {
        match given {
            Some("%s") => Format::Epoch,
            Some(format) => Format::Like(format.into()),
            None => Format::among([Format::Epoch, Format::Spreadsheet], cells),
        }
    }

    /// Likewise, of those that are no numbers and some more.
    fn among(more: impl IntoIterator<Item = Format<'a>>, cells: &[&str]) -> Format<'a> {
        const LOOKED_AT: usize = 100;
        let mut all: Vec<Format> = vec![Format::Iso, Format::Quarter];
        all.extend(WRITTEN.iter().map(|format| Format::Like(format.as_str().into())));
        all.extend(more);
        let count = |format: &Format| cells.iter().take(LOOKED_AT).filter(|cell| format.suits(cell)).count();
        let counts: Vec<usize> = all.iter().map(count).collect();
        let most = counts.iter().copied().max().unwrap_or(0);
        let best = all.into_iter().zip(counts).filter(|&(_, count)| count == most && most > 0);
        let best: Vec<Format> = best.map(|(format, _)| format).collect();
        if let [_] = &best[..] {
            return best.into_iter().next().unwrap_or(Format::Iso);
        }
        let score = |format: &Format| {
            let dates: Vec<DateTime> = cells.iter().filter_map(|cell| format.parse(cell)).collect();
            let mut distances: HashMap<i128, usize> = HashMap::new();
            let steps = dates.windows(2).map(|pair| pair[1].duration_since(pair[0]).as_millis());
            steps.filter(|&step| step > 0).for_each(|step| *distances.entry(step).or_default() += 1);
            let regular = distances.values().copied().max().unwrap_or(0);
            (dates.len(), distances.values().sum::<usize>(), regular)
        };
        // Of equals `max_by_key` takes the last.
        best.into_iter().rev().max_by_key(score).unwrap_or(Format::Iso)
    }

    /// Whether a cell is a date, and, where any number would be one, one of our time.
    fn suits(&self, cell: &str) -> bool {
        let number = || cell.trim().parse::<f64>().unwrap_or(0.0);
        match self {
            Format::Epoch => number() >= 1e8 && self.parse(cell).is_some(),
            Format::Spreadsheet => (20_000.0..80_000.0).contains(&number()),
            _ => self.parse(cell).is_some(),
        }
    }

    /// Whether its dates are written in figures alone, which may be numbers of anything.
    fn is_number(&self) -> bool {
        match self {
            Format::Epoch | Format::Spreadsheet => true,
            Format::Like(format) => matches!(&**format, "%Y" | "%Y%m" | "%Y%m%d"),
            Format::Iso | Format::Quarter => false,
        }
    }

    /// The date in a cell, in the time of the place where it was written, to the thousandth of a second.
    pub fn parse(&self, cell: &str) -> Option<DateTime> {
        let date = self.exactly(cell.trim())?;
        date.with().subsec_nanosecond(date.subsec_nanosecond() / 1_000_000 * 1_000_000).build().ok()
    }

    fn exactly(&self, cell: &str) -> Option<DateTime> {
        match self {
            Format::Iso => {
                // Figures alone are of another format.
                if cell.bytes().all(|b| b.is_ascii_digit()) {
                    return None;
                }
                if let Some(in_utc) = ["UTC", "GMT"].iter().find_map(|zone| cell.strip_suffix(zone)) {
                    return in_utc.trim_end().parse().ok();
                }
                // A civil date would take an offset for nothing.
                let offset = cell.parse::<Timestamp>().ok().map(|time| TimeZone::UTC.to_datetime(time));
                offset.or_else(|| cell.parse().ok())
            }
            Format::Quarter => {
                let (year, quarter) = cell.split_once(['Q', 'q'])?;
                let quarter: i8 = quarter.parse().ok().filter(|quarter| (1..=4).contains(quarter))?;
                DateTime::new(year.trim_end_matches(['-', ' ']).parse().ok()?, 3 * quarter - 2, 1, 0, 0, 0, 0)
                    .ok()
            }
            Format::Epoch => {
                let count: f64 = cell.parse().ok().filter(|count: &f64| count.is_finite())?;
                let to_milliseconds = match count.abs() {
                    ..1e11 => 1e3,
                    1e11..1e14 => 1.0,
                    1e14..1e17 => 1e-3,
                    _ => 1e-6,
                };
                let time = Timestamp::from_millisecond((count * to_milliseconds).round() as i64).ok()?;
                Some(TimeZone::UTC.to_datetime(time))
            }
            Format::Spreadsheet => {
                let days: f64 = cell.parse().ok().filter(|days| (1.0..2_958_466.0).contains(days))?;
                // To the second: a day's fraction has not more digits.
                let seconds = (days * 86_400.0).round() as i64;
                date(1899, 12, 30)
                    .to_datetime(Default::default())
                    .checked_add(SignedDuration::from_secs(seconds))
                    .ok()
            }
            Format::Like(format) => {
                // Else any small number would be a year.
                let digits = match &**format {
                    "%Y" => Some(4),
                    "%Y%m" => Some(6),
                    "%Y%m%d" => Some(8),
                    _ => None,
                };
                if digits
                    .is_some_and(|digits| cell.len() != digits || !cell.bytes().all(|b| b.is_ascii_digit()))
                {
                    return None;
                }
                let time = BrokenDownTime::parse(&**format, cell).ok()?;
                let in_utc = |time: Timestamp| TimeZone::UTC.to_datetime(time);
                if let Some(time) = time.timestamp() {
                    return Some(in_utc(time));
                }
                let (year, month, day) = (time.year()?, time.month().unwrap_or(1), time.day().unwrap_or(1));
                // `%Y` takes a year of two digits for one of the first century.
                if !format.contains("%y") && year < 1000 && !cell.contains(&format!("{year:04}")) {
                    return None;
                }
                let [hour, minute, second] =
                    [time.hour(), time.minute(), time.second()].map(Option::unwrap_or_default);
                let fraction = time.subsec_nanosecond().unwrap_or_default();
                let there = DateTime::new(year, month, day, hour, minute, second, fraction).ok()?;
                match time.offset() {
                    Some(offset) => offset.to_timestamp(there).ok().map(in_utc),
                    None => Some(there),
                }
            }
        }
    }
}

/// A date in any of the formats that are detected.
pub fn parse_date(text: &str) -> Option<DateTime> {
    // Most words of a table are soon seen to be none: all formats are tried otherwise.
    if text.len() > LONGEST || !text.bytes().any(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Format::among([], &[text]).parse(text)
}

/// The dates of a table's rows.
pub(super) struct Dates<'a> {
    /// The columns that they are in.
    pub columns: Vec<usize>,
    /// What is written of each.
    pub cells: Vec<Cow<'a, str>>,
    /// How they are written.
    pub format: Format<'a>,
    /// What is to be said of where and how they were found.
    pub note: Option<String>,
}

/// Finds the dates of a table: in the column that is named, or in one called `date`, `month` and so on, or in the first that begins
/// with any date and no number; or in columns of years, months, days. A column of numbers has dates only where it is called so and
/// they go one way, or where it is the first, without a name, and holds seconds since 1970 or days as `20200131`.
///
/// # Errors
/// A column that is not there.
pub(super) fn find<'a>(
    table: &'a Table,
    named: Option<&Column>,
    given: Option<&'a str>,
) -> Result<Option<Dates<'a>>, TableError> {
    let single = match named {
        Some(column) => Some(table.column(column)?),
        None => column(table, given),
    };
    let part = |column: usize| PARTS.iter().any(|names| is_called(table, column, names));
    let found = match single {
        Some(column) if named.is_some() => Some((vec![column], cells(table, column))),
        Some(column) if !part(column) => Some(with_time(table, column)),
        single => parts(table).or_else(|| single.map(|column| (vec![column], cells(table, column)))),
    };
    let Some((columns, cells)) = found else { return Ok(None) };
    let texts: Vec<&str> = cells.iter().map(|cell| &**cell).collect();
    let format = Format::find(&texts, given);
    let names: Vec<String> = columns.iter().map(|&column| format!("'{}'", table.name(column))).collect();
    let path = table.path.display();
    let in_utc = || {
        let offset = |cell: &&str| {
            cell.parse::<Timestamp>().is_ok() && cell.get(10..).is_some_and(|time| time.contains(['+', '-']))
        };
        format == Format::Iso && texts.iter().any(offset)
    };
    let note = if columns.len() > 1 {
        Some(format!("{path}: the dates are put together from the columns {}", names.join(", ")))
    } else if given.is_none() && format.is_number() && format != Format::Like("%Y".into()) {
        Some(format!("{path}: column {} is read as dates, written {format}", names[0]))
    } else if in_utc() {
        Some(format!("{path}: the times in column {} have an offset, and are read in UTC", names[0]))
    } else {
        None
    };
    Ok(Some(Dates { columns, cells, format, note }))
}

fn cells(table: &Table, column: usize) -> Vec<Cow<'_, str>> {
    table.rows.iter().map(|row| Cow::Borrowed(&row.cells[column])).collect()
}

/// Whether a column is called by one of these names, whatever its case.
fn is_called(table: &Table, column: usize, names: &[&str]) -> bool {
    let called = table.header.as_ref().map(|header| header[column].as_str());
    called.is_some_and(|called| names.iter().any(|name| called.eq_ignore_ascii_case(name)))
}

/// Whether a word of a column's name is one for dates.
fn is_called_date(table: &Table, column: usize) -> bool {
    let Some(header) = &table.header else { return false };
    let name = header[column].to_lowercase();
    let mut words = name.split(|c: char| !c.is_alphanumeric());
    words.any(|word| NAMES.contains(&word))
}

/// The one column of dates.
fn column(table: &Table, given: Option<&str>) -> Option<usize> {
    let texts = |column: usize| table.rows.iter().map(move |row| &row.cells[column]);
    let mut named = (0..table.columns).filter(|&column| is_called_date(table, column));
    if let Some(given) = given {
        let format = Format::find(&[], Some(given));
        let suits = |column: &usize| nearly(texts(*column).map(|cell| format.parse(cell).is_some()));
        let called = named.clone().next();
        return named.find(suits).or_else(|| table.data_columns().find(suits)).or(called);
    }
    let is_date = |column: &usize| {
        texts(*column).take(10).any(|cell| cell.parse::<f64>().is_err() && parse_date(cell).is_some())
    };
    let numbers = |column: usize| numeric(&texts(column).collect::<Vec<_>>());
    let by_name = named.find(|column| is_date(column) || numbers(*column).is_some());
    let first = || {
        let first = table.data_columns().next().filter(|_| table.data_columns().count() > 1)?;
        let has_name = table.header.as_ref().is_some_and(|header| !header[first].is_empty());
        let format = if has_name { None } else { numbers(first) };
        let is_known = format == Some(Format::Epoch) || format == Some(Format::Like("%Y%m%d".into()));
        // One that only numbers the rows may be seconds, too.
        is_known.then_some(first).or(table.index.filter(|&index| numbers(index) == Some(Format::Epoch)))
    };
    by_name.or_else(|| (0..table.columns).find(is_date)).or_else(first)
}

/// How numbers are written that are dates and go one way; years may come again.
fn numeric(cells: &[&str]) -> Option<Format<'static>> {
    let formats = [
        Format::Like("%Y".into()),
        Format::Like("%Y%m".into()),
        Format::Like("%Y%m%d".into()),
        Format::Epoch,
        Format::Spreadsheet,
    ];
    let goes_one_way = |format: &Format| {
        let dates: Vec<DateTime> = cells.iter().filter_map(|cell| format.parse(cell)).collect();
        let pairs = || dates.windows(2);
        nearly(pairs().map(|pair| pair[0] < pair[1])) || nearly(pairs().map(|pair| pair[0] > pair[1]))
    };
    let mut suiting =
        formats.into_iter().filter(|format| nearly(cells.iter().map(|cell| format.suits(cell))));
    suiting.find(|format| *format == Format::Like("%Y".into()) || goes_one_way(format))
}

/// Whether something is true of one at least, and of nine in ten.
fn nearly(all: impl Iterator<Item = bool>) -> bool {
    let (mut count, mut holds) = (0, 0);
    all.for_each(|here| (count, holds) = (count + 1, holds + usize::from(here)));
    holds > 0 && holds * 10 >= count * 9
}

/// A column of days, and one of times behind it where there is one.
fn with_time(table: &Table, column: usize) -> (Vec<usize>, Vec<Cow<'_, str>>) {
    let clock = |cell: &str| {
        let hour = || cell.parse::<u8>().ok().filter(|&hour| hour < 24).map(|hour| format!("{hour:02}:00"));
        let mut parts = cell.split([':', '.']);
        let is_clock = cell.contains([':', '.'])
            && parts.all(|part| part.len() == 2 && part.parse::<u8>().is_ok_and(|n| n < 60));
        if is_clock { Some(cell.to_owned()) } else { hour() }
    };
    let is_time = |&other: &usize| {
        other != column
            && is_called(table, other, TIME_OF_DAY)
            && nearly(table.rows.iter().map(|row| clock(&row.cells[other]).is_some()))
    };
    let days = || table.rows.iter().all(|row| !row.cells[column].contains(':'));
    let Some(time) = (0..table.columns).find(is_time).filter(|_| days()) else {
        return (vec![column], cells(table, column));
    };
    let cell = |row: &crate::table::Row| {
        let clock = clock(&row.cells[time]).unwrap_or_else(|| row.cells[time].to_owned());
        format!("{} {clock}", &row.cells[column]).into()
    };
    (vec![column, time], table.rows.iter().map(cell).collect())
}

/// Dates in columns of years, months and what is smaller.
fn parts(table: &Table) -> Option<(Vec<usize>, Vec<Cow<'_, str>>)> {
    let column = |names: &&[&str]| (0..table.columns).find(|&column| is_called(table, column, names));
    let columns: Vec<usize> = PARTS.iter().map_while(column).collect();
    if columns.len() < 2 {
        return None;
    }
    let cell = |row: &crate::table::Row| -> Cow<'_, str> {
        let mut date = String::new();
        for (&column, before) in columns.iter().zip(["", "-", "-", " ", ":", ":"]) {
            let part = &row.cells[column];
            let number = part.parse::<u16>().ok().or_else(|| month(part).filter(|_| before == "-"));
            date +=
                &number.map_or_else(|| format!("{before}{part}"), |number| format!("{before}{number:02}"));
        }
        // An hour alone is no time.
        date += if columns.len() == 4 { ":00" } else { "" };
        date.into()
    };
    let cells: Vec<Cow<str>> = table.rows.iter().map(cell).collect();
    let format = Format::among([], &cells.iter().map(|cell| &**cell).collect::<Vec<_>>());
    nearly(cells.iter().map(|cell| format.parse(cell).is_some())).then_some((columns, cells))
}

/// The number of a month by its English name, or the first letters of it.
fn month(name: &str) -> Option<u16> {
    let time = BrokenDownTime::parse("%b", name.get(..3)?).ok()?;
    u16::try_from(time.month()?).ok()
}
