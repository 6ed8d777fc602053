//! `POST /api/novelty`: which passages of texts stand in what a model has learnt.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::Asking;
use super::names::Names;
use crate::Shared;
use crate::body::{Body, Fields, take};
use crate::error::{ApiError, ApiResult, ErrorBody};
use crate::queue::aside;

/// Texts of one request, at most.
const MOST_TEXTS: usize = 64;
/// Characters that all of them together may have.
const MOST_CHARACTERS: usize = 1 << 18;

/// What to compare.
#[derive(Clone, Debug, Default, Deserialize, Serialize, ToSchema)]
pub struct NoveltyRequest {
    /// The run: one of tunes or texts.
    model: String,
    /// Texts to compare with its training data, 64 at most, of 262,144 characters together.
    texts: Vec<String>,
}

/// How much of some texts is copied.
#[derive(Serialize, ToSchema)]
pub struct Compared {
    /// Of each text, in their order; empty where the training data cannot be read.
    texts: Vec<Novelty>,
    /// What is to be said, a sentence each.
    notes: Vec<String>,
}

/// How much of a text is copied from the training data; of a tune, of what stands below its header.
#[derive(Serialize, ToSchema)]
pub struct Novelty {
    /// Characters of the longest passage that stands in the training data too.
    longest: usize,
    /// That passage.
    passage: String,
    /// Share of the passages of `window` characters that stand there; null where the text is shorter.
    share: Option<f64>,
    /// Characters of the passages that are counted.
    window: usize,
    /// What of the text lies in such passages: the first character of each stretch, counted from 0 in Unicode code points, and the one
    /// behind its last.
    copied: Vec<[usize; 2]>,
}

impl From<anaphora::decoding::Novelty> for Novelty {
    fn from(novelty: anaphora::decoding::Novelty) -> Self {
        let anaphora::decoding::Novelty { longest, passage, share, window, copied } = novelty;
        let copied = copied.into_iter().map(|part| [part.start, part.end]).collect();
        Self { longest, passage, share, window, copied }
    }
}

impl Novelty {
    /// The same of a text before which so many characters were not compared.
    pub fn behind(mut self, characters: usize) -> Self {
        self.copied.iter_mut().flatten().for_each(|place| *place += characters);
        self
    }
}

impl Fields for NoveltyRequest {
    fn take(object: &mut Map<String, Value>) -> ApiResult<Self> {
        take(object)
    }
}

/// Compare texts with what a model has learnt
#[utoipa::path(post, path = "/api/novelty", tag = "runs", request_body = NoveltyRequest, responses(
    (status = 200, body = Compared), (status = "4XX", body = ErrorBody), (status = "5XX", body = ErrorBody)))]
pub async fn create(
    State(server): State<Shared>,
    Body(request): Body<NoveltyRequest>,
) -> ApiResult<Json<Compared>> {
    let NoveltyRequest { model: id, texts } = request;
    if texts.len() > MOST_TEXTS {
        let found = texts.len();
        return Err(ApiError::field(
            "texts",
            format!("there are {found} texts; it takes {MOST_TEXTS} at most"),
        ));
    }
    let characters: usize = texts.iter().map(|text| text.chars().count()).sum();
    if characters > MOST_CHARACTERS {
        let message = format!(
            "the texts have {characters} characters; all together may have {MOST_CHARACTERS} at most"
        );
        return Err(ApiError::field("texts", message));
    }
    let engine = server.models.engine(&id).await?;
    let names = Names::of_run(&server.models.run(&id)?, &id);
    let (_asking, gone) = Asking::new();
    let compare = move || {
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let trained = engine.trained();
        let found =
            trained.corpus().and_then(|corpus| trained.novelty(&texts, &corpus.train, &mut || gone.flow()));
        Ok(match found {
            Ok(found) => {
                Compared { texts: found.into_iter().map(Novelty::from).collect(), notes: Vec::new() }
            }
            Err(error) => Compared { texts: Vec::new(), notes: vec![unknown(&names, &error)] },
        })
    };
    aside(compare).await.map(Json)
}

/// Why nothing is known.
pub fn unknown(names: &Names, error: &anaphora::Error) -> String {
    let why = names.say(&error.to_string());
    format!("The novelty is unknown, for the training data cannot be read: {why}.")
}
