//! Devices and workspaces of models.

use anaphora_nn::Graph;
use anaphora_nn::{Device, Gradients, Params, Workspace};

/// A device and its workspace, kept from step to step. Several callers may share one model, each with a `Compute` of
/// its own.
pub struct Compute {
    /// Threads and precision.
    pub device: Device,
    /// Activations.
    pub workspace: Workspace,
}

impl Compute {
    /// A device with an empty workspace.
    pub fn new(device: Device) -> Self {
        Self { device, workspace: Workspace::new() }
    }

    /// A tape for a forward pass only.
    pub(super) fn infer<'a>(&'a mut self, params: &'a Params) -> Graph<'a> {
        Graph::infer(&self.device, params, &mut self.workspace)
    }
}

/// What a backward pass works with: the buffers of the tape, the gradients that it adds to, a seed and a weight.
pub struct Backward<'a> {
    /// The device and workspace.
    pub compute: &'a mut Compute,
    /// The gradients to add to.
    pub gradients: &'a mut Gradients,
    /// The seed of random masks.
    pub seed: u64,
    /// The weight of its mean loss.
    pub weight: f32,
}

impl Backward<'_> {
    /// A tape for a forward and a backward pass.
    pub(super) fn train<'a>(&'a mut self, params: &'a Params) -> Graph<'a> {
        let Compute { device, workspace } = &mut *self.compute;
        Graph::train(device, params, self.gradients, workspace, self.seed)
    }
}
