//! Where a series is cut into what is learnt, validated on and kept for a test.

use super::{Calendar, SeriesError, parse_date};
use crate::error::{At, counted};

/// Where a series is cut, in steps from its beginning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cuts {
    /// The first step that is validated on.
    pub validation: usize,
    /// The first step that is kept for a test.
    pub test: usize,
    /// The step behind the last.
    pub end: usize,
}

/// Where a series is to be cut: each place is a date, a point in time as a share of the whole series, or, without dates, a step from
/// 1.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct CutOptions<'a> {
    /// Where validation begins.
    pub validation_from: Option<&'a str>,
    /// Where the test begins; there is none where left out.
    pub test_from: Option<&'a str>,
    /// Where the series ends; behind its last step where left out.
    pub until: Option<&'a str>,
    /// The share of what comes before the test that is validated on, where its beginning is left out.
    pub validation_fraction: f64,
    /// How many steps are validated on then at least.
    pub validation_least: usize,
}

/// A place that is not in the series.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{field} is {found}; it takes {}, within the series of {}",
    if *dated {
        "a date or a share between 0 and 1"
    } else {
        "a step from 1 on or a share between 0 and 1, for there are no dates"
    },
    counted(*steps, "step")
)]
pub struct NoPlace {
    /// What it was for.
    pub field: &'static str,
    /// What was asked for.
    pub found: String,
    /// Whether the series has dates.
    pub dated: bool,
    /// Its steps.
    pub steps: usize,
}

impl Cuts {
    /// Where a series of so many steps is cut; `name` is what messages call it.
    ///
    /// # Errors
    /// A place that is not in the series.
    pub fn new(
        steps: usize,
        calendar: Option<&Calendar>,
        options: &CutOptions,
        name: &str,
    ) -> Result<Self, SeriesError> {
        let place = |field, text: Option<&str>, end| match text {
            None => Ok(None),
            Some(text) => {
                place(text, calendar, steps).filter(|&place| place < end).map(Some).ok_or_else(|| {
                    let steps = end;
                    let fault = NoPlace { field, found: text.to_owned(), dated: calendar.is_some(), steps };
                    SeriesError::NoPlace(At::new(name.as_ref(), 0, fault))
                })
            }
        };
        let end = place("series.until", options.until, steps)?.unwrap_or(steps);
        let test = place("series.test_from", options.test_from, end)?.unwrap_or(end);
        let share = (test as f64 * options.validation_fraction).ceil() as usize;
        let validation = place("series.validation_from", options.validation_from, test)?;
        let validation = validation.unwrap_or(test.saturating_sub(share.max(options.validation_least)));
        Ok(Self { validation, test, end })
    }
}

/// A date, a share or a step as a place in a series of so many steps, behind its first.
fn place(text: &str, calendar: Option<&Calendar>, steps: usize) -> Option<usize> {
    let number = text.trim().parse::<f64>().ok();
    let place = match (number, calendar) {
        (Some(share), _) if share > 0.0 && share < 1.0 => (share * steps as f64).round() as usize,
        (_, Some(calendar)) => calendar.first_from(parse_date(text)?),
        (Some(step), None) if step.fract() == 0.0 && step >= 1.0 => step as usize - 1,
        _ => return None,
    };
    (place > 0).then_some(place)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::series::Step;

    #[test]
    fn a_series_is_cut_by_date_share_or_step() {
        let mut options = CutOptions {
            test_from: Some("0.75"),
            validation_fraction: 0.1,
            validation_least: 12,
            ..CutOptions::default()
        };
        let cut =
            |options: &CutOptions, calendar: Option<&Calendar>| Cuts::new(144, calendar, options, "any");
        assert_eq!(cut(&options, None).unwrap(), Cuts { validation: 96, test: 108, end: 144 });
        (options.test_from, options.validation_from) = (Some("101"), Some("81"));
        assert_eq!(cut(&options, None).unwrap(), Cuts { validation: 80, test: 100, end: 144 });
        (options.test_from, options.validation_from, options.until) = (Some("0.8"), Some("0.7"), Some("0.9"));
        let cuts = Cuts::new(1000, None, &options, "any").unwrap();
        assert_eq!(cuts, Cuts { validation: 700, test: 800, end: 900 });
        options.until = Some("0.75");
        let refused = cut(&options, None).unwrap_err().to_string();
        assert!(refused.contains("series.test_from is 0.8") && refused.contains("of 108 steps"), "{refused}");
        (options.validation_from, options.until) = (Some("81"), None);
        options.test_from = Some("1958-01");
        let refused = cut(&options, None).unwrap_err().to_string();
        assert!(refused.contains("there are no dates"), "{refused}");
        let calendar = Calendar::new(parse_date("1949-01").unwrap(), Step::Months(1));
        options.validation_from = Some("1957-01");
        let found = cut(&options, Some(&calendar)).unwrap();
        assert_eq!(found, Cuts { validation: 96, test: 108, end: 144 });
        options.test_from = Some("1990-01");
        let refused = cut(&options, Some(&calendar)).unwrap_err().to_string();
        assert!(
            refused.starts_with("any: ") && refused.contains("within the series of 144 steps"),
            "{refused}"
        );
    }
}
