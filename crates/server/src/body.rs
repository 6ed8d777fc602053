//! Bodies of requests: one JSON object, whose every field must be known.

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{FromRequest, FromRequestParts, Path, Request};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::api::data;
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
        let (path, message) = (error.path().to_string(), error.inner().to_string());
        if let Some(missing) = message.strip_prefix("missing field `").and_then(|rest| rest.strip_suffix('`'))
        {
            return ApiError::field(missing, format!("the field '{missing}' is missing"));
        }
        let field = path.split(['.', '[']).next().unwrap_or_default();
        ApiError::field(field, format!("{path} cannot be read: {}", in_words(&message)))
    })
}

/// A sentence of the reader's with the names of Rust's types said in words.
fn in_words(message: &str) -> String {
    let (found, wanted) = message.rsplit_once("expected ").unwrap_or((message, ""));
    let wanted = match wanted {
        "usize" | "u32" | "u64" => "a whole number from 0 on is needed",
        "i64" => "a whole number is needed",
        "f32" | "f64" => "a number is needed",
        "a string" => "a text is needed",
        "a boolean" => "true or false is needed",
        "a map" => "an object is needed",
        other => other,
    };
    format!("{found}{wanted}").replace('`', "'")
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

/// Bytes of a body, at most, but for data to learn from.
pub const MOST: usize = 32 << 20;

fn too_large(most: usize) -> ApiError {
    let message = format!("the body is larger than {} MiB, the most that this server takes", most >> 20);
    ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", message)
}

/// Refuses a body that says that it is too large before it is sent.
pub async fn refuse_too_large(request: Request, next: Next) -> Response {
    let says = request
        .headers()
        .get(header::CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    let most = if request.uri().path() == "/api/data" { data::MOST } else { MOST };
    match says {
        Some(length) if length > most as u64 => too_large(most).into_response(),
        _ => next.run(request).await,
    }
}

/// A body that did not arrive, or is larger than a server takes.
pub fn unreadable(error: BytesRejection) -> ApiError {
    match error.status() {
        StatusCode::PAYLOAD_TOO_LARGE => too_large(MOST),
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
