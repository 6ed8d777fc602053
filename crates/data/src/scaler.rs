//! Scaling of columns to mean zero and deviation one, learned on some rows and applied to all.

use serde::{Deserialize, Serialize};

/// Mean and standard deviation of each column.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Scaler {
    /// Means, `[columns]`.
    pub mean: Vec<f32>,
    /// Deviations, `[columns]`, above zero: that of a constant column is 1.
    pub deviation: Vec<f32>,
}

impl Scaler {
    /// Learns from `rows`, `[rows, columns]`, by the deviation of the population (divided by n, as scikit-learn's
    /// `StandardScaler` does).
    ///
    /// # Panics
    /// If there is no row, or its last is not whole.
    pub fn fit(rows: &[f32], columns: usize) -> Scaler {
        Scaler::fit_all(std::iter::once(rows), columns)
    }

    /// Learns likewise from rows that lie in several places, each with `[rows, columns]`.
    ///
    /// # Panics
    /// If there is no row at all, or a last one is not whole.
    pub fn fit_all<'a>(places: impl Iterator<Item = &'a [f32]> + Clone, columns: usize) -> Scaler {
        let rows = || {
            places.clone().flat_map(move |rows| {
                assert!(
                    columns > 0 && rows.len().is_multiple_of(columns),
                    "{} values as rows of {columns}",
                    rows.len()
                );
                rows.chunks_exact(columns)
            })
        };
        let count = rows().count() as f64;
        assert!(count > 0.0, "no row to learn the scale from");
        let mut mean = vec![0.0; columns];
        rows().for_each(|row| mean.iter_mut().zip(row).for_each(|(sum, &x)| *sum += f64::from(x)));
        mean.iter_mut().for_each(|mean| *mean /= count);
        let mut variance = vec![0.0; columns];
        for row in rows() {
            let columns = variance.iter_mut().zip(&mean).zip(row);
            columns.for_each(|((sum, mean), &x)| *sum += (f64::from(x) - mean).powi(2));
        }
        let deviation = variance.iter().zip(&mean).map(|(variance, mean)| {
            let deviation = (variance / count).sqrt();
            // What is left of a constant column is rounding.
            if deviation > 1e-7 * mean.abs() && deviation > f64::from(f32::MIN_POSITIVE) {
                deviation as f32
            } else {
                1.0
            }
        });
        let deviation = deviation.collect();
        Scaler { mean: mean.iter().map(|&mean| mean as f32).collect(), deviation }
    }

    /// Scales rows, `[rows, columns]`.
    pub fn apply(&self, rows: &mut [f32]) {
        for row in rows.chunks_mut(self.mean.len()) {
            for ((value, mean), deviation) in row.iter_mut().zip(&self.mean).zip(&self.deviation) {
                *value = (*value - mean) / deviation;
            }
        }
    }

    /// Takes rows, `[rows, columns]`, back to their own scale.
    pub fn invert(&self, rows: &mut [f32]) {
        for row in rows.chunks_mut(self.mean.len()) {
            for ((value, mean), deviation) in row.iter_mut().zip(&self.mean).zip(&self.deviation) {
                *value = *value * deviation + mean;
            }
        }
    }
}
