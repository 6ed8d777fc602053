//! What clients are told instead of paths of this machine.

use std::path::Path;

use anaphora::Error;
pub use anaphora::run::Names;
use axum::http::StatusCode;

use crate::error::ApiError;

/// An error of the library as an answer that names no path of this machine.
pub trait Refuse {
    /// That of a field of the request, unless it is this machine's.
    fn refused(&self, field: &str, error: &Error) -> ApiError;
}

impl Refuse for Names {
    fn refused(&self, field: &str, error: &Error) -> ApiError {
        match error {
            Error::Io { source, .. } => storage(source, self.say(&error.to_string())),
            Error::Weights { .. } => ApiError::server(self.say(&error.to_string())),
            error => ApiError::field(field, self.say(&error.to_string())),
        }
    }
}

/// An error of this machine's disk.
pub fn storage(error: &std::io::Error, message: impl Into<String>) -> ApiError {
    match error.kind() {
        std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => {
            ApiError::new(StatusCode::INSUFFICIENT_STORAGE, "storage_full", message)
        }
        _ => ApiError::server(message),
    }
}

/// The last part of a path.
pub fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use axum::response::IntoResponse;

    use super::*;

    #[test]
    fn errors_are_those_of_the_request_or_of_the_machine() {
        let mut names = Names::default();
        names.add(Path::new("/tmp/x"), "a.txt");
        let io = |kind: std::io::ErrorKind| Error::Io {
            action: "write",
            path: "/tmp/x".into(),
            source: kind.into(),
        };
        let malformed = Error::Malformed { path: "/tmp/x".into(), reason: "nothing".into() };
        for (error, status) in [
            (io(std::io::ErrorKind::StorageFull), 507),
            (io(std::io::ErrorKind::PermissionDenied), 500),
            (malformed, 400),
        ] {
            let refused = names.refused("file", &error);
            let body = serde_json::to_value(refused.clone().body()).unwrap();
            assert!(body["error"]["message"].as_str().unwrap().contains("a.txt"), "{body}");
            assert_eq!(refused.into_response().status().as_u16(), status);
        }
    }
}
