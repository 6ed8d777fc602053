//! Composing pieces, frame by frame.

use std::ops::ControlFlow;

use anaphora_data::Packed;
use anaphora_data::roll::{Chord, to_chords, to_notes};
use anaphora_music::{Score, TICKS_PER_QUARTER, Tempo, midi::read_file};
use anaphora_nn::State;

use super::Chords;
use super::coding::{Coding, END, FRAME};
use crate::Result;
use crate::decoding::sampling::{self, Sampler};
use crate::decoding::{ComposeOptions, Composed, GenerateEvent, Observer};
use crate::model::{Compute, SequenceModel};
use crate::recipe::Notes;
use crate::tasks::midi;
use crate::tasks::shared::{Compose, TrainedTask, malformed_at};

/// How hard notes are struck, and how many quarter notes a minute has.
const VELOCITY: u8 = 80;
pub(super) const TEMPO: f64 = 84.0;

/// A piece in progress.
struct Piece {
    sampler: Sampler,
    frames: Vec<Chord>,
    /// The frame that is not whole yet, from its highest note down.
    chord: Chord,
    ended: bool,
}

/// Frames as notes that can be heard.
pub fn score(frames: &[Chord], coding: &Coding) -> Score {
    let notes = to_notes(frames, coding.frame, VELOCITY);
    let mut score = midi::to_score("", &notes, TICKS_PER_QUARTER as f64);
    score.tempos.push((0, Tempo { per_minute: TEMPO, ..Tempo::default() }));
    score
}

impl Compose for TrainedTask<Chords> {
    /// Composes pieces, of `options.units` frames at most beside those that they go on from.
    fn compose(
        &self,
        compute: &mut Compute,
        options: &ComposeOptions,
        observer: &mut Observer,
    ) -> Result<Vec<Composed>> {
        let coding = &self.task().coding;
        let mut prime = Vec::new();
        if let Some(path) = &options.prime {
            let score = read_file(path)?;
            prime =
                to_chords(&midi::in_quarters(&score), coding.frame).map_err(|e| malformed_at(path, 0, e))?;
            coding.check(&prime, path)?;
        }
        let piece = |index| {
            let sampler = Sampler::new(options.sampling, options.seed, sampling::stream(index, 0))?;
            Ok(Piece { sampler, frames: prime.clone(), chord: Chord::new(), ended: false })
        };
        let mut pieces = (0..options.count).map(piece).collect::<Result<Vec<_>>>()?;
        let most = prime.len() + options.units;
        let mut reader = Reader { coding, model: self.model(), compute };
        match coding.notes {
            Notes::Independent => reader.independent(&prime, &mut pieces, most, observer)?,
            Notes::Conditioned => reader.conditioned(&prime, &mut pieces, most, observer)?,
        }
        let composed = |Piece { frames, ended, .. }: Piece| {
            let score = score(&frames, coding);
            let stopped = !ended && frames.len() < most;
            Composed { score, units: frames.len() - prime.len(), ended, stopped }
        };
        Ok(pieces.into_iter().map(composed).collect())
    }
}

/// The model, going on with pieces.
struct Reader<'a> {
    coding: &'a Coding,
    model: &'a SequenceModel,
    compute: &'a mut Compute,
}

impl Reader<'_> {
    /// What is expected after `prime`, for each of `rows` pieces that go on from it, and their state.
    fn begin(&mut self, prime: Packed, rows: usize) -> Result<(Vec<f32>, State)> {
        let (steps, mut state) = (prime.batch_sizes.len(), self.model.initial_state(1));
        let logits = self.model.advance(self.compute, &prime, &mut state)?;
        state.select(&vec![0; rows]);
        Ok((logits[logits.len() / steps * (steps - 1)..].repeat(rows), state))
    }

    /// Frames each of whose notes is drawn by itself.
    fn independent(
        &mut self,
        prime: &[Chord],
        pieces: &mut [Piece],
        most: usize,
        observer: &mut Observer,
    ) -> Result<()> {
        let (low, high, pitches) = (self.coding.low, self.coding.high, self.coding.pitches());
        let mut values = self.coding.begin();
        values.extend(prime.iter().flat_map(|chord| row(low, pitches, chord)));
        let batch_sizes = vec![1; prime.len() + 1];
        let (mut logits, mut state) =
            self.begin(Packed { values, batch_sizes, ..Packed::default() }, pieces.len())?;
        for length in prime.len() + 1..=most {
            let mut values = Vec::with_capacity(pieces.len() * (pitches + 1));
            for (piece, logits) in pieces.iter_mut().zip(logits.chunks_exact(pitches)) {
                let mut chord = Chord::new();
                for (pitch, &logit) in (low..=high).zip(logits) {
                    if piece.sampler.sample(&[0.0, logit], &[])? == 1 {
                        chord.push(pitch);
                    }
                }
                values.extend(row(low, pitches, &chord));
                piece.frames.push(chord);
            }
            let going = observer(GenerateEvent::Step { tokens: length - prime.len() });
            if length == most || going.is_break() {
                break;
            }
            let packed = Packed { values, batch_sizes: vec![pieces.len()], ..Packed::default() };
            logits = self.model.advance(self.compute, &packed, &mut state)?;
        }
        Ok(())
    }

    /// Frames whose notes are drawn from the highest down.
    fn conditioned(
        &mut self,
        prime: &[Chord],
        pieces: &mut [Piece],
        most: usize,
        observer: &mut Observer,
    ) -> Result<()> {
        let Self { coding, .. } = self;
        let mut ids = vec![END];
        for chord in prime {
            ids.extend(chord.iter().rev().map(|&pitch| coding.token(pitch)));
            ids.push(FRAME);
        }
        let batch_sizes = vec![1; ids.len()];
        let (mut logits, mut state) =
            self.begin(Packed { ids, batch_sizes, ..Packed::default() }, pieces.len())?;
        let Self { coding, model, compute, .. } = self;
        let mut open: Vec<usize> = (0..pieces.len()).filter(|_| prime.len() < most).collect();
        let mut going = ControlFlow::Continue(());
        while !open.is_empty() && going.is_continue() {
            let (mut rows, mut ids) = (Vec::new(), Vec::new());
            for (row, (&at, logits)) in
                open.iter().zip(logits.chunks_exact_mut(coding.vocabulary())).enumerate()
            {
                let Piece { sampler, frames, chord, ended } = &mut pieces[at];
                // A piece ends between frames, and the notes of one go down.
                if let Some(&lowest) = chord.last() {
                    logits[END as usize] = f32::NEG_INFINITY;
                    logits[coding.token(lowest) as usize..].fill(f32::NEG_INFINITY);
                }
                let token = sampler.sample(logits, &[])?;
                match coding.pitch(token) {
                    Some(pitch) => chord.push(pitch),
                    None if token == FRAME => {
                        chord.reverse();
                        frames.push(std::mem::take(chord));
                    }
                    None => *ended = true,
                }
                if !*ended && frames.len() < most {
                    rows.push(row);
                    ids.push(token);
                }
            }
            let longest = pieces.iter().map(|piece| piece.frames.len()).max().unwrap_or(0);
            going = observer(GenerateEvent::Step { tokens: longest - prime.len() });
            open = rows.iter().map(|&row| open[row]).collect();
            if !open.is_empty() && going.is_continue() {
                state.select(&rows);
                let packed = Packed { batch_sizes: vec![ids.len()], ids, ..Packed::default() };
                logits = model.advance(compute, &packed, &mut state)?;
            }
        }
        Ok(())
    }
}

/// A frame as an independent model reads it.
fn row(low: u8, pitches: usize, chord: &[u8]) -> Vec<f32> {
    let mut row = vec![0.0; pitches + 1];
    chord.iter().for_each(|&pitch| row[usize::from(pitch - low) + 1] = 1.0);
    row
}
