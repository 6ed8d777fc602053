//! Layers and optimizers against what PyTorch computes in float64; `goldens/make.py` wrote the files and says what they hold.

use std::collections::HashMap;
use std::path::Path;

use anaphora_autograd::{AdamW, Direction, Sgd};
use anaphora_nn::{
    Activation, Builder, Cell, Device, EncoderMemory, FeedForwardKind, Graph, Input, Linear, Memory, Mode,
    Norm, ParamId, Params, Position, Precision, Recurrent, RecurrentOptions, Similarity, Tensor, Transformer,
    TransformerOptions,
};
use safetensors::{Dtype, SafeTensors};

const TRAIN: Mode = Mode::Train { seed: 0 };

/// The tensors of a file by name; whole numbers are held as floats too.
struct Golden {
    file: String,
    tensors: HashMap<String, (Vec<usize>, Vec<f32>)>,
}

impl Golden {
    fn read(name: &str) -> Self {
        let file = format!("{name}.safetensors");
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/goldens").join(&file);
        let bytes = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let tensors =
            SafeTensors::deserialize(&bytes).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let plain = |(name, tensor): (&str, safetensors::tensor::TensorView)| {
            let (words, _) = tensor.data().as_chunks::<4>();
            let value = |&word: &[u8; 4]| match tensor.dtype() {
                Dtype::F32 => f32::from_le_bytes(word),
                Dtype::I32 => i32::from_le_bytes(word) as f32,
                other => panic!("{file}: {name} has the type {other:?}"),
            };
            (name.to_owned(), (tensor.shape().to_vec(), words.iter().map(value).collect()))
        };
        Self { tensors: tensors.iter().map(plain).collect(), file }
    }

    fn get(&self, name: &str) -> &[f32] {
        &self.tensors.get(name).unwrap_or_else(|| panic!("{} holds no {name}", self.file)).1
    }

    fn shape(&self, name: &str) -> &[usize] {
        let _ = self.get(name);
        &self.tensors[name].0
    }

    fn ids(&self, name: &str) -> Vec<u32> {
        self.get(name).iter().map(|&id| id as u32).collect()
    }

    /// Matrix `index` of a stack of matrices.
    fn matrix(&self, name: &str, index: usize) -> (&[f32], usize, usize) {
        let &[_, rows, cols] = self.shape(name) else {
            panic!("{}: {name} is no stack of matrices", self.file)
        };
        (&self.get(name)[index * rows * cols..][..rows * cols], rows, cols)
    }

    fn add(&self, params: &mut Params, name: &str) -> ParamId {
        params.add(name, self.shape(name), self.get(name))
    }

    fn agrees(&self, name: &str, found: &[f32]) {
        self.agree(name, found, self.get(name));
    }

    fn agree(&self, name: &str, found: &[f32], expected: &[f32]) {
        assert_eq!(found.len(), expected.len(), "{}: values of {name}", self.file);
        for (i, (found, expected)) in found.iter().zip(expected).enumerate() {
            let error = (found - expected).abs();
            assert!(
                error <= 1e-5 * expected.abs().max(1.0),
                "{}: {name}[{i}] is {found}, and {expected} in PyTorch",
                self.file
            );
        }
    }
}

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

fn device(threads: usize) -> Device {
    Device::new(threads, Precision::F32)
}

#[test]
fn recurrent_outputs_states_and_gradients() {
    for stack in Stack::all() {
        for threads in [1, 2] {
            check_operations(&stack, &device(threads));
        }
    }
}

/// Chains the tape's own layers, whose states and inputs have gradients.
fn check_operations(stack: &Stack, device: &Device) {
    let golden = &stack.golden;
    let (mut params, mut memory) = (Params::new(), Memory::new());
    let weights: Vec<_> = stack
        .parts()
        .map(|(_, suffix)| Stack::weight_names(&suffix).map(|name| golden.add(&mut params, &name)))
        .collect();
    let mut graph = Graph::new(device, &mut params, &mut memory, TRAIN);
    let &[tokens, width] = golden.shape("x") else { panic!("{}: x is no matrix", golden.file) };
    let x = graph.variable(golden.get("x"), tokens, width).unwrap();

    let directions: Vec<_> = weights
        .iter()
        .enumerate()
        .map(|(part, &weights)| {
            let mut state = |name| {
                let (values, rows, cols) = golden.matrix(name, part);
                graph.variable(values, rows, cols).unwrap()
            };
            let h0 = Some(state("h0"));
            Direction { weights, h0, c0: stack.cell.has_cell_state().then(|| state("c0")) }
        })
        .collect();
    let (mut y, mut last) = (x, HashMap::<_, Vec<Tensor>>::new());
    for directions in directions.chunks(stack.directions) {
        let output = graph.recurrent(stack.cell, y, &stack.batch_sizes, directions).unwrap();
        last.entry("h").or_default().extend(output.hn);
        last.entry("c").or_default().extend(output.cn);
        y = output.y;
    }

    golden.agrees("y", graph.value(y));
    let mut starts = vec![(y, golden.get("dy"))];
    for state in stack.states() {
        for (part, &tensor) in last[state].iter().enumerate() {
            let name = format!("{state}n");
            golden.agree(&name, graph.value(tensor), golden.matrix(&name, part).0);
            starts.push((tensor, golden.matrix(&format!("d{name}"), part).0));
        }
    }
    graph.backward_from(&starts).unwrap();

    golden.agrees("grad.x", graph.grad(x));
    for (part, direction) in directions.iter().enumerate() {
        for (name, state) in [("grad.h0", direction.h0), ("grad.c0", direction.c0)] {
            if let Some(state) = state {
                golden.agree(name, graph.grad(state), golden.matrix(name, part).0);
            }
        }
    }
    drop(graph);
    for id in params.ids() {
        golden.agrees(&format!("grad.{}", params.name(id)), params.grad(id));
    }
}

#[test]
fn recurrent_stack_reads_pytorch_weights_by_name() {
    for stack in Stack::all() {
        let golden = &stack.golden;
        let (mut params, mut memory) = (Params::new(), Memory::new());
        let &[batch, tokens, width] = &[stack.batch_sizes[0], golden.shape("x")[0], golden.shape("x")[1]];
        let options = RecurrentOptions {
            cell: stack.cell,
            input_size: width,
            hidden_size: golden.shape("h0")[2],
            layers: stack.layers,
            bidirectional: stack.directions == 2,
            dropout: 0.0,
            variational: false,
            forget_bias: 1.0,
        };
        let rnn = Recurrent::new(&mut Builder::zeros(&mut params), "rnn", options);
        let mut state = rnn.initial_state(batch);
        let each = stack.states().len();
        for (part, suffix) in stack.parts() {
            for name in Stack::weight_names(&suffix) {
                let id =
                    params.find(&format!("rnn.{name}")).unwrap_or_else(|| panic!("the stack has no {name}"));
                assert_eq!(params.shape(id), golden.shape(&name), "{name}");
                params.value_mut(id).copy_from_slice(golden.get(&name));
            }
            for (number, name) in stack.states().iter().enumerate() {
                state
                    .part_mut(part * each + number)
                    .copy_from_slice(golden.matrix(&format!("{name}0"), part).0);
            }
        }

        let device = device(2);
        let mut graph = Graph::new(&device, &mut params, &mut memory, Mode::Infer);
        let x = graph.constant(golden.get("x"), tokens, width).unwrap();
        let y = rnn.forward(&mut graph, x, &stack.batch_sizes, &mut state).unwrap();
        assert_eq!(y.cols, rnn.output_size());
        golden.agrees("y", graph.value(y));
        for (part, _) in stack.parts() {
            for (number, name) in stack.states().iter().enumerate() {
                let name = format!("{name}n");
                golden.agree(&name, state.part(part * each + number), golden.matrix(&name, part).0);
            }
        }
    }
}

/// What `make.py` makes of an empty list of options.
const TRANSFORMER: TransformerOptions = TransformerOptions {
    input_size: 8,
    hidden_size: 8,
    layers: 2,
    heads: 4,
    kv_heads: 4,
    feed_forward_size: 6,
    feed_forward: FeedForwardKind::Plain(Activation::Gelu),
    context: 5,
    position: Position::None,
    norm: Norm::Layer,
    norm_epsilon: 1e-5,
    norm_first: true,
    similarity: Similarity::ScaledDotProduct,
    bias: false,
    causal: false,
    memory_size: None,
    dropout: 0.0,
    attention_dropout: 0.0,
};

/// The Transformers of `make.py`.
fn transformers() -> [(&'static str, TransformerOptions); 9] {
    use FeedForwardKind::{Plain, SwiGlu};
    let (relu, gelu_tanh) = (Plain(Activation::Relu), Plain(Activation::GeluTanh));
    let (norm, norm_epsilon, similarity) = (Norm::Rms, 1e-6, Similarity::Cosine);
    let (rotary, alibi) = (Position::Rotary, Position::Alibi);
    let of = TRANSFORMER;
    [
        ("encoder", TransformerOptions { norm_first: false, feed_forward: relu, bias: true, ..of }),
        ("encoder_sinusoidal", TransformerOptions { position: Position::Sinusoidal, ..of }),
        (
            "decoder_memory",
            TransformerOptions { norm_first: false, bias: true, causal: true, memory_size: Some(8), ..of },
        ),
        (
            "gpt",
            TransformerOptions {
                feed_forward: gelu_tanh,
                bias: true,
                causal: true,
                position: Position::Learned,
                ..of
            },
        ),
        (
            "rotary_grouped",
            TransformerOptions {
                norm,
                norm_epsilon,
                feed_forward: SwiGlu,
                causal: true,
                position: rotary,
                kv_heads: 2,
                ..of
            },
        ),
        (
            "alibi_cosine",
            TransformerOptions {
                input_size: 6,
                hidden_size: 6,
                heads: 3,
                kv_heads: 3,
                feed_forward: relu,
                causal: true,
                position: alibi,
                similarity,
                ..of
            },
        ),
        (
            "encoder_alibi",
            TransformerOptions { norm, norm_epsilon, norm_first: false, position: alibi, kv_heads: 1, ..of },
        ),
        (
            "encoder_rotary_cosine",
            TransformerOptions {
                feed_forward: SwiGlu,
                bias: true,
                position: rotary,
                similarity,
                kv_heads: 2,
                ..of
            },
        ),
        (
            "decoder_memory_grouped",
            TransformerOptions {
                norm,
                norm_epsilon,
                causal: true,
                position: rotary,
                similarity,
                kv_heads: 2,
                memory_size: Some(5),
                ..of
            },
        ),
    ]
}

#[test]
fn transformer_outputs_and_gradients() {
    for (name, options) in transformers() {
        let golden = Golden::read(&format!("transformer_{name}"));
        let whole = |name: &str| golden.get(name).iter().map(|&x| x as usize).collect::<Vec<_>>();
        let batch_sizes = whole("batch_sizes");
        let weight_of = |key: &&String| ["weight", "bias", "scale"].iter().any(|part| key.ends_with(part));
        let weights = golden.tensors.keys().filter(weight_of).count();
        for (threads, mode) in [(1, TRAIN), (2, TRAIN), (2, Mode::Infer)] {
            let device = device(threads);
            let (mut params, mut memory) = (Params::new(), Memory::new());
            let stack = Transformer::new(&mut Builder::zeros(&mut params), "t", options);
            let names: Vec<_> =
                params.ids().map(|id| (id, params.name(id)["t.".len()..].to_owned())).collect();
            assert_eq!(2 * names.len(), weights, "{name}: every weight and its gradient");
            for (id, weight) in &names {
                assert_eq!(params.shape(*id), golden.shape(weight), "{name}: {weight}");
                params.value_mut(*id).copy_from_slice(golden.get(weight));
            }
            let mut graph = Graph::new(&device, &mut params, &mut memory, mode);
            let mut leaf = |name: &str| {
                let &[rows, cols] = golden.shape(name) else { panic!("{name} is no matrix") };
                graph.variable(golden.get(name), rows, cols).unwrap()
            };
            let x = leaf("x");
            let read = options.memory_size.map(|_| (leaf("memory"), whole("memory_sizes"), whole("sources")));
            let encoder = read.as_ref().map(|(values, batch_sizes, sources)| EncoderMemory {
                values: *values,
                batch_sizes,
                sources,
            });
            let mut state = stack.initial_state(batch_sizes[0]);
            let y = stack.forward(&mut graph, x, &batch_sizes, encoder, &mut state).unwrap();
            golden.agrees("y", graph.value(y));
            if mode == Mode::Infer {
                continue;
            }
            graph.backward_from(&[(y, golden.get("dy"))]).unwrap();
            golden.agrees("grad.x", graph.grad(x));
            if let Some((values, ..)) = read {
                golden.agrees("grad.memory", graph.grad(values));
            }
            drop(graph);
            for (id, weight) in &names {
                golden.agrees(&format!("grad.{weight}"), params.grad(*id));
            }
        }
    }
}

#[test]
fn embedding_linear_and_cross_entropy() {
    let golden = Golden::read("embedding_linear_cross_entropy");
    let &[vocab, width] = golden.shape("embedding.weight") else { panic!("the table is no matrix") };
    for threads in [1, 2] {
        let device = device(threads);
        let (mut params, mut memory) = (Params::new(), Memory::new());
        let mut builder = Builder::zeros(&mut params);
        let input = Input::new(&mut builder, "embedding", vocab, width, 1.0);
        let linear = Linear::new(&mut builder, "linear", width, vocab);
        for id in params.ids() {
            let values = golden.get(params.name(id));
            params.value_mut(id).copy_from_slice(values);
        }
        let mut graph = Graph::new(&device, &mut params, &mut memory, TRAIN);
        let x = input.forward(&mut graph, &golden.ids("ids")).unwrap();
        let logits = linear.forward(&mut graph, x).unwrap();
        golden.agrees("logits", graph.value(logits));
        let (_, loss) = graph.cross_entropy(logits, &golden.ids("targets")).unwrap();
        golden.agrees("loss", graph.value(loss));
        graph.backward(loss, 1.0).unwrap();
        drop(graph);
        for id in params.ids() {
            golden.agrees(&format!("grad.{}", params.name(id)), params.grad(id));
        }
    }
}

/// Three steps with the gradients of a file, clipped to its norm; `step` takes the number of the step and the scale that
/// clips.
fn check_optimizer(golden: &Golden, mut step: impl FnMut(&Device, &mut Params, u64, f32)) {
    let device = device(2);
    let (mut params, mut memory) = (Params::new(), Memory::new());
    let ids = ["a", "b"].map(|name| {
        let key = format!("{name}.0");
        params.add(name, golden.shape(&key), golden.get(&key))
    });
    let [a, b] = ids;
    // Carries `b` as its bias, and no gradient comes to it.
    let carrier = params.add("carrier", &[params.shape(b)[0], 1], &[0.0; 7]);
    for number in 1..=3 {
        params.zero_grads();
        let mut graph = Graph::new(&device, &mut params, &mut memory, TRAIN);
        // All rows of a table in order, and a bias alone: what goes back is the gradient as it is.
        let rows: Vec<u32> = (0..graph.params().shape(a)[0] as u32).collect();
        let table = graph.embedding(a, &rows).unwrap();
        let nothing = graph.constant(&[0.0], 1, 1).unwrap();
        let bias = graph.linear(nothing, carrier, Some(b)).unwrap();
        let [da, db] = ["a", "b"].map(|name| golden.get(&format!("grad.{name}.{number}")));
        graph.backward_from(&[(table, da), (bias, db)]).unwrap();
        drop(graph);
        let norm = params.grad_norm(&device);
        golden.agree("norm", &[norm], &golden.get("norm")[number - 1..number]);
        let scale = (golden.get("max_norm")[0] / (norm + 1e-6)).min(1.0);
        step(&device, &mut params, number as u64, scale);
        for id in ids {
            golden.agrees(&format!("{}.{number}", params.name(id)), params.value(id));
        }
    }
}

#[test]
fn adamw_with_clipping() {
    let golden = Golden::read("adamw");
    let setting = |name: &str| golden.get(name)[0];
    let settings = AdamW {
        learning_rate: setting("lr"),
        betas: (setting("beta1"), setting("beta2")),
        epsilon: setting("eps"),
        weight_decay: setting("weight_decay"),
    };
    let (mut mean, mut square) = ([0.0; 29], [0.0; 29]);
    check_optimizer(&golden, |device, params, number, scale| {
        params.adamw(device, settings, number, scale, &mut mean, &mut square);
    });
}

#[test]
fn sgd_with_momentum_and_clipping() {
    let golden = Golden::read("sgd_momentum");
    let [learning_rate, momentum, weight_decay] =
        ["lr", "momentum", "weight_decay"].map(|name| golden.get(name)[0]);
    let settings = Sgd { learning_rate, momentum, weight_decay };
    let mut velocity = [0.0; 29];
    check_optimizer(&golden, |device, params, _, scale| params.sgd(device, settings, scale, &mut velocity));
}
