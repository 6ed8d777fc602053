//! `POST /api/train`, and stopping and resuming: trainings that the server does itself.

use std::path::{Component, Path};

use anaphora::run::Kept;
use anaphora::training::Budget;
use anaphora::{Error, Run};
use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::files::Attached;
use super::names::{Names, Refuse, file_name};
use super::runs::no_run;
use super::source::{Asked, Source, encoding, settings};
use crate::body::{Body, Fields, Name, read, take};
use crate::error::{ApiError, ApiResult, ErrorBody};
use crate::{Server, Shared};

/// Characters of a run's name, at most.
const NAME: usize = 64;

/// What to learn.
#[derive(Clone, Debug, Default, Deserialize, Serialize, ToSchema)]
pub struct TrainRequest {
    /// The data, one file; they are kept in the run. Of this, `upload`, `builtin` and `like` one is given.
    data: Option<Attached>,
    /// Data that were sent to `/api/data`, by the id of that upload; they are kept in the run.
    upload: Option<String>,
    /// Built-in data, by their name: `tunes`, `names` …
    builtin: Option<String>,
    /// A run, to learn from its data by its recipe, but for the fields in `recipe`.
    like: Option<String>,
    /// Fields of the recipe, as `training.steps`, with their values; `anaphora recipe` lists them. What is left out has the defaults of
    /// the task, which is found from the data where it is left out.
    #[serde(default)]
    #[schema(value_type = Object, example = json!({ "model.hidden_size": 128, "training.steps": 1000 }))]
    recipe: Map<String, Value>,
    /// The name of the run; after the data where left out.
    #[schema(max_length = 64)]
    name: Option<String>,
}

/// How far to go on; to the end that the recipe sets where all is left out.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize, ToSchema)]
pub struct ResumeRequest {
    /// Optimizer steps to go on for.
    #[schema(minimum = 1)]
    steps: Option<u64>,
    /// Passes over the data to go on for.
    #[schema(exclusive_minimum = 0)]
    epochs: Option<f64>,
    /// Minutes to go on for.
    #[schema(exclusive_minimum = 0)]
    minutes: Option<f64>,
}

/// A training that was begun, resumed or asked to stop.
#[derive(Serialize, ToSchema)]
pub struct Begun {
    /// The run.
    id: String,
}

impl Fields for TrainRequest {
    fn take(object: &mut Map<String, Value>) -> ApiResult<Self> {
        take(object)
    }
}

impl Fields for ResumeRequest {
    fn take(object: &mut Map<String, Value>) -> ApiResult<Self> {
        take(object)
    }
}

type Accepted = (StatusCode, Json<Begun>);

fn accepted(id: String) -> Accepted {
    (StatusCode::ACCEPTED, Json(Begun { id }))
}

fn conflict(code: &'static str, message: impl Into<String>) -> ApiError {
    ApiError::new(StatusCode::CONFLICT, code, message)
}

/// Train a model
///
/// The answer comes when the training has begun; `GET /api/runs/{id}` says how it goes, and why where it fails later.
#[utoipa::path(post, path = "/api/train", tag = "runs", request_body = TrainRequest, responses(
    (status = 202, body = Begun), (status = "4XX", body = ErrorBody), (status = "5XX", body = ErrorBody)))]
pub async fn create(State(server): State<Shared>, Body(request): Body<TrainRequest>) -> ApiResult<Accepted> {
    let own = server.clone();
    server.filing.work(move |_| begin(&own, request).map(accepted)).await
}

/// Begins a training.
fn begin(server: &Server, request: TrainRequest) -> ApiResult<String> {
    let TrainRequest { data, upload, builtin, like, recipe: asked, name } = request;
    let room = server.models.room().ok_or_else(|| {
        conflict(
            "one_run",
            "this server serves one run; a new one needs a folder of runs, as `anaphora serve FOLDER` has it",
        )
    })?;
    let source = Source::new(server, Asked { data, upload, builtin, like })?;
    let (stem, settings) = (source.stem(), settings(&asked)?);
    let place = server.trainings.take(|| {
        let folder = match &name {
            Some(name) => room.join(checked(name)?),
            None => Run::default_path(room, &stem[..stem.len().min(NAME)]),
        };
        match folder.symlink_metadata() {
            Err(_) => Ok((file_name(&folder), folder)),
            Ok(_) => {
                let id = file_name(&folder);
                let message = format!("there is a run '{id}' already; choose another name, or none");
                Err(conflict("run_exists", message))
            }
        }
    })?;
    let mut names = match &source {
        Source::Like(run, id) => Names::of_run(run, id),
        _ => Names::default(),
    };
    names.add(&place.folder, &place.id);
    let kept = match &source {
        Source::Builtin(_) => None,
        _ => Some(Kept::new(&place.folder).map_err(|error| names.refused("name", &error))?),
    };
    let path = kept.as_ref().map(|kept| source.keep(kept, &mut names)).transpose()?.flatten();
    let looked = path.as_deref().map(|path| source.look(path, encoding(&settings), &names)).transpose()?;
    let data = path.as_deref().zip(looked.map(|(task, _)| task));
    let mut recipe = source.recipe(data, &settings, &names)?;
    if let Some(kept) = &kept {
        source.keep_like(&mut recipe, kept, &mut names)?;
    }
    if !settings.iter().any(|(field, _)| field == "training.threads") {
        recipe.training.threads = server.models.threads();
    }
    place.train(names, kept, move |folder, observer| anaphora::train(&recipe, folder, observer))
}

/// A name for a run.
fn checked(name: &str) -> ApiResult<&str> {
    let is_one = matches!(Path::new(name).components().collect::<Vec<_>>()[..], [Component::Normal(part)] if part == name);
    let is_plain = name.chars().all(|c| c.is_alphanumeric() || "._-".contains(c));
    if is_one && is_plain && !name.starts_with(['.', '-']) && name.chars().count() <= NAME {
        return Ok(name);
    }
    let message = format!(
        "name is {name:?}; it takes letters, digits, points, hyphens and underscores, a letter or digit first, {NAME} at most"
    );
    Err(ApiError::field("name", message))
}

/// Stop a training
///
/// It ends after the step under way, with a checkpoint; `training` of `GET /api/runs/{id}` says when it has.
#[utoipa::path(post, path = "/api/runs/{id}/stop", tag = "runs", params(("id" = String, Path)), responses(
    (status = 202, body = Begun), (status = "4XX", body = ErrorBody), (status = "5XX", body = ErrorBody)))]
pub async fn stop(State(server): State<Shared>, Name(id): Name) -> ApiResult<Accepted> {
    if server.trainings.stop(&id) {
        return Ok(accepted(id));
    }
    let folder = server.models.folder_of(&id).ok_or_else(|| no_run(&id))?;
    let message = match Run::is_training(folder) {
        true => format!("another process than this server trains the run '{id}'; end it there"),
        false => format!("the run '{id}' is not being trained"),
    };
    Err(conflict("not_training", message))
}

/// Go on with a training
///
/// From its newest checkpoint, to what it would have come to had it never been stopped, or for so much more.
#[utoipa::path(post, path = "/api/runs/{id}/resume", tag = "runs", params(("id" = String, Path)),
    request_body = Option<ResumeRequest>, responses(
    (status = 202, body = Begun), (status = "4XX", body = ErrorBody), (status = "5XX", body = ErrorBody)))]
pub async fn resume(
    State(server): State<Shared>,
    Name(id): Name,
    body: Result<Bytes, axum::extract::rejection::BytesRejection>,
) -> ApiResult<Accepted> {
    let body = body.map_err(crate::body::unreadable)?;
    let request = if body.is_empty() { ResumeRequest::default() } else { read(&body)? };
    let own = server.clone();
    server.filing.work(move |_| go_on(&own, &id, request).map(accepted)).await
}

/// Resumes a training.
fn go_on(server: &Server, id: &str, request: ResumeRequest) -> ApiResult<String> {
    let ResumeRequest { steps, epochs, minutes } = request;
    // A recipe keeps counts as TOML has them.
    if let Some(found) = steps.filter(|&steps| steps == 0 || steps > i64::MAX as u64) {
        return Err(ApiError::field(
            "steps",
            format!("steps is {found}; it takes a number from 1 to {}", i64::MAX),
        ));
    }
    for (field, value) in [("epochs", epochs), ("minutes", minutes)] {
        if let Some(value) = value.filter(|value| !(value.is_finite() && *value > 0.0)) {
            return Err(ApiError::field(field, format!("{field} is {value}; it takes a number above 0")));
        }
    }
    let budget = Budget { steps, epochs, minutes };
    let folder = server.models.folder_of(id).ok_or_else(|| no_run(id))?;
    let mut names = Names::default();
    names.add(&folder, id);
    let run = Run::open(&folder).map_err(|error| match error {
        Error::NotARun(_) => no_run(id),
        error => ApiError::server(names.say(&error.to_string())),
    })?;
    let names = Names::of_run(&run, id);
    if run.info().imported.is_some() {
        return Err(conflict(
            "imported",
            format!("the run '{id}' is an imported model, without a training to go on with"),
        ));
    }
    if let Some(why) = run.info().ended.as_ref().filter(|_| budget == Budget::default()) {
        let message = format!(
            "the training of the run '{id}' had ended: {why}; say how far it is to go on, with steps, epochs or minutes"
        );
        return Err(conflict("training_ended", message));
    }
    let place = server.trainings.take(|| {
        if Run::is_training(&folder) {
            let message =
                format!("another process than this server trains the run '{id}'; wait until it has ended");
            return Err(conflict("training_busy", message));
        }
        Ok((id.to_owned(), folder.clone()))
    })?;
    place.train(names, (), move |folder, observer| anaphora::resume(folder, budget, observer))
}
