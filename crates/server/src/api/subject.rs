//! The run that a request is about: found, and given work, in the same way by every endpoint.

use anaphora::model::Compute;
use anaphora::recipe::Task;

use super::files::Folder;
use super::names::Names;
use crate::Shared;
use crate::error::{ApiError, ApiResult};
use crate::queue::{Gone, aside};
use crate::registry::Lent;

/// A run that a request names as `model`.
pub struct Subject {
    server: Shared,
    /// Its name.
    pub id: String,
    /// What it learnt.
    pub task: Task,
    /// What its paths are called.
    pub names: Names,
}

impl Subject {
    /// The run of a name.
    ///
    /// # Errors
    /// A name that is none of a run.
    pub async fn of(server: &Shared, id: &str) -> ApiResult<Self> {
        let (server, id) = (server.clone(), id.to_owned());
        aside(move || {
            let run = server.models.run(&id)?;
            Ok(Self { task: run.info().task, names: Names::of_run(&run, &id), server, id })
        })
        .await
    }

    /// Refuses a run whose model another endpoint asks than `here`.
    ///
    /// # Errors
    /// Where to ask it.
    pub fn refuse_unless_asked_at(&self, here: &str) -> ApiResult<()> {
        let (does, there) = endpoint(self.task);
        if there == here { Ok(()) } else { Err(ApiError::elsewhere(&self.id, self.task, does, there)) }
    }

    /// Does work with the model, behind those who asked it before; see [`Queue::work`](crate::queue::Queue::work).
    ///
    /// # Errors
    /// A model that cannot be read, too many who wait, and what the work says.
    pub async fn work<T: Send + 'static>(
        self,
        work: impl FnOnce(Self, Lent, &mut Compute, &Gone) -> ApiResult<T> + Send + 'static,
    ) -> ApiResult<T> {
        let model = self.server.models.model(&self.id).await?;
        model.work(move |model, compute, gone| work(self, model, compute, gone)).await
    }

    /// A folder for the files of the request.
    ///
    /// # Errors
    /// A disk that takes none.
    pub fn folder(&self) -> ApiResult<Folder> {
        Folder::new(&self.server.scratch)
    }

    /// The error of a model that is of another task than its run was a moment ago.
    pub fn replaced(&self) -> ApiError {
        ApiError::server(format!("the run '{}' was replaced by another just now; ask again", self.id))
    }
}

/// What a model of a task does, and where it is asked.
fn endpoint(task: Task) -> (&'static str, &'static str) {
    match task {
        Task::Auto | Task::Text => ("continues texts", "/v1/completions"),
        Task::Music => ("writes tunes", "/api/generate"),
        task if task.composes() => ("writes music", "/api/generate"),
        _ => ("predicts", "/api/predict"),
    }
}
