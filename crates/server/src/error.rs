//! Errors as clients of OpenAI's API expect them: `{"error": {"message", "type", "param", "code"}}`.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

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

/// What the body of an error is.
#[derive(Serialize, ToSchema)]
pub struct ErrorBody {
    error: ErrorObject,
}

/// What went wrong.
#[derive(Serialize, ToSchema)]
struct ErrorObject {
    /// One sentence: what was found, and what would be right.
    message: String,
    /// The kind of error.
    r#type: &'static str,
    /// The field of the request that is wrong, where it is one.
    param: Option<String>,
    /// For programs.
    code: Option<&'static str>,
}

impl ApiError {
    /// An error with a status of its own, and a code for programs.
    pub fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, message: message.into(), param: None, code: Some(code) }
    }

    /// A request that is wrong, and the field in which it is.
    pub fn field(param: &str, message: impl Into<String>) -> Self {
        Self { param: Some(param.to_owned()), ..Self::request(message) }
    }

    /// A request that is wrong as a whole.
    pub fn request(message: impl Into<String>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, message: message.into(), param: None, code: None }
    }

    /// The same, said of a field of the request.
    pub fn of(self, param: &str) -> Self {
        Self { param: Some(param.to_owned()), ..self }
    }

    /// A model that is not there.
    pub fn no_model(name: &str) -> Self {
        let message = format!("the model '{name}' does not exist; GET /v1/models lists those that do");
        Self::new(StatusCode::NOT_FOUND, "model_not_found", message).of("model")
    }

    /// Something that is asked more than it can answer.
    pub fn busy() -> Self {
        let message = "too many requests of this kind wait already; ask again in a moment";
        Self::new(StatusCode::TOO_MANY_REQUESTS, "rate_limit_exceeded", message)
    }

    /// A server that ends.
    pub fn closing() -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "shutting_down", "the server is being shut down")
    }

    /// Something that went wrong here.
    pub fn server(message: impl Into<String>) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "server_error", message)
    }

    /// The body, as it also stands in a stream that fails on its way.
    pub fn body(self) -> ErrorBody {
        let kind = match self.status {
            StatusCode::UNAUTHORIZED => "authentication_error",
            StatusCode::FORBIDDEN => "permission_error",
            StatusCode::TOO_MANY_REQUESTS => "rate_limit_error",
            status if status.is_server_error() => "server_error",
            _ => "invalid_request_error",
        };
        let Self { message, param, code, .. } = self;
        ErrorBody { error: ErrorObject { message, r#type: kind, param, code } }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let status = self.status;
        let mut response = (status, Json(self.body())).into_response();
        let more = match status {
            StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => {
                Some((header::RETRY_AFTER, "1"))
            }
            StatusCode::UNAUTHORIZED => Some((header::WWW_AUTHENTICATE, "Bearer")),
            _ => None,
        };
        if let Some((name, value)) = more {
            response.headers_mut().insert(name, HeaderValue::from_static(value));
        }
        response
    }
}
