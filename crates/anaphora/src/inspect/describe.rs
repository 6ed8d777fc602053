//! What a model is made of.

use anaphora_nn::Params;
use serde_json::{Value, json};

/// Name and shape of each weight, for a picture of the model.
pub fn weights(params: &Params) -> Value {
    let weight = |id| json!({ "name": params.name(id), "shape": params.shape(id) });
    params.ids().map(weight).collect()
}
