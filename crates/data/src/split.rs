//! Putting text aside for validation, never through the middle of a tune.

use std::sync::Arc;

use crate::error::{DataError, counted};
use crate::section::{Place, Section};
use crate::texts::{Event, Format, Texts};

/// Of how many characters the share for validation is taken at most: scoring a tenth of a few gigabytes would take hours,
/// and would not be surer for it.
pub const COUNTED: usize = 10_000_000;

/// Text to learn from, and text to be judged by. Neither is empty.
#[derive(Debug, Clone)]
pub struct Split {
    /// To learn from.
    pub train: Section,
    /// To be judged by: the end of it.
    pub validation: Section,
}

/// Puts the last pieces aside: a share of them, rounded up to whole pieces; of more than [`COUNTED`] characters as many of
/// the last as hold that share of [`COUNTED`] characters, or a single one.
///
/// A single text document, or the last one of large texts where it alone is more than that, is cut in two at the line end
/// (or, within a single line, the word end, or, within a single word, the character) that is nearest to where the validation
/// share begins.
///
/// # Errors
/// A share outside (0, 1), a single tune, a document too short to be cut; those of [`Texts::replay`].
pub fn split(texts: Arc<Texts>, fraction: f64) -> Result<Split, DataError> {
    if !(fraction > 0.0 && fraction < 1.0) {
        return Err(DataError::Fraction(fraction));
    }
    let at = place(&texts, fraction)?;
    let [train, validation] = Section::parted(texts, at);
    Ok(Split { train, validation })
}

/// Where validation begins.
fn place(texts: &Texts, fraction: f64) -> Result<Place, DataError> {
    let Survey { lengths, first, last } = survey(texts)?;
    let (count, format) = (lengths.len(), texts.format());
    if (count, format) == (1, Format::Abc) {
        return Err(DataError::TooLittle { found: "one tune".into(), needed: "two tunes or more are" });
    }
    let all: usize = lengths.iter().sum();
    let most = COUNTED as f64 * fraction;
    let end = lengths[count - 1];
    let cut = |wanted: f64| nearest_border(texts, count - 1, (first, last), wanted.round() as usize);
    if count == 1 {
        let wanted = if end <= COUNTED { end as f64 * (1.0 - fraction) } else { end as f64 - most };
        return cut(wanted)?.ok_or_else(|| {
            let found = format!("one document of {}", counted(end, "character"));
            DataError::TooLittle { found, needed: "two characters that are no white space, or more, are" }
        });
    }
    // A hair less before rounding up, so that a tenth of 30 is 3 whatever the last bit of the product.
    let wanted = (count as f64 * fraction - 1e-9).ceil() as usize;
    let mut piece = count - wanted.clamp(1, count - 1);
    if all > COUNTED {
        if format == Format::Text && end as f64 > most {
            return Ok(cut(end as f64 - most)?.unwrap_or(Place { piece: count - 1, character: 0 }));
        }
        let mut held_out: usize = lengths[piece..].iter().sum();
        while held_out as f64 > most && piece < count - 1 {
            held_out -= lengths[piece];
            piece += 1;
        }
    }
    Ok(Place { piece, character: 0 })
}

/// What has to be known of texts before they are split.
struct Survey {
    /// Of the pieces, in characters.
    lengths: Vec<usize>,
    /// The first and the last character of the last piece that are no white space.
    first: usize,
    last: usize,
}

fn survey(texts: &Texts) -> Result<Survey, DataError> {
    let mut survey = Survey { lengths: vec![], first: 0, last: 0 };
    let mut length = 0;
    let mut first = None;
    texts.replay(|event| {
        match event {
            Event::Begin { .. } => (length, first) = (0, None),
            Event::Text(text) => {
                let white = |text: &str, rest: &str| text[..text.len() - rest.len()].chars().count();
                let start = text.trim_start();
                if !start.is_empty() {
                    survey.first = *first.get_or_insert(length + white(text, start));
                }
                let characters = text.chars().count();
                let solid = text.trim_end();
                if !solid.is_empty() {
                    survey.last = length + characters - text[solid.len()..].chars().count() - 1;
                }
                length += characters;
            }
            Event::End => survey.lengths.push(length),
        }
        Ok::<_, DataError>(())
    })?;
    Ok(survey)
}

/// Behind the line end, or else the word end, or else the character, of a piece that lies nearest to character `wanted` of it, such that both
/// sides hold more than white space: something of `solid`, its first and last character that are none.
fn nearest_border(
    texts: &Texts,
    piece: usize,
    solid: (usize, usize),
    wanted: usize,
) -> Result<Option<Place>, DataError> {
    let mut nearest: [Option<usize>; 3] = [None; 3];
    let (mut number, mut at) = (0, 0);
    texts.replay(|event| {
        match event {
            Event::Text(text) if number == piece => {
                for c in text.chars() {
                    at += 1;
                    if at > solid.0 && at <= solid.1 {
                        let nearer = |known: usize| at.abs_diff(wanted) < known.abs_diff(wanted);
                        let fits = [c == '\n', c.is_whitespace(), true];
                        for (nearest, fits) in nearest.iter_mut().zip(fits) {
                            if fits && nearest.is_none_or(nearer) {
                                *nearest = Some(at);
                            }
                        }
                    }
                }
            }
            Event::End => number += 1,
            _ => {}
        }
        Ok::<_, DataError>(())
    })?;
    let [line, word, character] = nearest;
    Ok(line.or(word).or(character).map(|character| Place { piece, character }))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::texts::Piece;

    fn texts(content: &str, format: Format) -> Arc<Texts> {
        Arc::new(Texts::of(content, Path::new("any"), Some(format)).unwrap())
    }

    fn tunes(count: usize) -> Arc<Texts> {
        texts(&(0..count).map(|i| format!("X:{i}\nK:C\nC|\n")).collect::<String>(), Format::Abc)
    }

    fn document(text: &str) -> Arc<Texts> {
        texts(text, Format::Text)
    }

    /// The pieces of a section.
    fn pieces(section: &Section) -> Vec<Piece> {
        let mut pieces: Vec<Piece> = vec![];
        section
            .replay(|event| {
                match event {
                    Event::Begin { file, line } => pieces.push(Piece { text: String::new(), file, line }),
                    Event::Text(text) => pieces.last_mut().unwrap().text.push_str(text),
                    Event::End => {}
                }
                Ok::<_, DataError>(())
            })
            .unwrap();
        pieces
    }

    #[test]
    fn the_last_tenth_is_put_aside() {
        for (count, validation) in [(2, 1), (10, 1), (11, 2), (30, 3), (804, 81)] {
            let all = tunes(count).pieces().unwrap();
            let split = split(tunes(count), 0.1).unwrap();
            assert_eq!(pieces(&split.validation), all[count - validation..]);
            assert_eq!(pieces(&split.train), all[..count - validation]);
        }
    }

    #[test]
    fn one_document_is_cut_at_a_line_end() {
        let text: String = (0..100).map(|i| format!("line {i:03}\n")).collect();
        let parts = split(document(&text), 0.1).unwrap();
        let [train, validation] = [parts.train, parts.validation].map(|part| pieces(&part).remove(0));
        assert_eq!(train.text.lines().count(), 90);
        assert_eq!(validation.line, 91);
        assert_eq!(validation.text.lines().next(), Some("line 090"));
        let words = split(document("ein zwei drei vier"), 0.1).unwrap();
        assert_eq!(
            (pieces(&words.train)[0].text.as_str(), pieces(&words.validation)[0].text.as_str()),
            ("ein zwei drei ", "vier")
        );
    }

    #[test]
    fn one_word_is_cut_between_characters() {
        let parts = split(document(&"他说天气".repeat(10)), 0.1).unwrap();
        let [train, validation] = [parts.train, parts.validation].map(|part| pieces(&part).remove(0).text);
        assert_eq!((train.chars().count(), &*validation), (36, "他说天气"));
        let parts = split(document("ab"), 0.1).unwrap();
        assert_eq!((&*pieces(&parts.train)[0].text, &*pieces(&parts.validation)[0].text), ("a", "b"));
    }

    #[test]
    fn both_sides_hold_more_than_white_space() {
        let parts = split(document("\n\n a\nb\n\n\n\n\n\n\n\n\n\n"), 0.1).unwrap();
        assert_eq!(pieces(&parts.train)[0].text, "\n\n a\n");
        assert_eq!(pieces(&parts.validation)[0].line, 4);
    }

    #[test]
    fn of_large_texts_a_million_characters_are_put_aside() {
        let length = |section: &Section| pieces(section).iter().map(|p| p.text.len()).collect::<Vec<_>>();
        // 12 million characters in one document, lines of 100.
        let line = format!("{}\n", "x".repeat(99));
        let text = line.repeat(120_000);
        let parts = split(document(&text), 0.1).unwrap();
        assert_eq!((length(&parts.train), length(&parts.validation)), (vec![11_000_000], vec![1_000_000]));
        // The same as documents of 300,000.
        let documents = vec![line.repeat(3_000); 40].join("<|endoftext|>\n");
        let parts = split(document(&documents), 0.1).unwrap();
        assert_eq!(length(&parts.validation), [300_000; 3]);
        assert_eq!(length(&parts.train).len(), 37);
        // The last document alone is more.
        let documents = ["first\n", &text].join("<|endoftext|>\n");
        let parts = split(document(&documents), 0.2).unwrap();
        assert_eq!(length(&parts.train), [6, 10_000_000]);
        assert_eq!(length(&parts.validation), [2_000_000]);
    }

    #[test]
    fn too_little_is_said() {
        let message = |texts, fraction| split(texts, fraction).unwrap_err().to_string();
        assert!(message(tunes(1), 0.1).contains("two tunes or more are needed"));
        assert!(message(document("w\n"), 0.1).contains("one document of 2 characters cannot be split"));
        for fraction in [0.0, 1.0, -0.5, f64::NAN] {
            assert!(message(tunes(9), fraction).contains("above 0 and below 1"));
        }
    }
}
