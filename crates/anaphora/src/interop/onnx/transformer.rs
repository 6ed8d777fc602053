//! A Transformer in plain operators, with keys and values of past steps in and out where it is causal.

use anaphora_nn::{Activation, FeedForwardKind, Norm, Position, Similarity, TransformerOptions, wave};

use super::graph::{Graph, Name};
use super::protobuf::Attribute::{Float, Int};
use super::protobuf::{Kind, Size};

/// What stands in the place of a score that does not count: a soft-max makes 0 of it, and no row has an infinity alone.
pub const HIDDEN: f32 = -1e30;

/// Places that rotary angles are there for.
const ROTARY_PLACES: usize = 1 << 16;
/// Places in the finer of the two tables that the angles are put together from.
const ROTARY_FINE: usize = 256;
/// The shortest length that a vector is divided by.
const SHORTEST: f32 = 1e-12;

/// The steps that are read and those that can be seen.
pub struct Seen {
    /// `[batch, time]`: the place of each step that is read; empty where places mean nothing.
    places: Name,
    /// True where a query sees a key, `[batch, 1, 1 or time, keys]`.
    visible: Name,
    /// `[batch, 1, time, keys]`: how many steps lie between a query and a key, for ALiBi.
    distance: Name,
    /// Keys and values of past steps, `[batch, heads, past, size]`: in the order of blocks.
    past: Vec<[Name; 2]>,
}

/// An encoder's steps as a decoder sees them.
pub struct Memory {
    /// Keys and values in the order of blocks, `[batch, heads, steps, size]`.
    pub keys_values: Vec<[Name; 2]>,
    /// `[batch, 1, 1, steps]`.
    pub visible: Name,
}

/// Steps that are read at once: in each row of `x [batch, time, ..]` the first `counts [batch]`, all where there are none.
pub fn whole(graph: &mut Graph, options: &TransformerOptions, x: &Name, counts: &Name) -> Seen {
    graph.part("places");
    let time = graph.length(x, 1);
    let steps = graph.range(&time);
    let visible = if counts.is_empty() {
        let zero = graph.int(0);
        let all = graph.op("GreaterOrEqual", &[&steps, &zero], &[]);
        graph.unsqueeze(&all, &[0, 1, 2])
    } else {
        below(graph, &steps, counts, &[1, 2])
    };
    let distance = if options.position == Position::Alibi {
        let (queries, keys) = (graph.unsqueeze(&steps, &[1]), graph.unsqueeze(&steps, &[0]));
        let distance = graph.sub(&queries, &keys);
        let distance = graph.unary("Abs", &distance);
        graph.unsqueeze(&distance, &[0, 1])
    } else {
        Name::new()
    };
    Seen { places: graph.unsqueeze(&steps, &[0]), visible, distance, past: Vec::new() }
}

/// Whether each of `steps [time]` is one of the first `counts [batch]`: `[batch, time]`, with more `axes` of size 1.
pub fn below(graph: &mut Graph, steps: &Name, counts: &Name, axes: &[i64]) -> Name {
    let counts = graph.cast(counts, Kind::I64);
    let counts = graph.unsqueeze(&counts, &[1]);
    let visible = graph.op("Less", &[steps, &counts], &[]);
    if axes.is_empty() { visible } else { graph.unsqueeze(&visible, axes) }
}

/// The names that Hugging Face's optimum gives keys and values of past steps; a decoder of pairs has `decoder.` in them.
pub fn past_name(block: usize, of: &str, part: &str) -> String {
    format!("past_key_values.{block}.{of}{part}")
}

/// Steps that go on from past ones: adds `attention_mask [batch, past + time]` and `past_key_values.…` to the inputs.
pub fn going_on(graph: &mut Graph, x: &Name, options: &TransformerOptions, of: &str) -> Seen {
    let head_size = options.hidden_size / options.heads;
    let shape: [Size; 4] = ["batch".into(), options.kv_heads.into(), "past".into(), head_size.into()];
    let mask = graph.input(
        if of.is_empty() { "attention_mask" } else { "decoder_attention_mask" },
        Kind::I64,
        &["batch".into(), "past + time".into()],
        "1 for each step that counts, past ones first; 0 for what only fills a row",
    );
    let about = "past steps of a block; none at first: a size of 0";
    let past = (0..options.layers)
        .map(|block| {
            ["key", "value"].map(|part| graph.input(&past_name(block, of, part), Kind::F32, &shape, about))
        })
        .collect();
    graph.part("places");
    let (zero, one) = (graph.int(0), graph.int(1));
    let counted = graph.op("CumSum", &[&mask, &one], &[]);
    let places = graph.sub(&counted, &one);
    let places = graph.op("Max", &[&places, &zero], &[]);
    let (time, all) = (graph.length(x, 1), graph.length(&mask, 1));
    let past_time = graph.sub(&all, &time);
    let [first, behind] = [past_time, all].map(|place| graph.unsqueeze(&place, &[0]));
    let axis = graph.ints(&[1]);
    let own = graph.op("Slice", &[&places, &first, &behind, &axis], &[]);
    let (queries, keys) = (graph.unsqueeze(&own, &[2]), graph.unsqueeze(&places, &[1]));
    let distance = graph.sub(&queries, &keys);
    let not_after = graph.op("GreaterOrEqual", &[&distance, &zero], &[]);
    let window = graph.int(options.context as i64);
    let near = graph.op("Less", &[&distance, &window], &[]);
    let counts = graph.op("Greater", &[&mask, &zero], &[]);
    let counts = graph.unsqueeze(&counts, &[1]);
    let visible = graph.op("And", &[&not_after, &near], &[]);
    let visible = graph.op("And", &[&visible, &counts], &[]);
    let [visible, distance] = [visible, distance].map(|value| graph.unsqueeze(&value, &[1]));
    Seen { places: own, visible, distance, past }
}

/// The stack `name` over `x [batch, time, input_size]`: `[batch, time, hidden_size]`, and keys and values behind it of a causal one.
pub fn stack(
    graph: &mut Graph,
    name: &str,
    options: &TransformerOptions,
    x: &Name,
    seen: &Seen,
    memory: Option<&Memory>,
) -> (Name, Vec<[Name; 2]>) {
    graph.part(name);
    let mut x = x.clone();
    if graph.has(&format!("{name}.input.weight")) {
        x = graph.linear(&x, &format!("{name}.input"));
    }
    let table = match options.position {
        Position::Learned => Some(graph.weight(&format!("{name}.position.weight"))),
        Position::Sinusoidal => {
            let (rows, width) = (options.context, options.hidden_size);
            let mut waves = vec![0.0; rows * width];
            waves.chunks_exact_mut(width).enumerate().for_each(|(place, row)| wave(place, row));
            Some(graph.tensor(&format!("{name}.position"), &[rows, width], waves))
        }
        _ => None,
    };
    if let Some(table) = table {
        let rows = graph.gather(&table, &seen.places, 0);
        x = graph.add(&x, &rows);
    }
    let block = Block {
        options,
        seen,
        rotary: (options.position == Position::Rotary).then(|| rotary(graph, options, &seen.places)),
        far: far(graph, options, &seen.distance),
    };
    let mut present = Vec::new();
    for number in 0..options.layers {
        let name = format!("{name}.layers.{number}");
        graph.part(&name);
        let mut part = 0;
        // A norm in front of each part, or behind its sum.
        let mut join = |graph: &mut Graph, x: &Name, branch: &mut dyn FnMut(&mut Graph, &Name) -> Name| {
            part += 1;
            let norm_name = format!("{name}.norm{part}");
            if options.norm_first {
                let read = norm(graph, options, x, &norm_name);
                let branch = branch(graph, &read);
                return graph.add(x, &branch);
            }
            let branch = branch(graph, x);
            let sum = graph.add(x, &branch);
            norm(graph, options, &sum, &norm_name)
        };
        x = join(graph, &x, &mut |graph, x| {
            let (y, own) = block.self_attention(graph, &name, number, x);
            present.push(own);
            y
        });
        if let Some(memory) = memory {
            x = join(graph, &x, &mut |graph, x| block.cross_attention(graph, &name, number, x, memory));
        }
        x = join(graph, &x, &mut |graph, x| feed_forward(graph, options, &name, x));
    }
    graph.part(name);
    if options.norm_first {
        x = norm(graph, options, &x, &format!("{name}.norm"));
    }
    (x, present)
}

/// What all blocks share.
struct Block<'a> {
    options: &'a TransformerOptions,
    seen: &'a Seen,
    /// Cosines and sines, `[batch, 1, time, head_size / 2]`.
    rotary: Option<[Name; 2]>,
    /// What scores lose with the distance, `[batch, heads, time, keys]`; heads that share keys have a dimension of their own.
    far: Option<Name>,
}

impl Block<'_> {
    fn self_attention(&self, graph: &mut Graph, name: &str, number: usize, x: &Name) -> (Name, [Name; 2]) {
        let TransformerOptions { hidden_size, heads, kv_heads, .. } = *self.options;
        let head_size = hidden_size / heads;
        let name = format!("{name}.attention");
        let qkv = graph.linear(x, &format!("{name}.qkv"));
        let kv_width = (kv_heads * head_size) as i64;
        let sizes = graph.ints(&[hidden_size as i64, kv_width, kv_width]);
        let [q, k, v] = graph.ops("Split", &[&qkv, &sizes], &[("axis", Int(-1))]);
        let [mut q, mut k, mut v] =
            [(q, heads), (k, kv_heads), (v, kv_heads)].map(|(x, heads)| by_head(graph, &x, heads, head_size));
        if let Some(rotary) = &self.rotary {
            [q, k] = [q, k].map(|x| rotate(graph, &x, rotary, head_size));
        }
        if let Some([keys, values]) = self.seen.past.get(number) {
            k = graph.concat(&[keys, &k], 2);
            v = graph.concat(&[values, &v], 2);
        }
        let y = self.attend(graph, &name, [&q, &k, &v], &self.seen.visible, self.far.as_ref());
        (graph.linear(&y, &format!("{name}.out")), [k, v])
    }

    fn cross_attention(
        &self,
        graph: &mut Graph,
        name: &str,
        number: usize,
        x: &Name,
        memory: &Memory,
    ) -> Name {
        let TransformerOptions { hidden_size, heads, .. } = *self.options;
        let name = format!("{name}.cross_attention");
        let q = graph.linear(x, &format!("{name}.q"));
        let q = by_head(graph, &q, heads, hidden_size / heads);
        let [keys, values] = &memory.keys_values[number];
        let y = self.attend(graph, &name, [&q, keys, values], &memory.visible, None);
        graph.linear(&y, &format!("{name}.out"))
    }

    /// From queries `[batch, heads, time, size]`, keys and values `[batch, kv_heads, keys, size]` to `[batch, time, hidden_size]`.
    fn attend(
        &self,
        graph: &mut Graph,
        name: &str,
        [q, k, v]: [&Name; 3],
        visible: &Name,
        far: Option<&Name>,
    ) -> Name {
        let TransformerOptions { hidden_size, heads, kv_heads, .. } = *self.options;
        let head_size = hidden_size / heads;
        let (mut q, mut k) = (q.clone(), k.clone());
        if self.options.similarity == Similarity::Cosine {
            [q, k] = [q, k].map(|x| of_length_one(graph, &x));
            let (shape, scale) = graph.weight_of(&format!("{name}.scale"));
            let scale = graph.tensor(&format!("{name}.scale"), &[1, shape[0], 1, 1], scale);
            q = graph.mul(&q, &scale);
        } else {
            let scale = graph.float(1.0 / (head_size as f32).sqrt());
            q = graph.mul(&q, &scale);
        }
        let (mut v, mut visible) = (v.clone(), visible.clone());
        // Heads that share keys have a dimension of their own behind that of the keys' heads.
        let shared = kv_heads < heads;
        if shared {
            let [keys, each, size] = [kv_heads, heads / kv_heads, head_size].map(|size| size as i64);
            q = graph.reshape(&q, &[0, keys, each, -1, size]);
            [k, v] = [k, v].map(|x| graph.unsqueeze(&x, &[2]));
            visible = graph.unsqueeze(&visible, &[1]);
        }
        let keys = graph.transpose(&k, if shared { &[0, 1, 2, 4, 3] } else { &[0, 1, 3, 2] });
        let mut scores = graph.matmul(&q, &keys);
        if let Some(far) = far {
            scores = graph.sub(&scores, far);
        }
        let hidden = graph.float(HIDDEN);
        let scores = graph.choose(&visible, &scores, &hidden);
        let weights = graph.softmax(&scores);
        let mut y = graph.matmul(&weights, &v);
        if shared {
            y = graph.reshape(&y, &[0, heads as i64, -1, head_size as i64]);
        }
        let y = graph.transpose(&y, &[0, 2, 1, 3]);
        graph.reshape(&y, &[0, 0, hidden_size as i64])
    }
}

/// `[batch, time, heads * size]` to `[batch, heads, time, size]`.
pub fn by_head(graph: &mut Graph, x: &Name, heads: usize, size: usize) -> Name {
    let x = graph.reshape(x, &[0, 0, heads as i64, size as i64]);
    graph.transpose(&x, &[0, 2, 1, 3])
}

/// The keys and values of an encoder's `steps [batch, steps, width]` for a block of the decoder's stack `name`.
pub fn remember(
    graph: &mut Graph,
    name: &str,
    options: &TransformerOptions,
    number: usize,
    steps: &Name,
) -> [Name; 2] {
    let TransformerOptions { hidden_size, heads, kv_heads, .. } = *options;
    let head_size = hidden_size / heads;
    let name = format!("{name}.layers.{number}.cross_attention");
    graph.part(&name);
    let both = graph.linear(steps, &format!("{name}.kv"));
    let half = (kv_heads * head_size) as i64;
    let sizes = graph.ints(&[half, half]);
    let parts: [Name; 2] = graph.ops("Split", &[&both, &sizes], &[("axis", Int(-1))]);
    parts.map(|x| by_head(graph, &x, kv_heads, head_size))
}

/// Each vector of the last dimension divided by its length.
fn of_length_one(graph: &mut Graph, x: &Name) -> Name {
    let squares = graph.mul(x, x);
    let sum = graph.reduce("ReduceSum", &squares, -1, true);
    let length = graph.unary("Sqrt", &sum);
    let shortest = graph.float(SHORTEST);
    let length = graph.op("Max", &[&length, &shortest], &[]);
    graph.div(x, &length)
}

/// The cosines and sines of the angles at some places, `[batch, 1, time, head_size / 2]`: of sums of two angles, each from a
/// small table in which no angle is rounded.
fn rotary(graph: &mut Graph, options: &TransformerOptions, places: &Name) -> [Name; 2] {
    let half = options.hidden_size / options.heads / 2;
    let base = f64::from(options.rotary_base);
    let mut tables = |apart: usize, count: usize| {
        let angle =
            |place: usize, pair: usize| (place * apart) as f64 * base.powf(-(pair as f64) / half as f64);
        let angles = || (0..count).flat_map(|place| (0..half).map(move |pair| angle(place, pair)));
        [
            angles().map(|angle| angle.cos() as f32).collect(),
            angles().map(|angle| angle.sin() as f32).collect(),
        ]
        .map(|values: Vec<f32>| graph.floats(&[count, half], values))
    };
    let (coarse, fine) = (tables(ROTARY_FINE, ROTARY_PLACES / ROTARY_FINE), tables(1, ROTARY_FINE));
    let step = graph.int(ROTARY_FINE as i64);
    let whole = graph.div(places, &step);
    let below = graph.mul(&whole, &step);
    let rest = graph.sub(places, &below);
    let [cos_a, sin_a] = coarse.map(|table| graph.gather(&table, &whole, 0));
    let [cos_b, sin_b] = fine.map(|table| graph.gather(&table, &rest, 0));
    let (cc, ss) = (graph.mul(&cos_a, &cos_b), graph.mul(&sin_a, &sin_b));
    let (sc, cs) = (graph.mul(&sin_a, &cos_b), graph.mul(&cos_a, &sin_b));
    [graph.sub(&cc, &ss), graph.add(&sc, &cs)].map(|x| graph.unsqueeze(&x, &[1]))
}

/// Turns the pairs `i` and `i + size / 2` of each head.
fn rotate(graph: &mut Graph, x: &Name, [cos, sin]: &[Name; 2], size: usize) -> Name {
    let half = (size / 2) as i64;
    let sizes = graph.ints(&[half, half]);
    let [a, b] = graph.ops("Split", &[x, &sizes], &[("axis", Int(-1))]);
    let (ac, bs) = (graph.mul(&a, cos), graph.mul(&b, sin));
    let (bc, as_) = (graph.mul(&b, cos), graph.mul(&a, sin));
    let (a, b) = (graph.sub(&ac, &bs), graph.add(&bc, &as_));
    graph.concat(&[&a, &b], -1)
}

/// What scores lose with the distance in each head, in the shape of scores.
fn far(graph: &mut Graph, options: &TransformerOptions, distance: &Name) -> Option<Name> {
    let slopes: Vec<f32> = (0..options.heads).map(|head| options.slope(head)).collect::<Option<_>>()?;
    let (heads, kv_heads) = (options.heads, options.kv_heads);
    let mut distance = graph.cast(distance, Kind::F32);
    let slopes = if kv_heads < heads {
        distance = graph.unsqueeze(&distance, &[1]);
        graph.floats(&[1, kv_heads, heads / kv_heads, 1, 1], slopes)
    } else {
        graph.floats(&[1, heads, 1, 1], slopes)
    };
    Some(graph.mul(&distance, &slopes))
}

fn norm(graph: &mut Graph, options: &TransformerOptions, x: &Name, name: &str) -> Name {
    let weight = graph.weight(&format!("{name}.weight"));
    match options.norm {
        Norm::Layer => {
            let bias = format!("{name}.bias");
            let bias = graph.has(&bias).then(|| graph.weight(&bias));
            let inputs: Vec<&Name> = [x, &weight].into_iter().chain(&bias).collect();
            let attributes = [("axis", Int(-1)), ("epsilon", Float(options.norm_epsilon))];
            graph.op("LayerNormalization", &inputs, &attributes)
        }
        Norm::Rms => {
            let squares = graph.mul(x, x);
            let mean = graph.reduce("ReduceMean", &squares, -1, true);
            let epsilon = graph.float(options.norm_epsilon);
            let sum = graph.add(&mean, &epsilon);
            let root = graph.unary("Sqrt", &sum);
            let y = graph.div(x, &root);
            graph.mul(&y, &weight)
        }
    }
}

fn feed_forward(graph: &mut Graph, options: &TransformerOptions, name: &str, x: &Name) -> Name {
    let up = graph.linear(x, &format!("{name}.feed_forward.up"));
    let inner = match options.feed_forward {
        FeedForwardKind::Plain(function) => activation(graph, function, &up),
        FeedForwardKind::SwiGlu => {
            let half = options.feed_forward_size as i64;
            let sizes = graph.ints(&[half, half]);
            let [gate, up] = graph.ops("Split", &[&up, &sizes], &[("axis", Int(-1))]);
            let open = graph.unary("Sigmoid", &gate);
            let gate = graph.mul(&gate, &open);
            graph.mul(&gate, &up)
        }
    };
    graph.linear(&inner, &format!("{name}.feed_forward.down"))
}

/// A function of each value.
pub fn activation(graph: &mut Graph, function: Activation, x: &Name) -> Name {
    let half_of = |graph: &mut Graph, x: &Name, bent: &Name| {
        let (one, half) = (graph.float(1.0), graph.float(0.5));
        let sum = graph.add(bent, &one);
        let y = graph.mul(x, &sum);
        graph.mul(&y, &half)
    };
    match function {
        Activation::Relu => graph.unary("Relu", x),
        Activation::Tanh => graph.unary("Tanh", x),
        Activation::Sigmoid => graph.unary("Sigmoid", x),
        Activation::Gelu => {
            let root = graph.float(std::f32::consts::SQRT_2);
            let scaled = graph.div(x, &root);
            let bent = graph.unary("Erf", &scaled);
            half_of(graph, x, &bent)
        }
        Activation::GeluTanh => {
            let (cubic, factor) = (graph.float(0.044715), graph.float((2.0 / std::f32::consts::PI).sqrt()));
            let square = graph.mul(x, x);
            let cube = graph.mul(&square, x);
            let cube = graph.mul(&cube, &cubic);
            let inner = graph.add(x, &cube);
            let inner = graph.mul(&inner, &factor);
            let bent = graph.unary("Tanh", &inner);
            half_of(graph, x, &bent)
        }
    }
}
