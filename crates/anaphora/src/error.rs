//! Errors, one sentence each.

use std::io;
use std::path::{Path, PathBuf};

use anaphora_data::At;
use anaphora_data::examples::ExampleError;
use anaphora_data::tagged::SentenceFault;

use crate::decoding::sampling::SamplingError;
use crate::recipe::RecipeError;
use crate::run::weights::WeightsError;

/// The result of this crate's functions.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An error of the `anaphora` crate. Its `Display` is one sentence for a person: what was found, where, and what
/// would be right.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The operating system refused something.
    #[error("cannot {action} {}: {}", path.display(), anaphora_data::error::refusal(source))]
    Io {
        /// The attempted action: "read", "write", "create" ….
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// A recipe's field has no such value, or there is no such field.
    #[error(transparent)]
    Recipe(#[from] RecipeError),
    /// A field of the recipe that a caller sets is refused.
    #[error("{by}: {source}")]
    Setting {
        /// What the caller wrote to set it.
        by: String,
        /// Why it is refused.
        source: RecipeError,
    },
    /// A recipe file does not hold a recipe.
    #[error("{}: {source}", path.display())]
    RecipeFile {
        /// The file.
        path: PathBuf,
        /// What is wrong in it.
        source: RecipeError,
    },
    /// No symbol can be drawn.
    #[error(transparent)]
    Sampling(#[from] SamplingError),
    /// A weights file does not hold what it should.
    #[error("{}: {source}", path.display())]
    Weights {
        /// The file.
        path: PathBuf,
        /// What is wrong in it.
        source: WeightsError,
    },
    /// A checkpoint cannot be trusted.
    #[error("checkpoint {} is damaged: {source}; an earlier checkpoint of the same run can be used", path.display())]
    DamagedCheckpoint {
        /// The file.
        path: PathBuf,
        /// What is wrong in it.
        source: WeightsError,
    },
    /// A file in a run folder, other than weights and recipe, cannot be understood.
    #[error("{}: {reason}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What was found, and where.
        reason: String,
    },
    /// A folder that should be a run is none.
    #[error("{} is not a run folder (it holds no run.json); name the folder that `anaphora train` wrote", .0.display())]
    NotARun(PathBuf),
    /// A new run would overwrite another one.
    #[error("{} already holds a run; continue it with `anaphora resume`, or choose another folder", .0.display())]
    RunExists(PathBuf),
    /// A new run would mix with other files.
    #[error("{} is not empty (it holds {found}) and is no run; choose a new folder", path.display())]
    FolderInUse {
        /// The folder.
        path: PathBuf,
        /// The name of a file in it.
        found: String,
    },
    /// What is to be the folder of a new run is there already.
    #[error("{} is there already; choose a new folder", .0.display())]
    FolderTaken(PathBuf),
    /// Another process trains in the folder.
    #[error("another training is writing to {}; wait until it ends, or choose another folder", .0.display())]
    RunLocked(PathBuf),
    /// The folder was written in another format.
    #[error("{} was written by anaphora {program} in run format {found}, and this version reads format {expected}; \
             use that version, or train again", path.display())]
    RunVersion {
        /// The folder.
        path: PathBuf,
        /// The format found in it.
        found: u64,
        /// The version of the program that wrote it.
        program: String,
        /// The format that this version reads and writes.
        expected: u64,
    },
    /// The training or validation data cannot be used.
    #[error(transparent)]
    Data(#[from] anaphora_data::DataError),
    /// No tokenizer can be made, or one does not understand a text.
    #[error(transparent)]
    Tokenizer(#[from] anaphora_data::TokenizerError),
    /// A file has symbols that the tokenizer does not know, or is to hold a tokenizer and holds none.
    #[error("{}: {source}", path.display())]
    Tokens {
        /// The file.
        path: PathBuf,
        /// What is unknown, and where; or what is wrong.
        source: anaphora_data::TokenizerError,
    },
    /// No windows can be drawn from the data, or they cannot go on where they stopped.
    #[error(transparent)]
    Windows(#[from] anaphora_data::WindowsError),
    /// Tokens cannot be kept in a file or read from it.
    #[error(transparent)]
    Shard(#[from] anaphora_data::ShardError),
    /// A run has no model yet.
    #[error("{} has no model yet: it was never validated, or model.safetensors is gone; go on with `anaphora resume`", .0.display())]
    NoModel(PathBuf),
    /// A run has no metrics yet.
    #[error("{} has no metrics yet: its training has written no loss; go on with `anaphora resume`", .0.display())]
    NoMetrics(PathBuf),
    /// Two runs to compare are the same one.
    #[error("{} is named twice; name each run once", .0.display())]
    RunTwice(PathBuf),
    /// The data of a run are no longer what it began with.
    #[error("{} is not what this run began with; restore the file, or train again into another folder", .0.display())]
    DataChanged(PathBuf),
    /// An imported model has no training data.
    #[error("{} is an imported model, without training data or a training to go on with; generate with it, or evaluate it on a file that is named", .0.display())]
    Imported(PathBuf),
    /// A file of Hugging Face's folder format does not describe a model that is known here.
    #[error("{}: field {field} is {found}, and {wanted}", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// The field.
        field: &'static str,
        /// Its value, as JSON; "missing" where it is not there.
        found: String,
        /// What would be right.
        wanted: String,
    },
    /// A model that a format of Hugging Face's cannot hold.
    #[error("{}: field {field} is {found}, and {format} holds only {wanted}", path.display())]
    NotHeld {
        /// The run.
        path: PathBuf,
        /// The field of its recipe.
        field: &'static str,
        /// Its value.
        found: String,
        /// The format: "GPT-2's format".
        format: &'static str,
        /// What would be right.
        wanted: &'static str,
    },
    /// A model that the format of another program cannot hold.
    #[error("{0}")]
    NotPortable(String),
    /// A table cannot be read.
    #[error(transparent)]
    Table(#[from] anaphora_data::table::TableError),
    /// Examples cannot be read, or are not what a model reads.
    #[error(transparent)]
    Examples(anaphora_data::examples::ExampleError),
    /// A time series cannot be read.
    #[error(transparent)]
    Series(#[from] anaphora_data::series::SeriesError),
    /// A MIDI file cannot be read.
    #[error(transparent)]
    Midi(#[from] anaphora_music::midi::FileError),
    /// Music cannot be read.
    #[error(transparent)]
    Roll(#[from] anaphora_data::roll::RollError),
    /// A score cannot be computed.
    #[error(transparent)]
    Score(#[from] crate::metrics::ScoreError),
    /// A run whose model continues texts is asked to predict.
    #[error("{} is a model that continues text or music; write with it by `anaphora generate`", .0.display())]
    Generates(PathBuf),
    /// A run whose model predicts is asked to continue a text.
    #[error("{} is a model for the task {task}, which continues no text; use it with `anaphora predict`", path.display())]
    Predicts {
        /// The run.
        path: PathBuf,
        /// Its task.
        task: crate::recipe::Task,
    },
    /// A view of a model or an input that has nothing to show in it.
    #[error("the view {view}: {reason}")]
    View {
        /// The view.
        view: crate::inspect::View,
        /// Why there is nothing to see.
        reason: String,
    },
    /// An input that cannot be looked at.
    #[error("{0}")]
    Inspect(String),
    /// A search is asked of a task that writes no sequences.
    #[error(
        "beams, length penalty, n best and repeated n-grams are of a search, which is for models that write, as in translation"
    )]
    NoSearch,
    /// A picture cannot be read.
    #[error(transparent)]
    Picture(#[from] anaphora_data::picture::PictureError),
    /// Unknown words are to be replaced by a model that cannot say where they come from.
    #[error("{} has no attention to say from where an unknown word comes; leave the replacement of unknown words out; a model with model.attention luong or bahdanau, or model.backbone transformer, attends", .0.display())]
    NoAlignment(PathBuf),
    /// Parallel text cannot be read.
    #[error(transparent)]
    Parallel(#[from] anaphora_data::parallel::ParallelError),
    /// Nothing is held out, so that no model could be called the best.
    #[error(
        "there is no {example} to validate on, of {train} to learn from; set data.validation_fraction above 0 (it is {fraction}), or name data for it in data.validation where the task reads some"
    )]
    NoValidation {
        /// The name of an example.
        example: &'static str,
        /// Examples to learn from.
        train: usize,
        /// The share that was asked for.
        fraction: f64,
    },
    /// There is nothing to score a model on.
    #[error("{} kept no examples for that; name a file, or train with data.test_every", .0.display())]
    NoExamples(PathBuf),
    /// There is no stretch of a series to score forecasts on.
    #[error("{} kept no steps for that; name a file, or train with series.test_from", .0.display())]
    NoForecasts(PathBuf),
    /// The observer broke before there was a training to save.
    #[error("stopped while the model was prepared; nothing is changed")]
    Stopped,
    /// A training is to begin with the weights of a model for another task.
    #[error("{} is a model for the task {task}, and task is {wanted}; name a run of that task to begin with", path.display())]
    OtherTask {
        /// The run.
        path: PathBuf,
        /// Its task.
        task: crate::recipe::Task,
        /// The task that is to be learnt.
        wanted: crate::recipe::Task,
    },
    /// A training would need more memory than there is.
    #[error(
        "training needs about {} of memory and {} are free; lower model.hidden_size, model.layers or training.batch",
        gigabytes(*needed), gigabytes(*free)
    )]
    Memory {
        /// Bytes that it needs, about.
        needed: u64,
        /// Bytes that are free.
        free: u64,
    },
    /// Training diverges however low the learning rate.
    #[error(
        "training diverges: {found} at step {step}, and lower learning rates did not help; {}",
        if *accumulates { "a ReLU layer adds its state up from window to window, set data.windows to random" }
        else { "try a smaller training.learning_rate or training.clip" }
    )]
    Diverged {
        /// The optimizer step.
        step: u64,
        /// What was seen.
        found: String,
        /// Whether the model carries a state without bounds from one window to the next.
        accumulates: bool,
    },
    /// A run's tokenizer and its weights were not made for each other.
    #[error("{} has {found} tokens where the run's weights have {expected}; restore the file that the run began with", path.display())]
    Vocabulary {
        /// The tokenizer's file.
        path: PathBuf,
        /// Tokens in it.
        found: usize,
        /// Tokens that the weights are for.
        expected: usize,
    },
    /// Layers do not fit together: a mistake of this program.
    #[error(transparent)]
    Shape(#[from] anaphora_nn::ShapeError),
}

pub(crate) use anaphora_data::error::listed;

impl From<ExampleError> for Error {
    fn from(error: ExampleError) -> Self {
        match error {
            ExampleError::Example(at) => malformed_at(&at.path, at.line, at.fault),
            error => Self::Examples(error),
        }
    }
}

impl From<At<SentenceFault>> for Error {
    fn from(at: At<SentenceFault>) -> Self {
        malformed_at(&at.path, at.line, at.fault)
    }
}

/// Bytes for a person: "274 GB", "1.5 GB".
fn gigabytes(bytes: u64) -> String {
    let gigabytes = bytes as f64 / 1e9;
    if gigabytes < 10.0 { format!("{gigabytes:.1} GB") } else { format!("{gigabytes:.0} GB") }
}

/// What is wrong at a line of a file; at 0 with all of it.
pub(crate) fn malformed_at(path: &Path, line: usize, reason: impl std::fmt::Display) -> Error {
    let reason = if line > 0 { format!("line {line}: {reason}") } else { reason.to_string() };
    Error::Malformed { path: path.to_owned(), reason }
}

impl Error {
    /// For `map_err`: an input or output error with what was tried and on which path.
    pub fn io(action: &'static str, path: impl AsRef<Path>) -> impl FnOnce(io::Error) -> Error {
        move |source| Error::Io { action, path: path.as_ref().to_owned(), source }
    }
}
