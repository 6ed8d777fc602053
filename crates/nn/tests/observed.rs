//! What is seen of a pass is what happened in it.

use anaphora_nn::trace::{Place, Trace, rows_of};
use anaphora_nn::{
    Builder, Cell, Device, Gradients, Graph, Params, Precision, Recurrent, RecurrentOptions, Tensor,
    Workspace,
};

const SIZES: [usize; 4] = [3, 2, 2, 1];
const INPUT: usize = 5;
const HIDDEN: usize = 20;

fn stack(cell: Cell, bidirectional: bool) -> (Params, Recurrent) {
    let mut params = Params::new();
    let options = RecurrentOptions {
        cell,
        input_size: INPUT,
        hidden_size: HIDDEN,
        layers: 2,
        bidirectional,
        dropout: 0.5,
        variational: false,
        forget_bias: 1.0,
        chrono: None,
    };
    let stack = Recurrent::new(&mut Builder::random(&mut params, 3), "rnn", options);
    (params, stack)
}

fn numbers(device: &Device, seed: u64, count: usize) -> Vec<f32> {
    let mut values = vec![0.0; count];
    device.fill_normal(seed, &mut values, 1.0);
    values
}

/// Output, last states and gradients of all weights, from the sum of all outputs weighted by random numbers.
fn pass(graph: &mut Graph, device: &Device, stack: &Recurrent) -> (Vec<f32>, Vec<Vec<f32>>) {
    let x = numbers(device, 1, 8 * INPUT);
    let x = graph.constant(&x, 8, INPUT).unwrap();
    let (y, ends) = stack.run(graph, x, &SIZES, &[]).unwrap();
    let results = (graph.value(y).to_vec(), ends.iter().map(|&end| graph.value(end).to_vec()).collect());
    let pull = |tensor: Tensor, seed| (tensor, numbers(device, seed, tensor.rows * tensor.cols));
    let starts: Vec<_> =
        std::iter::once(y).chain(ends).zip(7..).map(|(tensor, seed)| pull(tensor, seed)).collect();
    let starts: Vec<(Tensor, &[f32])> =
        starts.iter().map(|(tensor, values)| (*tensor, &values[..])).collect();
    graph.backward_from(&starts).unwrap();
    results
}

fn close(a: &[f32], b: &[f32], what: &str) {
    assert_eq!(a.len(), b.len(), "{what}");
    for (a, b) in a.iter().zip(b) {
        assert!((a - b).abs() <= 2e-5 * (1.0 + b.abs()), "{what}: {a} and {b}");
    }
}

#[test]
fn a_layer_that_is_unrolled_computes_what_the_whole_one_does() {
    let device = Device::new(2, Precision::F32);
    for cell in [Cell::Tanh, Cell::Relu, Cell::Gru, Cell::Lstm] {
        for bidirectional in [false, true] {
            let what = format!("{cell:?} {bidirectional}");
            let (params, stack) = stack(cell, bidirectional);
            let run = |mut trace: Trace| {
                let (mut gradients, mut workspace) = (Gradients::of(&params), Workspace::new());
                let mut graph = Graph::observe(&device, &params, &mut gradients, &mut workspace, &mut trace);
                let results = pass(&mut graph, &device, &stack);
                drop(graph);
                (results, gradients.values().to_vec(), trace)
            };
            let ((y, ends), gradients, whole) = run(Trace::default());
            let ((y_steps, ends_steps), gradients_steps, steps) = run(Trace::of_gradients());
            close(&y_steps, &y, &what);
            ends_steps.iter().zip(&ends).for_each(|(a, b)| close(a, b, &what));
            close(&gradients_steps, &gradients, &what);
            // A note for each layer and direction, with the outputs that it gave.
            let directions = 1 + usize::from(bidirectional);
            assert_eq!((whole.layers.len(), steps.layers.len()), (2 * directions, 0), "{what}");
            for (number, layer) in whole.layers[directions..].iter().enumerate() {
                let own: Vec<f32> = y
                    .chunks(directions * HIDDEN)
                    .flat_map(|row| row[number * HIDDEN..].iter().take(HIDDEN))
                    .copied()
                    .collect();
                assert_eq!(layer.hidden, own, "{what}");
            }
            let hidden = steps.watched.iter().filter(|watched| watched.place == Place::Hidden);
            assert_eq!(hidden.count(), 2 * directions * SIZES.len(), "{what}");
        }
    }
}

#[test]
fn the_gates_of_an_lstm_give_its_states() {
    let device = Device::new(3, Precision::F32);
    let (params, stack) = stack(Cell::Lstm, true);
    let (mut gradients, mut workspace) = (Gradients::of(&params), Workspace::new());
    let mut trace = Trace::default();
    let mut graph = Graph::observe(&device, &params, &mut gradients, &mut workspace, &mut trace);
    pass(&mut graph, &device, &stack);
    drop(graph);
    for layer in &trace.layers {
        let [i, f, g, o, c] = &layer.activations[..] else { panic!("five of {}", layer.weight) };
        for sequence in 0..SIZES[0] {
            let mut rows = rows_of(&layer.batch_sizes, sequence);
            if layer.weight.ends_with("_reverse") {
                rows.reverse();
            }
            let mut state = [0.0; HIDDEN];
            for row in rows {
                for (unit, state) in state.iter_mut().enumerate() {
                    let at = row * HIDDEN + unit;
                    *state = f[at] * *state + i[at] * g[at];
                    assert!((*state - c[at]).abs() < 1e-5, "{}: {state} {}", layer.weight, c[at]);
                    assert!((o[at] * state.tanh() - layer.hidden[at]).abs() < 1e-5, "{}", layer.weight);
                }
            }
        }
    }
}

#[test]
fn the_gradient_of_a_state_is_how_the_loss_changes_with_it() {
    // The states after the first step are the states that the rest begins with.
    let device = Device::new(1, Precision::F32);
    let (params, stack) = {
        let mut params = Params::new();
        let options = RecurrentOptions {
            cell: Cell::Lstm,
            input_size: INPUT,
            hidden_size: 6,
            layers: 1,
            bidirectional: false,
            dropout: 0.0,
            variational: false,
            forget_bias: 1.0,
            chrono: None,
        };
        let stack = Recurrent::new(&mut Builder::random(&mut params, 3), "rnn", options);
        (params, stack)
    };
    let x = numbers(&device, 5, 3 * INPUT);
    let (mut gradients, mut workspace) = (Gradients::of(&params), Workspace::new());
    let mut trace = Trace::of_gradients();
    let mut graph = Graph::observe(&device, &params, &mut gradients, &mut workspace, &mut trace);
    let input = graph.constant(&x, 3, INPUT).unwrap();
    let (y, _) = stack.run(&mut graph, input, &[1, 1, 1], &[]).unwrap();
    let ones: Vec<f32> = (0..18).map(|i| if i < 12 { 0.0 } else { 1.0 }).collect();
    graph.backward_from(&[(y, &ones)]).unwrap();
    drop(graph);
    let of = |place| trace.watched.iter().find(|watched| watched.place == place).unwrap();
    let [h, c] = [of(Place::Hidden), of(Place::Cell)];
    // The sum of the last outputs, from states in which one value is moved; a moved cell state moves its hidden state too.
    let tail = |h: &[f32], c: &[f32]| -> f32 {
        let mut workspace = Workspace::new();
        let mut graph = Graph::infer(&device, &params, &mut workspace);
        let starts = [graph.constant(h, 1, 6).unwrap(), graph.constant(c, 1, 6).unwrap()];
        let input = graph.constant(&x[INPUT..], 2, INPUT).unwrap();
        let (y, _) = stack.run(&mut graph, input, &[1, 1], &starts).unwrap();
        graph.value(y)[6..].iter().sum()
    };
    let moved = |values: &[f32], unit: usize, by: f32| {
        let mut values = values.to_vec();
        values[unit] += by;
        values
    };
    for unit in 0..6 {
        let by = 1e-2;
        let slope = |up: f32, down: f32| (up - down) / (2.0 * by);
        let found = slope(
            tail(&moved(&h.values, unit, by), &c.values),
            tail(&moved(&h.values, unit, -by), &c.values),
        );
        assert!((found - h.gradient[unit]).abs() < 2e-3, "h{unit}: {found} {}", h.gradient[unit]);
        let output = h.values[unit] / c.values[unit].tanh();
        let both = |by: f32| {
            let c = moved(&c.values, unit, by);
            let mut h = h.values.clone();
            h[unit] = output * c[unit].tanh();
            tail(&h, &c)
        };
        let found = slope(both(by), both(-by));
        assert!((found - c.gradient[unit]).abs() < 2e-3, "c{unit}: {found} {}", c.gradient[unit]);
    }
}
