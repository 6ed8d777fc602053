//! How surprising symbols and frames are.

use std::f64::consts::LN_2;

use super::{Real, ScoreError, check_matrix, check_pairs, check_probabilities, surprise};

/// The mean over frames of −Σ ln p in nats, where each of `notes` sounds with its own probability: the cross-entropy of
/// piano rolls (Boulanger-Lewandowski, Bengio and Vincent 2012), all frames weighing the same. Both lists are
/// `[frames, notes]`. It is `notes` times scikit-learn's `log_loss` over all single notes.
///
/// # Errors
/// No frames or notes, lists that do not fit together, values that are no probabilities.
pub fn nats_a_frame<T: Real>(
    sounding: &[bool],
    probabilities: &[T],
    notes: usize,
) -> Result<f64, ScoreError> {
    check_pairs("probabilities", probabilities.len(), "notes", sounding.len())?;
    let frames = sounding.len().checked_div(notes).unwrap_or(0);
    check_matrix("notes", sounding.len(), frames, notes, "notes")?;
    check_probabilities(probabilities)?;
    let note = |(&sounds, &p): (&bool, &T)| surprise::<T>(if sounds { p.into() } else { 1.0 - p.into() });
    let sum: f64 = sounding.iter().zip(probabilities).map(note).sum();
    Ok(sum / frames as f64)
}

/// Nats in bits: nats / ln 2.
pub fn bits(nats: f64) -> f64 {
    nats / LN_2
}

/// Bits a character, from the mean nats a token of a text that is `tokens` tokens and `characters` characters long:
/// nats · tokens / (characters · ln 2). It makes models with different tokens comparable.
///
/// # Errors
/// No characters.
pub fn bits_a_character(nats_a_token: f64, tokens: usize, characters: usize) -> Result<f64, ScoreError> {
    match characters {
        0 => Err(ScoreError::Empty("characters")),
        _ => Ok(bits(nats_a_token * tokens as f64 / characters as f64)),
    }
}

/// e^nats of a mean cross-entropy in nats: a model is as unsure as among so many equally likely symbols.
pub fn perplexity(nats: f64) -> f64 {
    nats.exp()
}

/// 2^bits: [`perplexity`] of a mean cross-entropy in bits.
pub fn perplexity_of_bits(bits: f64) -> f64 {
    bits.exp2()
}
