//! GPT-2 (Radford et al. 2019): learned positions, LayerNorm in front of each part, biases everywhere but in the head, and a head
//! that is usually the embedding again. Its linear maps lie as `[inputs, outputs]`, ours as PyTorch's, the other way round.

use serde_json::{Value, json};

use super::family::{Biases, Conflict, Described, Family, MOST, Part, Shape};
use super::fields::Fields;
use crate::error::Result;
use crate::recipe::{Backbone, FeedForward, Model, Norm, Position, Recipe, Similarity};

pub(super) const GPT2: Family = Family {
    name: "gpt2",
    class: "GPT2LMHeadModel",
    format: "GPT-2's format",
    prefix: "transformer.",
    // Causal masks.
    computed: &[".attn.bias", ".attn.masked_bias"],
    tied: true,
    read,
    write,
    conflict,
    parts,
};

/// Names of activations, those under which they are written first.
const ACTIVATIONS: [(&str, FeedForward); 4] = [
    ("gelu_new", FeedForward::GeluTanh),
    ("gelu", FeedForward::Gelu),
    ("relu", FeedForward::Relu),
    ("gelu_pytorch_tanh", FeedForward::GeluTanh),
];

fn read(fields: &Fields) -> Result<Described> {
    fields.must_be("scale_attn_weights", true)?;
    fields.must_be("scale_attn_by_inverse_layer_idx", false)?;
    fields.must_be("add_cross_attention", false)?;
    let (most_layers, most) = MOST;
    let width = fields.whole("n_embd", most)?;
    let layers = fields.whole("n_layer", most_layers)?;
    let heads = fields.whole("n_head", most)?;
    if !width.is_multiple_of(heads) {
        return Err(fields.refuse("n_head", format!("it has to divide n_embd, which is {width}")));
    }
    let dropout = fields.dropped("resid_pdrop", 0.1)?;
    let embedded = fields.dropped("embd_pdrop", dropout)?;
    let note = format!(
        "embd_pdrop is {embedded} in config.json and resid_pdrop {dropout}, which is what a further training drops of both"
    );
    let notes = if embedded == dropout { Vec::new() } else { vec![note] };
    let activation = |field| {
        let found = ACTIVATIONS.iter().find(|(name, _)| fields.at(field) == *name);
        let wanted = "gelu_new, gelu, gelu_pytorch_tanh or relu is needed";
        found.map(|(_, function)| *function).ok_or_else(|| fields.refuse(field, wanted))
    };
    let model = Model {
        layers,
        hidden_size: width,
        heads: Some(heads),
        feed_forward_size: Some(
            fields.if_there("n_inner", |field| fields.whole(field, most))?.unwrap_or(4 * width),
        ),
        feed_forward: fields.if_there("activation_function", activation)?.unwrap_or(FeedForward::GeluTanh),
        context: Some(fields.whole("n_positions", most)?),
        position: Position::Learned,
        norm: Norm::Layer,
        norm_epsilon: Some(
            fields.if_there("layer_norm_epsilon", |field| fields.number(field, 0.0, 1.0))?.unwrap_or(1e-5),
        ),
        norm_first: true,
        bias: true,
        dropout,
        attention_dropout: fields.dropped("attn_pdrop", 0.1)?,
        ..Recipe::for_backbone(Backbone::Transformer).model
    };
    Ok(Described { model, biases: Biases::all(true), notes })
}

fn write(model: &Model) -> Value {
    let activation = ACTIVATIONS.iter().find(|(_, function)| *function == model.feed_forward);
    json!({
        "n_layer": model.layers,
        "n_head": model.heads(),
        "n_embd": model.hidden_size,
        "n_inner": model.feed_forward_size(),
        "n_positions": crate::model::transformer(model).context,
        "activation_function": activation.map(|(name, _)| name),
        "layer_norm_epsilon": model.norm_epsilon(),
        "embd_pdrop": model.dropout,
        "resid_pdrop": model.dropout,
        "attn_pdrop": model.attention_dropout,
    })
}

fn conflict(model: &Model) -> Option<Conflict> {
    if model.norm != Norm::Layer {
        return Some(("model.norm", json!(model.norm), "layer norms"));
    }
    if !model.norm_first {
        return Some(("model.norm_first", json!(false), "norms in front of each part (true)"));
    }
    if model.similarity != Similarity::Dot {
        return Some(("model.similarity", json!(model.similarity), "dot products"));
    }
    if model.feed_forward == FeedForward::Swiglu {
        return Some(("model.feed_forward", json!(model.feed_forward), "relu, gelu or gelu_tanh"));
    }
    let kv_heads = model.kv_heads.filter(|&kv_heads| kv_heads != model.heads());
    kv_heads.map(|kv_heads| ("model.kv_heads", json!(kv_heads), "as many as model.heads"))
}

fn parts(&Shape { model, vocab_size, .. }: &Shape) -> Vec<Part> {
    let (width, inner) = (model.hidden_size, model.feed_forward_size());
    let context = crate::model::transformer(model).context;
    let mut parts = vec![
        Part::new("embedding.weight", "wte.weight", &[vocab_size, width]),
        Part::new("transformer.position.weight", "wpe.weight", &[context, width]),
    ];
    for layer in 0..model.layers {
        for (ours, theirs, inputs, outputs) in [
            ("norm1", "ln_1", None, width),
            ("attention.qkv", "attn.c_attn", Some(width), 3 * width),
            ("attention.out", "attn.c_proj", Some(width), width),
            ("norm2", "ln_2", None, width),
            ("feed_forward.up", "mlp.c_fc", Some(width), inner),
            ("feed_forward.down", "mlp.c_proj", Some(inner), width),
        ] {
            let (ours, theirs) =
                (format!("transformer.layers.{layer}.{ours}"), format!("h.{layer}.{theirs}"));
            let shape: Vec<usize> = inputs.into_iter().chain([outputs]).collect();
            let weight = Part::new(format!("{ours}.weight"), format!("{theirs}.weight"), &shape);
            parts.push(Part { transposed: inputs.is_some(), ..weight });
            parts.push(Part::new(format!("{ours}.bias"), format!("{theirs}.bias"), &[outputs]));
        }
    }
    for end in ["weight", "bias"] {
        parts.push(Part::new(format!("transformer.norm.{end}"), format!("ln_f.{end}"), &[width]));
    }
    parts
}
