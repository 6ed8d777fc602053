//! The architectures whose folders are read and written, a file each.

use serde_json::{Value, json};

use super::fields::Fields;
use super::{gpt2, llama};
use crate::error::Result;
use crate::recipe::{Model, Position};

/// Layers, and the largest size of anything but the vocabulary, that a recipe takes.
pub(super) const MOST: (u64, u64) = (48, 65_536);

/// The largest vocabulary, and number of places.
pub(super) const LARGEST: u64 = 1 << 24;

/// An architecture of `transformers`.
pub(super) struct Family {
    /// Its `model_type` in `config.json`.
    pub name: &'static str,
    /// Its class with a head for the next token.
    pub class: &'static str,
    /// Its format, as messages call it.
    pub format: &'static str,
    /// What the names of tensors begin with where a model was saved with its head.
    pub prefix: &'static str,
    /// How the names of tensors end that are computed, and were saved beside the weights once.
    pub computed: &'static [&'static str],
    /// Whether the head is the embedding again where the configuration does not say it.
    pub tied: bool,
    /// The model that a configuration describes.
    pub read: fn(&Fields) -> Result<Described>,
    /// The fields of a model's configuration.
    pub write: fn(&Model) -> Value,
    /// The first thing of a model that the format cannot hold: the field, its value, what would be right.
    pub conflict: fn(&Model) -> Option<Conflict>,
    /// All weights but the head's; a bias of ours that is in none of them is zeros.
    pub parts: fn(&Shape) -> Vec<Part>,
}

/// The architectures that are read.
const FAMILIES: [&Family; 3] = [&gpt2::GPT2, &llama::LLAMA, &llama::MISTRAL];

/// What a configuration says of a model.
pub(super) struct Described {
    pub model: Model,
    pub biases: Biases,
    /// What a person should know who uses it.
    pub notes: Vec<String>,
}

/// Which linear maps of theirs have biases.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Biases {
    pub attention: bool,
    pub feed_forward: bool,
}

impl Biases {
    /// All alike.
    pub fn all(there: bool) -> Self {
        Self { attention: there, feed_forward: there }
    }
}

/// What a model's weights are the size of.
pub(super) struct Shape<'a> {
    pub model: &'a Model,
    pub biases: Biases,
    pub vocab_size: usize,
}

/// What a format cannot hold: a field of the recipe, its value, and what it holds there.
pub(super) type Conflict = (&'static str, Value, &'static str);

/// A weight of ours, and theirs that hold the same numbers.
pub(super) struct Part {
    pub ours: String,
    /// Names and shapes, the rows of one below those of the other in ours.
    pub theirs: Vec<(String, Vec<usize>)>,
    /// Whether ours lies the other way round.
    pub transposed: bool,
}

impl Part {
    /// One weight that lies alike in both.
    pub fn new(ours: impl Into<String>, theirs: impl Into<String>, shape: &[usize]) -> Self {
        Self::stacked(ours, vec![(theirs.into(), shape.to_vec())])
    }

    /// Several weights of theirs in one of ours.
    pub fn stacked(ours: impl Into<String>, theirs: Vec<(String, Vec<usize>)>) -> Self {
        Self { ours: ours.into(), theirs, transposed: false }
    }
}

/// The architecture that a configuration names.
pub(super) fn named(fields: &Fields) -> Option<&'static Family> {
    FAMILIES.into_iter().find(|family| fields.at("model_type") == family.name)
}

/// Their names, for a sentence.
pub(super) fn names() -> String {
    FAMILIES.map(|family| family.name).join(", ")
}

/// The architecture that a model of our own is written as.
pub(super) fn of(model: &Model) -> Result<&'static Family, Conflict> {
    use crate::recipe::Backbone;
    if model.backbone != Backbone::Transformer {
        return Err(("model.backbone", json!(model.backbone), "a transformer"));
    }
    match model.position {
        Position::Learned => Ok(&gpt2::GPT2),
        Position::Rotary => Ok(&llama::LLAMA),
        other => Err(("model.position", json!(other), "rotary positions (Llama) or learned ones (GPT-2)")),
    }
}
