//! `[series]`: what of a series is read and forecast.

use anaphora_data::series::Fill;
pub use anaphora_data::series::{Normalize, Transform};
use serde::{Deserialize, Serialize};

use super::Accepts::{Bool, OneOf, Text, Whole};
use super::Task::{Forecast, Trajectory};
use super::field::{MANY, WIDE, section, takes, words};
use super::readers::When::Tasks;
use super::readers::{FROM_FILE, SERIES};

section! {
    /// `[series]`: what of a series is read and forecast, by the tasks forecast and trajectory.
    Series in "series" {
        /// Steps of a series that are forecast.
        horizon: usize = 24, takes(Whole(1, WIDE)).common("horizon", "N").read(&[Tasks(SERIES)]);

        /// Steps that a forecast reads; where left out, the longest cycle found in what is learnt, three chunks or two seasons, at most 1,024.
        lookback: Option<usize> = None, takes(Whole(1, WIDE)).common("lookback", "N").read(&[Tasks(SERIES)]);

        /// Steps that are forecast at once, those behind them from these; the horizon where left out, or an eighth of a short series.
        chunk: Option<usize> = None, takes(Whole(1, WIDE)).read(&[Tasks(SERIES)]);

        /// Steps after which a series is like itself; where left out, what the dates suggest, as 24 hours or 12 months, or else what is found in it.
        season: Option<usize> = None, takes(Whole(1, WIDE)).flag("season", "N").read(&[Tasks(&[Forecast])]);

        /// Column of dates, by its name or its number from 1; found where left out, also in columns of years, months and days.
        date_column: Option<String> = None, takes(Text).read(&[Tasks(&[Forecast]), FROM_FILE]);

        /// How dates are written, as %d.%m.%Y, or %s for seconds since 1970; found where left out.
        date_format: Option<String> = None, takes(Text).read(&[Tasks(&[Forecast]), FROM_FILE]);

        /// Columns of numbers, separated by commas; where left out, all others but a first one that only numbers the rows.
        columns: Option<String> = None,
            takes(Text).common("columns", "NAMES").read(&[Tasks(SERIES), FROM_FILE]);

        /// Column that says to which path a row belongs; the first one where left out.
        path_column: Option<String> = None, takes(Text).read(&[Tasks(&[Trajectory]), FROM_FILE]);

        /// What takes the place of a number that is missing; where left out, that is an error.
        fill: Option<Fill> = None, takes(OneOf(words::<Fill>)).read(&[Tasks(&[Forecast]), FROM_FILE]);

        /// What is learnt in place of a series' numbers.
        transform: Transform = Transform::None, takes(OneOf(words::<Transform>)).read(&[Tasks(SERIES)]);

        /// What a window's numbers are counted from.
        normalize: Normalize = Normalize::Last, takes(OneOf(words::<Normalize>)).read(&[Tasks(SERIES)]);

        /// Whether the columns of a series are forecast together.
        channels: Channels = Channels::Independent, takes(OneOf(words::<Channels>)).read(&[Tasks(SERIES)]);

        /// Forecasts read the hour, the day and the month, too, where a series has dates.
        calendar: bool = true, takes(Bool).read(&[Tasks(&[Forecast])]);

        /// Steps from one patch of a series to the next; half a patch where left out.
        patch_stride: Option<usize> = None, takes(Whole(1, WIDE)).read(&[Tasks(SERIES)]);

        /// Where validation begins in a series: a date, a share of it as 0.7, or a step where there are no dates.
        validation_from: Option<String> = None,
            takes(Text).flag("validation-from", "DATE").read(&[Tasks(&[Forecast])]);

        /// Where the part of a series that is kept for a test begins, likewise.
        test_from: Option<String> = None, takes(Text).common("test-from", "DATE").read(&[Tasks(&[Forecast])]);

        /// Where a series ends, likewise; what follows is left alone.
        until: Option<String> = None, takes(Text).read(&[Tasks(&[Forecast])]);

        /// Steps from one forecast of a test to the next.
        test_stride: usize = 1, takes(Whole(1, MANY)).read(&[Tasks(&[Forecast])]);
    }
}

/// Whether the columns of a series are forecast together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Channels {
    /// Each from itself, by one model (Nie et al. 2023, PatchTST).
    #[default]
    Independent,
    /// All from all.
    Joint,
}
