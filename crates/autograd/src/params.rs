//! All weights in one flat buffer.

use std::ops::Range;

use anaphora_kernels::optimizer::{self, AdamW, Sgd};

use crate::{Device, Gradients};

/// A parameter of a [`Params`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ParamId(pub(crate) usize);

#[derive(Debug)]
struct Spec {
    name: String,
    shape: Vec<usize>,
    range: Range<usize>,
}

/// The weights of a model, with names and shapes.
#[derive(Debug, Default)]
pub struct Params {
    specs: Vec<Spec>,
    values: Vec<f32>,
    /// Where weights decay, in order; neighbours are one range.
    decayed: Vec<Range<usize>>,
    version: u64,
}

impl Params {
    /// No parameters.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a parameter of `shape` with the given values, row-major.
    ///
    /// Weight decay is for those of two dimensions or more. Biases and the gains of norms have one, and pulling them to zero
    /// limits what a layer can say without making it any smoother (the practice of GPT-2's and most other trainings).
    ///
    /// # Panics
    ///
    /// If there are not as many values as the shape has places, or the name is taken.
    pub fn add(&mut self, name: impl Into<String>, shape: &[usize], values: &[f32]) -> ParamId {
        let name = name.into();
        assert_eq!(values.len(), shape.iter().product::<usize>(), "{name} has the shape {shape:?}");
        assert!(self.find(&name).is_none(), "{name} is there already");
        let start = self.values.len();
        self.values.extend_from_slice(values);
        let range = start..self.values.len();
        if shape.len() >= 2 {
            match self.decayed.last_mut().filter(|last| last.end == start) {
                Some(last) => last.end = range.end,
                None => self.decayed.push(range.clone()),
            }
        }
        self.specs.push(Spec { name, shape: shape.to_vec(), range });
        self.version += 1;
        ParamId(self.specs.len() - 1)
    }

    /// All parameters, in the order in which they were added.
    pub fn ids(&self) -> impl Iterator<Item = ParamId> + use<> {
        (0..self.specs.len()).map(ParamId)
    }

    /// The parameter of that name.
    pub fn find(&self, name: &str) -> Option<ParamId> {
        self.specs.iter().position(|spec| spec.name == name).map(ParamId)
    }

    /// A parameter's name.
    pub fn name(&self, id: ParamId) -> &str {
        &self.specs[id.0].name
    }

    /// A parameter's shape.
    pub fn shape(&self, id: ParamId) -> &[usize] {
        &self.specs[id.0].shape
    }

    /// A parameter's values, row-major.
    pub fn value(&self, id: ParamId) -> &[f32] {
        &self.values[self.specs[id.0].range.clone()]
    }

    /// A parameter's values for writing.
    pub fn value_mut(&mut self, id: ParamId) -> &mut [f32] {
        self.version += 1;
        &mut self.values[self.specs[id.0].range.clone()]
    }

    /// Number of weights.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether there is no weight.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// All weights, flat.
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// All weights, flat, for writing.
    pub fn values_mut(&mut self) -> &mut [f32] {
        self.version += 1;
        &mut self.values
    }

    /// The `step`-th AdamW step (from 1) on `gradients` times `scale`; `mean` and `square` are the optimizer's flat state.
    /// Parameters of one dimension do not decay.
    #[allow(clippy::too_many_arguments)]
    pub fn adamw(
        &mut self,
        device: &Device,
        gradients: &Gradients,
        settings: AdamW,
        step: u64,
        scale: f32,
        mean: &mut [f32],
        square: &mut [f32],
    ) {
        self.version += 1;
        let (Self { values, decayed, .. }, grads) = (self, gradients.values());
        optimizer::adamw(&device.pool, settings, step, scale, values, grads, mean, square, decayed);
    }

    /// One SGD step on `gradients` times `scale`; `velocity` is the optimizer's flat state. Parameters of one dimension do not
    /// decay.
    pub fn sgd(
        &mut self,
        device: &Device,
        gradients: &Gradients,
        settings: Sgd,
        scale: f32,
        velocity: &mut [f32],
    ) {
        self.version += 1;
        let (Self { values, decayed, .. }, grads) = (self, gradients.values());
        optimizer::sgd(&device.pool, settings, scale, values, grads, velocity, decayed);
    }

    /// Changes whenever weights may have changed: packed copies of an older version are stale.
    pub(crate) fn version(&self) -> u64 {
        self.version
    }

    /// Where each parameter lies in the flat buffer.
    pub(crate) fn ranges(&self) -> impl Iterator<Item = Range<usize>> {
        self.specs.iter().map(|spec| spec.range.clone())
    }
}
