//! Series as they are read: one long one, or many short ones.

use std::path::{Path, PathBuf};

use anaphora_data::builtin;
use anaphora_data::series::{self, Calendar, SeriesOptions, Step, parse_date, read_series};
use anaphora_data::table::Column;

use crate::recipe::{Builtin, Data, Series};
use crate::tasks::shared::column;
use crate::{Error, Result};

/// Hours of the built-in series, and the seed that it is made from.
const SEASONAL: (u64, usize) = (1, 24 * 7 * 52);

/// Series with the same columns.
pub struct Collection {
    /// Names of the columns.
    pub names: Vec<String>,
    /// The series.
    pub members: Vec<Member>,
}

/// One series.
pub struct Member {
    /// What messages and tables call it.
    pub name: String,
    /// Its numbers in their own unit, `[steps, columns]`.
    pub values: Vec<f32>,
    /// The same without the noise of their measurement, where it is known.
    pub truth: Option<Vec<f32>>,
    /// When they were measured, where it is known.
    pub calendar: Option<Calendar>,
}

/// A step of one of the series: a forecast begins there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin {
    /// Which series.
    pub member: usize,
    /// The first step that is forecast.
    pub at: usize,
}

/// From where forecasts are learnt, validated and tested.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origins {
    pub train: Vec<Origin>,
    pub validation: Vec<Origin>,
    pub test: Vec<Origin>,
}

/// Where one long series is cut, in steps from its beginning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cuts {
    /// The first step that is validated on.
    pub validation: usize,
    /// The first step that is kept for a test.
    pub test: usize,
    /// The step behind the last.
    pub end: usize,
}

impl Collection {
    /// Numbers a step.
    pub fn columns(&self) -> usize {
        self.names.len()
    }

    /// Steps of one of the series.
    pub fn steps(&self, member: usize) -> usize {
        self.members[member].values.len() / self.columns()
    }

    /// A series alone.
    fn of(found: series::Series) -> Self {
        let member = Member {
            name: found.path.display().to_string(),
            values: found.values,
            truth: None,
            calendar: found.calendar,
        };
        Self { names: found.names, members: vec![member] }
    }

    /// Refuses numbers that a transform cannot take.
    pub fn check(&self, refused: impl Fn(f32) -> bool, needs: &str) -> Result<()> {
        for member in &self.members {
            if let Some(index) = member.values.iter().position(|&value| refused(value)) {
                let (step, column) = (index / self.columns(), &self.names[index % self.columns()]);
                let at = match member.calendar.and_then(|calendar| calendar.date(step)) {
                    Some(date) => date.to_string(),
                    None => format!("step {}", step + 1),
                };
                let reason = format!("column {column} is {} at {at}; {needs}", member.values[index]);
                return Err(Error::Malformed { path: PathBuf::from(&member.name), reason });
            }
        }
        Ok(())
    }
}

/// Reads the series of the training data, or of `other`. `notes` takes a sentence for each thing that was repaired.
pub fn read(
    data: &Data,
    series: &Series,
    other: Option<&Path>,
    notes: &mut dyn FnMut(&str),
) -> Result<Collection> {
    let path = match (other.or(data.train.as_deref()), data.builtin) {
        (Some(path), _) => path,
        (None, Some(Builtin::Seasonal)) => {
            return Ok(Collection::of(builtin::seasonal(SEASONAL.0, SEASONAL.1)));
        }
        (None, _) => Path::new(""),
    };
    let found = read_series(path, &options(data, series))?;
    found.repaired.iter().for_each(|fault| notes(&format!("{fault} (repaired)")));
    Ok(Collection::of(found))
}

fn options(data: &Data, series: &Series) -> SeriesOptions {
    SeriesOptions {
        layout: data.layout,
        header: None,
        date: series.date_column.as_deref().map(column),
        date_format: series.date_format.clone(),
        columns: series.columns.as_deref().map(columns),
        fill: series.fill,
        skip_bad: data.skip_bad,
    }
}

/// Columns, parted by commas.
pub fn columns(names: &str) -> Vec<Column> {
    names.split(',').map(column).collect()
}

/// Steps after which a series is like itself, as its dates suggest; 1 where they suggest nothing.
pub fn season(calendar: Option<&Calendar>) -> usize {
    const DAY: i64 = 86_400_000;
    let season = match calendar.map(Calendar::step) {
        Some(Step::Months(months)) => 12 / months,
        Some(Step::Weekdays) => 5,
        Some(Step::Milliseconds(time)) if time < DAY => DAY / time,
        Some(Step::Milliseconds(DAY)) => 7,
        Some(Step::Milliseconds(time)) if time == 7 * DAY => 52,
        _ => 1,
    };
    season.max(1) as usize
}

/// Where the recipe cuts a series; validation takes a share, but `least` steps, of what comes before the test.
pub fn cuts(data: &Data, series: &Series, collection: &Collection, least: usize) -> Result<Cuts> {
    let (steps, member) = (collection.steps(0), &collection.members[0]);
    let place = |field: &str, text: &Option<String>, whole: usize| match text {
        None => Ok(None),
        Some(text) => cut(text, member.calendar.as_ref(), whole).map(Some).ok_or_else(|| {
            let like = match member.calendar {
                Some(_) => "a date or a share between 0 and 1",
                None => "a step from 1 on or a share between 0 and 1, for there are no dates",
            };
            let reason = format!("{field} is {text}; it takes {like}, within the series of {steps} steps");
            Error::Malformed { path: PathBuf::from(&member.name), reason }
        }),
    };
    let end = place("series.until", &series.until, steps)?.unwrap_or(steps);
    let test = place("series.test_from", &series.test_from, end)?.unwrap_or(end);
    let share = (test as f64 * data.validation_fraction).ceil() as usize;
    let validation = match place("series.validation_from", &series.validation_from, test)? {
        Some(validation) => validation,
        None => test.saturating_sub(share.max(least)),
    };
    Ok(Cuts { validation, test, end })
}

/// A date, a share or a step as a place in the first `whole` steps.
fn cut(text: &str, calendar: Option<&Calendar>, whole: usize) -> Option<usize> {
    let number = text.trim().parse::<f64>().ok();
    let place = match (number, calendar) {
        (Some(share), _) if share > 0.0 && share < 1.0 => whole - (share * whole as f64).round() as usize,
        (_, Some(calendar)) => calendar.first_from(parse_date(text)?),
        (Some(step), None) if step.fract() == 0.0 && step >= 1.0 => step as usize - 1,
        _ => return None,
    };
    (place > 0 && place < whole).then_some(place)
}

impl Cuts {
    /// Where forecasts begin: of `chunk` steps in training and validation, of `horizon` in the test, each behind `lookback`
    /// known steps.
    pub fn origins(&self, lookback: usize, chunk: usize, horizon: usize, stride: usize) -> Origins {
        let from = |first: usize, end: usize, ahead: usize, stride: usize| -> Vec<Origin> {
            let last = end.saturating_sub(ahead);
            let range = first.max(lookback)..last + 1;
            if end < ahead {
                return Vec::new();
            }
            range.step_by(stride).map(|at| Origin { member: 0, at }).collect()
        };
        Origins {
            train: from(0, self.validation, chunk, 1),
            validation: from(self.validation, self.test, chunk, 1),
            test: from(self.test, self.end, horizon, stride),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_series_is_cut_by_date_share_or_step() {
        let mut series = Series { test_from: Some("0.25".into()), ..Series::default() };
        let member = |calendar| Member { name: "any".into(), values: vec![0.0; 144], truth: None, calendar };
        let mut collection = Collection { names: vec!["x".into()], members: vec![member(None)] };
        let cut = |series: &Series, collection: &Collection| cuts(&Data::default(), series, collection, 12);
        assert_eq!(cut(&series, &collection).unwrap(), Cuts { validation: 96, test: 108, end: 144 });
        series.test_from = Some("101".into());
        series.validation_from = Some("81".into());
        assert_eq!(cut(&series, &collection).unwrap(), Cuts { validation: 80, test: 100, end: 144 });
        series.test_from = Some("1958-01".into());
        let refused = cut(&series, &collection).unwrap_err().to_string();
        assert!(refused.contains("there are no dates"), "{refused}");
        let start = parse_date("1949-01").unwrap();
        collection.members = vec![member(Some(Calendar::new(start, Step::Months(1))))];
        series.validation_from = Some("1957-01".into());
        let found = cut(&series, &collection).unwrap();
        assert_eq!(found, Cuts { validation: 96, test: 108, end: 144 });
        let origins = found.origins(24, 12, 36, 1);
        assert_eq!(origins.train.first(), Some(&Origin { member: 0, at: 24 }));
        assert_eq!((origins.train.len(), origins.validation.len(), origins.test.len()), (61, 1, 1));
        series.test_from = Some("1990-01".into());
        assert!(
            cut(&series, &collection).unwrap_err().to_string().contains("within the series of 144 steps")
        );
    }
}
