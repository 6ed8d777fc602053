//! `[series]`: what of a series is read and forecast.

use anaphora_data::series::Fill;
pub use anaphora_data::series::{Normalize, Transform};
use serde::{Deserialize, Serialize};

/// `[series]`: what of a series is read and forecast, by the tasks forecast and trajectory.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Series {
    /// Steps of a series that are forecast.
    pub horizon: usize,
    /// Steps that a forecast reads. Left out, three chunks or two seasons, as far as there is enough to learn from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lookback: Option<usize>,
    /// Steps that are forecast at once; those behind them follow from what was forecast. Left out, the horizon, or an eighth
    /// of a short series.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub chunk: Option<usize>,
    /// Steps after which a series is like itself. Left out, what the dates suggest: 24 hours, 12 months.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub season: Option<usize>,
    /// The column of dates, by its name or its number from 1; found where left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub date_column: Option<String>,
    /// How dates are written, as `%d.%m.%Y`; found where left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub date_format: Option<String>,
    /// The columns of numbers, parted by commas; all others where left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub columns: Option<String>,
    /// The column that says to which path a row belongs; the first one where left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path_column: Option<String>,
    /// What takes the place of what is missing in a series; where left out, that is an error.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fill: Option<Fill>,
    /// What is learnt in place of the numbers.
    pub transform: Transform,
    /// What a window's numbers are counted from.
    pub normalize: Normalize,
    /// Whether the columns of a series are forecast together.
    pub channels: Channels,
    /// The model reads the hour, the day and the month, too, where a series has dates.
    pub calendar: bool,
    /// Steps from one patch of a series to the next; half a patch where left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub patch_stride: Option<usize>,
    /// Where validation begins in a series: a date, a share that is left from there on, or a step without dates.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub validation_from: Option<String>,
    /// Where a series is kept for a test, likewise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub test_from: Option<String>,
    /// Where a series ends, likewise: what follows is left alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
    /// Steps from one forecast of a test to the next.
    pub test_stride: usize,
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

impl Default for Series {
    fn default() -> Self {
        Self {
            horizon: 24,
            lookback: None,
            chunk: None,
            season: None,
            date_column: None,
            date_format: None,
            columns: None,
            path_column: None,
            fill: None,
            transform: Transform::default(),
            normalize: Normalize::default(),
            channels: Channels::default(),
            calendar: true,
            patch_stride: None,
            validation_from: None,
            test_from: None,
            until: None,
            test_stride: 1,
        }
    }
}
