//! A graph of operators that is being made.

use std::borrow::Cow;

use anaphora_nn::Params;

use super::protobuf::Attribute::{Int, Ints};
use super::protobuf::{Attribute, Kind, Message, Numbers, Size, Tensor, Value};

/// The name of a value in a graph.
pub type Name = String;

/// A graph of operators over a model's weights. Operators are of opset 18.
pub struct Graph<'a> {
    params: &'a Params,
    nodes: Message,
    count: usize,
    /// What names of nodes begin with, as that of a layer.
    part: String,
    pub inputs: Vec<Value>,
    pub outputs: Vec<Value>,
    pub tensors: Vec<Tensor<'a>>,
}

impl<'a> Graph<'a> {
    /// Without operators.
    pub fn new(params: &'a Params) -> Self {
        let (inputs, outputs, tensors) = (Vec::new(), Vec::new(), Vec::new());
        Self { params, nodes: Message::default(), count: 0, part: String::new(), inputs, outputs, tensors }
    }

    /// Names what follows after a part of the model.
    pub fn part(&mut self, name: &str) {
        self.part = format!("{name}/");
    }

    /// Adds an input.
    pub fn input(&mut self, name: &str, kind: Kind, shape: &[Size], about: &str) -> Name {
        self.inputs.push(Value { name: name.into(), kind, shape: shape.into(), about: about.into() });
        name.into()
    }

    /// Makes a value an output.
    pub fn output(&mut self, name: &str, value: &Name, kind: Kind, shape: &[Size], about: &str) {
        self.node("Identity", &[value], &[], &[name.into()]);
        self.outputs.push(Value { name: name.into(), kind, shape: shape.into(), about: about.into() });
    }

    /// An operator with one output.
    pub fn op(&mut self, operator: &str, inputs: &[&Name], attributes: &[(&str, Attribute)]) -> Name {
        let output = self.name(operator);
        self.node(operator, inputs, attributes, std::slice::from_ref(&output));
        output
    }

    /// An operator with several outputs.
    pub fn ops<const N: usize>(
        &mut self,
        operator: &str,
        inputs: &[&Name],
        attributes: &[(&str, Attribute)],
    ) -> [Name; N] {
        let name = self.name(operator);
        let outputs = std::array::from_fn(|number| format!("{name}.{number}"));
        self.node(operator, inputs, attributes, &outputs);
        outputs
    }

    fn name(&mut self, operator: &str) -> Name {
        self.count += 1;
        format!("{}{operator}_{}", self.part, self.count)
    }

    /// A node; an input without a name is left out.
    fn node(&mut self, operator: &str, inputs: &[&Name], attributes: &[(&str, Attribute)], outputs: &[Name]) {
        let node = inputs.iter().fold(Message::default(), |node, input| node.bytes(1, input));
        let node = outputs.iter().fold(node, |node, output| node.bytes(2, output));
        let node = node.bytes(3, &outputs[0]).bytes(4, operator);
        let with = |node: Message, (name, value): &(&str, Attribute)| node.message(5, value.message(name));
        self.nodes.append(Message::default().message(1, attributes.iter().fold(node, with)));
    }

    /// The fields of the whole graph but for its tensors.
    pub fn message(&self, name: &str) -> Message {
        let mut graph = self.nodes.clone();
        graph.append(Message::default().bytes(2, name));
        for (field, values) in [(11, &self.inputs), (12, &self.outputs)] {
            values.iter().for_each(|value| graph.append(Message::default().message(field, value.message())));
        }
        graph
    }

    /// Whether the model has a weight of this name.
    pub fn has(&self, name: &str) -> bool {
        self.params.find(name).is_some()
    }

    /// The shape and numbers of a weight.
    ///
    /// # Panics
    /// Where the model has no such weight: a mistake of this program.
    pub fn weight_of(&self, name: &str) -> (&'a [usize], &'a [f32]) {
        let id = self.params.find(name).unwrap_or_else(|| panic!("the model has no weight {name}"));
        let params = self.params;
        (params.shape(id), params.value(id))
    }

    /// A weight as it is.
    pub fn weight(&mut self, name: &str) -> Name {
        let (shape, values) = self.weight_of(name);
        self.tensor(name, shape, values)
    }

    /// A tensor; one of the same name is that tensor.
    pub fn tensor(&mut self, name: &str, shape: &[usize], values: impl Into<Cow<'a, [f32]>>) -> Name {
        if self.tensors.iter().all(|tensor| tensor.name != name) {
            let numbers = Numbers::F32(values.into());
            self.tensors.push(Tensor { name: name.into(), shape: shape.into(), numbers });
        }
        name.into()
    }

    /// A constant; the same numbers are one tensor.
    fn constant(&mut self, shape: Vec<usize>, numbers: Numbers<'a>) -> Name {
        let known = |tensor: &&Tensor| {
            tensor.name.starts_with("constant_") && tensor.shape == shape && tensor.numbers == numbers
        };
        if let Some(known) = self.tensors.iter().find(known) {
            return known.name.clone();
        }
        let name = format!("constant_{}", self.tensors.len());
        self.tensors.push(Tensor { name: name.clone(), shape, numbers });
        name
    }

    /// Whole numbers, as one row.
    pub fn ints(&mut self, values: &[i64]) -> Name {
        self.constant(vec![values.len()], Numbers::I64(values.into()))
    }

    /// A whole number without a dimension.
    pub fn int(&mut self, value: i64) -> Name {
        self.constant(Vec::new(), Numbers::I64(vec![value]))
    }

    /// A number without a dimension.
    pub fn float(&mut self, value: f32) -> Name {
        self.constant(Vec::new(), Numbers::F32(vec![value].into()))
    }

    /// Numbers in any shape.
    pub fn floats(&mut self, shape: &[usize], values: Vec<f32>) -> Name {
        self.constant(shape.into(), Numbers::F32(values.into()))
    }

    pub fn add(&mut self, a: &Name, b: &Name) -> Name {
        self.op("Add", &[a, b], &[])
    }

    pub fn sub(&mut self, a: &Name, b: &Name) -> Name {
        self.op("Sub", &[a, b], &[])
    }

    pub fn mul(&mut self, a: &Name, b: &Name) -> Name {
        self.op("Mul", &[a, b], &[])
    }

    pub fn div(&mut self, a: &Name, b: &Name) -> Name {
        self.op("Div", &[a, b], &[])
    }

    pub fn matmul(&mut self, a: &Name, b: &Name) -> Name {
        self.op("MatMul", &[a, b], &[])
    }

    pub fn unary(&mut self, operator: &str, x: &Name) -> Name {
        self.op(operator, &[x], &[])
    }

    pub fn transpose(&mut self, x: &Name, order: &[i64]) -> Name {
        self.op("Transpose", &[x], &[("perm", Ints(order))])
    }

    /// In a shape where 0 is a dimension as it was, and -1 what is left.
    pub fn reshape(&mut self, x: &Name, shape: &[i64]) -> Name {
        let shape = self.ints(shape);
        self.op("Reshape", &[x, &shape], &[])
    }

    pub fn concat(&mut self, parts: &[&Name], axis: i64) -> Name {
        match parts {
            [only] => (*only).clone(),
            _ => self.op("Concat", parts, &[("axis", Int(axis))]),
        }
    }

    pub fn unsqueeze(&mut self, x: &Name, axes: &[i64]) -> Name {
        let axes = self.ints(axes);
        self.op("Unsqueeze", &[x, &axes], &[])
    }

    pub fn squeeze(&mut self, x: &Name, axes: &[i64]) -> Name {
        let axes = self.ints(axes);
        self.op("Squeeze", &[x, &axes], &[])
    }

    pub fn gather(&mut self, x: &Name, indices: &Name, axis: i64) -> Name {
        self.op("Gather", &[x, indices], &[("axis", Int(axis))])
    }

    /// Places `from..to` along an axis; negative ones count from the end.
    pub fn slice(&mut self, x: &Name, axis: i64, from: i64, to: i64) -> Name {
        let [from, to, axis] = [from, to, axis].map(|value| self.ints(&[value]));
        self.op("Slice", &[x, &from, &to, &axis], &[])
    }

    /// Sum, mean or maximum along an axis.
    pub fn reduce(&mut self, operator: &str, x: &Name, axis: i64, keep: bool) -> Name {
        let axes = self.ints(&[axis]);
        self.op(operator, &[x, &axes], &[("keepdims", Int(keep.into()))])
    }

    pub fn softmax(&mut self, x: &Name) -> Name {
        self.op("Softmax", &[x], &[("axis", Int(-1))])
    }

    pub fn cast(&mut self, x: &Name, kind: Kind) -> Name {
        self.op("Cast", &[x], &[("to", Int(kind as i64))])
    }

    pub fn choose(&mut self, condition: &Name, yes: &Name, no: &Name) -> Name {
        self.op("Where", &[condition, yes, no], &[])
    }

    /// The length of a dimension, without a dimension of its own.
    pub fn length(&mut self, x: &Name, axis: i64) -> Name {
        let shape = self.op("Shape", &[x], &[]);
        let axis = self.int(axis);
        self.gather(&shape, &axis, 0)
    }

    /// `0, 1, …` below a length.
    pub fn range(&mut self, length: &Name) -> Name {
        let (zero, one) = (self.int(0), self.int(1));
        self.op("Range", &[&zero, length, &one], &[])
    }

    /// A linear map of the last dimension, with its bias where it has one.
    pub fn linear(&mut self, x: &Name, name: &str) -> Name {
        let (shape, values) = self.weight_of(&format!("{name}.weight"));
        let transposed = transpose(values, shape[0], shape[1]);
        let weight = self.tensor(&format!("{name}.weight.T"), &[shape[1], shape[0]], transposed);
        let y = self.matmul(x, &weight);
        self.bias(&y, name)
    }

    /// A linear map by the weights of an embedding.
    pub fn tied(&mut self, x: &Name, table: &str, name: &str) -> Name {
        let table = self.weight(table);
        let weight = self.transpose(&table, &[1, 0]);
        let y = self.matmul(x, &weight);
        self.bias(&y, name)
    }

    fn bias(&mut self, y: &Name, name: &str) -> Name {
        let bias = format!("{name}.bias");
        if !self.has(&bias) {
            return y.clone();
        }
        let bias = self.weight(&bias);
        self.add(y, &bias)
    }
}

/// The transpose of a matrix with so many rows and columns.
pub fn transpose(values: &[f32], rows: usize, columns: usize) -> Vec<f32> {
    (0..columns).flat_map(|column| (0..rows).map(move |row| values[row * columns + column])).collect()
}
