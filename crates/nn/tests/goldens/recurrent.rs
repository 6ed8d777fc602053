//! Recurrent layers.

use anaphora_nn::{Builder, Cell, Gradients, Graph, Params, Recurrent, RecurrentOptions, Tensor, Workspace};

use crate::golden::Golden;
use crate::{SEED, device};

/// A recurrent file and the layers that it was made with.
struct Stack {
    golden: Golden,
    cell: Cell,
    layers: usize,
    directions: usize,
    batch_sizes: Vec<usize>,
}

impl Stack {
    fn all() -> impl Iterator<Item = Self> {
        let cells =
            [("rnn_tanh", Cell::Tanh), ("rnn_relu", Cell::Relu), ("gru", Cell::Gru), ("lstm", Cell::Lstm)];
        let stacks =
            [("1layer", 1, 1), ("1layer_uniform", 1, 1), ("2layers", 2, 1), ("2layers_bidirectional", 2, 2)];
        cells.into_iter().flat_map(move |(kind, cell)| {
            stacks.into_iter().map(move |(stack, layers, directions)| {
                let golden = Golden::read(&format!("{kind}_{stack}"));
                let batch_sizes = golden.get("batch_sizes").iter().map(|&rows| rows as usize).collect();
                Self { golden, cell, layers, directions, batch_sizes }
            })
        })
    }

    /// Layers from below, and in each its directions: the number of the state and the names' ending.
    fn parts(&self) -> impl Iterator<Item = (usize, String)> {
        (0..self.layers * self.directions).map(|part| {
            let (layer, reverse) = (part / self.directions, part % self.directions == 1);
            (part, format!("l{layer}{}", if reverse { "_reverse" } else { "" }))
        })
    }

    fn weight_names(suffix: &str) -> [String; 4] {
        ["weight_ih", "weight_hh", "bias_ih", "bias_hh"].map(|name| format!("{name}_{suffix}"))
    }

    /// The states that the cell carries.
    fn states(&self) -> &'static [&'static str] {
        if self.cell.has_cell_state() { &["h", "c"] } else { &["h"] }
    }
}

impl Stack {
    /// The layers with PyTorch's weights, found by name.
    fn build(&self, params: &mut Params) -> Recurrent {
        let golden = &self.golden;
        let options = RecurrentOptions {
            cell: self.cell,
            input_size: golden.shape("x")[1],
            hidden_size: golden.shape("h0")[2],
            layers: self.layers,
            bidirectional: self.directions == 2,
            dropout: 0.0,
            variational: false,
            forget_bias: 1.0,
            chrono: None,
        };
        let rnn = Recurrent::new(&mut Builder::zeros(params), "rnn", options);
        for (_, suffix) in self.parts() {
            for name in Self::weight_names(&suffix) {
                let id =
                    params.find(&format!("rnn.{name}")).unwrap_or_else(|| panic!("the stack has no {name}"));
                assert_eq!(params.shape(id), golden.shape(&name), "{name}");
                params.value_mut(id).copy_from_slice(golden.get(&name));
            }
        }
        rnn
    }

    /// The parts of a state in their order: each with its name and its number among those of this name.
    fn state_parts(&self) -> impl Iterator<Item = (&'static str, usize)> {
        self.parts().flat_map(|(part, _)| self.states().iter().map(move |&name| (name, part)))
    }
}

#[test]
fn recurrent_outputs_states_and_gradients() {
    for stack in Stack::all() {
        for threads in [1, 2] {
            let (golden, device) = (&stack.golden, device(threads));
            let (mut params, mut workspace) = (Params::new(), Workspace::new());
            let rnn = stack.build(&mut params);
            let mut gradients = Gradients::of(&params);
            let mut graph = Graph::train(&device, &params, &mut gradients, &mut workspace, SEED);
            let &[tokens, width] = golden.shape("x") else { panic!("{}: x is no matrix", golden.file) };
            let x = graph.variable(golden.get("x"), tokens, width).unwrap();
            let starts: Vec<_> = stack
                .state_parts()
                .map(|(name, part)| {
                    let (values, rows, cols) = golden.matrix(&format!("{name}0"), part);
                    graph.variable(values, rows, cols).unwrap()
                })
                .collect();

            let (y, ends) = rnn.run(&mut graph, x, &stack.batch_sizes, &starts).unwrap();
            golden.agrees("y", graph.value(y));
            let mut upstream = vec![(y, golden.get("dy"))];
            assert_eq!(ends.len(), starts.len());
            for ((name, part), &end) in stack.state_parts().zip(&ends) {
                let name = format!("{name}n");
                golden.agree(&name, graph.value(end), golden.matrix(&name, part).0);
                upstream.push((end, golden.matrix(&format!("d{name}"), part).0));
            }
            graph.backward_from(&upstream).unwrap();

            golden.agrees("grad.x", graph.grad(x));
            for ((name, part), &start) in stack.state_parts().zip(&starts) {
                let name = format!("grad.{name}0");
                golden.agree(&name, graph.grad(start), golden.matrix(&name, part).0);
            }
            drop(graph);
            for id in params.ids() {
                golden.agrees(&params.name(id).replace("rnn.", "grad."), gradients.value(id));
            }
        }
    }
}

#[test]
fn recurrent_layers_go_on_from_a_state() {
    for stack in Stack::all() {
        let golden = &stack.golden;
        let (mut params, mut workspace) = (Params::new(), Workspace::new());
        let rnn = stack.build(&mut params);
        let mut state = rnn.initial_state(stack.batch_sizes[0]);
        for (number, (name, part)) in stack.state_parts().enumerate() {
            state.part_mut(number).copy_from_slice(golden.matrix(&format!("{name}0"), part).0);
        }

        let device = device(2);
        let mut graph = Graph::infer(&device, &params, &mut workspace);
        let &[tokens, width] = golden.shape("x") else { panic!("{}: x is no matrix", golden.file) };
        let x = graph.constant(golden.get("x"), tokens, width).unwrap();
        let y = rnn.forward(&mut graph, x, &stack.batch_sizes, &mut state).unwrap();
        assert_eq!(y.cols, rnn.output_size());
        golden.agrees("y", graph.value(y));
        for (number, (name, part)) in stack.state_parts().enumerate() {
            let name = format!("{name}n");
            golden.agree(&name, state.part(number), golden.matrix(&name, part).0);
        }
    }
}

#[test]
fn no_starts_are_zeros_and_a_wrong_number_is_refused() {
    for stack in Stack::all() {
        let golden = &stack.golden;
        let (mut params, mut workspace) = (Params::new(), Workspace::new());
        let rnn = stack.build(&mut params);
        let mut state = rnn.initial_state(stack.batch_sizes[0]);
        let device = device(2);
        let mut gradients = Gradients::of(&params);
        let mut graph = Graph::train(&device, &params, &mut gradients, &mut workspace, SEED);
        let &[tokens, width] = golden.shape("x") else { panic!("{}: x is no matrix", golden.file) };
        let x = graph.constant(golden.get("x"), tokens, width).unwrap();
        let expected = rnn.forward(&mut graph, x, &stack.batch_sizes, &mut state).unwrap();
        let (y, ends) = rnn.run(&mut graph, x, &stack.batch_sizes, &[]).unwrap();
        assert_eq!(graph.value(y), graph.value(expected));
        for (part, &end) in ends.iter().enumerate() {
            assert_eq!(graph.value(end), state.part(part));
        }
        let one_more: Vec<Tensor> = ends.iter().chain(&ends[..1]).copied().collect();
        let error = rnn.run(&mut graph, x, &stack.batch_sizes, &one_more).unwrap_err().to_string();
        assert!(error.starts_with(&format!("recurrent: starts is [{}] and", ends.len() + 1)), "{error}");
    }
}
