//! Classification: the class of a text, a series, a sound or a picture, or several labels of it.

mod examples;
mod linear;

use std::path::Path;

use anaphora_data::error::{counted, grouped};
use anaphora_data::examples::{Example, Named, Reader, Steps};
use anaphora_data::frames::{PictureFrames, PictureSteps};
use anaphora_data::labelled::{self, class_weights, seen_once};
use anaphora_data::picture::Colour;
use anaphora_data::{Frames, Packed, Place, Sequence, Tokenizer, builtin};
use anaphora_nn::Start;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use self::examples::{Examples, THRESHOLD, targets};
use self::linear::{Learnt, LinearMap};
use super::shared::{
    ExampleTask, Input, InspectTask, Lesson, Looked, Names, PredictTask, Prediction, Prepares, Reading,
    Splits, Using, Words, hold_out, malformed_at, name, one_class, reader,
};
use crate::inspect::{Original, Says};
use crate::metrics::Evaluation;
use crate::model::{Compute, Objective, SequenceModel, Shape, Targets, likeliest};
use crate::recipe::{self, Builtin, ClassWeights, Data, Recipe, RecipeError, Shortcut, Task};
use crate::run::assets::Assets;
use crate::run::weights::{self, NamedTensor};
use crate::training::{Network, Shown, Validation, threads};
use crate::{Error, Result};

/// The name of the file of what a run's model reads, and which classes it knows.
const CLASSES: &str = "classes.json";
/// The name of the file of a run's linear map of texts.
const LINEAR: &str = "linear.json";

/// Examples that the built-in rules make, and the seed from which they make them.
const BUILTIN: (u64, usize) = (1, 4_000);
/// Samples of a built-in wave, and the deviation of the noise on it.
const WAVE: (usize, f32) = (100, 0.1);
/// Pixels along the side of a patch of a built-in shape.
const SHAPE_PATCH: usize = 8;

/// What a model reads, and which classes it knows.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Classes {
    /// The classes in alphabetical order.
    labels: Vec<String>,
    /// What stands between the labels of an example; none where each has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    separator: Option<String>,
    /// Whether there is a linear map; none in runs of earlier versions.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    mapped: bool,
    #[serde(flatten)]
    reader: Reader,
    /// The map that the network's outputs are added to, kept in a file of its own.
    #[serde(skip)]
    linear: Option<LinearMap>,
}

impl Lesson for Classes {
    type Encoded = Examples;
    type Model = SequenceModel;

    fn task(&self) -> Task {
        Task::Classify
    }

    fn input(&self) -> Option<recipe::Input> {
        Some(self.reader.steps.input())
    }

    fn complete(&self, recipe: &mut Recipe) {
        reader::complete(&self.reader.steps, recipe);
    }

    fn lengths(&self, examples: &Examples) -> Vec<usize> {
        examples.inputs.iter().map(Sequence::len).collect()
    }

    fn describe(&self) -> Words {
        let count = self.labels.len();
        let what = match self.separator {
            Some(_) => format!("any of {}", counted(count, "label")),
            None => format!("one of {}", counted(count, "class")),
        };
        Words {
            example: "example",
            unit: self.reader.steps.unit(),
            maps: format!("{}, {what}", self.reader.description()),
        }
    }

    fn batch(&self, examples: &Examples, batch: &[usize], _: Place) -> (Packed, Targets) {
        examples.batch(batch, self)
    }

    fn validate(&self, model: &SequenceModel, compute: &mut Compute, on: &Examples) -> Result<Validation> {
        on.validate(model, compute, self)
    }

    fn kept<'a>(&self, model: &'a SequenceModel, validation: &Validation) -> Vec<NamedTensor<'a>> {
        let mut tensors = weights::tensors(model.params());
        if let Some(Network { share, .. }) = validation.network {
            for head in tensors.iter_mut().filter(|tensor| tensor.name.starts_with("head.")) {
                head.data.to_mut().iter_mut().for_each(|weight| *weight *= share);
            }
        }
        tensors
    }
}

impl ExampleTask for Classes {
    type Example = Example;

    fn built_in(data: &Data) -> Result<Splits<Example>> {
        let ((seed, count), options, path) = (BUILTIN, reader::options(data), name(data));
        let mut examples = match data.builtin {
            Some(Builtin::Waves) => {
                let waves = builtin::waves(seed, count, WAVE.0, WAVE.1).into_iter();
                let wave = |(wave, form): (Frames, usize)| (builtin::WAVES[form].to_owned(), wave.values);
                Example::rows(waves.map(wave), WAVE.0, &options, &path)
            }
            Some(Builtin::Shapes) => {
                let frames = PictureFrames::Patches(data.patch.unwrap_or(SHAPE_PATCH));
                let (width, height) = (builtin::SIDE, builtin::SIDE);
                let steps = PictureSteps { width, height, colour: Colour::Rgb, frames };
                let shapes = builtin::shapes(seed, count).into_iter();
                Example::pictures(shapes.map(|(label, shape)| (label.to_owned(), shape)), steps, &path)?
            }
            builtin => {
                let texts = match builtin {
                    Some(Builtin::Opinions) => builtin::opinions(seed, count),
                    Some(Builtin::Motifs) => builtin::motifs(seed, count),
                    _ => builtin::names(seed, count),
                };
                let texts = texts.into_iter().map(|(label, text)| (label.to_owned(), text));
                Example::texts(texts, &options, &path)
            }
        };
        reader::settle(&mut examples, data, &mut |_| {});
        Ok(Splits::of(examples, &hold_out(data), |_| false)?)
    }

    fn read(from: &mut Reading<Self>) -> Result<Vec<Example>> {
        let known = from.known.map(|known| &known.reader);
        reader::read(from, &reader::options(from.data()), known)
    }

    fn read_splits(from: &mut Reading<Self>) -> Result<Splits<Example>> {
        let mut all = Self::read(from)?;
        let data = &from.recipe.data;
        reader::settle(&mut all, data, from.notes);
        let separator = separator(data, &all);
        let separator = separator.as_deref();
        let labelled = all.iter().flat_map(|example| {
            let place = (example.path.as_path(), example.line);
            labels_of(example, separator).into_iter().map(move |label| (label, place))
        });
        seen_once("label", labelled).iter().for_each(|note| (from.notes)(note));
        if let Some(pattern) = &data.test_files {
            mark_tests(pattern, &mut all)?;
        }
        Ok(Splits::of(all, &hold_out(data), |example| example.test)?)
    }

    fn open(recipe: &Recipe, assets: &mut Assets, splits: &Splits<Example>) -> Result<Self> {
        let tokenizer = reader::tokenizer(&splits.train, &recipe.data, assets)?;
        let made = tokenizer.clone();
        let classes: Self = assets.json(CLASSES, || Self::learn(splits, recipe, made))?;
        let reader = reader::opened(classes.reader, &recipe.data, assets, tokenizer)?;
        let mut classes = Self { reader, ..classes };
        if classes.mapped && recipe.model.shortcut == Shortcut::Linear {
            let linear = assets.summed_json(LINEAR, || Ok(classes.learn_linear(&splits.train, recipe)))?;
            if !linear.fits(classes.labels.len()) {
                let reason = "it is no map of n-grams to the classes of classes.json; restore the file that the run began with";
                return Err(malformed_at(LINEAR.as_ref(), 0, reason));
            }
            classes.linear = Some(linear);
        }
        Ok(classes)
    }

    fn show(&self, example: &Example) -> Result<Shown> {
        Ok(reader::shown(example))
    }

    fn encode(&self, examples: Vec<Example>, from: &mut Reading<Self>) -> Result<Examples> {
        let truth = |example: &Example| -> Result<_> {
            let text = reader::text(example).unwrap_or_default();
            Ok((self.classes(example)?, self.linear.as_ref().map(|linear| linear.logits(text))))
        };
        let (skip_bad, notes) = (from.data().skip_bad, &mut *from.notes);
        let (inputs, truths) = self.reader.encode(examples, skip_bad, notes, truth)?;
        let (classes, linear): (Vec<_>, Vec<_>) = truths.into_iter().unzip();
        let linear = linear.into_iter().flatten().flatten().collect();
        Ok(Examples { inputs, classes, linear })
    }

    fn baseline(&self, validation: &Examples) -> Result<Option<String>> {
        let Some((linear, scored)) = self.linear.as_ref().zip(validation.score_linear(self)?) else {
            return Ok(None);
        };
        let [(name, score), _] = scored.best();
        let (count, name) = (grouped(linear.len() as u64), name.replace('_', " "));
        Ok(Some(format!(
            "a linear map of {count} n-grams of words and characters has a validation loss of {:.3}, {name} {score:.3}; what the network says is added to it",
            scored.loss
        )))
    }

    fn model(&self, recipe: &Recipe, start: Start, train: Option<&Examples>) -> SequenceModel {
        let classes = train.map(|train| train.classes.iter().flatten());
        let objective = match self.separator {
            Some(_) => Objective::Labels,
            None => one_class(&recipe.training, classes, self.labels.len()),
        };
        let (reads, outputs) = (reader::reads(&self.reader), self.labels.len());
        let shape = Shape { reads, outputs, each_step: false, causal: false };
        SequenceModel::new(&reader::sized(&self.reader, &recipe.model), shape, objective, start)
    }

    fn evaluate(&self, on: &mut Using<Self>, examples: Vec<Example>) -> Result<Evaluation> {
        let examples = self.encode(examples, &mut on.from)?;
        if examples.inputs.is_empty() {
            return Ok(Evaluation::new(0, "example"));
        }
        let scored = examples.score(on.model, on.compute, self)?;
        let mut evaluation = scored.model.evaluation(examples.inputs.len(), &self.labels);
        if let Some(linear) = &scored.linear {
            evaluation.beside(&[("this model", scored.model.scores()), ("linear map", linear.scores())]);
        }
        Ok(evaluation)
    }
}

impl PredictTask for Classes {
    fn outputs(&self) -> &[String] {
        &self.labels
    }

    fn reads_lines(&self, path: &Path) -> Result<bool> {
        Ok(reader::reads_lines(&self.reader, path))
    }

    fn nothing(&self, text: &str) -> Value {
        match self.separator {
            Some(_) => json!({ "input": text, "labels": null, "probabilities": null }),
            None => json!({ "input": text, "label": null, "probability": null, "probabilities": null }),
        }
    }

    fn predict(&self, with: &mut Using<Self>, inputs: &[Input]) -> Result<Vec<Prediction>> {
        let (inputs, names) = reader::inputs(&self.reader, inputs)?;
        // A text is called by itself.
        let said = |linear: &LinearMap| names.iter().flat_map(|named| linear.logits(&named.name)).collect();
        let linear = self.linear.as_ref().map(said).unwrap_or_default();
        let examples = Examples { inputs, classes: Vec::new(), linear };
        let probabilities = examples.probabilities(with.model, with.compute, self)?;
        let rows = probabilities.chunks_exact(self.labels.len());
        Ok(names.iter().zip(rows).map(|(named, row)| self.prediction(named, row)).collect())
    }
}

impl InspectTask for Classes {
    fn names(&self) -> Names {
        Names {
            outputs: self.labels.clone(),
            symbols: reader::symbols(&self.reader),
            says: if self.separator.is_some() { Says::Labels } else { Says::Classes },
            unit: self.reader.steps.unit(),
            is_each_step: false,
        }
    }

    fn file(&self) -> &'static str {
        CLASSES
    }

    fn prepares(&self) -> Prepares {
        match &self.linear {
            Some(linear) => Prepares::Ngrams(Box::new(linear.map().clone())),
            None => reader::prepares(&self.reader),
        }
    }

    fn vocabularies(&self) -> Vec<(&'static str, String)> {
        self.linear.iter().map(|linear| ("ngrams", linear.vocabulary())).collect()
    }

    fn end(&self) -> Option<u32> {
        self.reader.tokenizer.as_ref().map(Tokenizer::end_id)
    }

    fn look_at_input(&self, input: &Input, _: &Recipe) -> Result<Vec<Looked>> {
        let mut looked = reader::look_at_inputs(&self.reader, input)?;
        for Looked { batch, text, .. } in &mut looked {
            if let (Some(linear), Some(text)) = (&self.linear, text) {
                batch.offsets = linear.logits(text);
            }
        }
        Ok(looked)
    }

    fn batch_of(&self, examples: &Examples, batch: &[usize]) -> (Packed, Targets) {
        let (packed, targets) = examples.batch(batch, self);
        (Packed { offsets: examples.offsets(batch, self.labels.len()), ..packed }, targets)
    }

    fn original(&self, batch: &Packed) -> Option<Original> {
        reader::original(&self.reader, &batch.values)
    }

    fn look_at(&self, example: &Example, batch: &Packed) -> (Option<Vec<String>>, Option<String>) {
        (reader::look_at(&self.reader, batch), reader::text(example).map(str::to_owned))
    }

    fn notes_of(&self, example: &Example) -> Vec<String> {
        reader::notes_of(&self.reader, example)
    }
}

impl Classes {
    /// The pictures that are read, where they are such.
    pub fn pictures(&self) -> Option<PictureSteps> {
        reader::pictures(&self.reader)
    }

    /// The linear map of the training examples.
    fn learn_linear(&self, examples: &[Example], recipe: &Recipe) -> LinearMap {
        let texts: Vec<&str> = examples.iter().map(|one| reader::text(one).unwrap_or_default()).collect();
        // One whose label is not known is skipped, or an error, where it is encoded.
        let classes = |example| self.classes(example).unwrap_or_else(|_| vec![0]);
        let classes: Vec<Vec<u32>> = examples.iter().map(classes).collect();
        let (targets, outputs) = (targets(classes.iter(), self), self.labels.len());
        let weighted = self.separator.is_none() && recipe.training.class_weights != ClassWeights::None;
        let weights = weighted.then(|| class_weights(classes.iter().flatten(), outputs));
        let threads = match threads(recipe.training.threads).0 {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            threads => threads,
        };
        let lowercase = matches!(self.reader.steps, Steps::Text { lowercase: true, .. });
        let weights = weights.as_deref();
        LinearMap::learn(&Learnt { texts: &texts, targets: &targets, outputs, weights, threads }, lowercase)
    }

    /// What is learnt of the training examples; labels of others that were read with them are known too.
    fn learn(splits: &Splits<Example>, recipe: &Recipe, tokenizer: Option<Tokenizer>) -> Result<Self> {
        let separator = separator(&recipe.data, splits.of_one_reading());
        let all = splits.of_one_reading();
        let of_example = |example| labels_of(example, separator.as_deref());
        let mut labels: Vec<String> = all.flat_map(of_example).map(str::to_owned).collect();
        labels.sort();
        labels.dedup();
        if separator.is_some() && recipe.data.label_separator.is_none() {
            let weights = recipe.training.class_weights;
            if weights != ClassWeights::None {
                let path = splits.train[0].path.display();
                let sentence = format!(
                    "training.class_weights is for one label an example, and {path} has several in a line; leave it out"
                );
                return Err(RecipeError::Conflict(sentence).into());
            }
        }
        if let ([only], None) = (&labels[..], &separator) {
            let reason = format!("all examples to learn from have the label {only}; two or more are needed");
            return Err(malformed_at(&splits.train[0].path, 0, reason));
        }
        let reader = reader::learn(splits, tokenizer, &recipe.model)?;
        let is_text = matches!(reader.steps, Steps::Text { .. });
        let mapped = is_text && recipe.model.shortcut == Shortcut::Linear;
        Ok(Self { labels, separator, mapped, reader, linear: None })
    }

    /// The numbers of an example's labels.
    fn classes(&self, example: &Example) -> Result<Vec<u32>> {
        let number = |label: &str| {
            let class = self.labels.binary_search_by(|known| known.as_str().cmp(label)).map_err(|_| {
                let known = crate::error::listed(&self.labels);
                let reason = format!("the label {label} is none of those that are learnt from ({known})");
                malformed_at(&example.path, example.line, reason)
            })?;
            Ok(class as u32)
        };
        let labels = labels_of(example, self.separator.as_deref()).into_iter();
        let mut classes = labels.map(number).collect::<Result<Vec<_>>>()?;
        classes.sort_unstable();
        classes.dedup();
        Ok(classes)
    }

    /// What is to be said of an example with such probabilities.
    fn prediction(&self, Named { name, notes }: &Named, row: &[f32]) -> Prediction {
        let labels = &self.labels;
        let all: serde_json::Map<_, _> =
            labels.iter().zip(row).map(|(label, p)| (label.clone(), json!(p))).collect();
        let (text, json) = if self.separator.is_some() {
            let there: Vec<_> = labels.iter().zip(row).filter(|(_, p)| **p >= THRESHOLD).collect();
            let listed: Vec<String> = there.iter().map(|(label, p)| format!("{label} {p:.3}")).collect();
            let listed = if listed.is_empty() { "no label".to_owned() } else { listed.join(", ") };
            let names: Vec<&String> = there.into_iter().map(|(label, _)| label).collect();
            (format!("{listed}  {name}"), json!({ "input": name, "labels": names, "probabilities": all }))
        } else {
            let class = likeliest(row);
            let (label, probability) = (&labels[class], row[class]);
            let json =
                json!({ "input": name, "label": label, "probability": probability, "probabilities": all });
            (format!("{label}  {probability:.3}  {name}"), json)
        };
        Prediction::new(text, json).noted(notes)
    }
}

/// What stands between the labels of an example that may have several: what the recipe says, or a blank where fastText's files
/// have several in a line.
fn separator<'a>(data: &Data, examples: impl IntoIterator<Item = &'a Example>) -> Option<String> {
    let several = || examples.into_iter().any(|example| labelled::has_several(&example.label));
    data.label_separator.clone().or_else(|| several().then(|| labelled::SEPARATOR.to_owned()))
}

/// The labels of an example: the parts of its cell where it may have several.
fn labels_of<'a>(example: &'a Example, separator: Option<&'a str>) -> Vec<&'a str> {
    match separator {
        Some(separator) => {
            let labels = example.label.split(separator).map(str::trim);
            labels.filter(|label| !label.is_empty()).collect()
        }
        None => vec![&example.label],
    }
}

/// Keeps the examples for a test whose file's name is like the pattern.
fn mark_tests(pattern: &str, all: &mut [Example]) -> Result<()> {
    let conflict = |sentence: String| Error::Recipe(RecipeError::Conflict(sentence));
    let matcher = glob::Pattern::new(pattern).map_err(|error| {
        let sentence = format!("data.test_files is {pattern}, which is no pattern such as *_[0-4].wav");
        conflict(format!("{sentence} ({})", error.msg))
    })?;
    for example in all.iter_mut() {
        let name = example.path.file_name().unwrap_or_default().to_string_lossy();
        example.test |= matcher.matches(&name);
    }
    if !all.iter().any(|example| example.test) {
        let name = all[0].path.display();
        return Err(conflict(format!(
            "data.test_files is {pattern}, which is like the name of no file ({name} is the first)"
        )));
    }
    Ok(())
}
