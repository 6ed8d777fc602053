//! What files are called by, in place of their paths.

use std::path::Path;

use serde_json::Value;

use super::Run;

/// Paths, each with what a person knows it as; the longest first.
#[derive(Clone, Debug, Default)]
pub struct Names(Vec<(String, String)>);

impl Names {
    /// No path yet.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Those of a run and of the data that it learnt from.
    pub fn of_run(run: &Run, called: &str) -> Self {
        let mut names = Self::new();
        names.add(run.path(), called);
        for source in run.info().sources.values() {
            let name = source.path.file_name().unwrap_or(source.path.as_os_str());
            names.add(&source.path, &name.to_string_lossy());
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
}

#[cfg(test)]
mod tests {
    use super::*;

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
