//! Models that tell something of a whole sequence, or of each of its steps: what an output hangs on, and how it forms.

use anaphora_data::{Frames, Packed, Sequence, wanted};
use anaphora_nn::trace::{Place, Watched};

use super::Inspection;
use crate::Result;
use crate::model::{Compute, Observe, likeliest, softmax};

/// Steps of a sequence for which each prefix is read, at most.
const PREFIXES: usize = 512;
/// Steps of which each output is followed back to each input, at most.
const FOLLOWED: usize = 128;

/// How outputs become what they say.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Says {
    /// One of the classes: a soft-max.
    Classes,
    /// Any of the labels: a sigmoid each.
    Labels,
    /// Numbers, each so many deviations from a mean.
    Numbers {
        /// The mean.
        mean: f32,
        /// The deviation.
        deviation: f32,
    },
    /// Numbers that mean something beside the window that was read only.
    Window,
}

impl Says {
    /// Numbers as they are.
    pub const PLAIN: Self = Self::Numbers { mean: 0.0, deviation: 1.0 };

    /// Turns a row of outputs into probabilities, or into numbers in their own unit.
    pub fn apply(self, row: &mut [f32]) {
        match self {
            Self::Classes => softmax(row),
            Self::Labels => row.iter_mut().for_each(|value| *value = 1.0 / (1.0 + (-*value).exp())),
            Self::Numbers { mean, deviation } => {
                row.iter_mut().for_each(|value| *value = mean + deviation * *value);
            }
            Self::Window => {}
        }
    }
}

/// Adds, for one sequence of which one thing is told, `saliency [steps]`: gradient × input of the output that counts most, summed
/// over the values of a step (Shrikumar et al. 2016); and for one of which each step is told something, `saliency.steps [outputs
/// of steps, steps]` likewise.
///
/// `false` where there are too many steps for that.
///
/// # Errors
/// A sequence that the model cannot read.
pub fn saliency(
    inspection: &mut Inspection,
    compute: &mut Compute,
    model: &dyn Observe,
    batch: &Packed,
    is_each_step: bool,
) -> Result<bool> {
    let steps = batch.batch_sizes.len();
    // The likeliest class, or the first number.
    let pick =
        |outputs: &[f32], width: usize, row: usize| row * width + likeliest(&outputs[row * width..][..width]);
    if !is_each_step {
        let pull = &mut |outputs: &[f32]| {
            let mut gradient = vec![0.0; outputs.len()];
            gradient[pick(outputs, outputs.len(), 0)] = 1.0;
            gradient
        };
        wanted::check()?;
        let observed = model.observe(compute, batch, Some(pull))?;
        if let Some(values) = products(&observed.trace.watched, steps) {
            let what = "gradient × input of the output that counts most";
            inspection.add("saliency", &["steps"], &[steps], values, what);
        }
        return Ok(true);
    }
    if steps > FOLLOWED {
        return Ok(false);
    }
    // The sequence once for each step, each followed back from its own.
    wanted::check()?;
    let (own, width) = model.outputs(compute, batch)?;
    let all = if batch.spelling.is_none() {
        let all = repeated(batch, steps, steps);
        let pull = &mut |outputs: &[f32]| {
            let mut gradient = vec![0.0; outputs.len()];
            (0..steps).for_each(|row| {
                gradient[(row * steps + row) * width + likeliest(&own[row * width..][..width])] = 1.0
            });
            gradient
        };
        wanted::check()?;
        let observed = model.observe(compute, &all, Some(pull))?;
        let Some(products) = products(&observed.trace.watched, steps * steps) else { return Ok(true) };
        (0..steps * steps).map(|place| products[place % steps * steps + place / steps]).collect()
    } else {
        let mut all = Vec::with_capacity(steps * steps);
        for row in 0..steps {
            let pull = &mut |outputs: &[f32]| {
                let mut gradient = vec![0.0; outputs.len()];
                gradient[pick(outputs, width, row)] = 1.0;
                gradient
            };
            wanted::check()?;
            let observed = model.observe(compute, batch, Some(pull))?;
            let Some(values) = products(&observed.trace.watched, steps) else { return Ok(true) };
            all.extend(values);
        }
        all
    };
    let what = "gradient × input of what is told of each step (rows), by the step that is read (columns)";
    inspection.add("saliency.steps", &["outputs", "steps"], &[steps, steps], all, what);
    Ok(true)
}

/// A batch of `rows` sequences of `length` steps: the steps of the one sequence of a batch, over and over.
pub fn repeated(one: &Packed, rows: usize, length: usize) -> Packed {
    let steps = one.batch_sizes.len().max(1);
    let width = one.values.len() / steps;
    let mut batch = Packed { batch_sizes: vec![rows; length], ..Packed::default() };
    for step in 0..length {
        let from = step % steps;
        for _ in 0..rows {
            batch.ids.extend(one.ids.get(from));
            batch.values.extend_from_slice(&one.values[from * width..(from + 1) * width]);
        }
    }
    batch.offsets = one.offsets.repeat(rows);
    batch
}

/// Gradient × input of each step, where the model's own input was watched.
fn products(watched: &[Watched], steps: usize) -> Option<Vec<f32>> {
    let is_own =
        |watched: &&Watched| watched.place == Place::Input && watched.values.len() == steps * watched.cols;
    let input = watched.iter().rfind(is_own)?;
    let product = |row: usize| {
        let own = row * input.cols..(row + 1) * input.cols;
        let gradient = input.gradient.get(own.clone()).unwrap_or_default();
        input.values[own].iter().zip(gradient).map(|(value, gradient)| value * gradient).sum()
    };
    Some((0..steps).map(product).collect())
}

/// Adds `running [steps, classes]`: what the model says after each step, as if the sequence ended there.
///
/// # Errors
/// A sequence that the model cannot read.
pub fn running(
    inspection: &mut Inspection,
    compute: &mut Compute,
    model: &dyn Observe,
    batch: &Packed,
    says: Says,
) -> Result<()> {
    let steps = batch.batch_sizes.len();
    if steps > PREFIXES || batch.spelling.is_some() {
        return Ok(());
    }
    let width = batch.values.len() / steps.max(1);
    let prefix = |end: usize| match batch.ids.is_empty() {
        true => Sequence::Frames(Frames { width, values: batch.values[..end * width].to_vec() }),
        false => Sequence::Tokens(batch.ids[..end].to_vec()),
    };
    let prefixes: Vec<Sequence> = (1..=steps).rev().map(prefix).collect();
    let offsets = batch.offsets.repeat(steps);
    wanted::check()?;
    let (outputs, classes) = model.outputs(compute, &Packed { offsets, ..Packed::new(&prefixes) })?;
    let mut rows: Vec<Vec<f32>> = outputs.chunks_exact(classes).map(<[f32]>::to_vec).collect();
    rows.iter_mut().for_each(|row| says.apply(row));
    rows.reverse();
    let what = "what the model says after each step";
    inspection.add("running", &["steps", "classes"], &[steps, classes], rows.concat(), what);
    Ok(())
}
