//! The runs of a folder, loaded where they are first asked.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use anaphora::recipe::Task;
use anaphora::tasks::language::Trained;
use anaphora::{Device, Precision, Run};

use crate::engine::Engine;
use crate::error::{ApiError, ApiResult};

/// Texts that one model writes at once.
const ROWS: usize = 256;

/// The models that can be asked.
pub struct Registry {
    /// The folder of runs, or the one run.
    folder: PathBuf,
    threads: usize,
    loaded: Mutex<HashMap<String, Engine>>,
}

/// A run, as a list of models has it.
#[derive(Clone, Debug)]
pub struct Listed {
    /// Its name: that of its folder.
    pub id: String,
    /// When it was made, in seconds of Unix time.
    pub created: i64,
    /// What it learnt.
    pub task: Task,
}

impl Registry {
    /// The runs in a folder, or the run that it is.
    pub fn new(folder: &Path, threads: usize) -> Self {
        Self { folder: folder.to_owned(), threads, loaded: Mutex::default() }
    }

    /// The runs that are there now and have a model, by their names.
    ///
    /// # Errors
    /// A folder that cannot be read.
    pub fn list(&self) -> anaphora::Result<Vec<Listed>> {
        let runs = match Run::open(&self.folder) {
            Ok(run) => vec![run],
            Err(_) => {
                // A run that cannot be opened is none that could be asked.
                Run::list(&self.folder)?
                    .into_iter()
                    .filter_map(|listed| Run::open(listed.path).ok())
                    .collect()
            }
        };
        let listed = |run: &Run| Listed {
            id: name(run.path()),
            created: run.info().created.as_second(),
            task: run.info().task,
        };
        let mut all: Vec<Listed> = runs.iter().filter(|run| run.model_path().exists()).map(listed).collect();
        all.sort_by(|a, b| a.id.cmp(&b.id));
        Ok(all)
    }

    /// The model of that name, to continue texts.
    ///
    /// # Errors
    /// A name that is none of [`Registry::list`], and a model that continues no texts or cannot be read.
    pub fn engine(&self, id: &str) -> ApiResult<Engine> {
        let mut loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(engine) = loaded.get(id) {
            return Ok(engine.clone());
        }
        // A name is looked up among those that are there: it is never a path.
        let all = self.list().map_err(|error| ApiError::server(error.to_string()))?;
        let listed = all.iter().find(|listed| listed.id == id).ok_or_else(|| ApiError::no_model(id))?;
        if !listed.task.continues() {
            let task = listed.task;
            return Err(ApiError::field(
                "model",
                format!(
                    "the model '{id}' is for the task {task} and continues no text; ask it at /api/predict"
                ),
            ));
        }
        let path = if Run::open(&self.folder).is_ok() { self.folder.clone() } else { self.folder.join(id) };
        let trained = Trained::predicting(path, Precision::auto())
            .map_err(|error| ApiError::server(error.to_string()))?;
        let engine = Engine::start(trained, Device::new(self.threads, Precision::auto()), ROWS);
        loaded.insert(id.to_owned(), engine.clone());
        Ok(engine)
    }
}

/// The name of a run's folder.
fn name(path: &Path) -> String {
    let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    path.file_name().map_or_else(|| "model".into(), |name| name.to_string_lossy().into_owned())
}

/// The models, shared by all requests.
pub type Shared = Arc<Registry>;
