//! Forecasts of series.

mod collection;
mod inspect;
mod score;
mod show;

use std::ops::ControlFlow;

use anaphora_data::error::counted;
use anaphora_data::series::{Calendar, Collection, Cuts, Cycle, Origin, Origins, cycles, season_errors};
use anaphora_data::{Packed, Place, Scaler};
use anaphora_nn::Start;

pub(super) use self::collection::columns;
pub(super) use self::inspect::FOLLOWED;
pub(super) use self::score::Scores;
pub(super) use self::show::beginning;
use super::shared::{
    AnyModel, Evaluate, Input, Learning, Lesson, Portable, Predict, PredictOptions, Prediction, Prepares,
    Split, Words, malformed_at,
};
use crate::metrics::Evaluation;
use crate::model::forecast::{Interface, Lengths, Prepared, VALIDATED, sample};
use crate::model::{Compute, SequenceModel, Targets};
use crate::recipe::{Channels, Data, Head, Recipe, RecipeError, Series, Shortcut, Task};
use crate::run::assets::read_json;
use crate::training::{Learner, Opening, Validation};
use crate::{Error, Precision, Result, Run};

/// The name of the file of what a run's model reads and gives.
pub(super) const INTERFACE: &str = "forecast.json";

/// Steps that are read at most where nobody says how many: the linear map takes the cube of it.
const LOOKBACK: usize = 1_024;

/// Windows of series that a model learns to continue.
struct Windows {
    task: Task,
    interface: Interface,
    prepared: Vec<Prepared>,
}

/// Where a forecast begins, and the window among those of the origin.
type WindowAt = (Origin, usize);

/// A collection of series and where forecasts of it begin.
pub(super) struct SeriesSource {
    pub collection: Collection,
    pub origins: Origins,
}

/// Reads what the recipe names and makes the model that is to learn it.
pub fn learner(opening: &mut Opening) -> Result<Box<dyn Learner>> {
    let Recipe { data, series, .. } = opening.recipe;
    let collection = collection::read(data, series, None, &mut |note| opening.note(note))?;
    let known = opening.assets.known::<Interface>(INTERFACE)?;
    let Plan { lengths, cuts, why } = Plan::new(data, series, &collection, known.as_ref())?;
    let origins = cuts.origins(lengths.lookback, lengths.chunk, lengths.horizon, series.test_stride);
    let columns = if series.channels == Channels::Joint { 1 } else { collection.columns() };
    opening.show(&[0], |&member| Ok(show::beginning(&collection, member)))?;
    if let Some(why) = why {
        opening.note(&show::lookback(&collection, lengths.lookback, &why));
    }
    opening.note(&show::parts(&collection, &cuts, &origins, columns));
    let learnt = learnt(&collection, &cuts).to_vec();
    learn_from(Task::Forecast, opening, SeriesSource { collection, origins }, lengths, &learnt)
}

/// Makes a model for a collection of series; `learnt` are the numbers that it may be scaled by, `[.., columns]`.
pub(super) fn learn_from(
    task: Task,
    opening: &mut Opening,
    source: SeriesSource,
    lengths: Lengths,
    learnt: &[f32],
) -> Result<Box<dyn Learner>> {
    let SeriesSource { collection, origins } = source;
    let recipe = opening.recipe;
    let series = &recipe.series;
    collection.check(series.transform)?;
    let mut prepared = None;
    // What is only looked at forecasts nothing, and the map takes long.
    let fits = opening.examples.is_none();
    let interface = opening.assets.json(INTERFACE, || {
        let mut interface = interface(recipe, &collection, lengths, learnt)?;
        let series = interface.prepare(&collection)?;
        if fits {
            interface.fit(&series, &origins.train, &origins.validation);
        }
        prepared = Some(series);
        Ok(interface)
    })?;
    interface.fits(&collection, &lengths)?;
    let prepared = match prepared {
        Some(prepared) => prepared,
        None => interface.prepare(&collection)?,
    };
    let windows = |origins: &[Origin]| -> Vec<WindowAt> {
        let of_origin = |&origin: &Origin| (0..interface.per_origin()).map(move |part| (origin, part));
        origins.iter().flat_map(of_origin).collect()
    };
    let validation = sample(&origins.validation, VALIDATED / interface.per_origin());
    let examples = [windows(&origins.train), windows(&validation)];
    let model = opening.model(|start| interface.model(&recipe.model, start))?;
    let lesson = Windows { task, interface, prepared };
    Ok(Box::new(Learning::new(lesson, model, examples, &recipe.training)?))
}

/// The numbers of a series that are learnt, `[steps, columns]`.
fn learnt<'a>(collection: &'a Collection, cuts: &Cuts) -> &'a [f32] {
    &collection.members[0].values[..cuts.validation * collection.columns()]
}

/// What is read and forecast of a series, and where it is cut.
struct Plan {
    lengths: Lengths,
    cuts: Cuts,
    /// Why so many steps are read, where nobody said how many.
    why: Option<String>,
}

impl Plan {
    /// The plan for a series; what the recipe leaves open is as it is in the `known` interface of a model that is trained on.
    fn new(data: &Data, series: &Series, collection: &Collection, known: Option<&Interface>) -> Result<Self> {
        let horizon = series.horizon;
        let calendar = collection.members[0].calendar.as_ref();
        let dated = calendar.map(Calendar::cycles).unwrap_or_default();
        let found = match known {
            None if series.lookback.is_none() || (series.season.is_none() && dated.is_empty()) => {
                // Validation takes no more than this, whatever the chunk.
                let cuts = collection::cuts(data, series, collection, horizon)?;
                let numbers = learnt(collection, &cuts).iter().map(|&value| series.transform.forth(value));
                cycles(&numbers.collect::<Vec<f32>>(), collection.columns(), &dated, LOOKBACK)
            }
            _ => Vec::new(),
        };
        let season = series.season.or(known.map(|known| known.season));
        let season = season.unwrap_or_else(|| dated.first().or(found.first()).map_or(1, |cycle| cycle.steps));
        let whole = |steps: usize| if steps > season { steps - steps % season } else { steps };
        let before_test = collection::cuts(data, series, collection, 1)?.test;
        let chunk = series.chunk.or(known.map(|known| known.chunk));
        let chunk = chunk.unwrap_or_else(|| whole(before_test / 8).max(1)).min(horizon);
        let cuts = collection::cuts(data, series, collection, chunk)?;
        let learnt = cuts.validation;
        if series.season.is_some_and(|season| season >= learnt) {
            let reason = format!(
                "series.season is {season}, and the series has {} to learn from; it takes a number below that",
                counted(learnt, "step")
            );
            return Err(malformed_at(collection.members[0].name.as_ref(), 0, reason));
        }
        let (lookback, why) = match series.lookback.or(known.map(|known| known.lookback)) {
            Some(lookback) => (lookback, None),
            None => {
                let (lookback, why) = reach([season, chunk], learnt, &found);
                (lookback, Some(why))
            }
        };
        let least = lookback + chunk;
        if learnt < least || cuts.test - cuts.validation < chunk {
            let reason = format!(
                "{} to learn from and {} to validate on are too few, {least} and {chunk} are needed \
                 (look-back {lookback}, {} forecast at once); set a smaller series.lookback or series.chunk",
                counted(learnt, "step"),
                cuts.test - cuts.validation,
                counted(chunk, "step"),
            );
            return Err(malformed_at(collection.members[0].name.as_ref(), 0, reason));
        }
        Ok(Self { lengths: Lengths { lookback, chunk, horizon, season }, cuts, why })
    }
}

/// How many of `learnt` steps are read to forecast a chunk where nobody says it, and why: the longest cycle that was found, but no
/// less than two seasons and three chunks, as far as there is enough to learn from.
fn reach([season, chunk]: [usize; 2], learnt: usize, found: &[Cycle]) -> (usize, String) {
    let most = (learnt * 2 / 5).min(LOOKBACK);
    let wanted = (2 * season).max(3 * chunk);
    let usual = wanted.min(most);
    let usual = if usual > season { usual - usual % season } else { usual.max(1) };
    match found.last() {
        Some(&Cycle { steps, name }) if (usual + 1..=most).contains(&steps) => {
            let cycle = name.unwrap_or("cycle");
            (steps, format!("the length of a {cycle}, after which what is learnt is most like itself"))
        }
        _ if wanted > most => (usual, "as many as there is enough to learn from".to_owned()),
        _ if wanted == 3 * chunk => (usual, format!("three times the {chunk} that are forecast at once")),
        _ => (usual, format!("two seasons of {season}")),
    }
}

/// What a model reads of series, but for the linear map.
fn interface(
    recipe: &Recipe,
    collection: &Collection,
    lengths: Lengths,
    learnt: &[f32],
) -> Result<Interface> {
    let Recipe { data, series, model, .. } = recipe;
    let Lengths { lookback, chunk, horizon, season } = lengths;
    // Few steps are read one by one, many as PatchTST reads them.
    let patch = data.patch.unwrap_or(if lookback < 96 { 1 } else { 16 });
    if patch > lookback {
        let sentence =
            format!("data.patch is {patch}, but the look-back is only {}", counted(lookback, "step"));
        return Err(RecipeError::Conflict(sentence).into());
    }
    let stride = series.patch_stride.unwrap_or(patch.div_ceil(2));
    let calendar = collection.members[0].calendar.filter(|_| series.calendar);
    let transformed: Vec<f32> = learnt.iter().map(|&value| series.transform.forth(value)).collect();
    Ok(Interface {
        names: collection.names.clone(),
        lookback,
        chunk,
        horizon,
        season,
        patch: [patch, stride],
        features: calendar
            .map(|calendar| calendar.recurring(learnt.len() / collection.columns()))
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

impl Lesson for Windows {
    type Encoded = Vec<WindowAt>;
    type Model = SequenceModel;

    fn task(&self) -> Task {
        self.task
    }

    fn complete(&self, recipe: &mut Recipe) {
        recipe.series.lookback = Some(self.interface.lookback);
    }

    fn lengths(&self, windows: &Vec<WindowAt>) -> Vec<usize> {
        vec![self.interface.frames(); windows.len()]
    }

    fn describe(&self) -> Words {
        let Interface { names, lookback, chunk, horizon, channels, .. } = &self.interface;
        let columns = match (names.len(), channels) {
            (1, _) => "one column".to_owned(),
            (count, Channels::Independent) => format!("{count} columns, each by itself"),
            (count, Channels::Joint) => format!("{count} columns together"),
        };
        let steps = counted(*lookback, "step") + if *lookback == 1 { " is" } else { " are" };
        let at_once = if chunk == horizon { String::new() } else { format!(", {chunk} at once") };
        Words {
            example: "window",
            unit: "frame",
            maps: format!("{columns}; {steps} read, {horizon} forecast{at_once}"),
        }
    }

    fn batch(&self, windows: &Vec<WindowAt>, batch: &[usize], _: Place) -> (Packed, Targets) {
        let windows: Vec<WindowAt> = batch.iter().map(|&index| windows[index]).collect();
        self.interface.batch(&self.prepared, &windows)
    }

    fn validate(
        &self,
        model: &SequenceModel,
        compute: &mut Compute,
        windows: &Vec<WindowAt>,
    ) -> Result<Validation> {
        let (mut sum, mut count) = (0.0, 0);
        for windows in windows.chunks(256) {
            let (packed, targets) = self.interface.batch(&self.prepared, windows);
            let (_, loss) = model.predict(compute, &packed, Some(&targets))?;
            sum += f64::from(loss.unwrap_or(0.0)) * windows.len() as f64;
            count += windows.len();
        }
        Ok(Validation::by_loss(sum / count as f64, Vec::new()))
    }
}

/// Series that a prediction goes on with.
pub(super) struct Ends {
    pub collection: Collection,
    /// Where the forecasts begin: at their ends.
    pub origins: Vec<Origin>,
    /// What is to be known of how they were read, a sentence each.
    pub notes: Vec<String>,
}

/// A run's model for other programs.
pub fn portable(run: Run) -> Result<Portable> {
    let recipe = run.recipe()?;
    let interface: Interface = read_json(run.path(), INTERFACE)?;
    let model = AnyModel::Sequence(Box::new(interface.model(&recipe.model, Start::zeros())));
    let outputs = Some(interface.names.clone());
    let portable = Portable::read(run, recipe, model, &[("reads", INTERFACE)])?;
    Ok(Portable { prepares: Prepares::Series(Box::new(interface)), outputs, ..portable })
}

/// A trained model that forecasts.
pub struct Forecaster {
    pub(super) run: Run,
    pub(super) recipe: Recipe,
    pub(super) interface: Interface,
    model: SequenceModel,
}

impl Forecaster {
    /// Opens a run to predict in a precision; or, without one, to look into.
    pub fn open(run: Run, precision: Option<Precision>) -> Result<Self> {
        let recipe = run.recipe()?;
        let interface: Interface = read_json(run.path(), INTERFACE)?;
        let mut model = interface.model(&recipe.model, Start::zeros());
        run.load_weights(model.params_mut(), precision)?;
        Ok(Self { run, recipe, interface, model })
    }

    /// The series of a file, or those that the run learnt from. `notes` takes a sentence for each thing to be known of it.
    fn read(&self, other: Option<&std::path::Path>, notes: &mut dyn FnMut(&str)) -> Result<Collection> {
        let data = match other {
            Some(_) => Data { builtin: None, ..self.recipe.data.clone() },
            None => self.run.data(&self.recipe.data)?,
        };
        let collection = collection::read(&data, &self.recipe.series, other, notes)?;
        self.interface.check(&collection, collection.members[0].name.as_ref())?;
        Ok(collection)
    }

    /// The origins of a split with as many steps ahead as can be scored there, and their series.
    fn scored(&self, split: &Split, notes: &mut dyn FnMut(&str)) -> Result<(Collection, Vec<Origin>, usize)> {
        let Interface { lookback, chunk, horizon, .. } = self.interface;
        let Recipe { data, series, .. } = &self.recipe;
        let collection = match split {
            Split::Data(path, _) => self.read(Some(path), notes)?,
            _ => self.read(None, notes)?,
        };
        let steps = collection.steps(0);
        let (first, end) = match split {
            Split::Data(..) => (lookback, steps),
            _ => {
                let cuts = collection::cuts(data, series, &collection, chunk)?;
                if *split == Split::Test { (cuts.test, cuts.end) } else { (cuts.validation, cuts.test) }
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
    fn ends(&self, inputs: &[Input]) -> Result<Vec<Ends>> {
        let from_end = |other: Option<&std::path::Path>| {
            let mut notes = Vec::new();
            let collection = self.read(other, &mut |note| notes.push(note.to_owned()))?;
            let (at, needed) = (collection.steps(0), self.interface.lookback);
            if at < needed {
                let found = format!("a series of {} was found", counted(at, "step"));
                let reason = format!("{found}, {needed} or more are needed to forecast from");
                return Err(malformed_at(collection.members[0].name.as_ref(), 0, reason));
            }
            Ok(Ends { collection, origins: vec![Origin { member: 0, at }], notes })
        };
        if inputs.is_empty() {
            return Ok(vec![from_end(None)?]);
        }
        let read = |input: &Input| match input {
            Input::File(path) => from_end(Some(path)),
            Input::Text(text) | Input::Line { text, .. } => {
                let right = "name a file, or none to go on with the training data";
                Err(malformed_at(input.path(), 0, format!("'{text}' is no series; {right}")))
            }
        };
        inputs.iter().map(read).collect()
    }

    /// Forecasts from some origins of series, one after the other.
    pub(super) fn predict_from(
        &self,
        compute: &mut Compute,
        ends: Vec<Ends>,
        each: &mut dyn FnMut(Prediction) -> ControlFlow<()>,
    ) -> Result<()> {
        let Self { interface, model, .. } = self;
        for Ends { collection, origins, mut notes } in ends {
            let prepared = interface.prepare(&collection)?;
            for origin in origins {
                let forecast = interface.forecast(&prepared, &[origin], Some((model, compute)))?;
                let prediction = show::prediction(interface, &collection, origin, &forecast);
                // They are of the whole file.
                if each(prediction.noted(&std::mem::take(&mut notes))).is_break() {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// Forecasts with the network.
    pub(super) fn forecast(
        &self,
        compute: &mut Compute,
        collection: &Collection,
        origins: &[Origin],
    ) -> Result<Vec<f32>> {
        let prepared = self.interface.prepare(collection)?;
        self.interface.forecast(&prepared, origins, Some((&self.model, compute)))
    }
}

impl Evaluate for Forecaster {
    fn evaluate(&self, compute: &mut Compute, split: &Split, _: &PredictOptions) -> Result<Evaluation> {
        let mut notes = Vec::new();
        let (collection, origins, ahead) = self.scored(split, &mut |note| notes.push(note.to_owned()))?;
        let Self { interface, model, .. } = self;
        let prepared = interface.prepare(&collection)?;
        let scores = Scores { interface, collection: &collection, origins: &origins, ahead };
        let (all, mut evaluation) = scores.evaluation(&prepared, Some((model, compute)))?;
        let first = &all[..all.len() / origins.len()];
        evaluation.picture =
            Some(crate::plot::forecast(&show::panels(interface, &collection, origins[0], first)));
        evaluation.notes = notes;
        Ok(evaluation)
    }
}

impl Predict for Forecaster {
    fn predict(
        &self,
        compute: &mut Compute,
        inputs: &[Input],
        _: &PredictOptions,
        each: &mut dyn FnMut(Prediction) -> ControlFlow<()>,
    ) -> Result<()> {
        self.predict_from(compute, self.ends(inputs)?, each)
    }

    fn outputs(&self) -> &[String] {
        &self.interface.names
    }

    fn continues_training_data(&self) -> bool {
        true
    }

    fn plot(&self, compute: &mut Compute, inputs: &[Input]) -> Result<Option<String>> {
        let mut panels = Vec::new();
        for Ends { collection, origins, .. } in self.ends(inputs)? {
            let forecast = self.forecast(compute, &collection, &origins)?;
            panels.extend(show::panels(&self.interface, &collection, origins[0], &forecast));
        }
        Ok(Some(crate::plot::forecast(&panels)))
    }
}
