//! Poolings: what each makes of sequences of unequal length, and the gradients of the one that learns.

use anaphora_autograd::check;
use anaphora_nn::{Builder, Device, Graph, Params, Pooler, Precision, Reduction, Workspace};

const BATCH_SIZES: [usize; 4] = [3, 3, 2, 1];
const SEQUENCES: [&[usize]; 3] = [&[0, 3, 6, 8], &[1, 4, 7], &[2, 5]];
const TOKENS: usize = 9;
const WIDTH: usize = 5;

fn wave(len: usize) -> Vec<f32> {
    (0..len).map(|i| (i as f32 * 1.7).sin()).collect()
}

#[test]
fn each_sequence_becomes_a_row() {
    let x = wave(TOKENS * WIDTH);
    let row = |row: usize| &x[row * WIDTH..][..WIDTH];
    for reduction in [Some(Reduction::Last), Some(Reduction::Mean), Some(Reduction::Max), None] {
        let (mut params, mut workspace) = (Params::new(), Workspace::new());
        let pooler = match reduction {
            Some(reduction) => Pooler::Reduction(reduction),
            None => Pooler::attention(&mut Builder::random(&mut params, 1), "pool", WIDTH),
        };
        let query: Vec<f32> = wave(WIDTH).iter().map(|value| 3.0 * value).collect();
        if let Some(id) = params.find("pool.query") {
            params.value_mut(id).copy_from_slice(&query);
        }
        let device = Device::new(2, Precision::F32);
        let graph = &mut Graph::infer(&device, &params, &mut workspace);
        let tensor = graph.constant(&x, TOKENS, WIDTH).unwrap();
        let y = pooler.forward(graph, tensor, &BATCH_SIZES).unwrap();
        assert_eq!(y.shape(), [3, WIDTH]);
        for (found, rows) in graph.value(y).chunks(WIDTH).zip(SEQUENCES) {
            let score = |&at: &usize| {
                let dot: f32 = row(at).iter().zip(&query).map(|(x, q)| x * q).sum();
                (dot / (WIDTH as f32).sqrt()).exp()
            };
            let total: f32 = rows.iter().map(score).sum();
            for (column, found) in found.iter().enumerate() {
                let mut values = rows.iter().map(|&at| row(at)[column]);
                let expected = match reduction {
                    Some(Reduction::Last) => values.next_back().unwrap(),
                    Some(Reduction::Mean) => values.sum::<f32>() / rows.len() as f32,
                    Some(Reduction::Max) => values.fold(f32::NEG_INFINITY, f32::max),
                    None => rows.iter().map(score).zip(values).map(|(s, v)| s / total * v).sum(),
                };
                assert!((found - expected).abs() < 1e-5, "{pooler:?}: {found} instead of {expected}");
            }
        }
    }
}

#[test]
fn attention_learns_what_to_look_for() {
    let mut params = Params::new();
    let pooler = Pooler::attention(&mut Builder::random(&mut params, 1), "pool", WIDTH);
    let table = params.add("table", &[TOKENS, WIDTH], &wave(TOKENS * WIDTH));
    let device = Device::new(2, Precision::F32);
    // At the zeros that the query begins with, and elsewhere.
    for query in [[0.0; WIDTH], [1.0, -0.5, 2.0, 0.3, -1.0]] {
        let id = params.find("pool.query").unwrap();
        params.value_mut(id).copy_from_slice(&query);
        let found = check::gradients(&device, &mut params, usize::MAX, 1e-3, 1e-3, |graph| {
            let x = graph.embedding(table, &[0, 1, 2, 3, 4, 5, 6, 7, 8])?;
            let y = pooler.forward(graph, x, &BATCH_SIZES)?;
            Ok(graph.cross_entropy(y, &[0, 3, 1])?.1)
        });
        let (wrong, gradients) = found.unwrap();
        assert_eq!(wrong, []);
        assert!(gradients.value(id).iter().any(|grad| grad.abs() > 0.01), "{:?}", gradients.value(id));
    }
}
