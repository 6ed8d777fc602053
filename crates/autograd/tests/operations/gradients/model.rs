//! A model for the gradient checker: parameters of any shape, a packed batch, and a loss on top.

use anaphora_autograd::check::{self, Disagreement};
use anaphora_autograd::{Device, Gradients, Graph, ParamId, Params, Precision, ShapeError, Tensor};

pub const BATCH_SIZES: [usize; 4] = [3, 3, 2, 1];
pub const TOKENS: usize = 9;
pub const TARGETS: [u32; TOKENS] = [1, 2, 0, 0, 2, 1, 2, 0, 1];
pub const CLASSES: usize = 3;

/// Parameters whose values lie evenly spread over `-bound..bound`.
pub struct Model {
    pub params: Params,
    bound: f32,
    seed: u64,
}

impl Model {
    pub fn within(bound: f32) -> Self {
        Self { params: Params::new(), bound, seed: 0 }
    }

    pub fn add(&mut self, name: &str, shape: &[usize]) -> ParamId {
        let values: Vec<f32> = (0..shape.iter().product())
            .map(|_| {
                self.seed += 1;
                // Multiples of the golden ratio never come close to each other (Weyl's sequence).
                ((self.seed as f64 * 0.618_033_988_749_895).fract() * 2.0 - 1.0) as f32 * self.bound
            })
            .collect();
        self.params.add(name, shape, &values)
    }

    /// The disagreements between tape and finite differences at every place.
    pub fn disagreements(
        &mut self,
        loss: impl Fn(&mut Graph) -> Result<Tensor, ShapeError>,
    ) -> Vec<Disagreement> {
        self.compare(loss).0
    }

    fn compare(
        &mut self,
        loss: impl Fn(&mut Graph) -> Result<Tensor, ShapeError>,
    ) -> (Vec<Disagreement>, Gradients) {
        let device = Device::new(2, Precision::F32);
        check::gradients(&device, &mut self.params, usize::MAX, 1e-3 * self.bound, 1e-3, loss).unwrap()
    }

    /// The loss agrees with finite differences, and depends on every parameter.
    pub fn check(mut self, what: &str, loss: impl Fn(&mut Graph) -> Result<Tensor, ShapeError>) {
        let (disagreements, gradients) = self.compare(loss);
        assert_eq!(disagreements, [], "{what}");
        for id in self.params.ids() {
            let largest = gradients.value(id).iter().fold(0.0f32, |largest, grad| largest.max(grad.abs()));
            assert!(largest > 0.003, "{what}: the gradient of {} is {largest} at most", self.params.name(id));
        }
    }
}

/// The mean cross-entropy of `TARGETS` after a linear layer `weight[CLASSES, y.cols]`.
pub fn head(graph: &mut Graph, weight: ParamId, y: Tensor) -> Result<Tensor, ShapeError> {
    let logits = graph.linear(y, weight, None)?;
    Ok(graph.cross_entropy(logits, &TARGETS[..y.rows])?.1)
}
