//! A trained classifier, and what it is given.

use std::path::Path;

use anaphora_data::Tokenizer;
use anaphora_data::picture::parse_images;
use serde_json::json;

use super::examples::{Examples, THRESHOLD};
use super::interface::{CLASSES, Interface};
use super::read::{Example, Raw, read};
use super::steps::{Ear, Steps, number_frames};
use super::{files, parts};
use crate::assets::read_json;
use crate::corpus::read_tokenizer;
use crate::learner::Compute;
use crate::model::SequenceModel;
use crate::recipe::Recipe;
use crate::tasks::classes::likeliest;
use crate::tasks::predict::{Given, On, Prediction, Predictor, Report, lines, text_lines};
use crate::trained::load_weights;
use crate::{Device, Error, Result, Run};

/// A trained classifier.
pub struct Classifier {
    run: Run,
    recipe: Recipe,
    interface: Interface,
    tokenizer: Option<Tokenizer>,
    model: SequenceModel,
    compute: Compute,
}

impl Classifier {
    /// Opens a run.
    pub fn open(run: Run, device: Device) -> Result<Self> {
        let recipe = run.recipe()?;
        let interface: Interface = read_json(run.path(), CLASSES)?;
        let tokenizer = match interface.steps {
            Steps::Text { .. } => Some(read_tokenizer(&run.tokenizer_path())?),
            _ => None,
        };
        let shape = interface.shape(tokenizer.as_ref());
        let objective = interface.objective(0.0, None);
        let mut model = SequenceModel::new(&interface.model(&recipe.model), shape, objective, None);
        load_weights(&run, model.params_mut())?;
        Ok(Self { run, recipe, interface, tokenizer, model, compute: Compute::new(device) })
    }

    /// What is to be said of an example with such probabilities.
    fn prediction(&self, unlabelled: &Unlabelled, row: &[f32]) -> Prediction {
        let labels = &self.interface.labels;
        let all: serde_json::Map<_, _> =
            labels.iter().zip(row).map(|(label, p)| (label.clone(), json!(p))).collect();
        let Unlabelled { name, notes, .. } = unlabelled;
        let (text, mut json) = if self.interface.separator.is_some() {
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
        if notes.is_empty() {
            return Prediction { text, json };
        }
        json["notes"] = json!(notes);
        Prediction { text: format!("{text} ({})", notes.join("; ")), json }
    }
}

impl Predictor for Classifier {
    fn predict(&mut self, given: &[Given]) -> Result<Vec<Prediction>> {
        let mut examples = Examples::default();
        let mut all = Vec::new();
        for given in given {
            for mut unlabelled in unlabelled(given, &self.interface.steps)? {
                let mut sequence = self.interface.sequence(self.tokenizer.as_ref(), &unlabelled.example)?;
                let steps = sequence.len();
                if self.interface.cut(&mut sequence) {
                    unlabelled.notes.push(format!("the first {} of {steps} steps were read", sequence.len()));
                }
                unlabelled.example.value = Raw::default();
                examples.inputs.push(sequence);
                all.push(unlabelled);
            }
        }
        if all.is_empty() {
            return Ok(Vec::new());
        }
        let rows = examples.probabilities(&self.model, &mut self.compute, &self.interface)?;
        let rows = rows.chunks_exact(self.interface.labels.len());
        Ok(all.iter().zip(rows).map(|(unlabelled, row)| self.prediction(unlabelled, row)).collect())
    }

    fn evaluate(&mut self, on: &On) -> Result<Report> {
        let steps = Some(&self.interface.steps);
        let data = match on {
            On::Data(..) => self.recipe.data.clone(),
            _ => self.run.data(&self.recipe.data)?,
        };
        let labelled = match on {
            On::Data(path, _) => read(&data, Some(path), steps)?,
            On::Validation => parts(&data, steps, &mut |_| {})?.validation,
            On::Test => parts(&data, steps, &mut |_| {})?.test,
        };
        let mut notes = labelled.notes.clone();
        let mut note = |text: &str| notes.push(text.to_owned());
        let examples =
            self.interface.examples(self.tokenizer.as_ref(), labelled, data.skip_bad, &mut note)?;
        if examples.inputs.is_empty() {
            return Err(Error::NoExamples(self.run.path().to_owned()));
        }
        let scored = examples.score(&self.model, &mut self.compute, &self.interface)?;
        let mut report = scored.report(examples.inputs.len(), &self.interface.labels);
        report.notes = notes;
        Ok(report)
    }
}

/// Something to be classified, with a name for it and what is to be said of it.
struct Unlabelled {
    name: String,
    example: Example,
    notes: Vec<String>,
}

impl Unlabelled {
    fn new(name: String, value: Raw, path: &Path, line: usize) -> Self {
        let example = Example { value, path: path.to_owned(), line, ..Example::default() };
        Self { name, example, notes: Vec::new() }
    }
}

/// What is given to be classified.
fn unlabelled(given: &Given, steps: &Steps) -> Result<Vec<Unlabelled>> {
    let path = given.path();
    match (given, steps) {
        (Given::Text(text), Steps::Text { .. }) => {
            Ok(vec![Unlabelled::new(text.clone(), Raw::Text(text.clone()), path, 0)])
        }
        (Given::Text(text), Steps::Numbers { columns, width }) => {
            Ok(vec![row(text, path, 0, [*columns, *width])?])
        }
        (Given::Text(_), _) => {
            let reason = format!("the model reads {}; name a file", steps.files());
            Err(Error::Malformed { path: path.to_owned(), reason })
        }
        (Given::File(_), Steps::Text { .. }) => {
            let text = lines(path)?;
            let line = |(line, text): (usize, &str)| {
                Unlabelled::new(text.to_owned(), Raw::Text(text.to_owned()), path, line)
            };
            Ok(text_lines(&text).map(line).collect())
        }
        (Given::File(_), Steps::Numbers { columns, width }) => {
            let text = lines(path)?;
            text_lines(&text).map(|(line, text)| row(text, path, line, [*columns, *width])).collect()
        }
        (Given::File(_), Steps::Sound(steps)) => {
            let (frames, other) = Ear::new(steps.clone())?.read(path)?;
            let mut sound = Unlabelled::new(path.display().to_string(), Raw::Frames(frames), path, 0);
            let rate = steps.rate;
            sound.notes.extend(other.map(|other| format!("resampled from {other} to {rate} Hz")));
            Ok(vec![sound])
        }
        (Given::File(_), Steps::Picture(steps)) => {
            let content = std::fs::read(path).map_err(Error::io("read", path))?;
            // An IDX file begins with two zeros, and may be compressed; a PNG or JPEG file with neither.
            if content.starts_with(&[0, 0, 8]) || content.starts_with(&[0x1f, 0x8b]) {
                let pictures = parse_images(&content, path)?;
                let picture = |(index, picture)| {
                    let frames = Raw::Frames(files::idx_frames(steps, picture, path, index)?);
                    Ok(Unlabelled::new(format!("{} {}", path.display(), index + 1), frames, path, 0))
                };
                return pictures.iter().enumerate().map(picture).collect();
            }
            let frames = steps.frames(&steps.read(path)?)?;
            Ok(vec![Unlabelled::new(path.display().to_string(), Raw::Frames(frames), path, 0)])
        }
    }
}

/// A row of so many numbers, between which stand commas, semicolons or white space, in frames of so many.
fn row(text: &str, path: &Path, line: usize, [columns, width]: [usize; 2]) -> Result<Unlabelled> {
    let at = if line > 0 { format!("line {line}: ") } else { String::new() };
    let malformed = |reason: String| Error::Malformed { path: path.to_owned(), reason };
    let number = |cell: &str| {
        let number = cell.parse::<f32>().ok().filter(|number| number.is_finite());
        number.ok_or_else(|| malformed(format!("{at}{cell} is no finite number")))
    };
    let cells = text.split(|c: char| matches!(c, ',' | ';') || c.is_whitespace());
    let values = cells.filter(|cell| !cell.is_empty()).map(number).collect::<Result<Vec<f32>>>()?;
    if values.len() != columns {
        let found = values.len();
        return Err(malformed(format!("{at}there are {found} numbers, {columns} as in training are needed")));
    }
    let name = if line > 0 { format!("line {line}") } else { text.to_owned() };
    Ok(Unlabelled::new(name, Raw::Frames(number_frames(values, width)), path, line))
}
