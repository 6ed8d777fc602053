//! The language models that several chapters look at: they learn the reader's tunes or text, or built-in tunes.

use super::lab::Training;
use super::{Lab, Settings};
use crate::Result;
use crate::recipe::Task;
use crate::run::Run;
use crate::run::log::{Record, read_metrics};

/// The LSTM.
pub const LSTM: &str = "language-lstm";
/// The Transformer.
pub const TRANSFORMER: &str = "language-transformer";
/// The plain recurrent network.
pub const RNN: &str = "language-rnn";
/// The network over a window.
pub const WINDOW: &str = "language-window";

/// Characters of a window that is learnt from, and windows of a batch: the same for all, so that a step of each reads as much.
const LENGTH: usize = 128;
const BATCH: usize = 8;

/// Built-in tunes, and the file that a command line has them in.
const COMPOSED: usize = 400;
const TUNES: &str = "tunes.abc";

/// A training of one of them.
pub fn training(settings: &Settings, name: &'static str) -> Training {
    let effort = settings.effort();
    let (steps, seconds, own): (u64, f64, &[(&'static str, &str)]) = match name {
        LSTM => (1_500, 50.0, &[("model.hidden_size", "256"), ("model.embedding_size", "64")]),
        TRANSFORMER => (
            1_500,
            60.0,
            &[
                ("model.backbone", "transformer"),
                ("model.layers", "3"),
                ("model.hidden_size", "96"),
                ("model.heads", "3"),
            ],
        ),
        RNN => (
            1_000,
            12.0,
            &[
                ("model.backbone", "rnn"),
                ("model.hidden_size", "256"),
                ("model.embedding_size", "64"),
                ("training.learning_rate", "0.001"),
            ],
        ),
        _ => (
            1_000,
            12.0,
            &[
                ("model.backbone", "window"),
                ("model.window", "8"),
                ("model.hidden_size", "256"),
                ("model.embedding_size", "64"),
            ],
        ),
    };
    let source = match &settings.file {
        Some(path) => ("data.train", path.display().to_string()),
        None => ("data.builtin", "tunes".to_owned()),
    };
    let common = [
        source,
        ("training.length", LENGTH.to_string()),
        ("training.batch", BATCH.to_string()),
        ("model.dropout", "0.1".to_owned()),
    ];
    let own = own.iter().map(|(field, value)| (*field, (*value).to_owned()));
    Training::new(name, effort.steps(steps), effort.seconds(seconds), common.into_iter().chain(own))
}

/// The file of a command line of one's own.
pub fn data(settings: &Settings) -> String {
    settings.file.as_ref().map_or_else(|| TUNES.to_owned(), |path| path.display().to_string())
}

/// The commands that train some of them, and what has to be done before: the built-in tunes become a file, which another may replace.
pub fn commands(settings: &Settings, names: &[&'static str]) -> Vec<String> {
    let made = settings.file.is_none().then(|| format!("anaphora sample tunes --count {COMPOSED} > {TUNES}"));
    let train = names.iter().map(|name| training(settings, name).command(&data(settings)));
    made.into_iter().chain(train).collect()
}

/// What the models learnt, for people.
pub fn what(settings: &Settings) -> String {
    settings.file_name().unwrap_or_else(|| format!("{COMPOSED} tunes by the built-in composer"))
}

/// Whether they learn tunes.
pub fn is_music(lab: &mut Lab) -> Result<bool> {
    let run = lab.run(LSTM)?;
    Ok(Run::open(run)?.info().task == Task::Music)
}

/// The validations of a run: steps, seconds and losses.
pub fn validations(run: &Run) -> Result<Vec<[f64; 3]>> {
    let records = read_metrics(run.metrics_path())?;
    let validation = |record: &Record| match *record {
        Record::Validation { step, loss, seconds, .. } => Some([step as f64, seconds, loss]),
        _ => None,
    };
    Ok(records.iter().filter_map(validation).collect())
}
