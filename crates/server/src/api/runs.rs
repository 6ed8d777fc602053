//! `GET /api/runs`: every run of the folder, and what is known of each.

use std::collections::BTreeMap;
use std::path::Path;

use anaphora::recipe::Tokenizer;
use anaphora::run::{self, Deleted, RunInfo, Score};
use anaphora::{Recipe, Run, tasks};
use anaphora_data::frames::PictureSteps;
use anaphora_data::picture::Colour;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::names::{Names, Refuse, file_name};
use crate::body::Name;
use crate::error::{ApiError, ApiResult, ErrorBody};
use crate::queue::Gone;
use crate::{Server, Shared};

/// A run in a list; of one that is being prepared, or cannot be read, most is null.
#[derive(Serialize, ToSchema)]
pub struct Summary {
    /// Its name: that of its folder.
    id: String,
    /// What it learns: `music`, `text`, `classify` …
    task: Option<String>,
    /// What it learns with: `lstm`, `transformer` …
    backbone: Option<String>,
    /// Numbers in its model.
    parameters: Option<u64>,
    /// When it began, in seconds of Unix time.
    created: Option<i64>,
    /// When its progress was last saved, likewise.
    saved: Option<i64>,
    /// Optimizer steps done when its progress was last saved.
    steps: Option<u64>,
    /// The best validation, whose weights are its model.
    best: Option<Best>,
    /// The score of that validation by which models of its task are known.
    score: Option<MainScore>,
    /// Why its training ended; null while it has not.
    ended: Option<String>,
    /// Whether a process trains it now, this server or another.
    training: bool,
    /// Whether it has a model that can be asked.
    has_model: bool,
    /// Bytes on disk.
    bytes: u64,
    /// Why it cannot be read, or why the training that this server began failed.
    error: Option<String>,
}

/// The score by which models of a task are known.
#[derive(Serialize, ToSchema)]
struct MainScore {
    /// Its name: `accuracy`, `span_f1`, `mae`, `perplexity` …; `loss` where the task has no other.
    name: String,
    /// Its value.
    value: f64,
    /// Both for people, as `anaphora runs` prints them: `MAE 0.250`.
    text: String,
}

/// A validation.
#[derive(Serialize, ToSchema)]
struct Best {
    /// The name of what chooses the weights: `loss`, or a score of which more is better.
    criterion: String,
    /// Its value.
    value: f64,
    /// The optimizer step.
    step: u64,
    loss: f64,
    /// Other scores by name.
    scores: BTreeMap<String, f64>,
}

/// All runs.
#[derive(Serialize, ToSchema)]
pub struct Runs {
    /// The newest first.
    runs: Vec<Summary>,
}

/// All that is known of a run.
#[derive(Serialize, ToSchema)]
pub struct Details {
    #[serde(flatten)]
    summary: Summary,
    /// The version of the program that wrote it.
    program: Option<String>,
    /// The fields of its recipe that are read, section by section; files by their names, without folders.
    #[schema(value_type = Option<Object>)]
    recipe: Option<Value>,
    /// What it learnt from, by the recipe's field that names it; empty for built-in data.
    sources: BTreeMap<String, Source>,
    /// The kind of input that its examples are read as, where the data decided it: `text`, `numbers`, a picture's or a sound's.
    #[schema(value_type = Option<String>)]
    input: Option<Value>,
    /// The pictures that its model reads; null where it reads something else.
    picture: Option<Pictures>,
    /// Whether its model was imported, so that it has no training to go on with.
    imported: bool,
    /// The run whose weights it began with.
    from: Option<String>,
}

/// The pictures that a model reads; others are brought to their size.
#[derive(Serialize, ToSchema)]
struct Pictures {
    /// Pixels across.
    width: usize,
    /// Pixels down.
    height: usize,
    /// Whether they have colours.
    colour: bool,
}

/// A file or folder that a run learnt from.
#[derive(Serialize, ToSchema)]
struct Source {
    /// Its name, without folders.
    name: String,
    bytes: u64,
    /// CRC-32 over the content.
    crc32: String,
}

impl From<&Score> for Best {
    fn from(score: &Score) -> Self {
        let (criterion, value) = score.criterion();
        let criterion = criterion.to_owned();
        Self { criterion, value, step: score.step, loss: score.loss, scores: score.scores.clone() }
    }
}

impl From<&Score> for MainScore {
    fn from(score: &Score) -> Self {
        let (name, value) = score.main();
        Self { name: name.to_owned(), value, text: score.text() }
    }
}

impl Summary {
    /// A run that has no files yet, or none any more.
    fn without_files(id: &str, server: &Server) -> Self {
        Self {
            id: id.to_owned(),
            task: None,
            backbone: None,
            parameters: None,
            created: None,
            saved: None,
            steps: None,
            best: None,
            score: None,
            ended: None,
            training: server.trainings.is_training(id),
            has_model: false,
            bytes: 0,
            error: server.trainings.failure(id),
        }
    }

    fn new(id: &str, listed: &run::Listed, recipe: Option<&Recipe>, server: &Server) -> Self {
        let without = Self::without_files(id, server);
        let training = without.training || Run::is_training(&listed.path);
        let saved = listed.modified.map(|time| time.as_second());
        let has_model = listed.path.join("model.safetensors").is_file();
        let found = Self { training, saved, has_model, bytes: listed.bytes, ..without };
        match &listed.info {
            Err(error) => {
                let mut names = Names::default();
                names.add(&listed.path, id);
                Self { error: Some(names.say(&error.to_string())), ..found }
            }
            Ok(info) => Self {
                task: Some(info.task.to_string()),
                backbone: recipe.map(|recipe| recipe.model.backbone.to_string()),
                parameters: Some(info.parameters),
                created: Some(info.created.as_second()),
                steps: Some(info.steps),
                best: info.best.as_ref().map(Best::from),
                score: info.best.as_ref().map(MainScore::from),
                ended: info.ended.clone(),
                ..found
            },
        }
    }
}

fn recipe(path: &Path) -> Option<Recipe> {
    Run::open(path).ok()?.recipe().ok()
}

fn pictures(path: &Path) -> Option<Pictures> {
    let PictureSteps { width, height, colour, .. } = tasks::pictures(&Run::open(path).ok()?)?;
    Some(Pictures { width, height, colour: colour == Colour::Rgb })
}

/// The recipe as JSON, with files by their names.
pub fn shown(recipe: &Recipe) -> Option<Value> {
    let mut recipe = recipe.clone();
    if let Tokenizer::File(path) = &mut recipe.data.tokenizer {
        *path = file_name(path).into();
    }
    for (_, path) in recipe.data.paths_mut() {
        if let Some(path) = path {
            *path = file_name(path).into();
        }
    }
    recipe.to_json().ok()
}

/// All runs, also those that are being trained and those that cannot be read
#[utoipa::path(get, path = "/api/runs", tag = "runs", responses(
    (status = 200, body = Runs), (status = "4XX", body = ErrorBody), (status = "5XX", body = ErrorBody)))]
pub async fn list(State(server): State<Shared>) -> ApiResult<Json<Runs>> {
    let own = server.clone();
    let work = move |_: &Gone| {
        let all = own.models.folders()?;
        let prepared = own.trainings.current().filter(|id| all.iter().all(|(known, _)| known != id));
        let prepared = prepared.map(|id| Summary::without_files(&id, &own));
        let listed =
            all.iter().map(|(id, listed)| Summary::new(id, listed, recipe(&listed.path).as_ref(), &own));
        Ok(Json(Runs { runs: prepared.into_iter().chain(listed).collect() }))
    };
    server.filing.work(work).await
}

/// One of them
#[utoipa::path(get, path = "/api/runs/{id}", tag = "runs", params(("id" = String, Path)), responses(
    (status = 200, body = Details), (status = "4XX", body = ErrorBody), (status = "5XX", body = ErrorBody)))]
pub async fn get(State(server): State<Shared>, Name(id): Name) -> ApiResult<Json<Details>> {
    let own = server.clone();
    server.filing.work(move |_| details(&own, &id).map(Json)).await
}

fn details(server: &Server, id: &str) -> ApiResult<Details> {
    let failed = |error: anaphora::Error| {
        let mut names = Names::default();
        server.models.folder_of(id).iter().for_each(|folder| names.add(folder, id));
        ApiError::server(names.say(&error.to_string()))
    };
    let listed = match server.models.folder_of(id) {
        Some(path) => run::Listed::of(path).map_err(failed)?,
        None => None,
    };
    let Some(listed) = listed else {
        if !server.trainings.is_training(id) && server.trainings.failure(id).is_none() {
            return Err(no_run(id));
        }
        let summary = Summary::without_files(id, server);
        let (program, recipe, sources, input, picture, imported, from) = Default::default();
        return Ok(Details { summary, program, recipe, sources, input, picture, imported, from });
    };
    let recipe = recipe(&listed.path);
    let summary = Summary::new(id, &listed, recipe.as_ref(), server);
    let info: Option<&RunInfo> = listed.info.as_ref().ok();
    let source = |(field, source): (&String, &run::Source)| {
        let run::Source { path, bytes, crc32 } = source;
        (field.clone(), Source { name: file_name(path), bytes: *bytes, crc32: crc32.clone() })
    };
    Ok(Details {
        summary,
        program: info.map(|info| info.program.clone()),
        recipe: recipe.as_ref().and_then(shown),
        sources: info.into_iter().flat_map(|info| &info.sources).map(source).collect(),
        input: info.and_then(|info| info.input).and_then(|input| serde_json::to_value(input).ok()),
        picture: pictures(&listed.path),
        imported: info.is_some_and(|info| info.imported.is_some()),
        from: info.and_then(|info| info.from.as_deref()).map(file_name),
    })
}

/// Delete a run
///
/// Its folder goes with all that is in it; of a link to a run the link. A run that is being trained is not deleted.
#[utoipa::path(delete, path = "/api/runs/{id}", tag = "runs", params(("id" = String, Path)), responses(
    (status = 204), (status = "4XX", body = ErrorBody), (status = "5XX", body = ErrorBody)))]
pub async fn delete(State(server): State<Shared>, Name(id): Name) -> ApiResult<StatusCode> {
    let own = server.clone();
    server.filing.work(move |_| remove(&own, &id).map(|()| StatusCode::NO_CONTENT)).await
}

fn remove(server: &Server, id: &str) -> ApiResult<()> {
    let folder = server.models.folder_of(id).ok_or_else(|| no_run(id))?;
    if server.models.room().is_none() {
        let message = "this server serves one run, and deletes none; serve the folder that it lies in";
        return Err(ApiError::new(StatusCode::CONFLICT, "one_run", message));
    }
    let mut names = Names::default();
    names.add(&folder, id);
    folder.parent().iter().for_each(|room| names.add(room, "runs"));
    let failed = |error: anaphora::Error| names.refused("id", &error);
    // It is no run any more once it is out of sight: nobody begins to train it while its files go.
    let mut deleted = None;
    server.trainings.without(id, || {
        if Run::is_training(&folder) {
            let message = format!("another process than this server trains the run '{id}'; end it there");
            return Err(ApiError::new(StatusCode::CONFLICT, "training_busy", message));
        }
        deleted = Some(Deleted::new(&folder).map_err(failed)?);
        Ok(())
    })?;
    server.models.forget(id);
    deleted.map_or(Ok(()), Deleted::remove).map_err(failed)
}

/// A run that is not there.
pub fn no_run(id: &str) -> ApiError {
    let message = format!("the run '{id}' does not exist");
    ApiError::new(StatusCode::NOT_FOUND, "run_not_found", message).see("GET /api/runs")
}
