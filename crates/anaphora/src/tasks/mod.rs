//! The tasks: how raw data become examples, what is predicted, how it is scored. One file or folder a task, and what they share.

mod caption;
mod chorales;
mod classify;
pub mod compose;
mod events;
mod forecast;
pub mod language;
mod memory;
mod midi;
mod regress;
mod shared;
mod tag;
mod trajectory;
mod translate;

pub use self::shared::{Compose, Evaluate, Input, Predict, PredictOptions, Prediction, Split};

use std::path::Path;

use self::shared::trained;
use crate::recipe::{Recipe, Task};
use crate::run::assets::Assets;
use crate::training::Learner;
use crate::{Error, Precision, Result, Run};

/// Reads what the recipe names and makes the model that is to learn it. `notes` takes a sentence for each thing that was
/// passed over.
pub fn learner(
    recipe: &Recipe,
    assets: &mut Assets,
    notes: &mut dyn FnMut(&str),
) -> Result<Box<dyn Learner>> {
    match recipe.task {
        Task::Auto | Task::Music | Task::Text => language::learner(recipe, assets, notes),
        Task::Classify => shared::learner::<classify::Classes>(recipe, assets, notes),
        Task::Regress => shared::learner::<regress::Numbers>(recipe, assets, notes),
        Task::Translate => shared::learner::<translate::Translation>(recipe, assets, notes),
        Task::Caption => shared::learner::<caption::Captioning>(recipe, assets, notes),
        Task::Forecast => forecast::learner(recipe, assets, notes),
        Task::Trajectory => trajectory::learner(recipe, assets, notes),
        Task::Memory => Ok(Box::new(memory::MemoryLearner::new(recipe))),
        Task::Chorales => shared::learner::<chorales::Chords>(recipe, assets, notes),
        Task::Events => events::learner(recipe, assets, notes),
        Task::Tag => shared::learner::<tag::Tagger>(recipe, assets, notes),
    }
}

/// A trained model, by what it does.
pub enum Opened {
    /// It continues text or tunes.
    Writes(Box<language::Trained>),
    /// It predicts from input.
    Predicts(Box<dyn Predict>),
    /// It writes music as notes.
    Composes(Box<dyn Compose>),
}

/// Opens a run to predict with its model in a precision; see [`Run::load_weights`].
pub fn open(run: &Path, precision: Precision) -> Result<Opened> {
    let run = Run::open(run)?;
    Ok(match run.info().task {
        Task::Auto | Task::Music | Task::Text => {
            Opened::Writes(Box::new(language::Trained::predicting(run.path(), precision)?))
        }
        Task::Classify => Opened::Predicts(Box::new(trained::<classify::Classes>(run, precision)?)),
        Task::Regress => Opened::Predicts(Box::new(trained::<regress::Numbers>(run, precision)?)),
        Task::Translate => Opened::Predicts(Box::new(trained::<translate::Translation>(run, precision)?)),
        Task::Caption => Opened::Predicts(Box::new(trained::<caption::Captioning>(run, precision)?)),
        Task::Forecast => Opened::Predicts(Box::new(forecast::Forecaster::open(run, precision)?)),
        Task::Trajectory => Opened::Predicts(Box::new(trajectory::PathForecaster::open(run, precision)?)),
        Task::Memory => Opened::Predicts(Box::new(memory::MemoryModel::open(run, precision)?)),
        Task::Tag => Opened::Predicts(Box::new(trained::<tag::Tagger>(run, precision)?)),
        Task::Chorales => Opened::Composes(Box::new(trained::<chorales::Chords>(run, precision)?)),
        Task::Events => Opened::Composes(Box::new(events::EventModel::open(run, precision)?)),
    })
}

impl Opened {
    /// What predicts, or why this does not.
    pub fn predict(&self, run: &Path) -> Result<&dyn Predict> {
        match self {
            Self::Predicts(model) => Ok(&**model),
            _ => Err(Error::Generates(run.to_owned())),
        }
    }

    /// What can be scored on examples, or why this cannot.
    pub fn evaluate(&self, run: &Path) -> Result<&dyn Evaluate> {
        match self {
            Self::Predicts(model) => Ok(&**model),
            Self::Composes(model) => Ok(&**model),
            Self::Writes(_) => Err(Error::Generates(run.to_owned())),
        }
    }
}
