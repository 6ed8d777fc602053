//! Losses against finite differences, and the same bits whatever the number of threads.

use anaphora_autograd::{
    CrossEntropy, Device, Gradients, Graph, Params, Precision, ShapeError, Tensor, Workspace,
};

use super::model::{CLASSES, Model, TARGETS, TOKENS};

const IDS: [u32; TOKENS] = [0, 1, 2, 3, 4, 5, 6, 7, 8];

type Losses = Result<(Tensor, Tensor), ShapeError>;

/// Every loss: its name, the columns that it reads and those of its targets.
const LOSSES: [(&str, usize, usize); 8] = [
    ("smoothed", CLASSES, 1),
    ("weighted", CLASSES, 1),
    ("smoothed and weighted", CLASSES, 1),
    ("binary", 5, 5),
    ("squared", 3, 3),
    ("absolute", 3, 3),
    ("gaussian", 6, 3),
    ("quantile", 6, 2),
];

fn loss(graph: &mut Graph, name: &str, x: Tensor, targets: &[f32]) -> Losses {
    let weights = Some(&[0.5, 2.0, 1.25][..]);
    let classes: Vec<u32> = (0..x.rows).map(|row| TARGETS[row % TOKENS]).collect();
    let mut with = |label_smoothing, weights| {
        graph.cross_entropy_with(x, &classes, &CrossEntropy { label_smoothing, weights })
    };
    match name {
        "smoothed" => with(0.1, None),
        "weighted" => with(0.0, weights),
        "smoothed and weighted" => with(0.2, weights),
        "binary" => {
            let weights: Vec<f32> = (0..x.cols).map(|column| 0.5 + column as f32 * 0.03).collect();
            graph.binary_cross_entropy(x, targets, Some(&weights))
        }
        "squared" => graph.squared_error(x, targets),
        "absolute" => graph.absolute_error(x, targets),
        "gaussian" => graph.gaussian(x, targets),
        "quantile" => graph.quantile(x, targets, &[0.1, 0.5, 0.9]),
        _ => unreachable!("{name}"),
    }
}

/// Values between 0 and 1.
fn targets(len: usize) -> Vec<f32> {
    (0..len).map(|i| (i as f32 * 0.618_034 + 0.37).fract()).collect()
}

#[test]
fn gradients() {
    for (name, cols, target_cols) in LOSSES {
        let mut model = Model::within(1.0);
        let table = model.add("table", &[TOKENS, cols]);
        model.check(name, |graph| {
            let x = graph.embedding(table, &IDS)?;
            Ok(loss(graph, name, x, &targets(TOKENS * target_cols))?.1)
        });
    }
}

#[test]
fn threads_do_not_change_a_bit() {
    // One that is wider than what is worked on at once.
    for (name, cols, target_cols) in LOSSES.into_iter().chain([("binary", 70, 70)]) {
        for rows in [1, 17, 33] {
            let run = |threads| {
                let device = Device::new(threads, Precision::F32);
                let (params, mut workspace) = (Params::new(), Workspace::new());
                let mut gradients = Gradients::of(&params);
                let graph = &mut Graph::train(&device, &params, &mut gradients, &mut workspace, 1);
                let values: Vec<f32> = (0..rows * cols).map(|i| (i as f32 * 1.7).sin() * 3.0).collect();
                let x = graph.variable(&values, rows, cols).unwrap();
                let (losses, mean) = loss(graph, name, x, &targets(rows * target_cols)).unwrap();
                assert_eq!((losses.shape(), mean.shape()), ([rows, 1], [1, 1]));
                graph.backward(mean, 1.0).unwrap();
                [graph.value(losses), graph.value(mean), graph.grad(x)].map(<[f32]>::to_vec)
            };
            assert_eq!(run(1), run(2), "{name}");
            assert_eq!(run(1), run(3), "{name}");
        }
    }
}

#[test]
fn values_that_others_read_on_the_way_back_stay() {
    let mut model = Model::within(1.0);
    let (table, weight) = (model.add("table", &[TOKENS, 3]), model.add("weight", &[3, 3]));
    model.check("one tensor and two losses", |graph| {
        let x = graph.embedding(table, &IDS)?;
        let y = graph.linear(x, weight, None)?;
        let y = graph.activate(anaphora_autograd::Activation::Tanh, y);
        Ok(graph.squared_error(y, &targets(TOKENS * 3))?.1)
    });
}

#[test]
fn classes_that_do_not_count_have_no_loss() {
    let device = Device::new(1, Precision::F32);
    let (params, mut workspace) = (Params::new(), Workspace::new());
    let mut gradients = Gradients::of(&params);
    let graph = &mut Graph::train(&device, &params, &mut gradients, &mut workspace, 1);
    let x = graph.variable(&[1.0, 2.0, 3.0, 4.0], 2, 2).unwrap();
    let options = CrossEntropy { label_smoothing: 0.1, weights: Some(&[0.0, 1.0]) };
    let (_, mean) = graph.cross_entropy_with(x, &[0, 0], &options).unwrap();
    assert_eq!(graph.value(mean), [0.0]);
    graph.backward(mean, 1.0).unwrap();
    assert_eq!(graph.grad(x), [0.0; 4]);
}
