//! Regular dates, and what they say of the hour, the week and the year.

use std::collections::HashMap;
use std::fmt;
use std::ops::Range;

use jiff::civil::{Date, DateTime, Time};
use jiff::{SignedDuration, ToSpan};
use serde::{Deserialize, Serialize};

use super::Cycle;

const SECOND: i64 = 1000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// The time between two rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Step {
    /// So many thousandths of a second.
    Milliseconds(i64),
    /// A day, from Monday to Friday.
    Weekdays,
    /// So many months.
    Months(i64),
}

impl fmt::Display for Step {
    /// An adjective: `hourly`, `15-minute`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Step::Weekdays => f.write_str("weekday"),
            Step::Months(1) => f.write_str("monthly"),
            Step::Months(3) => f.write_str("quarterly"),
            Step::Months(12) => f.write_str("yearly"),
            Step::Months(months) => write!(f, "{months}-month"),
            Step::Milliseconds(SECOND) => f.write_str("one-second"),
            Step::Milliseconds(MINUTE) => f.write_str("one-minute"),
            Step::Milliseconds(HOUR) => f.write_str("hourly"),
            Step::Milliseconds(DAY) => f.write_str("daily"),
            Step::Milliseconds(n) if n == 7 * DAY => f.write_str("weekly"),
            Step::Milliseconds(n) if n % DAY == 0 => write!(f, "{}-day", n / DAY),
            Step::Milliseconds(n) if n % HOUR == 0 => write!(f, "{}-hour", n / HOUR),
            Step::Milliseconds(n) if n % MINUTE == 0 => write!(f, "{}-minute", n / MINUTE),
            Step::Milliseconds(n) if n % SECOND == 0 => write!(f, "{}-second", n / SECOND),
            Step::Milliseconds(n) => write!(f, "{n}-millisecond"),
        }
    }
}

/// Dates at regular steps, without end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Calendar {
    start: DateTime,
    step: Step,
    /// Months are counted from end to end.
    month_ends: bool,
}

impl Calendar {
    /// The calendar from a date on.
    ///
    /// # Panics
    /// If the step has no milliseconds or months.
    pub fn new(start: DateTime, step: Step) -> Calendar {
        assert!(!matches!(step, Step::Milliseconds(..=0) | Step::Months(..=0)), "a step of {step:?}");
        Calendar { start, step, month_ends: false }
    }

    /// The calendar on which most of these dates follow each other; none where no date ascends.
    ///
    /// The step is the commonest distance. It is one of months where dates are on the same day of different months, or
    /// at the ends of them; days none of which is a Saturday or Sunday are weekdays.
    pub fn of(dates: &[DateTime]) -> Option<Calendar> {
        let start = *dates.first()?;
        let pairs = dates.windows(2).map(|pair| (pair[0], pair[1])).filter(|&(one, next)| one < next);
        let times = pairs.clone().map(|(one, next)| milliseconds(one, next));
        let time = commonest(times.filter(|&time| time > 0))?;
        let months = pairs.clone().filter(|&(one, next)| {
            let same_day = one.day() == next.day() || is_month_end(one) && is_month_end(next);
            same_day && one.time() == next.time() && month(one) < month(next)
        });
        let on_weekend = |date: &DateTime| date.weekday().to_monday_zero_offset() > 4;
        let by_months = months.clone().count() * 10 >= pairs.count() * 9;
        let step = match commonest(months.map(|(one, next)| month(next) - month(one))) {
            Some(months) if by_months => Step::Months(months),
            _ if time == DAY && dates.len() > 7 && !dates.iter().any(on_weekend) => Step::Weekdays,
            _ => Step::Milliseconds(time),
        };
        let month_ends = dates.iter().take(4).all(|&date| is_month_end(date));
        Some(Calendar { start, step, month_ends })
    }

    /// The date of step 0.
    pub fn start(&self) -> DateTime {
        self.start
    }

    /// The time between two steps.
    pub fn step(&self) -> Step {
        self.step
    }

    /// Steps after which a series is like itself, as its dates suggest; 1 where they suggest nothing.
    pub fn season(&self) -> usize {
        self.cycles().first().map_or(1, |cycle| cycle.steps)
    }

    /// The days, weeks and years of two steps or more, the shortest first.
    pub fn cycles(&self) -> Vec<Cycle> {
        let cycles = match self.step {
            Step::Months(months) => vec![(12 / months, "year")],
            Step::Weekdays => vec![(5, "week"), (261, "year")],
            Step::Milliseconds(time) if time < DAY => {
                vec![(DAY / time, "day"), (7 * DAY / time, "week"), (365 * DAY / time, "year")]
            }
            Step::Milliseconds(DAY) => vec![(7, "week"), (365, "year")],
            Step::Milliseconds(time) if time == 7 * DAY => vec![(52, "year")],
            Step::Milliseconds(_) => Vec::new(),
        };
        let cycle = |(steps, name)| Cycle { steps: steps as usize, name: Some(name) };
        cycles.into_iter().filter(|&(steps, _)| steps > 1).map(cycle).collect()
    }

    /// The date of a step, behind the end of the series too; none beyond the year 9999.
    pub fn date(&self, place: usize) -> Option<DateTime> {
        let place = i64::try_from(place).ok()?;
        match self.step {
            Step::Milliseconds(time) => {
                self.start.checked_add(SignedDuration::from_millis(time.checked_mul(place)?)).ok()
            }
            Step::Weekdays => {
                let weekday = self.start.weekday().to_monday_zero_offset() as i64;
                let days = place + 2 * ((weekday + place) / 5);
                self.start.checked_add(SignedDuration::from_millis(DAY.checked_mul(days)?)).ok()
            }
            Step::Months(months) => {
                let months = months.checked_mul(place).filter(|months| *months < 240_000)?;
                let date = self.start.checked_add(months.months()).ok()?;
                Some(if self.month_ends {
                    date.date().last_of_month().to_datetime(date.time())
                } else {
                    date
                })
            }
        }
    }

    /// The date of a step as it is written: all steps of a calendar with a time, to the same part of a second, or all without.
    pub fn written(&self, place: usize) -> Option<String> {
        let (start, step) = (
            self.start.time(),
            match self.step {
                Step::Milliseconds(time) => time,
                Step::Weekdays | Step::Months(_) => DAY,
            },
        );
        let format = match start.subsec_nanosecond() {
            nanoseconds if nanoseconds % 1_000_000 != 0 => "%Y-%m-%d %H:%M:%S%.9f",
            0 if step % DAY == 0 && start == Time::midnight() => "%Y-%m-%d",
            0 if step % SECOND == 0 => "%Y-%m-%d %H:%M:%S",
            _ => "%Y-%m-%d %H:%M:%S%.3f",
        };
        Some(self.date(place)?.strftime(format).to_string())
    }

    /// The step on which a date lies, if it lies on one.
    pub fn place(&self, date: DateTime) -> Option<usize> {
        let place = match self.step {
            Step::Milliseconds(time) => milliseconds(self.start, date).checked_div(time)?,
            Step::Weekdays => weekdays(date.date()) - weekdays(self.start.date()),
            Step::Months(months) => (month(date) - month(self.start)).checked_div(months)?,
        };
        usize::try_from(place).ok().filter(|&place| self.date(place) == Some(date))
    }

    /// The first step at or behind a date.
    pub fn first_from(&self, date: DateTime) -> usize {
        // No calendar has more steps than that before the year 10000.
        let (mut low, mut high) = (0, 1usize << 50);
        while low < high {
            let middle = (low + high) / 2;
            if self.date(middle).is_some_and(|there| there < date) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low
    }

    /// What of its dates comes back at least twice in the first steps: of one year, the month says only which part of it a
    /// step is.
    pub fn recurring(&self, steps: usize) -> Vec<Feature> {
        let comes_back = |feature: &Feature| {
            let places = self.indices(0..steps, &[*feature]).unwrap_or_default();
            places.windows(2).filter(|pair| pair[1] < pair[0]).count() >= 2
        };
        self.features().iter().copied().filter(comes_back).collect()
    }

    /// Sine and cosine of where in its period each step lies, `[steps, 2 * features]`; steps may lie in the future.
    ///
    /// None where a step lies beyond the year 9999.
    pub fn waves(&self, steps: Range<usize>, features: &[Feature]) -> Option<Vec<f32>> {
        let mut values = Vec::with_capacity(steps.len() * features.len() * 2);
        for place in steps {
            let date = self.date(place)?;
            for feature in features {
                let turn = feature.index(date) as f64 / feature.period() as f64;
                let (sine, cosine) = (std::f64::consts::TAU * turn).sin_cos();
                values.extend([sine as f32, cosine as f32]);
            }
        }
        Some(values)
    }

    /// Where in its period each step lies, `[steps, features]`, for a table of embeddings; steps may lie in the future.
    ///
    /// None where a step lies beyond the year 9999.
    pub fn indices(&self, steps: Range<usize>, features: &[Feature]) -> Option<Vec<u32>> {
        let mut values = Vec::with_capacity(steps.len() * features.len());
        for place in steps {
            let date = self.date(place)?;
            values.extend(features.iter().map(|feature| feature.index(date)));
        }
        Some(values)
    }

    /// The features that change from step to step and come back: for hourly steps the hour, the weekday and the month.
    pub fn features(&self) -> &'static [Feature] {
        use Feature::*;
        match self.step {
            Step::Months(12) => &[],
            Step::Months(_) => &[Month],
            Step::Milliseconds(n) if n % (7 * DAY) == 0 => &[Month],
            Step::Weekdays => &[Weekday, Month],
            Step::Milliseconds(n) if n % DAY == 0 => &[Weekday, Month],
            Step::Milliseconds(n) if n % HOUR == 0 => &[Hour, Weekday, Month],
            Step::Milliseconds(_) => &[Minute, Hour, Weekday, Month],
        }
    }
}

/// Something that a date says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Feature {
    /// Minute of the hour.
    Minute,
    /// Hour of the day.
    Hour,
    /// Day of the week, from Monday.
    Weekday,
    /// Day of the month.
    Day,
    /// Day of the year.
    YearDay,
    /// Month of the year.
    Month,
}

impl Feature {
    /// How many values it has.
    pub fn period(self) -> u32 {
        match self {
            Feature::Minute => 60,
            Feature::Hour => 24,
            Feature::Weekday => 7,
            Feature::Day => 31,
            Feature::YearDay => 366,
            Feature::Month => 12,
        }
    }

    /// Its value, from 0 to below the period.
    pub fn index(self, date: DateTime) -> u32 {
        let index: i16 = match self {
            Feature::Minute => date.minute().into(),
            Feature::Hour => date.hour().into(),
            Feature::Weekday => date.weekday().to_monday_zero_offset().into(),
            Feature::Day => (date.day() - 1).into(),
            Feature::YearDay => date.day_of_year() - 1,
            Feature::Month => (date.month() - 1).into(),
        };
        index as u32
    }
}

fn milliseconds(from: DateTime, to: DateTime) -> i64 {
    // Ten thousand years are 4e14 of them.
    to.duration_since(from).as_millis() as i64
}

/// The commonest of some distances, of equally common ones the shortest.
fn commonest(distances: impl Iterator<Item = i64>) -> Option<i64> {
    let mut counts = HashMap::new();
    distances.for_each(|distance| *counts.entry(distance).or_insert(0) += 1);
    counts.into_iter().max_by_key(|&(distance, count)| (count, -distance)).map(|(distance, _)| distance)
}

fn is_month_end(date: DateTime) -> bool {
    date.date() == date.date().last_of_month()
}

/// Months since the year 0.
fn month(date: DateTime) -> i64 {
    i64::from(date.year()) * 12 + i64::from(date.month())
}

/// Weekdays since a Monday; a weekend counts as the Friday before.
fn weekdays(date: Date) -> i64 {
    let monday = jiff::civil::date(1970, 1, 5);
    let days = milliseconds(monday.into(), date.into()).div_euclid(DAY);
    5 * days.div_euclid(7) + days.rem_euclid(7).min(4)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::series::parse_date;

    #[test]
    fn dates_are_read_where_they_come_back() {
        let hourly = Calendar::new(parse_date("2016-07-01").unwrap(), Step::Milliseconds(3_600_000));
        assert_eq!(hourly.recurring(24 * 360), [Feature::Hour, Feature::Weekday]);
        assert_eq!(hourly.recurring(24 * 800), [Feature::Hour, Feature::Weekday, Feature::Month]);
        assert_eq!(hourly.recurring(24), []);
    }

    #[test]
    fn the_season_is_the_shortest_cycle() {
        let cycles = |step| {
            let calendar = Calendar::new(parse_date("2020-01-01").unwrap(), step);
            let cycles: Vec<usize> = calendar.cycles().iter().map(|cycle| cycle.steps).collect();
            assert_eq!(calendar.season(), cycles.first().copied().unwrap_or(1));
            cycles
        };
        for (step, steps) in [
            (Step::Milliseconds(15 * MINUTE), &[96, 672, 35_040][..]),
            (Step::Milliseconds(HOUR), &[24, 168, 8_760]),
            (Step::Milliseconds(DAY), &[7, 365]),
            (Step::Weekdays, &[5, 261]),
            (Step::Milliseconds(7 * DAY), &[52]),
            (Step::Milliseconds(10 * DAY), &[]),
            (Step::Months(1), &[12]),
            (Step::Months(3), &[4]),
            (Step::Months(12), &[]),
        ] {
            assert_eq!(cycles(step), steps, "{step}");
        }
    }

    #[test]
    fn all_dates_of_a_calendar_are_written_alike() {
        for (start, step, written) in [
            ("2020-01-01", Step::Milliseconds(HOUR), ["2020-01-01 00:00:00", "2020-01-02 00:00:00"]),
            ("2020-01-01", Step::Milliseconds(DAY), ["2020-01-01", "2020-01-25"]),
            ("2020-01-01", Step::Months(1), ["2020-01-01", "2022-01-01"]),
            ("2020-01-01 12:00", Step::Milliseconds(DAY), ["2020-01-01 12:00:00", "2020-01-25 12:00:00"]),
            ("2020-01-01", Step::Milliseconds(500), ["2020-01-01 00:00:00.000", "2020-01-01 00:00:12.000"]),
        ] {
            let calendar = Calendar::new(parse_date(start).unwrap(), step);
            assert_eq!([0, 24].map(|place| calendar.written(place).unwrap()), written);
        }
    }
}
