//! ABC notation: what folk collections use of it, read tolerantly and written in a normal form.
//!
//! The language is that of the ABC standard 2.1, with the older forms that collections are full
//! of: `!` at the end of a line, `Q:120`, `:|2`. Where the standard leaves a choice, it falls as in
//! `abc2midi`: an accidental holds for its letter in every octave until the bar line, `a>b` is 3:1,
//! notes in a chord last as long as its first.
//!
//! Reading never fails: what could not be understood is passed over and reported as a
//! [`Problem`] with its line and column.

mod accompaniment;
mod body;
mod check;
mod chords;
mod cursor;
mod fields;
mod from_score;
mod header;
mod jump;
mod notes;
mod play;
mod split;
mod structure;
mod tune;
mod unroll;
mod write;

pub use from_score::from_score;
pub use play::Playing;
pub use split::{Piece, split};
pub use tune::{Bar, Element, Field, Item, Length, Sound, Tone, Tune, Voice};
pub use write::write;

use crate::Problem;

/// Reads every tune of a file.
///
/// Fields before the first `X:` hold for every tune. A file without a tune gives an empty list and
/// a problem that says so.
pub fn parse(text: &str) -> (Vec<Tune>, Vec<Problem>) {
    let pieces = split(text);
    let mut problems = Vec::new();
    if pieces.is_empty() {
        problems.push(Problem::new(1, 1, "there is no tune here: no line begins with \"X:\""));
    }
    let tunes = pieces.iter().map(|piece| header::read(piece, &mut problems)).collect();
    (tunes, problems)
}

/// Reads the text of a single tune; any further `X:` is reported.
pub fn parse_tune(text: &str) -> (Tune, Vec<Problem>) {
    let mut problems = Vec::new();
    let piece = Piece { preamble: "", text, line: 1 };
    let tune = header::read(&piece, &mut problems);
    (tune, problems)
}

/// Reads a text that is to be one complete piece, such as a generated one.
///
/// # Errors
/// Everything that keeps it from being accepted: whatever [`parse_tune`] reports, a missing `X:`
/// or `K:`, no bar of notes, an end without a bar line, repeats or ties that do not end, bars that
/// do not add up.
pub fn parse_complete(text: &str) -> Result<Tune, Vec<Problem>> {
    let (tune, mut problems) = parse_tune(text);
    problems.extend(tune.completeness_problems());
    problems.extend(tune.structure_problems());
    problems.extend(tune.bar_problems());
    if problems.is_empty() { Ok(tune) } else { Err(problems) }
}
