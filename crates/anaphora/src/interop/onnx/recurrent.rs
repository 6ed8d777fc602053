//! Recurrent layers by ONNX's own operators, one node a layer.

use super::graph::{Graph, Name};
use super::protobuf::Attribute::{Int, Text, Texts};
use crate::recipe::{Backbone, Model, Nonlinearity};

/// Recurrent layers as they lie in a graph.
pub struct Recurrent {
    /// `[batch, time, directions * hidden_size]`.
    pub steps: Name,
    /// Hidden states behind the last step, and for an LSTM cell states, a layer each: `[directions, batch, hidden_size]`.
    pub ends: Vec<Vec<Name>>,
}

/// A kind of cell in ONNX's words.
struct Cell {
    operator: &'static str,
    /// For each gate in ONNX's order its place in PyTorch's.
    gates: &'static [usize],
    /// Tensors that a state is made of.
    parts: usize,
    activation: Option<&'static str>,
}

fn cell(model: &Model) -> Cell {
    match (model.backbone, model.nonlinearity) {
        // i, f, g, o there and i, o, f, c here.
        (Backbone::Lstm, _) => Cell { operator: "LSTM", gates: &[0, 3, 1, 2], parts: 2, activation: None },
        // r, z, n there and z, r, h here.
        (Backbone::Gru, _) => Cell { operator: "GRU", gates: &[1, 0, 2], parts: 1, activation: None },
        (_, Nonlinearity::Tanh) => Cell { operator: "RNN", gates: &[0], parts: 1, activation: Some("Tanh") },
        (_, Nonlinearity::Relu) => Cell { operator: "RNN", gates: &[0], parts: 1, activation: Some("Relu") },
    }
}

/// The names of the parts of a state: hidden states, and those of cells.
pub fn state_names(model: &Model) -> &'static [&'static str] {
    &["h", "c"][..cell(model).parts]
}

/// The layers of `model` whose weights begin with `prefix`, over `x [batch, time, input_size]`. Sequences have `lengths [batch]`
/// steps, all of them where it is empty, and go on from `starts`: for each part of a state `[layers * directions, batch,
/// hidden_size]`, or from zeros where there are none.
pub fn layers(
    graph: &mut Graph,
    model: &Model,
    prefix: &str,
    bidirectional: bool,
    x: &Name,
    lengths: &Name,
    starts: &[Name],
) -> Recurrent {
    let cell = cell(model);
    let directions = if bidirectional { 2 } else { 1 };
    let mut y = graph.transpose(x, &[1, 0, 2]);
    // Zeros are written out: not every runtime has them for a batch of any size.
    let zeros = starts.is_empty().then(|| {
        graph.part(prefix);
        let batch = graph.length(x, 0);
        let batch = graph.unsqueeze(&batch, &[0]);
        let (first, last) = (graph.ints(&[directions as i64]), graph.ints(&[model.hidden_size as i64]));
        let shape = graph.concat(&[&first, &batch, &last], 0);
        let zero = graph.float(0.0);
        vec![graph.op("Expand", &[&zero, &shape], &[]); cell.parts]
    });
    let mut ends = Vec::with_capacity(model.layers);
    for layer in 0..model.layers {
        graph.part(&format!("{prefix}l{layer}"));
        let weights = ["weight_ih", "weight_hh", "bias"]
            .map(|kind| stacked(graph, &cell, model, &format!("{prefix}{kind}"), layer, directions));
        let first = (layer * directions) as i64;
        let own = |start: &Name| match model.layers {
            1 => start.clone(),
            _ => graph.slice(start, 0, first, first + directions as i64),
        };
        let starts = zeros.clone().unwrap_or_else(|| starts.iter().map(own).collect());
        let mut inputs = vec![&y];
        inputs.extend(&weights);
        inputs.push(lengths);
        inputs.extend(&starts);
        let direction = if bidirectional { "bidirectional" } else { "forward" };
        let activations = cell.activation.map(|activation| vec![activation; directions]);
        let mut attributes =
            vec![("hidden_size", Int(model.hidden_size as i64)), ("direction", Text(direction))];
        attributes.extend(activations.as_ref().map(|activations| ("activations", Texts(activations))));
        attributes.extend((cell.operator == "GRU").then_some(("linear_before_reset", Int(1))));
        let outputs = match cell.parts {
            2 => graph.ops::<3>(cell.operator, &inputs, &attributes).to_vec(),
            _ => graph.ops::<2>(cell.operator, &inputs, &attributes).to_vec(),
        };
        ends.push(outputs[1..].to_vec());
        // [time, directions, batch, hidden_size].
        y = if bidirectional {
            let beside = graph.transpose(&outputs[0], &[0, 2, 1, 3]);
            graph.reshape(&beside, &[0, 0, 2 * model.hidden_size as i64])
        } else {
            graph.squeeze(&outputs[0], &[1])
        };
    }
    Recurrent { steps: graph.transpose(&y, &[1, 0, 2]), ends }
}

/// The weights of a layer's directions on top of each other, gates in ONNX's order; biases of the input beside those of the state.
fn stacked(
    graph: &mut Graph,
    cell: &Cell,
    model: &Model,
    kind: &str,
    layer: usize,
    directions: usize,
) -> Name {
    let suffix = |number: usize| if number == 1 { format!("l{layer}_reverse") } else { format!("l{layer}") };
    let sides: &[&str] = if kind.ends_with("bias") { &["_ih", "_hh"] } else { &[""] };
    let (mut values, mut shape) = (Vec::new(), Vec::new());
    for number in 0..directions {
        for side in sides {
            let (own, numbers) = graph.weight_of(&format!("{kind}{side}_{}", suffix(number)));
            let gate = model.hidden_size * own[1..].iter().product::<usize>();
            cell.gates.iter().for_each(|&from| values.extend_from_slice(&numbers[from * gate..][..gate]));
            shape = own.to_vec();
        }
    }
    shape[0] *= sides.len();
    shape.insert(0, directions);
    graph.tensor(&format!("{kind}_l{layer}"), &shape, values)
}

impl Recurrent {
    /// The state behind the last step: each part `[layers * directions, batch, hidden_size]`.
    pub fn state(&self, graph: &mut Graph) -> Vec<Name> {
        let parts = self.ends.first().map_or(0, Vec::len);
        let of = |part: usize| {
            let all: Vec<&Name> = self.ends.iter().map(|ends| &ends[part]).collect();
            graph.concat(&all, 0)
        };
        (0..parts).map(of).collect()
    }

    /// The last layer's hidden state behind the last step, that of the other direction beside it: `[batch, directions *
    /// hidden_size]`.
    pub fn last(&self, graph: &mut Graph) -> Name {
        beside(graph, &self.ends[self.ends.len() - 1][0])
    }
}

/// `[directions, batch, size]` to `[batch, directions * size]`.
pub fn beside(graph: &mut Graph, x: &Name) -> Name {
    let x = graph.transpose(x, &[1, 0, 2]);
    let shape = graph.ints(&[0, -1]);
    graph.op("Reshape", &[&x, &shape], &[])
}
