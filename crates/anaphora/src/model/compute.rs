//! What a model works with.

use anaphora_nn::Graph;
use anaphora_nn::{Device, Gradients, Params, Workspace};

/// Where work is done, and what is kept there from step to step. Many may work with one model at once, each with one of these.
pub struct Compute {
    /// Threads and number format.
    pub device: Device,
    /// Activations.
    pub workspace: Workspace,
}

impl Compute {
    /// A device that has not worked yet.
    pub fn new(device: Device) -> Self {
        Self { device, workspace: Workspace::new() }
    }

    /// A tape for a pass forward alone.
    pub(super) fn infer<'a>(&'a mut self, params: &'a Params) -> Graph<'a> {
        Graph::infer(&self.device, params, &mut self.workspace)
    }
}

/// What the backward pass of one batch works with and adds to.
pub struct Backward<'a> {
    /// Where it is done.
    pub compute: &'a mut Compute,
    /// What the batch's gradients are added to.
    pub gradients: &'a mut Gradients,
    /// The seed of its random masks.
    pub seed: u64,
    /// What its mean loss counts.
    pub weight: f32,
}

impl Backward<'_> {
    /// A tape for a pass forward and backward.
    pub(super) fn train<'a>(&'a mut self, params: &'a Params) -> Graph<'a> {
        let Compute { device, workspace } = &mut *self.compute;
        Graph::train(device, params, self.gradients, workspace, self.seed)
    }
}
