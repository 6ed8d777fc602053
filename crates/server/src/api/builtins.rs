//! `GET /api/builtins`: what can be learnt without a file, by what, and what this server does.

use anaphora::recipe::{Backbone, Builtin};
use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use crate::Shared;

/// What can be learnt without a file, and by what.
#[derive(Serialize, ToSchema)]
pub struct Offered {
    /// Data that are made by rule.
    builtins: Vec<BuiltinData>,
    /// Kinds of model.
    backbones: Vec<BackboneKind>,
    /// The version of the program.
    version: &'static str,
    /// Whether this server trains: not where it serves one run.
    trains: bool,
    /// Whether it has the lecture's page at `/lecture`.
    lecture: bool,
}

/// Data that are made by rule.
#[derive(Serialize, ToSchema)]
struct BuiltinData {
    /// What `builtin` of other requests takes.
    name: String,
    /// What is learnt from them.
    task: String,
    /// A line for people.
    about: &'static str,
}

/// A kind of model.
#[derive(Serialize, ToSchema)]
struct BackboneKind {
    /// What the field `model.backbone` takes.
    name: String,
    /// A line for people.
    about: &'static str,
}

/// What can be learnt without a file, and by what
#[utoipa::path(get, path = "/api/builtins", tag = "server", responses((status = 200, body = Offered)))]
pub async fn list(State(server): State<Shared>) -> Json<Offered> {
    let builtin = |builtin: Builtin| BuiltinData {
        name: builtin.to_string(),
        task: builtin.task().to_string(),
        about: builtin.about(),
    };
    let backbone = |backbone: Backbone| BackboneKind { name: backbone.to_string(), about: backbone.about() };
    Json(Offered {
        builtins: Builtin::all().map(builtin).collect(),
        backbones: Backbone::all().map(backbone).collect(),
        version: env!("CARGO_PKG_VERSION"),
        trains: server.models.room().is_some(),
        lecture: server.pages.as_ref().is_some_and(|pages| pages.lecture_page().is_file()),
    })
}
