//! Models that read a sequence and predict something for it, or for each of its steps.

use anaphora_data::Packed;
use anaphora_nn::trace::rows_of;
use anaphora_nn::{
    Builder, CrossEntropy, Graph, Linear, Mask, Params, Pooler, Reduction, ShapeError, Start, State, Tensor,
};

use super::compute::{Backward, Compute};
use super::encoder::{Encoder, Reads};
use super::observed::{Observe, Observed, Pull, observe, observe_loss, outputs};
use crate::recipe::{self, Pooling};

/// What is predicted, and by which loss.
#[derive(Clone, Debug, PartialEq)]
pub enum Objective {
    /// One of so many classes: cross-entropy in nats, with smoothed targets and, where there are any, weighted classes.
    Classes {
        /// Share of the target that is spread over all classes.
        label_smoothing: f32,
        /// The weight of each class.
        weights: Option<Vec<f32>>,
    },
    /// Yes or no for each column: the sum of their cross-entropies in nats.
    Labels,
    /// Numbers, by their squared error.
    Squared,
    /// Numbers, by the size of their error.
    Absolute,
    /// Numbers with their uncertainty: means and logarithms of variances of normal distributions, negative log-likelihood
    /// in nats.
    Gaussian,
    /// Quantiles of numbers at these levels: pinball loss.
    Quantiles(Vec<f32>),
}

/// The targets of a batch.
#[derive(Clone, Debug, PartialEq)]
pub enum Targets {
    /// A class for each row.
    Classes(Vec<u32>),
    /// Numbers, or ones and zeros, for each row, row-major.
    Values(Vec<f32>),
}

impl Targets {
    /// Those of the last step of each sequence of a packed batch.
    fn last_of(&self, batch_sizes: &[usize]) -> Self {
        let count = batch_sizes.first().copied().unwrap_or(0);
        let rows: Vec<usize> =
            (0..count).filter_map(|sequence| rows_of(batch_sizes, sequence).last().copied()).collect();
        match self {
            Self::Classes(classes) => Self::Classes(rows.iter().map(|&row| classes[row]).collect()),
            Self::Values(values) => {
                let width = values.len() / batch_sizes.iter().sum::<usize>().max(1);
                let row = |&row: &usize| values[row * width..(row + 1) * width].iter().copied();
                Self::Values(rows.iter().flat_map(row).collect())
            }
        }
    }
}

/// An encoder, a pooling where one thing is predicted of a whole sequence, and a head.
pub struct SequenceModel {
    recipe: recipe::Model,
    shape: Shape,
    params: Params,
    layers: Layers,
    objective: Objective,
}

struct Layers {
    encoder: Encoder,
    /// None if something is predicted for each step.
    pooler: Option<Pooler>,
    head: Linear,
    dropout: f32,
}

/// The shape of a model: its input and outputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// What the steps are made of.
    pub reads: Reads,
    /// Number of classes, labels or numbers predicted at once.
    pub outputs: usize,
    /// Whether something is predicted for each step.
    pub each_step: bool,
    /// Whether a step sees only itself and those before it.
    pub causal: bool,
}

impl SequenceModel {
    /// A model with initial weights as `start` says, which may be a seed; without one they are zero, to be loaded.
    pub fn new<'a>(
        model: &recipe::Model,
        shape: Shape,
        objective: Objective,
        start: impl Into<Start<'a>>,
    ) -> Self {
        let mut params = Params::new();
        let layers = Layers::new(model, shape, &objective, &mut Builder::new(&mut params, start.into()));
        Self { recipe: model.clone(), shape, params, layers, objective }
    }

    /// What it is made of.
    pub fn recipe(&self) -> &recipe::Model {
        &self.recipe
    }

    /// Its input and outputs.
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// The weights.
    pub fn params(&self) -> &Params {
        &self.params
    }

    /// The weights, for an optimizer's step.
    pub fn params_mut(&mut self) -> &mut Params {
        &mut self.params
    }

    /// Adds the gradients of the batch's mean loss, which is returned.
    pub fn learn(
        &self,
        backward: &mut Backward,
        batch: &Packed,
        targets: &Targets,
    ) -> Result<f32, ShapeError> {
        let weight = backward.weight;
        let mut graph = backward.train(&self.params);
        let output = self.layers.forward(&mut graph, batch)?;
        let mean = self.objective.loss(&mut graph, output, targets)?;
        let loss = graph.value(mean)[0];
        graph.backward(mean, weight)?;
        Ok(loss)
    }

    /// The state of `rows` sequences that have not begun, of a model that predicts something of each step.
    pub fn initial_state(&self, rows: usize) -> State {
        self.layers.encoder.initial_state(rows)
    }

    /// The head's output of such a model for each step of a batch, `[tokens, width]`; its sequences continue from `state`.
    pub fn advance(
        &self,
        compute: &mut Compute,
        batch: &Packed,
        state: &mut State,
    ) -> Result<Vec<f32>, ShapeError> {
        let mut graph = compute.infer(&self.params);
        let steps = self.layers.encoder.advance(&mut graph, batch, state)?;
        let output = self.layers.head.forward(&mut graph, steps)?;
        Ok(graph.value(output).to_vec())
    }

    /// Reads a batch and goes back from the loss at the end of each sequence by itself: that of what is told of the whole of
    /// it, or of its last step. What is seen are the gradients of each state.
    pub fn observe_loss(
        &self,
        compute: &mut Compute,
        batch: &Packed,
        targets: &Targets,
    ) -> Result<Observed, ShapeError> {
        let last = self.layers.pooler.is_none().then(|| targets.last_of(&batch.batch_sizes));
        let forward = |graph: &mut Graph| {
            let output = self.layers.forward(graph, batch)?;
            match &last {
                Some(_) => graph.pool(output, &batch.batch_sizes, Reduction::Last),
                None => Ok(output),
            }
        };
        let targets = last.as_ref().unwrap_or(targets);
        observe_loss(compute, &self.params, forward, |graph, output| {
            self.objective.loss(graph, output, targets)
        })
    }

    /// The head's output for a batch, `[rows, width]`, and its mean loss if targets are given. Rows are sequences, or
    /// the batch's steps in their packed order.
    pub fn predict(
        &self,
        compute: &mut Compute,
        batch: &Packed,
        targets: Option<&Targets>,
    ) -> Result<(Vec<f32>, Option<f32>), ShapeError> {
        let mut graph = compute.infer(&self.params);
        let output = self.layers.forward(&mut graph, batch)?;
        let values = graph.value(output).to_vec();
        let loss = match targets {
            Some(targets) => {
                let mean = self.objective.loss(&mut graph, output, targets)?;
                Some(graph.value(mean)[0])
            }
            None => None,
        };
        Ok((values, loss))
    }
}

impl Observe for SequenceModel {
    fn params(&self) -> &Params {
        &self.params
    }

    fn outputs(&self, compute: &mut Compute, batch: &Packed) -> Result<(Vec<f32>, usize), ShapeError> {
        outputs(compute, &self.params, |graph| self.layers.forward(graph, batch))
    }

    fn observe(
        &self,
        compute: &mut Compute,
        batch: &Packed,
        pull: Option<Pull>,
    ) -> Result<Observed, ShapeError> {
        observe(compute, &self.params, pull, |graph| self.layers.forward(graph, batch))
    }
}

impl Objective {
    /// Columns of the head for `outputs` classes, labels or numbers.
    pub fn width(&self, outputs: usize) -> usize {
        match self {
            Self::Gaussian => 2 * outputs,
            Self::Quantiles(levels) => outputs * levels.len(),
            _ => outputs,
        }
    }

    /// The mean loss, `[1, 1]`; it consumes the output.
    fn loss(&self, graph: &mut Graph, output: Tensor, targets: &Targets) -> Result<Tensor, ShapeError> {
        let (_, mean) = match (self, targets) {
            (Self::Classes { label_smoothing, weights }, Targets::Classes(classes)) => {
                let options = CrossEntropy { label_smoothing: *label_smoothing, weights: weights.as_deref() };
                graph.cross_entropy_with(output, classes, &options)?
            }
            (Self::Labels, Targets::Values(values)) => graph.binary_cross_entropy(output, values, None)?,
            (Self::Squared, Targets::Values(values)) => graph.squared_error(output, values)?,
            (Self::Absolute, Targets::Values(values)) => graph.absolute_error(output, values)?,
            (Self::Gaussian, Targets::Values(values)) => graph.gaussian(output, values)?,
            (Self::Quantiles(levels), Targets::Values(values)) => graph.quantile(output, values, levels)?,
            _ => unreachable!("a task's targets are of its objective's kind"),
        };
        Ok(mean)
    }
}

impl Layers {
    fn new(model: &recipe::Model, shape: Shape, objective: &Objective, builder: &mut Builder) -> Self {
        let encoder = Encoder::new(builder, "", model, shape.reads, shape.causal);
        let size = encoder.output_size();
        let pooler = (!shape.each_step).then(|| match model.pooling() {
            Pooling::Last => Pooler::Reduction(Reduction::Last),
            Pooling::Mean => Pooler::Reduction(Reduction::Mean),
            Pooling::Max => Pooler::Reduction(Reduction::Max),
            Pooling::Attention => Pooler::attention(builder, "pooling", size),
        });
        Self {
            pooler,
            head: Linear::new(builder, "head", size, objective.width(shape.outputs)).as_head(builder),
            dropout: model.dropout as f32,
            encoder,
        }
    }

    /// The head's output: a row for each sequence, or for each step.
    fn forward(&self, graph: &mut Graph, batch: &Packed) -> Result<Tensor, ShapeError> {
        let encoded = self.encoder.forward(graph, batch)?;
        let last = match self.pooler {
            Some(Pooler::Reduction(Reduction::Last)) => self.encoder.last(graph, &encoded)?,
            _ => None,
        };
        let y = match (last, &self.pooler) {
            (Some(last), _) => last,
            (None, Some(pooler)) => pooler.forward(graph, encoded.steps, &encoded.batch_sizes)?,
            (None, None) => encoded.steps,
        };
        let y = graph.dropout(y, self.dropout, Mask::Each);
        let output = self.head.forward(graph, y)?;
        if batch.offsets.is_empty() {
            return Ok(output);
        }
        let offsets = graph.constant(&batch.offsets, output.rows, output.cols)?;
        graph.add(output, offsets)
    }
}
