//! Errors of forecasts, beside those of baselines without a network.

use anaphora_data::series::{Collection, Origin, repeated};
use serde_json::{Map, Value, json};

use super::Prepared;
use super::interface::{Interface, Network};
use crate::Result;
use crate::metrics::Evaluation;
use crate::metrics::{coverage, mae, mape, mse, pinball};

/// Forecasts of one kind, `[origins, ahead, columns]`, in the series' own unit.
pub struct Contender {
    pub name: &'static str,
    pub forecasts: Vec<f32>,
}

/// The errors of forecasts.
pub struct Errors {
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

/// Forecasts from some origins beside what came and what simpler means would have said.
pub struct Scores<'a> {
    pub interface: &'a Interface,
    pub collection: &'a Collection,
    pub origins: &'a [Origin],
    /// Steps that are scored.
    pub ahead: usize,
}

impl Scores<'_> {
    /// What came, `[origins, ahead, columns]`; without noise, where that is known.
    pub fn truth(&self) -> Vec<f32> {
        let columns = self.collection.columns();
        let of = |origin: &Origin| {
            let member = &self.collection.members[origin.member];
            let values = member.truth.as_ref().unwrap_or(&member.values);
            values[origin.at * columns..(origin.at + self.ahead) * columns].iter().copied()
        };
        self.origins.iter().flat_map(of).collect()
    }

    /// The first `ahead` of the steps that were forecast, at one of the levels.
    pub fn at_level(&self, forecasts: &[f32], level: usize, levels: usize) -> Vec<f32> {
        let steps = self.interface.horizon * self.collection.columns() * levels;
        let kept = self.ahead * self.collection.columns() * levels;
        forecasts
            .chunks_exact(steps)
            .flat_map(|of| of[..kept].iter().skip(level).step_by(levels))
            .copied()
            .collect()
    }

    /// The model's forecasts at all levels, and the contenders, the model first.
    pub fn contenders(&self, prepared: &[Prepared], network: Network) -> Result<(Vec<f32>, Vec<Contender>)> {
        let Interface { season, levels, .. } = self.interface;
        let all = self.interface.forecast(prepared, self.origins, network)?;
        let line = self.interface.forecast(prepared, self.origins, None)?;
        let mut contenders = vec![
            Contender {
                name: "this model",
                forecasts: self.at_level(&all, self.interface.middle(), levels.len()),
            },
            Contender { name: "linear map", forecasts: self.at_level(&line, 0, 1) },
            Contender {
                name: "last season again",
                forecasts: repeated(self.collection, self.origins, self.ahead, *season),
            },
            Contender {
                name: "last value again",
                forecasts: repeated(self.collection, self.origins, self.ahead, 1),
            },
        ];
        contenders.retain(|contender| *season > 1 || contender.name != "last season again");
        Ok((all, contenders))
    }

    fn errors(&self, truth: &[f32], forecasts: &[f32]) -> Result<Errors> {
        let (columns, unit) = (self.collection.columns(), &self.interface.unit.deviation);
        let column = |values: &[f32], index: usize| -> Vec<f32> {
            values.iter().skip(index).step_by(columns).copied().collect()
        };
        let (mut squared, mut absolute, mut scaled) = (0.0, 0.0, Some(0.0));
        for (index, &deviation) in unit.iter().enumerate() {
            let (truth, forecast) = (column(truth, index), column(forecasts, index));
            let (deviation, error) = (f64::from(deviation), mae(&truth, &forecast)?);
            squared += mse(&truth, &forecast)? / (deviation * deviation * columns as f64);
            absolute += error / (deviation * columns as f64);
            let season = f64::from(self.interface.season_errors[index]);
            scaled = scaled.filter(|_| season > 0.0).map(|sum| sum + error / (season * columns as f64));
        }
        let percent = mape(truth, forecasts).ok().filter(|mape| mape.skipped == 0).map(|mape| mape.percent);
        Ok(Errors { mse: squared, mae: absolute, own: mae(truth, forecasts)?, mape: percent, mase: scaled })
    }

    /// An evaluation with a row for each contender.
    pub fn evaluation(&self, all: &[f32], contenders: &[Contender]) -> Result<Evaluation> {
        let truth = self.truth();
        let mut evaluation = Evaluation::new(self.origins.len(), "forecast");
        let one = self.collection.columns() == 1;
        let number = |x: f64| format!("{x:>10.4}");
        let maybe = |x: Option<f64>| x.map_or_else(|| format!("{:>10}", "–"), number);
        let mut table = format!("{:<18}{:>10}{:>10}", "", "MSE", "MAE");
        if one {
            table += &format!("{:>12}", "MAE, own");
        }
        table += &format!("{:>10}{:>10}\n", "MAPE, %", "MASE");
        let mut rows = Map::new();
        for (place, contender) in contenders.iter().enumerate() {
            let errors = self.errors(&truth, &contender.forecasts)?;
            let Errors { mse, mae, own, mape, mase } = errors;
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
            rows.insert(
                contender.name.into(),
                json!({
                    "mse": mse, "mae": mae, "mae_own_unit": own, "mape": mape, "mase": mase,
                }),
            );
        }
        table += &format!(
            "\n{} ahead. MSE and MAE are in units of a column's deviation in the training data.\n",
            match self.ahead {
                1 => "1 step".to_owned(),
                steps => format!("{steps} steps"),
            },
        );
        evaluation.details.insert("ahead".into(), json!(self.ahead));
        evaluation.details.insert("contenders".into(), Value::Object(rows));
        self.quantiles(&truth, all, &mut evaluation, &mut table)?;
        evaluation.table = Some(table);
        Ok(evaluation)
    }

    /// Adds how good the quantiles are.
    fn quantiles(
        &self,
        truth: &[f32],
        all: &[f32],
        evaluation: &mut Evaluation,
        table: &mut String,
    ) -> Result<()> {
        let levels = &self.interface.levels;
        let (Some((&low, &high)), true) = (levels.first().zip(levels.last()), levels.len() > 1) else {
            return Ok(());
        };
        let quantiles: Vec<Vec<f32>> =
            (0..levels.len()).map(|level| self.at_level(all, level, levels.len())).collect();
        let unit = |values: &[f32]| -> Vec<f32> {
            let columns = self.interface.unit.deviation.iter().cycle();
            values.iter().zip(columns).map(|(value, deviation)| value / deviation).collect()
        };
        let scaled = unit(truth);
        let mut loss = 0.0;
        for (level, quantile) in levels.iter().zip(&quantiles) {
            loss += pinball(&scaled, &unit(quantile), f64::from(*level))? / levels.len() as f64;
        }
        let inside = coverage(truth, &quantiles[0], &quantiles[levels.len() - 1])?;
        evaluation.add("pinball", loss);
        evaluation.add("coverage", inside);
        *table += &format!("Between the quantiles {low} and {high} lie {:.1} %.\n", 100.0 * inside);
        Ok(())
    }
}
