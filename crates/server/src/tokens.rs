//! Text to tokens and back, as evaluation tools ask for it.

use anaphora_data::Tokenizer;
use axum::Json;
use axum::extract::{Query, State};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::{IntoParams, ToSchema};

use crate::Shared;
use crate::body::{Body, Fields, take};
use crate::error::{ApiError, ApiResult, ErrorBody};

/// A text to split.
#[derive(Clone, Debug, Default, Deserialize, Serialize, ToSchema)]
pub struct TokenizeRequest {
    /// The model's name; the only one where left out.
    model: Option<String>,
    /// The text; the name of the token at the end of every piece, alone, is that token.
    #[schema(required = true)]
    prompt: Option<String>,
    /// Whether the token that stands before every piece comes first; it does where left out.
    add_special_tokens: Option<bool>,
}

/// Tokens.
#[derive(Serialize, ToSchema)]
pub struct Tokens {
    tokens: Vec<u32>,
    count: usize,
}

/// Tokens to join.
#[derive(Clone, Debug, Default, Deserialize, Serialize, ToSchema)]
pub struct DetokenizeRequest {
    /// The model's name; the only one where left out.
    model: Option<String>,
    /// The tokens.
    #[schema(required = true)]
    tokens: Option<Vec<u32>>,
}

/// A text.
#[derive(Serialize, ToSchema)]
pub struct Detokenized {
    prompt: String,
}

/// Whose tokenizer.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Which {
    /// The model's name; the only one where left out.
    model: Option<String>,
}

/// What a tokenizer is.
#[derive(Serialize, ToSchema)]
pub struct TokenizerInfo {
    model: String,
    /// Tokens that it knows.
    vocab_size: usize,
    /// The token at the end of every piece, which also stands before it.
    eos_token: String,
    eos_token_id: u32,
    bos_token: String,
    bos_token_id: u32,
    /// None: the models are not made for talk.
    chat_template: Option<String>,
}

impl Fields for TokenizeRequest {
    fn take(object: &mut Map<String, Value>) -> ApiResult<Self> {
        take(object)
    }
}

impl Fields for DetokenizeRequest {
    fn take(object: &mut Map<String, Value>) -> ApiResult<Self> {
        take(object)
    }
}

/// The model that is named, or the only one that continues texts.
async fn which(server: &Shared, model: Option<String>) -> ApiResult<String> {
    if let Some(model) = model {
        return Ok(model);
    }
    let mut all = server.models.list().await?.into_iter().filter(|listed| listed.task.continues());
    match (all.next(), all.next()) {
        (Some(only), None) => Ok(only.id),
        _ => Err(ApiError::field(
            "model",
            "the model is missing, and there is not just one that continues texts; name one",
        )
        .see("GET /v1/models")),
    }
}

/// Split a text into tokens
#[utoipa::path(post, path = "/tokenize", tag = "tokens", request_body = TokenizeRequest, responses(
    (status = 200, body = Tokens), (status = "4XX", body = ErrorBody), (status = "5XX", body = ErrorBody)))]
pub async fn tokenize(
    State(server): State<Shared>,
    Body(request): Body<TokenizeRequest>,
) -> ApiResult<Json<Tokens>> {
    let engine = server.models.engine(&which(&server, request.model).await?).await?;
    let tokenizer = &engine.trained().tokenizer;
    let text =
        request.prompt.ok_or_else(|| ApiError::field("prompt", "prompt is missing; it takes a text"))?;
    // A tool asks for the number of the token that it knows from /tokenizer_info.
    if tokenizer.name(tokenizer.end_id()).is_some_and(|end| end == text) {
        return Ok(Json(Tokens { count: 1, tokens: vec![tokenizer.end_id()] }));
    }
    let end = request.add_special_tokens.unwrap_or(true).then(|| tokenizer.end_id());
    let split = move |tokenizer: &Tokenizer| {
        let mut tokens: Vec<u32> = end.into_iter().collect();
        let split = tokenizer.encode_into(&text, &mut tokens);
        split.map(|()| tokens).map_err(|error| ApiError::field("prompt", error.to_string()))
    };
    let tokens = engine.split(split).await?;
    Ok(Json(Tokens { count: tokens.len(), tokens }))
}

/// Join tokens to a text
#[utoipa::path(post, path = "/detokenize", tag = "tokens", request_body = DetokenizeRequest, responses(
    (status = 200, body = Detokenized), (status = "4XX", body = ErrorBody), (status = "5XX", body = ErrorBody)))]
pub async fn detokenize(
    State(server): State<Shared>,
    Body(request): Body<DetokenizeRequest>,
) -> ApiResult<Json<Detokenized>> {
    let engine = server.models.engine(&which(&server, request.model).await?).await?;
    let tokenizer = &engine.trained().tokenizer;
    let tokens = request
        .tokens
        .ok_or_else(|| ApiError::field("tokens", "tokens is missing; it takes a list of numbers"))?;
    if let Some(id) = tokens.iter().find(|&&id| id as usize >= tokenizer.vocab_size()) {
        let message = format!("token {id} is none of the model's {}", tokenizer.vocab_size());
        return Err(ApiError::field("tokens", message));
    }
    let prompt = engine.split(move |tokenizer| Ok(tokenizer.decode(&tokens))).await?;
    Ok(Json(Detokenized { prompt }))
}

/// What a model's tokenizer is
#[utoipa::path(get, path = "/tokenizer_info", tag = "tokens", params(Which), responses(
    (status = 200, body = TokenizerInfo), (status = "4XX", body = ErrorBody), (status = "5XX", body = ErrorBody)))]
pub async fn info(
    State(server): State<Shared>,
    Query(which_model): Query<Which>,
) -> ApiResult<Json<TokenizerInfo>> {
    let model = which(&server, which_model.model).await?;
    let engine = server.models.engine(&model).await?;
    let tokenizer = &engine.trained().tokenizer;
    let id = tokenizer.end_id();
    let end = tokenizer.name(id).unwrap_or_default();
    Ok(Json(TokenizerInfo {
        model,
        vocab_size: tokenizer.vocab_size(),
        eos_token: end.clone(),
        eos_token_id: id,
        bos_token: end,
        bos_token_id: id,
        chat_template: None,
    }))
}
