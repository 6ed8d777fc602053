//! One input read from a zero state: gates, states, attention.

use anaphora_nn::Cell;
use anaphora_nn::trace::{AttentionTrace, LayerTrace, Place, Trace, Watched};

use super::{Inspection, View};

/// A part of a model: what stands in front of its arrays' names, and the axis of its steps.
#[derive(Clone, Copy, Debug)]
pub(super) struct Part {
    pub prefix: &'static str,
    pub steps: &'static str,
}

/// Adds what one pass over one sequence left, of what is wanted: gates and states of recurrent layers; the blocks' streams and
/// the weights of attention; queries, keys and values. The weights of a part of a model begin with its name; a decoder's arrays have no prefix.
pub fn pass(inspection: &mut Inspection, trace: &Trace, wants: impl Fn(View) -> bool) {
    if wants(View::Gates) {
        // What reads the characters of words has a sequence for each word.
        let layers = trace.layers.iter().filter(|layer| part_of(&layer.weight).0.prefix != SPELLING);
        layers.for_each(|layer| add_layer(inspection, layer));
    }
    if wants(View::Attention) {
        let blocks = trace.watched.iter().filter(|watched| watched.place == Place::Block);
        blocks.for_each(|watched| add_block(inspection, watched));
        trace.attentions.iter().for_each(|attention| add_weights(inspection, attention));
    }
    if wants(View::Search) {
        trace.attentions.iter().for_each(|attention| add_search(inspection, attention));
    }
}

/// The names of a cell's gates, in PyTorch's order, and of what stands behind them.
fn parts(cell: Cell) -> &'static [(&'static str, &'static str)] {
    match cell {
        Cell::Tanh | Cell::Relu => &[],
        Cell::Gru => &[
            ("r", "reset gate: how much of the state the candidate reads"),
            ("z", "update gate: how much of the old state stays"),
            ("n", "candidate for the new state"),
        ],
        Cell::Lstm => &[
            ("i", "input gate: how much of the candidate is stored"),
            ("f", "forget gate: how much of the cell state stays"),
            ("g", "candidate for the cell state"),
            ("o", "output gate: how much of the cell state is shown"),
            ("c", "cell state"),
        ],
    }
}

/// The prefix of what reads the characters of words.
const SPELLING: &str = "characters.";

/// The part of a model that a weight belongs to, as a prefix of names, and the rest of the weight's name.
pub(super) fn part_of(weight: &str) -> (Part, &str) {
    if let Some(rest) = weight.strip_prefix("encoder.") {
        return (Part { prefix: "encoder.", steps: "source" }, rest);
    }
    if let Some(rest) = weight.strip_prefix(SPELLING) {
        return (Part { prefix: SPELLING, steps: "characters" }, rest);
    }
    (Part { prefix: "", steps: "steps" }, weight.strip_prefix("decoder.").unwrap_or(weight))
}

fn add_layer(inspection: &mut Inspection, layer: &LayerTrace) {
    let (Part { prefix, steps }, rest) = part_of(&layer.weight);
    let number = layer_of(rest);
    let rows = layer.batch_sizes.len();
    let shape = [rows, layer.hidden.len() / rows.max(1)];
    let mut add = |name: &str, values: &[f32], what: &str| {
        let name = format!("{prefix}gates.{number}.{name}");
        inspection.append(&name, &[steps, "units"], &shape, values, what);
    };
    for ((name, what), values) in parts(layer.cell).iter().zip(&layer.activations) {
        add(name, values, what);
    }
    add("h", &layer.hidden, "hidden state");
}

/// The number of the recurrent layer that a weight belongs to, and its direction: `l0`, `l0_reverse`.
pub(super) fn layer_of(rest: &str) -> &str {
    rest.rsplit_once("weight_hh_").map_or(rest, |(_, number)| number)
}

/// The number of the block that a weight belongs to.
pub(super) fn block_of(rest: &str) -> &str {
    rest.split_once("layers.").and_then(|(_, rest)| rest.split('.').next()).unwrap_or("0")
}

fn add_block(inspection: &mut Inspection, watched: &Watched) {
    let (Part { prefix, steps }, rest) = part_of(&watched.weight);
    let name = format!("{prefix}hidden.b{}", block_of(rest));
    let shape = [watched.values.len() / watched.cols.max(1), watched.cols];
    let what = "residual stream behind the block";
    inspection.append(&name, &[steps, "width"], &shape, &watched.values, what);
}

fn add_weights(inspection: &mut Inspection, attention: &AttentionTrace) {
    let (Part { prefix, steps }, rest) = part_of(&attention.weight);
    let (name, keys, what) = match attention.is_cross {
        true => ("cross", "source", "how much each step looks at each step of the source"),
        false => ("attention", steps, "how much each step looks at each step"),
    };
    // The one sequence there is.
    let Some(own) = attention.sequences.first() else { return };
    let name = format!("{prefix}{name}.b{}", block_of(rest));
    inspection.append(&name, &["heads", steps, keys], &own.shape, &own.weights, what);
}

fn add_search(inspection: &mut Inspection, attention: &AttentionTrace) {
    let (Part { prefix, steps }, rest) = part_of(&attention.weight);
    let (part, keys) = if attention.is_cross { ("cross.", "source") } else { ("", steps) };
    let Some(own) = attention.sequences.first() else { return };
    let [heads, queries, seen] = own.shape;
    for (name, axis, rows, values, what) in [
        ("q", steps, queries, &own.queries, "queries"),
        ("k", keys, seen, &own.keys, "keys"),
        ("v", keys, seen, &own.values, "values"),
    ] {
        let shape = [heads, rows, values.len() / (heads * rows).max(1)];
        let name = format!("{prefix}{part}{name}.b{}", block_of(rest));
        inspection.append(&name, &["heads", axis, "head_dim"], &shape, values, what);
    }
}
