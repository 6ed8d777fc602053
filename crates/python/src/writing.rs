//! Pieces that a model writes, whole or as they come.

use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use anaphora::decoding::beam::BeamOptions;
use anaphora::decoding::sampling::SamplingOptions;
use anaphora::decoding::{ComposeOptions, Composed, GenerateEvent, GenerateOptions, Generated, Token};
use anaphora::recipe::{RecipeError, Task};
use anaphora::run::Names;
use anaphora::tasks::Opened;
use anaphora::tasks::language::Trained;
use anaphora::{Error, Result};
use anaphora_data::Tokenizer;
use anaphora_music::sound::{self, SoundError, SynthOptions};
use anaphora_music::{abc, midi};
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use serde_json::{Value, json};

use crate::model::{Model, writes};
use crate::value::to_python;
use crate::work::{exception, mistake, work};

/// Parts of a piece that are written before anyone takes them.
const AHEAD: usize = 64;
/// The time between two looks at whether Ctrl-C was pressed.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// Bytes of the stack of a thread that writes, as a program's first thread has them.
const STACK: usize = 8 << 20;

/// How pieces are to be written.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub struct Asked {
    prompts: Vec<String>,
    count: usize,
    tokens: usize,
    temperature: f32,
    top_k: usize,
    top_p: f32,
    min_p: f32,
    repetition_penalty: f32,
    no_repeat_ngram: usize,
    beams: Option<usize>,
    length_penalty: f64,
    stop: Vec<String>,
    seed: u64,
    retry: usize,
    log_probabilities: Option<usize>,
    key: Option<String>,
    meter: Option<String>,
    prime: Option<PathBuf>,
}

impl Asked {
    fn sampling(&self) -> SamplingOptions {
        let &Self { temperature, top_k, top_p, min_p, repetition_penalty, no_repeat_ngram, .. } = self;
        SamplingOptions { temperature, top_k, top_p, min_p, repetition_penalty, no_repeat_ngram }
    }

    /// The options for a model, and notes on them.
    fn options(self, model: &Trained) -> Result<(GenerateOptions, Vec<String>)> {
        let (mut fields, mut notes) = (Vec::new(), Vec::new());
        for (by, field, value) in [("meter", 'M', &self.meter), ("key", 'K', &self.key)] {
            let Some(asked) = value else { continue };
            if model.task() != Task::Music {
                let sentence = format!("it is for tunes, and {} has learnt text", model.run.path().display());
                return Err(Error::Setting { by: by.to_owned(), source: RecipeError::Conflict(sentence) });
            }
            let (value, note) = model.header(by, field, asked, &self.prompts)?;
            fields.push((field, value));
            notes.extend(note);
        }
        let (sampling, length_penalty) = (self.sampling(), self.length_penalty);
        let options = GenerateOptions {
            sampling,
            beams: self.beams.map(|beams| BeamOptions { beams, length_penalty }),
            prompts: self.prompts,
            count: self.count,
            tokens: self.tokens,
            fields,
            stop: self.stop,
            seed: self.seed,
            retry: self.retry,
            log_probabilities: self.log_probabilities,
        };
        if let Some(beams) = options.beams {
            beams.validate()?;
        }
        Ok((options, notes))
    }
}

/// Writes pieces, an object each; `note` takes what is to be said of what is asked for.
#[pyfunction]
pub fn generate<'py>(
    py: Python<'py>,
    model: &Model,
    asked: Asked,
    note: Py<PyAny>,
) -> PyResult<Vec<Bound<'py, PyAny>>> {
    let trained = &*model.0;
    let (pieces, notes) = work(py, |caller| {
        let model = writes(trained)?;
        let (options, notes) = asked.options(model)?;
        let observer = &mut |_: GenerateEvent| caller.flow();
        let pieces = trained.with(|compute| model.generate(compute, &options, observer))?;
        Ok((pieces.iter().map(|piece| said(piece, &model.tokenizer)).collect::<Vec<_>>(), notes))
    })?;
    for text in notes {
        note.call1(py, (text,))?;
    }
    pieces.iter().map(|piece| to_python(py, piece)).collect()
}

/// Composes pieces of several voices: of each a MIDI file, frames or events that were drawn, and whether it came to its end.
#[pyfunction]
pub fn compose<'py>(
    py: Python<'py>,
    model: &Model,
    asked: Asked,
) -> PyResult<Vec<(Bound<'py, PyBytes>, usize, bool)>> {
    let trained = &*model.0;
    let pieces = work(py, |caller| {
        let Opened::Composes(model) = &trained.opened else {
            return Err(writes(trained).err().unwrap_or_else(|| Error::Generates(trained.path.clone())));
        };
        let (sampling, Asked { prime, count, tokens, seed, .. }) = (asked.sampling(), asked);
        let options = ComposeOptions { sampling, prime, count, units: tokens, seed };
        trained.with(|compute| model.compose(compute, &options, &mut |_| caller.flow()))
    })?;
    let said = |piece: &Composed| {
        (PyBytes::new(py, &midi::write(&piece.score)), piece.units, piece.ended && piece.units > 0)
    };
    Ok(pieces.iter().map(said).collect())
}

/// A piece of music, ABC as text or a MIDI file as bytes.
#[derive(FromPyObject)]
pub enum Music {
    /// ABC.
    Abc(String),
    /// A MIDI file.
    Midi(Vec<u8>),
}

/// A piece in another form: `abc`, `mid` or `wav`.
#[pyfunction]
pub fn convert<'py>(py: Python<'py>, piece: Music, form: &str) -> PyResult<Bound<'py, PyBytes>> {
    let content = work(py, |_| {
        let score = match &piece {
            Music::Abc(text) => abc::parse_tune(text).0.score(),
            Music::Midi(bytes) => {
                let path = || PathBuf::from("the MIDI file");
                midi::read(bytes)
                    .map_err(|error| Error::Malformed { path: path(), reason: error.to_string() })?
            }
        };
        Ok(match form {
            "wav" => {
                let sound = sound::render(&score, &SynthOptions::default());
                let of = |error: SoundError| Error::Malformed {
                    path: "the piece".into(),
                    reason: error.to_string(),
                };
                sound::write_wav(&sound.map_err(of)?)
            }
            "mid" => midi::write(&score),
            _ => abc::write(&abc::from_score(&score)).into_bytes(),
        })
    })?;
    Ok(PyBytes::new(py, &content))
}

/// A piece as an object.
fn said(piece: &Generated, tokenizer: &Tokenizer) -> Value {
    let of = |id: u32, log_probability: f64| json!({ "id": id, "token": tokenizer.name(id), "logprob": log_probability });
    let token = |token: &Token| {
        let mut object = of(token.choice.token, token.choice.log_probability);
        object["top"] = token.choice.best.iter().map(|&(id, probability)| of(id, probability)).collect();
        object
    };
    json!({
        "text": piece.text,
        "prompt": piece.prompt,
        "tokens": piece.tokens,
        "attempts": piece.attempts,
        "ended": piece.ended,
        "incomplete": piece.incomplete,
        "nats_per_token": piece.nats,
        "logprobs": piece.choices.iter().map(token).collect::<Vec<_>>(),
    })
}

/// The parts of a piece as they come, its prompt first. Writing ends where nobody takes them any more.
#[pyclass(frozen, module = "anaphora._anaphora")]
pub struct Parts(Mutex<Receiver<Part>>);

/// A part, or why it breaks off.
enum Part {
    Text(String),
    Failed(Error),
    Mistake(String),
}

/// Begins to write a piece, on a thread of its own.
#[pyfunction]
pub fn stream(py: Python, model: &Model, asked: Asked) -> PyResult<Parts> {
    let trained = Arc::clone(&model.0);
    work(py, |_| {
        let (options, _) = asked.options(writes(&trained)?)?;
        let (sender, parts) = sync_channel(AHEAD);
        let write = move || {
            let mut told = 0;
            let written = catch_unwind(AssertUnwindSafe(|| {
                let observer = &mut |event: GenerateEvent| match event {
                    GenerateEvent::Text { text, .. } => {
                        told += text.len();
                        let sent = sender.send(Part::Text(text.to_owned()));
                        if sent.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
                    }
                    _ => ControlFlow::Continue(()),
                };
                let model = writes(&trained)?;
                trained.with(|compute| model.generate(compute, &options, observer))
            }));
            let last = match written {
                // The end of a piece that was broken off might still have become a stop text.
                Ok(Ok(pieces)) => {
                    let rest = pieces.first().and_then(|piece| piece.text.get(told..));
                    rest.filter(|rest| !rest.is_empty()).map(|rest| Part::Text(rest.to_owned()))
                }
                Ok(Err(error)) => Some(Part::Failed(error)),
                Err(panic) => Some(Part::Mistake(mistake(&*panic))),
            };
            // Where nobody listens there is nobody to tell.
            last.map(|last| sender.send(last));
        };
        let thread = thread::Builder::new().name("anaphora-writes".into()).stack_size(STACK).spawn(write);
        thread.map_err(Error::io("start a thread beside", &model.0.path))?;
        Ok(Parts(Mutex::new(parts)))
    })
}

#[pymethods]
impl Parts {
    fn __iter__(this: PyRef<Self>) -> PyRef<Self> {
        this
    }

    fn __next__(&self, py: Python) -> PyResult<Option<String>> {
        loop {
            let part =
                py.detach(|| self.0.lock().unwrap_or_else(PoisonError::into_inner).recv_timeout(LOOK_EVERY));
            match part {
                Ok(Part::Text(text)) => return Ok(Some(text)),
                Ok(Part::Failed(error)) => return Err(exception(py, &Names::new(), &error)),
                Ok(Part::Mistake(sentence)) => return Err(crate::work::failure(py, sentence)),
                Err(RecvTimeoutError::Disconnected) => return Ok(None),
                Err(RecvTimeoutError::Timeout) => py.check_signals()?,
            }
        }
    }
}
