//! `GET /v1/models`: what can be asked.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use crate::Shared;
use crate::body::Name;
use crate::error::{ApiError, ApiResult, ErrorBody};
use crate::registry::Listed;

/// A model.
#[derive(Serialize, ToSchema)]
pub struct Model {
    /// Its name: that of its run.
    id: String,
    /// Always `model`.
    object: &'static str,
    /// When its run began, in seconds of Unix time.
    created: i64,
    /// Always `anaphora`.
    owned_by: &'static str,
    /// What it learnt: `music`, `text`, `classify` …
    task: String,
}

/// All models.
#[derive(Serialize, ToSchema)]
pub struct Models {
    /// Always `list`.
    object: &'static str,
    data: Vec<Model>,
}

impl From<Listed> for Model {
    fn from(listed: Listed) -> Self {
        let Listed { id, created, task } = listed;
        Self { id, object: "model", created, owned_by: "anaphora", task: task.to_string() }
    }
}

/// The models that can be asked
#[utoipa::path(get, path = "/v1/models", tag = "openai", responses(
    (status = 200, body = Models), (status = "4XX", body = ErrorBody), (status = "5XX", body = ErrorBody)))]
pub async fn list(State(server): State<Shared>) -> ApiResult<Json<Models>> {
    let data = server.models.list().await?.into_iter().map(Model::from).collect();
    Ok(Json(Models { object: "list", data }))
}

/// One of them
#[utoipa::path(get, path = "/v1/models/{id}", tag = "openai", params(("id" = String, Path)), responses(
    (status = 200, body = Model), (status = "4XX", body = ErrorBody), (status = "5XX", body = ErrorBody)))]
pub async fn get(State(server): State<Shared>, Name(id): Name) -> ApiResult<Json<Model>> {
    let found = server.models.list().await?.into_iter().find(|listed| listed.id == id);
    found.map(|listed| Json(listed.into())).ok_or_else(|| ApiError::no_model(&id))
}
