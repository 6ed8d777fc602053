//! What clients are told instead of paths of this machine.

use std::path::Path;

use anaphora::{Error, Run};
use axum::http::StatusCode;
use serde_json::Value;

use crate::error::ApiError;

/// Paths of this machine, each with what a client knows it as; the longest first.
#[derive(Clone, Debug, Default)]
pub struct Names(Vec<(String, String)>);

impl Names {
    /// Those of a run and of the data that it learnt from.
    pub fn of_run(run: &Run, id: &str) -> Self {
        let mut names = Self::default();
        names.add(run.path(), id);
        for source in run.info().sources.values() {
            names.add(&source.path, &file_name(&source.path));
        }
        names
    }

    /// Lets a path be called by a name.
    pub fn add(&mut self, path: &Path, name: &str) {
        for path in [Some(path.to_owned()), path.canonicalize().ok()].into_iter().flatten() {
            // A path of one part may be a word of any sentence.
            if path.components().count() > 1 {
                self.0.push((path.display().to_string(), name.to_owned()));
            }
        }
        self.0.sort_by_key(|(path, _)| std::cmp::Reverse(path.len()));
        self.0.dedup();
    }

    /// A text that names no such path.
    pub fn say(&self, text: &str) -> String {
        let known = |text: String, (path, name): &(String, String)| match text.contains(path) {
            true => text.replace(path, name),
            false => text,
        };
        self.0.iter().fold(text.to_owned(), known)
    }

    /// Changes the texts in a value likewise.
    pub fn rename(&self, value: &mut Value) {
        match value {
            Value::String(text) if self.0.iter().any(|(path, _)| text.contains(path)) => {
                *text = self.say(text)
            }
            Value::Array(all) => all.iter_mut().for_each(|value| self.rename(value)),
            Value::Object(object) => object.values_mut().for_each(|value| self.rename(value)),
            _ => {}
        }
    }

    /// An error of the library as an answer: of a field of the request, unless it is this machine's.
    pub fn refused(&self, field: &str, error: &Error) -> ApiError {
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

    #[test]
    fn paths_are_called_by_their_names() {
        let mut names = Names::default();
        names.add(Path::new("/tmp/x"), "folder");
        names.add(Path::new("/tmp/x/0/pic.png"), "my pic.png");
        names.add(Path::new("."), "nothing");
        assert_eq!(names.say("/tmp/x/0/pic.png and /tmp/x/y. So."), "my pic.png and folder/y. So.");
        let mut value = serde_json::json!({ "a": ["/tmp/x", 1], "b": { "c": "/tmp/x/0/pic.png 2" } });
        names.rename(&mut value);
        assert_eq!(value, serde_json::json!({ "a": ["folder", 1], "b": { "c": "my pic.png 2" } }));
    }
}
