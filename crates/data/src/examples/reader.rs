//! Converts examples to the sequences that a model reads; fitted on the training examples.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::files::{idx_frames, resampled};
use super::{Example, ExampleError, ExampleFault, Raw, Steps};
use crate::encoding::Encoding;
use crate::error::{At, counted};
use crate::files::{lines, read, read_text};
use crate::frames::{Frames, SoundReader};
use crate::picture::{Fit, parse_images};
use crate::scaler::Scaler;
use crate::sequence::Sequence;
use crate::table::Decimal;
use crate::tokenizer::{Tokenizer, TokenizerError};

/// What a character is read as that is not in the vocabulary.
pub const UNKNOWN: char = char::REPLACEMENT_CHARACTER;

/// The characters that occur at least so often in texts, and [`UNKNOWN`] for the others, so that something is learnt of what
/// is not known.
pub fn common_characters<'a>(texts: impl IntoIterator<Item = &'a str>, minimum_count: usize) -> String {
    let mut counts: BTreeMap<char, usize> = BTreeMap::new();
    texts.into_iter().flat_map(str::chars).for_each(|c| *counts.entry(c).or_default() += 1);
    let kept = counts.into_iter().filter(|&(_, count)| count >= minimum_count);
    kept.map(|(character, _)| character).chain([UNKNOWN]).collect()
}

/// Converts examples to sequences.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Reader {
    /// The kind of an example's steps.
    pub steps: Steps,
    /// Most steps that the model reads; none where there is no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context: Option<usize>,
    /// How frames are scaled, learnt on what is trained on; none for text.
    scaler: Option<Scaler>,
    /// The tokenizer, kept in a file of its own; none for frames.
    #[serde(skip)]
    pub tokenizer: Option<Tokenizer>,
    /// The mark before the decimals of rows of numbers, where it is known; the recipe keeps it.
    #[serde(skip)]
    pub decimal: Option<Decimal>,
}

/// What an input is called, and what is to be said of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// Its name.
    pub name: String,
    /// A sentence each.
    pub notes: Vec<String>,
}

/// Something to predict from: its name, what it is, and what is to be said of it.
type Unlabelled = (String, Raw, Vec<String>);

impl Reader {
    /// Fits to the training examples, at least one.
    pub fn learn(train: &[Example], tokenizer: Option<Tokenizer>) -> Self {
        let steps = Steps::clone(&train[0].steps);
        Self { scaler: scaler(train, &steps), steps, context: None, tokenizer, decimal: None }
    }

    /// Steps of the longest example.
    ///
    /// # Errors
    /// Those of [`Reader::sequence`].
    pub fn longest<'a>(&self, all: impl Iterator<Item = &'a Example>) -> Result<usize, ExampleError> {
        let mut longest = 1;
        for example in all {
            longest = longest.max(self.sequence(&example.value, &example.path, example.line)?.len());
        }
        Ok(longest)
    }

    /// Numbers of a frame; none for text.
    pub fn width(&self) -> Option<usize> {
        self.scaler.as_ref().map(|scaler| scaler.mean.len())
    }

    /// Numbers as a model reads them, `[frames, width]`, in their own unit; none of a text.
    pub fn unscaled(&self, values: &[f32]) -> Option<Vec<f32>> {
        let mut values = values.to_vec();
        self.scaler.as_ref()?.invert(&mut values);
        Some(values)
    }

    /// What a model reads, in words.
    pub fn description(&self) -> String {
        match self.width() {
            Some(1) => format!("one number a {}", self.steps.unit()),
            Some(width) => format!("{width} numbers a {}", self.steps.unit()),
            None => format!("{}s", self.steps.unit()),
        }
    }

    /// An example as a model reads it, however long; `path` and `line` are named where it cannot be.
    ///
    /// # Errors
    /// A text without a character or with ones that are not known, frames of another width, one in place of the other.
    pub fn sequence(&self, value: &Raw, path: &Path, line: usize) -> Result<Sequence, ExampleError> {
        let wrong = |fault: ExampleFault| ExampleError::from(At::new(path, line, fault));
        match (value, &self.tokenizer, &self.scaler) {
            (Raw::Text(text), Some(tokenizer), _) => {
                if text.trim().is_empty() {
                    return Err(wrong(ExampleFault::Empty));
                }
                let ids = encode(tokenizer, self.steps.text(text));
                let mut ids = ids.map_err(|source| wrong(source.into()))?;
                ids.push(tokenizer.end_id());
                Ok(Sequence::Tokens(ids))
            }
            (Raw::Frames(frames), _, Some(scaler)) if frames.width == scaler.mean.len() => {
                let mut frames = frames.clone();
                scaler.apply(&mut frames.values);
                Ok(Sequence::Frames(frames))
            }
            (Raw::Frames(frames), _, Some(scaler)) => {
                Err(wrong(ExampleFault::Width { found: frames.width, wanted: scaler.mean.len() }))
            }
            (Raw::Text(_), ..) => {
                Err(wrong(ExampleFault::Kind { found: "text", wanted: "frames of numbers" }))
            }
            (Raw::Frames(_), ..) => {
                Err(wrong(ExampleFault::Kind { found: "frames of numbers", wanted: "text" }))
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
    ///
    /// # Errors
    /// Those of [`Reader::sequence`] and of `truth`.
    pub fn encode<T, E: From<ExampleError> + Display>(
        &self,
        examples: Vec<Example>,
        skip_bad: bool,
        notes: &mut dyn FnMut(&str),
        truth: impl Fn(&Example) -> Result<T, E>,
    ) -> Result<(Vec<Sequence>, Vec<T>), E> {
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
                Err(error) if skip_bad => notes(&format!("{error} (skipped)")),
                Err(error) => return Err(error),
            }
        }
        if let (1.., Some(context)) = (cut, self.context) {
            notes(&format!(
                "{cut} of {} longer than the context of {}: the rest is not read",
                counted(count, "example") + if cut == 1 { " is" } else { " are" },
                counted(context, "step")
            ));
        }
        Ok((sequences, truths))
    }

    /// What is given as a text to predict from, as a model reads it: one example, or a row of numbers a line. `name` is what
    /// messages call it.
    ///
    /// # Errors
    /// Those of [`Reader::line`].
    pub fn text(&self, text: &str, name: &Path) -> Result<Vec<(Sequence, Named)>, ExampleError> {
        match &self.steps {
            Steps::Numbers { .. } => lines(text).map(|(_, line)| self.line(line, name, 0)).collect(),
            _ => Ok(vec![self.line(text, name, 0)?]),
        }
    }

    /// A line to predict from, as a model reads it: a text, or a row of numbers. `path` and `number` are named where it cannot
    /// be; the number is 0 where there is no line.
    ///
    /// # Errors
    /// Those of [`Reader::sequence`], rows of another length, a model of sounds or pictures.
    pub fn line(&self, text: &str, path: &Path, number: usize) -> Result<(Sequence, Named), ExampleError> {
        let (name, value) = match &self.steps {
            Steps::Text { .. } => (text.to_owned(), Raw::Text(text.to_owned())),
            &Steps::Numbers { columns, width } => {
                let name = if number == 0 { text.trim().to_owned() } else { format!("line {number}") };
                (name, row(text, path, number, self.decimal, [columns, width])?)
            }
            steps => return Err(At::new(path, number, ExampleFault::NoFile(steps.files())).into()),
        };
        self.named((name, value, Vec::new()), path, number)
    }

    /// What is in a file to predict from: a sound, or one or more pictures.
    ///
    /// # Errors
    /// A file that cannot be read, and those of [`Reader::sequence`].
    pub fn file(&self, path: &Path) -> Result<Vec<(Sequence, Named)>, ExampleError> {
        match &self.steps {
            Steps::Text { .. } | Steps::Numbers { .. } => {
                let text = read_text(path, Encoding::AUTO)?;
                lines(&text).map(|(number, line)| self.line(line, path, number)).collect()
            }
            Steps::Sound(steps) => {
                let (frames, other) = SoundReader::new(steps.clone())?.read(path)?;
                let rate = steps.rate;
                let notes = other.map(|other| resampled(other, rate)).into_iter().collect();
                let name = path.display().to_string();
                Ok(vec![self.named((name, Raw::Frames(frames), notes), path, 0)?])
            }
            Steps::Picture(steps) => {
                let content = read(path)?;
                let frames = |name: String, frames: Frames, notes: Vec<String>| {
                    self.named((name, Raw::Frames(frames), notes), path, 0)
                };
                // An IDX file begins with two zeros, and may be compressed; a PNG or JPEG file with neither.
                if content.starts_with(&[0, 0, 8]) || content.starts_with(&[0x1f, 0x8b]) {
                    let pictures = parse_images(&content, path)?;
                    let picture = |(index, picture)| {
                        let name = format!("{} {}", path.display(), index + 1);
                        frames(name, idx_frames(steps, picture, path, index)?, Vec::new())
                    };
                    return pictures.iter().enumerate().map(picture).collect();
                }
                let (picture, changed) = steps.read(path, Fit::Stretch)?;
                Ok(vec![frames(path.display().to_string(), steps.frames(&picture)?, changed.notes())?])
            }
        }
    }

    /// What is to be said of a text with symbols that are not known.
    pub fn note_unknown(&self, value: &Raw) -> Option<String> {
        let (Raw::Text(text), Some(tokenizer)) = (value, &self.tokenizer) else { return None };
        tokenizer.note_unknown(&self.steps.text(text))
    }

    fn named(
        &self,
        (name, value, mut notes): Unlabelled,
        path: &Path,
        line: usize,
    ) -> Result<(Sequence, Named), ExampleError> {
        let mut sequence = self.sequence(&value, path, line)?;
        notes.extend(self.note_unknown(&value));
        let steps = sequence.len();
        if self.cut(&mut sequence) {
            notes.push(format!("the first {} of {steps} steps were read", sequence.len()));
        }
        Ok((sequence, Named { name, notes }))
    }
}

/// A row of so many numbers, between which stand commas, semicolons or white space, in frames of so many. Where semicolons do, commas
/// may stand before decimals, if no mark is `given`.
fn row(
    text: &str,
    path: &Path,
    line: usize,
    given: Option<Decimal>,
    [columns, width]: [usize; 2],
) -> Result<Raw, ExampleError> {
    let wrong = |fault| ExampleError::from(At::new(path, line, fault));
    let number = |decimal: Decimal, cell: &str| {
        decimal.parse(cell).map(|number| number as f32).filter(|number| number.is_finite())
    };
    let by_semicolons = text.contains(';');
    let commas_part = !by_semicolons && given != Some(Decimal::Comma);
    let is_between = |c: char| c == ';' || c.is_whitespace() || c == ',' && commas_part;
    let cells: Vec<&str> = text.split(is_between).filter(|cell| !cell.is_empty()).collect();
    let all = |decimal| cells.iter().all(|cell| number(decimal, cell).is_some());
    let found = || if !all(Decimal::Point) && all(Decimal::Comma) { Decimal::Comma } else { Decimal::Point };
    let decimal = given.unwrap_or_else(found);
    let read = |cell: &&str| {
        number(decimal, cell).ok_or_else(|| wrong(ExampleFault::NotANumber((*cell).to_owned())))
    };
    let values = cells.iter().map(read).collect::<Result<Vec<f32>, _>>()?;
    if values.len() != columns {
        return Err(wrong(ExampleFault::Count { found: values.len(), wanted: columns }));
    }
    Ok(Raw::Frames(Frames::of_row(values, width)))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_numbers_have_commas_between_them_or_before_their_decimals() {
        for (text, wanted) in [
            ("1.5,2,3e1", [1.5, 2.0, 30.0]),
            ("1.5 2\t30", [1.5, 2.0, 30.0]),
            ("1,5;2;30", [1.5, 2.0, 30.0]),
            ("1.5; 2; 30", [1.5, 2.0, 30.0]),
        ] {
            let Raw::Frames(frames) = row(text, Path::new("a"), 1, None, [3, 1]).unwrap() else {
                unreachable!()
            };
            assert_eq!(frames.values, wanted, "{text}");
        }
        let error = row("1.5;x;3", Path::new("a"), 1, None, [3, 1]).unwrap_err().to_string();
        assert_eq!(error, "a, line 1: x is no finite number");
    }
}
