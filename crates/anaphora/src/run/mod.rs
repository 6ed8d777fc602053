//! The run folder: it holds a training's results and everything needed to use its model again.
//!
//! | file | what it holds |
//! |---|---|
//! | `run.json` | format, program, task, data, size, progress ([`RunInfo`]) |
//! | `recipe.toml` | the [`Recipe`] |
//! | `tokenizer.json` | symbols and their numbers |
//! | `model.safetensors` | the best weights so far, under PyTorch's names |
//! | `metrics.jsonl` | loss, rate and speed, step by step |
//! | `loss.svg` | the loss curve |
//! | `events.out.tfevents.*` | the same for TensorBoard |
//! | `checkpoints/` | what resuming needs ([`Checkpoints`]) |
//! | `tokens/` | the data as tokens, where they are too large to be kept in memory |
//! | `.lock` | held by the one process that trains here |
//!
//! Every file is whole at any time: see [`write_atomic`](crate::run::atomic::write_atomic()). `run.json` is written last,
//! so a folder that has one has everything else that [`Run::create`] writes.

pub mod assets;
pub mod atomic;
pub mod checkpoint;
mod deleted;
mod kept;
pub mod log;
mod names;
mod new_folder;
mod recipe_file;
mod score;
#[cfg(test)]
pub(crate) mod small_disk;
pub mod tensorboard;
pub mod weights;

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::{self, File, TryLockError};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use anaphora_nn::{Params, Precision};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::{Error, Result};
use crate::recipe::{Data, Input, Recipe, Task};
use crate::run::assets::{TOKENIZER, TOKENS};
use crate::run::atomic::{is_temporary, remove_temporaries, write_atomic};
use crate::run::checkpoint::Checkpoints;
use crate::run::weights::{NamedTensor, write_weights};

pub use self::deleted::{Deleted, is_deleted, sweep};
pub use self::kept::Kept;
pub use self::names::Names;
pub use self::new_folder::NewFolder;
pub use self::score::{Score, spoken};

/// The format of run folders that this version reads and writes. It grows when an older program could not read a
/// newer folder, or the other way round.
pub const FORMAT: u64 = 2;

/// The arithmetic of this version's training. It grows when the same step gives other bits than in an earlier version.
pub const ARITHMETIC: u64 = 2;

const INFO: &str = "run.json";
const RECIPE: &str = "recipe.toml";
/// The name of the folder of data that a training was given, and not the path of.
pub const DATA: &str = "data";
const CHECKPOINTS: &str = "checkpoints";
const LOCK: &str = ".lock";

/// The content of `run.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunInfo {
    /// [`FORMAT`] of the program that wrote the folder.
    pub format: u64,
    /// Version of the program that wrote the folder.
    pub program: String,
    /// [`ARITHMETIC`] of the program that wrote the newest checkpoint.
    #[serde(default = "first_arithmetic")]
    pub arithmetic: u64,
    /// The task; never [`Task::Auto`].
    pub task: Task,
    /// When the run was created.
    pub created: Timestamp,
    /// Training and validation data, by the recipe's field that names them; empty for built-in data.
    pub sources: BTreeMap<String, Source>,
    /// The source of an imported model, which has no training of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub imported: Option<PathBuf>,
    /// The run whose weights this one began with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<PathBuf>,
    /// The kind of input that examples are read as, where the data decide it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<Input>,
    /// Number of the model's parameters.
    pub parameters: u64,
    /// Optimizer steps done when this was last written.
    pub steps: u64,
    /// The best validation so far, whose weights are in `model.safetensors`.
    pub best: Option<Score>,
    /// Why training ended; `None` while it has not.
    pub ended: Option<String>,
    /// The size of the validation data; `None` before the first checkpoint, and for runs of earlier versions.
    pub validated: Option<ValidationSize>,
    /// Peak memory of the training in MiB; `None` as above, and on systems that do not report it.
    pub memory_mib: Option<f64>,
}

impl RunInfo {
    /// The information of a new run, created now by this program.
    pub fn new(task: Task, sources: BTreeMap<String, Source>, parameters: u64) -> Self {
        Self {
            format: FORMAT,
            program: env!("CARGO_PKG_VERSION").to_owned(),
            arithmetic: ARITHMETIC,
            task,
            created: Timestamp::now(),
            sources,
            imported: None,
            from: None,
            input: None,
            parameters,
            steps: 0,
            best: None,
            ended: None,
            validated: None,
            memory_mib: None,
        }
    }
}

/// That of versions that did not write it.
fn first_arithmetic() -> u64 {
    1
}

/// The size of some data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ValidationSize {
    /// Tokens, ends of pieces included.
    pub tokens: usize,
    /// Characters that they stand for, the end of a piece counted as one.
    pub characters: usize,
}

/// Data by path and content, so that changed data are noticed at resuming.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// Absolute path of the file or folder.
    pub path: PathBuf,
    /// Bytes in it.
    pub bytes: u64,
    /// CRC-32 over the content; for a folder, over its files' relative paths, sizes and contents in their order.
    pub crc32: String,
}

impl Source {
    /// Reads a file, or all files below a folder, to compute its size and sum.
    pub fn of(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let path = path.canonicalize().map_err(Error::io("read", path))?;
        let (mut sum, mut bytes) = (crc32fast::Hasher::new(), 0);
        if path.is_dir() {
            for file in files_below(&path)? {
                let name = file.strip_prefix(&path).unwrap_or(&file);
                sum.update(name.as_os_str().as_encoded_bytes());
                let mut content = crc32fast::Hasher::new();
                let size = sum_file(&file, &mut content)?;
                sum.update(&size.to_le_bytes());
                sum.update(&content.finalize().to_le_bytes());
                bytes += size;
            }
        } else {
            bytes = sum_file(&path, &mut sum)?;
        }
        Ok(Self { path, bytes, crc32: format!("{:08x}", sum.finalize()) })
    }
}

fn sum_file(path: &Path, sum: &mut crc32fast::Hasher) -> Result<u64> {
    let mut file = File::open(path).map_err(Error::io("read", path))?;
    let (mut buffer, mut size) = (vec![0; 1 << 16], 0);
    loop {
        match file.read(&mut buffer).map_err(Error::io("read", path))? {
            0 => return Ok(size),
            read => {
                sum.update(&buffer[..read]);
                size += read as u64;
            }
        }
    }
}

/// All files below a folder, in the order of their paths. Links to folders are not followed.
fn files_below(folder: &Path) -> Result<Vec<PathBuf>> {
    let (mut files, mut folders) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).map_err(Error::io("read", &folder))? {
            let entry = entry.map_err(Error::io("read", &folder))?;
            let kind = entry.file_type().map_err(Error::io("read", entry.path()))?;
            if kind.is_dir() {
                folders.push(entry.path());
            } else if entry.path().is_file() {
                files.push(entry.path());
            }
        }
    }
    files.sort();
    Ok(files)
}

/// A run folder.
#[derive(Debug)]
pub struct Run {
    path: PathBuf,
    info: RunInfo,
    /// Held while this process may write; the operating system releases it when the process ends, however it ends.
    _lock: Option<File>,
}

/// A folder found by [`Run::list`].
#[derive(Debug)]
pub struct Listed {
    /// The run folder.
    pub path: PathBuf,
    /// Its information, or why it cannot be read.
    pub info: Result<RunInfo>,
    /// Bytes on disk.
    pub bytes: u64,
    /// When `run.json` was last written: the last progress saved.
    pub modified: Option<Timestamp>,
}

impl Listed {
    /// What can be said of a folder; none where it is no run, or no longer there.
    ///
    /// # Errors
    /// [`Error::Io`] where it cannot be read.
    pub fn of(path: PathBuf) -> Result<Option<Self>> {
        let Ok(meta) = path.join(INFO).metadata() else { return Ok(None) };
        let files = match files_below(&path) {
            Err(Error::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {
                return Ok(None);
            }
            files => files?,
        };
        let bytes = files.iter().filter_map(|file| file.metadata().ok()).map(|data| data.len()).sum();
        let modified = meta.modified().ok().and_then(|time| Timestamp::try_from(time).ok());
        Ok(Some(Self { info: read_info(&path), bytes, modified, path }))
    }
}

impl Run {
    /// Creates a run folder and keeps it locked while the value lives. `assets` are further files, each a name and its
    /// content: `tokenizer.json` and the like.
    ///
    /// The folder may exist if it is empty, or if an earlier `create` was killed in it.
    ///
    /// # Errors
    /// [`Error::RunExists`] or [`Error::FolderInUse`] for a folder that is not new, [`Error::RunLocked`] for one in
    /// use, [`Error::Io`] where it cannot be written.
    pub fn create(
        path: impl Into<PathBuf>,
        recipe: &Recipe,
        assets: &[(String, String)],
        info: RunInfo,
    ) -> Result<Self> {
        NewFolder::prepare(path)?.create(recipe, assets, info)
    }

    /// Opens a run to use its model. A training may go on in it meanwhile.
    ///
    /// # Errors
    /// [`Error::NotARun`] without a `run.json`, [`Error::Malformed`] where that cannot be understood,
    /// [`Error::RunVersion`] for another format.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self> {
        let path = path.into();
        let info = read_info(&path)?;
        Ok(Self { path, info, _lock: None })
    }

    /// Opens a run to train on: locks it while the value lives, and clears away what a killed training left half
    /// written.
    ///
    /// # Errors
    /// As [`open`](Self::open), and [`Error::RunLocked`] while another process trains the run.
    pub fn resume(path: impl Into<PathBuf>) -> Result<Self> {
        let path = path.into();
        read_info(&path)?;
        let lock = lock(&path)?;
        let info = read_info(&path)?;
        remove_temporaries(&path)?;
        let checkpoints = path.join(CHECKPOINTS);
        fs::create_dir_all(&checkpoints).map_err(Error::io("create", &checkpoints))?;
        remove_temporaries(&checkpoints)?;
        if path.join(TOKENS).exists() {
            remove_temporaries(path.join(TOKENS))?;
        }
        Ok(Self { path, info, _lock: Some(lock) })
    }

    /// The first of `folder/stem`, `folder/stem-2`, `folder/stem-3` … that does not exist.
    pub fn default_path(folder: impl AsRef<Path>, stem: &str) -> PathBuf {
        let folder = folder.as_ref();
        let numbered = (2..).map(|number| folder.join(format!("{stem}-{number}")));
        let mut names = std::iter::once(folder.join(stem)).chain(numbered);
        names.find(|path| path.symlink_metadata().is_err()).expect("the numbers do not end")
    }

    /// The folder that a training writes to when none is named: after its data's name, below `runs`.
    ///
    /// # Errors
    /// [`Error::Io`] for data without a name of their own that are not there.
    pub fn default_for(recipe: &Recipe) -> Result<PathBuf> {
        let stem = match &recipe.data.train {
            None => recipe.data.builtin.map_or("builtin".to_owned(), |builtin| builtin.to_string()),
            // `..` has no stem of its own.
            Some(path) => match path.file_stem() {
                Some(stem) => stem.to_string_lossy().into_owned(),
                None => {
                    let whole = path.canonicalize().map_err(Error::io("read", path))?;
                    whole.file_stem().unwrap_or("data".as_ref()).to_string_lossy().into_owned()
                }
            },
        };
        Ok(Self::default_path("runs", &stem))
    }

    /// All runs directly in `folder`, newest first; broken ones too, each with its error, but none that is being deleted. A missing
    /// folder has none.
    ///
    /// # Errors
    /// [`Error::Io`] where the folder cannot be read.
    pub fn list(folder: impl AsRef<Path>) -> Result<Vec<Listed>> {
        let folder = folder.as_ref();
        let entries = match fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(Error::io("read", folder)(error)),
        };
        let mut runs = Vec::new();
        for entry in entries {
            let path = entry.map_err(Error::io("read", folder))?.path();
            if !deleted::is_deleted(&path) {
                runs.extend(Listed::of(path)?);
            }
        }
        runs.sort_by(|a, b| b.modified.cmp(&a.modified).then_with(|| a.path.cmp(&b.path)));
        Ok(runs)
    }

    /// Whether a process trains in a folder now, this one or another.
    pub fn is_training(folder: impl AsRef<Path>) -> bool {
        let lock = File::open(folder.as_ref().join(LOCK));
        lock.is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The content of `run.json` when the run was opened or last updated from here.
    pub fn info(&self) -> &RunInfo {
        &self.info
    }

    /// Changes the content of `run.json`.
    ///
    /// # Errors
    /// [`Error::Io`] where the file cannot be written.
    pub fn update(&mut self, change: impl FnOnce(&mut RunInfo)) -> Result<()> {
        change(&mut self.info);
        self.write_info()
    }

    /// Reads the recipe; that of an imported model names no data.
    ///
    /// # Errors
    /// [`Error::RecipeFile`] for a recipe that is refused, [`Error::Io`] where it cannot be read.
    pub fn recipe(&self) -> Result<Recipe> {
        let path = self.path.join(RECIPE);
        let text = fs::read_to_string(&path).map_err(Error::io("read", &path))?;
        // What a file leaves out has its default: a part of a recipe would be read as another recipe.
        if let Err(last) = Recipe::reaches_end(&text) {
            let reason = format!(
                "it ends before {last}, the last field of every run's recipe; restore what was cut off"
            );
            return Err(Error::Malformed { path, reason });
        }
        if self.info.imported.is_none() {
            return Recipe::read(path);
        }
        let recipe = Recipe::read_unvalidated(&path)?;
        recipe.validate_model().map_err(|source| Error::RecipeFile { path, source })?;
        Ok(recipe)
    }

    /// Writes another recipe to go on with.
    pub fn write_recipe(&self, recipe: &Recipe) -> Result<()> {
        recipe.write(self.path.join(RECIPE))
    }

    /// The recipe's data as they were when the run began, their paths whole: files that have changed are refused, for the
    /// split would be another.
    ///
    /// # Errors
    /// [`Error::DataChanged`] for a changed file, [`Error::Imported`] for an imported model, [`Error::Io`] where a file
    /// cannot be read.
    pub fn data(&self, data: &Data) -> Result<Data> {
        if self.info.imported.is_some() {
            return Err(Error::Imported(self.path.clone()));
        }
        let mut data = data.clone();
        for (field, path) in data.paths_mut() {
            let Some(source) = self.info.sources.get(field) else { continue };
            if Source::of(&source.path)? != *source {
                return Err(Error::DataChanged(source.path.clone()));
            }
            *path = Some(source.path.clone());
        }
        Ok(data)
    }

    /// The path of the tokenizer.
    pub fn tokenizer_path(&self) -> PathBuf {
        self.path.join(TOKENIZER)
    }

    /// Writes the model's weights.
    pub fn write_model(&self, tensors: &[NamedTensor<'_>]) -> Result<()> {
        write_weights(self.model_path(), tensors)
    }

    /// Reads the best weights into a model of their shapes; see [`weights::read_into`].
    ///
    /// # Errors
    /// [`Error::NoModel`] before the first validation, [`Error::Weights`] for weights that are damaged or of another
    /// model.
    pub fn load_weights(&self, params: &mut Params, precision: Option<Precision>) -> Result<()> {
        if !self.model_path().exists() {
            return Err(Error::NoModel(self.path.clone()));
        }
        weights::read_into(self.model_path(), params, precision)
    }

    /// The checkpoints.
    pub fn checkpoints(&self) -> Checkpoints {
        Checkpoints::new(self.path.join(CHECKPOINTS))
    }

    /// The path of the weights.
    pub fn model_path(&self) -> PathBuf {
        self.path.join("model.safetensors")
    }

    /// The path of the metrics.
    pub fn metrics_path(&self) -> PathBuf {
        self.path.join("metrics.jsonl")
    }

    /// Writes a file of the folder, whole or not at all.
    pub fn write(&self, name: &str, content: &[u8]) -> Result<()> {
        write_atomic(self.path.join(name), |writer| writer.write_all(content))
    }

    fn write_info(&self) -> Result<()> {
        let mut text =
            serde_json::to_string_pretty(&self.info).expect("strings and numbers always serialise");
        text.push('\n');
        self.write(INFO, text.as_bytes())
    }
}

fn read_info(folder: &Path) -> Result<RunInfo> {
    let path = folder.join(INFO);
    let text = match fs::read(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(Error::NotARun(folder.to_owned()));
        }
        Err(error) => return Err(Error::io("read", &path)(error)),
    };
    let malformed = |reason: String| Error::Malformed { path: path.clone(), reason };
    let value: Value =
        serde_json::from_slice(&text).map_err(|error| malformed(format!("not JSON: {error}")))?;
    // Another format may have other fields: the version is looked at first.
    let found =
        value["format"].as_u64().ok_or_else(|| malformed("there is no number \"format\" in it".into()))?;
    if found != FORMAT {
        let program = value["program"].as_str().unwrap_or("(version unknown)").to_owned();
        return Err(Error::RunVersion { path: folder.to_owned(), found, program, expected: FORMAT });
    }
    serde_json::from_value(value).map_err(|error| malformed(error.to_string()))
}

/// Refuses a folder with a run, or with files that are not `ours` nor those that every run has.
fn refuse_foreign(path: &Path, ours: impl Fn(&OsStr) -> bool) -> Result<()> {
    if path.join(INFO).exists() {
        return Err(Error::RunExists(path.to_owned()));
    }
    for entry in fs::read_dir(path).map_err(Error::io("read", path))? {
        let name = entry.map_err(Error::io("read", path))?.file_name();
        let common = [RECIPE, CHECKPOINTS, TOKENS, LOCK, DATA].iter().any(|common| name == *common);
        if !common && !ours(&name) && !is_temporary(&name) {
            return Err(Error::FolderInUse {
                path: path.to_owned(),
                found: name.to_string_lossy().into_owned(),
            });
        }
    }
    Ok(())
}

/// Locks a folder for as long as the file is held.
pub(crate) fn lock(folder: &Path) -> Result<File> {
    let path = folder.join(LOCK);
    let file = File::options().create(true).append(true).open(&path).map_err(Error::io("create", &path))?;
    let begun = Instant::now();
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            // Who asks whether a process trains here holds the lock for a moment.
            Err(TryLockError::WouldBlock) if begun.elapsed() < ASKED => thread::sleep(ASKED / 20),
            Err(TryLockError::WouldBlock) => return Err(Error::RunLocked(folder.to_owned())),
            Err(TryLockError::Error(error)) => return Err(Error::io("lock", &path)(error)),
        }
    }
}

/// How long a lock is tried for: longer than [`Run::is_training`] holds it.
const ASKED: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests;
