//! How a text, a row of numbers, a sound or a picture becomes the sequence that a model reads.

mod files;
mod read;
mod steps;

use std::path::{Path, PathBuf};

use anaphora_data::picture::parse_images;
use anaphora_data::{Scaler, Sequence, Tokenizer, TokenizerError};
use serde::{Deserialize, Serialize};

use self::read::UNKNOWN;
pub use self::read::{Example, Raw, built_in, made_texts, read};
pub use self::steps::Steps;
use self::steps::{PictureFrames, PictureSteps, SoundReader, number_frames};
use crate::model::Reads;
use crate::recipe::{Backbone, Data, Model};
use crate::run::assets::Assets;
use crate::tasks::shared::{Input, Reading, each_line, malformed_at};
use crate::{Error, Result};

/// What turns examples into sequences.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Reader {
    /// What the steps of an example are made of.
    pub steps: Steps,
    /// Most steps that the model reads; none where there is no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    context: Option<usize>,
    /// How frames are scaled, learnt on what is trained on; none for text.
    scaler: Option<Scaler>,
    /// What cuts texts into tokens, in a file of its own; none for frames.
    #[serde(skip)]
    tokenizer: Option<Tokenizer>,
}

/// The tokenizer of a run whose examples are texts: made of those to learn from where the run is new.
pub fn tokenizer(train: &[Example], data: &Data, assets: &mut Assets) -> Result<Option<Tokenizer>> {
    match train.first().map(|example| &*example.steps) {
        Some(Steps::Text { .. }) => assets.tokenizer(|| read::tokenizer(train, data)).map(Some),
        _ => Ok(None),
    }
}

impl Reader {
    /// What is learnt of the examples to learn from; of all that were read with them, the longest has to fit.
    pub fn learn<'a>(
        train: &[Example],
        all: impl Iterator<Item = &'a Example>,
        tokenizer: Option<Tokenizer>,
        model: &Model,
    ) -> Result<Self> {
        let steps = Steps::clone(&train[0].steps);
        let mut reader = Self { scaler: scaler(train, &steps), steps, context: None, tokenizer };
        if model.backbone == Backbone::Transformer {
            let mut longest = 1;
            for example in all {
                longest = longest.max(reader.sequence(&example.value, &example.path, example.line)?.len());
            }
            // Room for what is longer than all of these.
            reader.context = Some(model.context.unwrap_or(2 * longest));
        }
        Ok(reader)
    }

    /// Takes the run's tokenizer, where one is needed and not there yet.
    pub fn with_tokenizer(mut self, assets: &mut Assets, made: Option<Tokenizer>) -> Result<Self> {
        self.tokenizer = match (made, &self.steps) {
            (None, Steps::Text { .. }) => Some(assets.tokenizer(|| Err(Error::NoExamples(PathBuf::new())))?),
            (made, _) => made,
        };
        Ok(self)
    }

    /// The recipe's model with what the data decide of it.
    pub fn sized(&self, model: &Model) -> Model {
        Model { context: self.context.or(model.context), ..model.clone() }
    }

    /// What the model reads.
    pub fn reads(&self) -> Reads {
        match (&self.scaler, &self.steps) {
            (
                Some(scaler),
                Steps::Picture(PictureSteps { width, height, frames: PictureFrames::Whole, .. }),
            ) => Reads::Pictures { size: [*height, *width], channels: scaler.mean.len() },
            (Some(scaler), _) => Reads::Frames(scaler.mean.len()),
            (None, _) => Reads::Tokens(self.tokenizer.as_ref().map_or(0, Tokenizer::vocab_size)),
        }
    }

    /// The same in words.
    pub fn description(&self) -> String {
        match self.scaler.as_ref().map(|scaler| scaler.mean.len()) {
            Some(1) => format!("one number a {}", self.steps.unit()),
            Some(width) => format!("{width} numbers a {}", self.steps.unit()),
            None => format!("{}s", self.steps.unit()),
        }
    }

    /// An example as a model reads it, however long; `path` and `line` are named where it cannot be.
    fn sequence(&self, value: &Raw, path: &Path, line: usize) -> Result<Sequence> {
        let malformed = |reason: String| malformed_at(path, line, reason);
        match (value, &self.tokenizer, &self.scaler) {
            (Raw::Text(text), Some(tokenizer), _) => {
                if text.trim().is_empty() {
                    return Err(malformed("the text is empty, at least one character is needed".into()));
                }
                let ids = encode(tokenizer, self.steps.text(text));
                let mut ids = ids.map_err(|source| malformed(source.to_string()))?;
                ids.push(tokenizer.end_id());
                Ok(Sequence::Tokens(ids))
            }
            (Raw::Frames(frames), _, Some(scaler)) if frames.width == scaler.mean.len() => {
                let mut frames = frames.clone();
                scaler.apply(&mut frames.values);
                Ok(Sequence::Frames(frames))
            }
            (Raw::Frames(frames), _, Some(scaler)) => {
                let (found, wanted) = (frames.width, scaler.mean.len());
                Err(malformed(format!("a frame has {found} numbers where the model reads {wanted}")))
            }
            (value, ..) => {
                let (found, wanted) = match value {
                    Raw::Text(_) => ("text", "frames of numbers"),
                    Raw::Frames(_) => ("frames of numbers", "text"),
                };
                Err(malformed(format!("there is {found} where the model reads {wanted}")))
            }
        }
    }

    /// The steps of a sequence that the model reads; whether it had more.
    fn cut(&self, sequence: &mut Sequence) -> bool {
        let Some(context) = self.context.filter(|&context| sequence.len() > context) else { return false };
        match sequence {
            Sequence::Tokens(ids) => ids.truncate(context),
            Sequence::Frames(frames) => frames.values.truncate(context * frames.width),
        }
        true
    }

    /// Examples as a model reads them, each with what `truth` makes of it; it is noted which were cut, and, where bad ones
    /// are to be skipped, skipped.
    pub fn encode<Task, T>(
        &self,
        examples: Vec<Example>,
        from: &mut Reading<Task>,
        truth: impl Fn(&Example) -> Result<T>,
    ) -> Result<(Vec<Sequence>, Vec<T>)> {
        let (mut sequences, mut truths) = (Vec::new(), Vec::new());
        let (mut cut, count) = (0, examples.len());
        for example in examples {
            let sequence = || self.sequence(&example.value, &example.path, example.line);
            match truth(&example).and_then(|truth| Ok((truth, sequence()?))) {
                Ok((truth, mut sequence)) => {
                    cut += usize::from(self.cut(&mut sequence));
                    truths.push(truth);
                    sequences.push(sequence);
                }
                Err(error) if from.data().skip_bad => from.skipped(&[error]),
                Err(error) => return Err(error),
            }
        }
        if let (1.., Some(context)) = (cut, self.context) {
            (from.notes)(&format!(
                "{cut} of {count} examples are longer than the context of {context} steps, and were cut"
            ));
        }
        Ok((sequences, truths))
    }

    /// What is given to predict from, as a model reads it.
    pub fn inputs(&self, inputs: &[Input]) -> Result<(Vec<Sequence>, Vec<Named>)> {
        let (mut sequences, mut names) = (Vec::new(), Vec::new());
        for input in inputs {
            for Unlabelled { name, value, line, mut notes } in self.unlabelled(input)? {
                let mut sequence = self.sequence(&value, input.path(), line)?;
                let steps = sequence.len();
                if self.cut(&mut sequence) {
                    notes.push(format!("the first {} of {steps} steps were read", sequence.len()));
                }
                sequences.push(sequence);
                names.push(Named { name, notes });
            }
        }
        Ok((sequences, names))
    }

    fn unlabelled(&self, input: &Input) -> Result<Vec<Unlabelled>> {
        let path = input.path();
        match (input, &self.steps) {
            (_, Steps::Text { .. }) => {
                if let Input::Text(text) = input {
                    return Ok(vec![Unlabelled::new(text.clone(), Raw::Text(text.clone()), 0)]);
                }
                let mut all = Vec::new();
                each_line(std::slice::from_ref(input), |_, line, text| {
                    all.push(Unlabelled::new(text.to_owned(), Raw::Text(text.to_owned()), line));
                    Ok(())
                })?;
                Ok(all)
            }
            (_, Steps::Numbers { columns, width }) => {
                let mut all = Vec::new();
                each_line(std::slice::from_ref(input), |_, line, text| {
                    all.push(row(text, path, line, [*columns, *width])?);
                    Ok(())
                })?;
                Ok(all)
            }
            (Input::Text(_), _) => {
                let reason = format!("the model reads {}; name a file", self.steps.files());
                Err(malformed_at(path, 0, reason))
            }
            (Input::File(_), Steps::Sound(steps)) => {
                let (frames, other) = SoundReader::new(steps.clone())?.read(path)?;
                let mut sound = Unlabelled::new(path.display().to_string(), Raw::Frames(frames), 0);
                let rate = steps.rate;
                sound.notes.extend(other.map(|other| format!("resampled from {other} to {rate} Hz")));
                Ok(vec![sound])
            }
            (Input::File(_), Steps::Picture(steps)) => {
                let content = std::fs::read(path).map_err(Error::io("read", path))?;
                // An IDX file begins with two zeros, and may be compressed; a PNG or JPEG file with neither.
                if content.starts_with(&[0, 0, 8]) || content.starts_with(&[0x1f, 0x8b]) {
                    let pictures = parse_images(&content, path)?;
                    let picture = |(index, picture)| {
                        let frames = Raw::Frames(files::idx_frames(steps, picture, path, index)?);
                        Ok(Unlabelled::new(format!("{} {}", path.display(), index + 1), frames, 0))
                    };
                    return pictures.iter().enumerate().map(picture).collect();
                }
                let frames = Raw::Frames(steps.frames(&steps.read(path)?)?);
                Ok(vec![Unlabelled::new(path.display().to_string(), frames, 0)])
            }
        }
    }
}

/// What an input is called, and what is to be said of it.
pub struct Named {
    /// Its name.
    pub name: String,
    /// A sentence each.
    pub notes: Vec<String>,
}

/// Something to predict from.
struct Unlabelled {
    name: String,
    value: Raw,
    /// From 1; 0 where it is a whole file, or no file.
    line: usize,
    notes: Vec<String>,
}

impl Unlabelled {
    fn new(name: String, value: Raw, line: usize) -> Self {
        Self { name, value, line, notes: Vec::new() }
    }
}

/// A row of so many numbers, between which stand commas, semicolons or white space, in frames of so many.
fn row(text: &str, path: &Path, line: usize, [columns, width]: [usize; 2]) -> Result<Unlabelled> {
    let number = |cell: &str| {
        let number = cell.parse::<f32>().ok().filter(|number| number.is_finite());
        number.ok_or_else(|| malformed_at(path, line, format!("{cell} is no finite number")))
    };
    let cells = text.split(|c: char| matches!(c, ',' | ';') || c.is_whitespace());
    let values = cells.filter(|cell| !cell.is_empty()).map(number).collect::<Result<Vec<f32>>>()?;
    if values.len() != columns {
        let found = values.len();
        let reason = format!("there are {found} numbers, {columns} as in training are needed");
        return Err(malformed_at(path, line, reason));
    }
    let name = if line > 0 { format!("line {line}") } else { text.to_owned() };
    Ok(Unlabelled::new(name, Raw::Frames(number_frames(values, width)), line))
}

impl Steps {
    /// A text as it is cut into tokens.
    pub fn text(&self, text: &str) -> String {
        let Self::Text { lowercase, words } = *self else { return text.to_owned() };
        let space = if words { " " } else { "" };
        let text = format!("{space}{}", text.trim());
        if lowercase { text.to_lowercase() } else { text }
    }
}

/// The tokens of a text, in which characters that are not known are [`UNKNOWN`].
fn encode(tokenizer: &Tokenizer, mut text: String) -> Result<Vec<u32>, TokenizerError> {
    loop {
        match tokenizer.encode(&text) {
            Err(TokenizerError::UnseenCharacter { character, .. }) if character != UNKNOWN => {
                text = text.replace(character, UNKNOWN.encode_utf8(&mut [0; 4]));
            }
            read => return read,
        }
    }
}

/// The scale of the training examples, where they are numbers.
fn scaler(train: &[Example], steps: &Steps) -> Option<Scaler> {
    let frames = || {
        train.iter().filter_map(|example| match &example.value {
            Raw::Frames(frames) => Some(frames),
            Raw::Text(_) => None,
        })
    };
    let width = frames().next()?.width;
    let values = frames().map(|frames| &frames.values[..]);
    if steps.columns_are_alike() {
        let Scaler { mean, deviation } = Scaler::fit_all(values, 1);
        return Some(Scaler { mean: mean.repeat(width), deviation: deviation.repeat(width) });
    }
    Some(Scaler::fit_all(values, width))
}
