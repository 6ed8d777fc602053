//! Errors as clients of OpenAI's API expect them: `{"error": {"message", "type", "param", "code"}}`.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;

/// An answer that is an error.
#[derive(Clone, Debug)]
pub struct ApiError {
    status: StatusCode,
    message: String,
    param: Option<String>,
    code: Option<&'static str>,
}

/// A result whose error is such an answer.
pub type ApiResult<T> = Result<T, ApiError>;

impl ApiError {
    /// A request that is wrong, and the field in which it is.
    pub fn field(param: &str, message: impl Into<String>) -> Self {
        let param = Some(param.to_owned());
        Self { status: StatusCode::BAD_REQUEST, message: message.into(), param, code: None }
    }

    /// A request that is wrong as a whole.
    pub fn request(message: impl Into<String>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, message: message.into(), param: None, code: None }
    }

    /// Another status, with a code for programs.
    pub fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, message: message.into(), param: None, code: Some(code) }
    }

    /// A model that is not there.
    pub fn no_model(name: &str) -> Self {
        let message = format!("the model '{name}' does not exist; GET /v1/models lists those that do");
        let (param, code) = (Some("model".to_owned()), Some("model_not_found"));
        Self { status: StatusCode::NOT_FOUND, message, param, code }
    }

    /// A model that is asked too much.
    pub fn busy(message: impl Into<String>) -> Self {
        Self::new(StatusCode::TOO_MANY_REQUESTS, "rate_limit_exceeded", message)
    }

    /// Something that went wrong here.
    pub fn server(message: impl Into<String>) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "server_error", message)
    }

    /// The object, as it also stands in a stream that fails on its way.
    pub fn to_json(&self) -> serde_json::Value {
        let kind = match self.status {
            StatusCode::UNAUTHORIZED => "authentication_error",
            StatusCode::TOO_MANY_REQUESTS => "rate_limit_error",
            status if status.is_server_error() => "server_error",
            _ => "invalid_request_error",
        };
        json!({ "error": { "message": self.message, "type": kind, "param": self.param, "code": self.code } })
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = (self.status, Json(self.to_json())).into_response();
        if self.status == StatusCode::TOO_MANY_REQUESTS {
            response.headers_mut().insert("retry-after", axum::http::HeaderValue::from_static("1"));
        }
        response
    }
}
