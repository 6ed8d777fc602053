//! What is learnt from: data that come with a request or came before it, built-in data, or those of another run. And the recipe for
//! them, with the fields that a request sets.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anaphora::recipe::{Accepts, RecipeError, Task, Tokenizer, fields};
use anaphora::run::{DATA, Kept};
use anaphora::{Error, Recipe, Run, tasks};
use anaphora_data::Encoding;
use serde_json::{Map, Value};

use super::data::Upload;
use super::files::{Attached, File, safe};
use super::names::{Names, Refuse, storage};
use super::runs::no_run;
use crate::Server;
use crate::error::{ApiError, ApiResult};

/// Endings of archives, which are not unpacked.
const ARCHIVES: [&str; 6] = [".zip", ".tar", ".gz", ".tgz", ".7z", ".rar"];

/// What a request names, of which it takes one.
pub struct Asked {
    /// A file in it.
    pub data: Option<Attached>,
    /// The id of an upload.
    pub upload: Option<String>,
    /// The name of built-in data.
    pub builtin: Option<String>,
    /// The name of a run.
    pub like: Option<String>,
}

/// What is learnt from.
pub enum Source {
    /// A file that came with the request.
    File(File),
    /// A file or folder that came before it.
    Upload(Arc<Upload>),
    /// Built-in data, by their name.
    Builtin(String),
    /// What another run learnt from.
    Like(Box<Run>, String),
}

impl Source {
    /// What a request names.
    ///
    /// # Errors
    /// Nothing or more than one thing, and what is not there.
    pub fn new(server: &Server, asked: Asked) -> ApiResult<Self> {
        let Asked { data, upload, builtin, like } = asked;
        let given = [
            ("data", data.is_some()),
            ("upload", upload.is_some()),
            ("builtin", builtin.is_some()),
            ("like", like.is_some()),
        ];
        let mut given = given.iter().filter(|(_, given)| *given).map(|(field, _)| *field);
        if let (Some(one), Some(other)) = (given.next(), given.next()) {
            let message = format!("{one} and {other} are both given; leave one of them out");
            return Err(ApiError::field(other, message));
        }
        let source = match (data, upload, builtin, like) {
            (Some(data), ..) => Self::File(data.file("data")?),
            (_, Some(upload), ..) => Self::Upload(server.uploads.get(&upload)?),
            (.., Some(builtin), _) => Self::Builtin(builtin),
            (.., Some(id)) => Self::Like(Box::new(run(server, &id)?), id),
            _ => {
                let message =
                    "data is missing; it takes a file, or upload, builtin or like the name of what is there";
                return Err(ApiError::field("data", message));
            }
        };
        source.refuse_archive()?;
        Ok(source)
    }

    /// The field that names it.
    pub fn field(&self) -> &'static str {
        match self {
            Self::File(_) => "data",
            Self::Upload(_) => "upload",
            Self::Builtin(_) => "builtin",
            Self::Like(..) => "like",
        }
    }

    /// What its client calls it.
    pub fn name(&self) -> String {
        match self {
            Self::File(file) => file.name.clone(),
            Self::Upload(upload) => upload.name(),
            Self::Builtin(name) | Self::Like(_, name) => name.clone(),
        }
    }

    /// What a run that learns from it is called after, of a run's name's characters.
    pub fn stem(&self) -> String {
        let name = safe(&self.name());
        match self.is_file() {
            true => Path::new(&name).file_stem().unwrap_or_default().to_string_lossy().into_owned(),
            false => name,
        }
    }

    /// Whether it is a file that came.
    fn is_file(&self) -> bool {
        match self {
            Self::File(_) => true,
            Self::Upload(upload) => upload.path.is_file(),
            Self::Builtin(_) | Self::Like(..) => false,
        }
    }

    fn refuse_archive(&self) -> ApiResult<()> {
        let name = self.name();
        let lower = name.to_lowercase();
        if !self.is_file() || !ARCHIVES.iter().any(|end| lower.ends_with(end)) {
            return Ok(());
        }
        let message = format!(
            "{name} is an archive, which is not unpacked here; unpack it and send the folder, each file under its name in it, as \
             pets/cats/1.png"
        );
        Err(ApiError::field(self.field(), message).see("POST /api/data"))
    }

    /// Keeps its files in a run that is to be: a file that came, or what another run keeps. `names` learns what they are called.
    ///
    /// # Errors
    /// A disk that is full.
    pub fn keep(&self, kept: &Kept, names: &mut Names) -> ApiResult<Option<PathBuf>> {
        let path = match self {
            Self::File(file) => {
                use std::io::Write;
                let (path, mut writer) =
                    kept.create(&safe(&file.name)).map_err(|error| names.refused(self.field(), &error))?;
                let written = writer.write_all(&file.content).and_then(|()| writer.sync_all());
                written.map_err(|error| {
                    storage(&error, format!("the server cannot keep {}: {error}", file.name))
                })?;
                path
            }
            Self::Upload(upload) => {
                kept.copy(&upload.path).map_err(|error| names.refused(self.field(), &error))?
            }
            Self::Builtin(_) | Self::Like(..) => return Ok(None),
        };
        names.add(&path, &self.name());
        Ok(Some(path))
    }

    /// Keeps what another run keeps of the data of its recipe.
    ///
    /// # Errors
    /// A disk that is full.
    pub fn keep_like(&self, recipe: &mut Recipe, kept: &Kept, names: &mut Names) -> ApiResult<()> {
        let Self::Like(run, _) = self else { return Ok(()) };
        let folder = run.path().join(DATA);
        let folder = folder.canonicalize().unwrap_or(folder);
        for (_, path) in recipe.data.paths_mut() {
            let Some(path) = path else { continue };
            let whole = path.canonicalize().unwrap_or_else(|_| path.clone());
            let Some(name) = whole.strip_prefix(&folder).ok().and_then(|inside| inside.components().next())
            else {
                continue;
            };
            let there = folder.join(name);
            let copied = kept.run().join(DATA).join(name);
            if !copied.exists() {
                kept.copy(&there).map_err(|error| names.refused(self.field(), &error))?;
            }
            names.add(&copied, &name.as_os_str().to_string_lossy());
            *path = copied.join(whole.strip_prefix(&there).unwrap_or(Path::new("")));
        }
        Ok(())
    }

    /// The recipe of a training, checked as far as it can be before the data are read, which lie where they came with the task that they
    /// look made for.
    ///
    /// # Errors
    /// Fields that are not known, do not take their values or are not read.
    pub fn recipe(
        &self,
        data: Option<(&Path, Task)>,
        settings: &[(String, String)],
        names: &Names,
    ) -> ApiResult<Recipe> {
        let refused = |error: RecipeError| {
            let message = names.say(&error.to_string());
            match error {
                RecipeError::UnknownField { field, .. } => ApiError::field(&field, message),
                RecipeError::Value { field: "data.builtin", .. } => ApiError::field("builtin", message),
                RecipeError::Value { field, .. } | RecipeError::Unread { field, .. } => {
                    ApiError::field(field, message)
                }
                _ => ApiError::field("recipe", message),
            }
        };
        let builtin = match self {
            Self::Builtin(name) => Some(("data.builtin", name.as_str())),
            _ => None,
        };
        let all: Vec<(&str, &str)> = builtin
            .into_iter()
            .chain(settings.iter().map(|(field, value)| (field.as_str(), value.as_str())))
            .collect();
        let asked = |field: &str| all.iter().find(|(named, _)| *named == field).map(|(_, value)| *value);
        let recipe = match self {
            Self::Like(run, id) => {
                let known = run.recipe().map_err(|error| ApiError::server(names.say(&error.to_string())))?;
                if run.info().imported.is_some() {
                    let message = format!("the run '{id}' is an imported model, without data to learn from");
                    return Err(ApiError::field(self.field(), message));
                }
                let mut recipe = known.clone();
                recipe.data = run.data(&known.data).map_err(|error| names.refused(self.field(), &error))?;
                recipe.set_all(&all).map_err(|(_, error)| refused(error))?;
                recipe.settle(&known, |field| asked(field).is_some()).map_err(refused)?;
                recipe
            }
            _ => {
                // Text and tunes are told apart by whoever reads them.
                let found = data.map(|(_, task)| if task.continues() { Task::Auto } else { task });
                let found = found.filter(|_| asked("task").is_none()).map(|task| task.to_string());
                let quickest = data.and_then(|(path, task)| tasks::quickest_backbone(path, task, &all));
                let mut recipe = Recipe::for_settings(|field| match (field, &found, quickest) {
                    ("task", Some(task), _) => Some(task.clone()),
                    ("model.backbone", _, Some(backbone)) => Some(backbone.to_string()),
                    _ => asked(field).map(str::to_owned),
                });
                if let Some((path, _)) = data {
                    recipe.data.train = Some(path.to_owned());
                }
                recipe.set_all(&all).map_err(|(_, error)| refused(error))?;
                recipe
            }
        };
        if let (Tokenizer::File(_), Some(_)) = (&recipe.data.tokenizer, asked("data.tokenizer")) {
            let message = "the field data.tokenizer of recipe names a file of this machine; it takes a kind, as bpe:4096";
            return Err(ApiError::field("data.tokenizer", message));
        }
        recipe.validate().map_err(refused)?;
        for (field, _) in &all {
            recipe.refuse_field(field).map_err(refused)?;
        }
        recipe.refuse_unread().map_err(refused)?;
        Ok(recipe)
    }

    /// The task that data look made for, and what was found in them.
    ///
    /// # Errors
    /// Data that cannot be read.
    pub fn look(&self, path: &Path, encoding: Encoding, names: &Names) -> ApiResult<(Task, &'static str)> {
        tasks::of_data(path, encoding).map_err(|error| names.refused(self.field(), &error))
    }
}

/// A run that another is to be like.
fn run(server: &Server, id: &str) -> ApiResult<Run> {
    let folder = server.models.folder_of(id).ok_or_else(|| no_run(id).of("like"))?;
    let mut names = Names::default();
    names.add(&folder, id);
    Run::open(&folder).map_err(|error| match error {
        Error::NotARun(_) => no_run(id).of("like"),
        error => ApiError::server(names.say(&error.to_string())),
    })
}

/// The encoding that is asked for; whoever reads the recipe refuses one that there is not.
pub fn encoding(settings: &[(String, String)]) -> Encoding {
    let asked = settings.iter().find(|(field, _)| field == "data.encoding");
    asked.and_then(|(_, name)| name.parse().ok()).unwrap_or_default()
}

/// The fields that are asked for, with their values as a command line has them.
///
/// # Errors
/// Values that are none of a field, and fields that name files of this machine.
pub fn settings(asked: &Map<String, Value>) -> ApiResult<Vec<(String, String)>> {
    let text = |(field, value): (&String, &Value)| {
        let value = match value {
            Value::String(text) => text.clone(),
            Value::Bool(_) | Value::Number(_) | Value::Array(_) => value.to_string(),
            _ => {
                let message = format!(
                    "the field {field} of recipe is {value}; it takes a text, a number, true or false"
                );
                return Err(ApiError::field(field, message));
            }
        };
        if fields().any(|known| known.path == field && matches!(known.accepts, Accepts::Path)) {
            let message = format!(
                "the field {field} of the recipe names a file of the server's machine; send the data"
            );
            return Err(ApiError::field(field, message).see("POST /api/data"));
        }
        if field == "data.builtin" {
            return Err(ApiError::field(
                field,
                "the field data.builtin of recipe is what builtin takes; name it there",
            ));
        }
        Ok((field.clone(), value))
    };
    asked.iter().map(text).collect()
}
