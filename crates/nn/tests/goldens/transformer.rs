//! Transformers.

use anaphora_nn::{
    Activation, Builder, EncoderMemory, FeedForwardKind, Gradients, Graph, Norm, Params, Position,
    ROTARY_BASE, Similarity, Transformer, TransformerOptions, Workspace,
};

use crate::golden::Golden;
use crate::{SEED, device};

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
    rotary_base: ROTARY_BASE,
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
        for (threads, trains) in [(1, true), (2, true), (2, false)] {
            let device = device(threads);
            let (mut params, mut workspace) = (Params::new(), Workspace::new());
            let stack = Transformer::new(&mut Builder::zeros(&mut params), "t", options);
            let names: Vec<_> =
                params.ids().map(|id| (id, params.name(id)["t.".len()..].to_owned())).collect();
            assert_eq!(2 * names.len(), weights, "{name}: every weight and its gradient");
            for (id, weight) in &names {
                assert_eq!(params.shape(*id), golden.shape(weight), "{name}: {weight}");
                params.value_mut(*id).copy_from_slice(golden.get(weight));
            }
            let mut gradients = Gradients::of(&params);
            let mut graph = if trains {
                Graph::train(&device, &params, &mut gradients, &mut workspace, SEED)
            } else {
                Graph::infer(&device, &params, &mut workspace)
            };
            let mut leaf = |name: &str| {
                let &[rows, cols] = golden.shape(name) else { panic!("{name} is no matrix") };
                graph.variable(golden.get(name), rows, cols).unwrap()
            };
            let x = leaf("x");
            let read = options.memory_size.map(|_| (leaf("memory"), whole("memory_sizes"), whole("sources")));
            let parts = read.as_ref().map(|(values, ..)| stack.remember(&mut graph, *values).unwrap());
            let encoder = read
                .as_ref()
                .zip(parts.as_ref())
                .map(|((_, batch_sizes, sources), parts)| EncoderMemory { parts, batch_sizes, sources });
            let mut state = stack.initial_state(batch_sizes[0]);
            let y = stack.forward(&mut graph, x, &batch_sizes, encoder, &mut state).unwrap();
            golden.agrees("y", graph.value(y));
            if !trains {
                continue;
            }
            graph.backward_from(&[(y, golden.get("dy"))]).unwrap();
            golden.agrees("grad.x", graph.grad(x));
            if let Some((values, ..)) = read {
                golden.agrees("grad.memory", graph.grad(values));
            }
            drop(graph);
            for (id, weight) in &names {
                golden.agrees(&format!("grad.{weight}"), gradients.value(*id));
            }
        }
    }
}
