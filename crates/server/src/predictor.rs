//! One model that predicts from inputs or composes, for a request at a time.

use std::sync::{Arc, Mutex, PoisonError};

use anaphora::Device;
use anaphora::model::Compute;
use anaphora::tasks::Opened;
use tokio::sync::Semaphore;

use crate::error::{ApiError, ApiResult};

/// Requests that wait for one model, at most.
const WAITING: usize = 64;

/// A model with what it computes on.
pub struct Predictor {
    opened: Opened,
    compute: Mutex<Compute>,
    /// Places for those who wait, the one who is answered among them.
    places: Semaphore,
}

impl Predictor {
    /// A model that nobody waits for.
    pub fn new(opened: Opened, device: Device) -> Self {
        Self { opened, compute: Mutex::new(Compute::new(device)), places: Semaphore::new(WAITING) }
    }

    /// Does work with the model, behind those who asked before, on a thread of its own.
    ///
    /// # Errors
    /// Too many who wait, and what the work says.
    pub async fn work<T: Send + 'static>(
        self: Arc<Self>,
        work: impl FnOnce(&Opened, &mut Compute) -> ApiResult<T> + Send + 'static,
    ) -> ApiResult<T> {
        let own = Arc::clone(&self);
        let _place = own.places.try_acquire().map_err(|_| ApiError::busy())?;
        let done = tokio::task::spawn_blocking(move || {
            let mut compute = self.compute.lock().unwrap_or_else(PoisonError::into_inner);
            work(&self.opened, &mut compute)
        });
        done.await.map_err(|error| ApiError::server(error.to_string()))?
    }
}
