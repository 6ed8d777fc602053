//! One model that predicts from inputs or composes, for a request at a time.

use std::sync::Arc;

use anaphora::Device;
use anaphora::model::Compute;
use anaphora::tasks::Opened;

use crate::error::ApiResult;
use crate::queue::Gone;
use crate::worker::Worker;

/// A model with what it computes on.
pub struct Predictor {
    opened: Opened,
    worker: Worker,
}

impl Predictor {
    /// A model that nobody waits for.
    pub fn new(opened: Opened, device: Device) -> Self {
        Self { opened, worker: Worker::new(device) }
    }

    /// Does work with the model, behind those who asked before.
    ///
    /// # Errors
    /// As [`Worker::work`].
    pub async fn work<T: Send + 'static>(
        self: Arc<Self>,
        work: impl FnOnce(&Opened, &mut Compute, &Gone) -> ApiResult<T> + Send + 'static,
    ) -> ApiResult<T> {
        let own = Arc::clone(&self);
        self.worker.work(move |compute, gone| work(&own.opened, compute, gone)).await
    }
}
