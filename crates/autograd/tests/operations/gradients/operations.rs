//! Every operation's gradient against finite differences, and the checker against a gradient that is wrong.

use anaphora_autograd::check::Disagreement;
use anaphora_autograd::{
    Activation, Cell, Device, Direction, Gradients, Graph, Mask, Norm, NormParams, ParamId, Params,
    Precision, Rotary, Workspace,
};

use super::model::{BATCH_SIZES, CLASSES, Model, TARGETS, TOKENS, head};

const CELLS: [Cell; 4] = [Cell::Tanh, Cell::Relu, Cell::Gru, Cell::Lstm];
const IDS: [u32; TOKENS] = [3, 0, 2, 2, 4, 1, 0, 3, 1];

/// A recurrent layer's weights.
fn direction(model: &mut Model, name: &str, cell: Cell, input: usize, hidden: usize) -> [ParamId; 4] {
    let rows = cell.gates() * hidden;
    let shapes: [(&str, &[usize]); 4] = [
        ("weight_ih", &[rows, input]),
        ("weight_hh", &[rows, hidden]),
        ("bias_ih", &[rows]),
        ("bias_hh", &[rows]),
    ];
    shapes.map(|(weight, shape)| model.add(&format!("{name}.{weight}"), shape))
}

#[test]
fn cross_entropy_of_an_embedding() {
    let mut model = Model::within(1.0);
    let table = model.add("table", &[5, CLASSES]);
    model.check("embedding", |graph| {
        let logits = graph.embedding(table, &IDS)?;
        Ok(graph.cross_entropy(logits, &TARGETS)?.1)
    });
}

#[test]
fn linear_with_a_bias_after_one_hot() {
    let mut model = Model::within(1.0);
    let (weight, bias) = (model.add("weight", &[CLASSES, 5]), model.add("bias", &[CLASSES]));
    model.check("one_hot", |graph| {
        let x = graph.one_hot(5, &IDS)?;
        let logits = graph.linear(x, weight, Some(bias))?;
        Ok(graph.cross_entropy(logits, &TARGETS)?.1)
    });
}

#[test]
fn activations() {
    for function in [Activation::Tanh, Activation::Relu, Activation::Gelu, Activation::GeluTanh] {
        let mut model = Model::within(1.0);
        let (table, weight) = (model.add("table", &[5, 4]), model.add("weight", &[CLASSES, 4]));
        model.check(&format!("{function:?}"), |graph| {
            let x = graph.embedding(table, &IDS)?;
            let y = graph.activate(function, x);
            head(graph, weight, y)
        });
    }
}

#[test]
fn gated_activations_and_sums() {
    let mut model = Model::within(1.0);
    let (table, places) = (model.add("table", &[5, 8]), model.add("places", &[TOKENS, 8]));
    let weight = model.add("weight", &[CLASSES, 4]);
    // Slopes are steeper away from zero.
    model.params.value_mut(table).iter_mut().for_each(|value| *value *= 2.0);
    model.check("swiglu", |graph| {
        let x = graph.embedding(table, &IDS)?;
        let place = graph.embedding(places, &[0, 1, 2, 3, 4, 5, 6, 7, 8])?;
        let x = graph.add(x, place)?;
        let y = graph.swiglu(x)?;
        head(graph, weight, y)
    });
}

#[test]
fn additive_attention_over_another_batch() {
    let mut model = Model::within(1.0);
    let (queries, keys) = (model.add("queries", &[TOKENS, 5]), model.add("keys", &[8, 5]));
    let (values, weight) = (model.add("values", &[8, 2]), model.add("weight", &[5]));
    let out = model.add("out", &[CLASSES, 7]);
    for (id, factor) in [(out, 4.0), (weight, 3.0), (values, 2.0)] {
        model.params.value_mut(id).iter_mut().for_each(|value| *value *= factor);
    }
    model.check("additive", |graph| {
        let queries = graph.embedding(queries, &[0, 1, 2, 3, 4, 5, 6, 7, 8])?;
        let rows = [0, 1, 2, 3, 4, 5, 6, 7];
        let (keys, values) = (graph.embedding(keys, &rows)?, graph.embedding(values, &rows)?);
        let sizes = (&BATCH_SIZES, &[3, 2, 2, 1]);
        let (seen, weights) =
            graph.additive_attention(queries, sizes.0, keys, values, sizes.1, &[2, 0, 1], weight)?;
        // Four queries read one key, three read four, two read three.
        assert_eq!(weights.cols, 4 + 12 + 6);
        let y = graph.concat(queries, seen)?;
        head(graph, out, y)
    });
}

#[test]
fn norms_with_and_without_a_residual_sum() {
    for norm in [Norm::Layer, Norm::Rms] {
        for (with_bias, dropout) in [(true, 0.0), (false, 0.3)] {
            let mut model = Model::within(1.0);
            let table = model.add("table", &[5, 6]);
            let (first, second) = (model.add("first", &[6]), model.add("second", &[6]));
            let bias = with_bias.then(|| model.add("bias", &[6]));
            let (inner, weight) = (model.add("inner", &[6, 6]), model.add("weight", &[CLASSES, 6]));
            // A stream that counts twice in the loss, and directly.
            let out = model.add("out", &[CLASSES, 6]);
            let params = |weight| NormParams { norm, weight, bias, epsilon: 1e-5 };
            model.check(&format!("{norm:?} {with_bias} {dropout}"), |graph| {
                let x = graph.embedding(table, &IDS)?;
                let y = graph.norm(x, params(first))?;
                let branch = graph.linear(y, inner, None)?;
                let (sum, y) = graph.residual_norm(x, branch, dropout, params(second))?;
                let (plain, logits) = (graph.linear(sum, out, None)?, graph.linear(y, weight, None)?);
                let logits = graph.add(logits, plain)?;
                Ok(graph.cross_entropy(logits, &TARGETS)?.1)
            });
        }
    }
}

#[test]
fn rotary_positions() {
    let mut model = Model::within(1.0);
    let (table, weight) = (model.add("table", &[5, 10]), model.add("weight", &[CLASSES, 10]));
    let positions = [0, 0, 0, 1, 1, 1, 2, 2, 7];
    let rotary = std::rc::Rc::new(Rotary::new(4, 10.0, &positions));
    model.check("rotary", |graph| {
        let x = graph.embedding(table, &IDS)?;
        let y = graph.rotate(x, 2, &rotary)?;
        head(graph, weight, y)
    });
}

#[test]
fn cross_entropy_leaves_the_values_that_others_read_on_the_way_back() {
    let mut model = Model::within(1.0);
    let table = model.add("table", &[5, CLASSES]);
    model.check("activation", |graph| {
        let x = graph.embedding(table, &IDS)?;
        let logits = graph.activate(Activation::Tanh, x);
        Ok(graph.cross_entropy(logits, &TARGETS)?.1)
    });
    let mut model = Model::within(1.0);
    let (table, weights) = (model.add("table", &[5, 4]), direction(&mut model, "rnn", Cell::Gru, 4, CLASSES));
    model.check("recurrent", |graph| {
        let x = graph.embedding(table, &IDS)?;
        let direction = Direction { weights, h0: None, c0: None };
        let logits = graph.recurrent(Cell::Gru, x, &BATCH_SIZES, &[direction])?.y;
        Ok(graph.cross_entropy(logits, &TARGETS)?.1)
    });
}

#[test]
fn dropout() {
    for mask in [Mask::Each, Mask::Sequence(&BATCH_SIZES)] {
        let mut model = Model::within(1.0);
        let (table, weight) = (model.add("table", &[5, 8]), model.add("weight", &[CLASSES, 8]));
        model.check(&format!("{mask:?}"), |graph| {
            let x = graph.embedding(table, &IDS)?;
            let y = graph.dropout(x, 0.3, mask);
            assert!(graph.value(y).contains(&0.0), "something is dropped");
            head(graph, weight, y)
        });
    }
}

#[test]
fn windows() {
    for length in [1, 3] {
        let mut model = Model::within(1.0);
        let (table, weight) = (model.add("table", &[5, 2]), model.add("weight", &[CLASSES, length * 2]));
        let context = vec![0.5; BATCH_SIZES[0] * (length - 1) * 2];
        model.check(&format!("a window of {length}"), |graph| {
            let x = graph.embedding(table, &IDS)?;
            let (y, _) = graph.window(x, &BATCH_SIZES, length, &context)?;
            head(graph, weight, y)
        });
    }
}

#[test]
fn recurrent_layers_and_their_first_states() {
    let (input, hidden) = (3, 4);
    for cell in CELLS {
        for directions in [1, 2] {
            let mut model = Model::within(1.0);
            let table = model.add("table", &[5, input]);
            let weight = model.add("weight", &[CLASSES, directions * hidden]);
            // A head that weighs heavily makes the layers' gradients large.
            model.params.value_mut(weight).iter_mut().for_each(|value| *value *= 4.0);
            let weights: Vec<_> = (0..directions)
                .map(|number| direction(&mut model, &format!("rnn{number}"), cell, input, hidden))
                .collect();
            let states = ["h0", "c0"].map(|name| {
                (name == "h0" || cell.has_cell_state()).then(|| model.add(name, &[BATCH_SIZES[0], hidden]))
            });
            model.check(&format!("{cell:?} in {directions} directions"), |graph| {
                let x = graph.embedding(table, &IDS)?;
                let mut state =
                    |table: Option<ParamId>| table.map(|id| graph.embedding(id, &[0, 1, 2])).transpose();
                let (h0, c0) = (state(states[0])?, state(states[1])?);
                // Both directions begin with the same tensors.
                let directions: Vec<_> =
                    weights.iter().map(|&weights| Direction { weights, h0, c0 }).collect();
                let y = graph.recurrent(cell, x, &BATCH_SIZES, &directions)?.y;
                head(graph, weight, y)
            });
        }
    }
}

#[test]
fn recurrent_final_states() {
    for cell in [Cell::Gru, Cell::Lstm] {
        let mut model = Model::within(1.0);
        let table = model.add("table", &[5, 3]);
        let weights = direction(&mut model, "rnn", cell, 3, CLASSES);
        model.check(&format!("{cell:?}"), |graph| {
            let x = graph.embedding(table, &IDS)?;
            let output =
                graph.recurrent(cell, x, &BATCH_SIZES, &[Direction { weights, h0: None, c0: None }])?;
            let last = output.cn.first().unwrap_or(&output.hn[0]);
            Ok(graph.cross_entropy(*last, &TARGETS[..BATCH_SIZES[0]])?.1)
        });
    }
}

#[test]
fn one_tensor_as_input_and_both_states_of_a_layer() {
    let mut model = Model::within(1.0);
    let (table, weight) = (model.add("table", &[5, 4]), model.add("weight", &[CLASSES, 4]));
    let weights = direction(&mut model, "rnn", Cell::Lstm, 4, 4);
    model.check("the same tensor", |graph| {
        let x = graph.embedding(table, &IDS)?;
        let direction = Direction { weights, h0: Some(x), c0: Some(x) };
        let y = graph.recurrent(Cell::Lstm, x, &[TOKENS], &[direction])?.y;
        head(graph, weight, y)
    });
}

#[test]
fn tied_weights() {
    let mut model = Model::within(1.0);
    let (table, weight) = (model.add("table", &[CLASSES, 4]), model.add("weight", &[4, 4]));
    model.check("tied weights", |graph| {
        let ids: Vec<u32> = IDS.iter().map(|id| id % CLASSES as u32).collect();
        let x = graph.embedding(table, &ids)?;
        let y = graph.linear(x, weight, None)?;
        let y = graph.activate(Activation::Tanh, y);
        // The weight again, and the embedding's table as the last layer's.
        let y = graph.linear(y, weight, None)?;
        head(graph, table, y)
    });
}

#[test]
fn a_tensor_used_by_two_operations() {
    let mut model = Model::within(1.0);
    let (table, weight) = (model.add("table", &[5, 3]), model.add("weight", &[CLASSES, 3]));
    let weights = direction(&mut model, "rnn", Cell::Tanh, 3, 3);
    model.check("a tensor used twice", |graph| {
        let x = graph.embedding(table, &IDS)?;
        // All sequences have one step: `x` is the input, and what is made from it the state.
        let h0 = Some(graph.linear(x, weight, None)?);
        let y = graph.recurrent(Cell::Tanh, x, &[TOKENS], &[Direction { weights, h0, c0: None }])?.y;
        head(graph, weight, y)
    });
}

#[test]
fn a_wrong_gradient_is_found() {
    let mut model = Model::within(1.0);
    let (right, wrong) = (model.add("right", &[CLASSES, 4]), model.add("wrong", &[TOKENS, 4]));
    let found = model.disagreements(|graph| {
        // The values enter the loss but not the tape: their gradient is missing.
        let detached = graph.params().value(wrong).to_vec();
        let x = graph.constant(&detached, TOKENS, 4)?;
        head(graph, right, x)
    });
    assert!(!found.is_empty());
    for Disagreement { name, tape, difference, .. } in &found {
        assert_eq!((name.as_str(), *tape), ("wrong", 0.0));
        assert!(difference.abs() > 1e-3);
    }
}

#[test]
fn a_variable_reads_its_own_gradient() {
    let device = Device::new(1, Precision::F32);
    let (mut params, mut workspace) = (Params::new(), Workspace::new());
    let weight = params.add("weight", &[1, 2], &[3.0, -4.0]);
    let mut gradients = Gradients::of(&params);
    let mut graph = Graph::train(&device, &params, &mut gradients, &mut workspace, 1);
    let x = graph.variable(&[1.0, 2.0], 1, 2).unwrap();
    let constant = graph.constant(&[1.0, 2.0], 1, 2).unwrap();
    for x in [x, x, constant] {
        let y = graph.linear(x, weight, None).unwrap();
        graph.backward(y, 0.5).unwrap();
    }
    assert_eq!(graph.grad(x), [3.0, -4.0]);
    assert_eq!(graph.grad(constant), []);
    drop(graph);
    assert_eq!(gradients.value(weight), [1.5, 3.0]);
}
