//! The runs of a folder, loaded where they are first asked, within the memory that is given to them.

use std::collections::HashMap;
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Instant, SystemTime};

use anaphora::model::Compute;
use anaphora::recipe::Task;
use anaphora::run;
use anaphora::tasks::language::Trained;
use anaphora::tasks::{self, Opened};
use anaphora::{Device, Precision, Run};
use axum::http::StatusCode;

use crate::Settings;
use crate::api::names::Names;
use crate::engine::Engine;
use crate::error::{ApiError, ApiResult};
use crate::meter::Meter;
use crate::predictor::Predictor;
use crate::queue::{Gone, aside};

/// The models that can be asked.
pub struct Registry {
    /// The folder of runs, or the one run.
    folder: PathBuf,
    threads: usize,
    precision: Precision,
    /// Bytes of models that are kept.
    memory: u64,
    meter: Arc<Meter>,
    loaded: Mutex<HashMap<String, Loaded>>,
    /// Held while a model is read, so that none is read twice.
    loading: tokio::sync::Mutex<()>,
}

/// A model in memory.
struct Loaded {
    model: Model,
    /// The file that it was read from.
    version: Version,
    used: Instant,
}

/// Size and time of a file: whether it is still the one that was read.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Version {
    bytes: u64,
    written: Option<SystemTime>,
}

/// A model by its use.
#[derive(Clone)]
pub enum Model {
    /// It continues texts.
    Writes(Engine),
    /// It predicts from inputs, or composes music in several voices.
    Predicts(Arc<Predictor>),
}

/// A model that is lent to a piece of work.
pub enum Lent<'a> {
    /// One that continues texts.
    Writes(&'a Trained),
    /// Another.
    Opened(&'a Opened),
}

impl Model {
    /// Does work with it, behind those who asked before.
    ///
    /// # Errors
    /// As [`Queue::work`](crate::queue::Queue::work).
    pub async fn work<T: Send + 'static>(
        self,
        work: impl FnOnce(Lent, &mut Compute, &Gone) -> ApiResult<T> + Send + 'static,
    ) -> ApiResult<T> {
        match self {
            Self::Writes(engine) => {
                engine.work(move |trained, compute, gone| work(Lent::Writes(trained), compute, gone)).await
            }
            Self::Predicts(predictor) => {
                predictor.work(move |opened, compute, gone| work(Lent::Opened(opened), compute, gone)).await
            }
        }
    }
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
    /// The runs that are served.
    pub fn new(settings: &Settings, meter: Arc<Meter>) -> Self {
        let (loaded, loading) = Default::default();
        let Settings { ref folder, threads, precision, memory, .. } = *settings;
        Self { folder: folder.clone(), threads, precision, memory, meter, loaded, loading }
    }

    /// The runs that are there now and have a model, by their names.
    ///
    /// # Errors
    /// A folder that cannot be read.
    pub async fn list(self: &Arc<Self>) -> ApiResult<Vec<Listed>> {
        let registry = Arc::clone(self);
        aside(move || registry.listed()).await
    }

    fn listed(&self) -> ApiResult<Vec<Listed>> {
        let failed = |error: anaphora::Error| failed(&self.folder, "the folder of runs", &error);
        let runs: Vec<Run> = match Run::open(&self.folder) {
            Ok(run) => vec![run],
            // A run that cannot be opened is none that could be asked.
            Err(_) => {
                let listed = Run::list(&self.folder).map_err(failed)?.into_iter();
                listed.filter_map(|listed| Run::open(listed.path).ok()).collect()
            }
        };
        let mut all: Vec<Listed> =
            runs.iter().filter(|run| run.model_path().exists()).map(Listed::new).collect();
        all.sort_by(|a, b| a.id.cmp(&b.id));
        Ok(all)
    }

    /// The run of that name.
    ///
    /// # Errors
    /// A name that is none of a run in the folder.
    pub fn run(&self, id: &str) -> ApiResult<Run> {
        if !is_name(id) {
            return Err(ApiError::no_model(id));
        }
        if let Ok(run) = Run::open(&self.folder) {
            return if name(run.path()) == id { Ok(run) } else { Err(ApiError::no_model(id)) };
        }
        match Run::open(self.folder.join(id)) {
            Ok(run) => Ok(run),
            Err(anaphora::Error::NotARun(_)) => Err(ApiError::no_model(id)),
            Err(error) => Err(failed(&self.folder.join(id), id, &error)),
        }
    }

    /// The folders of all runs, those too that cannot be opened, by their names; the newest first.
    ///
    /// # Errors
    /// A folder that cannot be read.
    pub fn folders(&self) -> ApiResult<Vec<(String, run::Listed)>> {
        let failed = |error: anaphora::Error| failed(&self.folder, "the folder of runs", &error);
        let Some(room) = self.room() else {
            let only = run::Listed::of(self.folder.clone()).map_err(failed)?;
            return Ok(only.into_iter().map(|only| (name(&self.folder), only)).collect());
        };
        let called = |listed: run::Listed| (name(&listed.path), listed);
        Ok(Run::list(room).map_err(failed)?.into_iter().map(called).collect())
    }

    /// The folder of the run of that name, whether it can be opened or not; none where there is no such run.
    pub fn folder_of(&self, id: &str) -> Option<PathBuf> {
        if !is_name(id) {
            return None;
        }
        let folder = match self.room() {
            Some(room) => room.join(id),
            None => Some(self.folder.clone()).filter(|folder| name(folder) == id)?,
        };
        Some(folder).filter(|folder| folder.join("run.json").is_file())
    }

    /// Where new runs go; none where one run is served.
    pub fn room(&self) -> Option<&Path> {
        Some(self.folder.as_path()).filter(|folder| !folder.join("run.json").is_file())
    }

    /// The threads that models compute with.
    pub fn threads(&self) -> usize {
        self.threads
    }

    /// The model of a run, read where it is not in memory or was written anew since.
    ///
    /// # Errors
    /// A name that is none of a run with a model, and files that cannot be read.
    pub async fn model(self: &Arc<Self>, id: &str) -> ApiResult<Model> {
        let (registry, name) = (Arc::clone(self), id.to_owned());
        let (run, version) = aside(move || registry.found(&name)).await?;
        if let Some(model) = self.kept(id, version) {
            return Ok(model);
        }
        let _alone = self.loading.lock().await;
        if let Some(model) = self.kept(id, version) {
            return Ok(model);
        }
        self.make_room(version.bytes, id);
        let (registry, path) = (Arc::clone(self), run.path().to_owned());
        let read = move || -> anaphora::Result<Model> {
            let device = Device::new(registry.threads, registry.precision);
            Ok(match tasks::open(&path, device.precision())? {
                Opened::Writes(trained) => {
                    Model::Writes(Engine::start(*trained, device, Arc::clone(&registry.meter)))
                }
                other => Model::Predicts(Arc::new(Predictor::new(other, device))),
            })
        };
        let name = id.to_owned();
        let model = aside(move || read().map_err(|error| failed(run.path(), &name, &error))).await?;
        let mut loaded = self.loaded();
        loaded.insert(id.to_owned(), Loaded { model: model.clone(), version, used: Instant::now() });
        self.meter.loaded_models.set(loaded.len() as i64);
        Ok(model)
    }

    /// The model of a run that continues texts.
    ///
    /// # Errors
    /// As [`Registry::model`], and a model of another kind.
    pub async fn engine(self: &Arc<Self>, id: &str) -> ApiResult<Engine> {
        match self.model(id).await? {
            Model::Writes(engine) => Ok(engine),
            Model::Predicts(_) => {
                let (registry, id) = (Arc::clone(self), id.to_owned());
                aside(move || {
                    let task = registry.run(&id)?.info().task;
                    let there = if task.composes() { "/api/generate" } else { "/api/predict" };
                    Err(ApiError::elsewhere(&id, task, "continues no text", there))
                })
                .await
            }
        }
    }

    /// Lets a model go; who is being answered keeps it.
    pub fn forget(&self, id: &str) {
        let mut loaded = self.loaded();
        loaded.remove(id);
        self.meter.loaded_models.set(loaded.len() as i64);
    }

    /// Breaks off all that is being written.
    pub fn close(&self) {
        for kept in self.loaded().values() {
            if let Model::Writes(engine) = &kept.model {
                engine.close();
            }
        }
    }

    /// A run that has a model, and which.
    fn found(&self, id: &str) -> ApiResult<(Run, Version)> {
        let run = self.run(id)?;
        let meta = run.model_path().metadata().map_err(|_| {
            let message = format!("the run '{id}' has no model yet; it has one when its training has validated for the first time");
            ApiError::new(StatusCode::NOT_FOUND, "model_not_ready", message)
        })?;
        Ok((run, Version { bytes: meta.len(), written: meta.modified().ok() }))
    }

    /// A model in memory, where it is of that version.
    fn kept(&self, id: &str, version: Version) -> Option<Model> {
        let mut loaded = self.loaded();
        let kept = loaded.get_mut(id)?;
        let lives = !matches!(&kept.model, Model::Writes(engine) if engine.is_gone());
        if kept.version != version || !lives {
            return None;
        }
        kept.used = Instant::now();
        Some(kept.model.clone())
    }

    /// Lets those go that were not asked for longest, until there is room for another. Who is being answered keeps them.
    fn make_room(&self, bytes: u64, id: &str) {
        let mut loaded = self.loaded();
        loaded.remove(id);
        let taken =
            |loaded: &HashMap<String, Loaded>| loaded.values().map(|kept| kept.version.bytes).sum::<u64>();
        while taken(&loaded) + bytes > self.memory {
            let oldest = loaded.iter().min_by_key(|(_, kept)| kept.used).map(|(id, _)| id.clone());
            let Some(oldest) = oldest else { return };
            loaded.remove(&oldest);
        }
    }

    fn loaded(&self) -> MutexGuard<'_, HashMap<String, Loaded>> {
        self.loaded.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Listed {
    fn new(run: &Run) -> Self {
        Self { id: name(run.path()), created: run.info().created.as_second(), task: run.info().task }
    }
}

/// An error about a folder of this machine, as a client knows it.
fn failed(folder: &Path, name: &str, error: &anaphora::Error) -> ApiError {
    let mut names = Names::default();
    names.add(folder, name);
    ApiError::server(names.say(&error.to_string()))
}

/// Whether a text names a folder in another, and nothing outside of it.
fn is_name(id: &str) -> bool {
    let is_one =
        matches!(Path::new(id).components().collect::<Vec<_>>()[..], [Component::Normal(name)] if name == id);
    is_one && !id.contains('\0') && !run::is_deleted(Path::new(id))
}

/// The name of a run's folder; of a link that of the link.
fn name(path: &Path) -> String {
    let name = |path: &Path| path.file_name().map(|name| name.to_string_lossy().into_owned());
    // `.` has no name of its own.
    name(path).or_else(|| name(&path.canonicalize().ok()?)).unwrap_or_else(|| "model".into())
}
