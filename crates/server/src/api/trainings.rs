//! The one training that the server does at a time, on a thread of its own.

use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use anaphora::training::{Observer, Outcome};
use axum::http::StatusCode;
use tokio::sync::watch;

use super::names::Names;
use crate::error::{ApiError, ApiResult};

/// Failures that are remembered, at most.
const REMEMBERED: usize = 64;
/// Bytes of the thread's stack, as a program's first thread has them.
const STACK: usize = 8 << 20;

/// What is trained, and what failed.
pub struct Trainings {
    state: Mutex<State>,
    /// Whether nothing is trained.
    idle: watch::Sender<bool>,
}

#[derive(Default)]
struct State {
    current: Option<Current>,
    /// The runs whose trainings failed, and why; the newest last.
    failures: VecDeque<(String, String)>,
    /// Whether no training begins any more.
    closing: bool,
}

struct Current {
    id: String,
    folder: PathBuf,
    stop: Arc<AtomicBool>,
}

/// The place of a training, free again with the end of this value.
pub struct Place {
    trainings: Arc<Trainings>,
    stop: Arc<AtomicBool>,
    /// The run.
    pub id: String,
    /// Its folder.
    pub folder: PathBuf,
}

impl Trainings {
    /// Nothing is trained.
    pub fn new() -> Self {
        Self { state: Mutex::default(), idle: watch::Sender::new(true) }
    }

    /// Takes the place for a run; `name` finds its name and folder, alone.
    ///
    /// # Errors
    /// Another training that goes on, a server that ends, and what `name` says.
    pub fn take(self: &Arc<Self>, name: impl FnOnce() -> ApiResult<(String, PathBuf)>) -> ApiResult<Place> {
        let mut state = self.state();
        if state.closing {
            return Err(ApiError::closing());
        }
        if let Some(Current { id, .. }) = &state.current {
            let message = format!(
                "the run '{id}' is being trained, and this server trains one at a time; stop it, or wait until it has ended"
            );
            return Err(ApiError::new(StatusCode::CONFLICT, "training_busy", message));
        }
        let (id, folder) = name()?;
        let stop = Arc::new(AtomicBool::new(false));
        state.failures.retain(|(failed, _)| *failed != id);
        state.current = Some(Current { id: id.clone(), folder: folder.clone(), stop: Arc::clone(&stop) });
        self.idle.send_replace(false);
        Ok(Place { trainings: Arc::clone(self), stop, id, folder })
    }

    /// The run that is trained.
    pub fn current(&self) -> Option<String> {
        self.state().current.as_ref().map(|current| current.id.clone())
    }

    /// Whether it is this one.
    pub fn is_training(&self, id: &str) -> bool {
        self.folder(id).is_some()
    }

    /// The folder of a run that is trained here.
    pub fn folder(&self, id: &str) -> Option<PathBuf> {
        let state = self.state();
        state.current.as_ref().filter(|current| current.id == id).map(|current| current.folder.clone())
    }

    /// Why the training of a run failed, where the last one did.
    pub fn failure(&self, id: &str) -> Option<String> {
        let state = self.state();
        state.failures.iter().rfind(|(failed, _)| failed == id).map(|(_, why)| why.clone())
    }

    /// Asks the training of a run to end, and says whether there is one.
    pub fn stop(&self, id: &str) -> bool {
        let state = self.state();
        let current = state.current.as_ref().filter(|current| current.id == id);
        current.inspect(|current| current.stop.store(true, Ordering::Relaxed)).is_some()
    }

    /// Asks the training to end, and lets none begin any more.
    pub fn close(&self) {
        let mut state = self.state();
        state.closing = true;
        if let Some(current) = &state.current {
            current.stop.store(true, Ordering::Relaxed);
        }
    }

    /// Does something quick to a run that is not trained here, while no training begins, and forgets why its last one failed.
    ///
    /// # Errors
    /// A run that is trained, and what `work` says.
    pub fn without(&self, id: &str, work: impl FnOnce() -> ApiResult<()>) -> ApiResult<()> {
        let mut state = self.state();
        if state.current.as_ref().is_some_and(|current| current.id == id) {
            let message =
                format!("the run '{id}' is being trained; stop it with POST /api/runs/{id}/stop first");
            return Err(ApiError::new(StatusCode::CONFLICT, "training_busy", message));
        }
        work()?;
        state.failures.retain(|(failed, _)| failed != id);
        Ok(())
    }

    /// Waits until nothing is trained.
    pub async fn ended(&self) {
        let _ = self.idle.subscribe().wait_for(|idle| *idle).await;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    /// Trains on a thread of its own, with an observer that ends it when that is asked for. What `kept` is lives until then.
    ///
    /// # Errors
    /// A system that gives no thread.
    pub fn train<K: Send + 'static>(
        self,
        names: Names,
        kept: K,
        train: impl FnOnce(&Path, &mut Observer) -> anaphora::Result<Outcome> + Send + 'static,
    ) -> ApiResult<String> {
        let id = self.id.clone();
        let work = move || {
            let stop = Arc::clone(&self.stop);
            let observer = &mut |_: &anaphora::training::Event| {
                if stop.load(Ordering::Relaxed) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            };
            let outcome = catch_unwind(AssertUnwindSafe(|| train(&self.folder, observer)));
            // What is kept for a run that came to nothing is gone before the run is no longer trained.
            drop(kept);
            let why = match outcome {
                Ok(Ok(_)) => return,
                Ok(Err(error)) => names.say(&error.to_string()),
                Err(_) => {
                    "the training broke off by a mistake of this program; its log says where".to_owned()
                }
            };
            let mut state = self.trainings.state();
            state.failures.push_back((self.id.clone(), why));
            if state.failures.len() > REMEMBERED {
                state.failures.pop_front();
            }
            drop(state);
        };
        let thread = thread::Builder::new().name("training".into()).stack_size(STACK).spawn(work);
        thread.map_err(|error| ApiError::server(format!("no thread can be had to train on: {error}")))?;
        Ok(id)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.trainings.state().current = None;
        self.trainings.idle.send_replace(true);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_trained_at_a_time() {
        let trainings = Arc::new(Trainings::new());
        let name = |id: &str| Ok((id.to_owned(), PathBuf::from(id)));
        let place = trainings.take(|| name("one")).unwrap();
        assert!(trainings.take(|| name("two")).is_err());
        assert!(trainings.is_training("one") && !trainings.is_training("two"));
        assert!(trainings.stop("one") && !trainings.stop("two"));
        drop(place);
        assert!(trainings.take(|| Err(ApiError::request("no name"))).is_err());
        let place = trainings.take(|| name("two")).unwrap();
        assert!(!place.stop.load(Ordering::Relaxed));
        trainings.close();
        assert!(place.stop.load(Ordering::Relaxed));
        drop(place);
        assert!(trainings.take(|| name("three")).is_err(), "it ends");
    }

    #[tokio::test]
    async fn failures_are_told() {
        let trainings = Arc::new(Trainings::new());
        let take = || trainings.take(|| Ok(("one".to_owned(), PathBuf::from("/tmp/one")))).unwrap();
        let mut names = Names::default();
        names.add(Path::new("/tmp/one"), "one");
        take()
            .train(names.clone(), (), |folder, _| Err(anaphora::Error::NotARun(folder.to_owned())))
            .unwrap();
        trainings.ended().await;
        let why = trainings.failure("one").unwrap();
        assert!(why.starts_with("one is not a run folder"), "{why}");
        take().train(names, (), |_, _| panic!("a mistake")).unwrap();
        trainings.ended().await;
        assert!(trainings.failure("one").unwrap().contains("mistake"));
        drop(take());
        assert_eq!(trainings.failure("one"), None, "it began anew");
    }
}
