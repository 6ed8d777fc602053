//! Reading dates as people write them.

use std::fmt;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::fmt::strtime::BrokenDownTime;
use jiff::tz::TimeZone;

use crate::table::Table;

/// Ways to write a date, the commoner first; what is not said is the first of its kind (day, month, hour ...).
const FORMATS: &[&str] = &[
    "%Y-%m",
    "%Y/%m/%d",
    "%Y/%m/%d %H:%M",
    "%Y/%m/%d %H:%M:%S",
    "%m/%d/%Y",
    "%m/%d/%Y %H:%M",
    "%m/%d/%Y %H:%M:%S",
    "%d/%m/%Y",
    "%d/%m/%Y %H:%M",
    "%d/%m/%Y %H:%M:%S",
    "%d.%m.%Y",
    "%d.%m.%Y %H:%M",
    "%d.%m.%Y %H:%M:%S",
    "%Y/%m",
    "%m/%Y",
    "%b %Y",
    "%b-%y",
    "%d %b %Y",
    "%b %d, %Y",
    "%Y",
];

/// Names of columns that hold dates.
const NAMES: &[&str] = &[
    "date",
    "datetime",
    "time",
    "timestamp",
    "ds",
    "year",
    "quarter",
    "month",
    "week",
    "day",
    "hour",
    "period",
];

/// How a column's dates are written.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Format<'a> {
    /// As in ISO 8601: `2016-07-01`, `2016-07-01 00:00:00`, with an offset (`Z`, `+02:00`) taken to UTC.
    Iso,
    /// `1949-Q1` or `1949Q1`.
    Quarter,
    /// As in `strptime`.
    Like(&'a str),
}

impl fmt::Display for Format<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Format::Iso => "2016-07-01 or 2016-07-01 00:00:00",
            Format::Quarter => "2016-Q1",
            Format::Like(format) => format,
        })
    }
}

impl<'a> Format<'a> {
    /// The format given, or the one in which most of the first hundred cells are dates; of several, which differ in
    /// the order of day and month, the one in which most ascend.
    pub fn find(cells: &[&str], given: Option<&'a str>) -> Format<'a> {
        if let Some(format) = given {
            return Format::Like(format);
        }
        let cells = &cells[..cells.len().min(100)];
        let all = [Format::Iso, Format::Quarter]
            .into_iter()
            .chain(FORMATS.iter().map(|&format| Format::Like(format)));
        let score = |format: &Format| {
            let dates: Vec<DateTime> = cells.iter().filter_map(|cell| format.parse(cell)).collect();
            (dates.len(), dates.windows(2).filter(|pair| pair[0] < pair[1]).count())
        };
        // Of equals `max_by_key` takes the last.
        all.rev().max_by_key(score).expect("the list is not empty")
    }

    /// The date in a cell, in the time of the place where it was written, to the thousandth of a second.
    pub fn parse(&self, cell: &str) -> Option<DateTime> {
        let date = self.exactly(cell)?;
        date.with().subsec_nanosecond(date.subsec_nanosecond() / 1_000_000 * 1_000_000).build().ok()
    }

    fn exactly(&self, cell: &str) -> Option<DateTime> {
        match self {
            Format::Iso => {
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
            // Else any small number would be a year.
            Format::Like("%Y") if cell.len() != 4 => None,
            Format::Like(format) => {
                let time = BrokenDownTime::parse(format, cell).ok()?;
                let (month, day) = (time.month().unwrap_or(1), time.day().unwrap_or(1));
                let [hour, minute, second] =
                    [time.hour(), time.minute(), time.second()].map(Option::unwrap_or_default);
                let fraction = time.subsec_nanosecond().unwrap_or_default();
                DateTime::new(time.year()?, month, day, hour, minute, second, fraction).ok()
            }
        }
    }
}

/// A date in any of the formats that are detected.
pub fn parse_date(text: &str) -> Option<DateTime> {
    Format::find(&[text], None).parse(text)
}

/// The column of dates: by its name, or the first that begins with any date and no number.
pub(super) fn column(table: &Table) -> Option<usize> {
    let cells = |column: usize| table.rows.iter().take(10).map(move |row| row.cells[column].as_str());
    let is_date =
        |column: &usize| cells(*column).any(|c| c.parse::<f64>().is_err() && parse_date(c).is_some());
    let named = table.column_called(NAMES).filter(|&column| cells(column).any(|c| parse_date(c).is_some()));
    named.or_else(|| (0..table.columns).find(is_date))
}
