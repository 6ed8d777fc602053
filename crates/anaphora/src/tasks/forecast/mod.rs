//! Forecasts: how a series goes on.

mod collection;
mod interface;
mod linear;
mod score;
mod show;

use anaphora_data::series::{Calendar, Feature};
use anaphora_data::{Batches, Scaler};
use anaphora_nn::Params;
use serde_json::{Value, json};

use self::collection::Cuts;
pub(super) use self::collection::{Collection, Member, Origin, Origins, column, columns};
pub(super) use self::interface::{Interface, Prepared};
use self::interface::{VALIDATED, check, forth, sample};
pub(super) use self::score::Scores;
pub(super) use self::show::prediction;
use super::predict::{Given, On, Prediction, Predictor, Report};
use crate::model::SequenceModel;
use crate::recipe::{Channels, Data, Head, Recipe, Series, Shortcut, Task};
use crate::run::assets::{Assets, read_json};
use crate::run::weights::NamedTensor;
use crate::training::{Compute, Description, Extent, Learner, Learnt, Validation};
use crate::{Device, Error, Result, Run};

/// The name of the file of what a run's model reads and gives.
pub(super) const INTERFACE: &str = "forecast.json";

/// A model that forecasts and the series that it learns.
pub struct Forecast {
    task: Task,
    model: SequenceModel,
    interface: Interface,
    prepared: Vec<Prepared>,
    /// Where forecasts begin, and the window among those of the origin.
    train: Vec<(Origin, usize)>,
    validation: Vec<(Origin, usize)>,
    batches: Batches,
}

/// A collection of series and where forecasts of it begin.
pub(super) struct Source {
    pub collection: Collection,
    pub origins: Origins,
}

/// Steps that are read and forecast.
#[derive(Clone, Copy)]
pub(super) struct Steps {
    pub lookback: usize,
    pub chunk: usize,
    pub horizon: usize,
    pub season: usize,
}

impl Forecast {
    /// Reads what the recipe names.
    pub fn open(recipe: &Recipe, assets: &mut Assets, notes: &mut dyn FnMut(&str)) -> Result<Self> {
        let Recipe { data, series, .. } = recipe;
        let collection = collection::read(data, series, None, notes)?;
        let (steps, cuts) = plan(data, series, &collection)?;
        let origins = cuts.origins(steps.lookback, steps.chunk, steps.horizon, series.test_stride);
        let learnt = collection.members[0].values[..cuts.validation * collection.columns()].to_vec();
        let source = Source { collection, origins };
        Self::learn_from(Task::Forecast, recipe, assets, source, steps, &learnt)
    }

    /// Makes a model for a collection of series; `learnt` are the numbers that it may be scaled by, `[.., columns]`.
    pub(super) fn learn_from(
        task: Task,
        recipe: &Recipe,
        assets: &mut Assets,
        source: Source,
        steps: Steps,
        learnt: &[f32],
    ) -> Result<Self> {
        let Source { collection, origins } = source;
        let Recipe { series, training, .. } = recipe;
        check(series.transform, &collection)?;
        let mut prepared = None;
        let interface = assets.json(INTERFACE, || {
            let mut interface = interface(recipe, &collection, steps, learnt)?;
            let series = interface.prepare(&collection)?;
            interface.fit(&series, &origins.train, &origins.validation);
            prepared = Some(series);
            Ok(interface)
        })?;
        let prepared = match prepared {
            Some(prepared) => prepared,
            None => interface.prepare(&collection)?,
        };
        let parts = |origins: &[Origin]| -> Vec<(Origin, usize)> {
            origins
                .iter()
                .flat_map(|&origin| (0..interface.per_origin()).map(move |part| (origin, part)))
                .collect()
        };
        let train = parts(&origins.train);
        let lengths = vec![interface.frames(); train.len()];
        Ok(Self {
            task,
            model: interface.model(&recipe.model, Some(training.seed.into())),
            batches: super::batches(lengths, training)?,
            validation: parts(&sample(&origins.validation, VALIDATED / interface.per_origin())),
            train,
            prepared,
            interface,
        })
    }
}

/// What is read and forecast of a series, and where it is cut.
fn plan(data: &Data, series: &Series, collection: &Collection) -> Result<(Steps, Cuts)> {
    let calendar = collection.members[0].calendar.as_ref();
    let season = series.season.unwrap_or_else(|| collection::season(calendar));
    let whole = |steps: usize| if steps > season { steps - steps % season } else { steps };
    let horizon = series.horizon;
    let known = collection::cuts(data, series, collection, 1)?.test;
    let chunk = series.chunk.unwrap_or_else(|| whole(known / 8).clamp(1, horizon)).min(horizon);
    let cuts = collection::cuts(data, series, collection, chunk)?;
    let lookback = series.lookback.unwrap_or_else(|| {
        let wanted = (2 * season).max(3 * chunk);
        whole(wanted.min(cuts.validation * 2 / 5)).max(1)
    });
    let (learnt, least) = (cuts.validation, lookback + chunk);
    if learnt < least || cuts.test - cuts.validation < chunk {
        let path = std::path::PathBuf::from(&collection.members[0].name);
        let reason = format!(
            "{learnt} steps to learn from and {} to validate on are too few, {least} and {chunk} are needed \
             (look-back {lookback}, {chunk} steps forecast at once); set a smaller series.lookback or series.chunk",
            cuts.test - cuts.validation,
        );
        return Err(Error::Malformed { path, reason });
    }
    Ok((Steps { lookback, chunk, horizon, season }, cuts))
}

/// What a model reads of series, but for the linear map.
fn interface(recipe: &Recipe, collection: &Collection, steps: Steps, learnt: &[f32]) -> Result<Interface> {
    let Recipe { data, series, model, .. } = recipe;
    let Steps { lookback, chunk, horizon, season } = steps;
    // Few steps are read one by one, many as PatchTST reads them.
    let patch = data.patch.unwrap_or(if lookback < 96 { 1 } else { 16 });
    if patch > lookback {
        let sentence = format!("data.patch is {patch}, but only {lookback} steps are read");
        return Err(crate::recipe::RecipeError::Conflict(sentence).into());
    }
    let stride = series.patch_stride.unwrap_or(patch.div_ceil(2));
    let calendar = collection.members[0].calendar.filter(|_| series.calendar);
    let transformed: Vec<f32> = learnt.iter().map(|&value| forth(series.transform, value)).collect();
    Ok(Interface {
        names: collection.names.clone(),
        lookback,
        chunk,
        horizon,
        season,
        patch: [patch, stride],
        features: calendar
            .map(|calendar| recurring(&calendar, learnt.len() / collection.columns()))
            .unwrap_or_default(),
        transform: series.transform,
        normalize: series.normalize,
        channels: series.channels,
        head: model.head,
        levels: match model.head {
            Head::Point => vec![0.5],
            _ => model.levels.iter().map(|&level| level as f32).collect(),
        },
        scaler: Scaler::fit(&transformed, collection.columns()),
        unit: Scaler::fit(learnt, collection.columns()),
        season_errors: season_errors(learnt, collection.columns(), season),
        linear: Vec::new(),
        residual: model.shortcut == Shortcut::Linear,
    })
}

/// What of its dates comes back at least twice in the first steps of a series: of one year, the month says only which part
/// of the training data it is.
fn recurring(calendar: &Calendar, steps: usize) -> Vec<Feature> {
    let comes_back = |feature: &Feature| {
        let places = calendar.indices(0..steps, &[*feature]).unwrap_or_default();
        places.windows(2).filter(|pair| pair[1] < pair[0]).count() >= 2
    };
    calendar.features().iter().copied().filter(comes_back).collect()
}

/// The mean error of repeating each column a season later; 0 where there is no whole season.
fn season_errors(learnt: &[f32], columns: usize, season: usize) -> Vec<f32> {
    let apart = season * columns;
    let error = |column: usize| {
        let later = learnt.iter().skip(apart + column).step_by(columns);
        let (sum, count) = later
            .zip(learnt.iter().skip(column).step_by(columns))
            .fold((0.0, 0), |(sum, count), (a, b)| (sum + f64::from((a - b).abs()), count + 1));
        (sum / f64::from(count.max(1))) as f32
    };
    (0..columns).map(error).collect()
}

impl Learner for Forecast {
    fn task(&self) -> Task {
        self.task
    }

    fn describe(&self) -> Description {
        let Interface { names, lookback, chunk, horizon, channels, .. } = &self.interface;
        let frames = self.interface.frames();
        let extent = |examples: &[(Origin, usize)]| Extent {
            examples: examples.len(),
            units: examples.len() * frames,
        };
        let columns = match (names.len(), channels) {
            (1, _) => "one column".to_owned(),
            (count, Channels::Independent) => format!("{count} columns, each by itself"),
            (count, Channels::Joint) => format!("{count} columns together"),
        };
        let at_once = if chunk == horizon { String::new() } else { format!(", {chunk} at once") };
        Description {
            example: "window",
            unit: "frame",
            train: extent(&self.train),
            validation: extent(&self.validation),
            maps: format!("{columns}; {lookback} steps are read, {horizon} forecast{at_once}"),
            characters: None,
        }
    }

    fn params(&self) -> &Params {
        self.model.params()
    }

    fn params_mut(&mut self) -> &mut Params {
        self.model.params_mut()
    }

    fn progress(&self) -> f64 {
        self.batches.progress()
    }

    fn learn(&mut self, compute: &mut Compute, seed: u64, weight: f32) -> Result<Learnt> {
        let examples: Vec<_> = self.batches.next_batch().into_iter().map(|index| self.train[index]).collect();
        let (packed, targets) = self.interface.batch(&self.prepared, &examples);
        let loss = self.model.learn(compute, &packed, &targets, seed, weight)?;
        Ok(Learnt { loss, units: packed.units() })
    }

    fn validate(&mut self, compute: &mut Compute) -> Result<Validation> {
        let (mut sum, mut count) = (0.0, 0);
        for examples in self.validation.chunks(256) {
            let (packed, targets) = self.interface.batch(&self.prepared, examples);
            let (_, loss) = self.model.predict(compute, &packed, Some(&targets))?;
            sum += f64::from(loss.unwrap_or(0.0)) * examples.len() as f64;
            count += examples.len();
        }
        Ok(Validation::of_loss(sum / count.max(1) as f64))
    }

    fn position(&self) -> Value {
        json!(self.batches.place())
    }

    fn resume(&mut self, position: Value, _: &[NamedTensor]) -> Result<()> {
        super::resume(&mut self.batches, position)
    }
}

/// A trained model that forecasts.
pub struct Forecaster {
    pub(super) run: Run,
    pub(super) recipe: Recipe,
    pub(super) interface: Interface,
    model: SequenceModel,
    compute: Compute,
}

impl Forecaster {
    /// Opens a run.
    pub fn open(run: Run, device: Device) -> Result<Self> {
        let recipe = run.recipe()?;
        let interface: Interface = read_json(run.path(), INTERFACE)?;
        let mut model = interface.model(&recipe.model, None);
        run.load_weights(model.params_mut())?;
        Ok(Self { run, recipe, interface, model, compute: Compute::new(device) })
    }

    /// The series of a file, or those that the run learnt from.
    fn read(&self, other: Option<&std::path::Path>) -> Result<Collection> {
        let data = match other {
            Some(_) => Data { builtin: None, ..self.recipe.data.clone() },
            None => self.run.data(&self.recipe.data)?,
        };
        let collection = collection::read(&data, &self.recipe.series, other, &mut |_| {})?;
        self.check(&collection, collection.members[0].name.as_ref())?;
        Ok(collection)
    }

    /// Refuses series with other columns than the model reads.
    pub(super) fn check(&self, collection: &Collection, path: &std::path::Path) -> Result<()> {
        let (names, known) = (&collection.names, &self.interface.names);
        if names != known {
            let (found, wanted) = (crate::error::listed(names), crate::error::listed(known));
            let reason = format!("the columns are {found} where the model reads {wanted}");
            return Err(Error::Malformed { path: path.to_owned(), reason });
        }
        Ok(())
    }
}

impl Forecaster {
    /// The origins of a split with as many steps ahead as can be scored there, and their series.
    fn scored(&self, on: &On) -> Result<(Collection, Vec<Origin>, usize)> {
        let Interface { lookback, chunk, horizon, .. } = self.interface;
        let Recipe { data, series, .. } = &self.recipe;
        let collection = match on {
            On::Data(path, _) => self.read(Some(path))?,
            _ => self.read(None)?,
        };
        let steps = collection.steps(0);
        let (first, end) = match on {
            On::Data(..) => (lookback, steps),
            _ => {
                let cuts = collection::cuts(data, series, &collection, chunk)?;
                if *on == On::Test { (cuts.test, cuts.end) } else { (cuts.validation, cuts.test) }
            }
        };
        let first = first.max(lookback);
        let ahead = horizon.min(end.saturating_sub(first));
        if ahead == 0 {
            return Err(Error::NoForecasts(self.run.path().to_owned()));
        }
        let origins =
            (first..=end - ahead).step_by(series.test_stride).map(|at| Origin { member: 0, at }).collect();
        Ok((collection, origins, ahead))
    }

    /// Where the forecasts of a prediction begin: at the ends of the series.
    fn ends(&self, given: &[Given]) -> Result<Vec<(Collection, Origin)>> {
        let from_end = |collection: Collection| {
            let (at, needed) = (collection.steps(0), self.interface.lookback);
            if at < needed {
                let reason =
                    format!("a series of {at} steps was found, {needed} or more are needed to forecast from");
                return Err(Error::Malformed { path: collection.members[0].name.clone().into(), reason });
            }
            Ok((collection, Origin { member: 0, at }))
        };
        if given.is_empty() {
            return Ok(vec![from_end(self.read(None)?)?]);
        }
        let read = |given: &Given| match given {
            Given::File(path) => from_end(self.read(Some(path))?),
            Given::Text(text) => {
                let reason =
                    format!("'{text}' is no series; name a file, or none to go on with the training data");
                Err(Error::Malformed { path: given.path().to_owned(), reason })
            }
        };
        given.iter().map(read).collect()
    }

    /// Forecasts with the network.
    pub(super) fn forecast(&mut self, collection: &Collection, origins: &[Origin]) -> Result<Vec<f32>> {
        let prepared = self.interface.prepare(collection)?;
        self.interface.forecast(&prepared, origins, Some((&mut self.model, &mut self.compute)))
    }
}

impl Predictor for Forecaster {
    fn goes_on(&self) -> bool {
        true
    }

    fn predict(&mut self, given: &[Given]) -> Result<Vec<Prediction>> {
        let mut predictions = Vec::new();
        for (collection, origin) in self.ends(given)? {
            let forecast = self.forecast(&collection, &[origin])?;
            predictions.push(show::prediction(&self.interface, &collection, origin, &forecast));
        }
        Ok(predictions)
    }

    fn picture(&mut self, given: &[Given]) -> Result<Option<String>> {
        let mut panels = Vec::new();
        for (collection, origin) in self.ends(given)? {
            let forecast = self.forecast(&collection, &[origin])?;
            panels.extend(show::panels(&self.interface, &collection, origin, &forecast));
        }
        Ok(Some(crate::plot::forecast(&panels)))
    }

    fn evaluate(&mut self, on: &On) -> Result<Report> {
        let (collection, origins, ahead) = self.scored(on)?;
        let prepared = self.interface.prepare(&collection)?;
        let Self { interface, model, compute, .. } = self;
        let scores = Scores { interface, collection: &collection, origins: &origins, ahead };
        let (all, contenders) = scores.contenders(&prepared, Some((model, compute)))?;
        let mut report = scores.report(&all, &contenders)?;
        let first = &all[..all.len() / origins.len()];
        report.picture =
            Some(crate::plot::forecast(&show::panels(interface, &collection, origins[0], first)));
        Ok(report)
    }
}

#[cfg(test)]
mod tests {
    use anaphora_data::series::{Step, parse_date};

    use super::*;

    #[test]
    fn dates_are_read_where_they_come_back() {
        let hourly = Calendar::new(parse_date("2016-07-01").unwrap(), Step::Milliseconds(3_600_000));
        assert_eq!(recurring(&hourly, 24 * 360), [Feature::Hour, Feature::Weekday]);
        assert_eq!(recurring(&hourly, 24 * 800), [Feature::Hour, Feature::Weekday, Feature::Month]);
        assert_eq!(recurring(&hourly, 24), []);
    }

    #[test]
    fn the_error_of_a_repeated_season() {
        let learnt = [1.0, 10.0, 2.0, 20.0, 3.0, 10.0, 4.0, 20.0];
        assert_eq!(season_errors(&learnt, 2, 2), [2.0, 0.0]);
        assert_eq!(season_errors(&learnt, 2, 4), [0.0, 0.0]);
    }
}
