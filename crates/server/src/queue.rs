//! Work of which the server does one piece at a time.

use std::sync::Arc;

use tokio::sync::{Mutex, Semaphore};

use crate::error::{ApiError, ApiResult};

/// Requests that wait, the one that is answered among them, at most.
const WAITING: usize = 16;

/// A queue of requests.
pub struct Queue {
    places: Semaphore,
    turn: Arc<Mutex<()>>,
}

impl Queue {
    /// Nobody waits.
    pub fn new() -> Self {
        Self { places: Semaphore::new(WAITING), turn: Arc::default() }
    }

    /// Does work behind those who asked before, on a thread of its own.
    ///
    /// # Errors
    /// Too many who wait, and what the work says.
    pub async fn work<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> ApiResult<T> + Send + 'static,
    ) -> ApiResult<T> {
        let _place = self.places.try_acquire().map_err(|_| ApiError::busy())?;
        // The turn lasts until the work is done, also where nobody waits for it any more.
        let turn = Arc::clone(&self.turn).lock_owned().await;
        let done = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            work()
        });
        done.await.map_err(|error| ApiError::server(error.to_string()))?
    }
}

/// Does work on a thread of its own.
///
/// # Errors
/// What the work says.
pub async fn aside<T: Send + 'static>(work: impl FnOnce() -> ApiResult<T> + Send + 'static) -> ApiResult<T> {
    tokio::task::spawn_blocking(work).await.map_err(|error| ApiError::server(error.to_string()))?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_is_answered_and_some_wait() {
        let queue = Arc::new(Queue::new());
        let (open, opened) = std::sync::mpsc::channel::<()>();
        let opened = Arc::new(std::sync::Mutex::new(opened));
        let ask = || {
            let (queue, opened) = (Arc::clone(&queue), Arc::clone(&opened));
            tokio::spawn(async move { queue.work(move || Ok(opened.lock().unwrap().recv().is_ok())).await })
        };
        let all: Vec<_> = (0..WAITING).map(|_| ask()).collect();
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        assert!(ask().await.unwrap().is_err(), "there is no place");
        all.iter().for_each(|_| open.send(()).unwrap());
        for asked in all {
            assert!(asked.await.unwrap().is_ok());
        }
    }
}
