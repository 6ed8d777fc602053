//! Gathered and pooled rows: what they hold, their gradients, and the same bits whatever the number of threads.

use anaphora_autograd::{
    Device, Gradients, Graph, NOWHERE, Params, Precision, Reduction, ShapeError, Tensor, Workspace,
};

use super::model::{BATCH_SIZES, CLASSES, Model, TOKENS, head};

const IDS: [u32; TOKENS] = [0, 1, 2, 3, 4, 5, 6, 7, 8];
const REDUCTIONS: [Reduction; 3] = [Reduction::Last, Reduction::Mean, Reduction::Max];

/// The result of `f` on a matrix of `rows`, and the gradient of that for an upstream gradient, with `threads` threads.
fn run(
    threads: usize,
    [rows, cols]: [usize; 2],
    f: impl Fn(&mut Graph, Tensor) -> Result<Tensor, ShapeError>,
) -> [Vec<f32>; 2] {
    let device = Device::new(threads, Precision::F32);
    let (params, mut workspace) = (Params::new(), Workspace::new());
    let mut gradients = Gradients::of(&params);
    let graph = &mut Graph::train(&device, &params, &mut gradients, &mut workspace, 1);
    let wave = |len: usize| (0..len).map(|i| (i as f32 * 1.7).sin()).collect::<Vec<_>>();
    let x = graph.variable(&wave(rows * cols), rows, cols).unwrap();
    let y = f(graph, x).unwrap();
    graph.backward_from(&[(y, &wave(y.rows * y.cols))]).unwrap();
    [graph.value(y).to_vec(), graph.grad(x).to_vec()]
}

#[test]
fn gathered_rows_stand_behind_each_other() {
    let device = Device::new(1, Precision::F32);
    let (params, mut workspace) = (Params::new(), Workspace::new());
    let mut gradients = Gradients::of(&params);
    let graph = &mut Graph::train(&device, &params, &mut gradients, &mut workspace, 1);
    let x = graph.variable(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], 3, 2).unwrap();
    let y = graph.gather(x, &[2, 0, NOWHERE, 2], 2).unwrap();
    assert_eq!(y.shape(), [2, 4]);
    assert_eq!(graph.value(y), [5.0, 6.0, 1.0, 2.0, 0.0, 0.0, 5.0, 6.0]);
    graph.backward_from(&[(y, &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0])]).unwrap();
    assert_eq!(graph.grad(x), [3.0, 4.0, 0.0, 0.0, 8.0, 10.0]);
}

#[test]
fn gradients_of_stacked_rows() {
    let mut model = Model::within(1.0);
    let (table, weight) = (model.add("table", &[TOKENS, 4]), model.add("weight", &[CLASSES, 4]));
    model.check("stacked rows", |graph| {
        let x = graph.embedding(table, &IDS)?;
        let [first, second] = [&[3, 1, 0][..], &[2]].map(|rows| graph.gather(x, rows, 1));
        let (first, second) = (first?, second?);
        // One of them twice.
        let y = graph.stack(&[second, first, second])?;
        assert_eq!(y.shape(), [5, 4]);
        assert_eq!(graph.value(y)[..4], graph.value(x)[8..12]);
        head(graph, weight, y)
    });
}

#[test]
fn gradients_of_gathered_rows() {
    for width in [1, 4] {
        let mut model = Model::within(1.0);
        let (table, weight) =
            (model.add("table", &[TOKENS, width]), model.add("weight", &[CLASSES, 3 * width]));
        model.check(&format!("rows of {width}"), |graph| {
            let x = graph.embedding(table, &IDS)?;
            let y = graph.gather(x, &[1, 5, 5, NOWHERE, 8, 0, 7, 1, 2, 3, 6, 4], 3)?;
            head(graph, weight, y)
        });
    }
}

#[test]
fn gradients_of_pooled_sequences() {
    for reduction in REDUCTIONS {
        let mut model = Model::within(1.0);
        let (table, weight) = (model.add("table", &[TOKENS, 5]), model.add("weight", &[CLASSES, 5]));
        model.check(&format!("{reduction:?}"), |graph| {
            let x = graph.embedding(table, &IDS)?;
            let y = graph.pool(x, &BATCH_SIZES, reduction)?;
            head(graph, weight, y)
        });
    }
}

#[test]
fn pooled_rows_are_those_of_each_sequence_alone() {
    let wave: Vec<f32> = (0..TOKENS * 2).map(|i| (i as f32 * 1.7).sin()).collect();
    let sequences: [&[usize]; 3] = [&[0, 3, 6, 8], &[1, 4, 7], &[2, 5]];
    for reduction in REDUCTIONS {
        let [found, _] = run(2, [TOKENS, 2], |graph, x| graph.pool(x, &BATCH_SIZES, reduction));
        for (sequence, rows) in sequences.iter().enumerate() {
            for column in 0..2 {
                let mut values = rows.iter().map(|row| wave[row * 2 + column]);
                let expected = match reduction {
                    Reduction::Last => values.next_back().unwrap(),
                    Reduction::Mean => values.sum::<f32>() / rows.len() as f32,
                    Reduction::Max => values.fold(f32::NEG_INFINITY, f32::max),
                };
                let found = found[sequence * 2 + column];
                assert!((found - expected).abs() < 1e-6, "{reduction:?}: {found} instead of {expected}");
            }
        }
    }
}

#[test]
fn the_first_of_equal_largest_values_has_the_gradient() {
    let device = Device::new(1, Precision::F32);
    let (params, mut workspace) = (Params::new(), Workspace::new());
    let mut gradients = Gradients::of(&params);
    let graph = &mut Graph::train(&device, &params, &mut gradients, &mut workspace, 1);
    let x = graph.variable(&[0.0, 7.0, 7.0], 3, 1).unwrap();
    let y = graph.pool(x, &[1, 1, 1], Reduction::Max).unwrap();
    graph.backward_from(&[(y, &[3.0])]).unwrap();
    assert_eq!(graph.grad(x), [0.0, 3.0, 0.0]);
}

#[test]
fn threads_do_not_change_a_bit() {
    let batch_sizes = [17, 17, 16, 9, 1, 1];
    let rows = batch_sizes.iter().sum::<usize>();
    let indices: Vec<u32> =
        (0..rows * 15).map(|i| if i % 11 == 0 { NOWHERE } else { (i * i % rows) as u32 }).collect();
    for cols in [1, 15, 33] {
        let gather = |threads| run(threads, [rows, cols], |graph, x| graph.gather(x, &indices, 3));
        assert_eq!(gather(1), gather(2));
        assert_eq!(gather(1), gather(3));
        for reduction in REDUCTIONS {
            let pool =
                |threads| run(threads, [rows, cols], |graph, x| graph.pool(x, &batch_sizes, reduction));
            assert_eq!(pool(1), pool(2), "{reduction:?}");
            assert_eq!(pool(1), pool(3), "{reduction:?}");
        }
    }
}
