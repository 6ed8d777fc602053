//! `POST /api/generate`: new pieces of music.

use std::collections::BTreeMap;

use anaphora::decoding::sampling::SamplingOptions;
use anaphora::decoding::{ComposeOptions, GenerateEvent, GenerateOptions};
use anaphora::model::Compute;
use anaphora::recipe::Task;
use anaphora::tasks::language::{Trained, has_field, header_value, spelling};
use anaphora::tasks::{Compose, Opened};
use anaphora_music::abc;
use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::files::Attached;
use super::forms::{Format, Formed, Forms, Roll, notation, tune};
use super::names::Refuse;
use super::novelty::{Novelty, unknown};
use super::subject::Subject;
use crate::Shared;
use crate::body::{Body, Fields, take};
use crate::error::{ApiError, ApiResult, ErrorBody};
use crate::openai::drawing::{random_seed, within};
use crate::queue::Gone;
use crate::registry::Lent;

/// Pieces of one request, at most.
const MOST_PIECES: usize = 64;
/// Tokens that all of them together may have.
const MOST_TOKENS: usize = 1 << 18;
/// Attempts at a tune after the first where none are named.
const RETRY: usize = 10;

/// What to write.
#[derive(Clone, Debug, Default, Deserialize, Serialize, ToSchema)]
pub struct GenerateRequest {
    /// The run: one of tunes, chorales or MIDI files.
    model: String,
    /// What each piece goes on from: the beginning of a tune, or a MIDI file for what is learnt from notes.
    prompt: Option<Prompt>,
    /// How many pieces; 1 where left out.
    #[schema(minimum = 1, maximum = 64)]
    n: Option<usize>,
    /// The same pieces come for a seed; one by chance where left out.
    seed: Option<u64>,
    /// Below 1 the likely becomes likelier, above 1 less so; 0 always takes the likeliest. 0.8 where left out.
    #[schema(minimum = 0, maximum = 2)]
    temperature: Option<f32>,
    /// Chooses among the fewest likeliest tokens whose probabilities add up to this.
    #[schema(exclusive_minimum = 0, maximum = 1)]
    top_p: Option<f32>,
    /// Tokens after which a piece is broken off, 2,000 where left out; frames of chords, 64; events of what was learnt from MIDI, 1,000.
    #[schema(minimum = 1, maximum = 262144)]
    max_tokens: Option<usize>,
    /// How often a tune that is not complete is written anew; 10 where left out.
    #[schema(maximum = 1000)]
    retry: Option<usize>,
    /// Header fields of the tunes: `K`, the key, and `M`, the metre.
    #[schema(example = json!({ "K": "D", "M": "6/8" }))]
    fields: Option<BTreeMap<String, String>>,
    /// In which forms the pieces are told: `abc` for tunes and `midi` for other music where left out.
    formats: Option<Vec<Format>>,
    /// Whether it is told how much of each tune is copied from the training data.
    novelty: Option<bool>,
}

/// What pieces go on from.
#[derive(Clone, Debug, Deserialize, Serialize, ToSchema)]
#[serde(untagged, expecting = "a text or an object with name and data is needed")]
enum Prompt {
    /// The beginning of a tune.
    Text(String),
    /// A MIDI file.
    File(Attached),
}

/// Pieces.
#[derive(Serialize, ToSchema)]
pub struct Pieces {
    model: String,
    /// With it the same pieces come again.
    seed: u64,
    /// As many as were asked for.
    pieces: Vec<Piece>,
    /// What is to be said of the request, a sentence each.
    notes: Vec<String>,
}

/// A piece.
#[derive(Serialize, ToSchema)]
struct Piece {
    /// In ABC notation, where that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    /// Whether it came to its end; of a tune, whether it can be read, too, its bars add up, and it has notes of its own.
    complete: bool,
    /// Why it is not.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// A MIDI file in base64; none of a text without a note.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(content_encoding = "base64", content_media_type = "audio/midi")]
    midi: Option<String>,
    /// A WAV file likewise.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(content_encoding = "base64", content_media_type = "audio/wav")]
    wav: Option<String>,
    /// How a page draws and plays it, likewise.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Roll>)]
    roll: Option<Value>,
    /// How much is copied from the training data; none where these cannot be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    novelty: Option<Novelty>,
}

impl Fields for GenerateRequest {
    fn take(object: &mut Map<String, Value>) -> ApiResult<Self> {
        take(object)
    }
}

/// Write pieces of music
#[utoipa::path(post, path = "/api/generate", tag = "runs", request_body = GenerateRequest, responses(
    (status = 200, body = Pieces), (status = "4XX", body = ErrorBody), (status = "5XX", body = ErrorBody)))]
pub async fn create(
    State(server): State<Shared>,
    Body(request): Body<GenerateRequest>,
) -> ApiResult<Json<Pieces>> {
    let subject = Subject::of(&server, &request.model).await?;
    subject.refuse_unless_asked_at("/api/generate")?;
    let usual = match subject.task {
        Task::Chorales => 64,
        Task::Events => 1_000,
        _ => 2_000,
    };
    let drawn = Drawn::new(&request, usual)?;
    let written = subject.work(move |subject, model, compute, gone| {
        let mut writing = Writing { drawn, subject, gone };
        match model {
            Lent::Writes(trained) => writing.tunes(trained, compute, &request),
            Lent::Opened(Opened::Composes(model)) => writing.music(&**model, compute, request),
            Lent::Opened(_) => Err(writing.subject.replaced()),
        }
    });
    written.await.map(Json)
}

/// How pieces are drawn.
#[derive(Clone)]
struct Drawn {
    sampling: SamplingOptions,
    count: usize,
    tokens: usize,
    seed: u64,
}

impl Drawn {
    fn new(request: &GenerateRequest, usual: usize) -> ApiResult<Self> {
        let count = within("n", request.n, 1, 1..=MOST_PIECES)?;
        let tokens = within("max_tokens", request.max_tokens, usual, 1..=MOST_TOKENS)?;
        if count * tokens > MOST_TOKENS {
            let message = format!(
                "{count} pieces of {tokens} tokens are asked for; all together may have {MOST_TOKENS} at most"
            );
            return Err(ApiError::field("max_tokens", message));
        }
        let sampling = SamplingOptions {
            temperature: within("temperature", request.temperature, 0.8, 0.0..=2.0)?,
            top_p: within("top_p", request.top_p, 1.0, f32::MIN_POSITIVE..=1.0)?,
            ..SamplingOptions::default()
        };
        // Programs that read numbers as floating-point ones keep this one whole.
        let seed = request.seed.unwrap_or_else(|| random_seed() % 1_000_000);
        Ok(Self { sampling, count, tokens, seed })
    }
}

/// A request that is being answered.
struct Writing<'a> {
    drawn: Drawn,
    subject: Subject,
    gone: &'a Gone,
}

impl Writing<'_> {
    /// Writes tunes.
    fn tunes(
        &self,
        trained: &Trained,
        compute: &mut Compute,
        request: &GenerateRequest,
    ) -> ApiResult<Pieces> {
        let prompt = match &request.prompt {
            None => "X:".to_owned(),
            Some(Prompt::Text(text)) => text.clone(),
            Some(Prompt::File(_)) => {
                return Err(ApiError::field(
                    "prompt",
                    "prompt is a file, and tunes go on from a text; send it as one",
                ));
            }
        };
        if let Err(error) = trained.tokenizer.encode(&prompt) {
            return Err(ApiError::field("prompt", error.to_string()));
        }
        let mut notes = Vec::new();
        let options = GenerateOptions {
            sampling: self.drawn.sampling,
            fields: self.fields(trained, request, &prompt, &mut notes)?,
            count: self.drawn.count,
            tokens: self.drawn.tokens,
            seed: self.drawn.seed,
            retry: within("retry", request.retry, RETRY, 0..=1000)?,
            prompts: vec![prompt],
            ..GenerateOptions::default()
        };
        let observer = &mut |_: GenerateEvent| self.gone.flow();
        let written = trained.generate(compute, &options, observer);
        let written = written.map_err(|error| self.subject.names.refused("prompt", &error))?;
        let own = |text: &str| text.get(options.prompts[0].len()..).unwrap_or_default().to_owned();
        let texts: Vec<String> = written.iter().map(|piece| own(&piece.text)).collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let mut novelty = Vec::new();
        if request.novelty == Some(true) && self.gone.flow().is_continue() {
            let go_on = &mut || self.gone.flow();
            let found = trained.corpus().and_then(|corpus| trained.novelty(&texts, &corpus.train, go_on));
            match found {
                Ok(found) => novelty = found,
                Err(error) => notes.push(unknown(&self.subject.names, &error)),
            }
        }
        let prompt = options.prompts[0].chars().count();
        let mut novelty = novelty.into_iter().map(|novelty| Novelty::from(novelty).behind(prompt));
        let mut forms = Forms::new(request.formats.as_deref().unwrap_or(&[Format::Abc]));
        let pieces = written.into_iter().map(|piece| {
            self.gone.check()?;
            let score = abc::parse_tune(&piece.text).0.score();
            let roll = forms.roll(|| tune(&score, piece.text.clone()))?;
            let Formed { text, midi, wav } = forms.of(&score, || piece.text)?;
            let (complete, novelty) = (piece.incomplete.is_none(), novelty.next());
            Ok(Piece { text, complete, reason: piece.incomplete, midi, wav, roll, novelty })
        });
        let pieces = pieces.collect::<ApiResult<_>>()?;
        Ok(Pieces { model: request.model.clone(), seed: self.drawn.seed, pieces, notes })
    }

    /// The header fields that are asked for, as the training data spell them.
    fn fields(
        &self,
        trained: &Trained,
        request: &GenerateRequest,
        prompt: &str,
        notes: &mut Vec<String>,
    ) -> ApiResult<Vec<(char, String)>> {
        let asked = request.fields.iter().flatten();
        let mut fields = Vec::new();
        let refused = |message: String| ApiError::field("fields", message);
        for (name, value) in asked {
            let mut letters = name.chars();
            let (Some(field), None) = (letters.next(), letters.next()) else {
                return Err(refused(format!(
                    "fields has the field '{name}'; it takes K, the key, and M, the metre"
                )));
            };
            let value = header_value(field, value).map_err(refused)?;
            if has_field(prompt, field) {
                return Err(refused(format!("the prompt has a {field}: field already")));
            }
            let training = trained.corpus().map(|corpus| corpus.train);
            let spelt = training.and_then(|training| spelling(&training, field, &value));
            let spelt = match spelt {
                Ok(Some(spelt)) => spelt,
                Ok(None) => {
                    notes.push(format!(
                        "No training tune has {field}:{value}, so the model may not keep to it."
                    ));
                    value.trim().to_owned()
                }
                Err(error) => {
                    let why = self.subject.names.say(&error.to_string());
                    notes.push(format!(
                        "How the training data spell {field}:{value} is unknown, for they cannot be read: {why}."
                    ));
                    value.trim().to_owned()
                }
            };
            trained.tokenizer.encode(&spelt).map_err(|error| refused(format!("{field}: {error}")))?;
            fields.push((field, spelt));
        }
        Ok(fields)
    }

    /// Writes music of several voices.
    fn music(
        &mut self,
        model: &dyn Compose,
        compute: &mut Compute,
        request: GenerateRequest,
    ) -> ApiResult<Pieces> {
        let given = [
            ("retry", request.retry.is_some()),
            ("fields", request.fields.is_some()),
            ("novelty", request.novelty == Some(true)),
        ];
        if let Some((field, _)) = given.iter().find(|(_, given)| *given) {
            let message = format!("{field} is for tunes, and the model writes notes; leave it out");
            return Err(ApiError::field(field, message));
        }
        let mut forms = Forms::new(request.formats.as_deref().unwrap_or(&[Format::Midi]));
        let mut folder = self.subject.folder()?;
        let prime = match request.prompt {
            None => None,
            Some(Prompt::File(file)) => Some(folder.keep(&file.file("prompt")?, &mut self.subject.names)?),
            Some(Prompt::Text(_)) => {
                let message = "prompt is a text, and the model goes on from notes; send a MIDI file";
                return Err(ApiError::field("prompt", message));
            }
        };
        let Drawn { sampling, count, tokens, seed } = self.drawn.clone();
        let options = ComposeOptions { sampling, prime, count, units: tokens, seed };
        let composed = model.compose(compute, &options, &mut |_| self.gone.flow());
        let composed = composed.map_err(|error| self.subject.names.refused("prompt", &error))?;
        let unit = if self.subject.task == Task::Chorales { "frame" } else { "event" };
        let gone = self.gone;
        let pieces = composed.into_iter().map(|piece| {
            gone.check()?;
            let reason = match (piece.ended, piece.units) {
                (true, 1..) => None,
                (true, 0) => Some("nothing was written".to_owned()),
                (false, units) => {
                    let units = anaphora_data::error::counted(units, unit);
                    Some(format!("it was broken off after {units}"))
                }
            };
            let roll = forms.roll(|| tune(&piece.score, notation(&piece.score)))?;
            let Formed { text, midi, wav } = forms.of(&piece.score, || notation(&piece.score))?;
            Ok(Piece { text, complete: reason.is_none(), reason, midi, wav, roll, novelty: None })
        });
        let pieces = pieces.collect::<ApiResult<_>>()?;
        Ok(Pieces { model: request.model, seed, pieces, notes: Vec::new() })
    }
}
