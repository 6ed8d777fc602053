//! Bodies of requests: one JSON object, whose every field must be known.

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{FromRequest, FromRequestParts, Path, Request};
use axum::http::StatusCode;
use axum::http::request::Parts;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::error::{ApiError, ApiResult};

/// What a request consists of. It may be put together of several structures, each with fields of its own.
pub trait Fields: Sized {
    /// Takes the fields that belong to it.
    ///
    /// # Errors
    /// A field that cannot be read.
    fn take(object: &mut Map<String, Value>) -> ApiResult<Self>;
}

/// The fields of a structure, taken out of an object.
///
/// # Errors
/// A field that cannot be read, by its name.
pub fn take<T: DeserializeOwned + Serialize + Default>(object: &mut Map<String, Value>) -> ApiResult<T> {
    let known = serde_json::to_value(T::default()).unwrap_or_default();
    let names = known.as_object().into_iter().flat_map(Map::keys);
    let own: Map<String, Value> = names.filter_map(|name| object.remove_entry(name)).collect();
    serde_path_to_error::deserialize(Value::Object(own)).map_err(|error| {
        let path = error.path().to_string();
        let field = path.split(['.', '[']).next().unwrap_or_default();
        let message = error.inner();
        match field {
            "" => ApiError::request(format!("the request cannot be read: {message}")),
            field => ApiError::field(field, format!("{path} cannot be read: {message}")),
        }
    })
}

/// The object in a request's body, whatever content type its client names.
pub struct Body<T>(pub T);

impl<T: Fields, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> ApiResult<Self> {
        let bytes = Bytes::from_request(request, state).await.map_err(unreadable)?;
        read(&bytes).map(Self)
    }
}

/// Reads a body.
///
/// # Errors
/// What is no JSON object, and fields that cannot be read or are not known.
pub fn read<T: Fields>(bytes: &[u8]) -> ApiResult<T> {
    let mut object: Map<String, Value> = serde_json::from_slice(bytes)
        .map_err(|error| ApiError::request(format!("the body is no JSON object: {error}")))?;
    let found = T::take(&mut object)?;
    match object.keys().next() {
        Some(field) => Err(ApiError::field(field, format!("the field '{field}' is not supported"))),
        None => Ok(found),
    }
}

/// A body that did not arrive, or is larger than a server takes.
pub fn unreadable(error: BytesRejection) -> ApiError {
    match error.status() {
        StatusCode::PAYLOAD_TOO_LARGE => {
            let message = "the body is larger than this server takes";
            ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", message)
        }
        _ => ApiError::request(format!("the body cannot be read: {error}")),
    }
}

/// A name in a path.
pub struct Name(pub String);

impl<S: Send + Sync> FromRequestParts<S> for Name {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> ApiResult<Self> {
        let found = Path::<String>::from_request_parts(parts, state).await;
        found.map(|Path(name)| Self(name)).map_err(|error| ApiError::request(error.body_text()))
    }
}
