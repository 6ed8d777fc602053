//! General operations: what they compute, and their gradients against finite differences.

use anaphora_autograd::{
    Activation, Device, Gradients, Graph, Params, Precision, ShapeError, Tensor, Workspace,
};

use super::model::{CLASSES, Model, TOKENS, head};

const IDS: [u32; TOKENS] = [0, 1, 2, 3, 4, 5, 6, 7, 8];

/// Checks the gradients of what `f` makes of two tensors `[TOKENS, 4]`, as a model ends with it.
fn check(what: &str, cols: usize, f: impl Fn(&mut Graph, Tensor, Tensor) -> Result<Tensor, ShapeError>) {
    let mut model = Model::within(1.0);
    let [a, b] = ["a", "b"].map(|name| model.add(name, &[TOKENS, 4]));
    let weight = model.add("weight", &[CLASSES, cols]);
    model.check(what, |graph| {
        let (a, b) = (graph.embedding(a, &IDS)?, graph.embedding(b, &IDS)?);
        let y = f(graph, a, b)?;
        head(graph, weight, y)
    });
}

/// The values of what `f` makes of `[[1, 2, 3], [4, 5, 6]]` and `[[2, 0, -1], [1, 3, 0.5]]`.
fn values(f: impl Fn(&mut Graph, Tensor, Tensor) -> Result<Tensor, ShapeError>) -> Vec<f32> {
    let (device, params, mut workspace) = (Device::new(2, Precision::F32), Params::new(), Workspace::new());
    let mut graph = Graph::infer(&device, &params, &mut workspace);
    let a = graph.constant(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], 2, 3).unwrap();
    let b = graph.constant(&[2.0, 0.0, -1.0, 1.0, 3.0, 0.5], 2, 3).unwrap();
    let y = f(&mut graph, a, b).unwrap();
    graph.value(y).to_vec()
}

#[test]
fn products_differences_and_multiples() {
    assert_eq!(values(|graph, a, b| graph.mul(a, b)), [2.0, 0.0, -3.0, 4.0, 15.0, 3.0]);
    assert_eq!(values(|graph, a, b| graph.sub(a, b)), [-1.0, 2.0, 4.0, 3.0, 2.0, 5.5]);
    assert_eq!(values(|graph, a, _| graph.scale(a, -0.5)), [-0.5, -1.0, -1.5, -2.0, -2.5, -3.0]);
    assert_eq!(values(|graph, a, _| graph.sub(a, a)), [0.0; 6]);
    check("mul", 4, |graph, a, b| graph.mul(a, b));
    check("a square", 4, |graph, a, b| {
        let square = graph.mul(a, a)?;
        graph.add(square, b)
    });
    check("sub", 4, |graph, a, b| graph.sub(a, b));
    check("scale", 4, |graph, a, b| {
        let a = graph.scale(a, -1.5)?;
        graph.add(a, b)
    });
}

#[test]
fn functions() {
    let near = |found: Vec<f32>, expected: [f64; 6]| {
        found.iter().zip(expected).for_each(|(a, b)| assert!((f64::from(*a) - b).abs() < 1e-6, "{a} {b}"));
    };
    let x = [1.0f64, 2.0, 3.0, 4.0, 5.0, 6.0];
    near(values(|graph, a, _| Ok(graph.sigmoid(a))), x.map(|x| 1.0 / (1.0 + (-x).exp())));
    near(values(|graph, a, _| Ok(graph.tanh(a))), x.map(f64::tanh));
    let of_row = |x: [f64; 3]| {
        let sum: f64 = x.iter().map(|x| x.exp()).sum();
        x.map(|x| x.exp() / sum)
    };
    let ([a, b, c], [d, e, f]) = (of_row([2.0, 0.0, -1.0]), of_row([1.0, 3.0, 0.5]));
    near(values(|graph, _, b| graph.softmax(b)), [a, b, c, d, e, f]);
    check("sigmoid", 4, |graph, a, b| {
        let gate = graph.sigmoid(a);
        graph.mul(gate, b)
    });
    check("tanh", 4, |graph, a, b| {
        let gate = graph.tanh(a);
        graph.mul(gate, b)
    });
    check("softmax", 4, |graph, a, b| {
        let weights = graph.softmax(a)?;
        graph.mul(weights, b)
    });
}

#[test]
fn matrix_products() {
    let product = values(|graph, a, b| {
        let b = graph.slice_cols(b, 1..3)?;
        let b = graph.stack(&[b, b])?;
        let b = graph.slice_rows(b, 0..3)?;
        graph.matmul(a, b)
    });
    assert_eq!(product, [6.0, -3.0, 15.0, -7.5]);
    check("matmul", 4, |graph, a, b| {
        let b = graph.slice_rows(b, 2..6)?;
        graph.matmul(a, b)
    });
    // Both sides one tensor.
    check("a power", 4, |graph, a, b| {
        let a = graph.slice_rows(a, 1..5)?;
        let a = graph.matmul(a, a)?;
        let b = graph.slice_rows(b, 1..5)?;
        graph.add(a, b)
    });
}

#[test]
fn slices() {
    assert_eq!(values(|graph, a, _| graph.slice_rows(a, 1..2)), [4.0, 5.0, 6.0]);
    assert_eq!(values(|graph, a, _| graph.slice_cols(a, 1..3)), [2.0, 3.0, 5.0, 6.0]);
    assert_eq!(values(|graph, a, _| graph.slice_cols(a, 1..1)), []);
    check("rows", 4, |graph, a, b| {
        // Each row is read, some of them twice.
        let parts = [graph.slice_rows(a, 0..6)?, graph.slice_rows(a, 6..9)?];
        let again = graph.slice_rows(a, 2..8)?;
        let b = graph.slice_rows(b, 3..9)?;
        let again = graph.mul(again, b)?;
        let y = graph.stack(&[parts[0], again])?;
        let y = graph.slice_rows(y, 2..8)?;
        let rest = graph.slice_rows(b, 0..3)?;
        let rest = graph.mul(rest, parts[1])?;
        graph.stack(&[y, rest])
    });
    check("columns", 4, |graph, a, b| {
        let (left, right) = (graph.slice_cols(a, 0..3)?, graph.slice_cols(a, 3..4)?);
        let b = graph.slice_cols(b, 0..4)?;
        let a = graph.concat(right, left)?;
        graph.mul(a, b)
    });
}

#[test]
fn threads_do_not_change_a_bit() {
    let run = |threads| {
        let device = Device::new(threads, Precision::F32);
        let (params, mut workspace) = (Params::new(), Workspace::new());
        let mut gradients = Gradients::of(&params);
        let graph = &mut Graph::train(&device, &params, &mut gradients, &mut workspace, 1);
        let wave = |factor: f32| (0..67 * 67).map(|i| (i as f32 * factor).sin()).collect::<Vec<_>>();
        let [a, b] = [1.7, 0.3].map(|factor| graph.variable(&wave(factor), 67, 67).unwrap());
        let product = graph.matmul(a, b).unwrap();
        let weights = graph.softmax(product).unwrap();
        let gate = graph.sigmoid(a);
        let y = graph.mul(weights, gate).unwrap();
        let y = graph.sub(y, b).unwrap();
        let y = graph.scale(y, 0.7).unwrap();
        let y = graph.activate(Activation::Gelu, y);
        graph.backward_from(&[(y, &wave(0.9))]).unwrap();
        [graph.value(y), graph.grad(a), graph.grad(b)].map(<[f32]>::to_vec)
    };
    let expected = run(1);
    assert!(run(2) == expected && run(3) == expected);
}
