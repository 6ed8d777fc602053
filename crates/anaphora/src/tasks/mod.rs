//! The tasks: how raw data become examples, what is predicted, how it is scored. One file or folder a task, and what
//! they share.

mod asked;
mod caption;
mod chorales;
mod classify;
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

pub use self::asked::{Asked, Base, Setting, Spelling};
pub(crate) use self::shared::Prepares;
pub use self::shared::{
    AnyModel, Compose, Evaluate, Input, Portable, Predict, PredictOptions, Prediction, SearchAsked, Split,
};

use std::path::Path;

use anaphora_data::Encoding;
use anaphora_data::frames::PictureSteps;
use anaphora_data::look::{Kind, Look, look};
use anaphora_data::table::{Decimal, read_table};
use anaphora_data::wanted;

use self::shared::{ExampleTask, Splits, table_options, trained};
use crate::inspect::{Inspection, Request, Source};
use crate::model::Compute;
use crate::recipe::{Backbone, Data, Recipe, RecipeError, Task};
use crate::run::assets::Assets;
use crate::training::{Learner, Opening};
use crate::{Error, Precision, Result, Run};

/// The task that a file or folder looks made for, and what was found in it: a clause such as "has dates and numbers in its
/// columns".
///
/// # Errors
/// A path that cannot be read.
pub fn of_data(path: &Path, encoding: Encoding) -> Result<(Task, &'static str)> {
    let Look { kind, found } = look(path, encoding)?;
    let task = match kind {
        Kind::Abc => Task::Music,
        Kind::Text => Task::Text,
        Kind::LabelledTexts | Kind::LabelledNumbers | Kind::Sounds | Kind::Pictures => Task::Classify,
        Kind::Scores => Task::Regress,
        Kind::Series => Task::Forecast,
        Kind::Paths => Task::Trajectory,
        Kind::Tagged => Task::Tag,
        Kind::Pairs => Task::Translate,
        Kind::Captions => Task::Caption,
        Kind::Midi => Task::Events,
        Kind::Chords => Task::Chorales,
    };
    Ok((task, found))
}

/// The backbone that learns more than the usual one from a text in the minutes that there are, where the fields that are set, with
/// their values, say nothing else of the model and how it learns: a Transformer, where the text is so long that it is read but a few
/// times. What is read more often it knows by heart before an LSTM, which forgets on purpose, has learnt all of it.
pub fn quickest_backbone(path: &Path, task: Task, settings: &[(&str, &str)]) -> Option<Backbone> {
    let leaves_open = |(field, value): &(&str, &str)| match field.split_once('.') {
        Some(("training", field)) => matches!(field, "minutes" | "seed" | "precision" | "threads"),
        Some(("data", field)) => field != "windows",
        _ => (*field, *value) == ("task", "text"),
    };
    let minutes = settings.iter().rev().find(|(field, _)| *field == "training.minutes")?.1;
    let minutes: f64 = minutes.parse().ok()?;
    if task != Task::Text || !settings.iter().all(leaves_open) {
        return None;
    }
    let bytes = path.metadata().ok().filter(std::fs::Metadata::is_file)?.len();
    (bytes as f64 >= minutes * LONG_TEXT).then_some(Backbone::Transformer)
}

/// Bytes of a text, a minute, from which a Transformer learns more than an LSTM; see bench/README.md.
const LONG_TEXT: f64 = 300_000.0;

/// Refuses to learn the characters of what looks like something else, where no task was named.
fn refuse_other_data(recipe: &Recipe) -> Result<()> {
    let Some(path) = recipe.data.train.as_ref().filter(|path| recipe.task == Task::Auto && path.exists())
    else {
        return Ok(());
    };
    match of_data(path, recipe.data.encoding)? {
        (Task::Music | Task::Text, _) => Ok(()),
        (task, found) => {
            let path = path.display();
            let sentence = format!(
                "task is auto, and {path} {found}; set task to {task}, or to text to learn its characters"
            );
            Err(RecipeError::Conflict(sentence).into())
        }
    }
}

/// The mark before decimals in the table that a recipe's numbers are learnt from, for whatever the model is to read later: the one
/// that the recipe names, else the one that all of its numbers have. None where they have none.
pub fn decimal(recipe: &Recipe, learner: &dyn Learner) -> Option<Decimal> {
    let mut recipe = recipe.clone();
    recipe.data.input = learner.input().unwrap_or(recipe.data.input);
    let Data { decimal, train, .. } = &recipe.data;
    let is_read = recipe.refuse_field("data.decimal").is_ok();
    let table = train.as_ref().filter(|path| decimal.is_none() && is_read && path.is_file());
    let table = table.and_then(|path| read_table(path, &table_options(&recipe.data)).ok());
    decimal.or_else(|| table?.decimal())
}

/// Reads what the recipe names and makes the model that is to learn it.
pub fn learner(opening: &mut Opening) -> Result<Box<dyn Learner>> {
    refuse_other_data(opening.recipe)?;
    match opening.recipe.task {
        Task::Auto | Task::Music | Task::Text => language::learner(opening),
        Task::Classify => shared::learner::<classify::Classes>(opening),
        Task::Regress => shared::learner::<regress::Numbers>(opening),
        Task::Translate => shared::learner::<translate::Translation>(opening),
        Task::Caption => shared::learner::<caption::Captioning>(opening),
        Task::Forecast => forecast::learner(opening),
        Task::Trajectory => trajectory::learner(opening),
        Task::Memory => memory::learner(opening),
        Task::Chorales => shared::learner::<chorales::Chords>(opening),
        Task::Events => events::learner(opening),
        Task::Tag => shared::learner::<tag::Tagger>(opening),
    }
}

/// A trained model, by its use.
pub enum Opened {
    /// It continues text or tunes.
    Writes(Box<language::Trained>),
    /// It predicts from input.
    Predicts(Box<dyn Predict>),
    /// It writes music as notes.
    Composes(Box<dyn Compose>),
}

/// Opens a run to predict with its model in a precision; see [`Run::load_weights`].
///
/// # Errors
/// A folder that is no run ([`Error::NotARun`]), a run without a model yet ([`Error::NoModel`]), files that are damaged
/// or do not fit together.
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
        Task::Forecast => Opened::Predicts(Box::new(forecast::Forecaster::open(run, Some(precision))?)),
        Task::Trajectory => Opened::Predicts(Box::new(trajectory::PathForecaster::open(run, precision)?)),
        Task::Memory => Opened::Predicts(Box::new(memory::MemoryModel::open(run, precision)?)),
        Task::Tag => Opened::Predicts(Box::new(trained::<tag::Tagger>(run, precision)?)),
        Task::Chorales => Opened::Composes(Box::new(trained::<chorales::Chords>(run, precision)?)),
        Task::Events => Opened::Composes(Box::new(events::EventModel::open(run, precision)?)),
    })
}

/// The pictures that the model of a run reads; none where it reads something else, or what it reads cannot be known.
pub fn pictures(run: &Run) -> Option<PictureSteps> {
    let (recipe, assets) = (run.recipe().ok()?, &mut Assets::of(run.path()));
    match run.info().task {
        Task::Classify => classify::Classes::open(&recipe, assets, &Splits::default()).ok()?.pictures(),
        Task::Regress => regress::Numbers::open(&recipe, assets, &Splits::default()).ok()?.pictures(),
        Task::Caption => caption::Captioning::open(&recipe, assets, &Splits::default()).ok()?.pictures(),
        _ => None,
    }
}

/// A run's model for other programs.
///
/// # Errors
/// As [`open`].
pub fn portable(run: &Path) -> Result<Portable> {
    let run = Run::open(run)?;
    match run.info().task {
        Task::Auto | Task::Music | Task::Text => language::portable(run.path()),
        Task::Classify => shared::portable::<classify::Classes>(run),
        Task::Regress => shared::portable::<regress::Numbers>(run),
        Task::Tag => shared::portable::<tag::Tagger>(run),
        Task::Chorales => shared::portable::<chorales::Chords>(run),
        Task::Translate => translate::portable(run),
        Task::Caption => caption::portable(run),
        Task::Forecast | Task::Trajectory => forecast::portable(run),
        Task::Memory => memory::portable(run),
        Task::Events => events::portable(run),
    }
}

/// Looks into the model of a run while it reads an input.
///
/// # Errors
/// As [`open`]; an input that the model cannot read, a view that was asked for by name and cannot be given, and work that nobody
/// [wants](wanted) any more.
pub fn inspect(run: &Path, compute: &mut Compute, request: &Request) -> Result<Inspection> {
    let opened = Run::open(run)?;
    if opened.info().imported.is_some() && request.source == Source::HeldOut {
        let run = run.display();
        return Err(Error::Inspect(format!(
            "{run} is an imported model, without held-out data; a text or a file to read is needed"
        )));
    }
    let mut inspection = match opened.info().task {
        Task::Auto | Task::Music | Task::Text => {
            language::inspect(&language::Trained::open(run)?, compute, request)
        }
        Task::Classify => shared::inspect::<classify::Classes>(opened, compute, request),
        Task::Regress => shared::inspect::<regress::Numbers>(opened, compute, request),
        Task::Tag => shared::inspect::<tag::Tagger>(opened, compute, request),
        Task::Chorales => shared::inspect::<chorales::Chords>(opened, compute, request),
        Task::Translate => shared::pairs::inspect::<translate::Translation>(opened, compute, request),
        Task::Caption => shared::pairs::inspect::<caption::Captioning>(opened, compute, request),
        Task::Forecast => forecast::Forecaster::inspect_run(opened, compute, request),
        Task::Trajectory => trajectory::PathForecaster::inspect(opened, compute, request),
        Task::Memory => memory::MemoryModel::inspect(opened, compute, request),
        Task::Events => events::inspect(opened, compute, request),
    }?;
    // What was left out since nobody waits is no view that cannot be given.
    wanted::check()?;
    inspection.note_overflow();
    if let Some(views) = &request.views {
        let views: Vec<String> = views.iter().map(ToString::to_string).collect();
        inspection.about.insert("show".into(), views.into());
    }
    Ok(inspection)
}

impl Opened {
    /// The model for predictions, or why it cannot predict.
    ///
    /// # Errors
    /// [`Error::Generates`] for a model that continues text or music.
    pub fn predict(&self, run: &Path) -> Result<&dyn Predict> {
        match self {
            Self::Predicts(model) => Ok(&**model),
            _ => Err(Error::Generates(run.to_owned())),
        }
    }

    /// The model to score, or why it cannot be scored.
    ///
    /// # Errors
    /// [`Error::Generates`] for a model that continues text.
    pub fn evaluate(&self, run: &Path) -> Result<&dyn Evaluate> {
        match self {
            Self::Predicts(model) => Ok(&**model),
            Self::Composes(model) => Ok(&**model),
            Self::Writes(_) => Err(Error::Generates(run.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_task_than_text_keeps_its_backbone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("long.txt");
        std::fs::write(&path, "a line of words\n".repeat(400)).unwrap();
        let quickest =
            |task| quickest_backbone(&path, Task::Text, &[("training.minutes", "0.01"), ("task", task)]);
        assert_eq!(["text", "classify", "tag"].map(quickest), [Some(Backbone::Transformer), None, None]);
    }
}
