//! The tape.

use std::rc::Rc;

use crate::error::{ShapeError, expect};
use crate::memory::Memory;
use crate::{Device, ParamId, Params};

/// A matrix `[rows, cols]` on a [`Graph`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tensor {
    node: usize,
    /// Rows: tokens of a packed batch, or sequences.
    pub rows: usize,
    /// Values a row.
    pub cols: usize,
}

impl Tensor {
    /// Rows and columns.
    pub fn shape(&self) -> [usize; 2] {
        [self.rows, self.cols]
    }
}

/// What a forward pass is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Operations are recorded and dropout is on; its masks come from the seed.
    Train {
        /// Seed of this step's random masks.
        seed: u64,
    },
    /// Nothing is recorded and nothing is random.
    Infer,
}

struct Node {
    value: Vec<f32>,
    /// Empty until a gradient comes in.
    grad: Vec<f32>,
    wants_grad: bool,
    lookup: Option<Lookup>,
}

/// Where the rows of a tensor came from: an operation may then work on the table, which is often smaller.
#[derive(Clone)]
pub(crate) struct Lookup {
    pub table: ParamId,
    /// The row of the table that each row of the tensor is.
    pub ids: Rc<[u32]>,
}

/// An operation that was recorded.
pub(crate) trait Operation {
    /// Adds to the gradients of its inputs and parameters what its outputs' gradients say.
    fn backward(&self, graph: &mut Graph);
}

/// One forward pass and, in training, its way back.
pub struct Graph<'a> {
    pub(crate) device: &'a Device,
    pub(crate) params: &'a mut Params,
    pub(crate) memory: &'a mut Memory,
    mode: Mode,
    nodes: Vec<Node>,
    operations: Vec<Box<dyn Operation>>,
    /// Layers that saved something, and masks that were drawn, so far.
    pub(crate) saved: usize,
    masks: u64,
}

impl<'a> Graph<'a> {
    /// An empty tape over `params`.
    pub fn new(device: &'a Device, params: &'a mut Params, memory: &'a mut Memory, mode: Mode) -> Self {
        let (nodes, operations) = (Vec::with_capacity(32), Vec::new());
        Self { device, params, memory, mode, nodes, operations, saved: 0, masks: 0 }
    }

    /// The parameters.
    pub fn params(&self) -> &Params {
        self.params
    }

    /// Whether operations are recorded.
    pub fn is_training(&self) -> bool {
        self.mode != Mode::Infer
    }

    /// A constant `[rows, cols]`.
    pub fn constant(&mut self, values: &[f32], rows: usize, cols: usize) -> Result<Tensor, ShapeError> {
        let fits = values.len() == rows * cols;
        expect(fits, "constant", ("values", &[values.len()]), ("tensor", &[rows, cols]), "the counts must agree")?;
        let mut buffer = self.memory.take(values.len());
        buffer.copy_from_slice(values);
        Ok(self.push(buffer, rows, cols, false))
    }

    /// As [`Graph::constant`], but its gradient is wanted: [`Graph::grad`] gives it after the way back.
    pub fn variable(&mut self, values: &[f32], rows: usize, cols: usize) -> Result<Tensor, ShapeError> {
        let tensor = self.constant(values, rows, cols)?;
        self.nodes[tensor.node].wants_grad = self.is_training();
        Ok(tensor)
    }

    /// The values of a tensor, row-major.
    pub fn value(&self, tensor: Tensor) -> &[f32] {
        &self.nodes[tensor.node].value
    }

    /// The gradient that has reached a tensor; empty where none has.
    pub fn grad(&self, tensor: Tensor) -> &[f32] {
        &self.nodes[tensor.node].grad
    }

    /// Walks the tape backward from a `[1, 1]` tensor and adds to the parameters' gradients; `scale` is the gradient of the
    /// start itself, 1 for a plain derivative.
    pub fn backward(&mut self, loss: Tensor, scale: f32) -> Result<(), ShapeError> {
        expect(loss.shape() == [1, 1], "backward", ("loss", &loss.shape()), ("scalar", &[1, 1]), "a loss is one value")?;
        self.backward_from(loss, &[scale])
    }

    /// Walks the tape backward from a tensor with that gradient, row-major, and adds to the parameters' gradients.
    pub fn backward_from(&mut self, output: Tensor, gradient: &[f32]) -> Result<(), ShapeError> {
        let sides = (("output", &output.shape()[..]), ("gradient", &[gradient.len()][..]));
        let fits = gradient.len() == output.rows * output.cols;
        expect(fits, "backward", sides.0, sides.1, "there must be one gradient a value")?;
        self.add_grad(output, |grad| grad.iter_mut().zip(gradient).for_each(|(to, from)| *to += from));
        while let Some(operation) = self.operations.pop() {
            operation.backward(self);
        }
        Ok(())
    }

    /// Puts a result on the tape.
    pub(crate) fn push(&mut self, value: Vec<f32>, rows: usize, cols: usize, wants_grad: bool) -> Tensor {
        debug_assert_eq!(value.len(), rows * cols);
        self.nodes.push(Node { value, grad: Vec::new(), wants_grad: wants_grad && self.is_training(), lookup: None });
        Tensor { node: self.nodes.len() - 1, rows, cols }
    }

    /// Puts an operation on the tape, in training.
    pub(crate) fn record(&mut self, operation: impl Operation + 'static) {
        if self.is_training() {
            self.operations.push(Box::new(operation));
        }
    }

    /// Whether a gradient of this tensor is of use to anyone.
    pub(crate) fn wants_grad(&self, tensor: Tensor) -> bool {
        self.nodes[tensor.node].wants_grad
    }

    /// Notes that a tensor's rows are those of a table.
    pub(crate) fn set_lookup(&mut self, tensor: Tensor, lookup: Lookup) {
        self.nodes[tensor.node].lookup = Some(lookup);
    }

    /// Where a tensor's rows came from, if that is known.
    pub(crate) fn lookup(&self, tensor: Tensor) -> Option<&Lookup> {
        self.nodes[tensor.node].lookup.as_ref()
    }

    /// Takes a tensor's values out for the time of an operation that also needs the graph.
    pub(crate) fn take_value(&mut self, tensor: Tensor) -> Vec<f32> {
        std::mem::take(&mut self.nodes[tensor.node].value)
    }

    /// Puts values back.
    pub(crate) fn put_value(&mut self, tensor: Tensor, value: Vec<f32>) {
        self.nodes[tensor.node].value = value;
    }

    /// Takes the gradient of an operation's output for good; empty where none has come.
    pub(crate) fn take_grad(&mut self, tensor: Tensor) -> Vec<f32> {
        std::mem::take(&mut self.nodes[tensor.node].grad)
    }

    /// Takes the gradient of an operation's input to add to it, zeros at first; empty where no gradient is wanted.
    pub(crate) fn borrow_grad(&mut self, tensor: Tensor) -> Vec<f32> {
        let node = &mut self.nodes[tensor.node];
        match node {
            Node { wants_grad: false, .. } => Vec::new(),
            Node { grad, .. } if grad.is_empty() => self.memory.take_zeroed(tensor.rows * tensor.cols),
            Node { grad, .. } => std::mem::take(grad),
        }
    }

    /// Puts an input's gradient back.
    pub(crate) fn return_grad(&mut self, tensor: Tensor, grad: Vec<f32>) {
        self.nodes[tensor.node].grad = grad;
    }

    /// Adds to a tensor's gradient where one is wanted.
    pub(crate) fn add_grad(&mut self, tensor: Tensor, add: impl FnOnce(&mut [f32])) {
        let mut grad = self.borrow_grad(tensor);
        if !grad.is_empty() {
            add(&mut grad);
        }
        self.return_grad(tensor, grad);
    }

    /// A seed for the next random mask of this step, or none where nothing is random.
    pub(crate) fn mask_seed(&mut self) -> Option<u64> {
        let Mode::Train { seed } = self.mode else { return None };
        self.masks += 1;
        Some(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(self.masks))
    }
}

impl Drop for Graph<'_> {
    fn drop(&mut self) {
        for node in self.nodes.drain(..) {
            self.memory.give(node.value);
            self.memory.give(node.grad);
        }
    }
}
