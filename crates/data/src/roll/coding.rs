//! How frames of notes become what a model reads and predicts: frames of ones and zeros, or tokens.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{Chord, RollError, to_frames};
use crate::error::At;
use crate::frames::Frames;
use crate::sequence::Sequence;

/// How the notes of a chord depend on one another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Notes {
    /// Each sounds or not whatever the others do.
    Independent,
    /// One after the other, from the highest down, each by those above it.
    #[default]
    Conditioned,
}

/// A pitch that is not among those that were learnt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the pitch {pitch} sounds, and the model knows those from {low} to {high}")]
pub struct UnknownPitch {
    /// The pitch.
    pub pitch: u8,
    /// The lowest one that is known.
    pub low: u8,
    /// The highest one.
    pub high: u8,
}

/// The token that stands between pieces: the first that is read, the last that is predicted.
pub const END: u32 = 0;
/// The token that ends a frame.
pub const FRAME: u32 = 1;
/// That of the lowest pitch.
const LOWEST: u32 = 2;

/// The numbers of notes, and what is predicted of them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Coding {
    /// The lowest pitch.
    pub low: u8,
    /// The highest pitch.
    pub high: u8,
    /// How the notes of a frame depend on one another.
    pub notes: Notes,
    /// The length of a frame in quarter notes.
    pub frame: f64,
}

impl Coding {
    /// Number of pitches.
    pub fn pitches(&self) -> usize {
        usize::from(self.high.saturating_sub(self.low)) + 1
    }

    /// Tokens of conditioned notes.
    pub fn vocabulary(&self) -> usize {
        self.pitches() + LOWEST as usize
    }

    /// The token of a pitch within the range.
    pub fn token(&self, pitch: u8) -> u32 {
        u32::from(pitch - self.low) + LOWEST
    }

    /// The pitch of a token that has one.
    pub fn pitch(&self, token: u32) -> Option<u8> {
        token.checked_sub(LOWEST).map(|above| self.low + above as u8)
    }

    /// Steps of a piece.
    pub fn steps(&self, piece: &[Chord]) -> usize {
        match self.notes {
            Notes::Independent => piece.len(),
            Notes::Conditioned => piece.iter().map(|chord| chord.len() + 1).sum::<usize>() + 1,
        }
    }

    /// What is read of a piece, moved by some semitones, and what follows each step of it.
    ///
    /// # Panics
    /// If a pitch lies outside the range.
    pub fn example(&self, piece: &[Chord], shift: i16) -> (Sequence, Sequence) {
        let moved = |pitch: u8| (i16::from(pitch) + shift) as u8;
        match self.notes {
            Notes::Independent => {
                let chords: Vec<Chord> =
                    piece.iter().map(|chord| chord.iter().map(|&pitch| moved(pitch)).collect()).collect();
                let (target, outside) = to_frames(&chords, self.low, self.high);
                assert_eq!(outside, 0, "notes of a piece lie within the range");
                let mut input = Frames { width: target.width + 1, values: self.begin() };
                for index in 1..target.len() {
                    input.values.push(0.0);
                    input.values.extend_from_slice(target.frame(index - 1));
                }
                (Sequence::Frames(input), Sequence::Frames(target))
            }
            Notes::Conditioned => {
                let mut tokens = vec![END];
                for chord in piece {
                    tokens.extend(chord.iter().rev().map(|&pitch| self.token(moved(pitch))));
                    tokens.push(FRAME);
                }
                let mut targets = tokens[1..].to_vec();
                targets.push(END);
                (Sequence::Tokens(tokens), Sequence::Tokens(targets))
            }
        }
    }

    /// The frame before the first one.
    pub fn begin(&self) -> Vec<f32> {
        let mut frame = vec![0.0; self.pitches() + 1];
        frame[0] = 1.0;
        frame
    }

    /// Refuses pitches that have no number; `path` is named then.
    ///
    /// # Errors
    /// The first of them.
    pub fn check<'a>(
        &self,
        chords: impl IntoIterator<Item = &'a Chord>,
        path: &Path,
    ) -> Result<(), RollError> {
        self.unknown(chords).map_or(Ok(()), |unknown| Err(At::new(path, 0, unknown).into()))
    }

    /// The first pitch that has no number.
    pub fn unknown<'a>(&self, chords: impl IntoIterator<Item = &'a Chord>) -> Option<UnknownPitch> {
        let Self { low, high, .. } = *self;
        let pitch = chords.into_iter().flatten().copied().find(|pitch| !(low..=high).contains(pitch))?;
        Some(UnknownPitch { pitch, low, high })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn coding(notes: Notes) -> Coding {
        Coding { low: 48, high: 72, notes, frame: 1.0 }
    }

    #[test]
    fn notes_are_read_from_the_highest_down() {
        let coding = coding(Notes::Conditioned);
        let piece = [vec![48, 60, 72], vec![], vec![50]];
        let (input, target) = coding.example(&piece, 0);
        assert_eq!(input, Sequence::Tokens(vec![END, 26, 14, 2, FRAME, FRAME, 4, FRAME]));
        assert_eq!(target, Sequence::Tokens(vec![26, 14, 2, FRAME, FRAME, 4, FRAME, END]));
        assert_eq!((input.len(), coding.vocabulary()), (coding.steps(&piece), 27));
        assert_eq!(coding.pitch(26), Some(72));
        assert_eq!(coding.pitch(FRAME), None);
    }

    #[test]
    fn a_frame_is_predicted_from_those_before_it() {
        let coding = coding(Notes::Independent);
        let piece = [vec![48, 60], vec![50], vec![70]];
        let (Sequence::Frames(input), Sequence::Frames(target)) = coding.example(&piece, 2) else {
            panic!("independent notes are frames");
        };
        assert_eq!((input.len(), target.len()), (3, 3));
        assert_eq!(input.frame(0), coding.begin());
        for at in 1..3 {
            assert_eq!(input.frame(at)[0], 0.0);
            assert_eq!(&input.frame(at)[1..], target.frame(at - 1));
        }
        let sounding = |at: usize| (0..25).filter(|&p| target.frame(at)[p] > 0.0).collect::<Vec<_>>();
        assert_eq!((sounding(0), sounding(2)), (vec![2, 14], vec![24]));
    }
}
