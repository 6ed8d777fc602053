//! What turns an example into numbers, and numbers into a class: all that a prediction needs beside the weights.

use anaphora_data::{Scaler, Sequence, Tokenizer, TokenizerError};
use serde::{Deserialize, Serialize};

use super::Parts;
use super::examples::Examples;
use super::read::{Example, Labelled, Raw, UNKNOWN, labels};
use super::steps::{PictureFrames, PictureSteps, Steps};
use crate::model::{Objective, Reads, Shape};
use crate::recipe::{Backbone, Model};
use crate::{Error, Result};

/// The name of its file in a run folder.
pub const CLASSES: &str = "classes.json";

/// What a model reads, and which classes it knows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Interface {
    /// The classes in alphabetical order.
    pub labels: Vec<String>,
    /// What stands between the labels of an example; none where each has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub separator: Option<String>,
    /// What the steps of an example are made of.
    pub steps: Steps,
    /// Most steps that the model reads; none where there is no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context: Option<usize>,
    /// How frames are scaled, learnt on what is trained on; none for text.
    pub scaler: Option<Scaler>,
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

impl Interface {
    /// What is learnt of the training examples; labels of others that were read with them are known too.
    pub fn learn(
        parts: &Parts,
        tokenizer: Option<&Tokenizer>,
        separator: Option<&str>,
        model: &Model,
    ) -> Result<Self> {
        let train = &parts.train;
        let all = || parts.of_one_reading().flat_map(|part| &part.examples);
        let mut labels: Vec<String> =
            all().flat_map(|example| labels(&example.label, separator)).map(str::to_owned).collect();
        labels.sort();
        labels.dedup();
        if let ([only], None) = (&labels[..], separator) {
            let reason = format!("all examples to learn from have the label {only}; two or more are needed");
            return Err(Error::Malformed { path: train.examples[0].path.clone(), reason });
        }
        let steps = train.steps.clone();
        let scaler = scaler(train);
        let mut interface =
            Self { labels, separator: separator.map(str::to_owned), steps, context: None, scaler };
        if model.backbone == Backbone::Transformer {
            let mut longest = 1;
            for example in all() {
                longest = longest.max(interface.sequence(tokenizer, example)?.len());
            }
            // Room for what is longer than all of these.
            interface.context = Some(model.context.unwrap_or(2 * longest));
        }
        Ok(interface)
    }

    /// The recipe's model with what the data decide of it.
    pub fn model(&self, model: &Model) -> Model {
        Model { context: self.context.or(model.context), ..model.clone() }
    }

    /// The sizes of the model.
    pub fn shape(&self, tokenizer: Option<&Tokenizer>) -> Shape {
        let reads = match (&self.scaler, &self.steps) {
            (
                Some(scaler),
                Steps::Picture(PictureSteps { width, height, frames: PictureFrames::Whole, .. }),
            ) => Reads::Pictures { size: [*height, *width], channels: scaler.mean.len() },
            (Some(scaler), _) => Reads::Frames(scaler.mean.len()),
            (None, _) => Reads::Tokens(tokenizer.map_or(0, Tokenizer::vocab_size)),
        };
        Shape { reads, outputs: self.labels.len(), each_step: false, causal: false }
    }

    /// What the model predicts.
    pub fn objective(&self, label_smoothing: f32, weights: Option<Vec<f32>>) -> Objective {
        match self.separator {
            Some(_) => Objective::Labels,
            None => Objective::Classes { label_smoothing, weights },
        }
    }

    /// An example as a model reads it.
    pub fn sequence(&self, tokenizer: Option<&Tokenizer>, example: &Example) -> Result<Sequence> {
        let malformed = |reason: String| {
            let reason = match example.line {
                0 => reason,
                line => format!("line {line}: {reason}"),
            };
            Error::Malformed { path: example.path.clone(), reason }
        };
        match (&example.value, tokenizer, &self.scaler) {
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
    pub fn cut(&self, sequence: &mut Sequence) -> bool {
        let Some(context) = self.context.filter(|&context| sequence.len() > context) else { return false };
        match sequence {
            Sequence::Tokens(ids) => ids.truncate(context),
            Sequence::Frames(frames) => frames.values.truncate(context * frames.width),
        }
        true
    }

    /// The numbers of an example's labels.
    fn classes(&self, example: &Example) -> Result<Vec<u32>> {
        let number = |label: &str| {
            let class = self.labels.binary_search_by(|known| known.as_str().cmp(label)).map_err(|_| {
                let known = crate::error::listed(&self.labels);
                let at = if example.line > 0 { format!("line {}: ", example.line) } else { String::new() };
                let reason = format!("{at}the label {label} is none of those that are learnt from ({known})");
                Error::Malformed { path: example.path.clone(), reason }
            })?;
            Ok(class as u32)
        };
        let mut classes = labels(&example.label, self.separator.as_deref())
            .into_iter()
            .map(number)
            .collect::<Result<Vec<_>>>()?;
        classes.sort_unstable();
        classes.dedup();
        Ok(classes)
    }

    /// Examples as a model reads them; it is noted which were cut, and, where bad ones are to be skipped, skipped.
    pub fn examples(
        &self,
        tokenizer: Option<&Tokenizer>,
        labelled: Labelled,
        skip_bad: bool,
        notes: &mut dyn FnMut(&str),
    ) -> Result<Examples> {
        let mut examples = Examples::default();
        let (mut cut, count) = (0, labelled.examples.len());
        for example in labelled.examples {
            let read =
                self.classes(&example).and_then(|classes| Ok((classes, self.sequence(tokenizer, &example)?)));
            match read {
                Ok((classes, mut sequence)) => {
                    cut += usize::from(self.cut(&mut sequence));
                    examples.classes.push(classes);
                    examples.inputs.push(sequence);
                }
                Err(error) if skip_bad => notes(&format!("{error} (skipped)")),
                Err(error) => return Err(error),
            }
        }
        if let (1.., Some(context)) = (cut, self.context) {
            notes(&format!(
                "{cut} of {count} examples are longer than the context of {context} steps, and were cut"
            ));
        }
        Ok(examples)
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
fn scaler(train: &Labelled) -> Option<Scaler> {
    let frames = || {
        train.examples.iter().filter_map(|example| match &example.value {
            Raw::Frames(frames) => Some(frames),
            Raw::Text(_) => None,
        })
    };
    let width = frames().next()?.width;
    let values = frames().map(|frames| &frames.values[..]);
    if train.steps.columns_are_alike() {
        let Scaler { mean, deviation } = Scaler::fit_all(values, 1);
        return Some(Scaler { mean: mean.repeat(width), deviation: deviation.repeat(width) });
    }
    Some(Scaler::fit_all(values, width))
}
