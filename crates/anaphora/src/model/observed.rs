//! A pass of a model that is looked at.

use anaphora_data::Packed;
use anaphora_nn::{Gradients, Graph, Params, ShapeError, Tensor, Trace};

use super::Compute;

/// A model's outputs for a batch, and what happened on the way to them.
pub struct Observed {
    /// The head's output, `[rows, width]`.
    pub outputs: Vec<f32>,
    /// Values a row.
    pub width: usize,
    /// What layers noted.
    pub trace: Trace,
}

/// The gradient of a loss with respect to a model's outputs `[rows, width]`, of the same shape, from these.
pub type Pull<'a> = &'a mut dyn FnMut(&[f32]) -> Vec<f32>;

/// A model that can be looked at while it reads a batch.
pub trait Observe: Send + Sync {
    /// The weights. They must be kept as they are; see [`Params::fill`].
    fn params(&self) -> &Params;

    /// The head's output for a batch, `[rows, width]`, and its width; each sequence begins from a zero state.
    fn outputs(&self, compute: &mut Compute, batch: &Packed) -> Result<(Vec<f32>, usize), ShapeError>;

    /// Reads a batch from a zero state, each sequence by itself. With `pull` what is seen are the gradients of each state,
    /// and not gates and attention.
    fn observe(
        &self,
        compute: &mut Compute,
        batch: &Packed,
        pull: Option<Pull>,
    ) -> Result<Observed, ShapeError>;
}

/// A forward pass alone.
pub(super) fn outputs(
    compute: &mut Compute,
    params: &Params,
    forward: impl FnOnce(&mut Graph) -> Result<Tensor, ShapeError>,
) -> Result<(Vec<f32>, usize), ShapeError> {
    let mut graph = compute.infer(params);
    let output = forward(&mut graph)?;
    Ok((graph.value(output).to_vec(), output.cols))
}

/// A forward pass that is looked at, and a backward pass where a gradient is given to begin with.
pub(super) fn observe(
    compute: &mut Compute,
    params: &Params,
    pull: Option<Pull>,
    forward: impl FnOnce(&mut Graph) -> Result<Tensor, ShapeError>,
) -> Result<Observed, ShapeError> {
    let trace = if pull.is_some() { Trace::of_gradients() } else { Trace::default() };
    with_trace(compute, params, trace, forward, |graph, output, outputs| match pull {
        Some(pull) => graph.backward_from(&[(output, &pull(outputs))]),
        None => Ok(()),
    })
}

/// A forward pass and the backward pass from the mean of its rows' losses, the gradients of which are those of each row's own.
pub(super) fn observe_loss(
    compute: &mut Compute,
    params: &Params,
    forward: impl FnOnce(&mut Graph) -> Result<Tensor, ShapeError>,
    loss: impl FnOnce(&mut Graph, Tensor) -> Result<Tensor, ShapeError>,
) -> Result<Observed, ShapeError> {
    with_trace(compute, params, Trace::of_gradients(), forward, |graph, output, _| {
        let mean = loss(graph, output)?;
        graph.backward(mean, output.rows as f32)
    })
}

fn with_trace(
    compute: &mut Compute,
    params: &Params,
    mut trace: Trace,
    forward: impl FnOnce(&mut Graph) -> Result<Tensor, ShapeError>,
    backward: impl FnOnce(&mut Graph, Tensor, &[f32]) -> Result<(), ShapeError>,
) -> Result<Observed, ShapeError> {
    let mut gradients = Gradients::of(params);
    let Compute { device, workspace } = compute;
    let mut graph = Graph::observe(device, params, &mut gradients, workspace, &mut trace);
    let output = forward(&mut graph)?;
    let (outputs, width) = (graph.value(output).to_vec(), output.cols);
    backward(&mut graph, output, &outputs)?;
    drop(graph);
    Ok(Observed { outputs, width, trace })
}
