//! Exported models: their files' structure, read by a small reader, and what rten computes with them.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::ControlFlow;
use std::path::Path;

use anaphora::inspect::Says;
use anaphora::interop::onnx::{self, Lengths};
use anaphora::model::Compute;
use anaphora::tasks::{self, AnyModel, Portable};
use anaphora::{Device, Precision, Recipe};
use anaphora_data::{Packed, Sequence};
use rten::{Dimension, Model, NodeId, Value, ValueOrView};
use rten_tensor::{AsView, Layout};

/// The fields of a message: the number of each, and what it holds.
struct Fields<'a>(Vec<(u64, Field<'a>)>);

#[derive(Clone, Copy)]
enum Field<'a> {
    Int(u64),
    Float(f32),
    Bytes(&'a [u8]),
}

impl<'a> Fields<'a> {
    fn read(mut bytes: &'a [u8]) -> Self {
        fn varint(bytes: &mut &[u8]) -> u64 {
            let mut value = 0;
            for shift in (0..).step_by(7) {
                let byte = bytes[0];
                *bytes = &bytes[1..];
                value |= u64::from(byte & 0x7f) << shift;
                if byte < 0x80 {
                    return value;
                }
            }
            unreachable!()
        }
        let mut fields = Vec::new();
        while !bytes.is_empty() {
            let tag = varint(&mut bytes);
            let field = match tag & 7 {
                0 => Field::Int(varint(&mut bytes)),
                2 => {
                    let length = varint(&mut bytes) as usize;
                    let (own, rest) = bytes.split_at(length);
                    bytes = rest;
                    Field::Bytes(own)
                }
                5 => {
                    let (own, rest) = bytes.split_at(4);
                    bytes = rest;
                    Field::Float(f32::from_le_bytes(own.try_into().unwrap()))
                }
                other => panic!("a field of kind {other}"),
            };
            fields.push((tag >> 3, field));
        }
        Self(fields)
    }

    fn all(&self, number: u64) -> impl Iterator<Item = &'a [u8]> {
        self.0.iter().filter(move |(own, _)| *own == number).map(move |(_, field)| match field {
            Field::Bytes(bytes) => *bytes,
            _ => panic!("field {number} holds a number"),
        })
    }

    fn texts(&self, number: u64) -> Vec<&'a str> {
        self.all(number).map(|bytes| std::str::from_utf8(bytes).unwrap()).collect()
    }

    fn message(&self, number: u64) -> Fields<'a> {
        Fields::read(self.all(number).next().unwrap())
    }

    fn messages(&self, number: u64) -> Vec<Fields<'a>> {
        self.all(number).map(Fields::read).collect()
    }

    fn ints(&self, number: u64) -> Vec<u64> {
        let int = |(own, field): &(u64, Field)| match field {
            Field::Int(value) if *own == number => Some(*value),
            _ => None,
        };
        self.0.iter().filter_map(int).collect()
    }

    fn floats(&self, number: u64) -> Vec<f32> {
        let float = |(own, field): &(u64, Field)| match field {
            Field::Float(value) if *own == number => Some(*value),
            _ => None,
        };
        self.0.iter().filter_map(float).collect()
    }
}

/// A file as it was read.
struct Read {
    metadata: HashMap<String, String>,
    inputs: Vec<String>,
    outputs: Vec<String>,
    /// Name, shape and numbers of what holds `f32`.
    tensors: HashMap<String, (Vec<u64>, Vec<f32>)>,
    /// Operators, inputs, and attributes by name.
    nodes: Vec<(String, Vec<String>, BTreeMap<String, String>)>,
}

fn dimensions(value: &Fields) -> String {
    let shape = value.message(2).message(1).message(2);
    let size = |size: Fields| match size.texts(2)[..] {
        [name] => name.to_owned(),
        _ => size.ints(1)[0].to_string(),
    };
    let sizes: Vec<String> = shape.messages(1).into_iter().map(size).collect();
    format!("{} [{}]", value.texts(1)[0], sizes.join(", "))
}

/// Reads a file, and looks whether it hangs together: each value is made once and before it is read, each tensor is as large as its
/// shape says and is read by some node.
fn read(path: &Path) -> Read {
    let bytes = std::fs::read(path).unwrap();
    let model = Fields::read(&bytes);
    assert_eq!((model.ints(1), model.texts(2)), (vec![8], vec!["anaphora"]));
    let opset = model.message(8);
    assert_eq!((opset.texts(1), opset.ints(2)), (vec![""], vec![18]));
    let graph = model.message(7);
    let mut tensors = HashMap::new();
    let mut known: HashSet<String> = HashSet::new();
    for tensor in graph.messages(5) {
        let (shape, kind, name) = (tensor.ints(1), tensor.ints(2)[0], tensor.texts(8)[0]);
        let data = tensor.all(9).next().unwrap();
        let count = shape.iter().product::<u64>() as usize;
        assert_eq!(data.len(), count * if kind == 7 { 8 } else { 4 }, "{name}");
        if kind == 1 {
            let numbers = data.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
            tensors.insert(name.to_owned(), (shape, numbers));
        }
        assert!(known.insert(name.to_owned()), "{name} is there twice");
    }
    let constants = known.clone();
    let names = |values: &[Fields]| values.iter().map(|value| value.texts(1)[0].to_owned()).collect();
    let (inputs, outputs) = (graph.messages(11), graph.messages(12));
    let input_names: Vec<String> = names(&inputs);
    known.extend(input_names.iter().cloned());
    let (mut nodes, mut used) = (Vec::new(), HashSet::new());
    for node in graph.messages(1) {
        let inputs: Vec<String> = node.texts(1).into_iter().map(str::to_owned).collect();
        let operator = node.texts(4)[0];
        for input in inputs.iter().filter(|input| !input.is_empty()) {
            assert!(known.contains(input), "{operator} reads {input} before it is there");
            used.insert(input.clone());
        }
        for output in node.texts(2) {
            assert!(known.insert(output.to_owned()), "{output} is made twice");
        }
        let attribute = |attribute: &Fields| {
            let value = match attribute.ints(20)[0] {
                1 => attribute.floats(2)[0].to_string(),
                2 => attribute.ints(3)[0].cast_signed().to_string(),
                3 => attribute.texts(4)[0].to_owned(),
                7 => format!("{:?}", attribute.ints(8)),
                8 => format!("{:?}", attribute.texts(9)),
                other => panic!("an attribute of kind {other}"),
            };
            (attribute.texts(1)[0].to_owned(), value)
        };
        nodes.push((operator.to_owned(), inputs, node.messages(5).iter().map(attribute).collect()));
    }
    let output_names: Vec<String> = names(&outputs);
    assert!(output_names.iter().all(|output| known.contains(output)));
    assert!(input_names.iter().all(|input| used.contains(input)), "{input_names:?} and {used:?}");
    assert!(constants.iter().all(|constant| used.contains(constant)));
    let property = |property: Fields| (property.texts(1)[0].to_owned(), property.texts(2)[0].to_owned());
    Read {
        metadata: model.messages(14).into_iter().map(property).collect(),
        inputs: inputs.iter().map(dimensions).collect(),
        outputs: outputs.iter().map(dimensions).collect(),
        tensors,
        nodes,
    }
}

/// Trains a tiny model for two steps and exports it; `fields` of the recipe have other values. The files are `x….onnx`.
fn exported(place: &Path, builtin: &str, fields: &[(&str, &str)]) -> Portable {
    let common = [("data.builtin", builtin), ("model.hidden_size", "12"), ("model.layers", "2")];
    let fields = || common.iter().chain(fields).copied();
    let value = |name: &str| fields().find(|(field, _)| *field == name).map(|(_, value)| value.to_owned());
    let mut recipe = Recipe::for_settings(value);
    fields().for_each(|(field, value)| recipe.set(field, value).unwrap());
    (recipe.training.batch, recipe.training.steps) = (4, Some(2));
    let run = place.join("run");
    anaphora::train(&recipe, &run, &mut |_| ControlFlow::Continue(())).unwrap();
    onnx::export(&run, &place.join("x.onnx"), Lengths::Any).unwrap();
    tasks::portable(&run).unwrap()
}

/// Values by their names.
type Values = BTreeMap<String, Value>;

fn floats(shape: &[usize], values: Vec<f32>) -> Value {
    Value::from_shape(shape, values).unwrap()
}

fn ints<T: TryInto<i32, Error: std::fmt::Debug>>(
    shape: &[usize],
    values: impl IntoIterator<Item = T>,
) -> Value {
    let values: Vec<i32> = values.into_iter().map(|value| value.try_into().unwrap()).collect();
    Value::from_shape(shape, values).unwrap()
}

/// A file in rten, which knows neither ONNX's RNN nor lengths of recurrent sequences.
struct Runner(Model);

impl Runner {
    fn open(path: &Path) -> Self {
        Self(Model::load_file(path).unwrap())
    }

    fn name(&self, id: NodeId) -> String {
        self.0.node_info(id).unwrap().name().unwrap().to_owned()
    }

    /// All outputs; inputs that are not given are zeros, with nothing past.
    fn run(&self, given: &Values) -> Values {
        let rows = given["input_ids"].shape()[0];
        let input = |(place, &id): (usize, &NodeId)| -> (NodeId, ValueOrView) {
            let value = given.get(&self.name(id)).cloned().unwrap_or_else(|| {
                let size = |size: &Dimension| match size {
                    Dimension::Fixed(size) => *size,
                    Dimension::Symbolic(name) => {
                        if name == "batch" {
                            rows
                        } else {
                            0
                        }
                    }
                };
                let shape: Vec<usize> = self.0.input_shape(place).unwrap().iter().map(size).collect();
                floats(&shape, vec![0.0; shape.iter().product()])
            });
            (id, value.into())
        };
        let inputs = self.0.input_ids().iter().enumerate().map(input).collect();
        let outputs = self.0.run(inputs, self.0.output_ids(), None).unwrap();
        self.0.output_ids().iter().map(|&id| self.name(id)).zip(outputs).collect()
    }
}

fn numbers(value: &Value) -> Vec<f32> {
    value.clone().into_tensor::<f32>().unwrap().to_vec()
}

fn furthest(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

fn compute() -> Compute {
    Compute::new(Device::new(1, Precision::F32))
}

/// Symbols for some rows of so many steps, below a count: `[rows][steps]`.
fn symbols(rows: usize, steps: usize, count: usize) -> Vec<Vec<u32>> {
    let symbol = |row: usize, step: usize| ((step * step * 7 + row * 31 + step * 3 + 1) % count) as u32;
    (0..rows).map(|row| (0..steps).map(|step| symbol(row, step)).collect()).collect()
}

/// What a graph reads of so many new steps behind `past` ones.
fn step(rows: &[Vec<u32>], past: usize, new: usize, state: &Values) -> Values {
    let count = rows.len();
    let ids = rows.iter().flat_map(|row| row[past..past + new].iter().copied());
    let mut given = state.clone();
    given.insert("input_ids".into(), ints(&[count, new], ids));
    given.insert("sequence_lens".into(), ints(&[count], vec![new; count]));
    given.insert("attention_mask".into(), ints(&[count, past + new], vec![1; count * (past + new)]));
    given.insert("decoder_attention_mask".into(), given["attention_mask"].clone());
    given
}

/// The state that came out, as it goes in again.
fn following(mut state: Values, out: &Values) -> Values {
    let names = [("hn", "h0"), ("cn", "c0"), ("present_inputs", "past_inputs"), ("found_n", "found")];
    for (name, value) in out.iter().filter(|(name, _)| *name != "logits") {
        let known = names.iter().find(|(from, _)| from == name).map(|(_, to)| (*to).to_owned());
        state.insert(known.unwrap_or_else(|| name.replace("present.", "past_key_values.")), value.clone());
    }
    state
}

/// What stands between a field and its value in the list of a test.
fn fields(text: &str) -> Vec<(&str, &str)> {
    text.split_whitespace().map(|field| field.split_once('=').unwrap()).collect()
}

/// Language models that differ in what a graph has to hold.
const WRITERS: [&str; 10] = [
    "model.backbone=lstm",
    "model.backbone=gru model.embedding_size=0",
    "model.backbone=lstm model.embedding_size=12 model.tied_weights=true model.layers=1",
    "model.backbone=window model.window=5",
    "model.backbone=transformer model.heads=3 model.context=9 model.bias=true",
    "model.backbone=transformer model.heads=6 model.kv_heads=2 model.position=alibi model.norm=rms model.feed_forward=swiglu",
    "model.backbone=transformer model.position=learned model.context=40 model.feed_forward=gelu_tanh model.tied_weights=true",
    "model.backbone=transformer model.position=sinusoidal model.context=40 model.norm_first=false model.feed_forward=relu",
    "model.backbone=transformer model.position=none model.similarity=cosine model.heads=2 model.kv_heads=1",
    "model.backbone=transformer model.position=rotary model.heads=3 model.context=300",
];

/// rten computes the logits of language models, of several sequences at once, whole and in stretches with the state between them.
#[test]
fn language_models_go_on_elsewhere() {
    for writer in WRITERS {
        let place = tempfile::tempdir().unwrap();
        let known = exported(place.path(), "tunes", &[fields(writer), fields("training.length=8")].concat());
        let AnyModel::Language(model) = &known.model else { panic!("{writer}") };
        read(&place.path().join("x.onnx"));
        let runner = Runner::open(&place.path().join("x.onnx"));
        let (count, steps) = (model.vocab_size(), 30);
        let rows = symbols(3, steps, count);
        let packed: Vec<u32> = (0..steps).flat_map(|step| rows.iter().map(move |row| row[step])).collect();
        let mut state = model.initial_state(3);
        let ours = model.go_on(&mut compute(), &packed, &[3; 30], &mut state).unwrap();
        // Ours lie step by step.
        let row = |row: usize, from: usize, to: usize| -> Vec<f32> {
            (from..to).flat_map(|step| ours[(step * 3 + row) * count..][..count].iter().copied()).collect()
        };
        let wanted = |from, to| (0..3).flat_map(|number| row(number, from, to)).collect::<Vec<f32>>();
        let whole = runner.run(&step(&rows, 0, steps, &Values::new()));
        let difference = furthest(&numbers(&whole["logits"]), &wanted(0, steps));
        assert!(difference < 1e-5, "{writer}: {difference}");
        let (mut state, mut past) = (Values::new(), 0);
        for new in [1, 12, 1, 3, 13] {
            let out = runner.run(&step(&rows, past, new, &state));
            let difference = furthest(&numbers(&out["logits"]), &wanted(past, past + new));
            assert!(difference < 1e-5, "{writer}: {difference} behind {past} steps");
            (state, past) = (following(state, &out), past + new);
        }
    }
}

/// A mask says which steps count: rows that begin or end with others have the logits that they have alone.
#[test]
fn steps_that_do_not_count_change_nothing() {
    let place = tempfile::tempdir().unwrap();
    for (number, position) in ["rotary", "learned", "alibi"].into_iter().enumerate() {
        let folder = place.path().join(number.to_string());
        std::fs::create_dir(&folder).unwrap();
        let position =
            format!("model.backbone=transformer model.heads=3 model.context=20 model.position={position}");
        exported(&folder, "tunes", &[fields(&position), fields("training.length=8")].concat());
        let runner = Runner::open(&folder.join("x.onnx"));
        let row = &symbols(1, 7, 20)[0];
        let alone = numbers(&runner.run(&step(std::slice::from_ref(row), 0, 7, &Values::new()))["logits"]);
        let filled = [[&[3, 4][..], row].concat(), [row, &[5, 6][..]].concat()];
        let mut given = step(&filled, 0, 9, &Values::new());
        let mask = [0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0];
        given.insert("attention_mask".into(), ints(&[2, 9], mask));
        let logits = numbers(&runner.run(&given)["logits"]);
        let width = alone.len() / 7;
        for (row, first) in [(0, 2), (1, 0)] {
            let own = &logits[(row * 9 + first) * width..][..7 * width];
            assert!(furthest(own, &alone) < 1e-5, "{position}, row {row}");
        }
    }
}

/// Gates lie in ONNX's order, and names and shapes are those that the guide tells of.
#[test]
fn recurrent_layers_are_onnx_s_own() {
    for (backbone, order, operator) in
        [("lstm", &[0, 3, 1, 2][..], "LSTM"), ("gru", &[1, 0, 2], "GRU"), ("rnn", &[0], "RNN")]
    {
        let place = tempfile::tempdir().unwrap();
        let known =
            exported(place.path(), "tunes", &fields(&format!("model.backbone={backbone} training.length=8")));
        let file = read(&place.path().join("x.onnx"));
        let nodes: Vec<_> = file.nodes.iter().filter(|(own, ..)| own == operator).collect();
        assert_eq!(nodes.len(), 2, "{backbone}: a node a layer");
        for (layer, (_, inputs, attributes)) in nodes.into_iter().enumerate() {
            assert_eq!(attributes["hidden_size"], "12");
            assert_eq!(attributes["direction"], "forward");
            assert_eq!(attributes.get("linear_before_reset").is_some(), backbone == "gru");
            assert_eq!(inputs[4], "sequence_lens");
            for (input, name) in [(1, "weight_ih"), (2, "weight_hh")] {
                let params = known.model.params();
                let id = params.find(&format!("rnn.{name}_l{layer}")).unwrap();
                let (shape, values) = (params.shape(id), params.value(id));
                let (found, numbers) = &file.tensors[&inputs[input]];
                assert_eq!(*found, [1, shape[0] as u64, shape[1] as u64]);
                let gate = 12 * shape[1];
                let wanted: Vec<f32> = order
                    .iter()
                    .flat_map(|gate_of| values[gate_of * gate..][..gate].iter().copied())
                    .collect();
                assert_eq!(*numbers, wanted, "{backbone} {name}");
            }
        }
        let mut inputs = vec!["input_ids [batch, time]", "sequence_lens [batch]", "h0 [2, batch, 12]"];
        let AnyModel::Language(model) = &known.model else { panic!() };
        let logits = format!("logits [batch, time, {}]", model.vocab_size());
        let mut outputs = vec![&*logits, "hn [2, batch, 12]"];
        if backbone == "lstm" {
            inputs.push("c0 [2, batch, 12]");
            outputs.push("cn [2, batch, 12]");
        }
        assert_eq!(
            (file.inputs, file.outputs.iter().map(|own| &**own).collect()),
            (inputs.iter().map(|own| (*own).to_owned()).collect(), outputs)
        );
        assert_eq!((&*file.metadata["task"], &*file.metadata["backbone"]), ("music", backbone));
        assert_eq!(file.metadata["end_token"], "0");
        let tokenizer: serde_json::Value = serde_json::from_str(&file.metadata["tokenizer"]).unwrap();
        assert_eq!(tokenizer["tokens"].as_array().unwrap().len(), model.vocab_size());
        assert_eq!(
            file.metadata["recipe"].parse::<toml::Table>().unwrap()["model"]["backbone"].as_str(),
            Some(backbone)
        );
    }
}

/// Models that say something of a sequence: of unequal ones where no recurrent layer reads them, for rten reads all steps there.
#[test]
fn what_is_said_of_a_sequence_is_said_elsewhere() {
    for (builtin, model, lengths) in [
        ("names", "model.backbone=transformer model.heads=2", [9, 5, 1]),
        ("names", "model.backbone=transformer model.position=alibi model.pooling=max", [9, 5, 1]),
        (
            "names",
            "model.backbone=transformer model.position=learned model.pooling=last model.context=30",
            [9, 5, 1],
        ),
        ("names", "model.backbone=window model.pooling=attention", [9, 5, 1]),
        ("names", "model.backbone=window model.pooling=last", [9, 5, 1]),
        ("names", "model.backbone=lstm model.bidirectional=true", [9, 9, 9]),
        ("names", "model.backbone=gru model.pooling=mean", [9, 9, 9]),
        ("prices", "model.backbone=gru model.bidirectional=true model.pooling=max", [9, 9, 9]),
        ("copy", "model.backbone=gru training.length=20", [9, 9, 9]),
    ] {
        let place = tempfile::tempdir().unwrap();
        let known = exported(place.path(), builtin, &fields(model));
        let AnyModel::Sequence(own) = &known.model else { panic!("{model}") };
        read(&place.path().join("x.onnx"));
        let rows = symbols(3, 9, 10);
        let sequences: Vec<Sequence> =
            rows.iter().zip(lengths).map(|(row, length)| Sequence::Tokens(row[..length].to_vec())).collect();
        let (mut ours, _) = own.predict(&mut compute(), &Packed::new(&sequences), None).unwrap();
        if own.shape().each_step {
            let width = ours.len() / 27;
            ours = (0..3)
                .flat_map(|row| (0..9).map(move |step| step * 3 + row))
                .flat_map(|at| ours[at * width..][..width].to_vec())
                .collect();
        }
        let mut given = step(&rows, 0, 9, &Values::new());
        given.insert("sequence_lens".into(), ints(&[3], lengths));
        let out = Runner::open(&place.path().join("x.onnx")).run(&given);
        if let (Some(numbers_of), Some(Says::Numbers { mean, deviation })) = (out.get("numbers"), known.says)
        {
            ours.iter_mut().for_each(|own| *own = *own * deviation + mean);
            assert!(furthest(&numbers(numbers_of), &ours) < 1e-5 * deviation.max(1.0), "{model}");
            continue;
        }
        let difference = furthest(&numbers(&out["logits"]), &ours);
        assert!(difference < 1e-5, "{builtin} {model}: {difference}");
        if builtin == "names" {
            let classes: Vec<String> =
                serde_json::from_str(&known_metadata(place.path())["classes"]).unwrap();
            assert_eq!(Some(classes), known.outputs, "{model}");
        }
    }
}

/// What a linear map says is added in the graph, of n-grams that a caller finds in the vocabulary of the metadata.
#[test]
fn a_linear_map_of_ngrams_is_in_the_graph() {
    let place = tempfile::tempdir().unwrap();
    let model = "model.backbone=window model.pooling=mean model.shortcut=linear";
    let known = exported(place.path(), "names", &fields(model));
    let AnyModel::Sequence(own) = &known.model else { panic!() };
    let file = read(&place.path().join("x.onnx"));
    assert_eq!(file.inputs[2..], ["ngrams [batch, ngrams]", "ngram_weights [batch, ngrams]"]);
    let ngrams: anaphora_data::Ngrams = serde_json::from_str(&file.metadata["ngrams"]).unwrap();
    let kept = std::fs::read(place.path().join("run/linear.json")).unwrap();
    let kept: serde_json::Value = serde_json::from_slice(&kept).unwrap();
    let weight: Vec<f32> = serde_json::from_value(kept["map"]["weight"].clone()).unwrap();
    let classes = weight.len() / (ngrams.len() + 1);

    let vectors = ["Astmarason", "Lekai", "?"].map(|text| ngrams.vector(text));
    assert!(vectors[0].len() > 5 && vectors[2].is_empty());
    let rows = symbols(3, 9, 10);
    let sequences: Vec<Sequence> = rows.iter().map(|row| Sequence::Tokens(row.clone())).collect();
    let (mut ours, _) = own.predict(&mut compute(), &Packed::new(&sequences), None).unwrap();
    for (row, vector) in ours.chunks_exact_mut(classes).zip(&vectors) {
        for (class, logit) in row.iter_mut().enumerate() {
            let of = |(number, value): &(u32, f32)| value * weight[*number as usize * classes + class];
            *logit += vector.iter().map(of).sum::<f32>() + weight[ngrams.len() * classes + class];
        }
    }
    let longest = vectors.iter().map(Vec::len).max().unwrap();
    let padded = || {
        vectors.iter().flat_map(|vector| (0..longest).map(|at| vector.get(at).copied().unwrap_or((7, 0.0))))
    };
    let mut given = step(&rows, 0, 9, &Values::new());
    given.insert("ngrams".into(), ints(&[3, longest], padded().map(|(number, _)| number)));
    given.insert("ngram_weights".into(), floats(&[3, longest], padded().map(|(_, value)| value).collect()));
    let out = Runner::open(&place.path().join("x.onnx")).run(&given);
    let difference = furthest(&numbers(&out["logits"]), &ours);
    assert!(difference < 1e-5, "{difference}");
}

fn known_metadata(place: &Path) -> HashMap<String, String> {
    read(&place.join("x.onnx")).metadata
}

/// A translator's two graphs write token by token what the program's model does.
#[test]
fn two_graphs_read_and_write() {
    for kind in [
        "model.backbone=lstm model.attention=luong model.bidirectional=true",
        "model.backbone=gru model.attention=bahdanau",
        "model.backbone=gru model.attention=none model.layers=1",
        "model.backbone=lstm model.attention=luong model.input_feeding=true",
        "model.backbone=transformer model.heads=2",
    ] {
        let place = tempfile::tempdir().unwrap();
        let known = exported(place.path(), "reverse", &fields(kind));
        let AnyModel::Pairs(model) = &known.model else { panic!("{kind}") };
        let files = ["encoder", "decoder"].map(|part| place.path().join(format!("x.{part}.onnx")));
        files.iter().for_each(|file| drop(read(file)));
        let [encoder, decoder] = files.map(|file| Runner::open(&file));
        let sources = symbols(2, 6, 9);
        let sequences: Vec<Sequence> = sources.iter().map(|row| Sequence::Tokens(row.clone())).collect();
        let mut state = encoder.run(&step(&sources, 0, 6, &Values::new()));
        state.insert("encoder_lens".into(), ints(&[2], [6, 6]));
        let read = model.read(&mut compute(), &Packed::new(&sequences)).unwrap();
        let (mut own, rows) = read.begin();
        let written = symbols(2, 5, 7);
        let mut logits = Vec::new();
        for at in 0..5 {
            let last: Vec<u32> = written.iter().map(|row| row[at]).collect();
            model.write(&mut compute(), &read, &rows, &last, &mut own, &mut logits).unwrap();
            let out = decoder.run(&step(&written, at, 1, &state));
            let difference = furthest(&numbers(&out["logits"]), &logits);
            assert!(difference < 1e-5, "{kind}: {difference} at step {at}");
            state = following(state, &out);
        }
    }
}

/// Every task goes out; what it reads and says is named.
#[test]
fn every_task_has_a_graph() {
    for (builtin, fields_of, inputs, output) in [
        (
            "played",
            "model.backbone=gru training.length=8",
            &["input_ids", "sequence_lens", "h0"][..],
            "logits [batch, time, ",
        ),
        (
            "waves",
            "model.backbone=lstm model.bidirectional=false model.pooling=last",
            &["frames", "sequence_lens", "h0", "c0"],
            "logits [batch, 4]",
        ),
        ("shapes", "model.backbone=transformer model.heads=3", &["picture"], "logits [batch, 3]"),
        (
            "prices",
            "model.backbone=lstm model.bidirectional=false model.pooling=last",
            &["input_ids", "sequence_lens", "h0", "c0"],
            "numbers [batch, 1]",
        ),
        (
            "phrases",
            "model.backbone=lstm",
            &["input_ids", "sequence_lens", "characters", "character_lens"],
            "logits [batch, time, ",
        ),
        (
            "adding",
            "model.backbone=lstm training.length=20",
            &["frames", "sequence_lens", "h0", "c0"],
            "numbers [batch, 1]",
        ),
        (
            "chorales",
            "model.backbone=lstm model.notes=independent",
            &["frames", "sequence_lens", "h0", "c0"],
            "logits [batch, time, ",
        ),
        (
            "seasonal",
            "model.backbone=gru model.head=quantile",
            &["past", "waves"],
            "forecast [batch, 24, 1, 3]",
        ),
        ("ball", "model.backbone=lstm", &["past"], "forecast [batch, 50, 2, 1]"),
    ] {
        let place = tempfile::tempdir().unwrap();
        exported(place.path(), builtin, &fields(fields_of));
        let file = read(&place.path().join("x.onnx"));
        let names: Vec<&str> = file.inputs.iter().map(|input| input.split(' ').next().unwrap()).collect();
        assert_eq!(names, inputs, "{builtin}");
        assert!(file.outputs[0].starts_with(output), "{builtin}: {}", file.outputs[0]);
    }
}
