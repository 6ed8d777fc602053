//! Models that say something of a sequence, or of each of its steps, what comes next among others.

use anaphora_nn::{Activation, TransformerOptions};

use super::graph::{Graph, Name, transpose};
use super::input::{self, Read};
use super::protobuf::Attribute::{Int, Ints};
use super::protobuf::{Kind, Size};
use super::recurrent::{self, Recurrent};
use super::{Lengths, transformer};
use crate::Result;
use crate::inspect::Says;
use crate::model::{Linear, Reads, Shape, transformer as options_of};
use crate::recipe::{Backbone, Input, Model, Pooling};
use crate::tasks::Prepares;

/// A model's shape, in short.
pub struct Plan<'a> {
    pub model: &'a Model,
    pub shape: Shape,
    pub prepares: &'a Prepares,
    /// How outputs become what they say, where they say something.
    pub says: Option<Says>,
    /// How long the sequences of a batch are.
    pub lengths: Lengths,
}

/// What comes out of a backbone.
pub struct Encoded {
    /// `[batch, time, size]`.
    pub steps: Name,
    /// Of recurrent layers.
    pub recurrent: Option<Recurrent>,
    /// What a caller hands back with the steps that follow.
    state: Vec<Carried>,
}

/// A part of a state that goes out of a graph, to come in again.
pub struct Carried {
    pub name: String,
    pub value: Name,
    pub shape: Vec<Size>,
}

impl Carried {
    /// Adds it to the outputs.
    pub fn output(&self, graph: &mut Graph) {
        graph.output(
            &self.name,
            &self.value,
            Kind::F32,
            &self.shape,
            "to be handed in again with what follows",
        );
    }
}

impl Plan<'_> {
    /// Whether what is said of a stretch is what would be said of all up to its end, if a state is handed on.
    fn carries(&self) -> bool {
        let Self { model, shape, prepares, .. } = self;
        let of_steps = match shape.reads {
            Reads::Tokens(_) => true,
            Reads::Frames(_) => match prepares {
                Prepares::Plain | Prepares::Ngrams(_) => true,
                Prepares::Steps(steps, _) => matches!(steps.input(), Input::Numbers | Input::Samples),
                Prepares::Series(_) => false,
            },
            Reads::Words { .. } | Reads::Pictures { .. } => false,
        };
        let known_at_end = shape.each_step || model.pooling() == Pooling::Last;
        match model.backbone {
            Backbone::Transformer => shape.causal && shape.each_step,
            Backbone::Window => of_steps && known_at_end,
            _ => of_steps && known_at_end && (shape.causal || !model.bidirectional),
        }
    }

    /// Adds the model to a graph: inputs, and `logits`, with the state behind them where one is carried.
    pub fn build(&self, graph: &mut Graph) -> Result<()> {
        let carries = self.carries();
        // Of those that a Transformer goes on with, a mask says which count.
        let masked = carries && self.model.backbone == Backbone::Transformer;
        let counts = self.lengths == Lengths::Any && !masked;
        let read = input::read(graph, "", self.model, self.shape.reads, self.prepares, counts)?;
        let (mut y, state) = self.output(graph, &read, carries);
        if let Prepares::Ngrams(map) = self.prepares {
            let said = of_ngrams(graph, map);
            y = graph.add(&y, &said);
        }
        let width = head_width(graph, "");
        let mut shape: Vec<Size> = vec!["batch".into(), width.into()];
        if self.shape.each_step {
            shape.insert(1, "time".into());
        }
        let (name, y, about) = match self.says {
            Some(Says::Numbers { mean, deviation }) => {
                let (mean, deviation) = (graph.float(mean), graph.float(deviation));
                let y = graph.mul(&y, &deviation);
                ("numbers", graph.add(&y, &mean), "in their own unit")
            }
            Some(Says::Labels) => ("logits", y, "before the sigmoid of each label"),
            _ => ("logits", y, "before the soft-max"),
        };
        graph.output(name, &y, Kind::F32, &shape, about);
        state.iter().for_each(|carried| carried.output(graph));
        Ok(())
    }

    /// What the head gives for what was read: `[batch, width]`, or for each step `[batch, time, width]`.
    fn output(&self, graph: &mut Graph, read: &Read, carries: bool) -> (Name, Vec<Carried>) {
        let encoded = encode(graph, "", self.model, self.shape.causal, carries, read);
        let mut y = encoded.steps.clone();
        if !self.shape.each_step {
            graph.part("pooling");
            y = match (self.model.pooling(), &encoded.recurrent) {
                (Pooling::Last, Some(recurrent)) => recurrent.last(graph),
                (pooling, _) => pool(graph, pooling, &y, &read.lengths),
            };
        }
        graph.part("head");
        (head(graph, "", &y), encoded.state)
    }

    /// What the head gives for frames that were made in the graph, all read at once.
    pub fn of_frames(&self, graph: &mut Graph, x: Name) -> Name {
        self.output(graph, &Read { x, lengths: Name::new() }, false).0
    }
}

/// Adds a backbone whose weights begin with `prefix`; if it `carries` a state, that comes in and goes out.
pub fn encode(
    graph: &mut Graph,
    prefix: &str,
    model: &Model,
    causal: bool,
    carries: bool,
    read: &Read,
) -> Encoded {
    let Read { x, lengths } = read;
    match model.backbone {
        Backbone::Transformer => {
            let options = options_of(model);
            let seen = match carries {
                true => transformer::going_on(graph, x, &options, ""),
                false => transformer::whole(graph, &options, x, lengths),
            };
            let name = format!("{prefix}transformer");
            let (steps, present) = transformer::stack(graph, &name, &options, x, &seen, None);
            let state = if carries { transformer_state(&options, present, "") } else { Vec::new() };
            Encoded { steps, recurrent: None, state }
        }
        Backbone::Window => window(graph, &format!("{prefix}window"), model, carries, read),
        _ => {
            let bidirectional = model.bidirectional && !causal;
            let shape: Vec<Size> = vec![model.layers.into(), "batch".into(), model.hidden_size.into()];
            let names = if carries { recurrent::state_names(model) } else { &[] };
            let about = "the state behind the steps before; zeros at first";
            let starts: Vec<Name> =
                names.iter().map(|name| graph.input(&format!("{name}0"), Kind::F32, &shape, about)).collect();
            let name = format!("{prefix}rnn.");
            let recurrent = recurrent::layers(graph, model, &name, bidirectional, x, lengths, &starts);
            graph.part("state");
            let ends = if carries { recurrent.state(graph) } else { Vec::new() };
            let state = names
                .iter()
                .zip(ends)
                .map(|(name, value)| Carried { name: format!("{name}n"), value, shape: shape.clone() })
                .collect();
            Encoded { steps: recurrent.steps.clone(), recurrent: Some(recurrent), state }
        }
    }
}

/// Keys and values of a Transformer's blocks as they go out.
pub fn transformer_state(options: &TransformerOptions, present: Vec<[Name; 2]>, of: &str) -> Vec<Carried> {
    let size = options.hidden_size / options.heads;
    let shape: Vec<Size> = vec!["batch".into(), options.kv_heads.into(), "past + time".into(), size.into()];
    let blocks = present.into_iter().enumerate();
    let parts = blocks.flat_map(|(block, [key, value])| [(block, "key", key), (block, "value", value)]);
    let carried = |(block, part, value)| {
        let name = format!("present.{block}.{of}{part}");
        Carried { name, value, shape: shape.clone() }
    };
    parts.map(carried).collect()
}

/// The head over the last dimension of what a model that writes or says something knows; its weights are an embedding's where it has none.
pub fn head(graph: &mut Graph, embedding: &str, x: &Name) -> Name {
    match graph.has(HEAD) {
        true => graph.linear(x, "head"),
        false => graph.tied(x, &format!("{embedding}embedding.weight"), "head"),
    }
}

/// What the head gives a row.
pub fn head_width(graph: &Graph, embedding: &str) -> usize {
    let tied = format!("{embedding}embedding.weight");
    graph.weight_of(if graph.has(HEAD) { HEAD } else { &tied }).0[0]
}

const HEAD: &str = "head.weight";

/// What a linear map says of the n-grams of texts, `[batch, classes]`: the sum of the rows of those that a caller names, each as often as
/// it says.
fn of_ngrams(graph: &mut Graph, map: &Linear) -> Name {
    let Linear { inputs, outputs, ref weight } = *map;
    let shape: [Size; 2] = ["batch".into(), "ngrams".into()];
    let about = "n-grams of the text by their numbers in the metadata, padded by any";
    let ids = graph.input("ngrams", Kind::I64, &shape, about);
    let about = "how much each is there: 1 + ln(times) times its weight, in all of length 1 for each kind; 0 for what pads";
    let counts = graph.input("ngram_weights", Kind::F32, &shape, about);
    graph.part("linear");
    let (rows, bias) = weight.split_at(inputs * outputs);
    // A map that knows none has a row for what pads.
    let rows = if inputs == 0 { vec![0.0; outputs] } else { rows.to_vec() };
    let table = graph.tensor("linear.weight", &[inputs.max(1), outputs], rows);
    let bias = graph.tensor("linear.bias", &[outputs], bias.to_vec());
    let rows = graph.gather(&table, &ids, 0);
    let sum = weighted(graph, &counts, &rows);
    graph.add(&sum, &bias)
}

/// A feed-forward network over the latest steps: a convolution over time, and linear maps of each step.
fn window(
    graph: &mut Graph,
    name: &str,
    model: &Model,
    carries: bool,
    Read { x, lengths }: &Read,
) -> Encoded {
    let (hidden, window) = (model.hidden_size, model.window);
    let (shape, values) = graph.weight_of(&format!("{name}.0.weight"));
    let size = shape[1] / window;
    let past_steps = window - 1;
    let mut state = Vec::new();
    let mut all = x.clone();
    if past_steps > 0 {
        let shape: Vec<Size> = vec!["batch".into(), past_steps.into(), size.into()];
        graph.part(name);
        let past = if carries {
            let about = "what the window held before, as present_inputs gave it; zeros at first";
            graph.input("past_inputs", Kind::F32, &shape, about)
        } else {
            let (batch, rest) = (graph.length(x, 0), graph.ints(&[past_steps as i64, size as i64]));
            let batch = graph.unsqueeze(&batch, &[0]);
            let shape = graph.concat(&[&batch, &rest], 0);
            let zero = graph.float(0.0);
            graph.op("Expand", &[&zero, &shape], &[])
        };
        all = graph.concat(&[&past, x], 1);
        if carries {
            // The window of each sequence at its own end.
            let value = if lengths.is_empty() {
                graph.slice(&all, 1, -(past_steps as i64), i64::MAX)
            } else {
                let counts = graph.cast(lengths, Kind::I64);
                let counts = graph.unsqueeze(&counts, &[1]);
                let steps = graph.ints(&(0..past_steps as i64).collect::<Vec<_>>());
                let places = graph.add(&counts, &steps);
                let places = graph.unsqueeze(&places, &[2]);
                graph.op("GatherND", &[&all, &places], &[("batch_dims", Int(1))])
            };
            state.push(Carried { name: "present_inputs".into(), value, shape });
        }
    }
    graph.part(name);
    // [hidden, window, size] there.
    let kernel: Vec<f32> =
        values.chunks_exact(window * size).flat_map(|own| transpose(own, window, size)).collect();
    let kernel = graph.tensor(&format!("{name}.0.weight"), &[hidden, size, window], kernel);
    let bias = graph.weight(&format!("{name}.0.bias"));
    let channels = graph.transpose(&all, &[0, 2, 1]);
    // Not every runtime has zeros for these.
    let attributes = [("strides", Ints(&[1])), ("dilations", Ints(&[1])), ("pads", Ints(&[0, 0]))];
    let y = graph.op("Conv", &[&channels, &kernel, &bias], &attributes);
    let y = graph.transpose(&y, &[0, 2, 1]);
    let mut y = transformer::activation(graph, Activation::Tanh, &y);
    for layer in 1..model.layers {
        let sums = graph.linear(&y, &format!("{name}.{layer}"));
        y = transformer::activation(graph, Activation::Tanh, &sums);
    }
    Encoded { steps: y, recurrent: None, state }
}

/// One row for each sequence of `x [batch, time, size]` whose steps are the first `lengths [batch]`.
pub fn pool(graph: &mut Graph, pooling: Pooling, x: &Name, lengths: &Name) -> Name {
    if lengths.is_empty() {
        return match pooling {
            Pooling::Last => {
                let last = graph.slice(x, 1, -1, i64::MAX);
                graph.squeeze(&last, &[1])
            }
            Pooling::Mean => graph.reduce("ReduceMean", x, 1, false),
            Pooling::Max => graph.reduce("ReduceMax", x, 1, false),
            Pooling::Attention => {
                let weights = fitting(graph, x);
                let weights = graph.softmax(&weights);
                weighted(graph, &weights, x)
            }
        };
    }
    let time = graph.length(x, 1);
    let steps = graph.range(&time);
    let inside = transformer::below(graph, &steps, lengths, &[]);
    match pooling {
        Pooling::Last => {
            let one = graph.int(1);
            let behind = graph.add(&steps, &one);
            let behind = transformer::below(graph, &behind, lengths, &[]);
            let last = graph.op("Xor", &[&inside, &behind], &[]);
            let weights = graph.cast(&last, Kind::F32);
            weighted(graph, &weights, x)
        }
        Pooling::Mean => {
            let weights = graph.cast(&inside, Kind::F32);
            let sum = weighted(graph, &weights, x);
            let count = graph.reduce("ReduceSum", &weights, 1, true);
            graph.div(&sum, &count)
        }
        Pooling::Max => {
            let (inside, least) = (graph.unsqueeze(&inside, &[2]), graph.float(f32::MIN));
            let x = graph.choose(&inside, x, &least);
            graph.reduce("ReduceMax", &x, 1, false)
        }
        Pooling::Attention => {
            let (fit, least) = (fitting(graph, x), graph.float(transformer::HIDDEN));
            let fit = graph.choose(&inside, &fit, &least);
            let weights = graph.softmax(&fit);
            weighted(graph, &weights, x)
        }
    }
}

/// How well each step fits the learnt query, `[batch, time]`.
fn fitting(graph: &mut Graph, x: &Name) -> Name {
    let (shape, values) = graph.weight_of("pooling.query");
    let width = shape[1];
    let scale = 1.0 / (width as f32).sqrt();
    let query = values.iter().map(|value| value * scale).collect::<Vec<_>>();
    let query = graph.tensor("pooling.query", &[width, 1], query);
    let fit = graph.matmul(x, &query);
    graph.squeeze(&fit, &[2])
}

/// The sum over steps of `x [batch, time, size]` by `weights [batch, time]`.
fn weighted(graph: &mut Graph, weights: &Name, x: &Name) -> Name {
    let weights = graph.unsqueeze(weights, &[1]);
    let sum = graph.matmul(&weights, x);
    graph.squeeze(&sum, &[1])
}
