//! Writing pieces, frame by frame.

use anaphora_data::Packed;
use anaphora_data::roll::{Chord, to_chords, to_notes};
use anaphora_music::{Score, TICKS_PER_QUARTER, Tempo};

use super::Chords;
use super::coding::{Coding, END, FRAME};
use crate::Result;
use crate::decoding::sampling::Sampler;
use crate::model::{Compute, SequenceModel};
use crate::recipe::Notes;
use crate::tasks::compose::{ComposeOptions, Composed};
use crate::tasks::midi;
use crate::tasks::shared::{Compose, TrainedTask};

/// How hard notes are struck, and how many quarter notes a minute has.
const VELOCITY: u8 = 80;
const TEMPO: f64 = 84.0;

impl Compose for TrainedTask<Chords> {
    /// Writes pieces, of `options.units` frames at most beside those that it goes on from.
    fn compose(&self, compute: &mut Compute, options: &ComposeOptions) -> Result<Vec<Composed>> {
        let (coding, model) = (&self.task().coding, self.model());
        let mut prime = Vec::new();
        if let Some(path) = &options.prime {
            let score = midi::read_score(path)?;
            prime = to_chords(&midi::in_quarters(&score), coding.frame)?;
            coding.check(&prime, path)?;
        }
        let mut pieces = Vec::new();
        for index in 0..options.count {
            let sampler = Sampler::new(options.sampling, options.seed, index as u32)?;
            let (frames, ended) = match coding.notes {
                Notes::Independent => {
                    (independent(coding, model, compute, &prime, options.units, sampler)?, false)
                }
                Notes::Conditioned => conditioned(coding, model, compute, &prime, options.units, sampler)?,
            };
            let notes = to_notes(&frames, coding.frame, VELOCITY);
            let mut score: Score = midi::to_score("", &notes, TICKS_PER_QUARTER as f64);
            score.tempos.push((0, Tempo { per_minute: TEMPO, ..Tempo::default() }));
            pieces.push(Composed { score, units: frames.len() - prime.len(), ended });
        }
        Ok(pieces)
    }
}

/// Frames each of whose notes is drawn by itself.
fn independent(
    coding: &Coding,
    model: &SequenceModel,
    compute: &mut Compute,
    prime: &[Chord],
    units: usize,
    mut sampler: Sampler,
) -> Result<Vec<Chord>> {
    let mut state = model.initial_state(1);
    let mut frames = prime.to_vec();
    let mut packed = Packed { values: coding.begin(), ..Packed::default() };
    for chord in prime {
        packed.values.extend(row(coding.low, coding.pitches(), chord));
    }
    for _ in 0..units {
        packed.batch_sizes = vec![1; packed.values.len() / (coding.pitches() + 1)];
        let logits = model.advance(compute, &packed, &mut state)?;
        let mut chord = Chord::new();
        for (pitch, &logit) in (coding.low..=coding.high).zip(&logits[logits.len() - coding.pitches()..]) {
            if sampler.sample(&mut [0.0, logit], &[])? == 1 {
                chord.push(pitch);
            }
        }
        packed.values = row(coding.low, coding.pitches(), &chord);
        frames.push(chord);
    }
    Ok(frames)
}

/// Frames whose notes are drawn from the highest down, and whether the piece came to its end.
fn conditioned(
    coding: &Coding,
    model: &SequenceModel,
    compute: &mut Compute,
    prime: &[Chord],
    units: usize,
    mut sampler: Sampler,
) -> Result<(Vec<Chord>, bool)> {
    let mut state = model.initial_state(1);
    let mut frames = prime.to_vec();
    let mut ids = vec![END];
    for chord in prime {
        ids.extend(chord.iter().rev().map(|&pitch| coding.token(pitch)));
        ids.push(FRAME);
    }
    let mut chord = Chord::new();
    while frames.len() < prime.len() + units {
        let batch_sizes = vec![1; ids.len()];
        let logits = model.advance(compute, &Packed { ids, batch_sizes, ..Packed::default() }, &mut state)?;
        let mut logits = logits[logits.len() - coding.vocabulary()..].to_vec();
        // A piece ends between frames, and the notes of one go down.
        if let Some(&lowest) = chord.last() {
            logits[END as usize] = f32::NEG_INFINITY;
            logits[coding.token(lowest) as usize..].fill(f32::NEG_INFINITY);
        }
        let token = sampler.sample(&mut logits, &[])?;
        match coding.pitch(token) {
            Some(pitch) => chord.push(pitch),
            None if token == FRAME => {
                chord.reverse();
                frames.push(std::mem::take(&mut chord));
            }
            None => return Ok((frames, true)),
        }
        ids = vec![token];
    }
    Ok((frames, false))
}

/// A frame as an independent model reads it.
fn row(low: u8, pitches: usize, chord: &[u8]) -> Vec<f32> {
    let mut row = vec![0.0; pitches + 1];
    chord.iter().for_each(|&pitch| row[usize::from(pitch - low) + 1] = 1.0);
    row
}
