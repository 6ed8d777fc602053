//! Classification: the class of a text, a series, a sound or a picture.

mod read;

use std::path::Path;

use anaphora_data::{BatchSize, Batches, Order, Packed, Scaler, Sequence, Tokenizer, share_out};
use anaphora_nn::Params;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use self::read::{Labelled, Raw, read};
use super::predict::{Given, On, Prediction, Predictor, Report};
use crate::assets::Assets;
use crate::learner::{Compute, Description, Extent, Learner, Learnt, Validation};
use crate::model::{Objective, Reads, SequenceModel, Shape, Targets};
use crate::recipe::{self, Builtin, ClassWeights, Data, HoldOut, Recipe, Task};
use crate::scores::{Confusion, OneVsRest, auroc_one_vs_rest};
use crate::trained::load_weights;
use crate::{Device, Error, Result, Run};

/// The name of the file of what a run's model reads and which classes it knows.
const CLASSES: &str = "classes.json";

/// Sequences that are scored at once.
const ROWS: usize = 256;

/// What turns an example into numbers, and numbers into a class.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Interface {
    /// The classes in alphabetical order.
    labels: Vec<String>,
    /// How frames are scaled, learnt on what is trained on; none for text.
    scaler: Option<Scaler>,
    /// What an example is read as; never [`recipe::Input::Auto`].
    input: recipe::Input,
}

/// Examples as a model reads them.
#[derive(Default)]
struct Examples {
    inputs: Vec<Sequence>,
    classes: Vec<u32>,
}

/// A classifier and the examples that it learns.
pub struct Classify {
    model: SequenceModel,
    interface: Interface,
    train: Examples,
    validation: Examples,
    batches: Batches,
}

/// Better defaults for classification than a language model's.
pub fn defaults(recipe: &mut Recipe) {
    let Recipe { data, model, training, .. } = recipe;
    data.tokenizer = match data.builtin {
        Some(Builtin::Names) => recipe::Tokenizer::Character,
        _ => recipe::Tokenizer::Word { size: 20_000 },
    };
    (model.layers, model.hidden_size, model.dropout) = (1, 128, 0.3);
    model.bidirectional = true;
    training.batch = 32;
    training.learning_rate = 1e-3;
    (training.validate_every, training.checkpoint_every) = (100, 200);
    training.patience = 10;
}

/// What is learnt, validated on and kept for a test.
struct Parts {
    train: Labelled,
    validation: Labelled,
    test: Labelled,
}

/// Reads what the recipe names and shares it out.
fn parts(data: &Data, notes: &mut dyn FnMut(&str)) -> Result<Parts> {
    let mut all = read(data, None)?;
    all.notes.iter().for_each(|note| notes(note));
    let how = anaphora_data::HoldOut {
        test_every: data.test_every,
        test_offset: data.test_offset,
        validation_fraction: if data.validation.is_some() { 0.0 } else { data.validation_fraction },
        order: match data.hold_out {
            HoldOut::Random => Order::Shuffled { seed: 1 },
            HoldOut::End => Order::File,
        },
    };
    let shares = share_out(all.examples.len(), &how, |index| all.examples[index].test)?;
    let mut take = |indices: &[usize]| Labelled {
        examples: indices.iter().map(|&index| std::mem::take(&mut all.examples[index])).collect(),
        input: all.input,
        notes: Vec::new(),
    };
    let (train, test) = (take(&shares.train), take(&shares.test));
    let validation = match &data.validation {
        Some(path) => {
            let held_out = read(data, Some(path))?;
            held_out.notes.iter().for_each(|note| notes(note));
            held_out
        }
        None => take(&shares.validation),
    };
    Ok(Parts { train, validation, test })
}

impl Interface {
    /// What is learnt of the training examples.
    fn learn(train: &Labelled) -> Result<Self> {
        let mut labels: Vec<String> = train.examples.iter().map(|example| example.label.clone()).collect();
        labels.sort();
        labels.dedup();
        if let [only] = &labels[..] {
            let reason = format!("all examples to learn from have the label {only}; two or more are needed");
            return Err(Error::Malformed { path: train.examples[0].path.clone(), reason });
        }
        let mut values = Vec::new();
        let mut width = 0;
        for example in &train.examples {
            if let Raw::Frames(frames) = &example.value {
                values.extend_from_slice(&frames.values);
                width = frames.width;
            }
        }
        let scaler = (!values.is_empty()).then(|| Scaler::fit(&values, width));
        Ok(Self { labels, scaler, input: train.input })
    }

    /// What a model reads.
    fn reads(&self, tokenizer: Option<&Tokenizer>) -> Reads {
        match (&self.scaler, tokenizer) {
            (Some(scaler), _) => Reads::Frames(scaler.mean.len()),
            (None, tokenizer) => Reads::Tokens(tokenizer.map_or(0, Tokenizer::vocab_size)),
        }
    }

    /// An example as a model reads it.
    fn sequence(&self, tokenizer: Option<&Tokenizer>, value: Raw, path: &Path) -> Result<Sequence> {
        match (value, tokenizer, &self.scaler) {
            (Raw::Text(text), Some(tokenizer), _) => {
                let ids = tokenizer.encode(&text);
                let mut ids = ids.map_err(|source| Error::Tokens { path: path.to_owned(), source })?;
                ids.push(tokenizer.end_id());
                Ok(Sequence::Tokens(ids))
            }
            (Raw::Frames(mut frames), _, Some(scaler)) if frames.width == scaler.mean.len() => {
                scaler.apply(&mut frames.values);
                Ok(Sequence::Frames(frames))
            }
            (Raw::Frames(frames), _, Some(scaler)) => {
                let (found, wanted) = (frames.width, scaler.mean.len());
                let reason = format!("a frame has {found} numbers where the model reads {wanted}");
                Err(Error::Malformed { path: path.to_owned(), reason })
            }
            (value, ..) => {
                let (found, wanted) = match value {
                    Raw::Text(_) => ("text", "frames of numbers"),
                    Raw::Frames(_) => ("frames of numbers", "text"),
                };
                let reason = format!("there is {found} where the model reads {wanted}");
                Err(Error::Malformed { path: path.to_owned(), reason })
            }
        }
    }

    /// Examples as a model reads them.
    fn examples(&self, tokenizer: Option<&Tokenizer>, labelled: Labelled) -> Result<Examples> {
        let mut examples = Examples::default();
        for example in labelled.examples {
            let class = self.labels.binary_search(&example.label).map_err(|_| {
                let (line, label) = (example.line, &example.label);
                let known = crate::error::listed(&self.labels);
                let at = if line > 0 { format!("line {line}: ") } else { String::new() };
                let reason = format!("{at}the label {label} is none of those that are learnt from ({known})");
                Error::Malformed { path: example.path.clone(), reason }
            })?;
            examples.classes.push(class as u32);
            examples.inputs.push(self.sequence(tokenizer, example.value, &example.path)?);
        }
        Ok(examples)
    }
}

impl Classify {
    /// Reads what the recipe names.
    pub fn open(recipe: &Recipe, assets: &mut Assets, notes: &mut dyn FnMut(&str)) -> Result<Self> {
        let Recipe { data, training, .. } = recipe;
        let Parts { train, validation, .. } = parts(data, notes)?;
        let interface = assets.json(CLASSES, || Interface::learn(&train))?;
        let tokenizer = match interface.scaler {
            Some(_) => None,
            None => Some(assets.tokenizer(|| train.tokenizer(&validation, data))?),
        };
        let train = interface.examples(tokenizer.as_ref(), train)?;
        let validation = interface.examples(tokenizer.as_ref(), validation)?;
        let objective = Objective::Classes {
            label_smoothing: training.label_smoothing as f32,
            weights: class_weights(training.class_weights, &train.classes, interface.labels.len()),
        };
        let shape = shape(&interface, tokenizer.as_ref());
        let size = match training.batch_units {
            Some(units) => BatchSize::Units(units),
            None => BatchSize::Examples(training.batch),
        };
        Ok(Self {
            model: SequenceModel::new(&recipe.model, shape, objective, Some(training.seed.into())),
            batches: Batches::new(train.lengths(), size, training.seed.into())?,
            interface,
            train,
            validation,
        })
    }
}

fn shape(interface: &Interface, tokenizer: Option<&Tokenizer>) -> Shape {
    Shape { reads: interface.reads(tokenizer), outputs: interface.labels.len(), each_step: false }
}

/// One over the frequency of each class, so that all count as much; their mean over the examples is 1.
fn class_weights(kind: ClassWeights, classes: &[u32], count: usize) -> Option<Vec<f32>> {
    if kind == ClassWeights::None {
        return None;
    }
    let mut counts = vec![0_usize; count];
    classes.iter().for_each(|&class| counts[class as usize] += 1);
    let weight = |&there: &usize| classes.len() as f32 / (count * there.max(1)) as f32;
    Some(counts.iter().map(weight).collect())
}

impl Examples {
    fn lengths(&self) -> Vec<usize> {
        self.inputs.iter().map(Sequence::len).collect()
    }

    fn extent(&self) -> Extent {
        Extent { examples: self.inputs.len(), units: self.lengths().iter().sum() }
    }

    /// The probabilities of the classes, `[examples, classes]`, and the mean loss without weights or smoothing.
    fn score(&self, model: &mut SequenceModel, compute: &mut Compute, classes: usize) -> Result<Scored> {
        let mut probabilities = vec![0.0; self.inputs.len() * classes];
        for batch in Batches::in_order(&self.lengths(), BatchSize::Examples(ROWS)) {
            let packed = Packed::new(batch.iter().map(|&example| &self.inputs[example]));
            let (logits, _) = model.predict(compute, &packed, None)?;
            for (&example, logits) in batch.iter().zip(logits.chunks_exact(classes)) {
                softmax(logits, &mut probabilities[example * classes..][..classes]);
            }
        }
        let truth: Vec<usize> = self.classes.iter().map(|&class| class as usize).collect();
        let surprise = |(row, &class): (&[f32], &usize)| -f64::from(row[class].max(f32::MIN_POSITIVE)).ln();
        let sum: f64 = probabilities.chunks_exact(classes).zip(&truth).map(surprise).sum();
        let predicted: Vec<usize> = probabilities.chunks_exact(classes).map(likeliest).collect();
        let confusion = Confusion::new(&truth, &predicted, classes)?;
        Ok(Scored { loss: sum / truth.len() as f64, confusion, truth, probabilities })
    }
}

/// How well examples are classified.
struct Scored {
    loss: f64,
    confusion: Confusion,
    truth: Vec<usize>,
    probabilities: Vec<f32>,
}

fn softmax(logits: &[f32], probabilities: &mut [f32]) {
    let most = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    probabilities.iter_mut().zip(logits).for_each(|(p, logit)| *p = (logit - most).exp());
    let sum: f32 = probabilities.iter().sum();
    probabilities.iter_mut().for_each(|p| *p /= sum);
}

fn likeliest(row: &[f32]) -> usize {
    (0..row.len()).max_by(|&a, &b| row[a].total_cmp(&row[b])).unwrap_or(0)
}

impl Learner for Classify {
    fn task(&self) -> Task {
        Task::Classify
    }

    fn describe(&self) -> Description {
        let (unit, reads) = match self.interface.scaler.as_ref().map(|scaler| scaler.mean.len()) {
            Some(1) => ("frame", "one number a frame".to_owned()),
            Some(width) => ("frame", format!("{width} numbers a frame")),
            None => ("token", "tokens".to_owned()),
        };
        Description {
            example: "example",
            unit,
            train: self.train.extent(),
            validation: self.validation.extent(),
            maps: format!("{reads}, {} classes", self.interface.labels.len()),
            characters: None,
        }
    }

    fn params(&self) -> &Params {
        self.model.params()
    }

    fn params_mut(&mut self) -> &mut Params {
        self.model.params_mut()
    }

    fn batches_per_epoch(&self) -> u64 {
        self.batches.per_epoch()
    }

    fn progress(&self) -> f64 {
        self.batches.progress()
    }

    fn learn(&mut self, compute: &mut Compute, seed: u64, weight: f32) -> Result<Learnt> {
        let batch = self.batches.next_batch();
        let packed = Packed::new(batch.iter().map(|&example| &self.train.inputs[example]));
        let targets = Targets::Classes(batch.iter().map(|&example| self.train.classes[example]).collect());
        let loss = self.model.learn(compute, &packed, &targets, seed, weight)?;
        Ok(Learnt { loss, units: packed.units() })
    }

    fn validate(&mut self, compute: &mut Compute) -> Result<Validation> {
        let classes = self.interface.labels.len();
        let Scored { loss, confusion, .. } = self.validation.score(&mut self.model, compute, classes)?;
        let accuracy = confusion.accuracy();
        let scores = vec![("accuracy", accuracy), ("macro F1", confusion.macro_f1())];
        Ok(Validation { loss, cost: 1.0 - accuracy, scores })
    }

    fn position(&self) -> Value {
        json!(self.batches.place())
    }

    fn resume(&mut self, position: Value, _: &[crate::weights::NamedTensor]) -> Result<()> {
        super::resume(&mut self.batches, position)
    }
}

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
        let mut assets = Assets::of(run.path());
        let interface: Interface = assets.json(CLASSES, || unreachable!("a run has its files"))?;
        let tokenizer = match interface.scaler {
            Some(_) => None,
            None => Some(assets.tokenizer(|| unreachable!("a run has its files"))?),
        };
        let objective = Objective::Classes { label_smoothing: 0.0, weights: None };
        let mut model =
            SequenceModel::new(&recipe.model, shape(&interface, tokenizer.as_ref()), objective, None);
        load_weights(&run, model.params_mut())?;
        Ok(Self { run, recipe, interface, tokenizer, model, compute: Compute::new(device) })
    }
}

impl Predictor for Classifier {
    fn predict(&mut self, given: &[Given]) -> Result<Vec<Prediction>> {
        let Self { interface, tokenizer, model, compute, recipe, .. } = self;
        let mut examples = Examples::default();
        let mut names = Vec::new();
        for given in given {
            for (name, value) in read::unlabelled(given, interface.input, &recipe.data)? {
                let path = given.path();
                examples.inputs.push(interface.sequence(tokenizer.as_ref(), value, path)?);
                examples.classes.push(0);
                names.push(name);
            }
        }
        if names.is_empty() {
            return Ok(Vec::new());
        }
        let classes = interface.labels.len();
        let scored = examples.score(model, compute, classes)?;
        let predict = |(name, row): (String, &[f32])| {
            let class = likeliest(row);
            let (label, probability) = (&interface.labels[class], row[class]);
            let all: serde_json::Map<_, _> =
                interface.labels.iter().zip(row).map(|(label, p)| (label.clone(), json!(p))).collect();
            Prediction {
                text: format!("{label}  {probability:.3}  {name}"),
                json: json!({ "input": name, "label": label, "probability": probability, "probabilities": all }),
            }
        };
        Ok(names.into_iter().zip(scored.probabilities.chunks_exact(classes)).map(predict).collect())
    }

    fn evaluate(&mut self, on: &On) -> Result<Report> {
        let data = match on {
            On::Data(..) => self.recipe.data.clone(),
            _ => self.run.data(&self.recipe.data)?,
        };
        let labelled = match on {
            On::Data(path, _) => read(&data, Some(path))?,
            On::Validation => parts(&data, &mut |_| {})?.validation,
            On::Test => parts(&data, &mut |_| {})?.test,
        };
        if labelled.examples.is_empty() {
            return Err(Error::NoExamples(self.run.path().to_owned()));
        }
        let examples = self.interface.examples(self.tokenizer.as_ref(), labelled)?;
        let labels = &self.interface.labels;
        let scored = examples.score(&mut self.model, &mut self.compute, labels.len())?;
        let Scored { loss, confusion, truth, probabilities } = scored;
        let mut report = Report::new(examples.inputs.len(), "example");
        report.add("accuracy", confusion.accuracy());
        report.add("macro_f1", confusion.macro_f1());
        report.add("loss", loss);
        let auroc = match labels.len() {
            2 => {
                let positive: Vec<bool> = truth.iter().map(|&class| class == 1).collect();
                let scores: Vec<f32> = probabilities.iter().skip(1).step_by(2).copied().collect();
                crate::scores::auroc(&positive, &scores)
            }
            count => auroc_one_vs_rest(&truth, &probabilities, count)
                .map(|OneVsRest { macro_mean, .. }| macro_mean),
        };
        // It is not defined where a class is missing.
        if let Ok(auroc) = auroc {
            report.add("auroc", auroc);
        }
        report.confusion(labels, &confusion);
        Ok(report)
    }
}
