//! `POST /v1/chat/completions`: for clients that know nothing else. The models are not made for talk: the contents of the messages
//! are joined, a line break between two, and continued.

use anaphora::decoding::sampling::Choice;
use anaphora_data::Tokenizer;
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::answer::{Texts, Usage, Written, search, stamp};
use super::completions::spelt;
use super::drawing::{Drawing, within};
use super::prompt::Read;
use super::stream;
use crate::Shared;
use crate::body::{Body, Fields, take};
use crate::error::{ApiError, ApiResult, ErrorBody};

/// Tokens that an answer has at most, where none are named.
const MOST_TOKENS: usize = 1024;

/// Messages to go on from, and how.
#[derive(Clone, Debug, Deserialize, Serialize, ToSchema)]
pub struct ChatRequest {
    #[serde(flatten)]
    drawing: Drawing,
    #[serde(flatten)]
    own: ChatFields,
}

/// What chats have of their own.
#[derive(Clone, Debug, Default, Deserialize, Serialize, ToSchema)]
struct ChatFields {
    /// What was said; the contents are joined.
    messages: Vec<ChatMessage>,
    /// Most tokens of an answer; 1,024 where left out.
    #[schema(maximum = 1048576)]
    max_completion_tokens: Option<usize>,
    /// An older name of `max_completion_tokens`.
    #[schema(maximum = 1048576)]
    max_tokens: Option<usize>,
    /// Whether the tokens' log-probabilities are told.
    logprobs: Option<bool>,
    /// Of so many of the likeliest tokens in the place of each, too.
    #[schema(maximum = 20)]
    top_logprobs: Option<usize>,
}

/// A message.
#[derive(Clone, Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ChatMessage {
    /// `user`, `assistant`, `system`: nothing hangs on it.
    role: String,
    content: ChatContent,
    /// The name of who speaks: nothing hangs on it.
    #[serde(default)]
    name: Option<String>,
}

/// What a message says.
#[derive(Clone, Debug, Deserialize, Serialize, ToSchema)]
#[serde(untagged, expecting = "a text or a list of parts of type text is needed")]
enum ChatContent {
    Text(String),
    Parts(Vec<ChatPart>),
}

/// A part of a message.
#[derive(Clone, Debug, Deserialize, Serialize, ToSchema)]
#[serde(tag = "type", rename_all = "lowercase", deny_unknown_fields)]
enum ChatPart {
    Text { text: String },
}

impl Fields for ChatRequest {
    fn take(object: &mut Map<String, Value>) -> ApiResult<Self> {
        Ok(Self { drawing: take(object)?, own: take(object)? })
    }
}

/// Answers.
#[derive(Serialize, ToSchema)]
pub struct Chat {
    id: String,
    /// `chat.completion`, or `chat.completion.chunk` in a stream.
    object: &'static str,
    /// Seconds of Unix time.
    created: u64,
    model: String,
    choices: Vec<ChatChoice>,
    usage: Option<Usage>,
}

/// An answer, whole as `message`, or a part of it as `delta`.
#[derive(Serialize, ToSchema)]
struct ChatChoice {
    index: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<Said>,
    #[serde(skip_serializing_if = "Option::is_none")]
    delta: Option<Said>,
    logprobs: Option<ChatLogProbabilities>,
    /// `stop` where the piece came to its end or a stop text came, `length` where it may have no more tokens.
    finish_reason: Option<&'static str>,
}

/// What is said.
#[derive(Default, Serialize, ToSchema)]
struct Said {
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content: Option<String>,
}

/// The tokens of an answer.
#[derive(Serialize, ToSchema)]
struct ChatLogProbabilities {
    content: Vec<ChatToken>,
}

/// A token and how likely it was.
#[derive(Serialize, ToSchema)]
struct ChatToken {
    #[serde(flatten)]
    token: Likely,
    /// The likeliest in its place.
    top_logprobs: Vec<Likely>,
}

/// A token and how likely it is.
#[derive(Serialize, ToSchema)]
struct Likely {
    token: String,
    /// In nats.
    logprob: f64,
    bytes: Vec<u8>,
}

impl Likely {
    fn new(tokenizer: &Tokenizer, id: u32, logprob: f64) -> Self {
        Self { token: spelt(tokenizer, id), logprob, bytes: tokenizer.bytes(id) }
    }
}

fn log_probabilities(tokenizer: &Tokenizer, written: &Written) -> ChatLogProbabilities {
    let choices = written.drawn.iter().filter_map(|drawn| drawn.choice.as_ref());
    let likely = |&(id, p): &(u32, f64)| Likely::new(tokenizer, id, p);
    let content = choices.map(|choice: &Choice| ChatToken {
        token: likely(&(choice.token, choice.log_probability)),
        top_logprobs: choice.best.iter().map(likely).collect(),
    });
    ChatLogProbabilities { content: content.collect() }
}

/// Go on from messages
#[utoipa::path(post, path = "/v1/chat/completions", tag = "openai", request_body = ChatRequest, responses(
    (status = 200, content((Chat = "application/json"), (String = "text/event-stream"))),
    (status = "4XX", body = ErrorBody), (status = "5XX", body = ErrorBody)))]
pub async fn create(State(server): State<Shared>, Body(request): Body<ChatRequest>) -> ApiResult<Response> {
    let ChatRequest { drawing, own } = &request;
    let engine = server.models.engine(&drawing.model).await?;
    let tokenizer = &engine.trained().tokenizer;
    let text = joined(&own.messages)?;
    let prompts = vec![engine.split(move |tokenizer| Read::text(&text, "messages", tokenizer)).await?];
    let n = drawing.texts()?;
    let tells_usage = drawing.tells_usage()?;
    let wants = own.logprobs.unwrap_or(false);
    let top = within("top_logprobs", own.top_logprobs, 0, 0..=20)?;
    if own.top_logprobs.is_some() && !wants {
        return Err(ApiError::field(
            "top_logprobs",
            "top_logprobs is for log-probabilities; set logprobs to true",
        ));
    }
    let mut ask =
        drawing.ask(own.max_completion_tokens.or(own.max_tokens).unwrap_or(MOST_TOKENS), tokenizer)?;
    ask.log_probabilities = wants.then_some(top);
    let (id, created) = stamp("chatcmpl");
    let model = drawing.model.clone();
    let envelope = move |object, choices, usage| Chat {
        id: id.clone(),
        object,
        created,
        model: model.clone(),
        choices,
        usage,
    };
    let told = engine.clone();
    let choice = move |index, written: &Written, message, delta| ChatChoice {
        index,
        message,
        delta,
        logprobs: wants.then(|| log_probabilities(&told.trained().tokenizer, written)),
        finish_reason: written.finish.map(crate::engine::Finish::name),
    };
    let said = |written: &Written, role| Said { role, content: Some(written.text.clone()) };
    let whole = |all: Vec<Written>| {
        let usage = Usage::new(&prompts, all.iter().map(|written| written.drawn.len()).sum());
        let texts = all.iter().enumerate();
        let choices = texts.map(|(i, text)| choice(i, text, Some(said(text, Some("assistant"))), None));
        Json(envelope("chat.completion", choices.collect(), Some(usage))).into_response()
    };
    if let Some(beams) = drawing.beams()? {
        return Ok(whole(search(&engine, &prompts, n, beams, &ask).await?.concat()));
    }
    let texts = Texts::ask(&engine, &prompts, n, &ask)?;
    if !drawing.streams() {
        return Ok(whole(texts.whole().await?));
    }
    let read = Usage::new(&prompts, 0);
    let mut begun = vec![false; texts.count];
    let own = envelope.clone();
    let chunk = move |index: usize, written: Written| {
        let role = (!std::mem::replace(&mut begun[index], true)).then_some("assistant");
        let is_end = written.finish.is_some() && written.text.is_empty();
        let delta = if is_end { Said { role, content: None } } else { said(&written, role) };
        own("chat.completion.chunk", vec![choice(index, &written, None, Some(delta))], None)
    };
    let last = move |tokens| {
        let (completion_tokens, total_tokens) = (tokens, read.prompt_tokens + tokens);
        let usage = Usage { completion_tokens, total_tokens, ..read };
        tells_usage.then(|| envelope("chat.completion.chunk", Vec::new(), Some(usage)))
    };
    Ok(stream::send(texts, chunk, last))
}

/// The contents of all messages, a line break between two.
fn joined(messages: &[ChatMessage]) -> ApiResult<String> {
    if messages.is_empty() {
        return Err(ApiError::field("messages", "messages is empty; it takes one message or more"));
    }
    let content = |message: &ChatMessage| match &message.content {
        ChatContent::Text(text) => text.clone(),
        ChatContent::Parts(parts) => parts.iter().map(|ChatPart::Text { text }| text.as_str()).collect(),
    };
    Ok(messages.iter().map(content).collect::<Vec<_>>().join("\n"))
}
