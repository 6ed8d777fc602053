//! Captions: a sentence on a picture.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use anaphora_data::builtin::{self, Part};
use anaphora_data::picture::{Colour, Fit, Picture, Size, read_captions, read_picture};
use anaphora_data::{Batches, Frames, Scaler, Sequence, Tokenizer};
use anaphora_nn::Params;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::pairs::{Pairs, Writing, teaching, write};
use super::parts::{self, Parts};
use super::predict::{Given, On, Prediction, Predictor, Report};
use crate::metrics::{BleuOptions, Smoothing, Tokenize, bleu_1_to_4};
use crate::model::{EncoderDecoder, Reads, Teaching};
use crate::recipe::{Data, Input, Recipe, Task};
use crate::run::assets::{Assets, read_json, read_tokenizer};
use crate::run::weights::NamedTensor;
use crate::tasks::language::corpus;
use crate::training::{Compute, Description, Learner, Learnt, Validation};
use crate::{Device, Error, Result, Run};

/// The name of the file of how a run's model sees pictures.
const PICTURES: &str = "pictures.json";

/// The seeds from which built-in scenes are made, and how many: to learn and validate on, and for a test, whose
/// combinations of shapes are in none of the others.
const BUILTIN: [(u64, usize); 2] = [(1, 8_000), (2, 1_000)];

/// Pixels along the sides of a built-in scene.
const SCENE: usize = 32;

/// How a model sees a picture.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Sight {
    /// Pixels along both sides, to which pictures are brought: their middle is kept.
    side: usize,
    /// How channels are scaled, learnt on what is trained on.
    scaler: Scaler,
    /// What makes a sequence of a picture; never [`Input::Auto`].
    input: Input,
    /// Pixels along the side of a patch.
    patch: usize,
}

impl Sight {
    fn reads(&self) -> Reads {
        let channels = self.scaler.mean.len();
        match self.input {
            Input::Rows => Reads::Frames(self.side * channels),
            Input::Patches => Reads::Frames(self.patch * self.patch * channels),
            _ => Reads::Pictures { size: [self.side, self.side], channels },
        }
    }

    fn sequence(&self, picture: &Picture) -> Result<Sequence> {
        let frames = match self.input {
            Input::Rows => picture.rows(),
            Input::Patches => picture.patches(self.patch)?,
            _ => picture.pixels(),
        };
        let mut frames: Frames = frames;
        // A frame is one pixel or some behind each other: its channels alternate.
        self.scaler.apply(&mut frames.values);
        Ok(Sequence::Frames(frames))
    }

    fn size(&self) -> Size {
        size(self.side)
    }
}

fn size(side: usize) -> Size {
    Size { width: side as u32, height: side as u32, fit: Fit::Crop }
}

/// A picture, not yet read where it is a file, and what is said of it.
#[derive(Clone, Debug)]
struct Captioned {
    picture: Shown,
    captions: Vec<String>,
}

#[derive(Clone, Debug)]
enum Shown {
    File(PathBuf),
    Made(Picture),
}

impl Shown {
    fn read(&self, size: Size) -> Result<Picture> {
        Ok(match self {
            Self::File(path) => read_picture(path, Colour::Rgb, Some(size))?,
            Self::Made(picture) => picture.clone(),
        })
    }
}

/// Reads a table of captions, or a folder with one in it, whose pictures lie beside it or in a folder `images`.
fn read(path: &Path, data: &Data, notes: &mut dyn FnMut(&str)) -> Result<Vec<Captioned>> {
    let table = if path.is_dir() { table_in(path)? } else { path.to_owned() };
    let beside = table.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let images = beside.join("images");
    let folder = if images.is_dir() { images } else { beside.to_owned() };
    let read = read_captions(&folder, &table, &super::table_options(data))?;
    read.skipped.iter().for_each(|skipped| notes(&format!("{skipped} (skipped)")));
    let captioned = read.pictures.into_iter();
    Ok(captioned.map(|c| Captioned { picture: Shown::File(c.path), captions: c.captions }).collect())
}

/// The one table in a folder.
fn table_in(folder: &Path) -> Result<PathBuf> {
    let entries = std::fs::read_dir(folder).map_err(Error::io("read", folder))?;
    let mut tables: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| {
            path.extension().is_some_and(|e| ["csv", "tsv", "txt"].iter().any(|known| e == *known))
        })
        .collect();
    match (tables.pop(), tables.pop()) {
        (Some(table), None) => Ok(table),
        (found, _) => {
            let found = if found.is_some() { "several" } else { "no" };
            let reason = format!(
                "there are {found} .csv, .tsv or .txt files in it; name the table of captions itself"
            );
            Err(Error::Malformed { path: folder.to_owned(), reason })
        }
    }
}

fn parts(data: &Data, notes: &mut dyn FnMut(&str)) -> Result<Parts<Captioned>> {
    let made = |(seed, count), part| {
        let scenes = builtin::scenes(seed, count, part).into_iter();
        scenes
            .map(|scene| Captioned { picture: Shown::Made(scene.picture), captions: vec![scene.caption] })
            .collect()
    };
    let (all, made_test): (Vec<Captioned>, Vec<Captioned>) = match &data.train {
        Some(path) => (read(path, data, notes)?, Vec::new()),
        None => (made(BUILTIN[0], Part::Train), made(BUILTIN[1], Part::Test)),
    };
    let mut parts = Parts::share(all, &parts::hold_out(data), |_| false)?;
    parts.test.extend(made_test);
    if let Some(path) = &data.validation {
        parts.validation = read(path, data, notes)?;
    }
    Ok(parts)
}

/// Pictures and captions as a model reads and writes them.
fn pairs(captioned: &[Captioned], sight: &Sight, tokenizer: &Tokenizer) -> Result<Pairs> {
    let mut pairs = Pairs::default();
    for (number, Captioned { picture, captions }) in captioned.iter().enumerate() {
        pairs.sources.push(sight.sequence(&picture.read(sight.size())?)?);
        for caption in captions {
            let path = match picture {
                Shown::File(path) => path.clone(),
                Shown::Made(_) => PathBuf::from("built-in scenes"),
            };
            let ids = tokenizer.encode(caption).map_err(|source| Error::Tokens { path, source })?;
            pairs.targets.push(ids);
            pairs.source_of.push(number);
        }
    }
    Ok(pairs)
}

/// What is learnt of the pictures: the mean and deviation of each channel.
fn see(train: &[Captioned], data: &Data) -> Result<Sight> {
    let side = match (data.picture_size, data.builtin) {
        (Some(side), _) => side,
        (None, Some(_)) => SCENE,
        (None, None) => 64,
    };
    let mut pixels = Vec::new();
    for Captioned { picture, .. } in train {
        // Every few pixels will do.
        let all = picture.read(size(side))?.pixels();
        pixels.extend(all.values.chunks_exact(3).step_by(7).flatten());
    }
    let input = match data.input {
        Input::Rows | Input::Patches => data.input,
        _ => Input::Picture,
    };
    Ok(Sight { side, scaler: Scaler::fit(&pixels, 3), input, patch: data.patch.unwrap_or(8) })
}

/// A model that captions, and the pictures that it learns from.
pub struct Caption {
    model: EncoderDecoder,
    tokenizer: Tokenizer,
    teaching: Teaching,
    train: Pairs,
    validation: Pairs,
    batches: Batches,
}

impl Caption {
    /// Reads what the recipe names.
    pub fn open(recipe: &Recipe, assets: &mut Assets, notes: &mut dyn FnMut(&str)) -> Result<Self> {
        let Recipe { data, model, training, .. } = recipe;
        let Parts { train, validation, .. } = parts(data, notes)?;
        let sight = assets.json(PICTURES, || see(&train, data))?;
        let texts = || train.iter().flat_map(|captioned| captioned.captions.iter().map(String::as_str));
        let tokenizer = assets.tokenizer(|| corpus::tokenizer(data, texts()))?;
        let train = pairs(&train, &sight, &tokenizer)?;
        let validation = pairs(&validation, &sight, &tokenizer)?;
        Ok(Self {
            model: EncoderDecoder::new(
                model,
                sight.reads(),
                tokenizer.vocab_size(),
                Some(training.seed.into()),
            ),
            batches: train.batches(training)?,
            teaching: teaching(training),
            tokenizer,
            train,
            validation,
        })
    }
}

impl Learner for Caption {
    fn task(&self) -> Task {
        Task::Caption
    }

    fn describe(&self) -> Description {
        Description {
            example: "caption",
            unit: "token",
            train: self.train.extent(),
            validation: self.validation.extent(),
            maps: format!("pictures to {} words", self.tokenizer.vocab_size()),
            characters: None,
        }
    }

    fn params(&self) -> &Params {
        self.model.params()
    }

    fn params_mut(&mut self) -> &mut Params {
        self.model.params_mut()
    }

    fn progress(&self) -> f64 {
        self.batches.progress()
    }

    fn learn(&mut self, compute: &mut Compute, seed: u64, weight: f32) -> Result<Learnt> {
        let pairs = self.batches.next_batch();
        let end = self.tokenizer.end_id();
        self.train.learn(&pairs, end, &mut self.model, compute, self.teaching, (seed, weight))
    }

    fn validate(&mut self, compute: &mut Compute) -> Result<Validation> {
        let loss = self.validation.score(self.tokenizer.end_id(), &mut self.model, compute)?;
        Ok(Validation { loss, cost: loss, scores: vec![("perplexity", loss.exp())] })
    }

    fn position(&self) -> Value {
        json!(self.batches.place())
    }

    fn resume(&mut self, position: Value, _: &[NamedTensor]) -> Result<()> {
        super::resume(&mut self.batches, position)
    }
}

/// A trained model that captions.
pub struct Captioner {
    run: Run,
    recipe: Recipe,
    sight: Sight,
    tokenizer: Tokenizer,
    model: EncoderDecoder,
    compute: Compute,
    writing: Writing,
    n_best: usize,
}

impl Captioner {
    /// Opens a run.
    pub fn open(run: Run, device: Device) -> Result<Self> {
        let recipe = run.recipe()?;
        let sight: Sight = read_json(run.path(), PICTURES)?;
        let tokenizer = read_tokenizer(&run.tokenizer_path())?;
        let mut model = EncoderDecoder::new(&recipe.model, sight.reads(), tokenizer.vocab_size(), None);
        run.load_weights(model.params_mut())?;
        let writing = Writing { longest: (0.0, recipe.training.length), ..Writing::default() };
        Ok(Self { run, recipe, sight, tokenizer, model, compute: Compute::new(device), writing, n_best: 1 })
    }

    /// The best captions of each picture, the likeliest first.
    fn caption(&mut self, pictures: &[Sequence]) -> Result<Vec<Vec<(String, f64)>>> {
        let end = self.tokenizer.end_id();
        let found = write(pictures, end, &mut self.model, &mut self.compute, &self.writing)?;
        Ok(found.iter().map(|best| super::pairs::texts(best, &self.tokenizer)).collect())
    }
}

impl Predictor for Captioner {
    fn search(&mut self, writing: Writing, n_best: usize) -> Result<()> {
        writing.beams.validate()?;
        self.writing = Writing { longest: self.writing.longest, ..writing };
        self.n_best = n_best;
        Ok(())
    }

    fn predict(&mut self, given: &[Given]) -> Result<Vec<Prediction>> {
        let (mut paths, mut pictures) = (Vec::new(), Vec::new());
        for given in given {
            // A line of standard input names a picture too.
            let path = match given {
                Given::File(path) => path.clone(),
                Given::Text(text) => PathBuf::from(text.trim()),
            };
            pictures.push(self.sight.sequence(&read_picture(
                &path,
                Colour::Rgb,
                Some(self.sight.size()),
            )?)?);
            paths.push(path);
        }
        let n_best = self.n_best;
        let predict = |(path, found): (PathBuf, Vec<(String, f64)>)| {
            let best: Vec<_> = found.into_iter().take(n_best).collect();
            let lines: Vec<String> =
                best.iter().map(|(text, _)| format!("{}: {text}", path.display())).collect();
            let all: Vec<_> =
                best.iter().map(|(text, score)| json!({ "text": text, "score": score })).collect();
            let first = best.first().map(|(text, _)| text.clone()).unwrap_or_default();
            Prediction {
                text: lines.join("\n"),
                json: json!({ "picture": path, "caption": first, "best": all }),
            }
        };
        let found = self.caption(&pictures)?;
        Ok(paths.into_iter().zip(found).map(predict).collect())
    }

    fn evaluate(&mut self, on: &On) -> Result<Report> {
        let mut nothing = |_: &str| {};
        let data = match on {
            On::Data(..) => self.recipe.data.clone(),
            _ => self.run.data(&self.recipe.data)?,
        };
        let captioned = match on {
            On::Data(path, _) => read(path, &data, &mut nothing)?,
            On::Validation => parts(&data, &mut nothing)?.validation,
            On::Test => parts(&data, &mut nothing)?.test,
        };
        if captioned.is_empty() {
            return Err(Error::NoExamples(self.run.path().to_owned()));
        }
        let read = pairs(&captioned, &self.sight, &self.tokenizer)?;
        let loss = read.score(self.tokenizer.end_id(), &mut self.model, &mut self.compute)?;
        let written: Vec<String> = self
            .caption(&read.sources)?
            .into_iter()
            .map(|best| best.into_iter().next().map(|(text, _)| text).unwrap_or_default())
            .collect();
        let exact =
            written.iter().zip(&captioned).filter(|(text, known)| known.captions.contains(text)).count();
        let common = most_frequent(&captioned);
        // As captions are scored by custom.
        let options =
            BleuOptions { tokenize: Tokenize::None, smoothing: Smoothing::None, ..BleuOptions::default() };
        let references: Vec<Vec<String>> = captioned
            .iter()
            .map(|known| known.captions.iter().map(|caption| words(caption)).collect())
            .collect();
        let plain: Vec<String> = written.iter().map(|text| words(text)).collect();
        let scores = bleu_1_to_4(&plain, &references, &options)?;
        let baseline = bleu_1_to_4(&vec![words(&common); plain.len()], &references, &options)?;
        let mut report = Report::new(captioned.len(), "picture");
        report.add("exact", exact as f64 / captioned.len() as f64);
        for (name, score) in ["bleu_1", "bleu_2", "bleu_3", "bleu_4"].into_iter().zip(&scores) {
            report.add(name, *score);
        }
        report.add("loss", loss);
        let row = |name: &str, scores: &[f64]| {
            let cells: String = scores.iter().map(|score| format!("{score:>8.1}")).collect();
            format!("{name:<24}{cells}\n")
        };
        report.table = Some(
            format!("{:<24}{:>8}{:>8}{:>8}{:>8}\n", "", "BLEU-1", "BLEU-2", "BLEU-3", "BLEU-4")
                + &row("this model", &scores)
                + &row("the most frequent one", &baseline),
        );
        report.details.insert("most_frequent".into(), json!({ "caption": common, "bleu": baseline }));
        Ok(report)
    }
}

/// The words of a caption in lower case, without punctuation.
fn words(caption: &str) -> String {
    let caption = caption.to_lowercase();
    let words = caption.split_whitespace().filter(|word| word.chars().any(char::is_alphanumeric));
    words.collect::<Vec<_>>().join(" ")
}

/// The caption that is there most often; of several the first in the alphabet.
fn most_frequent(captioned: &[Captioned]) -> String {
    let mut counts: HashMap<&str, usize> = HashMap::new();
    captioned
        .iter()
        .flat_map(|known| &known.captions)
        .for_each(|caption| *counts.entry(caption).or_default() += 1);
    let best = counts.into_iter().max_by(|a, b| a.1.cmp(&b.1).then_with(|| b.0.cmp(a.0)));
    best.map(|(caption, _)| caption.to_owned()).unwrap_or_default()
}
