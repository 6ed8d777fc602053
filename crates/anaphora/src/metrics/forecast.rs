//! Forecasts of a series: errors of the value, of quantiles and of intervals.
//!
//! y are the actual values, ŷ the predicted ones, n how many there are. Several series are scored together by laying them
//! one after another.

use super::{Real, ScoreError, check_finite, check_pairs};

/// The mean of `error(y, ŷ)`, after the checks that all errors share.
fn mean<T: Real>(actual: &[T], predicted: &[T], error: impl Fn(f64, f64) -> f64) -> Result<f64, ScoreError> {
    check_pairs("predicted values", predicted.len(), "actual values", actual.len())?;
    check_finite("actual values", actual)?;
    check_finite("predicted values", predicted)?;
    let sum: f64 = actual.iter().zip(predicted).map(|(&y, &p)| error(y.into(), p.into())).sum();
    Ok(sum / actual.len() as f64)
}

/// Mean absolute error, 1/n Σ |y − ŷ|: in the unit of the series. Scikit-learn's `mean_absolute_error`.
///
/// # Errors
/// Lists of unequal length or without values, values that are not finite.
pub fn mae<T: Real>(actual: &[T], predicted: &[T]) -> Result<f64, ScoreError> {
    mean(actual, predicted, |y, p| (y - p).abs())
}

/// Mean squared error, 1/n Σ (y − ŷ)²: in the squared unit of the series. Scikit-learn's `mean_squared_error`.
///
/// # Errors
/// As [`mae`].
pub fn mse<T: Real>(actual: &[T], predicted: &[T]) -> Result<f64, ScoreError> {
    mean(actual, predicted, |y, p| (y - p).powi(2))
}

/// The root of the [`mse`]: in the unit of the series. Scikit-learn's `root_mean_squared_error`.
///
/// # Errors
/// As [`mae`].
pub fn rmse<T: Real>(actual: &[T], predicted: &[T]) -> Result<f64, ScoreError> {
    mse(actual, predicted).map(f64::sqrt)
}

/// The coefficient of determination, 1 − Σ (y − ŷ)² / Σ (y − ȳ)²: 1 where all is explained, 0 for who always says the mean.
/// Scikit-learn's `r2_score`, also where all actual values are equal: 1 where they are met, else 0.
///
/// # Errors
/// As [`mae`].
pub fn r_squared<T: Real>(actual: &[T], predicted: &[T]) -> Result<f64, ScoreError> {
    let left = mse(actual, predicted)?;
    let centre = actual.iter().map(|&y| y.into()).sum::<f64>() / actual.len() as f64;
    let spread = actual.iter().map(|&y| (y.into() - centre).powi(2)).sum::<f64>() / actual.len() as f64;
    Ok(match (left, spread) {
        (0.0, _) => 1.0,
        (_, 0.0) => 0.0,
        _ => 1.0 - left / spread,
    })
}

/// A mean percentage error.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub struct Mape {
    /// The error in percent.
    pub percent: f64,
    /// Values left out because the actual one is 0.
    pub skipped: usize,
}

/// Mean absolute percentage error, 100/n Σ |y − ŷ| / |y|. Actual values of 0 have no percentage: they are left out, and
/// counted. Without any, it is 100 times scikit-learn's `mean_absolute_percentage_error` (which divides by 2⁻⁵² instead).
///
/// # Errors
/// As [`mae`]; and where all actual values are 0.
pub fn mape<T: Real>(actual: &[T], predicted: &[T]) -> Result<Mape, ScoreError> {
    let mean = mean(actual, predicted, |y, p| if y == 0.0 { 0.0 } else { ((y - p) / y).abs() })?;
    let skipped = actual.iter().filter(|&&y| y.into() == 0.0).count();
    match actual.len() - skipped {
        0 => Err(ScoreError::AllZero(skipped)),
        kept => Ok(Mape { percent: 100.0 * mean * actual.len() as f64 / kept as f64, skipped }),
    }
}

/// Symmetric mean absolute percentage error, 100/n Σ 2 |y − ŷ| / (|y| + |ŷ|), from 0 to 200: the form of the M4 competition
/// (Makridakis, Spiliotis and Assimakopoulos 2020). Where both values are 0, the error is 0.
///
/// # Errors
/// As [`mae`].
pub fn smape<T: Real>(actual: &[T], predicted: &[T]) -> Result<f64, ScoreError> {
    mean(actual, predicted, |y, p| if y == p { 0.0 } else { 200.0 * (y - p).abs() / (y.abs() + p.abs()) })
}

/// Mean absolute scaled error (Hyndman and Koehler 2006): the [`mae`] in units of the mean error that repeating the value
/// of one `period` ago makes on the `past`, 1/(N − m) Σ |x_t − x_{t−m}|. Below 1 is better than that. The past is what
/// the model was trained on; a period of 1 repeats the last value, 12 suits months, 24 hours.
///
/// # Errors
/// As [`mae`], for the past too; a period that the past does not hold; a past that repeats itself exactly.
pub fn mase<T: Real>(actual: &[T], predicted: &[T], past: &[T], period: usize) -> Result<f64, ScoreError> {
    let error = mae(actual, predicted)?;
    check_finite("past values", past)?;
    if period == 0 || period >= past.len() {
        return Err(ScoreError::Period { past: past.len(), period });
    }
    let unit = mae(&past[period..], &past[..past.len() - period])?;
    if unit == 0.0 { Err(ScoreError::NoScale(period)) } else { Ok(error / unit) }
}

/// Pinball loss of a predicted quantile q, 1/n Σ max(q (y − ŷ), (q − 1) (y − ŷ)) (Koenker and Bassett 1978): the true
/// quantile makes it least. At 0.5 it is half the [`mae`]. Scikit-learn's `mean_pinball_loss`.
///
/// # Errors
/// As [`mae`]; and a quantile outside 0 … 1.
pub fn pinball<T: Real>(actual: &[T], predicted: &[T], quantile: f64) -> Result<f64, ScoreError> {
    if !(0.0..=1.0).contains(&quantile) {
        return Err(ScoreError::Quantile(quantile));
    }
    mean(actual, predicted, |y, p| (quantile * (y - p)).max((quantile - 1.0) * (y - p)))
}

/// The share of actual values within their interval, bounds included: 0.8 is right for quantiles 0.1 and 0.9. An interval
/// whose bounds are crossed holds nothing.
///
/// # Errors
/// Lists of unequal length or without values, values that are not finite.
pub fn coverage<T: Real>(actual: &[T], lower: &[T], upper: &[T]) -> Result<f64, ScoreError> {
    check_pairs("lower bounds", lower.len(), "actual values", actual.len())?;
    check_pairs("upper bounds", upper.len(), "actual values", actual.len())?;
    check_finite("actual values", actual)?;
    check_finite("lower bounds", lower)?;
    check_finite("upper bounds", upper)?;
    let within = |(&y, (&low, &high)): (&T, (&T, &T))| (low.into()..=high.into()).contains(&y.into());
    let inside = actual.iter().zip(lower.iter().zip(upper)).map(within).filter(|&inside| inside).count();
    Ok(inside as f64 / actual.len() as f64)
}
