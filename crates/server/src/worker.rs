//! Work that is done for a request at a time, on a thread of its own.

use std::sync::{Arc, Mutex, PoisonError};

use anaphora::Device;
use anaphora::model::Compute;
use tokio::sync::Semaphore;

use crate::error::{ApiError, ApiResult};

/// Requests that wait, at most.
const WAITING: usize = 64;

/// What a model computes on, for one request after the other.
pub struct Worker {
    compute: Arc<Mutex<Compute>>,
    /// Places for those who wait, the one who is answered among them.
    places: Semaphore,
}

impl Worker {
    /// One that nobody waits for.
    pub fn new(device: Device) -> Self {
        Self { compute: Arc::new(Mutex::new(Compute::new(device))), places: Semaphore::new(WAITING) }
    }

    /// Does work, behind those who asked before.
    ///
    /// # Errors
    /// Too many who wait, and what the work says.
    pub async fn work<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Compute) -> ApiResult<T> + Send + 'static,
    ) -> ApiResult<T> {
        let _place = self.places.try_acquire().map_err(|_| ApiError::busy())?;
        let compute = Arc::clone(&self.compute);
        let done = tokio::task::spawn_blocking(move || {
            work(&mut compute.lock().unwrap_or_else(PoisonError::into_inner))
        });
        done.await.map_err(|error| ApiError::server(error.to_string()))?
    }
}
