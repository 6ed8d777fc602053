//! Forecasts and those of baselines without a network, beside what came.

use anaphora_data::series::{Collection, Origin, repeated};

use crate::Result;
use crate::metrics::{Contender, Evaluation, Truth};
use crate::model::forecast::{Interface, Network, Prepared};

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

    /// The forecasts of the model at all levels, and an evaluation with a row for it and each baseline.
    pub fn evaluation(&self, prepared: &[Prepared], network: Network) -> Result<(Vec<f32>, Evaluation)> {
        let Interface { season, levels, unit, season_errors, .. } = self.interface;
        let all = self.interface.forecast(prepared, self.origins, network)?;
        let line = self.interface.forecast(prepared, self.origins, None)?;
        let again = |season| repeated(self.collection, self.origins, self.ahead, season);
        let quantiles: Vec<Vec<f32>> =
            (0..levels.len()).map(|level| self.at_level(&all, level, levels.len())).collect();
        let mut contenders = vec![
            Contender { name: "this model", forecasts: quantiles[self.interface.middle()].clone() },
            Contender { name: "linear map", forecasts: self.at_level(&line, 0, 1) },
        ];
        if *season > 1 {
            contenders.push(Contender { name: "last season again", forecasts: again(*season) });
        }
        contenders.push(Contender { name: "last value again", forecasts: again(1) });
        let (values, deviations) = (&self.truth()[..], &unit.deviation[..]);
        let truth = Truth { values, ahead: self.ahead, deviations, season_errors };
        let mut evaluation = truth.evaluation(&contenders)?;
        truth.add_quantiles(levels, &quantiles, &mut evaluation)?;
        Ok((all, evaluation))
    }
}
