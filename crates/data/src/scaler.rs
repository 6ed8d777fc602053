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
        assert!(
            columns > 0 && !rows.is_empty() && rows.len().is_multiple_of(columns),
            "{} values as rows of {columns}",
            rows.len()
        );
        let count = (rows.len() / columns) as f64;
        let column = |index: usize| rows.iter().skip(index).step_by(columns).map(|&x| f64::from(x));
        let mean: Vec<f64> = (0..columns).map(|index| column(index).sum::<f64>() / count).collect();
        let deviation = mean.iter().enumerate().map(|(index, mean)| {
            let variance = column(index).map(|x| (x - mean).powi(2)).sum::<f64>() / count;
            // What is left of a constant column is rounding.
            let deviation = variance.sqrt();
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
