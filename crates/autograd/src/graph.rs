//! The tape.

use std::rc::Rc;

use anaphora_kernels::Buffer;

use crate::error::{Consumed, ShapeError, expect};
use crate::trace::{Place, Trace, Watched};
use crate::workspace::Workspace;
use crate::{Device, Gradients, ParamId, Params};

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

struct Node {
    /// The operation that made it.
    made_by: &'static str,
    /// Empty where it was consumed.
    value: Buffer,
    consumed: Option<Consumed>,
    /// Empty until a gradient comes in.
    grad: Buffer,
    wants_grad: bool,
    /// Whether an operation reads the value again in the backward pass, so that nothing may be written over it.
    kept: bool,
    lookup: Option<Lookup>,
}

/// Where the rows of a tensor came from: an operation may then work on the table, which is often smaller.
#[derive(Clone)]
pub(crate) struct Lookup {
    pub table: ParamId,
    /// The row of the table that each row of the tensor is.
    pub ids: Rc<[u32]>,
}

/// The tensors of a [`Graph`]: a field of their own, so that an operation reads values while it writes to parameters.
pub(crate) struct Nodes(Vec<Node>);

impl Nodes {
    /// The values of a tensor, row-major.
    pub(crate) fn value(&self, tensor: Tensor) -> &[f32] {
        let Node { value, consumed, .. } = &self.0[tensor.node];
        match consumed {
            None => value,
            Some(consumed) => panic!("{consumed}"),
        }
    }
}

/// An operation that was recorded: it holds the tensors that it read and made, and what else its backward pass needs.
///
/// One's own is written as those of this crate are: a function that computes values, [pushes](Graph::push) them, says
/// what the backward pass [reads again](Graph::keep) and [records](Graph::record) how gradients go back.
///
/// ```
/// use anaphora_autograd::{Device, Gradients, Graph, Operation, Params, Precision, ShapeError, Tensor, Workspace};
///
/// struct Square {
///     x: Tensor,
///     y: Tensor,
/// }
///
/// /// `y = x²`.
/// fn square(graph: &mut Graph, x: Tensor) -> Result<Tensor, ShapeError> {
///     graph.check_present("square", &[x])?;
///     let mut value = graph.buffer(x.rows * x.cols);
///     value.iter_mut().zip(graph.value(x)).for_each(|(y, x)| *y = x * x);
///     let y = graph.push("square", value, x.rows, x.cols, graph.wants_grad(x));
///     graph.keep(x);
///     graph.record(Square { x, y });
///     Ok(y)
/// }
///
/// impl Operation for Square {
///     fn backward(&self, graph: &mut Graph, _: &mut Gradients) {
///         let dy = graph.take_grad(self.y);
///         let mut dx = graph.borrow_grad(self.x);
///         let values = graph.value(self.x).iter().zip(&dy[..]);
///         dx.iter_mut().zip(values).for_each(|(dx, (x, dy))| *dx += 2.0 * x * dy);
///         graph.return_grad(self.x, dx);
///         graph.recycle(dy);
///     }
/// }
///
/// let (device, params, mut workspace) = (Device::new(1, Precision::F32), Params::new(), Workspace::new());
/// let mut gradients = Gradients::of(&params);
/// let mut graph = Graph::train(&device, &params, &mut gradients, &mut workspace, 1);
/// let x = graph.variable(&[3.0, -4.0], 1, 2)?;
/// let y = square(&mut graph, x)?;
/// assert_eq!(graph.value(y), [9.0, 16.0]);
/// graph.backward_from(&[(y, &[1.0, 10.0])])?;
/// assert_eq!(graph.grad(x), [6.0, -80.0]);
/// # Ok::<(), ShapeError>(())
/// ```
pub trait Operation {
    /// Adds to the gradients of its inputs and parameters what its outputs' gradients say; those of its outputs it
    /// [takes](Graph::take_grad). Where none has come, there is nothing to do.
    fn backward(&self, graph: &mut Graph, gradients: &mut Gradients);
}

/// One forward pass and, in training, its backward pass.
pub struct Graph<'a> {
    pub(crate) device: &'a Device,
    pub(crate) params: &'a Params,
    pub(crate) workspace: &'a mut Workspace,
    pub(crate) nodes: Nodes,
    /// In training, the gradients that the backward pass adds to.
    gradients: Option<&'a mut Gradients>,
    /// In training, the seed of this step's random masks.
    seed: Option<u64>,
    /// What is noted where somebody looks on.
    pub(crate) trace: Option<&'a mut Trace>,
    operations: Vec<Box<dyn Operation>>,
    /// Layers that saved something, and masks that were drawn, so far.
    pub(crate) saved: usize,
    masks: u64,
}

impl<'a> Graph<'a> {
    /// An empty tape that records operations; [`Graph::backward`] adds to `gradients`. Dropout is on, and its masks
    /// come from
    /// `seed`.
    ///
    /// # Panics
    ///
    /// If `gradients` are laid out for other parameters.
    pub fn train(
        device: &'a Device,
        params: &'a Params,
        gradients: &'a mut Gradients,
        workspace: &'a mut Workspace,
        seed: u64,
    ) -> Self {
        assert_eq!(gradients.values().len(), params.len(), "gradients of other parameters");
        let mut graph = Self::infer(device, params, workspace);
        (graph.gradients, graph.seed) = (Some(gradients), Some(seed));
        graph
    }

    /// An empty tape on which nothing is recorded and nothing is random.
    pub fn infer(device: &'a Device, params: &'a Params, workspace: &'a mut Workspace) -> Self {
        let (nodes, operations) = (Nodes(Vec::with_capacity(32)), Vec::new());
        let (gradients, seed, trace) = (None, None, None);
        Self { device, params, workspace, nodes, gradients, seed, trace, operations, saved: 0, masks: 0 }
    }

    /// An empty tape that records operations as [`Graph::train`]'s does, but on which nothing is random; what happens is noted
    /// in `trace`.
    ///
    /// # Panics
    ///
    /// If `gradients` are laid out for other parameters.
    pub fn observe(
        device: &'a Device,
        params: &'a Params,
        gradients: &'a mut Gradients,
        workspace: &'a mut Workspace,
        trace: &'a mut Trace,
    ) -> Self {
        let mut graph = Self::train(device, params, gradients, workspace, 0);
        (graph.seed, graph.trace) = (None, Some(trace));
        graph
    }

    /// Whether each step of a recurrent layer is to be an operation of its own; see [`Trace::stepwise`].
    pub fn is_stepwise(&self) -> bool {
        self.trace.as_ref().is_some_and(|trace| trace.stepwise)
    }

    /// Says of which layer the operations are that follow, by one of its weights.
    pub fn under(&mut self, weight: ParamId) {
        if let Some(trace) = &mut self.trace {
            trace.current.clear();
            trace.current.push_str(self.params.name(weight));
        }
    }

    /// Notes a tensor and, in the backward pass, its gradient: the sum of those of `tensors`, which stand for one thing. The
    /// values noted are those of the first.
    pub fn watch(&mut self, place: Place, weight: ParamId, tensors: &[Tensor]) {
        if let Some(&first) = tensors.first() {
            self.watch_as(place, weight, first, tensors, Vec::new());
        }
    }

    /// As [`Graph::watch`] the cell state behind a hidden state that was watched just now.
    pub(crate) fn watch_cell(&mut self, weight: ParamId, cell: Tensor, slope: Vec<f32>) {
        self.watch_as(Place::Cell, weight, cell, &[cell], slope);
    }

    /// As [`Graph::watch`] the values of `[values, gradient]`'s first, whose whole gradient is that of the second.
    pub fn watch_through(&mut self, place: Place, weight: ParamId, [values, gradient]: [Tensor; 2]) {
        self.watch_as(place, weight, values, &[gradient], Vec::new());
    }

    fn watch_as(
        &mut self,
        place: Place,
        weight: ParamId,
        first: Tensor,
        tensors: &[Tensor],
        slope: Vec<f32>,
    ) {
        let Some(trace) = &mut self.trace else { return };
        // Of states it is the gradient that is wanted.
        let is_state = matches!(place, Place::Hidden | Place::Cell);
        let values = if is_state { Vec::new() } else { self.nodes.value(first).to_vec() };
        let weight = self.params.name(weight).to_owned();
        trace.watch(
            Watched {
                place,
                weight,
                rows: first.rows,
                cols: first.cols,
                values,
                gradient: Vec::new(),
                slope,
            },
            tensors.iter().map(|tensor| tensor.node),
        );
        // The gradient is of use, whatever it is of.
        tensors.iter().for_each(|tensor| self.nodes.0[tensor.node].wants_grad = true);
    }

    /// The parameters.
    pub fn params(&self) -> &'a Params {
        self.params
    }

    /// Whether operations are recorded, for a backward pass.
    pub fn records(&self) -> bool {
        self.gradients.is_some()
    }

    /// A constant `[rows, cols]`.
    pub fn constant(&mut self, values: &[f32], rows: usize, cols: usize) -> Result<Tensor, ShapeError> {
        self.leaf("constant", values, [rows, cols], false)
    }

    /// An input `[rows, cols]` whose gradient is wanted: after [`Graph::backward`], [`Graph::grad`] holds it.
    pub fn variable(&mut self, values: &[f32], rows: usize, cols: usize) -> Result<Tensor, ShapeError> {
        self.leaf("variable", values, [rows, cols], true)
    }

    fn leaf(
        &mut self,
        operation: &'static str,
        values: &[f32],
        shape: [usize; 2],
        wants_grad: bool,
    ) -> Result<Tensor, ShapeError> {
        let [rows, cols] = shape;
        let sides = (("values", &[values.len()][..]), ("tensor", &shape[..]));
        expect(values.len() == rows * cols, operation, sides.0, sides.1, "the counts must agree")?;
        let mut buffer = self.workspace.take(values.len());
        buffer.copy_from_slice(values);
        Ok(self.push(operation, buffer, rows, cols, wants_grad))
    }

    /// The values of a tensor, row-major.
    ///
    /// # Panics
    ///
    /// If an operation has consumed them: losses and sums write over what they read. The message names both.
    pub fn value(&self, tensor: Tensor) -> &[f32] {
        self.nodes.value(tensor)
    }

    /// The gradient of a [`Graph::variable`] after the backward pass; empty where none has come. Other tensors'
    /// gradients are used up on the way.
    pub fn grad(&self, tensor: Tensor) -> &[f32] {
        &self.nodes.0[tensor.node].grad
    }

    /// The backward pass from a `[1, 1]` tensor; it adds to the parameters' gradients. `scale` is the gradient of the
    /// tensor itself, 1 for a plain derivative.
    pub fn backward(&mut self, loss: Tensor, scale: f32) -> Result<(), ShapeError> {
        expect(
            loss.shape() == [1, 1],
            "backward",
            ("loss", &loss.shape()),
            ("scalar", &[1, 1]),
            "a loss is one value",
        )?;
        self.backward_from(&[(loss, &[scale])])
    }

    /// Walks the tape backward from several tensors at once, each with its gradient, row-major (a product of the vector
    /// of these with the Jacobian), and adds to the parameters' gradients.
    pub fn backward_from(&mut self, starts: &[(Tensor, &[f32])]) -> Result<(), ShapeError> {
        for &(tensor, start) in starts {
            let sides = (("gradient", &[start.len()][..]), ("tensor", &tensor.shape()[..]));
            let fits = start.len() == tensor.rows * tensor.cols;
            expect(fits, "backward_from", sides.0, sides.1, "the counts must agree")?;
        }
        for &(tensor, start) in starts {
            self.add_grad(tensor, |grad| grad.iter_mut().zip(start).for_each(|(grad, start)| *grad += start));
        }
        let Some(gradients) = self.gradients.take() else { return Ok(()) };
        while let Some(operation) = self.operations.pop() {
            operation.backward(self, gradients);
        }
        self.gradients = Some(gradients);
        // What no operation took: gradients of inputs.
        let watched = self.trace.as_ref().map(|trace| trace.nodes());
        for node in watched.into_iter().flatten() {
            let grad = std::mem::take(&mut self.nodes.0[node].grad);
            self.note_gradient(node, &grad);
            self.workspace.give(grad);
        }
        if let Some(trace) = &mut self.trace {
            trace.finish();
        }
        Ok(())
    }

    /// A buffer of `len` values, of which nothing is known, for a result.
    pub fn buffer(&mut self, len: usize) -> Buffer {
        self.workspace.take(len)
    }

    /// Takes back a buffer that is no longer needed, for the next operation.
    pub fn recycle(&mut self, buffer: Buffer) {
        self.workspace.give(buffer);
    }

    /// Puts the result of an operation of this name on the tape: `value[rows, cols]`, row-major. `wants_grad` says whether a
    /// gradient of it is of use: those of its inputs are wanted, or it depends on parameters.
    ///
    /// # Panics
    ///
    /// If there are not as many values.
    pub fn push(
        &mut self,
        operation: &'static str,
        value: Buffer,
        rows: usize,
        cols: usize,
        wants_grad: bool,
    ) -> Tensor {
        assert_eq!(value.len(), rows * cols, "{operation}: values of a tensor [{rows}, {cols}]");
        let (grad, wants_grad) = (Buffer::default(), wants_grad && self.records());
        let (kept, lookup, consumed) = (false, None, None);
        self.nodes.0.push(Node { made_by: operation, value, consumed, grad, wants_grad, kept, lookup });
        Tensor { node: self.nodes.0.len() - 1, rows, cols }
    }

    /// The error of an operation of which an input was consumed.
    pub fn check_present(&self, operation: &'static str, inputs: &[Tensor]) -> Result<(), ShapeError> {
        match inputs.iter().find_map(|input| self.nodes.0[input.node].consumed) {
            None => Ok(()),
            Some(consumed) => Err(ShapeError::Consumed { operation, consumed }),
        }
    }

    /// Where `x` was consumed, a tensor of its shape that counts as consumed too: for operations that do not fail
    /// themselves.
    pub(crate) fn absent(&mut self, operation: &'static str, x: Tensor) -> Option<Tensor> {
        let consumed = self.nodes.0[x.node].consumed?;
        let y = self.push(operation, Buffer::default(), 0, 0, false);
        self.nodes.0[y.node].consumed = Some(consumed);
        Some(Tensor { node: y.node, ..x })
    }

    /// Records an operation on the tape, in training; [`Graph::backward`] calls the recorded ones in reverse order.
    pub fn record(&mut self, operation: impl Operation + 'static) {
        if self.records() {
            self.operations.push(Box::new(operation));
        }
    }

    /// Whether anything needs the gradient of this tensor.
    pub fn wants_grad(&self, tensor: Tensor) -> bool {
        self.nodes.0[tensor.node].wants_grad
    }

    /// Notes that a tensor's rows are those of a table.
    pub(crate) fn set_lookup(&mut self, tensor: Tensor, lookup: Lookup) {
        self.nodes.0[tensor.node].lookup = Some(lookup);
    }

    /// Where a tensor's rows came from, if that is known.
    pub(crate) fn lookup(&self, tensor: Tensor) -> Option<&Lookup> {
        self.nodes.0[tensor.node].lookup.as_ref()
    }

    /// Says that an operation reads these values again in its backward pass: no other one then writes over them.
    pub fn keep(&mut self, tensor: Tensor) {
        self.nodes.0[tensor.node].kept = true;
    }

    /// A tensor's values to write over: its own, which leave it, or a copy where an operation reads them in the
    /// backward pass.
    pub(crate) fn overwrite(&mut self, operation: &'static str, tensor: Tensor) -> Buffer {
        let node = &mut self.nodes.0[tensor.node];
        if !node.kept {
            node.consumed = Some(Consumed { made_by: node.made_by, consumed_by: operation });
            return std::mem::take(&mut node.value);
        }
        let mut copy = self.workspace.take(node.value.len());
        copy.copy_from_slice(&node.value);
        copy
    }

    /// Takes the gradient of an operation's output for good; empty where none has come.
    pub fn take_grad(&mut self, tensor: Tensor) -> Buffer {
        let grad = self.lend_grad(tensor);
        self.note_gradient(tensor.node, &grad);
        grad
    }

    /// As [`Graph::take_grad`], of a gradient that goes back as it is, for another operation.
    pub(crate) fn lend_grad(&mut self, tensor: Tensor) -> Buffer {
        std::mem::take(&mut self.nodes.0[tensor.node].grad)
    }

    /// Notes the gradient of a node that is watched.
    fn note_gradient(&mut self, node: usize, grad: &[f32]) {
        if let Some(trace) = self.trace.as_mut().filter(|_| !grad.is_empty()) {
            trace.add_gradient(node, grad);
        }
    }

    /// Takes the gradient of an operation's input to add to it, zeros at first; empty where no gradient is wanted. It goes
    /// back with [`Graph::return_grad`].
    pub fn borrow_grad(&mut self, tensor: Tensor) -> Buffer {
        let node = &mut self.nodes.0[tensor.node];
        match node {
            Node { wants_grad: false, .. } => Buffer::default(),
            Node { grad, .. } if grad.is_empty() => self.workspace.take_zeroed(tensor.rows * tensor.cols),
            Node { grad, .. } => std::mem::take(grad),
        }
    }

    /// As [`Graph::borrow_grad`], but where the gradient is fresh nothing is known of its values: all are to be written.
    pub(crate) fn borrow_grad_unset(&mut self, tensor: Tensor) -> (Buffer, bool) {
        let node = &mut self.nodes.0[tensor.node];
        let fresh = node.wants_grad && node.grad.is_empty();
        let grad = if fresh {
            self.workspace.take(tensor.rows * tensor.cols)
        } else {
            std::mem::take(&mut node.grad)
        };
        (grad, fresh)
    }

    /// Puts an input's gradient back. Where one tensor is two inputs of an operation, the second's is added to the first's.
    pub fn return_grad(&mut self, tensor: Tensor, grad: Buffer) {
        let there = &mut self.nodes.0[tensor.node].grad;
        if there.is_empty() {
            *there = grad;
        } else {
            there.iter_mut().zip(&grad[..]).for_each(|(there, grad)| *there += grad);
            self.workspace.give(grad);
        }
    }

    /// Moves a gradient to an input whose gradient it is, if one is wanted.
    pub(crate) fn pass_grad(&mut self, tensor: Tensor, grad: Buffer) {
        if self.wants_grad(tensor) && !grad.is_empty() {
            self.return_grad(tensor, grad);
        } else {
            self.workspace.give(grad);
        }
    }

    /// Adds to a tensor's gradient where one is wanted.
    pub fn add_grad(&mut self, tensor: Tensor, add: impl FnOnce(&mut [f32])) {
        let mut grad = self.borrow_grad(tensor);
        if !grad.is_empty() {
            add(&mut grad);
        }
        self.return_grad(tensor, grad);
    }

    /// A seed for the next random mask of this step, or none where nothing is random.
    pub(crate) fn mask_seed(&mut self) -> Option<u64> {
        let seed = self.seed?;
        self.masks += 1;
        Some(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(self.masks))
    }
}

impl Drop for Graph<'_> {
    fn drop(&mut self) {
        for node in self.nodes.0.drain(..) {
            self.workspace.give(node.value);
            self.workspace.give(node.grad);
        }
    }
}
