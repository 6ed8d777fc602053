//! Whole training steps: what they allocate, and that threads do not change their bits.

use anaphora_autograd::optimizer::{AdamW, AdamWOptions, Optimizer};
use anaphora_autograd::{
    Cell, Device, Direction, Gradients, Graph, Mask, ParamId, Params, Precision, ShapeError, Workspace,
};

/// Embedding, dropout, two recurrent layers of which the first reads in both directions, and a tied linear layer.
struct Model {
    params: Params,
    gradients: Gradients,
    cell: Cell,
    vocab: usize,
    hidden: usize,
    table: ParamId,
    layers: [Vec<[ParamId; 4]>; 2],
    bias: ParamId,
}

impl Model {
    fn new(cell: Cell, vocab: usize, hidden: usize) -> Self {
        let mut params = Params::new();
        let mut seed = 0u64;
        let mut add = |name: String, shape: &[usize]| {
            let values: Vec<f32> = (0..shape.iter().product())
                .map(|_| {
                    seed += 1;
                    // Evenly spread (Weyl's sequence).
                    ((seed as f64 * 0.618_033_988_749_895).fract() - 0.5) as f32 * 0.3
                })
                .collect();
            params.add(name, shape, &values)
        };
        let rows = cell.gates() * hidden;
        let mut direction = |name: &str, input: usize| {
            [("ih", &[rows, input][..]), ("hh", &[rows, hidden]), ("bias_ih", &[rows]), ("bias_hh", &[rows])]
                .map(|(weight, shape)| add(format!("{name}.{weight}"), shape))
        };
        let layers = [
            vec![direction("forward", hidden), direction("reverse", hidden)],
            vec![direction("upper", 2 * hidden)],
        ];
        let (table, bias) = (add("table".into(), &[vocab, hidden]), add("bias".into(), &[vocab]));
        let gradients = Gradients::of(&params);
        Self { params, gradients, cell, vocab, hidden, table, layers, bias }
    }

    /// One forward and backward pass; returns the loss.
    fn pass(
        &mut self,
        device: &Device,
        workspace: &mut Workspace,
        batch_sizes: &[usize],
        seed: u64,
    ) -> Result<f32, ShapeError> {
        let Self { params, gradients, cell, vocab, hidden, table, layers, bias } = self;
        let tokens: usize = batch_sizes.iter().sum();
        let ids: Vec<u32> = (0..tokens).map(|i| (i * 7 % *vocab) as u32).collect();
        gradients.zero();
        let mut graph = Graph::train(device, params, gradients, workspace, seed);
        let zeros = vec![0.0; batch_sizes[0] * *hidden];
        let zero = graph.constant(&zeros, batch_sizes[0], *hidden)?;
        let mut x = graph.embedding(*table, &ids)?;
        for layer in layers {
            x = graph.dropout(x, 0.2, Mask::Each);
            let directions: Vec<_> =
                layer.iter().map(|&weights| Direction { weights, h0: Some(zero), c0: None }).collect();
            x = graph.recurrent(*cell, x, batch_sizes, &directions)?.y;
        }
        x = graph.dropout(x, 0.2, Mask::Sequence(batch_sizes));
        let logits = graph.linear(x, *table, Some(*bias))?;
        let (_, loss) = graph.cross_entropy(logits, &ids)?;
        graph.backward(loss, 1.0)?;
        Ok(graph.value(loss)[0])
    }
}

/// Some steps of AdamW with clipping: the losses and all weights after them, as bits.
fn train(
    cell: Cell,
    precision: Precision,
    threads: usize,
    sizes: [usize; 2],
    batch_sizes: &[usize],
) -> Vec<u32> {
    let device = Device::new(threads, precision);
    let [vocab, hidden] = sizes;
    let mut model = Model::new(cell, vocab, hidden);
    let mut workspace = Workspace::new();
    let options = AdamWOptions { betas: [0.9, 0.99], epsilon: 1e-8, weight_decay: 0.1 };
    let mut optimizer = AdamW::new(&model.params, options);
    let mut bits = Vec::new();
    for step in 1..=2 {
        bits.push(model.pass(&device, &mut workspace, batch_sizes, step).unwrap().to_bits());
        bits.extend(model.gradients.values().iter().map(|grad| grad.to_bits()));
        let scale = (0.1 / model.gradients.norm(&device)).min(1.0);
        optimizer.step(&device, &mut model.params, &model.gradients, 1e-2, scale);
    }
    bits.extend(model.params.values().iter().map(|value| value.to_bits()));
    bits
}

#[test]
fn threads_do_not_change_a_bit() {
    // At these sizes some thread is left with a single row, or with nothing.
    let sizes = [33, 49];
    let (f32, bf16) = (Precision::F32, Precision::Bf16);
    for (cell, precision) in [(Cell::Tanh, f32), (Cell::Gru, f32), (Cell::Lstm, f32), (Cell::Lstm, bf16)] {
        for batch_sizes in [&[5, 3, 1][..], &[1, 1, 1]] {
            let expected = train(cell, precision, 1, sizes, batch_sizes);
            for threads in [2, 3] {
                let found = train(cell, precision, threads, sizes, batch_sizes);
                let differing = found.iter().zip(&expected).filter(|(a, b)| a != b).count();
                assert_eq!(
                    differing, 0,
                    "{cell:?} in {precision:?}, {batch_sizes:?}: {threads} threads and one"
                );
            }
        }
    }
}

#[test]
fn a_workspace_serves_one_device_after_another() {
    let [vocab, hidden] = [33, 49];
    let (mut model, mut workspace) = (Model::new(Cell::Lstm, vocab, hidden), Workspace::new());
    let devices = [(1, Precision::F32), (3, Precision::F32), (2, Precision::Bf16), (2, Precision::F32)];
    for (threads, precision) in devices {
        let device = Device::new(threads, precision);
        let mut pass = |workspace: &mut Workspace| {
            let loss = model.pass(&device, workspace, &[5, 3, 1], 1).unwrap();
            (loss.to_bits(), model.gradients.values().to_vec())
        };
        let fresh = pass(&mut Workspace::new());
        assert!(fresh == pass(&mut workspace), "{threads} threads, {precision:?}");
    }
}

#[test]
fn a_steady_step_allocates_no_activations() {
    let (vocab, hidden, batch_sizes) = (50, 64, [32; 10]);
    let activation = 32 * 10 * hidden * size_of::<f32>();
    for (cell, precision) in [(Cell::Gru, Precision::F32), (Cell::Lstm, Precision::Bf16)] {
        // One thread: what is counted is what this thread allocates.
        let device = Device::new(1, precision);
        let (mut model, mut workspace) = (Model::new(cell, vocab, hidden), Workspace::new());
        let bytes = [1, 2, 3].map(|seed| {
            let pass =
                || assert!(model.pass(&device, &mut workspace, &batch_sizes, seed).unwrap().is_finite());
            allocation_counter::measure(pass).bytes_total as usize
        });
        let what = format!(
            "{cell:?} in {precision:?}: {bytes:?} bytes in three steps, an activation has {activation}"
        );
        assert!(bytes[0] > 10 * activation, "the first step lays out its workspace; {what}");
        assert!(bytes[2] < activation / 2, "{what}");
    }
}
