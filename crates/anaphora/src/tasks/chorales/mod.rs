//! Music of several voices: which notes sound in the next frame, by those before it.
//!
//! With independent notes each pitch of a frame sounds or not whatever the others do; with conditioned notes they are
//! predicted one after the other, from the highest down, each by those above it (the exact chain rule). Both are judged by
//! nats a frame: what all notes of a frame cost together.

mod coding;
mod write;

use std::path::Path;

use anaphora_data::roll::{self, Chord};
use anaphora_data::{BatchSize, Batches, Packed, builtin};
use anaphora_nn::Params;
use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{Rng, SeedableRng};
use serde_json::{Value, json};

use self::coding::Coding;
use super::parts::{self, Parts};
use super::predict::{Given, On, Prediction, Predictor, Report};
use crate::model::SequenceModel;
use crate::recipe::{self, Data, Recipe, Task};
use crate::run::assets::{Assets, read_json};
use crate::run::weights::NamedTensor;
use crate::tasks::midi;
use crate::training::{Compute, Description, Extent, Learner, Learnt, Validation};
use crate::{Device, Error, Result, Run};

/// The name of the file of how frames are numbered.
const CODING: &str = "notes.json";

/// Pieces that are scored at once.
const ROWS: usize = 32;

/// Pieces that are made by rule: to learn from, to validate on, to test on, and their seed.
const BUILTIN: (usize, usize, usize, u64) = (200, 30, 30, 1);

/// Semitones by which a piece is transposed at most: down and up, a whole octave together.
const TRANSPOSED: (i16, i16) = (-5, 6);

/// Pieces, each a list of frames.
type Pieces = Vec<Vec<Chord>>;

/// Reads what the recipe names and shares it out.
fn parts(data: &Data, notes: &mut dyn FnMut(&str)) -> Result<Parts<Vec<Chord>>> {
    let Some(path) = &data.train else {
        let (train, validation, test, seed) = BUILTIN;
        let mut pieces = builtin::chorales(seed, train + validation + test);
        let test = pieces.split_off(train + validation);
        let validation = pieces.split_off(train);
        return Ok(Parts { train: pieces, validation, test });
    };
    let mut parts = if is_json(path) {
        let roll::Chorales { train, valid, test } = roll::read_chorales(path)?;
        Parts { train, validation: valid, test }
    } else {
        Parts::share(from_midi(path, data, notes)?, &parts::hold_out(data), |_| false)?
    };
    if let Some(path) = &data.validation {
        parts.validation = read(path, data, notes)?;
    }
    for pieces in [&mut parts.train, &mut parts.validation, &mut parts.test] {
        pieces.retain(|piece| !piece.is_empty());
    }
    match [(&parts.train, "learn from"), (&parts.validation, "validate on")]
        .iter()
        .find(|part| part.0.is_empty())
    {
        None => Ok(parts),
        Some((_, what)) => {
            let reason = format!("there is no piece to {what}; a piece has one frame at least");
            Err(Error::Malformed { path: path.clone(), reason })
        }
    }
}

/// All pieces of a file or folder.
fn read(path: &Path, data: &Data, notes: &mut dyn FnMut(&str)) -> Result<Pieces> {
    if is_json(path) {
        let roll::Chorales { train, valid, test } = roll::read_chorales(path)?;
        return Ok([train, valid, test].concat());
    }
    from_midi(path, data, notes)
}

fn is_json(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("json"))
}

/// The chords of MIDI files.
fn from_midi(path: &Path, data: &Data, told: &mut dyn FnMut(&str)) -> Result<Pieces> {
    let bad = data.skip_bad.then_some(told);
    let scores = midi::read_scores(path, bad)?;
    scores.iter().map(|(_, score)| Ok(roll::to_chords(&midi::in_quarters(score), data.frame)?)).collect()
}

/// A model of chords and the pieces that it learns.
pub struct Chorales {
    model: SequenceModel,
    coding: Coding,
    transpose: bool,
    seed: u32,
    train: Pieces,
    validation: Pieces,
    batches: Batches,
}

impl Chorales {
    /// Reads what the recipe names.
    pub fn open(recipe: &Recipe, assets: &mut Assets, notes: &mut dyn FnMut(&str)) -> Result<Self> {
        let Recipe { data, model, training, .. } = recipe;
        let Parts { train, validation, .. } = parts(data, notes)?;
        let coding = assets.json(CODING, || {
            let (low, high) = roll::range(train.iter().chain(&validation).flatten()).ok_or_else(|| {
                let path = data.train.clone().unwrap_or_default();
                Error::Malformed { path, reason: "no note sounds in any piece".to_owned() }
            })?;
            Ok(Coding { low, high, notes: model.notes, frame: data.frame })
        })?;
        let lengths: Vec<usize> = train.iter().map(|piece| coding.steps(piece)).collect();
        Ok(Self {
            model: coding.model(model, Some(training.seed.into())),
            batches: super::batches(lengths, training)?,
            coding,
            transpose: data.transpose,
            seed: training.seed,
            train,
            validation,
        })
    }

    /// The semitones by which a piece is moved this time: any that leave it within the range.
    fn shift(&self, piece: &[Chord], random: &mut Xoshiro256PlusPlus) -> i16 {
        let Some((low, high)) = roll::range(piece).filter(|_| self.transpose) else { return 0 };
        let (down, up) = TRANSPOSED;
        let down = down.max(i16::from(self.coding.low) - i16::from(low));
        let up = up.min(i16::from(self.coding.high) - i16::from(high));
        down + (random.next_u64() % (up - down + 1) as u64) as i16
    }
}

fn frames(pieces: &Pieces) -> usize {
    pieces.iter().map(Vec::len).sum()
}

/// Nats a frame: the costs of all notes, and of the ends of pieces where these are predicted, by the number of frames.
fn score(model: &mut SequenceModel, coding: &Coding, pieces: &Pieces, compute: &mut Compute) -> Result<f64> {
    let lengths: Vec<usize> = pieces.iter().map(|piece| coding.steps(piece)).collect();
    let mut sum = 0.0;
    for batch in Batches::in_order(&lengths, BatchSize::Examples(ROWS)) {
        let pairs: Vec<_> = batch.iter().map(|&piece| coding.example(&pieces[piece], 0)).collect();
        let packed = Packed::new(pairs.iter().map(|(input, _)| input));
        let targets = coding.targets(Packed::new(pairs.iter().map(|(_, target)| target)));
        let (_, mean) = model.predict(compute, &packed, Some(&targets))?;
        sum += f64::from(mean.unwrap_or(f32::NAN)) * packed.units() as f64;
    }
    Ok(sum / frames(pieces) as f64)
}

impl Learner for Chorales {
    fn task(&self) -> Task {
        Task::Chorales
    }

    fn describe(&self) -> Description {
        let extent = |pieces: &Pieces| Extent { examples: pieces.len(), units: frames(pieces) };
        let Coding { low, high, .. } = self.coding;
        let notes = match self.coding.notes {
            recipe::Notes::Independent => "independent of one another",
            recipe::Notes::Conditioned => "conditioned on one another",
        };
        Description {
            example: "piece",
            unit: "frame",
            train: extent(&self.train),
            validation: extent(&self.validation),
            maps: format!("pitches {low} to {high}, {notes}"),
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
        // The transpositions of a batch follow from its place alone, so that a resumed training draws them again.
        let place = self.batches.place();
        let mut random = Xoshiro256PlusPlus::seed_from_u64(
            (u64::from(self.seed) << 40) ^ (place.epoch << 20) ^ place.batch,
        );
        let batch = self.batches.next_batch();
        let mut example = |&piece: &usize| {
            let piece = &self.train[piece];
            self.coding.example(piece, self.shift(piece, &mut random))
        };
        let pairs: Vec<_> = batch.iter().map(&mut example).collect();
        let packed = Packed::new(pairs.iter().map(|(input, _)| input));
        let targets = self.coding.targets(Packed::new(pairs.iter().map(|(_, target)| target)));
        let loss = self.model.learn(compute, &packed, &targets, seed, weight)?;
        Ok(Learnt { loss, units: packed.units() })
    }

    fn validate(&mut self, compute: &mut Compute) -> Result<Validation> {
        Ok(Validation::of_loss(score(&mut self.model, &self.coding, &self.validation, compute)?))
    }

    fn position(&self) -> Value {
        json!(self.batches.place())
    }

    fn resume(&mut self, position: Value, _: &[NamedTensor]) -> Result<()> {
        super::resume(&mut self.batches, position)
    }
}

/// A trained model of chords.
pub struct Harmonist {
    run: Run,
    recipe: Recipe,
    coding: Coding,
    model: SequenceModel,
    compute: Compute,
}

impl Harmonist {
    /// Opens a run.
    pub fn open(run: Run, device: Device) -> Result<Self> {
        let recipe = run.recipe()?;
        let coding: Coding = read_json(run.path(), CODING)?;
        let mut model = coding.model(&recipe.model, None);
        run.load_weights(model.params_mut())?;
        Ok(Self { run, recipe, coding, model, compute: Compute::new(device) })
    }
}

impl Predictor for Harmonist {
    fn predict(&mut self, _: &[Given]) -> Result<Vec<Prediction>> {
        Err(Error::Generates(self.run.path().to_owned()))
    }

    fn evaluate(&mut self, on: &On) -> Result<Report> {
        let pieces = match on {
            On::Data(path, _) => read(path, &self.recipe.data, &mut |_| {})?,
            On::Validation => parts(&self.run.data(&self.recipe.data)?, &mut |_| {})?.validation,
            On::Test => parts(&self.run.data(&self.recipe.data)?, &mut |_| {})?.test,
        };
        if pieces.is_empty() {
            return Err(Error::NoExamples(self.run.path().to_owned()));
        }
        self.coding.check(pieces.iter().flatten(), self.run.path())?;
        let nats = score(&mut self.model, &self.coding, &pieces, &mut self.compute)?;
        let mut report = Report::new(pieces.len(), "piece");
        report.add("nats a frame", nats);
        report.add("bits a frame", crate::metrics::bits(nats));
        report.details.insert("frames".into(), json!(frames(&pieces)));
        Ok(report)
    }
}
