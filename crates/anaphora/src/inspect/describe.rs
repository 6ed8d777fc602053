//! What a model is and what it is made of.

use anaphora_nn::Params;
use serde_json::{Map, Value, json};

use crate::Run;
use crate::recipe::Recipe;

/// What an inspection is about: the run, its task and backbone, what its steps are called, and name and shape of each weight.
pub fn about(run: &Run, recipe: &Recipe, unit: &str, params: &Params) -> Map<String, Value> {
    let weight = |id| json!({ "name": params.name(id), "shape": params.shape(id) });
    let weights: Vec<Value> = params.ids().map(weight).collect();
    let parts = [
        ("run", run.path().display().to_string().into()),
        ("task", run.info().task.to_string().into()),
        ("backbone", recipe.model.backbone.to_string().into()),
        ("unit", unit.into()),
        ("weights", weights.into()),
    ];
    parts.into_iter().map(|(name, value): (&str, Value)| (name.to_owned(), value)).collect()
}
