//! Files that come with a request: in a temporary folder while it is answered.

use std::path::{Path, PathBuf};

use anaphora::recipe::Task;
use anaphora_data::picture::{Colour, parse_picture};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::names::{Names, storage};
use crate::error::{ApiError, ApiResult};
use crate::scratch::Scratch;

/// Characters of a file's name that are kept.
const NAME: usize = 100;

/// A file in a request.
#[derive(Clone, Debug, Default, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Attached {
    /// Its name; the ending says what is in it.
    name: String,
    /// Its content in base64.
    #[schema(content_encoding = "base64")]
    data: String,
}

/// A file that came.
#[derive(Clone, Debug)]
pub struct File {
    /// As its client calls it.
    pub name: String,
    /// What is in it.
    pub content: Vec<u8>,
}

impl Attached {
    /// The file.
    ///
    /// # Errors
    /// What is no base64, said of `field`.
    pub fn file(self, field: &str) -> ApiResult<File> {
        let content = STANDARD.decode(&self.data).map_err(|error| {
            ApiError::field(field, format!("the data of {} are no base64: {error}", self.name))
        })?;
        Ok(File { name: self.name, content })
    }
}

impl File {
    /// Refuses a file that is no picture for models that caption some: a table could name pictures of this machine.
    ///
    /// # Errors
    /// A file that is no picture, for the task of captions.
    pub fn check(&self, task: Task, field: &str) -> ApiResult<()> {
        if task == Task::Caption {
            let read = parse_picture(&self.content, Path::new(&self.name), Colour::Rgb, None);
            read.map_err(|error| ApiError::field(field, error.to_string()))?;
        }
        Ok(())
    }
}

/// A folder for files, which is gone with this value.
pub struct Folder {
    folder: tempfile::TempDir,
    count: usize,
}

impl Folder {
    /// An empty one.
    ///
    /// # Errors
    /// A disk that takes none.
    pub fn new(scratch: &Scratch) -> ApiResult<Self> {
        let folder = scratch.folder("request-").map_err(|error| no_room(&error))?;
        Ok(Self { folder, count: 0 })
    }

    /// Keeps a file under its name; `names` learns what it is called.
    ///
    /// # Errors
    /// A disk that is full.
    pub fn keep(&mut self, file: &File, names: &mut Names) -> ApiResult<PathBuf> {
        // Each in a folder of its own, for names may come twice.
        let folder = self.folder.path().join(self.count.to_string());
        self.count += 1;
        let path = folder.join(safe(&file.name));
        let kept = std::fs::create_dir(&folder).and_then(|()| std::fs::write(&path, &file.content));
        kept.map_err(|error| no_room(&error))?;
        names.add(&path, &file.name);
        Ok(path)
    }
}

fn no_room(error: &std::io::Error) -> ApiError {
    storage(error, format!("the server cannot keep the files of the request: {error}"))
}

/// A name that names a file in any folder and nothing outside of it: letters, digits and marks of the name that was given,
/// its ending among them.
pub fn safe(name: &str) -> String {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let plain = |c: char| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '_' };
    let plain: String = last.chars().map(plain).collect();
    // What begins with a dot is hidden; the ending is what counts.
    let plain = plain.trim_start_matches('.');
    let plain = &plain[plain.len().saturating_sub(NAME)..];
    match plain.trim_start_matches('.') {
        "" => "file".to_owned(),
        plain => plain.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_in_their_folder() {
        for (name, expected) in [
            ("pic.png", "pic.png"),
            ("../../etc/passwd", "passwd"),
            ("C:\\data\\a b.csv", "a_b.csv"),
            ("..", "file"),
            ("", "file"),
            (".hidden", "hidden"),
            ("nul\0.wav", "nul_.wav"),
            ("Übung.abc", "_bung.abc"),
        ] {
            assert_eq!(safe(name), expected, "{name:?}");
        }
        let long = safe(&format!("{}.mid", "long".repeat(100)));
        assert!(long.len() <= NAME && long.ends_with(".mid"));
    }

    #[test]
    fn files_are_gone_with_their_folder() {
        let scratch = Scratch::new().unwrap();
        let (mut folder, mut names) = (Folder::new(&scratch).unwrap(), Names::default());
        let file = File { name: "../a.txt".into(), content: b"text".to_vec() };
        let paths = [folder.keep(&file, &mut names).unwrap(), folder.keep(&file, &mut names).unwrap()];
        assert_ne!(paths[0], paths[1]);
        assert_eq!(std::fs::read(&paths[1]).unwrap(), b"text");
        assert_eq!(names.say(&format!("{}: bad", paths[1].display())), "../a.txt: bad");
        drop(folder);
        assert!(!paths[0].exists());
    }
}
