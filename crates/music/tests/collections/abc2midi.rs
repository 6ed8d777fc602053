//! Compares what is played with Debian's `abc2midi`, note for note, on a whole collection.
//!
//! Where `abc2midi` or the data are not there, the tests say so and pass.

use crate::common::{abc2midi_is_there, ours, same, theirs};
use anaphora_music::abc;

/// Share of the tunes, in per cent, that both play alike; `prepare` makes the text of each.
fn share(text: &str, prepare: impl Fn(&str) -> String) -> f64 {
    let pieces = abc::split(text);
    let mut agreeing = 0;
    for piece in &pieces {
        let text = prepare(piece.text);
        let (ours, theirs) = (ours(&text), theirs(&text));
        if theirs.as_deref().is_some_and(|t| same(&ours, t)) {
            agreeing += 1;
        } else {
            let title = text.lines().find(|l| l.starts_with("T:")).unwrap_or_default();
            let theirs = theirs.unwrap_or_default();
            let first = ours.iter().zip(&theirs).position(|(a, b)| !same(&[*a], &[*b]));
            let (ours, theirs) = (ours.len(), theirs.len());
            println!("differs: line {}, {title}: {ours} and {theirs} notes, from note {first:?}", piece.line);
        }
    }
    let share = 100.0 * f64::from(agreeing) / pieces.len() as f64;
    println!("{agreeing} of {} tunes agree: {share:.2} %", pieces.len());
    share
}

/// As the collection stands.
///
/// 33 of the 37 tunes that differ have a part that ends in `:|` without having begun in `|:`,
/// behind a part that ended in `|]`. There the ABC standard (2.1, section 4.8) goes back to the
/// double bar line, and so do we; `abc2midi` goes back to the beginning of the tune, or leaves out
/// what it takes for an ending. In two tunes music follows `M:` on its line, and in two an empty
/// line stands between header and music: we report these and play them, `abc2midi` does not.
#[test]
fn a_collection_as_it_stands() {
    let Some(text) = crate::irish::collection().filter(|_| abc2midi_is_there()) else { return };
    assert!(share(&text, str::to_owned) > 95.3);
}

/// With what is only understood written out, as [`abc::write`] has it: every tune is to agree.
#[test]
fn a_collection_with_its_repeats_made_explicit() {
    let Some(text) = crate::irish::collection().filter(|_| abc2midi_is_there()) else { return };
    let explicit = |text: &str| {
        let mut tune = abc::parse_tune(text).0;
        tune.make_repeats_explicit();
        abc::write(&tune)
    };
    assert!(share(&text, explicit) == 100.0);
}
