//! Putting pieces aside for validation, never through the middle of a tune.

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_xoshiro::Xoshiro256PlusPlus;
use serde::{Deserialize, Serialize};

use crate::error::DataError;
use crate::pieces::{Format, Piece, Pieces};

/// Which pieces are put aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Order {
    /// The last ones of the file.
    File,
    /// Any, drawn with this seed.
    Shuffled {
        /// The seed.
        seed: u64,
    },
}

/// How much is put aside, and which.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct SplitOptions {
    /// Share of the pieces (of the characters, where there is one document) for validation, within (0, 1).
    pub validation_fraction: f64,
    /// Which pieces.
    pub order: Order,
}

impl Default for SplitOptions {
    /// The last tenth in the order of the file.
    fn default() -> Self {
        SplitOptions { validation_fraction: 0.1, order: Order::File }
    }
}

/// Pieces to learn from, and pieces to be judged by. Neither is empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Split {
    /// To learn from.
    pub train: Vec<Piece>,
    /// To be judged by.
    pub validation: Vec<Piece>,
}

/// Splits pieces; the share for validation is rounded up to whole pieces.
///
/// A single text document is cut in two at the line end (or, within a single line, the word end) that is nearest to
/// where the validation share begins, whatever the order asked for.
///
/// # Errors
/// A share outside (0, 1), a single tune, a document too short to be cut.
pub fn split(pieces: Pieces, options: &SplitOptions) -> Result<Split, DataError> {
    let fraction = options.validation_fraction;
    if !(fraction > 0.0 && fraction < 1.0) {
        return Err(DataError::Fraction(fraction));
    }
    let Pieces { format, pieces: mut train, .. } = pieces;
    match (train.len(), format) {
        (0 | 1, Format::Abc) => {
            return Err(DataError::TooLittle { found: "one tune".into(), needed: "two tunes or more are" });
        }
        (0, Format::Text) => {
            return Err(DataError::TooLittle { found: "no document".into(), needed: "some text is" });
        }
        (1, Format::Text) => return split_document(&train[0], fraction),
        _ => {}
    }
    if let Order::Shuffled { seed } = options.order {
        train.shuffle(&mut Xoshiro256PlusPlus::seed_from_u64(seed));
    }
    // A hair less before rounding up, so that a tenth of 30 is 3 whatever the last bit of the product.
    let wanted = (train.len() as f64 * fraction - 1e-9).ceil() as usize;
    let validation = train.split_off(train.len() - wanted.clamp(1, train.len() - 1));
    Ok(Split { train, validation })
}

fn split_document(piece: &Piece, fraction: f64) -> Result<Split, DataError> {
    let text = &piece.text;
    let characters = text.chars().count();
    let wanted = (characters as f64 * (1.0 - fraction)).round() as usize;
    let cut = nearest_border(text, wanted, |c| c == '\n')
        .or_else(|| nearest_border(text, wanted, char::is_whitespace));
    let Some(cut) = cut else {
        let found = format!("one document of {characters} characters without a line or word end");
        return Err(DataError::TooLittle { found, needed: "several lines or words are" });
    };
    let (before, after) = text.split_at(cut);
    let part = |text: &str, line| Piece { text: text.to_owned(), file: piece.file, line };
    let lines_before = before.matches('\n').count();
    Ok(Split {
        train: vec![part(before, piece.line)],
        validation: vec![part(after, piece.line + lines_before)],
    })
}

/// Byte offset behind the character that satisfies `is_border` and lies nearest to `wanted` (in characters), such that
/// both sides hold more than white space.
fn nearest_border(text: &str, wanted: usize, is_border: impl Fn(char) -> bool) -> Option<usize> {
    let first = text.find(|c: char| !c.is_whitespace())?;
    let last = text.trim_end().len();
    text.char_indices()
        .enumerate()
        .filter(|&(_, (byte, c))| is_border(c) && byte > first && byte < last)
        .min_by_key(|&(index, _)| (index + 1).abs_diff(wanted))
        .map(|(_, (byte, c))| byte + c.len_utf8())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tunes(count: usize) -> Pieces {
        let pieces =
            (0..count).map(|i| Piece { text: format!("X:{i}\nK:C\nC|\n"), file: 0, line: 1 + 4 * i });
        Pieces {
            format: Format::Abc,
            pieces: pieces.collect(),
            files: vec![],
            headers: vec![],
            skipped: vec![],
        }
    }

    fn document(text: &str) -> Pieces {
        let pieces = vec![Piece { text: text.into(), file: 0, line: 1 }];
        Pieces { format: Format::Text, pieces, files: vec![], headers: vec![], skipped: vec![] }
    }

    #[test]
    fn the_last_tenth_is_put_aside() {
        for (count, validation) in [(2, 1), (10, 1), (11, 2), (30, 3), (804, 81)] {
            let all = tunes(count);
            let split = split(all.clone(), &SplitOptions::default()).unwrap();
            assert_eq!(split.validation, all.pieces[count - validation..]);
            assert_eq!(split.train, all.pieces[..count - validation]);
        }
    }

    #[test]
    fn a_drawn_split_keeps_every_piece_and_follows_the_seed() {
        let drawn = |seed| {
            split(tunes(50), &SplitOptions { validation_fraction: 0.2, order: Order::Shuffled { seed } })
                .unwrap()
        };
        let mut all = [drawn(1).train, drawn(1).validation].concat();
        all.sort_by_key(|p| p.line);
        assert_eq!(all, tunes(50).pieces);
        assert_eq!(drawn(1), drawn(1));
        assert_ne!(drawn(1), drawn(2));
        assert_eq!(drawn(1).validation.len(), 10);
    }

    #[test]
    fn one_document_is_cut_at_a_line_end() {
        let text: String = (0..100).map(|i| format!("line {i:03}\n")).collect();
        let parts = split(document(&text), &SplitOptions::default()).unwrap();
        assert_eq!(parts.train[0].text.lines().count(), 90);
        assert_eq!(parts.validation[0].line, 91);
        assert_eq!(parts.validation[0].text.lines().next(), Some("line 090"));
        let words = split(document("ein zwei drei vier"), &SplitOptions::default()).unwrap();
        assert_eq!(
            (words.train[0].text.as_str(), words.validation[0].text.as_str()),
            ("ein zwei drei ", "vier")
        );
    }

    #[test]
    fn too_little_is_said() {
        let message = |pieces, fraction| {
            let options = SplitOptions { validation_fraction: fraction, order: Order::File };
            split(pieces, &options).unwrap_err().to_string()
        };
        assert!(message(tunes(1), 0.1).contains("two tunes or more are needed"));
        assert!(message(document("word\n"), 0.1).contains("one document of 5 characters"));
        for fraction in [0.0, 1.0, -0.5, f64::NAN] {
            assert!(message(tunes(9), fraction).contains("above 0 and below 1"));
        }
    }
}
