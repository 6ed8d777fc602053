//! Work of which the server does a few pieces at a time, each on a thread of its own, as long as someone waits for it.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anaphora_data::wanted::while_wanted;
use tokio::sync::Semaphore;

use crate::error::{ApiError, ApiResult};

/// Requests for each that is answered, itself among them, at most.
const WAITING: usize = 16;

/// A queue of requests.
pub struct Queue {
    places: Semaphore,
    turns: Arc<Semaphore>,
}

/// Whether whoever asked is gone.
#[derive(Clone)]
pub struct Gone(Arc<AtomicBool>);

/// Lives as long as the request is answered.
struct Asking(Arc<AtomicBool>);

impl Queue {
    /// Nobody waits; one request is answered at a time.
    pub fn new() -> Self {
        Self::of(1)
    }

    /// Nobody waits; so many requests are answered at a time.
    pub fn of(turns: usize) -> Self {
        Self { places: Semaphore::new(WAITING * turns), turns: Arc::new(Semaphore::new(turns)) }
    }

    /// Does work behind those who asked before, on a thread of its own. When its request is gone, what of it reads data or looks
    /// into a model ends by itself; other long work asks `Gone`.
    ///
    /// # Errors
    /// Too many who wait, and what the work says.
    pub async fn work<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Gone) -> ApiResult<T> + Send + 'static,
    ) -> ApiResult<T> {
        let _place = self.places.try_acquire().map_err(|_| ApiError::busy())?;
        let (_asking, gone) = Asking::new();
        // The turn lasts until the work has ended, also where nobody waits for it any more.
        let turn = Arc::clone(&self.turns).acquire_owned().await;
        aside(move || {
            let _turn = turn;
            let is_wanted = gone.clone();
            while_wanted(move || is_wanted.flow().is_continue(), || work(&gone))
        })
        .await
    }
}

impl Asking {
    fn new() -> (Self, Gone) {
        let gone = Arc::new(AtomicBool::new(false));
        (Self(Arc::clone(&gone)), Gone(gone))
    }
}

impl Drop for Asking {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Gone {
    /// A break where nobody waits for the answer any more.
    pub fn flow(&self) -> ControlFlow<()> {
        if self.0.load(Ordering::Relaxed) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    /// Breaks off work that nobody waits for any more.
    ///
    /// # Errors
    /// Nobody who waits.
    pub fn check(&self) -> ApiResult<()> {
        match self.flow() {
            ControlFlow::Break(()) => Err(ApiError::server("nobody waits for the answer any more")),
            ControlFlow::Continue(()) => Ok(()),
        }
    }

    /// Of someone who waits, or has left.
    #[cfg(test)]
    pub fn of_test(is_gone: bool) -> Self {
        Self(Arc::new(AtomicBool::new(is_gone)))
    }
}

/// Does short work on a thread of its own.
///
/// # Errors
/// What the work says.
pub async fn aside<T: Send + 'static>(work: impl FnOnce() -> ApiResult<T> + Send + 'static) -> ApiResult<T> {
    tokio::task::spawn_blocking(work).await.map_err(|error| ApiError::server(error.to_string()))?
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::mpsc::channel;
    use std::time::Duration;

    use anaphora_data::wanted;

    use super::*;

    #[tokio::test]
    async fn one_is_answered_and_some_wait() {
        let queue = Arc::new(Queue::new());
        let (open, opened) = channel::<()>();
        let opened = Arc::new(Mutex::new(opened));
        let ask = || {
            let (queue, opened) = (Arc::clone(&queue), Arc::clone(&opened));
            tokio::spawn(async move { queue.work(move |_| Ok(opened.lock().unwrap().recv().is_ok())).await })
        };
        let all: Vec<_> = (0..WAITING).map(|_| ask()).collect();
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert!(ask().await.unwrap().is_err(), "there is no place");
        all.iter().for_each(|_| open.send(()).unwrap());
        for asked in all {
            assert!(asked.await.unwrap().is_ok());
        }
    }

    #[tokio::test]
    async fn who_leaves_ends_the_work() {
        let queue = Arc::new(Queue::new());
        let (begun, has_begun) = channel();
        let (ended, has_ended) = channel();
        let own = Arc::clone(&queue);
        let asked = tokio::spawn(async move {
            let work = move |gone: &Gone| {
                begun.send(wanted::is_wanted()).unwrap();
                while wanted::is_wanted() {
                    std::thread::sleep(Duration::from_millis(1));
                }
                ended.send(gone.flow().is_break()).unwrap();
                Ok(())
            };
            own.work(work).await
        });
        let receive = |from: std::sync::mpsc::Receiver<bool>| {
            aside(move || Ok(from.recv_timeout(Duration::from_secs(20)).unwrap()))
        };
        assert!(receive(has_begun).await.unwrap());
        asked.abort();
        assert!(receive(has_ended).await.unwrap());
        assert!(queue.work(|_| Ok(true)).await.unwrap(), "the next has its turn");
    }
}
