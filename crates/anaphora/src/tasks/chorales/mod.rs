//! Music of several voices: predicts which notes sound in the next frame from those before it.
//!
//! With independent notes each pitch of a frame sounds or not whatever the others do; with conditioned notes they are
//! predicted one after the other, from the highest down, each by those above it (the exact chain rule). Both are judged by
//! nats a frame: what all notes of a frame cost together.

mod write;

use std::collections::HashMap;
use std::path::Path;

use anaphora_data::roll::{self, Chord, Coding, Notes, coding};
use anaphora_data::{BatchSize, Batches, Packed, Place, builtin};
use anaphora_music::midi::each_file;
use anaphora_music::{abc, pitch_name};
use anaphora_nn::Start;
use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{Rng, SeedableRng};
use serde_json::json;

use super::midi;
use super::shared::{
    ExampleTask, Input, InspectTask, Lesson, Looked, Names, Reading, Splits, Using, Words, hold_out,
    malformed_at, name,
};
use crate::Result;
use crate::inspect::{Curves, Cut, Original, Says, Sounding, Times};
use crate::metrics::Evaluation;
use crate::model::{Compute, Objective, Reads, SequenceModel, Shape, Targets};
use crate::recipe::{Data, Recipe, Task};
use crate::run::assets::Assets;
use crate::training::{DataSize, Shown, Validation};

/// The name of the file of how frames are numbered.
const CODING: &str = "notes.json";

/// Pieces that are scored at once.
const ROWS: usize = 32;

/// Pieces that are made by rule: to learn from, to validate on, to test on, and their seed.
const BUILTIN: (usize, usize, usize, u64) = (200, 30, 30, 1);

/// Semitones by which a piece is transposed at most: down and up, a whole octave together.
const TRANSPOSED: (i16, i16) = (-5, 6);

/// A piece: its frames, each the pitches that sound in it.
type Piece = Vec<Chord>;

/// How pieces are made sequences, in training and after it.
pub struct Chords {
    coding: Coding,
    /// Whether pieces are learnt in any key.
    transpose: bool,
    seed: u32,
}

impl Chords {
    /// The semitones by which a piece is moved this time: any that leave it within the range.
    fn shift(&self, piece: &[Chord], random: &mut Xoshiro256PlusPlus) -> i16 {
        let Some((low, high)) = roll::range(piece).filter(|_| self.transpose) else { return 0 };
        let (down, up) = TRANSPOSED;
        let down = down.max(i16::from(self.coding.low) - i16::from(low));
        let up = up.min(i16::from(self.coding.high) - i16::from(high));
        down + (random.next_u64() % (up - down + 1) as u64) as i16
    }

    /// Pieces as the model takes them, each moved by some semitones.
    fn packed<'a>(&self, pieces: impl Iterator<Item = (&'a Piece, i16)>) -> (Packed, Targets) {
        let pairs: Vec<_> = pieces.map(|(piece, shift)| self.coding.example(piece, shift)).collect();
        let targets = Packed::new(pairs.iter().map(|(_, target)| target));
        let targets = match self.coding.notes {
            Notes::Independent => Targets::Values(targets.values),
            Notes::Conditioned => Targets::Classes(targets.ids),
        };
        (Packed::new(pairs.iter().map(|(input, _)| input)), targets)
    }

    /// Nats a frame: the costs of all notes, and of the ends of pieces where these are predicted, by the number of frames.
    fn score(&self, model: &SequenceModel, compute: &mut Compute, pieces: &[Piece]) -> Result<f64> {
        let mut sum = 0.0;
        let lengths: Vec<usize> = pieces.iter().map(|piece| self.coding.steps(piece)).collect();
        for batch in Batches::in_order(&lengths, BatchSize::Examples(ROWS)) {
            let (packed, targets) = self.packed(batch.iter().map(|&piece| (&pieces[piece], 0)));
            let (_, mean) = model.predict(compute, &packed, Some(&targets))?;
            sum += f64::from(mean.unwrap_or(f32::NAN)) * packed.units() as f64;
        }
        Ok(sum / frames(pieces) as f64)
    }
}

impl Chords {
    /// The notes of pitches, each with its step and frame, in the order of these: what sounds in frames that follow each other is one note.
    fn held(&self, pitches: &[(usize, usize, u8)]) -> Vec<Sounding> {
        let frame = self.coding.frame * 60.0 / write::TEMPO;
        let mut notes: Vec<Sounding> = Vec::new();
        // The note of each pitch that sounded last, and the frame behind it.
        let mut last = HashMap::new();
        for &(step, at, pitch) in pitches {
            let place = match last.get(&pitch) {
                Some(&(place, end)) if end == at => place,
                _ => {
                    notes.push(Sounding { start: at as f64 * frame, seconds: 0.0, pitch, step });
                    notes.len() - 1
                }
            };
            let note: &mut Sounding = &mut notes[place];
            note.seconds += frame;
            last.insert(pitch, (place, at + 1));
        }
        notes
    }

    /// What a token of conditioned notes is called.
    fn token_name(&self, token: u32) -> String {
        match (token, self.coding.pitch(token)) {
            (coding::END, _) => "<end>".to_owned(),
            (_, Some(pitch)) => pitch_name(pitch),
            (_, None) => "<frame>".to_owned(),
        }
    }
}

fn frames(pieces: &[Piece]) -> usize {
    pieces.iter().map(Vec::len).sum()
}

impl Lesson for Chords {
    type Encoded = Vec<Piece>;
    type Model = SequenceModel;

    fn task(&self) -> Task {
        Task::Chorales
    }

    fn lengths(&self, pieces: &Vec<Piece>) -> Vec<usize> {
        pieces.iter().map(|piece| self.coding.steps(piece)).collect()
    }

    fn size(&self, pieces: &Vec<Piece>) -> DataSize {
        DataSize { examples: pieces.len(), units: frames(pieces) }
    }

    fn describe(&self) -> Words {
        let Coding { low, high, notes, .. } = self.coding;
        let notes = match notes {
            Notes::Independent => "independent of one another",
            Notes::Conditioned => "conditioned on one another",
        };
        Words { example: "piece", unit: "frame", maps: format!("pitches {low} to {high}, {notes}") }
    }

    fn batch(&self, pieces: &Vec<Piece>, batch: &[usize], place: Place) -> (Packed, Targets) {
        // The transpositions of a batch follow from its place alone, so that a resumed training draws them again.
        let seed = (u64::from(self.seed) << 40) ^ (place.epoch << 20) ^ place.batch;
        let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
        let moved = |&piece: &usize| (&pieces[piece], self.shift(&pieces[piece], &mut random));
        self.packed(batch.iter().map(moved))
    }

    fn validate(
        &self,
        model: &SequenceModel,
        compute: &mut Compute,
        pieces: &Vec<Piece>,
    ) -> Result<Validation> {
        Ok(Validation::by_loss(self.score(model, compute, pieces)?, Vec::new()))
    }
}

impl ExampleTask for Chords {
    type Example = Piece;

    fn built_in(_: &Data) -> Result<Splits<Piece>> {
        let (train, validation, test, seed) = BUILTIN;
        let mut pieces = builtin::chorales(seed, train + validation + test);
        let test = pieces.split_off(train + validation);
        let validation = pieces.split_off(train);
        Ok(Splits { train: pieces, validation, test, own_validation: false })
    }

    fn read(from: &mut Reading<Self>) -> Result<Vec<Piece>> {
        let (path, data) = (from.path, &from.recipe.data);
        let mut pieces = if is_json(path) {
            let roll::Chorales { train, valid, test } = roll::read_chorales(path)?;
            [train, valid, test].concat()
        } else {
            let (mut pieces, known) = (Vec::new(), from.known);
            each_file(path, data.skip_bad.then_some(&mut *from.notes), |_, score| {
                let piece =
                    roll::to_chords(&midi::in_quarters(&score), data.frame).map_err(|e| e.to_string())?;
                if let Some(unknown) = known.and_then(|known| known.coding.unknown(&piece)) {
                    return Err(unknown.to_string());
                }
                pieces.push(piece);
                Ok(())
            })?;
            pieces
        };
        pieces.retain(|piece| !piece.is_empty());
        Ok(pieces)
    }

    fn read_splits(from: &mut Reading<Self>) -> Result<Splits<Piece>> {
        if !is_json(from.path) {
            return Ok(Splits::of(Self::read(from)?, &hold_out(from.data()), |_| false)?);
        }
        let roll::Chorales { mut train, mut valid, mut test } = roll::read_chorales(from.path)?;
        for pieces in [&mut train, &mut valid, &mut test] {
            pieces.retain(|piece| !piece.is_empty());
        }
        Ok(Splits { train, validation: valid, test, own_validation: false })
    }

    fn open(recipe: &Recipe, assets: &mut Assets, splits: &Splits<Piece>) -> Result<Self> {
        let Recipe { data, model, training, .. } = recipe;
        let coding = assets.json(CODING, || {
            let sounding = splits.train.iter().chain(&splits.validation).flatten();
            let range = roll::range(sounding);
            let silent = || malformed_at(&name(data), 0, "no note sounds in any piece");
            let (low, high) = range.ok_or_else(silent)?;
            Ok(Coding { low, high, notes: model.notes, frame: data.frame })
        })?;
        Ok(Self { coding, transpose: data.transpose, seed: training.seed })
    }

    fn show(&self, piece: &Piece) -> Result<Shown> {
        let text = abc::write(&abc::from_score(&write::score(piece, &self.coding)));
        Ok(Shown { text, ..Shown::default() })
    }

    fn encode(&self, pieces: Vec<Piece>, from: &mut Reading<Self>) -> Result<Vec<Piece>> {
        self.coding.check(pieces.iter().flatten(), from.path)?;
        Ok(pieces)
    }

    fn encode_to_learn(&self, pieces: Vec<Piece>, from: &mut Reading<Self>) -> Result<Vec<Piece>> {
        if pieces.is_empty() {
            return Err(malformed_at(
                from.path,
                0,
                "there is no piece to learn from; a piece has one frame at least",
            ));
        }
        self.encode(pieces, from)
    }

    /// Independent notes are read as frames of ones and zeros, behind a column that is one before the first frame;
    /// conditioned ones as tokens.
    fn model(&self, recipe: &Recipe, start: Start, _: Option<&Vec<Piece>>) -> SequenceModel {
        let (pitches, tokens) = (self.coding.pitches(), self.coding.vocabulary());
        let (reads, outputs, objective) = match self.coding.notes {
            Notes::Independent => (Reads::Frames(pitches + 1), pitches, Objective::Labels),
            Notes::Conditioned => {
                (Reads::Tokens(tokens), tokens, Objective::Classes { label_smoothing: 0.0, weights: None })
            }
        };
        let shape = Shape { reads, outputs, each_step: true, causal: true };
        SequenceModel::new(&recipe.model, shape, objective, start)
    }

    fn evaluate(&self, on: &mut Using<Self>, pieces: Vec<Piece>) -> Result<Evaluation> {
        self.coding.check(pieces.iter().flatten(), on.from.path)?;
        let nats = self.score(on.model, on.compute, &pieces)?;
        let mut evaluation = Evaluation::new(pieces.len(), "piece");
        evaluation.add("nats_a_frame", nats);
        evaluation.add("bits_a_frame", crate::metrics::bits(nats));
        evaluation.details.insert("frames".into(), json!(frames(&pieces)));
        Ok(evaluation)
    }
}

impl InspectTask for Chords {
    fn names(&self) -> Names {
        let pitches = (self.coding.low..=self.coding.high).map(pitch_name);
        let tokens = || (0..self.coding.vocabulary() as u32).map(|token| self.token_name(token)).collect();
        let (outputs, symbols, says, unit) = match self.coding.notes {
            Notes::Independent => (pitches.collect(), None, Says::Labels, "frame"),
            Notes::Conditioned => (tokens(), Some(tokens()), Says::Classes, "token"),
        };
        Names { outputs, symbols, says, unit, is_each_step: true }
    }

    fn look_at_input(&self, input: &Input, _: &Recipe) -> Result<Vec<Looked>> {
        let reason = "it is no music; a MIDI file, or one of chords, is needed";
        Err(malformed_at(input.path(), 0, reason))
    }

    fn look_at(&self, _: &Piece, batch: &Packed) -> (Option<Vec<String>>, Option<String>) {
        let names = || batch.ids.iter().map(|&token| self.token_name(token)).collect();
        ((!batch.ids.is_empty()).then(names), None)
    }

    fn original(&self, batch: &Packed) -> Option<Original> {
        (!batch.values.is_empty()).then(|| {
            Original::Curves(Curves {
                what: "pitches, those that sound are 1".into(),
                // A number in front of the pitches says that a piece begins.
                channels: std::iter::once("<begin>".to_owned())
                    .chain((self.coding.low..=self.coding.high).map(pitch_name))
                    .collect(),
                values: batch.values.clone(),
                times: Times::Even { unit: "frames", apart: 1.0 },
                cut: Cut::every(1),
            })
        })
    }

    fn sounding(&self, batch: &Packed) -> Vec<Sounding> {
        let mut pitches = Vec::new();
        let mut frame = 0;
        for (step, &token) in batch.ids.iter().enumerate() {
            pitches.extend(self.coding.pitch(token).map(|pitch| (step, frame, pitch)));
            frame += usize::from(token == coding::FRAME);
        }
        // In front of the pitches of a frame stands whether a piece begins, and with the first frame one does.
        let width = self.coding.pitches() + 1;
        for (step, row) in batch.values.chunks_exact(width).enumerate().skip(1) {
            let sounds = (self.coding.low..=self.coding.high).zip(&row[1..]).filter(|(_, on)| **on > 0.5);
            pitches.extend(sounds.map(|(pitch, _)| (step, step - 1, pitch)));
        }
        self.held(&pitches)
    }

    fn batch_of(&self, pieces: &Vec<Piece>, batch: &[usize]) -> (Packed, Targets) {
        self.packed(batch.iter().map(|&piece| (&pieces[piece], 0)))
    }
}

fn is_json(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("json"))
}
