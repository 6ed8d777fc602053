//! Where an axis has marks, and what they are called: at round numbers and dates.

use std::ops::Range;

use anaphora_data::series::Calendar;
use jiff::civil::DateTime;
use plotters::coord::ranged1d::{KeyPointHint, NoDefaultFormatting, Ranged, ValueFormatter};
use plotters::coord::types::RangedCoordf64;

/// A place on an axis, and its name.
pub type Mark = (f64, String);

/// An axis with marks of its own.
pub struct Axis {
    range: RangedCoordf64,
    marks: Vec<Mark>,
}

impl Axis {
    /// The axis of a range.
    pub fn new((low, high): (f64, f64), marks: Vec<Mark>) -> Self {
        Self { range: (low..high).into(), marks }
    }
}

impl Ranged for Axis {
    type FormatOption = NoDefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, limit: (i32, i32)) -> i32 {
        self.range.map(value, limit)
    }

    fn key_points<Hint: KeyPointHint>(&self, hint: Hint) -> Vec<f64> {
        if hint.weight().allow_light_points() {
            return Vec::new();
        }
        self.marks.iter().map(|&(place, _)| place).collect()
    }

    fn range(&self) -> Range<f64> {
        self.range.range()
    }
}

impl ValueFormatter<f64> for Axis {
    fn format_ext(&self, place: &f64) -> String {
        self.marks.iter().find(|(there, _)| there == place).map(|(_, name)| name.clone()).unwrap_or_default()
    }
}

/// Round numbers from `low` to `high`, `most` at most, with the decimals that tell them apart and no more.
pub fn numbers(low: f64, high: f64, most: usize) -> Vec<Mark> {
    let span = high - low;
    if !(span.is_finite() && span > 0.0) {
        return Vec::new();
    }
    let ten = 10_f64.powf((span / most as f64).log10().floor());
    let fits = |step: &f64| (high / step).floor() - (low / step).ceil() < most as f64;
    let Some(step) = [1.0, 2.0, 5.0, 10.0, 20.0].map(|by| by * ten).into_iter().find(fits) else {
        return Vec::new();
    };
    let decimals = (-(step * 1.000_001).log10().floor()).max(0.0) as usize;
    let (first, last) = ((low / step).ceil() as i64, (high / step).floor() as i64);
    // Zero has no sign.
    (first..=last).map(|index| index as f64 * step + 0.0).map(|x| (x, format!("{x:.decimals$}"))).collect()
}

/// A span of time that begins at a round date: so many of a unit.
#[derive(Clone, Copy)]
enum Span {
    Seconds(i64),
    Minutes(i64),
    Hours(i64),
    Days(i64),
    Months(i64),
    Years(i64),
}

use Span::{Days, Hours, Minutes, Months, Seconds, Years};

/// From the shortest to the longest.
const SPANS: [Span; 27] = [
    Seconds(1),
    Seconds(5),
    Seconds(15),
    Seconds(30),
    Minutes(1),
    Minutes(5),
    Minutes(15),
    Minutes(30),
    Hours(1),
    Hours(3),
    Hours(6),
    Hours(12),
    Days(1),
    Days(2),
    Days(7),
    Months(1),
    Months(2),
    Months(3),
    Months(6),
    Years(1),
    Years(2),
    Years(5),
    Years(10),
    Years(20),
    Years(50),
    Years(100),
    Years(1000),
];

impl Span {
    /// Which one a time lies in.
    fn index(self, time: DateTime) -> i64 {
        // The first Monday of 1970.
        let monday = DateTime::constant(1970, 1, 5, 0, 0, 0, 0);
        let seconds = time.duration_since(monday).as_secs();
        let months = i64::from(time.year()) * 12 + i64::from(time.month()) - 1;
        match self {
            Seconds(count) => seconds.div_euclid(count),
            Minutes(count) => seconds.div_euclid(60 * count),
            Hours(count) => seconds.div_euclid(3600 * count),
            Days(count) => seconds.div_euclid(86_400 * count),
            Months(count) => months.div_euclid(count),
            Years(count) => months.div_euclid(12 * count),
        }
    }

    /// What one is called that begins with a time.
    fn name(self, time: DateTime) -> String {
        let is_midnight = time.time() == Default::default();
        match self {
            Years(_) => time.year().to_string(),
            Months(_) => format!("{:04}-{:02}", time.year(), time.month()),
            Seconds(_) if !is_midnight => time.time().to_string(),
            Minutes(_) | Hours(_) if !is_midnight => format!("{:02}:{:02}", time.hour(), time.minute()),
            _ => time.date().to_string(),
        }
    }
}

/// The steps from `first` to below `end` at which round dates begin, `most` at most; without a calendar round numbers of steps, from 1.
pub fn steps(calendar: Option<&Calendar>, first: usize, end: usize, most: usize) -> Vec<Mark> {
    let Some(calendar) = calendar else {
        let numbers = numbers(first as f64 + 1.0, end as f64, most).into_iter();
        return numbers
            .filter(|(step, _)| step.fract() == 0.0)
            .map(|(step, name)| (step - 1.0, name))
            .collect();
    };
    let dates: Vec<DateTime> = (first..end).map_while(|step| calendar.date(step)).collect();
    // What lies just before the first date is in the same span, unless that begins there.
    let before = |index: usize| match index.checked_sub(1) {
        Some(before) => Some(dates[before]),
        None => dates[0].checked_sub(jiff::SignedDuration::from_millis(1)).ok(),
    };
    let marks = |span: Span| -> Vec<Mark> {
        let begins = |&index: &usize| {
            before(index).is_none_or(|before| span.index(before) != span.index(dates[index]))
        };
        (0..dates.len())
            .filter(begins)
            .map(|index| ((first + index) as f64, span.name(dates[index])))
            .collect()
    };
    SPANS.into_iter().map(marks).find(|marks| marks.len() <= most).unwrap_or_default()
}

/// A number with five digits or so.
pub fn digits(value: f32) -> String {
    let decimals = match value.abs() {
        1e4.. => 0,
        1e3.. => 1,
        100.0.. => 2,
        10.0.. => 3,
        _ => 4,
    };
    format!("{value:.decimals$}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use anaphora_data::series::{Step, parse_date};

    fn names(marks: Vec<Mark>) -> Vec<String> {
        marks.into_iter().map(|(_, name)| name).collect()
    }

    #[test]
    fn numbers_are_round_and_have_the_decimals_they_need() {
        assert_eq!(names(numbers(97.0, 611.0, 6)), ["100", "200", "300", "400", "500", "600"]);
        assert_eq!(names(numbers(-0.1, 0.4, 6)), ["-0.1", "0.0", "0.1", "0.2", "0.3", "0.4"]);
        assert_eq!(names(numbers(0.0, 4.0, 5)), ["0", "1", "2", "3", "4"]);
        assert_eq!(names(numbers(1e6, 1.5e6, 3)), ["1000000", "1200000", "1400000"]);
        assert!(numbers(f64::NAN, 1.0, 5).is_empty() && numbers(1.0, 1.0, 5).is_empty());
    }

    #[test]
    fn dates_are_round() {
        let calendar = |from: &str, step| Calendar::new(parse_date(from).unwrap(), step);
        let shown = |from, step, count| names(steps(Some(&calendar(from, step)), 0, count, 7));
        let hour = 3_600_000;
        assert_eq!(shown("1955-11", Step::Months(1), 60), ["1956", "1957", "1958", "1959", "1960"]);
        assert_eq!(
            shown("2019-11-05", Step::Milliseconds(24 * hour), 120),
            ["2019-12", "2020-01", "2020-02", "2020-03"]
        );
        assert_eq!(
            shown("2019-11-05 22:00", Step::Milliseconds(hour), 20),
            ["2019-11-06", "03:00", "06:00", "09:00", "12:00", "15:00"]
        );
        assert_eq!(shown("2019-11-05", Step::Milliseconds(24 * hour), 5).len(), 5);
        assert_eq!(
            shown("2019-11-08", Step::Weekdays, 20),
            ["2019-11-11", "2019-11-18", "2019-11-25", "2019-12-02"]
        );
        assert_eq!(names(steps(None, 90, 130, 5)), ["100", "110", "120", "130"]);
    }
}
