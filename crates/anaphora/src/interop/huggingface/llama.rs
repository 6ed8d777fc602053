//! Llama (Touvron et al. 2023) and Mistral (Jiang et al. 2023): rotary positions, RMSNorm in front of each part, SwiGLU, heads of
//! queries that share keys and values, and no biases as a rule. The second of them sees a window of the latest tokens, which is
//! what the context is here.

use serde_json::{Value, json};

use super::family::{Biases, Conflict, Described, Family, LARGEST, MOST, Part, Shape};
use super::fields::Fields;
use crate::error::Result;
use crate::recipe::{Backbone, FeedForward, Model, Norm, Position, Recipe, Similarity};

pub(super) const LLAMA: Family = Family {
    name: "llama",
    class: "LlamaForCausalLM",
    format: "Llama's format",
    prefix: "model.",
    computed: &[".rotary_emb.inv_freq"],
    tied: false,
    read: read_llama,
    write,
    conflict,
    parts,
};

pub(super) const MISTRAL: Family = Family {
    name: "mistral",
    class: "MistralForCausalLM",
    format: "Mistral's format",
    read: read_mistral,
    ..LLAMA
};

fn read_llama(fields: &Fields) -> Result<Described> {
    let (_, most) = MOST;
    let biases = Biases {
        attention: fields.flag("attention_bias", false)?,
        feed_forward: fields.flag("mlp_bias", false)?,
    };
    let kv_heads = fields.if_there("num_key_value_heads", |field| fields.whole(field, most))?;
    read(fields, biases, kv_heads, fields.whole("max_position_embeddings", most)?)
}

fn read_mistral(fields: &Fields) -> Result<Described> {
    let (_, most) = MOST;
    let kv_heads = fields.whole("num_key_value_heads", most)?;
    // Nothing is another thing than null, which is no window.
    let window = match fields.names().any(|name| name == "sliding_window") {
        true => fields.if_there("sliding_window", |field| fields.whole(field, most))?,
        false => Some(4096),
    };
    let places = fields.whole("max_position_embeddings", if window.is_some() { LARGEST } else { most })?;
    let context = window.map_or(places, |window| window.min(places));
    read(fields, Biases::all(false), Some(kv_heads), context)
}

fn read(fields: &Fields, biases: Biases, kv_heads: Option<usize>, context: usize) -> Result<Described> {
    let (most_layers, most) = MOST;
    let width = fields.whole("hidden_size", most)?;
    let layers = fields.whole("num_hidden_layers", most_layers)?;
    let heads = fields.whole("num_attention_heads", most)?;
    if !width.is_multiple_of(heads) {
        let wanted = format!("it has to divide hidden_size, which is {width}");
        return Err(fields.refuse("num_attention_heads", wanted));
    }
    if let Some(size) = fields.if_there("head_dim", |field| fields.whole(field, most))?
        && size != width / heads
    {
        let wanted =
            format!("hidden_size / num_attention_heads is {}, the one size known here", width / heads);
        return Err(fields.refuse("head_dim", wanted));
    }
    let kv_heads = kv_heads.unwrap_or(heads);
    if !heads.is_multiple_of(kv_heads) {
        let wanted = format!("it has to divide num_attention_heads, which is {heads}");
        return Err(fields.refuse("num_key_value_heads", wanted));
    }
    if !matches!(fields.at("hidden_act"), Value::Null) && fields.at("hidden_act") != "silu" {
        return Err(fields.refuse("hidden_act", "silu is needed, the activation of SwiGLU"));
    }
    fields.must_be("rope_interleaved", false)?;
    let model = Model {
        layers,
        hidden_size: width,
        heads: Some(heads),
        kv_heads: Some(kv_heads),
        feed_forward_size: Some(fields.whole("intermediate_size", most)?),
        feed_forward: FeedForward::Swiglu,
        context: Some(context),
        position: Position::Rotary,
        rotary_base: rotary_base(fields)?,
        norm: Norm::Rms,
        norm_epsilon: Some(
            fields.if_there("rms_norm_eps", |field| fields.number(field, 0.0, 1.0))?.unwrap_or(1e-6),
        ),
        norm_first: true,
        bias: biases.attention || biases.feed_forward,
        dropout: 0.0,
        attention_dropout: fields.dropped("attention_dropout", 0.0)?,
        ..Recipe::for_backbone(Backbone::Transformer).model
    };
    Ok(Described { model, biases, notes: Vec::new() })
}

/// The base of rotary frequencies, where it is said. Frequencies that are scaled, so that a context is longer than the one that was learnt, are not
/// known here.
fn rotary_base(fields: &Fields) -> Result<Option<f64>> {
    let kinds =
        ["rope_scaling.rope_type", "rope_scaling.type", "rope_parameters.rope_type", "rope_parameters.type"];
    for kind in kinds {
        if fields.has(kind) && fields.at(kind) != "default" {
            let wanted =
                "rotary positions that are not scaled (null, or default) are the only ones known here";
            return Err(fields.refuse(kind, wanted));
        }
    }
    for share in ["partial_rotary_factor", "rope_parameters.partial_rotary_factor"] {
        fields.must_be(share, 1.0)?;
    }
    // Earlier versions wrote it at the top, later ones in an object.
    let mut base: Option<f64> = None;
    for field in ["rope_parameters.rope_theta", "rope_scaling.rope_theta", "rope_theta"] {
        let found = fields.if_there(field, |field| {
            let number = fields.at(field).as_f64().filter(|base| (1.0..=1e12).contains(base));
            number.ok_or_else(|| fields.refuse(field, "a number from 1 to 1000000000000 is needed"))
        })?;
        match (base, found) {
            (Some(base), Some(found)) if base != found => {
                return Err(fields.refuse(field, format!("the base is {base} in rope_parameters")));
            }
            _ => base = base.or(found),
        }
    }
    Ok(base)
}

fn write(model: &Model) -> Value {
    let options = crate::model::transformer(model);
    json!({
        "num_hidden_layers": model.layers,
        "num_attention_heads": options.heads,
        "num_key_value_heads": options.kv_heads,
        "head_dim": model.hidden_size / options.heads,
        "hidden_size": model.hidden_size,
        "intermediate_size": model.feed_forward_size(),
        "hidden_act": "silu",
        "max_position_embeddings": options.context,
        "rope_theta": model.rotary_base(),
        "rope_parameters": { "rope_type": "default", "rope_theta": model.rotary_base() },
        "rms_norm_eps": model.norm_epsilon(),
        "attention_bias": model.bias,
        "mlp_bias": model.bias,
        "attention_dropout": model.attention_dropout,
    })
}

fn conflict(model: &Model) -> Option<Conflict> {
    if model.norm != Norm::Rms {
        return Some(("model.norm", json!(model.norm), "rms norms"));
    }
    if !model.norm_first {
        return Some(("model.norm_first", json!(false), "norms in front of each part (true)"));
    }
    if model.similarity != Similarity::Dot {
        return Some(("model.similarity", json!(model.similarity), "dot products"));
    }
    (model.feed_forward != FeedForward::Swiglu)
        .then(|| ("model.feed_forward", json!(model.feed_forward), "swiglu"))
}

fn parts(&Shape { model, biases, vocab_size }: &Shape) -> Vec<Part> {
    let (width, inner) = (model.hidden_size, model.feed_forward_size());
    let options = crate::model::transformer(model);
    let of_keys = options.kv_heads * (width / options.heads);
    let (q, k, v, o) = ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj");
    let (gate, up, down) = ("mlp.gate_proj", "mlp.up_proj", "mlp.down_proj");
    let mut parts = vec![Part::new("embedding.weight", "embed_tokens.weight", &[vocab_size, width])];
    for layer in 0..model.layers {
        let ours = |name: &str| format!("transformer.layers.{layer}.{name}");
        let theirs = |name: &str| format!("layers.{layer}.{name}");
        parts.push(Part::new(ours("norm1.weight"), theirs("input_layernorm.weight"), &[width]));
        parts.push(Part::new(ours("norm2.weight"), theirs("post_attention_layernorm.weight"), &[width]));
        let maps: [(_, &[(&str, usize)], _, _); 4] = [
            ("attention.qkv", &[(q, width), (k, of_keys), (v, of_keys)], width, biases.attention),
            ("attention.out", &[(o, width)], width, biases.attention),
            ("feed_forward.up", &[(gate, inner), (up, inner)], width, biases.feed_forward),
            ("feed_forward.down", &[(down, width)], inner, biases.feed_forward),
        ];
        for (name, stacked, inputs, biased) in maps {
            let weights = stacked.iter().map(|(own, rows)| (theirs(own) + ".weight", vec![*rows, inputs]));
            parts.push(Part::stacked(ours(name) + ".weight", weights.collect()));
            if biased {
                let biases = stacked.iter().map(|(own, rows)| (theirs(own) + ".bias", vec![*rows]));
                parts.push(Part::stacked(ours(name) + ".bias", biases.collect()));
            }
        }
    }
    parts.push(Part::new("transformer.norm.weight", "norm.weight", &[width]));
    parts
}
