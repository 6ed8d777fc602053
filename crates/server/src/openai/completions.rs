//! `POST /v1/completions`: texts that continue a prompt.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::time::{SystemTime, UNIX_EPOCH};

use anaphora::decoding::sampling::{Choice, SamplingOptions};
use anaphora_data::Tokenizer;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use crate::engine::{Ask, Drawn, Engine, Finish, Part};
use crate::error::{ApiError, ApiResult};
use crate::registry::Shared;

/// Texts that one request may ask for, at most.
const MOST_TEXTS: usize = 128;
/// Tokens that all of them together may have.
const MOST_TOKENS: usize = 1 << 20;

/// A request.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    model: String,
    #[serde(default)]
    prompt: Option<Prompt>,
    #[serde(default)]
    max_tokens: Option<usize>,
    #[serde(default)]
    n: Option<usize>,
    #[serde(default)]
    best_of: Option<usize>,
    #[serde(default)]
    echo: Option<bool>,
    #[serde(default)]
    logprobs: Option<usize>,
    #[serde(default)]
    seed: Option<i64>,
    #[serde(default)]
    stop: Option<Stop>,
    #[serde(default)]
    stream: Option<bool>,
    #[serde(default)]
    stream_options: Option<StreamOptions>,
    #[serde(default)]
    frequency_penalty: Option<f32>,
    #[serde(default)]
    presence_penalty: Option<f32>,
    #[serde(default)]
    logit_bias: Option<BTreeMap<String, f32>>,
    #[serde(default)]
    temperature: Option<f32>,
    #[serde(default)]
    top_p: Option<f32>,
    #[serde(default)]
    top_k: Option<usize>,
    #[serde(default)]
    min_p: Option<f32>,
    #[serde(default)]
    repetition_penalty: Option<f32>,
    /// Who asks: of no meaning here, as clients send it.
    #[serde(default)]
    #[allow(dead_code, reason = "it is accepted, and nothing hangs on it")]
    user: Option<String>,
}

/// A prompt or several, as texts or as tokens.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
enum Prompt {
    Text(String),
    Texts(Vec<String>),
    Tokens(Vec<u32>),
    Lists(Vec<Vec<u32>>),
}

#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
enum Stop {
    One(String),
    Several(Vec<String>),
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct StreamOptions {
    #[serde(default)]
    include_usage: bool,
}

/// A prompt as the model reads it: an end of a piece in front, of which `shown` tokens are the request's own.
struct Read {
    ids: Vec<u32>,
    shown: usize,
}

/// Answers.
pub async fn create(State(models): State<Shared>, body: Bytes) -> Response {
    match begin(&models, &body) {
        Ok(job) if job.request.stream.unwrap_or(false) => job.stream(),
        Ok(job) => match job.whole().await {
            Ok(answer) => axum::Json(answer).into_response(),
            Err(error) => error.into_response(),
        },
        Err(error) => error.into_response(),
    }
}

/// A request on its way.
struct Job {
    request: Request,
    engine: Engine,
    prompts: Vec<Read>,
    /// Of each prompt so many texts, one behind the other.
    answers: Vec<UnboundedReceiver<Part>>,
    id: String,
    created: u64,
}

fn begin(models: &Shared, body: &[u8]) -> ApiResult<Job> {
    let request: Request = serde_json::from_slice(body).map_err(|error| refused(&error))?;
    let engine = models.engine(&request.model)?;
    let tokenizer = &engine.trained().tokenizer;
    let prompts = prompts(request.prompt.clone(), tokenizer)?;
    let ask = request.ask(tokenizer)?;
    let texts = request.texts()?;
    if prompts.len() * texts > MOST_TEXTS {
        let count = prompts.len() * texts;
        return Err(ApiError::field(
            "n",
            format!("{count} texts are asked for at once, {MOST_TEXTS} at most may be"),
        ));
    }
    if prompts.len() * texts * ask.max_tokens > MOST_TOKENS {
        let reason = format!("all texts together may have {MOST_TOKENS} tokens at most");
        return Err(ApiError::field("max_tokens", reason));
    }
    let mut answers = Vec::with_capacity(prompts.len() * texts);
    for prompt in &prompts {
        for text in 0..texts {
            let (answer, parts) = unbounded_channel();
            // Texts of one prompt are told apart by their stream; the first is what a request for one alone gives.
            let ask = Ask {
                prompt: prompt.ids.clone(),
                stream: text as u64,
                of_prompt: ask.of_prompt,
                ..ask.clone()
            };
            engine.ask(ask, answer).map_err(|busy| ApiError::busy(busy.to_string()))?;
            answers.push(parts);
        }
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let id = format!("cmpl-{:x}", now.as_nanos());
    Ok(Job { request, engine, prompts, answers, id, created: now.as_secs() })
}

/// What is wrong with a body, and in which field.
fn refused(error: &serde_json::Error) -> ApiError {
    let message = error.to_string();
    let field = message.strip_prefix("unknown field `").and_then(|rest| rest.split('`').next());
    match field {
        Some(field) => ApiError::field(field, format!("the field '{field}' is not supported")),
        None => ApiError::request(format!("the body is no request: {message}")),
    }
}

fn prompts(prompt: Option<Prompt>, tokenizer: &Tokenizer) -> ApiResult<Vec<Read>> {
    let end = tokenizer.end_id();
    let text = |text: &String| {
        let mut ids = vec![end];
        tokenizer
            .encode_into(text, &mut ids)
            .map_err(|error| ApiError::field("prompt", error.to_string()))?;
        Ok(Read { shown: ids.len() - 1, ids })
    };
    let tokens = |tokens: &Vec<u32>| {
        let size = tokenizer.vocab_size();
        if let Some(id) = tokens.iter().find(|&&id| id as usize >= size) {
            return Err(ApiError::field("prompt", format!("token {id} is none of the model's {size}")));
        }
        let ids = if tokens.first() == Some(&end) { tokens.clone() } else { [&[end], &tokens[..]].concat() };
        Ok(Read { shown: tokens.len(), ids })
    };
    match prompt {
        None => Ok(vec![Read { ids: vec![end], shown: 0 }]),
        Some(Prompt::Text(one)) => Ok(vec![text(&one)?]),
        Some(Prompt::Texts(all)) if all.is_empty() => {
            Err(ApiError::field("prompt", "there is no prompt in the list"))
        }
        Some(Prompt::Texts(all)) => all.iter().map(text).collect(),
        Some(Prompt::Tokens(one)) => Ok(vec![tokens(&one)?]),
        Some(Prompt::Lists(all)) => all.iter().map(tokens).collect(),
    }
}

impl Request {
    /// How many texts are written of each prompt.
    fn texts(&self) -> ApiResult<usize> {
        let n = self.n.unwrap_or(1);
        let best_of = self.best_of.unwrap_or(n);
        if n == 0 || best_of < n {
            return Err(ApiError::field(
                "best_of",
                format!("best_of is {best_of} and n is {n}; n takes 1 or more, best_of n or more"),
            ));
        }
        if best_of > n && self.stream.unwrap_or(false) {
            return Err(ApiError::field(
                "best_of",
                "the best of several is known when all are written; leave stream out",
            ));
        }
        Ok(best_of)
    }

    fn ask(&self, tokenizer: &Tokenizer) -> ApiResult<Ask> {
        let within =
            |name: &str, value: Option<f32>, usual: f32, range: std::ops::RangeInclusive<f32>| match value {
                Some(value) if !range.contains(&value) => {
                    let (low, high) = range.into_inner();
                    Err(ApiError::field(
                        name,
                        format!("{name} is {value}; it takes a number from {low} to {high}"),
                    ))
                }
                value => Ok(value.unwrap_or(usual)),
            };
        let sampling = SamplingOptions {
            temperature: within("temperature", self.temperature, 1.0, 0.0..=2.0)?,
            top_p: within("top_p", self.top_p, 1.0, f32::MIN_POSITIVE..=1.0)?,
            top_k: self.top_k.unwrap_or(0),
            min_p: within("min_p", self.min_p, 0.0, 0.0..=1.0)?,
            repetition_penalty: within("repetition_penalty", self.repetition_penalty, 1.0, 0.01..=100.0)?,
            no_repeat_ngram: 0,
        };
        if let Some(found) = self.logprobs.filter(|&count| count > 5) {
            return Err(ApiError::field("logprobs", format!("logprobs is {found}; it takes 0 to 5")));
        }
        let stop = match self.stop.clone() {
            None => Vec::new(),
            Some(Stop::One(stop)) => vec![stop],
            Some(Stop::Several(stops)) => stops,
        };
        if stop.len() > 4 {
            return Err(ApiError::field(
                "stop",
                format!("stop has {} texts; it takes 4 at most", stop.len()),
            ));
        }
        let size = tokenizer.vocab_size();
        let bias = |(id, bias): (&String, &f32)| {
            let known = id.parse::<u32>().ok().filter(|&id| (id as usize) < size);
            let id = known.ok_or_else(|| {
                ApiError::field("logit_bias", format!("'{id}' is no token of the model, which has {size}"))
            })?;
            Ok((id, within("logit_bias", Some(*bias), 0.0, -100.0..=100.0)?))
        };
        let bias = self.logit_bias.iter().flatten().map(bias).collect::<ApiResult<_>>()?;
        let echo = self.echo.unwrap_or(false);
        let best = self.best_of.is_some_and(|best_of| best_of > self.n.unwrap_or(1));
        Ok(Ask {
            prompt: Vec::new(),
            sampling,
            seed: self.seed.map_or_else(random_seed, |seed| seed as u64),
            stream: 0,
            max_tokens: self.max_tokens.unwrap_or(16),
            stop,
            log_probabilities: self.logprobs.or(best.then_some(0)),
            of_prompt: echo && self.logprobs.is_some(),
            bias,
            presence_penalty: within("presence_penalty", self.presence_penalty, 0.0, -2.0..=2.0)?,
            frequency_penalty: within("frequency_penalty", self.frequency_penalty, 0.0, -2.0..=2.0)?,
        })
    }
}

/// A seed for who names none.
fn random_seed() -> u64 {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one(SystemTime::now())
}

/// A text as it comes.
#[derive(Default)]
struct Written {
    text: String,
    prompt: Vec<Choice>,
    drawn: Vec<Drawn>,
    finish: Option<Finish>,
}

impl Job {
    /// Waits for all texts.
    async fn whole(mut self) -> ApiResult<Value> {
        let mut all = Vec::with_capacity(self.answers.len());
        for parts in &mut self.answers {
            let mut written = Written::default();
            while let Some(part) = parts.recv().await {
                match part {
                    Part::Prompt(choices) => written.prompt = choices,
                    Part::Text(text, drawn) => {
                        written.text += &text;
                        written.drawn.extend(drawn);
                    }
                    Part::End(finish) => written.finish = Some(finish),
                    Part::Failed(message) => return Err(ApiError::server(message)),
                }
            }
            if written.finish.is_none() {
                return Err(ApiError::server("the model stopped before the text had ended"));
            }
            all.push(written);
        }
        let (n, texts) = (self.request.n.unwrap_or(1), all.len() / self.prompts.len());
        let tokens: usize = all.iter().map(|written| written.drawn.len()).sum();
        let mut choices = Vec::new();
        for (prompt, written) in self.prompts.iter().zip(all.chunks_mut(texts)) {
            if n < texts {
                written.sort_by(|a, b| mean(b).total_cmp(&mean(a)));
            }
            for written in &written[..n] {
                choices.push(self.choice(choices.len(), prompt, written));
            }
        }
        let mut answer = self.envelope(choices);
        answer["usage"] = self.usage(tokens);
        Ok(answer)
    }

    /// Sends texts as they come; none of them is shown before it stays.
    fn stream(self) -> Response {
        let (send, events) = tokio::sync::mpsc::channel::<Result<Event, Infallible>>(64);
        tokio::spawn(async move {
            let mut job = self;
            let mut answers = std::mem::take(&mut job.answers);
            let texts = (answers.len() / job.prompts.len()).max(1);
            let (mut open, mut tokens) = (answers.len(), 0);
            let mut failed = None;
            // The parts of all texts in the order in which they come.
            let (merge, mut merged) = tokio::sync::mpsc::channel(64);
            for (index, mut parts) in answers.drain(..).enumerate() {
                let merge = merge.clone();
                tokio::spawn(async move {
                    while let Some(part) = parts.recv().await {
                        if merge.send((index, part)).await.is_err() {
                            return;
                        }
                    }
                });
            }
            drop(merge);
            let mut shown = vec![false; open];
            while let Some((index, part)) = merged.recv().await {
                let prompt = &job.prompts[index / texts];
                let echoed = if shown[index] { String::new() } else { job.echoed(prompt) };
                let (text, drawn, of_prompt, finish) = match part {
                    Part::Prompt(choices) => (String::new(), Vec::new(), choices, None),
                    Part::Text(text, drawn) => (text, drawn, Vec::new(), None),
                    Part::End(finish) => {
                        open -= 1;
                        (String::new(), Vec::new(), Vec::new(), Some(finish))
                    }
                    Part::Failed(message) => {
                        failed = Some(message);
                        break;
                    }
                };
                shown[index] = true;
                tokens += drawn.len();
                let written = Written { text, prompt: of_prompt, drawn, finish };
                let choice = job.choice_with(index, &echoed, prompt, &written);
                let event = Event::default().data(job.envelope(vec![choice]).to_string());
                if send.send(Ok(event)).await.is_err() {
                    // Nobody listens: what is dropped here frees the model's places.
                    return;
                }
            }
            if failed.is_none() && open > 0 {
                failed = Some("the model stopped before the text had ended".to_owned());
            }
            let last = match failed {
                Some(message) => Some(ApiError::server(message).to_json()),
                None if job.request.stream_options.is_some_and(|options| options.include_usage) => {
                    let mut answer = job.envelope(Vec::new());
                    answer["usage"] = job.usage(tokens);
                    Some(answer)
                }
                None => None,
            };
            for data in last.map(|last| last.to_string()).into_iter().chain(["[DONE]".to_owned()]) {
                let _ = send.send(Ok(Event::default().data(data))).await;
            }
        });
        Sse::new(tokio_stream::wrappers::ReceiverStream::new(events)).into_response()
    }

    fn envelope(&self, choices: Vec<Value>) -> Value {
        json!({
            "id": self.id, "object": "text_completion", "created": self.created, "model": self.request.model, "choices": choices
        })
    }

    fn usage(&self, completion: usize) -> Value {
        let prompt: usize = self.prompts.iter().map(|prompt| prompt.shown).sum();
        json!({ "prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion })
    }

    fn echoed(&self, prompt: &Read) -> String {
        let own = &prompt.ids[prompt.ids.len() - prompt.shown..];
        if self.request.echo.unwrap_or(false) {
            self.engine.trained().tokenizer.decode(own)
        } else {
            String::new()
        }
    }

    fn choice(&self, index: usize, prompt: &Read, written: &Written) -> Value {
        self.choice_with(index, &self.echoed(prompt), prompt, written)
    }

    fn choice_with(&self, index: usize, echoed: &str, prompt: &Read, written: &Written) -> Value {
        let finish = written.finish.map(|finish| if finish == Finish::Stop { "stop" } else { "length" });
        let log_probabilities =
            self.request.logprobs.map(|_| self.log_probabilities(echoed, prompt, written));
        json!({
            "index": index, "text": format!("{echoed}{}", written.text), "finish_reason": finish, "logprobs": log_probabilities
        })
    }

    fn log_probabilities(&self, echoed: &str, prompt: &Read, written: &Written) -> Value {
        let tokenizer = &self.engine.trained().tokenizer;
        let name = |id: u32| tokenizer.decode(&[id]);
        let top = |choice: &Choice| -> Value {
            choice.best.iter().map(|&(id, p)| (name(id), json!(p))).collect::<serde_json::Map<_, _>>().into()
        };
        let (mut tokens, mut values, mut tops, mut offsets) = (vec![], vec![], vec![], vec![]);
        if !written.prompt.is_empty() || (!echoed.is_empty() && prompt.shown > 0) {
            let own = &prompt.ids[prompt.ids.len() - prompt.shown..];
            let mut offset = 0;
            for (place, &id) in own.iter().enumerate() {
                // The first of the request's own tokens has nothing before it that the request would know.
                let choice = (place > 0)
                    .then(|| written.prompt.get(written.prompt.len() - own.len() + place))
                    .flatten();
                tokens.push(json!(name(id)));
                values.push(choice.map_or(Value::Null, |choice| json!(choice.log_probability)));
                tops.push(choice.map_or(Value::Null, top));
                offsets.push(json!(offset));
                offset += name(id).chars().count();
            }
        }
        let before = echoed.chars().count();
        let mut offset = before;
        for drawn in &written.drawn {
            tokens.push(json!(name(drawn.id)));
            values.push(drawn.choice.as_ref().map_or(Value::Null, |choice| json!(choice.log_probability)));
            tops.push(drawn.choice.as_ref().map_or(Value::Null, top));
            offsets.push(json!(offset));
            offset += name(drawn.id).chars().count();
        }
        json!({ "tokens": tokens, "token_logprobs": values, "top_logprobs": tops, "text_offset": offsets })
    }
}

/// The mean log-probability of a text's tokens.
fn mean(written: &Written) -> f64 {
    let choices = written.drawn.iter().filter_map(|drawn| drawn.choice.as_ref());
    choices.map(|choice| choice.log_probability).sum::<f64>() / written.drawn.len().max(1) as f64
}
