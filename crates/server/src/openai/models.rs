//! `GET /v1/models`: what can be asked.

use axum::Json;
use axum::extract::{Path, State};
use serde_json::{Value, json};

use crate::error::{ApiError, ApiResult};
use crate::registry::{Listed, Shared};

fn object(listed: &Listed) -> Value {
    json!({
        "id": listed.id, "object": "model", "created": listed.created, "owned_by": "anaphora", "task": listed.task.to_string()
    })
}

/// All models.
pub async fn list(State(models): State<Shared>) -> ApiResult<Json<Value>> {
    let all = models.list().map_err(|error| ApiError::server(error.to_string()))?;
    Ok(Json(json!({ "object": "list", "data": all.iter().map(object).collect::<Vec<_>>() })))
}

/// One model.
pub async fn get(State(models): State<Shared>, Path(id): Path<String>) -> ApiResult<Json<Value>> {
    let all = models.list().map_err(|error| ApiError::server(error.to_string()))?;
    let found = all.iter().find(|listed| listed.id == id);
    found.map(|listed| Json(object(listed))).ok_or_else(|| ApiError::no_model(&id))
}
