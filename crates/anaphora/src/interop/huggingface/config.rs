//! `config.json`: the shape of a GPT-2.

use std::fs;
use std::path::Path;

use anaphora_data::Tokenizer;
use serde_json::{Value, json};

use crate::error::{Error, Result};
use crate::recipe::{Backbone, FeedForward, Model, Norm, Position, Recipe, Similarity};

/// What a recipe says of a model, in the words of GPT-2's configuration.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Config {
    pub vocab_size: usize,
    pub layers: usize,
    pub heads: usize,
    pub width: usize,
    pub inner: usize,
    pub positions: usize,
    pub activation: FeedForward,
    pub epsilon: f64,
    pub tied: bool,
    /// The token that closes a text, and begins the next.
    pub end_id: Option<u64>,
    pub dropout: f64,
    pub attention_dropout: f64,
}

/// Names of activations, those under which they are written first.
const ACTIVATIONS: [(&str, FeedForward); 4] = [
    ("gelu_new", FeedForward::GeluTanh),
    ("gelu", FeedForward::Gelu),
    ("relu", FeedForward::Relu),
    ("gelu_pytorch_tanh", FeedForward::GeluTanh),
];

/// Layers, and the largest size of anything but the vocabulary, that a recipe takes.
const MOST: (u64, u64) = (48, 65_536);

/// The largest vocabulary.
const LARGEST: u64 = 1 << 24;

impl Config {
    /// Reads a file; what it leaves out has the value that `transformers` gives it.
    pub fn read(path: &Path) -> Result<Self> {
        let text = fs::read_to_string(path).map_err(Error::io("read", path))?;
        let malformed = |reason: String| Error::Malformed { path: path.to_owned(), reason };
        let value: Value =
            serde_json::from_str(&text).map_err(|error| malformed(format!("not JSON: {error}")))?;
        if !value.is_object() {
            return Err(malformed("an object of fields is needed".to_owned()));
        }
        let fields = Fields { path, value };
        fields.must_be("model_type", json!("gpt2"), "gpt2 is the one model that can be imported")?;
        for (field, standard) in [
            ("scale_attn_weights", true),
            ("scale_attn_by_inverse_layer_idx", false),
            ("add_cross_attention", false),
        ] {
            fields.must_be_or_missing(field, json!(standard), &format!("only {standard} is known here"))?;
        }
        let (most_layers, most) = MOST;
        let width = fields.whole("n_embd", most)?;
        let config = Self {
            vocab_size: fields.whole("vocab_size", LARGEST)?,
            layers: fields.whole("n_layer", most_layers)?,
            heads: fields.whole("n_head", most)?,
            width,
            inner: fields.if_there("n_inner", |field| fields.whole(field, most))?.unwrap_or(4 * width),
            positions: fields.whole("n_positions", most)?,
            activation: fields
                .if_there("activation_function", |field| fields.activation(field))?
                .unwrap_or(FeedForward::GeluTanh),
            epsilon: fields
                .if_there("layer_norm_epsilon", |field| fields.number(field, 0.0, 1.0))?
                .unwrap_or(1e-5),
            tied: fields.if_there("tie_word_embeddings", |field| fields.flag(field))?.unwrap_or(true),
            end_id: fields.if_there("eos_token_id", |field| fields.token(field))?,
            dropout: fields.if_there("resid_pdrop", |field| fields.number(field, -1.0, 1.0))?.unwrap_or(0.1),
            attention_dropout: fields
                .if_there("attn_pdrop", |field| fields.number(field, -1.0, 1.0))?
                .unwrap_or(0.1),
        };
        if !config.width.is_multiple_of(config.heads) {
            return Err(fields.refuse("n_head", &format!("it has to divide n_embd, which is {width}")));
        }
        Ok(config)
    }

    /// Of a run's model, where GPT-2's format can hold it.
    pub fn of(run: &Path, model: &Model, tokenizer: &Tokenizer) -> Result<Self> {
        let refuse = |field, found: Value, wanted| {
            let found = found.as_str().map_or(found.to_string(), str::to_owned);
            Err(Error::NotGpt2 { path: run.to_owned(), field, found, wanted })
        };
        if model.backbone != Backbone::Transformer {
            return refuse("model.backbone", json!(model.backbone), "a transformer");
        }
        if model.position != Position::Learned {
            return refuse("model.position", json!(model.position), "learned positions");
        }
        if model.norm != Norm::Layer {
            return refuse("model.norm", json!(model.norm), "layer norms");
        }
        if !model.norm_first {
            return refuse("model.norm_first", json!(false), "norms in front of each part (true)");
        }
        if model.similarity != Similarity::Dot {
            return refuse("model.similarity", json!(model.similarity), "dot products");
        }
        if model.feed_forward == FeedForward::Swiglu {
            return refuse("model.feed_forward", json!(model.feed_forward), "relu, gelu or gelu_tanh");
        }
        if let Some(kv_heads) = model.kv_heads.filter(|&kv_heads| kv_heads != model.heads()) {
            return refuse("model.kv_heads", json!(kv_heads), "as many as model.heads");
        }
        if model.embedding_size() != model.hidden_size {
            let found = json!(model.embedding_size());
            return refuse("model.embedding_size", found, "an embedding as wide as model.hidden_size");
        }
        Ok(Self {
            vocab_size: tokenizer.vocab_size(),
            layers: model.layers,
            heads: model.heads(),
            width: model.hidden_size,
            inner: model.feed_forward_size(),
            positions: crate::model::transformer(model).context,
            activation: model.feed_forward,
            epsilon: model.norm_epsilon(),
            tied: model.tied_weights,
            end_id: Some(tokenizer.end_id().into()),
            dropout: model.dropout,
            attention_dropout: model.attention_dropout,
        })
    }

    /// The model that a recipe describes so.
    pub fn recipe(&self) -> Model {
        Model {
            layers: self.layers,
            hidden_size: self.width,
            heads: Some(self.heads),
            feed_forward_size: Some(self.inner),
            feed_forward: self.activation,
            context: Some(self.positions),
            position: Position::Learned,
            norm: Norm::Layer,
            norm_epsilon: Some(self.epsilon),
            norm_first: true,
            bias: true,
            tied_weights: self.tied,
            dropout: self.dropout,
            attention_dropout: self.attention_dropout,
            ..Recipe::for_backbone(Backbone::Transformer).model
        }
    }

    pub fn to_json(&self) -> Value {
        let name = ACTIVATIONS.iter().find(|(_, function)| *function == self.activation);
        json!({
            "model_type": "gpt2",
            "architectures": ["GPT2LMHeadModel"],
            "vocab_size": self.vocab_size,
            "n_layer": self.layers,
            "n_head": self.heads,
            "n_embd": self.width,
            "n_inner": self.inner,
            "n_positions": self.positions,
            "activation_function": name.map(|(name, _)| name),
            "layer_norm_epsilon": self.epsilon,
            "tie_word_embeddings": self.tied,
            "bos_token_id": self.end_id,
            "eos_token_id": self.end_id,
            "embd_pdrop": self.dropout,
            "resid_pdrop": self.dropout,
            "attn_pdrop": self.attention_dropout,
            "dtype": "float32",
        })
    }
}

/// The fields of a file, each read or refused by its name.
struct Fields<'a> {
    path: &'a Path,
    value: Value,
}

impl Fields<'_> {
    fn refuse(&self, field: &'static str, wanted: &str) -> Error {
        let found = self.value.get(field).map_or("missing".to_owned(), Value::to_string);
        Error::Foreign { path: self.path.to_owned(), field, found, wanted: wanted.to_owned() }
    }

    /// Reads a field that need not be there, nor hold anything.
    fn if_there<T>(
        &self,
        field: &'static str,
        read: impl FnOnce(&'static str) -> Result<T>,
    ) -> Result<Option<T>> {
        match &self.value[field] {
            Value::Null => Ok(None),
            _ => read(field).map(Some),
        }
    }

    fn must_be(&self, field: &'static str, value: Value, wanted: &str) -> Result<()> {
        if self.value[field] == value { Ok(()) } else { Err(self.refuse(field, wanted)) }
    }

    fn must_be_or_missing(&self, field: &'static str, value: Value, wanted: &str) -> Result<()> {
        self.if_there(field, |field| self.must_be(field, value, wanted)).map(|_| ())
    }

    fn whole(&self, field: &'static str, most: u64) -> Result<usize> {
        let found = self.value[field].as_u64().filter(|number| (1..=most).contains(number));
        let found = found.and_then(|number| usize::try_from(number).ok());
        found.ok_or_else(|| self.refuse(field, &format!("a whole number from 1 to {most} is needed")))
    }

    /// A number above `low` and below `high`.
    fn number(&self, field: &'static str, low: f64, high: f64) -> Result<f64> {
        let found = self.value[field].as_f64().filter(|&number| number > low && number < high);
        // Shares that are dropped begin at 0, what stands under a root above it.
        let from = if low < 0.0 { "from 0" } else { "above 0" };
        found
            .filter(|&number| number >= 0.0)
            .ok_or_else(|| self.refuse(field, &format!("a number {from} to below {high} is needed")))
    }

    fn flag(&self, field: &'static str) -> Result<bool> {
        self.value[field].as_bool().ok_or_else(|| self.refuse(field, "true or false is needed"))
    }

    fn token(&self, field: &'static str) -> Result<u64> {
        self.value[field].as_u64().ok_or_else(|| self.refuse(field, "the number of a token is needed"))
    }

    fn activation(&self, field: &'static str) -> Result<FeedForward> {
        let found = ACTIVATIONS.iter().find(|(name, _)| self.value[field] == *name);
        found
            .map(|(_, function)| *function)
            .ok_or_else(|| self.refuse(field, "gelu_new, gelu, gelu_pytorch_tanh or relu is needed"))
    }
}
