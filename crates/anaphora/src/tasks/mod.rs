//! The tasks: how raw data become examples, what is predicted, how it is scored. One file a task.

mod caption;
mod chorales;
mod classes;
mod classify;
pub mod compose;
mod events;
mod forecast;
pub mod language;
mod memory;
mod midi;
mod pairs;
mod parts;
mod predict;
mod tag;
mod trajectory;
mod translate;

pub use caption::{Caption, Captioner};
pub use chorales::{Chorales, Harmonist};
pub use classify::{Classifier, Classify};
pub use events::Performer;
pub use forecast::{Forecast, Forecaster};
pub use language::Language;
pub use memory::{Memory, Remembers};
pub use pairs::Writing;
pub use predict::{Given, On, Prediction, Predictor, Report};
pub use tag::{Tag, Tagger};
pub use trajectory::Tracker;
pub use translate::{Translate, Translator};

use std::path::Path;

use anaphora_data::table::{Column, TableOptions};
use anaphora_data::{BatchSize, Batches, Place};
use serde_json::Value;

use crate::recipe::{Data, Recipe, Task, Training};
use crate::run::assets::Assets;
use crate::training::Learner;
use crate::{Device, Error, Result, Run};

/// Reads what the recipe names and makes the model that is to learn it. `notes` takes a sentence for each thing that was
/// passed over.
pub fn learner(
    recipe: &Recipe,
    assets: &mut Assets,
    notes: &mut dyn FnMut(&str),
) -> Result<Box<dyn Learner>> {
    Ok(match recipe.task {
        Task::Auto | Task::Music | Task::Text => Box::new(Language::open(recipe, assets, notes)?),
        Task::Classify => Box::new(Classify::open(recipe, assets, notes)?),
        Task::Translate => Box::new(Translate::open(recipe, assets, notes)?),
        Task::Caption => Box::new(Caption::open(recipe, assets, notes)?),
        Task::Forecast => Box::new(Forecast::open(recipe, assets, notes)?),
        Task::Trajectory => Box::new(trajectory::open(recipe, assets, notes)?),
        Task::Memory => Box::new(Memory::open(recipe)?),
        Task::Chorales => Box::new(Chorales::open(recipe, assets, notes)?),
        Task::Events => Box::new(events::open(recipe, assets, notes)?),
        Task::Tag => Box::new(Tag::open(recipe, assets, notes)?),
    })
}

/// Opens a run to predict with its model and to score it.
pub fn predictor(run: &Path, device: Device) -> Result<Box<dyn Predictor>> {
    let run = Run::open(run)?;
    Ok(match run.info().task {
        Task::Auto | Task::Music | Task::Text => return Err(Error::Generates(run.path().to_owned())),
        Task::Classify => Box::new(Classifier::open(run, device)?),
        Task::Translate => Box::new(Translator::open(run, device)?),
        Task::Caption => Box::new(Captioner::open(run, device)?),
        Task::Forecast => Box::new(Forecaster::open(run, device)?),
        Task::Trajectory => Box::new(Tracker::open(run, device)?),
        Task::Memory => Box::new(Remembers::open(run, device)?),
        Task::Chorales => Box::new(Harmonist::open(run, device)?),
        Task::Events => Box::new(Performer::open(run, device)?),
        Task::Tag => Box::new(Tagger::open(run, device)?),
    })
}

/// How the recipe's tables are read.
fn table_options(data: &Data) -> TableOptions {
    TableOptions { layout: data.layout, header: None, skip_bad: data.skip_bad }
}

/// A column as a recipe names it.
fn column(name: &Option<String>) -> Option<Column> {
    name.as_deref().map(|name| name.parse().expect("any text is a column"))
}

/// Batches of examples of such lengths.
fn batches(lengths: Vec<usize>, training: &Training) -> Result<Batches> {
    let size = match training.batch_units {
        Some(units) => BatchSize::Units(units),
        None => BatchSize::Examples(training.batch),
    };
    Ok(Batches::new(lengths, size, training.seed.into())?)
}

/// Goes on with batches from where a checkpoint says.
fn resume(batches: &mut Batches, position: Value) -> Result<()> {
    let malformed =
        |error: serde_json::Error| Error::Malformed { path: "checkpoints".into(), reason: error.to_string() };
    let place: Place = serde_json::from_value(position).map_err(malformed)?;
    Ok(batches.resume(place)?)
}
