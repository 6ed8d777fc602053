//! `POST /api/sound`: music that no model writes, as it is heard: of a text in ABC notation, or a MIDI file.

use anaphora::inspect::{WrittenNote, written_notes};
use anaphora_music::{Score, abc, midi};
use anaphora_pages::chart::{Sounding, Tune};
use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::files::{Attached, File};
use super::forms::{Format, Formed, Forms, Roll, notation, tune};
use crate::Shared;
use crate::body::{Body, Fields, take};
use crate::error::{ApiError, ApiResult, ErrorBody};

/// Characters of a text, at most.
const MOST_CHARACTERS: usize = 1 << 18;
/// Notes of a piece, at most.
const MOST_NOTES: usize = 100_000;

/// Problems of a text that are told one by one.
const MOST_PROBLEMS: usize = 100;

/// What is to be heard.
#[derive(Clone, Debug, Default, Deserialize, Serialize, ToSchema)]
pub struct SoundRequest {
    /// A tune in ABC notation, of 262,144 characters at most. Of this and `file` one is given.
    abc: Option<String>,
    /// The same as a file, or a MIDI file.
    file: Option<Attached>,
    /// In which forms it is told: `roll` where left out.
    formats: Option<Vec<Format>>,
}

/// A piece as it is heard.
#[derive(Serialize, ToSchema)]
pub struct Heard {
    /// What it sounds like in a page, where that was asked for; none of a piece without a note, which has no sound either. Of a text, its notes as they are written, repeats not followed, each with
    /// the place of its character.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Roll>)]
    roll: Option<Value>,
    /// In ABC notation, where that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    /// A MIDI file in base64, likewise.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(content_encoding = "base64", content_media_type = "audio/midi")]
    midi: Option<String>,
    /// A WAV file likewise.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(content_encoding = "base64", content_media_type = "audio/wav")]
    wav: Option<String>,
    /// What could not be read of a text, with its line, a clause each.
    problems: Vec<String>,
    /// How long it lasts, repeats followed.
    seconds: f64,
}

impl Fields for SoundRequest {
    fn take(object: &mut Map<String, Value>) -> ApiResult<Self> {
        take(object)
    }
}

/// Hear a tune
///
/// Of a text with several tunes the first.
#[utoipa::path(post, path = "/api/sound", tag = "runs", request_body = SoundRequest, responses(
    (status = 200, body = Heard), (status = "4XX", body = ErrorBody), (status = "5XX", body = ErrorBody)))]
pub async fn create(
    State(server): State<Shared>,
    Body(request): Body<SoundRequest>,
) -> ApiResult<Json<Heard>> {
    // Samples take memory: one piece is played at a time.
    server.sounding.work(move || hear(request)).await.map(Json)
}

/// Music that came.
enum Came {
    Text(String),
    Score(Score),
}

fn hear(request: SoundRequest) -> ApiResult<Heard> {
    let SoundRequest { abc: text, file, formats } = request;
    let (field, came) = match (text, file) {
        (Some(_), Some(_)) => {
            return Err(ApiError::field("file", "abc and file are both given; leave one of them out"));
        }
        (Some(text), None) => ("abc", Came::Text(text)),
        (None, Some(file)) => ("file", read(file)?),
        (None, None) => {
            return Err(ApiError::field(
                "abc",
                "abc is missing; it takes a tune in ABC notation, or file a file",
            ));
        }
    };
    let (score, text, problems) = match came {
        Came::Score(score) => (score, None, Vec::new()),
        Came::Text(text) => {
            if text.chars().count() > MOST_CHARACTERS {
                let message =
                    format!("{field} has more than {MOST_CHARACTERS} characters, the most that is taken");
                return Err(ApiError::field(field, message));
            }
            let pieces = abc::split(&text);
            // A fragment without a number is a tune of its own.
            let first =
                pieces.first().map_or(text.clone(), |piece| format!("{}{}", piece.preamble, piece.text));
            let (tune, problems) = abc::parse_tune(&first);
            let left = problems.len().saturating_sub(MOST_PROBLEMS);
            let mut problems: Vec<String> =
                problems.iter().take(MOST_PROBLEMS).map(ToString::to_string).collect();
            if left > 0 {
                problems.push(format!("{left} other places cannot be read either"));
            }
            if pieces.len() > 1 {
                problems.push(format!("the text has {} tunes, and the first of them is heard", pieces.len()));
            }
            (tune.score(), Some(first), problems)
        }
    };
    let notes: usize = score.parts.iter().map(|part| part.notes.len()).sum();
    if notes > MOST_NOTES {
        return Err(ApiError::field(
            field,
            format!("it has {notes} notes, and {MOST_NOTES} at most are played"),
        ));
    }
    let mut forms = Forms::new(formats.as_deref().unwrap_or(&[Format::Roll]));
    let seconds = score.in_seconds().iter().map(|(_, end, _)| *end).fold(0.0, f64::max);
    let roll = match &text {
        _ if notes == 0 => None,
        Some(text) => forms.roll(|| written(text, &score))?,
        None => forms.roll(|| tune(&score, notation(&score)))?,
    };
    let text = text.unwrap_or_else(|| notation(&score));
    let Formed { text, midi, wav } = forms.of(&score, || text)?;
    Ok(Heard { roll, text, midi, wav, problems, seconds })
}

/// The notes of a text as they are written.
fn written(text: &str, score: &Score) -> Tune {
    let note = |WrittenNote { start, seconds, pitch, place }| Sounding { start, seconds, pitch, step: place };
    let notes = written_notes(text).into_iter().map(note).collect();
    Tune { title: score.title.clone().unwrap_or_default(), abc: text.to_owned(), notes, problems: Vec::new() }
}

/// The music in a file, by its ending.
fn read(file: Attached) -> ApiResult<Came> {
    let File { name, content } = file.file("file")?;
    let lower = name.to_lowercase();
    if lower.ends_with(".mid") || lower.ends_with(".midi") {
        let score =
            midi::read(&content).map_err(|error| ApiError::field("file", format!("{name}: {error}")))?;
        return Ok(Came::Score(score));
    }
    if lower.ends_with(".abc") {
        return Ok(Came::Text(String::from_utf8_lossy(&content).into_owned()));
    }
    let message = format!("{name} is neither an .abc nor a .mid file, and one of these is played");
    Err(ApiError::field("file", message))
}
