//! A tensor overwritten by an operation: reading it again is an error that names the operation.

use anaphora_autograd::{
    Activation, Device, Gradients, Graph, Mask, Params, Precision, ShapeError, Workspace,
};

#[test]
fn reading_what_was_consumed_is_an_error_that_names_both_operations() {
    let device = Device::new(1, Precision::F32);
    let (mut params, mut workspace) = (Params::new(), Workspace::new());
    let weight = params.add("weight", &[3, 3], &[0.5; 9]);
    let mut gradients = Gradients::of(&params);
    let mut graph = Graph::train(&device, &params, &mut gradients, &mut workspace, 1);
    let x = graph.constant(&[1.0; 6], 2, 3).unwrap();
    let other = graph.constant(&[1.0; 6], 2, 3).unwrap();
    let square = graph.constant(&[1.0; 9], 3, 3).unwrap();
    let logits = graph.linear(x, weight, None).unwrap();
    let (_, loss) = graph.cross_entropy(logits, &[0, 1]).unwrap();

    let gone = "the values of `linear` were consumed by `cross_entropy`, which must be the last to read them; read them \
                before it, or compute them again";
    let dropped = graph.dropout(logits, 0.5, Mask::Each);
    let activated = graph.activate(Activation::Tanh, dropped);
    assert_eq!(activated.shape(), [2, 3]);
    let cases: Vec<(&str, Result<(), ShapeError>)> = vec![
        ("add", graph.add(logits, other).map(drop)),
        ("add", graph.add(other, logits).map(drop)),
        ("sub", graph.sub(other, logits).map(drop)),
        ("mul", graph.mul(other, logits).map(drop)),
        ("matmul", graph.matmul(logits, square).map(drop)),
        ("scale", graph.scale(logits, 2.0).map(drop)),
        ("softmax", graph.softmax(logits).map(drop)),
        ("slice_rows", graph.slice_rows(logits, 0..1).map(drop)),
        ("slice_cols", graph.slice_cols(logits, 0..1).map(drop)),
        ("concat", graph.concat(other, logits).map(drop)),
        ("stack", graph.stack(&[other, logits]).map(drop)),
        ("gather", graph.gather(logits, &[0], 1).map(drop)),
        ("linear", graph.linear(logits, weight, None).map(drop)),
        ("window", graph.window(logits, &[2], 1, &[]).map(drop)),
        ("pool", graph.pool(logits, &[2], anaphora_autograd::Reduction::Mean).map(drop)),
        ("cross_entropy", graph.cross_entropy(logits, &[0, 1]).map(drop)),
        ("squared_error", graph.squared_error(logits, &[0.0; 6]).map(drop)),
        ("binary_cross_entropy", graph.binary_cross_entropy(logits, &[0.0; 6], None).map(drop)),
        // What was made of it by operations that do not fail is not there either.
        ("softmax", graph.softmax(activated).map(drop)),
    ];
    for (operation, result) in cases {
        let error = result.expect_err("what is not there cannot be read");
        assert!(matches!(error, ShapeError::Consumed { .. }));
        assert_eq!(error.to_string(), format!("{operation}: {gone}"));
    }
    // All the same the tape is whole.
    graph.backward(loss, 1.0).unwrap();
    drop(graph);
    assert!(gradients.value(weight).iter().any(|&grad| grad != 0.0));
}

#[test]
#[should_panic = "the values of `constant` were consumed by `add`"]
fn values_that_were_consumed_are_not_empty_or_others() {
    let (device, params, mut workspace) = (Device::new(1, Precision::F32), Params::new(), Workspace::new());
    let mut graph = Graph::infer(&device, &params, &mut workspace);
    let [a, b] = [1.0, 2.0].map(|value| graph.constant(&[value], 1, 1).unwrap());
    let sum = graph.add(a, b).unwrap();
    assert_eq!(graph.value(sum), [3.0]);
    graph.value(a);
}
