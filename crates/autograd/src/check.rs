//! The gradient checker.

use crate::{Device, Gradients, Graph, ParamId, Params, ShapeError, Tensor, Workspace};

/// A parameter's gradient that differs from its finite difference.
#[derive(Clone, Debug, PartialEq)]
pub struct Disagreement {
    /// The parameter's name.
    pub name: String,
    /// Place in the parameter, row-major.
    pub index: usize,
    /// The derivative that the tape gives.
    pub tape: f64,
    /// The central difference.
    pub difference: f64,
}

/// Compares the tape's gradients of `loss` with central differences of width `step` at up to `places` places of each
/// parameter, and returns those that differ by more than `tolerance`, relative to the larger of the two and 1, beside the
/// tape's gradients.
///
/// Losses are f32: a step of about `1e-2` and a tolerance of about `1e-2` tell right from wrong for losses near 1.
pub fn gradients(
    device: &Device,
    params: &mut Params,
    places: usize,
    step: f32,
    tolerance: f64,
    loss: impl Fn(&mut Graph) -> Result<Tensor, ShapeError>,
) -> Result<(Vec<Disagreement>, Gradients), ShapeError> {
    // The same masks in every evaluation.
    const SEED: u64 = 1;
    let (mut analytic, mut unused) = (Gradients::of(params), Gradients::of(params));
    let mut workspace = Workspace::new();
    let mut graph = Graph::train(device, params, &mut analytic, &mut workspace, SEED);
    let result = loss(&mut graph)?;
    graph.backward(result, 1.0)?;
    drop(graph);

    let mut disagreements = Vec::new();
    let ids: Vec<ParamId> = params.ids().collect();
    for id in ids {
        let len = params.value(id).len();
        for index in (0..len).step_by(len.div_ceil(places.max(1)).max(1)) {
            let original = params.value(id)[index];
            let mut at = |value: f32| -> Result<f64, ShapeError> {
                params.value_mut(id)[index] = value;
                let mut graph = Graph::train(device, params, &mut unused, &mut workspace, SEED);
                let result = loss(&mut graph)?;
                Ok(f64::from(graph.value(result)[0]))
            };
            let (above, below) = (at(original + step)?, at(original - step)?);
            params.value_mut(id)[index] = original;
            let difference = (above - below) / (2.0 * f64::from(step));
            let tape = f64::from(analytic.value(id)[index]);
            if (tape - difference).abs() > tolerance * tape.abs().max(difference.abs()).max(1.0) {
                disagreements.push(Disagreement {
                    name: params.name(id).to_owned(),
                    index,
                    tape,
                    difference,
                });
            }
        }
    }
    Ok((disagreements, analytic))
}
