//! `POST /api/data`: data that are sent once, to be looked at and learnt from: a file, or a folder of files.

use std::collections::VecDeque;
use std::path::{Component, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use axum::Json;
use axum::extract::multipart::{Field, MultipartError};
use axum::extract::{FromRequest, Multipart, Request, State};
use axum::http::StatusCode;
use serde::Serialize;
use tempfile::TempDir;
use tokio::fs;
use tokio::io::AsyncWriteExt;
use tokio::sync::Semaphore;
use utoipa::ToSchema;

use super::names::{file_name, storage};
use crate::Shared;
use crate::error::{ApiError, ApiResult, ErrorBody};
use crate::queue::aside;

/// Bytes of the files of an upload, at most.
const MOST_BYTES: u64 = 2 << 30;
/// Bytes of its body: each file comes with its name.
pub const MOST: usize = (MOST_BYTES as usize) + (64 << 20);
/// Files of an upload, at most.
const MOST_FILES: usize = 100_000;
/// Uploads that are kept, at most.
const KEPT: usize = 8;
/// Uploads that come in at once, at most.
const AT_ONCE: usize = 2;
/// Folders in folders, at most.
const DEEPEST: usize = 16;
/// Bytes of the name of a file or folder, at most, as file systems have it.
const LONGEST: usize = 255;
/// What begins the name of an upload's folder, before its id.
const PREFIX: &str = "anaphora-";

/// Files, as a form with the field `file` as often as there are files.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it is described, and read field by field")]
pub struct DataForm {
    /// A file of any content, with its name, which may have folders in it: `cats/1.png`; may be repeated. Hidden files of folders are
    /// left out.
    #[schema(value_type = Value)]
    file: Vec<u8>,
}

/// Data that came.
#[derive(Serialize, ToSchema)]
pub struct Uploaded {
    /// What `upload` of other requests takes, as long as this server lives and no more than seven others came later.
    upload: String,
    /// The name of the file or folder.
    name: String,
    /// Files that are kept.
    files: usize,
    /// Bytes in them.
    bytes: u64,
}

/// A file or folder that came; it is gone with this value.
pub struct Upload {
    /// Its folder, which is the upload's alone.
    place: TempDir,
    /// The file or folder.
    pub path: PathBuf,
    files: usize,
    bytes: u64,
}

/// The uploads that are kept, the newest last.
pub struct Uploads {
    kept: Mutex<VecDeque<Arc<Upload>>>,
    incoming: Semaphore,
}

impl Uploads {
    /// None.
    pub fn new() -> Self {
        Self { kept: Mutex::default(), incoming: Semaphore::new(AT_ONCE) }
    }

    /// The upload of that id.
    ///
    /// # Errors
    /// An id that none has, or that none has any more.
    pub fn get(&self, id: &str) -> ApiResult<Arc<Upload>> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.iter().find(|upload| upload.id() == id).cloned().ok_or_else(|| {
            let message = format!(
                "there is no upload '{id}', or none any more, as the newest {KEPT} are kept; send the data again, to /api/data"
            );
            ApiError::new(StatusCode::NOT_FOUND, "upload_not_found", message).of("upload")
        })
    }

    /// Removes all, also what is still read: the process ends.
    pub fn close(&self) {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        // What cannot be removed stays; nobody is left to be told.
        kept.iter().for_each(|upload| _ = std::fs::remove_dir_all(upload.place.path()));
    }

    /// Keeps another, and returns those that make room for it: the oldest that nobody uses.
    fn keep(&self, upload: Arc<Upload>) -> Vec<Arc<Upload>> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.push_back(upload);
        let mut gone = Vec::new();
        while kept.len() > KEPT
            // The newest is about to be used.
            && let Some(oldest) =
                kept.iter().take(kept.len() - 1).position(|upload| Arc::strong_count(upload) == 1)
        {
            gone.extend(kept.remove(oldest));
        }
        gone
    }
}

impl Upload {
    /// What its client knows it by.
    fn id(&self) -> String {
        let name = file_name(self.place.path());
        name.strip_prefix(PREFIX).unwrap_or(&name).to_owned()
    }

    /// The name of the file or folder.
    pub fn name(&self) -> String {
        file_name(&self.path)
    }
}

/// Send data
///
/// A file, or a folder's files, each with the name that it has in the folder. They are kept for a while, so that they can be looked at
/// and learnt from several times; what is learnt from is kept in the run. Archives are not unpacked.
#[utoipa::path(post, path = "/api/data", tag = "runs",
    request_body(content = DataForm, content_type = "multipart/form-data"), responses(
    (status = 201, body = Uploaded), (status = "4XX", body = ErrorBody), (status = "5XX", body = ErrorBody)))]
pub async fn create(
    State(server): State<Shared>,
    request: Request,
) -> ApiResult<(StatusCode, Json<Uploaded>)> {
    let form = Multipart::from_request(request, &server).await;
    let form = form.map_err(|error| {
        ApiError::request(format!("{}; send a form, as in -F file=@NAME", error.body_text()))
    })?;
    let _place = server.uploads.incoming.try_acquire().map_err(|_| ApiError::busy())?;
    let upload = Arc::new(Incoming::new()?.read(form).await?);
    let told =
        Uploaded { upload: upload.id(), name: upload.name(), files: upload.files, bytes: upload.bytes };
    let gone = server.uploads.keep(upload);
    // Many files are removed for a while.
    aside(move || {
        drop(gone);
        Ok(())
    })
    .await?;
    Ok((StatusCode::CREATED, Json(told)))
}

/// An upload that is coming in.
struct Incoming {
    place: TempDir,
    /// The files, by their names in the folder.
    files: Vec<PathBuf>,
    bytes: u64,
}

impl Incoming {
    fn new() -> ApiResult<Self> {
        let prefix = format!("{PREFIX}u-");
        let place = tempfile::Builder::new().prefix(&prefix).rand_bytes(16).tempdir();
        Ok(Self { place: place.map_err(|error| no_room(&error))?, files: Vec::new(), bytes: 0 })
    }

    /// Reads a form to its end.
    async fn read(mut self, mut form: Multipart) -> ApiResult<Upload> {
        while let Some(field) = form.next_field().await.map_err(unreadable)? {
            let name = field.name().unwrap_or_default();
            if name != "file" {
                return Err(ApiError::field(name, format!("the field '{name}' is not supported")));
            }
            let Some(called) = field.file_name().map(str::to_owned) else {
                return Err(refused("file has no name; send it as a file, as in -F file=@NAME"));
            };
            if let Some(name) = inside(&called)? {
                self.keep(name, &called, field).await?;
            }
        }
        self.found()
    }

    /// Writes a file.
    async fn keep(&mut self, name: PathBuf, called: &str, mut field: Field<'_>) -> ApiResult<()> {
        if self.files.len() == MOST_FILES {
            return Err(too_large(format!(
                "there are more than {MOST_FILES} files, the most that this server takes"
            )));
        }
        let path = self.files_folder().join(&name);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).await.map_err(|error| not_kept(&error, called))?;
        }
        let file = fs::OpenOptions::new().write(true).create_new(true).open(&path).await;
        let mut file = file.map_err(|error| not_kept(&error, called))?;
        while let Some(part) = field.chunk().await.map_err(unreadable)? {
            self.bytes += part.len() as u64;
            if self.bytes > MOST_BYTES {
                let most = MOST_BYTES >> 30;
                return Err(too_large(format!(
                    "the files are larger than {most} GiB, the most that this server takes"
                )));
            }
            file.write_all(&part).await.map_err(|error| no_room(&error))?;
        }
        file.flush().await.map_err(|error| no_room(&error))?;
        self.files.push(name);
        Ok(())
    }

    /// Where the files are written.
    fn files_folder(&self) -> PathBuf {
        self.place.path().join("data")
    }

    /// What came: a single file, the one folder that holds all files, or the folder in which several lie.
    fn found(self) -> ApiResult<Upload> {
        let mut path = self.files_folder();
        match &self.files[..] {
            [] => {
                return Err(refused(
                    "file is missing, or all files are hidden ones; send one, as in -F file=@NAME",
                ));
            }
            [only] => path.push(only),
            [first, others @ ..] => {
                let folder = first.components().next().filter(|_| first.components().count() > 1);
                let is_common =
                    |folder: &Component| others.iter().all(|file| file.components().next() == Some(*folder));
                path.extend(folder.filter(is_common));
            }
        }
        Ok(Upload { place: self.place, path, files: self.files.len(), bytes: self.bytes })
    }
}

/// A file's name as one below a folder; none of a hidden file of a folder.
///
/// # Errors
/// A name that file systems do not take, and one in too many folders.
fn inside(called: &str) -> ApiResult<Option<PathBuf>> {
    let parts: Vec<&str> =
        called.split(['/', '\\']).filter(|part| !matches!(*part, "" | "." | "..")).collect();
    if parts.len() > 1 && parts.iter().any(|part| part.starts_with('.')) {
        return Ok(None);
    }
    if parts.is_empty() || parts.len() > DEEPEST {
        let message = format!("a file is called {called:?}; it takes a name, in {DEEPEST} folders at most");
        return Err(refused(&message));
    }
    // Names of classes and those in tables of captions stay as they are, but for what some system forbids.
    let plain = |c: char| if c.is_control() || "<>:\"|?*".contains(c) { '_' } else { c };
    let mut path = PathBuf::new();
    for part in parts {
        let plain: String = part.chars().map(plain).collect();
        let plain = plain.trim_start_matches('.').trim_end_matches([' ', '.']);
        if plain.is_empty() || plain.len() > LONGEST {
            let message = format!("a file is called {called:?}; a name has from 1 to {LONGEST} bytes");
            return Err(refused(&message));
        }
        path.push(plain);
    }
    Ok(Some(path))
}

fn refused(message: &str) -> ApiError {
    ApiError::field("file", message)
}

fn too_large(message: String) -> ApiError {
    ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", message)
}

fn no_room(error: &std::io::Error) -> ApiError {
    storage(error, format!("the server cannot keep the files: {error}"))
}

/// A file that could not be made.
fn not_kept(error: &std::io::Error, called: &str) -> ApiError {
    use std::io::ErrorKind::{AlreadyExists, IsADirectory, NotADirectory};
    match error.kind() {
        AlreadyExists | NotADirectory | IsADirectory => refused(&format!(
            "{called} comes twice, or as a file and as a folder; give each file a name of its own"
        )),
        _ => no_room(error),
    }
}

fn unreadable(error: MultipartError) -> ApiError {
    match error.status() {
        StatusCode::PAYLOAD_TOO_LARGE => too_large("the body is larger than this server takes".to_owned()),
        _ => ApiError::request(format!("the form cannot be read: {}", error.body_text())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_inside() {
        for (called, expected) in [
            ("pic.png", Some("pic.png")),
            ("cats/Käse 1 (2).png", Some("cats/Käse 1 (2).png")),
            ("../../etc/passwd", Some("etc/passwd")),
            ("/etc/passwd", Some("etc/passwd")),
            ("C:\\data\\a?.csv", Some("C_/data/a_.csv")),
            (".hidden", Some("hidden")),
            ("cats/.DS_Store", None),
            (".git/config", None),
            ("nul\0.wav", Some("nul_.wav")),
        ] {
            assert_eq!(inside(called).unwrap(), expected.map(PathBuf::from), "{called:?}");
        }
        for called in ["", "..", "/", "...", &"a/".repeat(17), &"long".repeat(64)] {
            assert!(inside(called).is_err(), "{called:?}");
        }
    }

    /// An upload of these files.
    fn upload(files: &[&str]) -> Upload {
        let mut incoming = Incoming::new().unwrap();
        for file in files {
            let path = incoming.files_folder().join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "text").unwrap();
            incoming.files.push(file.into());
        }
        incoming.found().unwrap()
    }

    #[test]
    fn a_file_or_the_one_folder_of_all_is_what_came() {
        for (files, name) in [
            (&["a.abc"][..], "a.abc"),
            (&["tunes/a.abc"], "a.abc"),
            (&["pets/cats/1.png", "pets/dogs/1.png"], "pets"),
            (&["cats/1.png", "dogs/1.png"], "data"),
            (&["a.abc", "b.abc"], "data"),
        ] {
            let upload = upload(files);
            assert_eq!(upload.name(), name);
            assert!(upload.path.exists());
        }
    }

    #[test]
    fn the_oldest_that_nobody_uses_makes_room() {
        let uploads = Uploads::new();
        let ids: Vec<String> = (0..KEPT)
            .map(|_| {
                let upload = Arc::new(upload(&["a.txt"]));
                let id = upload.id();
                assert!(id.starts_with("u-") && uploads.keep(upload).is_empty());
                id
            })
            .collect();
        let used = uploads.get(&ids[0]).unwrap();
        let place = uploads.get(&ids[1]).unwrap().path.clone();
        drop(uploads.keep(Arc::new(upload(&["a.txt"]))));
        assert!(uploads.get(&ids[0]).is_ok() && uploads.get(&ids[1]).is_err());
        assert!(used.path.exists() && !place.exists());
    }
}
