//! Checkpoints: everything that a training needs to resume as if it had never stopped.
//!
//! A checkpoint is a safetensors file with a checksum (see [`weights`]): the tensors are weights
//! and optimizer moments, the training state is JSON in its metadata. The folder keeps the last two.

use std::fs::{self, File};
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use crate::error::{Error, Result};
use crate::run::weights::{self, Failure, NamedTensor, WeightsError};

/// Number of newest checkpoints kept.
const KEPT: usize = 2;

/// The state of a training: [`Checkpoints::save`] writes it, and reading restores it bit for bit.
#[derive(Clone, Debug, PartialEq)]
pub struct Checkpoint<'a> {
    /// Optimizer steps done.
    pub step: u64,
    /// Large data: weights, optimizer moments.
    pub tensors: Vec<NamedTensor<'a>>,
    /// Small data: random state, position in the data, schedule, guard. Finite floats and `u64` are restored
    /// with the same bits; JSON has no infinity and no NaN (they turn into `null`).
    pub state: Value,
}

impl Checkpoint<'_> {
    /// Writes the checkpoint to `path`, whole or not at all.
    pub fn write(&self, path: impl AsRef<Path>) -> Result<()> {
        let mut metadata = Map::new();
        metadata.insert("step".into(), self.step.to_string().into());
        metadata.insert("state".into(), self.state.to_string().into());
        weights::write(path.as_ref(), &self.tensors, metadata)
    }

    /// Reads a checkpoint.
    ///
    /// # Errors
    /// [`Error::DamagedCheckpoint`] for a file that was cut short or altered, even by one bit; [`Error::Io`] where it
    /// cannot be read.
    pub fn read(path: impl AsRef<Path>) -> Result<Checkpoint<'static>> {
        let path = path.as_ref();
        let file = File::open(path).map_err(Error::io("read", path))?;
        let len = file.metadata().map_err(Error::io("read", path))?.len();
        parse(BufReader::new(file), len).map_err(|failure| match failure {
            Failure::Io(error) => Error::io("read", path)(error),
            Failure::Refused(source) => Error::DamagedCheckpoint { path: path.to_owned(), source },
        })
    }
}

fn parse(reader: impl Read, len: u64) -> Result<Checkpoint<'static>, Failure> {
    let file = weights::parse(reader, len, |_| true)?;
    if !file.summed {
        return Err(WeightsError::NoChecksum.into());
    }
    let text = |key: &str| {
        let missing = || WeightsError::State(format!("there is no {key:?} in the header"));
        file.metadata.get(key).ok_or_else(missing)
    };
    let step = text("step")?.parse().map_err(|error| WeightsError::State(format!("step: {error}")))?;
    let state =
        serde_json::from_str(text("state")?).map_err(|error| WeightsError::State(error.to_string()))?;
    Ok(Checkpoint { step, tensors: file.tensors, state })
}

/// The checkpoints of one run, in its folder `checkpoints/`.
#[derive(Clone, Debug)]
pub struct Checkpoints {
    folder: PathBuf,
}

/// The result of [`Checkpoints::latest_valid`].
#[derive(Debug)]
pub struct Latest {
    /// The newest undamaged checkpoint and its file; `None` if there is none.
    pub checkpoint: Option<(PathBuf, Checkpoint<'static>)>,
    /// Errors of newer, damaged ones, newest first, for the user.
    pub damaged: Vec<Error>,
}

impl Checkpoints {
    /// The checkpoints in `folder`, which must exist before the first is saved.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into() }
    }

    /// Writes `step-000123.safetensors`, then removes all earlier ones but one. Gives the file's path. When the
    /// write fails (a full disk) nothing has been removed.
    pub fn save(&self, checkpoint: &Checkpoint<'_>) -> Result<PathBuf> {
        let path = self.path(checkpoint.step);
        checkpoint.write(&path)?;
        let mut earlier = self.steps()?;
        earlier.retain(|&step| step <= checkpoint.step);
        for &step in earlier.iter().rev().skip(KEPT) {
            remove(&self.path(step))?;
        }
        Ok(path)
    }

    /// The path of a step's checkpoint, whether or not there is one.
    pub fn path(&self, step: u64) -> PathBuf {
        self.folder.join(format!("step-{step:06}.safetensors"))
    }

    /// The steps with a checkpoint (damaged ones too), ascending. Temporary and foreign files are
    /// skipped; a missing folder has none.
    pub fn steps(&self) -> Result<Vec<u64>> {
        let entries = match fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(Error::io("read", &self.folder)(error)),
        };
        let mut steps = Vec::new();
        for entry in entries {
            let name = entry.map_err(Error::io("read", &self.folder))?.file_name();
            let digits =
                name.to_str().and_then(|name| name.strip_prefix("step-")?.strip_suffix(".safetensors"));
            let step = digits.and_then(|digits| digits.parse().ok());
            steps.extend(step.filter(|&step| self.path(step).file_name() == Some(&name)));
        }
        steps.sort_unstable();
        Ok(steps)
    }

    /// Reads the newest checkpoint that is whole, and collects the errors of the newer ones that are not.
    pub fn latest_valid(&self) -> Result<Latest> {
        let candidates = self.steps()?.into_iter().rev().map(|step| self.path(step));
        let mut damaged = Vec::new();
        for path in candidates {
            match Checkpoint::read(&path) {
                Ok(checkpoint) => return Ok(Latest { checkpoint: Some((path, checkpoint)), damaged }),
                Err(error) => damaged.push(error),
            }
        }
        Ok(Latest { checkpoint: None, damaged })
    }

    /// Removes the checkpoints of steps after `step`: after going back to it, they belong to a past that was left,
    /// or are damaged.
    pub fn discard_after(&self, step: u64) -> Result<()> {
        self.steps()?
            .into_iter()
            .filter(|&other| other > step)
            .try_for_each(|other| remove(&self.path(other)))
    }
}

fn remove(path: &Path) -> Result<()> {
    fs::remove_file(path).map_err(Error::io("remove", path))
}

#[cfg(test)]
mod tests;
