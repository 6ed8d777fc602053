//! `POST /api/predict`: what a model says of new input.

use std::ops::ControlFlow;

use anaphora::decoding::beam::BeamOptions;
use anaphora::decoding::search::Search;
use anaphora::model::Compute;
use anaphora::recipe::Task;
use anaphora::tasks::{Input, Opened, Predict, PredictOptions};
use axum::Json;
use axum::extract::{FromRequest, Multipart, Request, State};
use axum::http::header;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::files::{Attached, File, Folder};
use super::names::{Names, Refuse};
use super::subject::Subject;
use crate::Shared;
use crate::body::{Body, Fields, take};
use crate::error::{ApiError, ApiResult, ErrorBody};
use crate::openai::drawing::within;
use crate::queue::Gone;
use crate::registry::Lent;

/// Inputs of one request, at most.
const MOST_INPUTS: usize = 256;
/// Predictions of one request, at most: a file may have many lines.
const MOST_PREDICTIONS: usize = 10_000;

/// What to predict from, as JSON.
#[derive(Clone, Debug, Default, Deserialize, Serialize, ToSchema)]
pub struct PredictRequest {
    /// The run.
    model: String,
    /// Texts and files, 256 at most; for a model that forecasts a series none at all, to go on with the one that it learnt from.
    #[serde(default)]
    inputs: Vec<Given>,
    /// How many sequences are kept side by side where some are written; 5 where left out.
    #[schema(minimum = 1, maximum = 64)]
    beams: Option<usize>,
    /// Power of its length that a sequence's log-probability is divided by; 1 where left out.
    length_penalty: Option<f64>,
    /// How many of the best sequences are told; 1 where left out.
    #[schema(minimum = 1, maximum = 64)]
    n_best: Option<usize>,
}

/// The same as a form, as `curl -F model=x -F file=@pic.png` sends it.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it is described, and read field by field")]
pub struct PredictForm {
    /// The run.
    model: String,
    /// A text; may be repeated.
    text: Option<Vec<String>>,
    /// A file, with its name; may be repeated.
    #[schema(content_media_type = "application/octet-stream")]
    file: Option<Vec<String>>,
    /// As in JSON.
    beams: Option<usize>,
    /// As in JSON.
    length_penalty: Option<f64>,
    /// As in JSON.
    n_best: Option<usize>,
}

/// An input.
#[derive(Clone, Debug, Deserialize, Serialize, ToSchema)]
#[serde(untagged, expecting = "a text or an object with name and data is needed")]
enum Given {
    /// A text.
    Text(String),
    /// A file.
    File(Attached),
}

/// What was predicted.
#[derive(Serialize, ToSchema)]
pub struct Predictions {
    model: String,
    /// What the model learnt.
    task: String,
    /// An object for each prediction, in the order of the inputs: those that `anaphora predict --json` prints, each with a `text` for
    /// people.
    #[schema(value_type = Vec<Object>)]
    predictions: Vec<Value>,
}

impl Fields for PredictRequest {
    fn take(object: &mut Map<String, Value>) -> ApiResult<Self> {
        take(object)
    }
}

/// An input that came.
enum Came {
    Text(String),
    File(File),
}

/// A request, however it was sent.
pub struct Asked {
    request: PredictRequest,
    inputs: Vec<Came>,
}

impl<S: Send + Sync> FromRequest<S> for Asked {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> ApiResult<Self> {
        let kind = request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        if kind.is_some_and(|kind| kind.starts_with("multipart/form-data")) {
            let form = Multipart::from_request(request, state).await;
            return form_of(form.map_err(|error| ApiError::request(error.body_text()))?).await;
        }
        let Body(mut request) = Body::<PredictRequest>::from_request(request, state).await?;
        let came = |(number, given)| {
            Ok(match given {
                Given::Text(text) => Came::Text(text),
                Given::File(attached) => Came::File(attached.file(&format!("inputs[{number}]"))?),
            })
        };
        let inputs = std::mem::take(&mut request.inputs).into_iter().enumerate().map(came);
        Ok(Self { inputs: inputs.collect::<ApiResult<_>>()?, request })
    }
}

/// Reads a form.
async fn form_of(mut form: Multipart) -> ApiResult<Asked> {
    let failed = |error: axum::extract::multipart::MultipartError| {
        let message = format!("the form cannot be read: {}", error.body_text());
        match error.status() {
            status if status == axum::http::StatusCode::PAYLOAD_TOO_LARGE => {
                ApiError::new(status, "body_too_large", "the body is larger than this server takes")
            }
            _ => ApiError::request(message),
        }
    };
    let (mut request, mut inputs) = (PredictRequest::default(), Vec::new());
    let mut is_named = false;
    while let Some(field) = form.next_field().await.map_err(failed)? {
        let name = field.name().unwrap_or_default().to_owned();
        if name == "file" {
            let Some(called) = field.file_name().map(str::to_owned) else {
                return Err(ApiError::field(
                    "file",
                    "file has no name; send it as a file, as in -F file=@NAME",
                ));
            };
            let content = field.bytes().await.map_err(failed)?.to_vec();
            inputs.push(Came::File(File { name: called, content }));
            continue;
        }
        let text = field.text().await.map_err(failed)?;
        match &*name {
            "model" => (request.model, is_named) = (text, true),
            "text" => inputs.push(Came::Text(text)),
            "beams" => request.beams = Some(number(&name, &text)?),
            "length_penalty" => request.length_penalty = Some(number(&name, &text)?),
            "n_best" => request.n_best = Some(number(&name, &text)?),
            other => return Err(ApiError::field(other, format!("the field '{other}' is not supported"))),
        }
    }
    if !is_named {
        let missing = "the model is missing; it takes the name of a run";
        return Err(ApiError::field("model", missing).see("GET /api/runs"));
    }
    Ok(Asked { request, inputs })
}

fn number<T: std::str::FromStr>(field: &str, text: &str) -> ApiResult<T> {
    let wrong = |_| ApiError::field(field, format!("{field} is '{text}'; it takes a number"));
    text.trim().parse().map_err(wrong)
}

impl PredictRequest {
    /// How sequences are searched for; `searches` says whether the model writes some.
    fn options(&self, searches: bool) -> ApiResult<PredictOptions> {
        let given = [
            ("beams", self.beams.is_some()),
            ("length_penalty", self.length_penalty.is_some()),
            ("n_best", self.n_best.is_some()),
        ];
        match given.iter().find(|(_, given)| *given) {
            None => return Ok(PredictOptions::default()),
            Some((field, _)) if !searches => {
                let message = format!("{field} is for models that write, as in translation; leave it out");
                return Err(ApiError::field(field, message));
            }
            Some(_) => {}
        }
        let usual = Search::default();
        let n_best = within("n_best", self.n_best, 1, 1..=64)?;
        let beams = within("beams", self.beams, usual.beams.beams, 1..=64)?.max(n_best);
        let length_penalty = self.length_penalty.unwrap_or(usual.beams.length_penalty);
        let beams = BeamOptions { beams, length_penalty };
        beams.validate().map_err(|error| ApiError::field("length_penalty", error.to_string()))?;
        Ok(PredictOptions { search: Some(Search { beams, ..usual }), n_best })
    }
}

/// Predict from texts and files
#[utoipa::path(post, path = "/api/predict", tag = "runs",
    request_body(content((PredictRequest = "application/json"), (PredictForm = "multipart/form-data"))),
    responses((status = 200, body = Predictions), (status = "4XX", body = ErrorBody), (status = "5XX", body = ErrorBody)))]
pub async fn create(State(server): State<Shared>, asked: Asked) -> ApiResult<Json<Predictions>> {
    let subject = Subject::of(&server, &asked.request.model).await?;
    subject.refuse_unless_asked_at("/api/predict")?;
    if asked.inputs.len() > MOST_INPUTS {
        let message = format!("{} inputs are given; {MOST_INPUTS} at most may be", asked.inputs.len());
        return Err(ApiError::field("inputs", message));
    }
    let (model, task) = (subject.id.clone(), subject.task);
    let predictions = subject.work(move |subject, model, compute, gone| match model {
        Lent::Opened(Opened::Predicts(model)) => {
            let folder = subject.folder()?;
            predict(&**model, compute, (subject.task, subject.names, folder), &asked, gone)
        }
        _ => Err(subject.replaced()),
    });
    let predictions = predictions.await?;
    Ok(Json(Predictions { model, task: task.to_string(), predictions }))
}

/// Predicts from each input in turn.
fn predict(
    model: &dyn Predict,
    compute: &mut Compute,
    (task, mut names, mut folder): (Task, Names, Folder),
    asked: &Asked,
    gone: &Gone,
) -> ApiResult<Vec<Value>> {
    let options = asked.request.options(model.searches())?;
    if asked.inputs.is_empty() && !model.continues_training_data() {
        return Err(ApiError::field("inputs", "inputs is missing; it takes a list of texts and files"));
    }
    let mut all = Vec::new();
    let mut each = |inputs: &[Input], names: &Names, field: &str| {
        let mut too_many = false;
        let predicted = model.predict(compute, inputs, &options, &mut |prediction| {
            let mut json = prediction.json;
            if let Value::Object(object) = &mut json {
                object.entry("text").or_insert_with(|| prediction.text.into());
            }
            names.rename(&mut json);
            too_many = all.len() == MOST_PREDICTIONS;
            if too_many {
                return ControlFlow::Break(());
            }
            all.push(json);
            gone.flow()
        });
        predicted.map_err(|error| names.refused(field, &error))?;
        if too_many {
            let message =
                format!("{field} asks for more than {MOST_PREDICTIONS} predictions; send fewer at once");
            return Err(ApiError::field(field, message));
        }
        Ok(gone.flow().is_continue())
    };
    if asked.inputs.is_empty() {
        each(&[], &names, "inputs")?;
    }
    // One after the other: an error is that of one input, and nobody waits long for the end of what nobody wants.
    for (number, came) in asked.inputs.iter().enumerate() {
        let field = format!("inputs[{number}]");
        let input = match came {
            Came::Text(_) if task == Task::Caption => {
                let message = "the input is a text, and the model reads pictures; send a file";
                return Err(ApiError::field(&field, message));
            }
            Came::Text(text) => Input::Text(text.clone()),
            Came::File(file) => {
                file.check(task, &field)?;
                Input::File(folder.keep(file, &mut names)?)
            }
        };
        if !each(&[input], &names, &field)? {
            break;
        }
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use anaphora::{Device, Precision};

    use super::*;

    #[test]
    fn who_is_gone_gets_no_more_than_one() {
        let place = crate::api::tests::trained("names");
        let opened = anaphora::tasks::open(&place.path().join("run"), Precision::F32).unwrap();
        let mut compute = Compute::new(Device::new(1, Precision::F32));
        let scratch = crate::scratch::Scratch::new().unwrap();
        let text = |text: &str| Came::Text(text.to_owned());
        let request = PredictRequest { model: "names".into(), ..PredictRequest::default() };
        let asked = Asked { request, inputs: vec![text("one"), text("two"), text("three")] };
        let mut count = |gone: &Gone| {
            let about = (Task::Classify, Names::default(), Folder::new(&scratch).unwrap());
            let Opened::Predicts(model) = &opened else { panic!("it predicts") };
            predict(&**model, &mut compute, about, &asked, gone).unwrap().len()
        };
        assert_eq!(count(&Gone::of_test(false)), 3);
        assert_eq!(count(&Gone::of_test(true)), 1);
    }
}
