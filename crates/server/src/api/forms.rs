//! The forms in which a piece of music is told: notation, notes, sound.

use anaphora_music::{Score, abc, midi, sound};
use anaphora_pages::chart::{Sounding, Tune};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::error::{ApiError, ApiResult};

/// Seconds of sound that all pieces of a request together may have: bounds memory.
const MOST_SOUND: f64 = 900.0;

/// Seconds that all notes of a request together may sound: bounds time, as each is computed.
const MOST_SOUNDING: f64 = 20_000.0;

/// A form of a piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// Notation as text.
    Abc,
    /// Notes for synthesisers and notation programs.
    Midi,
    /// Sound.
    Wav,
    /// Notes with a small sound, as a page draws and plays them.
    Roll,
}

/// A piece as a page draws and plays it.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it describes what the pages write")]
pub struct Roll {
    /// Its title; may be empty.
    title: String,
    /// The piece in ABC notation; empty where it is none of its own.
    abc: String,
    /// Its notes in the order of their beginnings.
    notes: Vec<RollNote>,
    /// What of it could not be read as it stands, a sentence each.
    problems: Vec<String>,
    sound: RollSound,
}

/// A note.
#[derive(ToSchema)]
#[expect(dead_code, reason = "as above")]
struct RollNote {
    /// When it begins, in seconds.
    start: f64,
    /// How long it sounds, in seconds.
    seconds: f64,
    /// MIDI pitch; 60 is middle C.
    pitch: u8,
    /// The character of the text with which it begins, counted from 0 in Unicode code points; null where that is not known.
    step: Option<usize>,
}

/// The sound of the notes; of a long piece that of its beginning.
#[derive(ToSchema)]
#[expect(dead_code, reason = "as above")]
struct RollSound {
    /// A WAV file, mono, in base64, of a megabyte at most.
    #[schema(content_encoding = "base64", content_media_type = "audio/wav")]
    wav: String,
    /// Seconds of the notes that are in it.
    seconds: f64,
}

/// A piece in the forms that are asked for.
#[derive(Default)]
pub struct Formed {
    /// Notation.
    pub text: Option<String>,
    /// A MIDI file in base64; none of a piece without a note.
    pub midi: Option<String>,
    /// A WAV file likewise.
    pub wav: Option<String>,
}

/// The forms in which the pieces of a request are told.
pub struct Forms {
    formats: Vec<Format>,
    /// Seconds of sound that there may still be.
    sound: f64,
    /// Seconds that notes may still sound.
    sounding: f64,
}

impl Forms {
    /// These.
    pub fn new(formats: &[Format]) -> Self {
        Self { formats: formats.to_vec(), sound: MOST_SOUND, sounding: MOST_SOUNDING }
    }

    fn has(&self, format: Format) -> bool {
        self.formats.contains(&format)
    }

    /// A piece, of what is heard and what is written.
    ///
    /// # Errors
    /// Pieces that are too long for their sound.
    pub fn of(&mut self, score: &Score, notation: impl FnOnce() -> String) -> ApiResult<Formed> {
        let sounds = score.parts.iter().any(|part| !part.notes.is_empty());
        let text = self.has(Format::Abc).then(notation);
        let midi = (self.has(Format::Midi) && sounds).then(|| STANDARD.encode(midi::write(score)));
        let wav = if self.has(Format::Wav) && sounds { Some(self.wav(score)?) } else { None };
        Ok(Formed { text, midi, wav })
    }

    /// A piece as a page draws and plays it, where that is asked for.
    ///
    /// # Errors
    /// As [`Self::of`].
    pub fn roll(&mut self, tune: impl FnOnce() -> Tune) -> ApiResult<Option<Value>> {
        if !self.has(Format::Roll) {
            return Ok(None);
        }
        let tune = tune();
        if tune.notes.is_empty() {
            return Ok(None);
        }
        self.play(tune.notes.iter().map(|note| note.seconds))?;
        let roll = serde_json::to_value(&tune).map_err(|error| ApiError::server(error.to_string()))?;
        self.sound -= roll["sound"]["seconds"].as_f64().unwrap_or(0.0);
        if self.sound < 0.0 { Err(too_long()) } else { Ok(Some(roll)) }
    }

    /// Counts notes that are to sound so many seconds each.
    fn play(&mut self, notes: impl Iterator<Item = f64>) -> ApiResult<()> {
        self.sounding -= notes.sum::<f64>();
        if self.sounding >= 0.0 {
            return Ok(());
        }
        let message = format!(
            "the notes of these pieces sound more than {MOST_SOUNDING} seconds together; ask for fewer, or for midi"
        );
        Err(ApiError::field("formats", message))
    }

    fn wav(&mut self, score: &Score) -> ApiResult<String> {
        self.play(score.in_seconds().iter().map(|(start, end, _)| end - start))?;
        let options = sound::SynthOptions { longest: self.sound, ..sound::SynthOptions::default() };
        let audio = sound::render(score, &options).map_err(|_| too_long())?;
        self.sound -= audio.seconds();
        Ok(STANDARD.encode(sound::write_wav(&audio)))
    }
}

fn too_long() -> ApiError {
    let message = format!(
        "the sound of these pieces lasts more than {MOST_SOUND} seconds; ask for fewer, for shorter ones, or for midi"
    );
    ApiError::field("formats", message)
}

/// The notes of a score as they sound; `abc` is the piece in notation, where it has one.
pub fn tune(score: &Score, abc: String) -> Tune {
    let notes = score.in_seconds().into_iter();
    let note = |(start, end, note): (f64, f64, anaphora_music::Note)| Sounding {
        start,
        seconds: end - start,
        pitch: note.pitch,
        step: None,
    };
    Tune {
        title: score.title.clone().unwrap_or_default(),
        abc,
        notes: notes.map(note).collect(),
        problems: Vec::new(),
    }
}

/// A score in notation.
pub fn notation(score: &Score) -> String {
    abc::write(&abc::from_score(score))
}
