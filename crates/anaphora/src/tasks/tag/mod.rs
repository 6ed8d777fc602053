//! Tagging: a tag for each word of a sentence, by all of its words.

mod examples;
mod lexicon;
mod predictor;

pub use predictor::Tagger;

use std::path::{Path, PathBuf};

use anaphora_data::tagged::{Sentence, Tagged, TaggedOptions, read_tagged};
use anaphora_data::{Batches, builtin};
use anaphora_nn::Params;
use serde_json::{Value, json};

use self::examples::Examples;
use self::lexicon::{LEXICON, Lexicon};
use super::classes::{class_weights, seen_once};
use super::parts::{Parts, hold_out};
use super::{column, table_options};
use crate::model::{Objective, SequenceModel};
use crate::recipe::{Data, Recipe, Task};
use crate::run::assets::Assets;
use crate::run::weights::NamedTensor;
use crate::training::{Compute, Description, Learner, Learnt, Validation};
use crate::{Error, Result};

/// The seeds from which built-in sentences are made, and how many: to learn and validate on, and for a test.
const BUILTIN: [(u64, usize); 2] = [(1, 2_000), (2, 500)];

/// How the recipe's files are read.
fn options(data: &Data) -> TaggedOptions {
    TaggedOptions {
        table: table_options(data),
        word: column(&data.text_column),
        tag: column(&data.label_column),
    }
}

/// The sentences of a file.
fn read(path: &Path, data: &Data, notes: &mut dyn FnMut(&str)) -> Result<Vec<Sentence>> {
    let Tagged { sentences, skipped } = read_tagged(path, &options(data))?;
    skipped.iter().for_each(|skipped| notes(&format!("{skipped} (its sentence is skipped)")));
    Ok(sentences)
}

fn made((seed, count): (u64, usize)) -> Vec<Sentence> {
    let sentence = |tagged: Vec<builtin::TaggedWord>| {
        let lines = vec![0; tagged.len()];
        let (words, tags) = tagged.into_iter().unzip();
        Sentence { words, tags, lines }
    };
    builtin::phrases(seed, count).into_iter().map(sentence).collect()
}

/// The file that is learnt from.
fn source(data: &Data) -> PathBuf {
    data.train.clone().unwrap_or_else(|| "built-in phrases".into())
}

/// Reads what the recipe names and shares it out.
fn parts(data: &Data, notes: &mut dyn FnMut(&str)) -> Result<Parts<Sentence>> {
    let (all, made_test) = match &data.train {
        Some(path) => (read(path, data, notes)?, Vec::new()),
        None => (made(BUILTIN[0]), made(BUILTIN[1])),
    };
    let path = source(data);
    if let [only] = &all[..] {
        let reason = format!(
            "there is one sentence, of {} words; two or more are needed, with an empty line between them",
            only.words.len()
        );
        return Err(Error::Malformed { path, reason });
    }
    let tags = all.iter().flat_map(|sentence| sentence.tags.iter().zip(&sentence.lines));
    let tagged = tags.map(|(tag, &line)| (tag.as_str(), (path.as_path(), line)));
    seen_once("tag", tagged).iter().for_each(|note| notes(note));
    let mut parts = Parts::share(all, &hold_out(data), |_| false)?;
    parts.test.extend(made_test);
    if let Some(path) = &data.validation {
        parts.validation = read(path, data, notes)?;
    }
    Ok(parts)
}

/// A tagger and the sentences that it learns.
pub struct Tag {
    model: SequenceModel,
    lexicon: Lexicon,
    train: Examples,
    validation: Examples,
    batches: Batches,
}

impl Tag {
    /// Reads what the recipe names.
    pub fn open(recipe: &Recipe, assets: &mut Assets, notes: &mut dyn FnMut(&str)) -> Result<Self> {
        let Recipe { data, training, .. } = recipe;
        let parts = parts(data, notes)?;
        let lexicon = assets.json(LEXICON, || Lexicon::learn(&parts, data, &recipe.model))?;
        let (train_path, own) = (source(data), data.validation.clone());
        let train = Examples::new(&lexicon, parts.train, &train_path, data.skip_bad, notes)?;
        let path = own.unwrap_or(train_path);
        let validation = Examples::new(&lexicon, parts.validation, &path, data.skip_bad, notes)?;
        let objective = Objective::Classes {
            label_smoothing: training.label_smoothing as f32,
            weights: class_weights(training.class_weights, train.tags(), lexicon.tags.len()),
        };
        let model = lexicon.model(&recipe.model);
        Ok(Self {
            model: SequenceModel::new(&model, lexicon.shape(), objective, Some(training.seed.into())),
            batches: super::batches(train.lengths(), training)?,
            lexicon,
            train,
            validation,
        })
    }
}

impl Learner for Tag {
    fn task(&self) -> Task {
        Task::Tag
    }

    fn describe(&self) -> Description {
        Description {
            example: "sentence",
            unit: "word",
            train: self.train.extent(),
            validation: self.validation.extent(),
            maps: self.lexicon.describe(),
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
        let batch = self.batches.next_batch();
        let (packed, targets) = (self.train.batch(&batch), self.train.targets(&batch));
        let loss = self.model.learn(compute, &packed, &targets, seed, weight)?;
        Ok(Learnt { loss, units: packed.units() })
    }

    fn validate(&mut self, compute: &mut Compute) -> Result<Validation> {
        Ok(self.validation.score(&mut self.model, compute, &self.lexicon)?.validation())
    }

    fn position(&self) -> Value {
        json!(self.batches.place())
    }

    fn resume(&mut self, position: Value, _: &[NamedTensor]) -> Result<()> {
        super::resume(&mut self.batches, position)
    }
}
