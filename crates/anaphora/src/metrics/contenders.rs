//! Errors of a model's forecasts beside those of simpler means.

use anaphora_data::error::counted;
use serde_json::{Map, Value, json};

use super::{Evaluation, ScoreError, coverage, mae, mape, mse, pinball};

/// Forecasts of one kind, `[origins, ahead, columns]`, in the series' own unit.
pub struct Contender {
    /// What it is called in the table.
    pub name: &'static str,
    /// What it forecast.
    pub forecasts: Vec<f32>,
}

impl Contender {
    /// What it is called for programs.
    fn key(&self) -> String {
        self.name.replace(' ', "_")
    }
}

/// What came behind some origins, and in what its forecasts are measured.
pub struct Truth<'a> {
    /// What came, `[origins, ahead, columns]`, in the series' own unit.
    pub values: &'a [f32],
    /// Steps ahead.
    pub ahead: usize,
    /// The deviation of each column in the training data.
    pub deviations: &'a [f32],
    /// The mean error of a repeated season of each column in the training data.
    pub season_errors: &'a [f32],
}

/// The errors of some forecasts.
struct Errors {
    /// Squared and absolute, in units of each column's deviation in the training data.
    mse: f64,
    mae: f64,
    /// Absolute, in the series' own unit.
    own: f64,
    /// In percent, where it is defined.
    mape: Option<f64>,
    /// Over the mean error of a repeated season in the training data, where there is one.
    mase: Option<f64>,
}

impl Truth<'_> {
    fn columns(&self) -> usize {
        self.deviations.len()
    }

    fn origins(&self) -> usize {
        self.values.len() / (self.ahead * self.columns())
    }

    fn errors(&self, forecasts: &[f32]) -> Result<Errors, ScoreError> {
        let columns = self.columns();
        let column = |values: &[f32], index: usize| -> Vec<f32> {
            values.iter().skip(index).step_by(columns).copied().collect()
        };
        let (mut squared, mut absolute, mut scaled) = (0.0, 0.0, Some(0.0));
        for (index, (&deviation, &season)) in self.deviations.iter().zip(self.season_errors).enumerate() {
            let (truth, forecast) = (column(self.values, index), column(forecasts, index));
            let (deviation, error) = (f64::from(deviation), mae(&truth, &forecast)?);
            squared += mse(&truth, &forecast)? / (deviation * deviation * columns as f64);
            absolute += error / (deviation * columns as f64);
            let season = f64::from(season);
            scaled = scaled.filter(|_| season > 0.0).map(|sum| sum + error / (season * columns as f64));
        }
        let percent = mape(self.values, forecasts).ok().filter(|mape| mape.skipped == 0);
        Ok(Errors {
            mse: squared,
            mae: absolute,
            own: mae(self.values, forecasts)?,
            mape: percent.map(|mape| mape.percent),
            mase: scaled,
        })
    }

    /// An evaluation with a row for each contender; its scores are those of the first.
    ///
    /// # Errors
    /// Forecasts that are not finite, or not as many as values.
    pub fn evaluation(&self, contenders: &[Contender]) -> Result<Evaluation, ScoreError> {
        let mut evaluation = Evaluation::new(self.origins(), "forecast");
        let one = self.columns() == 1;
        let number = |x: f64| format!("{x:>10.4}");
        let maybe = |x: Option<f64>| x.map_or_else(|| format!("{:>10}", "–"), number);
        let mut table = format!("{:<18}{:>10}{:>10}", "", "MSE", "MAE");
        if one {
            table += &format!("{:>12}", "MAE, own");
        }
        table += &format!("{:>10}{:>10}\n", "MAPE, %", "MASE");
        let mut rows = Map::new();
        for (place, contender) in contenders.iter().enumerate() {
            let Errors { mse, mae, own, mape, mase } = self.errors(&contender.forecasts)?;
            if place == 0 {
                evaluation.add("mse", mse);
                evaluation.add("mae", mae);
                mape.into_iter().for_each(|mape| evaluation.add("mape", mape));
                mase.into_iter().for_each(|mase| evaluation.add("mase", mase));
            }
            table += &format!("{:<18}{}{}", contender.name, number(mse), number(mae));
            if one {
                table += &format!("{own:>12.4}");
            }
            table += &format!("{}{}\n", maybe(mape), maybe(mase));
            let row = json!({ "mse": mse, "mae": mae, "mae_own_unit": own, "mape": mape, "mase": mase });
            rows.insert(contender.key(), row);
        }
        table += &format!(
            "\n{} ahead. MSE and MAE are in units of a column's deviation in the training data.\n",
            counted(self.ahead, "step")
        );
        evaluation.details.insert("ahead".into(), json!(self.ahead));
        evaluation.details.insert("contenders".into(), Value::Object(rows));
        evaluation.table = Some(table);
        Ok(evaluation)
    }

    /// Adds how good forecasts of several quantiles are, of each of `levels` those at it.
    ///
    /// # Errors
    /// As [`Truth::evaluation`].
    pub fn add_quantiles(
        &self,
        levels: &[f32],
        quantiles: &[Vec<f32>],
        evaluation: &mut Evaluation,
    ) -> Result<(), ScoreError> {
        let (Some((&low, &high)), true) = (levels.first().zip(levels.last()), levels.len() > 1) else {
            return Ok(());
        };
        let unit = |values: &[f32]| -> Vec<f32> {
            values.iter().zip(self.deviations.iter().cycle()).map(|(value, unit)| value / unit).collect()
        };
        let scaled = unit(self.values);
        let mut loss = 0.0;
        for (level, quantile) in levels.iter().zip(quantiles) {
            loss += pinball(&scaled, &unit(quantile), f64::from(*level))? / levels.len() as f64;
        }
        let inside = coverage(self.values, &quantiles[0], &quantiles[levels.len() - 1])?;
        evaluation.add("pinball", loss);
        evaluation.add("coverage", inside);
        let sentence = format!("Between the quantiles {low} and {high} lie {:.1} %.\n", 100.0 * inside);
        evaluation.table.get_or_insert_default().push_str(&sentence);
        Ok(())
    }
}

/// Moments at which distances are listed.
const MOMENTS: usize = 5;

/// How far the paths of each contender are from `truth`, both `[paths, ahead, columns]`: over all steps, at the last, and at some
/// moments. `against` says what the truth is.
pub fn distances(
    truth: &[f32],
    [ahead, columns]: [usize; 2],
    contenders: &[Contender],
    against: &str,
) -> Evaluation {
    let paths = truth.len() / (ahead * columns);
    let moments: Vec<usize> = (1..=MOMENTS).map(|part| (ahead * part).div_ceil(MOMENTS)).collect();
    let mut evaluation = Evaluation::new(paths, "path");
    let mut table = format!("{:<14}{:>10}", "distance", "mean");
    moments.iter().for_each(|moment| table += &format!("{:>10}", format!("step {moment}")));
    table.push('\n');
    let mut rows = Map::new();
    for (place, contender) in contenders.iter().enumerate() {
        let Contender { name, forecasts } = contender;
        let mut by_step = vec![0.0; ahead];
        let points = truth.chunks_exact(columns).zip(forecasts.chunks_exact(columns));
        for (index, (truth, forecast)) in points.enumerate() {
            let square: f64 = truth.iter().zip(forecast).map(|(a, b)| f64::from(a - b).powi(2)).sum();
            by_step[index % ahead] += square.sqrt() / paths as f64;
        }
        let mean = by_step.iter().sum::<f64>() / ahead as f64;
        if place == 0 {
            evaluation.add("mean_distance", mean);
            evaluation.add("final_distance", by_step[ahead - 1]);
        }
        table += &format!("{name:<14}{mean:>10.4}");
        moments.iter().for_each(|&moment| table += &format!("{:>10.4}", by_step[moment - 1]));
        table.push('\n');
        rows.insert(contender.key(), json!({ "mean_distance": mean, "by_step": by_step }));
    }
    table += &format!("\nMean distance from {against}, in the unit of the data.\n");
    evaluation.details.insert("contenders".into(), rows.into());
    evaluation.table = Some(table);
    evaluation
}
