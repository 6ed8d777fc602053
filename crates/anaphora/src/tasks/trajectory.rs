//! Trajectories: forecasts of a path, learnt from many paths.

use std::ops::ControlFlow;
use std::path::Path;

use anaphora_data::builtin::{self, WALL};
use anaphora_data::error::counted;
use anaphora_data::series::{Collection, Origin, Origins, read_paths, repeated, straight_on};
use anaphora_data::split_indices;

use super::forecast::{Ends, FOLLOWED, Forecaster, Scores, SeriesSource, beginning, columns, learn_from};
use super::shared::{
    Evaluate, Input, Predict, PredictOptions, Prediction, Split, column, hold_out, malformed_at, name,
    table_options,
};
use crate::inspect::{Inspection, Request, Source};
use crate::metrics::{Contender, Evaluation, distances};
use crate::model::Compute;
use crate::model::forecast::{Interface, Lengths};
use crate::plot::{Flight, Line, flights};
use crate::recipe::{Builtin, Data, Recipe, Series, Task};
use crate::training::{Learner, Opening};
use crate::{Error, Precision, Result, Run};

/// The seed and number of built-in throws.
const THROWS: (u64, usize) = (1, 10_000);
/// Paths that are drawn.
const DRAWN: usize = 6;

/// Reads what the recipe names and makes the model that is to learn it.
pub fn learner(opening: &mut Opening) -> Result<Box<dyn Learner>> {
    let Recipe { data, series, .. } = opening.recipe;
    let collection = read(data, series, None, &mut |note| opening.note(note))?;
    let lengths = lengths(series);
    let (needed, short) = (lengths.lookback + lengths.chunk, too_short(&collection, &lengths));
    if let Some(&first) = short.first() {
        let (path, found) = (&collection.members[first].name, collection.steps(first));
        let (count, are) = (short.len(), if short.len() == 1 { "is" } else { "are" });
        let found = counted(found, "step");
        if count == collection.members.len() {
            let reason =
                format!("path {path} has {found}, and none has the {needed} that are read and forecast");
            return Err(malformed_at(&name(data), 0, reason));
        }
        opening.note(&format!(
            "{} {are} shorter than the {needed} steps that are read and forecast, as {path} with {found} (skipped)",
            counted(count, "path"),
        ));
    }
    let origins = origins(data, &collection, &lengths)?;
    if origins.train.is_empty() || origins.validation.is_empty() {
        let (paths, windows) =
            (counted(collection.members.len(), "path"), counted(origins.train.len(), "window"));
        let reason = format!(
            "{paths}: {windows} to learn from and {} to validate on, one or more of each are needed",
            origins.validation.len(),
        );
        return Err(malformed_at(&name(data), 0, reason));
    }
    let members: Vec<usize> = (0..collection.members.len()).collect();
    opening.show(&members, |&member| Ok(beginning(&collection, member)))?;
    let mut learnt = Vec::new();
    let mut last = None;
    for origin in &origins.train {
        if last != Some(origin.member) {
            learnt.extend_from_slice(&collection.members[origin.member].values);
            last = Some(origin.member);
        }
    }
    learn_from(Task::Trajectory, opening, SeriesSource { collection, origins }, lengths, &learnt)
}

fn lengths(series: &Series) -> Lengths {
    Lengths {
        lookback: series.lookback.unwrap_or(10),
        chunk: series.chunk.unwrap_or(series.horizon).min(series.horizon),
        horizon: series.horizon,
        season: 1,
    }
}

fn too_short(collection: &Collection, lengths: &Lengths) -> Vec<usize> {
    let needed = lengths.lookback + lengths.chunk;
    (0..collection.members.len()).filter(|&member| collection.steps(member) < needed).collect()
}

/// Splits the paths and finds where forecasts begin: in training anywhere, in the test after the first look-back.
fn origins(data: &Data, collection: &Collection, lengths: &Lengths) -> Result<Origins> {
    let splits = split_indices(collection.members.len(), &hold_out(data), |_| false)?;
    let Lengths { lookback, chunk, horizon, .. } = *lengths;
    Ok(Origins::of_paths(collection, &splits, lookback, chunk, horizon))
}

/// Reads the paths of the training data, or of `other`. `notes` takes a sentence for each thing to be known of them.
fn read(
    data: &Data,
    series: &Series,
    other: Option<&Path>,
    notes: &mut dyn FnMut(&str),
) -> Result<Collection> {
    let path = match (other.or(data.train.as_deref()), data.builtin) {
        (Some(path), _) => path,
        (None, Some(Builtin::Ball)) => return Ok(builtin::throws(THROWS.0, THROWS.1)),
        (None, _) => Path::new(""),
    };
    let (id, picked) = (series.path_column.as_deref().map(column), series.columns.as_deref().map(columns));
    Ok(read_paths(path, id.as_ref(), picked.as_deref(), &table_options(data), notes)?)
}

/// Floor and walls of the box that balls are thrown into, as high as one of them flies.
fn walls(flights: &[Flight]) -> Line {
    let heights =
        flights.iter().flat_map(|flight| flight.seen.iter().chain(&flight.truth)).map(|point| point.1);
    let top = heights.fold(0.0, f64::max);
    vec![(0.0, top), (0.0, 0.0), (WALL, 0.0), (WALL, top)]
}

/// A trained model of paths.
pub struct PathForecaster(Forecaster);

impl PathForecaster {
    /// Opens a run.
    pub fn open(run: Run, precision: Precision) -> Result<Self> {
        Forecaster::open(run, Some(precision)).map(Self)
    }

    /// Looks into the model of a run while it reads the beginning of a path.
    pub fn inspect(run: Run, compute: &mut Compute, request: &Request) -> Result<Inspection> {
        let own = Self(Forecaster::open(run, None)?);
        let other = match &request.source {
            Source::HeldOut => None,
            Source::File(path, _) => Some(path.as_path()),
            Source::Text(text) => {
                let reason = format!("'{text}' is no path; a file with paths is needed");
                return Err(malformed_at(Path::new("the text given"), 0, reason));
            }
        };
        let mut notes = Vec::new();
        let collection = own.read(other, &mut |note| notes.push(note.to_owned()))?;
        let Interface { lookback, chunk, horizon, season, .. } = own.0.interface;
        let lengths = Lengths { lookback, chunk, horizon, season };
        let mut members: Vec<usize> = match other {
            Some(_) => (0..collection.members.len()).collect(),
            None => {
                let origins = origins(&own.0.recipe.data, &collection, &lengths)?;
                origins.validation.iter().map(|origin| origin.member).collect()
            }
        };
        members.dedup();
        members.retain(|&member| collection.steps(member) >= lookback);
        let first: Vec<Origin> = members.iter().map(|&member| Origin { member, at: lookback }).collect();
        let known = |origin: &&Origin| origin.at + chunk <= collection.steps(origin.member);
        let followed: Vec<Origin> = first.iter().filter(known).take(FOLLOWED).copied().collect();
        let mut inspection = own.0.inspect(compute, request, &collection, [&first, &followed])?;
        inspection.notes.splice(0..0, notes);
        Ok(inspection)
    }

    fn read(&self, other: Option<&Path>, notes: &mut dyn FnMut(&str)) -> Result<Collection> {
        let Recipe { data, series, .. } = &self.0.recipe;
        let collection = match other {
            Some(_) => read(data, series, other, notes)?,
            None => read(&self.0.run.data(data)?, series, None, notes)?,
        };
        self.0.interface.check(&collection, other.unwrap_or(&name(data)))?;
        Ok(collection)
    }

    /// The paths of files and their ends, from which they go on.
    fn ends(&self, inputs: &[Input]) -> Result<Vec<Ends>> {
        let needed = self.0.interface.lookback;
        let read = |input: &Input| {
            let path = input.path();
            if let Input::Text(text) = input {
                let reason = format!("'{text}' is no path; name a file with the paths that are to go on");
                return Err(malformed_at(path, 0, reason));
            }
            let mut notes = Vec::new();
            let collection = self.read(Some(path), &mut |note| notes.push(note.to_owned()))?;
            let end = |member: usize| {
                let (at, name) = (collection.steps(member), &collection.members[member].name);
                if at < needed {
                    let found = format!("path {name} has {}", counted(at, "step"));
                    let reason = format!("{found}, {needed} or more are needed to go on from");
                    return Err(malformed_at(path, 0, reason));
                }
                Ok(Origin { member, at })
            };
            let origins = (0..collection.members.len()).map(end).collect::<Result<_>>()?;
            Ok(Ends { collection, origins, notes })
        };
        inputs.iter().map(read).collect()
    }

    /// A picture of the first forecasts, `[origins, horizon, columns, levels]`.
    fn draw(&self, collection: &Collection, origins: &[Origin], forecasts: &[f32]) -> Option<String> {
        let (columns, levels) = (collection.columns(), self.0.interface.levels.len());
        if columns < 2 {
            return None;
        }
        let points = |values: &[f32]| -> Vec<(f64, f64)> {
            values.chunks_exact(columns).map(|point| (point[0].into(), point[1].into())).collect()
        };
        let per_origin = forecasts.len() / origins.len().max(1);
        let drawn = origins.iter().zip(forecasts.chunks_exact(per_origin.max(1))).take(DRAWN);
        let flight = |(origin, forecast): (&Origin, &[f32])| {
            let member = &collection.members[origin.member];
            let truth = member.truth.as_ref().unwrap_or(&member.values);
            let (begin, at) = ((origin.at - self.0.interface.lookback) * columns, origin.at * columns);
            let end = (at + self.0.interface.horizon * columns).min(truth.len());
            let middle: Vec<f32> =
                forecast.iter().skip(self.0.interface.middle()).step_by(levels).copied().collect();
            Flight {
                title: member.name.clone(),
                seen: points(&member.values[begin..at]),
                truth: points(&truth[begin..end]),
                forecast: points(&middle),
            }
        };
        let names = &collection.names;
        let drawn: Vec<Flight> = drawn.map(flight).collect();
        // Those of a file fly elsewhere.
        let is_made = collection.members.iter().any(|member| member.truth.is_some());
        let of_ball = is_made && self.0.recipe.data.builtin == Some(Builtin::Ball);
        let walls = if of_ball { walls(&drawn) } else { Line::new() };
        Some(flights(&drawn, [&names[0], &names[1]], &walls))
    }
}

impl Predict for PathForecaster {
    fn predict(
        &self,
        compute: &mut Compute,
        inputs: &[Input],
        _: &PredictOptions,
        each: &mut dyn FnMut(Prediction) -> ControlFlow<()>,
    ) -> Result<()> {
        self.0.predict_from(compute, self.ends(inputs)?, each)
    }

    fn outputs(&self) -> &[String] {
        &self.0.interface.names
    }

    fn plot(&self, compute: &mut Compute, inputs: &[Input]) -> Result<Option<String>> {
        let Some(Ends { collection, mut origins, .. }) = self.ends(inputs)?.into_iter().next() else {
            return Ok(None);
        };
        origins.truncate(DRAWN);
        let forecasts = self.0.forecast(compute, &collection, &origins)?;
        Ok(self.draw(&collection, &origins, &forecasts))
    }
}

impl Evaluate for PathForecaster {
    fn evaluate(&self, compute: &mut Compute, split: &Split, _: &PredictOptions) -> Result<Evaluation> {
        let mut notes = Vec::new();
        let note = &mut |note: &str| notes.push(note.to_owned());
        let collection = match split {
            Split::Data(path, _) => self.read(Some(path), note)?,
            _ => self.read(None, note)?,
        };
        let Interface { lookback, chunk, horizon, season, .. } = self.0.interface;
        let lengths = Lengths { lookback, chunk, horizon, season };
        let split_origins = || origins(&self.0.recipe.data, &collection, &lengths);
        let mut members: Vec<usize> = match split {
            Split::Data(..) => (0..collection.members.len()).collect(),
            Split::Test => split_origins()?.test.iter().map(|origin| origin.member).collect(),
            Split::Validation => split_origins()?.validation.iter().map(|origin| origin.member).collect(),
        };
        members.dedup();
        members.retain(|&member| collection.steps(member) >= lookback + horizon);
        let origins: Vec<Origin> =
            members.into_iter().map(|member| Origin { member, at: lookback }).collect();
        if origins.is_empty() {
            return Err(Error::NoExamples(self.0.run.path().to_owned()));
        }
        let forecasts = self.0.forecast(compute, &collection, &origins)?;
        let interface = &self.0.interface;
        let line = interface.forecast(&interface.prepare(&collection)?, &origins, None)?;
        let scores = Scores { interface, collection: &collection, origins: &origins, ahead: horizon };
        let middle = scores.at_level(&forecasts, interface.middle(), interface.levels.len());
        let mut contenders = vec![
            Contender { name: "this model", forecasts: middle },
            Contender { name: "linear map", forecasts: scores.at_level(&line, 0, 1) },
            Contender { name: "stays there", forecasts: repeated(&collection, &origins, horizon, 1) },
        ];
        if lookback > 1 {
            let forecasts = straight_on(&collection, &origins, horizon);
            contenders.push(Contender { name: "straight on", forecasts });
        }
        let against = match collection.members.iter().any(|member| member.truth.is_some()) {
            true => "the true path, without the noise of what is seen",
            false => "the path that was seen",
        };
        let size = [horizon, collection.columns()];
        let mut evaluation = distances(&scores.truth(), size, &contenders, against);
        evaluation.picture = self.draw(&collection, &origins, &forecasts);
        evaluation.notes = notes;
        Ok(evaluation)
    }
}
