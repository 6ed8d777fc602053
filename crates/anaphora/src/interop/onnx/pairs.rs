//! Models that read one sequence and write another: a graph that reads, and one that writes a token after the other.

use super::Lengths;
use super::graph::{Graph, Name};
use super::input;
use super::protobuf::{Kind, Size};
use super::recurrent::{self, Recurrent};
use super::sequence::{Carried, encode, head, head_width, transformer_state};
use super::transformer::{self, HIDDEN, Memory};
use crate::Result;
use crate::model::{Reads, transformer as options_of};
use crate::recipe::{Attention, Backbone, Model};
use crate::tasks::Prepares;

/// What a recurrent decoder found by attention, read with the next token.
const FED: &str = "found";

/// The encoder: what the decoder's graph takes comes out under the same names.
pub fn encoder(
    graph: &mut Graph,
    model: &Model,
    reads: Reads,
    prepares: &Prepares,
    lengths: Lengths,
) -> Result<()> {
    let read = input::read(graph, "encoder.", model, reads, prepares, lengths == Lengths::Any)?;
    let encoded = encode(graph, "encoder.", model, false, false, &read);
    let steps = encoded.steps;
    if model.backbone == Backbone::Transformer {
        let options = options_of(model);
        for block in 0..options.layers {
            let parts = transformer::remember(graph, "decoder.transformer", &options, block, &steps);
            for (part, value) in ["key", "value"].into_iter().zip(parts) {
                let shape = memory_shape(model);
                let name = transformer::past_name(block, "encoder.", part);
                graph.output(
                    &name,
                    &value,
                    Kind::F32,
                    &shape,
                    "what a block of the decoder sees of the source",
                );
            }
        }
        return Ok(());
    }
    let recurrent = encoded.recurrent.expect("what is no transformer is recurrent here");
    let summary = recurrent.last(graph);
    let width = width(model);
    let about = "the encoder's last state";
    graph.output("summary", &summary, Kind::F32, &["batch".into(), width.into()], about);
    for (name, value) in recurrent::state_names(model).iter().zip(starts(graph, model, &recurrent)) {
        let name = format!("{name}0");
        graph.output(&name, &value, Kind::F32, &state_shape(model), "the decoder's first state");
    }
    if model.attention != Attention::None {
        let about = "each step of the source";
        graph.output("memory", &steps, Kind::F32, &["batch".into(), "source".into(), width.into()], about);
    }
    if model.attention == Attention::Bahdanau {
        graph.part("attention");
        let keys = graph.linear(&steps, "attention.key");
        let shape = ["batch".into(), "source".into(), model.hidden_size.into()];
        graph.output("memory_keys", &keys, Kind::F32, &shape, "each step of the source, as scores see it");
    }
    Ok(())
}

/// The decoder; `counts` says whether sources of a batch may differ in length.
pub fn decoder(graph: &mut Graph, model: &Model, counts: bool) {
    let recurrent = model.backbone != Backbone::Transformer;
    let fed = recurrent && model.input_feeding && model.attention != Attention::None;
    // What is found at one step is read at the next.
    let time: Size = if fed { 1.into() } else { "time".into() };
    let about = "tokens by their numbers: the end token first, then what was written";
    let ids = graph.input("input_ids", Kind::I64, &["batch".into(), time.clone()], about);
    let attends = !recurrent || model.attention != Attention::None;
    let lengths = if counts && attends {
        let about = "steps of each source: the encoder's sequence_lens";
        graph.input("encoder_lens", Kind::I32, &["batch".into()], about)
    } else {
        Name::new()
    };
    let x = input::embedding(graph, "decoder.", head_width(graph, "decoder."), &ids);
    let (y, state) = if recurrent {
        write_recurrent(graph, model, &x, &lengths, fed)
    } else {
        write_transformer(graph, model, &x, &lengths)
    };
    graph.part("head");
    let logits = head(graph, "decoder.", &y);
    let width = head_width(graph, "decoder.");
    graph.output("logits", &logits, Kind::F32, &["batch".into(), time, width.into()], "before the soft-max");
    state.iter().for_each(|carried| carried.output(graph));
}

/// Values of each of the encoder's steps.
fn width(model: &Model) -> usize {
    model.hidden_size * if model.bidirectional { 2 } else { 1 }
}

fn state_shape(model: &Model) -> Vec<Size> {
    vec![model.layers.into(), "batch".into(), model.hidden_size.into()]
}

fn memory_shape(model: &Model) -> Vec<Size> {
    let options = options_of(model);
    vec![
        "batch".into(),
        options.kv_heads.into(),
        "source".into(),
        (options.hidden_size / options.heads).into(),
    ]
}

/// The decoder's first state, each part `[layers, batch, hidden_size]`: linear maps of the last states of the encoder's layers.
fn starts(graph: &mut Graph, model: &Model, encoder: &Recurrent) -> Vec<Name> {
    let parts = recurrent::state_names(model).len();
    let directions = if model.bidirectional { 2 } else { 1 };
    let mut all = vec![Vec::new(); parts];
    for layer in 0..model.layers {
        graph.part(&format!("bridge.{layer}"));
        let mut ends = Vec::new();
        for direction in 0..directions {
            let number = graph.int(direction);
            ends.extend((0..parts).map(|part| graph.gather(&encoder.ends[layer][part], &number, 0)));
        }
        let ends = graph.concat(&ends.iter().collect::<Vec<_>>(), 1);
        for (part, all) in all.iter_mut().enumerate() {
            let sums = graph.linear(&ends, &format!("bridge.{}", layer * parts + part));
            let start = if part == 0 { graph.unary("Tanh", &sums) } else { sums };
            all.push(graph.unsqueeze(&start, &[0]));
        }
    }
    all.iter().map(|parts| graph.concat(&parts.iter().collect::<Vec<_>>(), 0)).collect()
}

fn write_transformer(graph: &mut Graph, model: &Model, x: &Name, lengths: &Name) -> (Name, Vec<Carried>) {
    let options = options_of(model);
    let shape = memory_shape(model);
    let about = "of the encoder, under the same name";
    let keys_values: Vec<[Name; 2]> = (0..options.layers)
        .map(|block| {
            ["key", "value"].map(|part| {
                graph.input(&transformer::past_name(block, "encoder.", part), Kind::F32, &shape, about)
            })
        })
        .collect();
    let seen = transformer::going_on(graph, x, &options, "decoder.");
    graph.part("memory");
    let visible = visible(graph, &keys_values[0][0], 2, lengths, &[1, 2]);
    let memory = Memory { keys_values, visible };
    let (y, present) = transformer::stack(graph, "decoder.transformer", &options, x, &seen, Some(&memory));
    (y, transformer_state(&options, present, "decoder."))
}

/// Which steps along an axis of `x` are those of each source: `[batch, steps]` or `[1, steps]`, with more `axes` of size 1.
fn visible(graph: &mut Graph, x: &Name, axis: i64, lengths: &Name, axes: &[i64]) -> Name {
    let count = graph.length(x, axis);
    let steps = graph.range(&count);
    if !lengths.is_empty() {
        return transformer::below(graph, &steps, lengths, axes);
    }
    let zero = graph.int(0);
    let all = graph.op("GreaterOrEqual", &[&steps, &zero], &[]);
    let all = graph.unsqueeze(&all, &[0]);
    graph.unsqueeze(&all, axes)
}

fn write_recurrent(
    graph: &mut Graph,
    model: &Model,
    x: &Name,
    lengths: &Name,
    fed: bool,
) -> (Name, Vec<Carried>) {
    let (width, hidden) = (width(model), model.hidden_size);
    let about = "of the encoder at first, then of the decoder's own hn, cn";
    let starts: Vec<Name> = recurrent::state_names(model)
        .iter()
        .map(|name| graph.input(&format!("{name}0"), Kind::F32, &state_shape(model), about))
        .collect();
    let summary = graph.input("summary", Kind::F32, &["batch".into(), width.into()], "of the encoder");
    graph.part("decoder.input");
    let shape = graph.op("Shape", &[x], &[]);
    let shape = graph.slice(&shape, 0, 0, 2);
    let own = graph.ints(&[width as i64]);
    let shape = graph.concat(&[&shape, &own], 0);
    let summary = graph.unsqueeze(&summary, &[1]);
    let summary = graph.op("Expand", &[&summary, &shape], &[]);
    let mut read = vec![x.clone(), summary];
    if fed {
        let about = "what attention found at the step before; zeros at first";
        let found = graph.input(FED, Kind::F32, &["batch".into(), hidden.into()], about);
        read.push(graph.unsqueeze(&found, &[1]));
    }
    let x = graph.concat(&read.iter().collect::<Vec<_>>(), 2);
    let layers = recurrent::layers(graph, model, "decoder.rnn.", false, &x, &Name::new(), &starts);
    graph.part("state");
    let ends = layers.state(graph);
    let carried =
        |(name, value): (&&str, Name)| Carried { name: format!("{name}n"), value, shape: state_shape(model) };
    let mut state: Vec<Carried> = recurrent::state_names(model).iter().zip(ends).map(carried).collect();
    if model.attention == Attention::None {
        return (layers.steps, state);
    }
    let y = attend(graph, model, &layers.steps, lengths);
    if fed {
        let value = graph.squeeze(&y, &[1]);
        state.push(Carried { name: format!("{FED}_n"), value, shape: vec!["batch".into(), hidden.into()] });
    }
    (y, state)
}

/// From a decoder's `states [batch, time, hidden_size]` to ones that know the source.
fn attend(graph: &mut Graph, model: &Model, states: &Name, lengths: &Name) -> Name {
    let (width, hidden) = (width(model), model.hidden_size);
    let memory = graph.input(
        "memory",
        Kind::F32,
        &["batch".into(), "source".into(), width.into()],
        "of the encoder: each step of the source",
    );
    graph.part("attention");
    let query = graph.linear(states, "attention.query");
    let scores = if model.attention == Attention::Bahdanau {
        let shape = ["batch".into(), "source".into(), hidden.into()];
        let keys =
            graph.input("memory_keys", Kind::F32, &shape, "of the encoder: each step, as scores see it");
        let (query, keys) = (graph.unsqueeze(&query, &[2]), graph.unsqueeze(&keys, &[1]));
        let sum = graph.add(&query, &keys);
        let bent = graph.unary("Tanh", &sum);
        let (_, score) = graph.weight_of("attention.score");
        let score = graph.tensor("attention.score", &[hidden, 1], score);
        let scores = graph.matmul(&bent, &score);
        graph.squeeze(&scores, &[3])
    } else {
        let keys = graph.transpose(&memory, &[0, 2, 1]);
        let scores = graph.matmul(&query, &keys);
        let scale = graph.float(1.0 / (width as f32).sqrt());
        graph.mul(&scores, &scale)
    };
    let visible = visible(graph, &memory, 1, lengths, &[1]);
    let hidden = graph.float(HIDDEN);
    let scores = graph.choose(&visible, &scores, &hidden);
    let weights = graph.softmax(&scores);
    let context = graph.matmul(&weights, &memory);
    let both = graph.concat(&[&context, states], 2);
    let sums = graph.linear(&both, "attention.combine");
    graph.unary("Tanh", &sums)
}
