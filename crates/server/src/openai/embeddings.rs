//! `POST /v1/embeddings`: texts as vectors, the mean over their steps of the states that the head reads.

use anaphora::model::{Compute, LanguageModel};
use anaphora_data::{Packed, Sequence};
use axum::Json;
use axum::extract::State;
use base64::Engine as _;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::answer::Usage;
use super::prompt::{Prompt, Read};
use crate::Shared;
use crate::body::{Body, Fields, take};
use crate::error::{ApiError, ApiResult, ErrorBody};
use crate::queue::Gone;

/// Texts that one request may name, at most.
const MOST_TEXTS: usize = 2048;
/// Tokens that are read at once.
const AT_ONCE: usize = 1 << 14;

/// What to embed.
#[derive(Clone, Debug, Default, Deserialize, Serialize, ToSchema)]
pub struct EmbeddingRequest {
    /// The model's name, from `GET /v1/models`.
    model: String,
    /// A text or several, as texts or as tokens.
    #[schema(required = true)]
    input: Option<Prompt>,
    /// Numbers as they are, or as base64 of 32-bit floats, the lowest byte first.
    encoding_format: Option<Format>,
    /// Who asks. Nothing hangs on it.
    user: Option<String>,
}

/// How vectors are written.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Format {
    Float,
    Base64,
}

impl Fields for EmbeddingRequest {
    fn take(object: &mut Map<String, Value>) -> ApiResult<Self> {
        take(object)
    }
}

/// Vectors.
#[derive(Serialize, ToSchema)]
pub struct Embeddings {
    /// Always `list`.
    object: &'static str,
    data: Vec<Embedding>,
    model: String,
    usage: EmbeddingUsage,
}

/// How many tokens were read.
#[derive(Serialize, ToSchema)]
struct EmbeddingUsage {
    prompt_tokens: usize,
    total_tokens: usize,
}

/// The vector of a text.
#[derive(Serialize, ToSchema)]
struct Embedding {
    /// Always `embedding`.
    object: &'static str,
    index: usize,
    embedding: Vector,
}

/// Numbers, or their bytes in base64.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
enum Vector {
    Numbers(Vec<f32>),
    Bytes(String),
}

/// Embed texts
#[utoipa::path(post, path = "/v1/embeddings", tag = "openai", request_body = EmbeddingRequest, responses(
    (status = 200, body = Embeddings), (status = "4XX", body = ErrorBody), (status = "5XX", body = ErrorBody)))]
pub async fn create(
    State(server): State<Shared>,
    Body(request): Body<EmbeddingRequest>,
) -> ApiResult<Json<Embeddings>> {
    let engine = server.models.engine(&request.model).await?;
    let input = request
        .input
        .ok_or_else(|| ApiError::field("input", "input is missing; it takes a text or several"))?;
    let texts = engine.split(move |tokenizer| input.read("input", tokenizer)).await?;
    if texts.len() > MOST_TEXTS {
        return Err(ApiError::field(
            "input",
            format!("input has {} texts; it takes {MOST_TEXTS} at most", texts.len()),
        ));
    }
    if texts.iter().any(|text| text.shown == 0) {
        return Err(ApiError::field("input", "a text of input is empty; each must have a symbol or more"));
    }
    if let Some(long) = texts.iter().find(|text| text.shown > AT_ONCE) {
        let message =
            format!("a text of input has {} tokens; it takes texts of {AT_ONCE} at most", long.shown);
        return Err(ApiError::field("input", message));
    }
    let usage = Usage::new(&texts, 0);
    let vectors =
        engine.work(move |trained, compute, gone| embed(&trained.model, compute, &texts, gone)).await?;
    let vector = |numbers: Vec<f32>| match request.encoding_format {
        Some(Format::Base64) => {
            let bytes: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
            Vector::Bytes(base64::engine::general_purpose::STANDARD.encode(bytes))
        }
        _ => Vector::Numbers(numbers),
    };
    let data = vectors.into_iter().enumerate();
    let data = data
        .map(|(index, numbers)| Embedding { object: "embedding", index, embedding: vector(numbers) })
        .collect();
    let usage = EmbeddingUsage { prompt_tokens: usage.prompt_tokens, total_tokens: usage.prompt_tokens };
    Ok(Json(Embeddings { object: "list", data, model: request.model, usage }))
}

/// The vector of each text, of length 1.
fn embed(
    model: &LanguageModel,
    compute: &mut Compute,
    texts: &[Read],
    gone: &Gone,
) -> ApiResult<Vec<Vec<f32>>> {
    let mut order: Vec<usize> = (0..texts.len()).collect();
    order.sort_by_key(|&text| std::cmp::Reverse(texts[text].ids.len()));
    let mut vectors = vec![Vec::new(); texts.len()];
    let mut left = &order[..];
    while let Some(&longest) = left.first() {
        gone.check()?;
        let (now, later) = left.split_at((AT_ONCE / texts[longest].ids.len()).clamp(1, left.len()));
        left = later;
        let sequences: Vec<Sequence> =
            now.iter().map(|&text| Sequence::Tokens(texts[text].ids.clone())).collect();
        let embedded = model.embed(compute, &Packed::new(&sequences));
        let (means, width) = embedded.map_err(|error| ApiError::server(error.to_string()))?;
        for (&text, mean) in now.iter().zip(means.chunks_exact(width)) {
            let norm = mean.iter().map(|x| x * x).sum::<f32>().sqrt().max(f32::MIN_POSITIVE);
            vectors[text] = mean.iter().map(|x| x / norm).collect();
        }
    }
    Ok(vectors)
}
