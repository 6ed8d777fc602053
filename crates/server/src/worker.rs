//! Work with one model, for a request at a time.

use std::sync::{Arc, Mutex, PoisonError};

use anaphora::Device;
use anaphora::model::Compute;

use crate::error::ApiResult;
use crate::queue::{Gone, Queue};

/// What a model computes on, for one request after the other.
pub struct Worker {
    compute: Arc<Mutex<Compute>>,
    queue: Queue,
}

impl Worker {
    /// One that nobody waits for.
    pub fn new(device: Device) -> Self {
        Self { compute: Arc::new(Mutex::new(Compute::new(device))), queue: Queue::new() }
    }

    /// Does work, behind those who asked before.
    ///
    /// # Errors
    /// As [`Queue::work`].
    pub async fn work<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Compute, &Gone) -> ApiResult<T> + Send + 'static,
    ) -> ApiResult<T> {
        let compute = Arc::clone(&self.compute);
        let work = move |gone: &Gone| work(&mut compute.lock().unwrap_or_else(PoisonError::into_inner), gone);
        self.queue.work(work).await
    }
}
