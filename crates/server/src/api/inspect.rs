//! `POST /api/inspect`: what happens inside a model.

use std::collections::BTreeMap;

use anaphora::inspect::{Inspection, Request, Source, View};
use anaphora::model::Compute;
use anaphora::recipe::Task;
use anaphora::{Device, Error, Precision, tasks};
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::files::{Attached, Folder};
use super::names::{Names, Refuse};
use crate::Shared;
use crate::body::{Body, Fields, take};
use crate::error::{ApiError, ApiResult, ErrorBody};
use crate::queue::Gone;

/// What to look at.
#[derive(Clone, Debug, Default, Deserialize, Serialize, ToSchema)]
pub struct InspectRequest {
    /// The run.
    model: String,
    /// A text to read; where neither a text nor a file is given, what the training held out is read.
    text: Option<String>,
    /// A file of what the task reads.
    file: Option<Attached>,
    /// The file with the truths, where they are not in the file: translations, line by line.
    reference: Option<Attached>,
    /// Which piece or example of the data, from 1; the first where left out.
    #[schema(minimum = 1)]
    index: Option<usize>,
    /// The views to make, by their names; all that apply and are quick where left out.
    #[schema(example = json!(["gates", "next"]))]
    views: Option<Vec<String>>,
}

/// Named arrays: what a model did on one input.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "it describes what the library writes; a test reads that with it")]
pub struct Inspected {
    /// The run, its task and backbone, what its steps are called.
    #[schema(value_type = Object)]
    about: Map<String, Value>,
    /// The names of the places of an axis; of an axis that is not here they are its numbers from 0.
    labels: BTreeMap<String, Vec<String>>,
    /// What is to be said of the input, a clause each.
    notes: Vec<String>,
    /// The views that this model or input has nothing to show in, and why.
    not_shown: BTreeMap<String, String>,
    /// The arrays by their names.
    arrays: BTreeMap<String, Array>,
}

/// One array.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "as above")]
struct Array {
    /// The length of each dimension, slowest first.
    shape: Vec<usize>,
    /// The name of each dimension.
    axes: Vec<String>,
    /// What the numbers are.
    description: String,
    /// The numbers, row-major; null where one is not finite.
    values: Vec<Option<f32>>,
}

impl Fields for InspectRequest {
    fn take(object: &mut Map<String, Value>) -> ApiResult<Self> {
        take(object)
    }
}

/// Look inside a model while it reads an input
///
/// With `Accept: text/html` as the page that `anaphora inspect` makes.
#[utoipa::path(post, path = "/api/inspect", tag = "runs", request_body = InspectRequest, responses(
    (status = 200, content((Inspected = "application/json"), (String = "text/html"))), (status = "4XX", body = ErrorBody), (status = "5XX", body = ErrorBody)))]
pub async fn create(
    State(server): State<Shared>,
    headers: HeaderMap,
    Body(request): Body<InspectRequest>,
) -> ApiResult<Response> {
    let accepts = headers.get(header::ACCEPT).and_then(|accepts| accepts.to_str().ok());
    let is_page = accepts.is_some_and(|accepts| accepts.contains("text/html"));
    let own = server.clone();
    let write = move |_: &Gone| {
        let inspection = inspect(&own, request)?;
        if is_page {
            return Ok(anaphora_pages::inspection(&[inspection]).into_bytes());
        }
        serde_json::to_vec(&inspection).map_err(|error| ApiError::server(error.to_string()))
    };
    let written = server.inspecting.work(write).await?;
    let kind = if is_page { "text/html; charset=utf-8" } else { "application/json" };
    Ok(([(header::CONTENT_TYPE, kind)], written).into_response())
}

/// The inspection, which names no path.
fn inspect(server: &Shared, request: InspectRequest) -> ApiResult<Inspection> {
    let InspectRequest { model: id, text, file, reference, index, views } = request;
    let run = server.models.run(&id)?;
    let task = run.info().task;
    let mut names = Names::of_run(&run, &id);
    let field = match (&text, &file) {
        (Some(_), Some(_)) => {
            return Err(ApiError::field("file", "text and file are both given; leave one of them out"));
        }
        (Some(_), None) => "text",
        (None, Some(_)) => "file",
        (None, None) => "model",
    };
    if reference.is_some() && file.is_none() {
        return Err(ApiError::field("reference", "reference is for a file; give the file too, as file"));
    }
    if index == Some(0) {
        return Err(ApiError::field("index", "index is 0; it takes a number from 1"));
    }
    let view = |name: String| name.parse::<View>().map_err(|reason| ApiError::field("views", reason));
    let views = views.map(|names| names.into_iter().map(view).collect::<ApiResult<_>>()).transpose()?;
    // Lives until all is read.
    let mut folder = Folder::new(&server.scratch)?;
    let source = match (text, file) {
        (Some(_), _) if task == Task::Caption => {
            return Err(ApiError::field("text", "text is given, and the model reads pictures; send a file"));
        }
        (Some(text), _) => Source::Text(text),
        (None, Some(file)) => {
            let file = file.file("file")?;
            file.check(task, "file")?;
            let reference = reference.map(|reference| reference.file("reference")).transpose()?;
            let reference = reference.map(|reference| folder.keep(&reference, &mut names)).transpose()?;
            Source::File(folder.keep(&file, &mut names)?, reference)
        }
        (None, None) if run.info().imported.is_some() => {
            let message =
                format!("the model '{id}' was imported and has no held-out data; give a text or a file");
            return Err(ApiError::field("text", message));
        }
        (None, None) => Source::HeldOut,
    };
    let request = Request { source, index: index.unwrap_or(1) - 1, views };
    // What is shown is exact: no product is rounded to bf16.
    let mut compute = Compute::new(Device::new(server.models.threads(), Precision::F32));
    let mut inspection = tasks::inspect(run.path(), &mut compute, &request).map_err(|error| match error {
        Error::View { view, reason } => ApiError::field("views", format!("{view}: {}", names.say(&reason))),
        error => names.refused(field, &error),
    })?;
    inspection.about.values_mut().for_each(|value| names.rename(value));
    inspection.about.insert("run".into(), id.into());
    inspection.notes.iter_mut().for_each(|note| *note = names.say(note));
    inspection.not_shown.values_mut().for_each(|reason| *reason = names.say(reason));
    Ok(inspection)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inspections_are_as_described() {
        let place = crate::api::tests::trained("names");
        let mut compute = Compute::new(Device::new(1, Precision::F32));
        let found = tasks::inspect(&place.path().join("run"), &mut compute, &Request::default()).unwrap();
        let count = found.arrays().count();
        let read: Inspected = serde_json::from_str(&serde_json::to_string(&found).unwrap()).unwrap();
        assert_eq!(read.arrays.len(), count);
    }
}
