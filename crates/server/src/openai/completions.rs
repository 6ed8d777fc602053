//! `POST /v1/completions`: texts that continue a prompt.

use std::collections::BTreeMap;

use anaphora::decoding::sampling::Choice;
use anaphora_data::Tokenizer;
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::answer::{Texts, Usage, Written, search, stamp};
use super::drawing::{Drawing, within};
use super::prompt::{Prompt, Read};
use super::stream;
use crate::Shared;
use crate::body::{Body, Fields, take};
use crate::engine::Engine;
use crate::error::{ApiError, ApiResult, ErrorBody};

/// What to continue, and how.
#[derive(Clone, Debug, Deserialize, Serialize, ToSchema)]
pub struct CompletionRequest {
    #[serde(flatten)]
    drawing: Drawing,
    #[serde(flatten)]
    own: CompletionFields,
}

/// What completions have of their own.
#[derive(Clone, Debug, Default, Deserialize, Serialize, ToSchema)]
struct CompletionFields {
    /// What to continue; the beginning of a piece where left out.
    prompt: Option<Prompt>,
    /// Most tokens of a text; 16 where left out.
    #[schema(maximum = 1048576)]
    max_tokens: Option<usize>,
    /// Texts that are written of each prompt, of which the `n` likeliest are kept.
    #[schema(minimum = 1, maximum = 128)]
    best_of: Option<usize>,
    /// Whether the prompt stands before the text.
    echo: Option<bool>,
    /// Whether the tokens' log-probabilities are told, and of so many of the likeliest in their place.
    #[schema(maximum = 5)]
    logprobs: Option<usize>,
}

impl Fields for CompletionRequest {
    fn take(object: &mut Map<String, Value>) -> ApiResult<Self> {
        Ok(Self { drawing: take(object)?, own: take(object)? })
    }
}

/// Texts.
#[derive(Serialize, ToSchema)]
pub struct Completion {
    id: String,
    /// Always `text_completion`.
    object: &'static str,
    /// Seconds of Unix time.
    created: u64,
    model: String,
    choices: Vec<CompletionChoice>,
    usage: Option<Usage>,
}

/// A text.
#[derive(Serialize, ToSchema)]
struct CompletionChoice {
    index: usize,
    text: String,
    /// `stop` where the piece came to its end or a stop text came, `length` where it may have no more tokens.
    finish_reason: Option<&'static str>,
    logprobs: Option<LogProbabilities>,
}

/// The tokens of a text, those of the prompt in front where it is echoed.
#[derive(Default, Serialize, ToSchema)]
struct LogProbabilities {
    /// Their texts; `bytes:` and the bytes of one that is no text by itself.
    tokens: Vec<String>,
    /// In nats; none of the first token of a prompt.
    token_logprobs: Vec<Option<f64>>,
    /// The likeliest tokens in the place of each.
    top_logprobs: Vec<Option<BTreeMap<String, f64>>>,
    /// Characters of the text before each.
    text_offset: Vec<usize>,
}

/// Continue texts
#[utoipa::path(post, path = "/v1/completions", tag = "openai", request_body = CompletionRequest, responses(
    (status = 200, content((Completion = "application/json"), (String = "text/event-stream"))),
    (status = "4XX", body = ErrorBody), (status = "5XX", body = ErrorBody)))]
pub async fn create(
    State(server): State<Shared>,
    Body(request): Body<CompletionRequest>,
) -> ApiResult<Response> {
    let CompletionRequest { drawing, own } = &request;
    let engine = server.models.engine(&drawing.model).await?;
    let tokenizer = &engine.trained().tokenizer;
    let prompt = own.prompt.clone().unwrap_or(Prompt::Text(String::new()));
    let prompts = engine.split(move |tokenizer| prompt.read("prompt", tokenizer)).await?;
    let n = drawing.texts()?;
    let texts = within("best_of", own.best_of, n, n..=128)?;
    let tells_usage = drawing.tells_usage()?;
    if texts > n && drawing.streams() {
        return Err(ApiError::field(
            "best_of",
            "the best of several is known when all are written; leave stream out",
        ));
    }
    let log_probabilities =
        own.logprobs.map(|count| within("logprobs", Some(count), 0, 0..=5)).transpose()?;
    let mut ask = drawing.ask(own.max_tokens.unwrap_or(16), tokenizer)?;
    ask.log_probabilities = log_probabilities.or((texts > n).then_some(0));
    ask.of_prompt = own.echo.unwrap_or(false) && log_probabilities.is_some();
    let (id, created) = stamp("cmpl");
    let told = Told {
        engine: engine.clone(),
        prompts,
        echo: own.echo.unwrap_or(false),
        log_probabilities: log_probabilities.is_some(),
    };
    let (model, beams, streams) = (drawing.model.clone(), drawing.beams()?, drawing.streams());
    let envelope = move |choices, usage| Completion {
        id: id.clone(),
        object: "text_completion",
        created,
        model: model.clone(),
        choices,
        usage,
    };
    if let Some(beams) = beams {
        let asks = [("best_of", texts > n), ("logprobs", ask.of_prompt)];
        if let Some((field, _)) = asks.iter().find(|(_, asks)| *asks) {
            return Err(ApiError::field(
                field,
                format!("{field} cannot be had so where beams searches for the likeliest text"),
            ));
        }
        let all = search(&engine, &told.prompts, n, beams, &ask).await?;
        return Ok(Json(told.whole(all, n, envelope)).into_response());
    }
    let all = Texts::ask(&engine, &told.prompts, texts, &ask)?;
    if !streams {
        let all = all.whole().await?.chunks(texts).map(<[Written]>::to_vec).collect();
        return Ok(Json(told.whole(all, n, envelope)).into_response());
    }
    let read = Usage::new(&told.prompts, 0);
    let mut places = vec![None; all.count];
    let own = envelope.clone();
    let chunk = move |index: usize, written: Written| {
        own(vec![told.choice(index, index / texts, &mut places[index], &written)], None)
    };
    let last = move |tokens| {
        let (completion_tokens, total_tokens) = (tokens, read.prompt_tokens + tokens);
        tells_usage.then(|| envelope(Vec::new(), Some(Usage { completion_tokens, total_tokens, ..read })))
    };
    Ok(stream::send(all, chunk, last))
}

/// What is told of a text beside itself.
struct Told {
    engine: Engine,
    prompts: Vec<Read>,
    echo: bool,
    log_probabilities: bool,
}

impl Told {
    /// The `n` likeliest of the texts of each prompt.
    fn whole(
        &self,
        all: Vec<Vec<Written>>,
        n: usize,
        envelope: impl Fn(Vec<CompletionChoice>, Option<Usage>) -> Completion,
    ) -> Completion {
        let usage = Usage::new(&self.prompts, all.iter().flatten().map(|written| written.drawn.len()).sum());
        let mut choices = Vec::new();
        for (prompt, mut written) in all.into_iter().enumerate() {
            if n < written.len() {
                written.sort_by(|a, b| b.mean().total_cmp(&a.mean()));
            }
            for written in written.iter().take(n) {
                choices.push(self.choice(choices.len(), prompt, &mut None, written));
            }
        }
        envelope(choices, Some(usage))
    }

    /// A text or a part of it, behind its prompt where that is echoed and it is the first. `place` is where the text goes on, in
    /// characters; none where it begins.
    fn choice(
        &self,
        index: usize,
        prompt: usize,
        place: &mut Option<usize>,
        written: &Written,
    ) -> CompletionChoice {
        let (is_first, place) = (place.is_none(), place.get_or_insert(0));
        let (prompt, tokenizer) = (&self.prompts[prompt], &self.engine.trained().tokenizer);
        let echoed = if self.echo && is_first { tokenizer.decode(prompt.own()) } else { String::new() };
        let mut logprobs = self.log_probabilities.then(LogProbabilities::default);
        if let Some(logprobs) = &mut logprobs {
            if self.echo && is_first {
                let own = prompt.own();
                // The first of the request's own tokens has nothing before it that the request would know.
                let skipped = (written.prompt.len() + 1).saturating_sub(own.len());
                let mut known = written.prompt.iter().skip(skipped);
                for (number, &id) in own.iter().enumerate() {
                    logprobs.push(tokenizer, id, if number == 0 { None } else { known.next() }, place);
                }
            }
            for drawn in &written.drawn {
                logprobs.push(tokenizer, drawn.id, drawn.choice.as_ref(), place);
            }
        }
        let finish_reason = written.finish.map(crate::engine::Finish::name);
        CompletionChoice { index, text: format!("{echoed}{}", written.text), finish_reason, logprobs }
    }
}

impl LogProbabilities {
    fn push(&mut self, tokenizer: &Tokenizer, id: u32, choice: Option<&Choice>, place: &mut usize) {
        let top = |choice: &Choice| choice.best.iter().map(|&(id, p)| (spelt(tokenizer, id), p)).collect();
        self.tokens.push(spelt(tokenizer, id));
        self.token_logprobs.push(choice.map(|choice| choice.log_probability));
        self.top_logprobs.push(choice.map(top));
        self.text_offset.push(*place);
        // A character is counted where its first byte is.
        *place += tokenizer.bytes(id).iter().filter(|byte| !(0x80..0xC0).contains(*byte)).count();
    }
}

/// A token's text; `bytes:` and its bytes where it is no text by itself, and the name of one that stands for none.
pub fn spelt(tokenizer: &Tokenizer, id: u32) -> String {
    let bytes = tokenizer.bytes(id);
    match std::str::from_utf8(&bytes) {
        Ok("") => tokenizer.name(id).unwrap_or_default(),
        Ok(text) => text.to_owned(),
        Err(_) => {
            let digits: String = bytes.iter().map(|byte| format!("\\x{byte:02x}")).collect();
            format!("bytes:{digits}")
        }
    }
}
