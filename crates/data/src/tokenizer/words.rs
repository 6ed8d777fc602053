//! Division of text into words, and the choice of those that a vocabulary holds.

use std::collections::HashMap;

use super::TokenizerError;

/// Cuts a text into words, each with the one space before it if there is one, and other single characters, with a
/// space before them likewise. The segments joined are the text.
pub(crate) fn segments(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let first = rest.chars().next()?;
        let space = usize::from(first == ' ');
        let body = &rest[space..];
        let length = match body.chars().next() {
            Some(c) if c.is_alphanumeric() => space + word_length(body),
            Some(c) if !c.is_whitespace() => space + c.len_utf8(),
            _ => first.len_utf8(),
        };
        let (segment, after) = rest.split_at(length);
        rest = after;
        Some(segment)
    })
}

/// Length in bytes of the run of letters, digits and marks at the start, apostrophes between letters included.
fn word_length(text: &str) -> usize {
    let mut characters = text.char_indices().peekable();
    while let Some((at, c)) = characters.next() {
        let joins =
            matches!(c, '\'' | '’') && characters.peek().is_some_and(|(_, next)| next.is_alphanumeric());
        if !(c.is_alphanumeric() || joins) {
            return at;
        }
    }
    text.len()
}

/// The most frequent segments, those of equal frequency in the order of their text; a single space is always there,
/// so that an unknown word does not swallow the space before it.
pub(super) fn vocabulary(
    mut counts: HashMap<String, usize>,
    minimum_count: usize,
    maximum_size: usize,
) -> Result<Vec<String>, TokenizerError> {
    if maximum_size < 4 {
        return Err(TokenizerError::TooSmall { size: maximum_size, least: 4 });
    }
    if counts.is_empty() {
        return Err(TokenizerError::NoText);
    }
    counts.insert(" ".to_owned(), usize::MAX);
    let mut frequent: Vec<_> = counts.into_iter().filter(|&(_, count)| count >= minimum_count).collect();
    frequent.sort_unstable_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
    frequent.truncate(maximum_size - 2);
    // The space was first so that it survives the cut; now it takes the place behind the true words.
    frequent.rotate_left(1);
    Ok(frequent.into_iter().map(|(segment, _)| segment).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_carry_their_space() {
        let cut = |text| segments(text).collect::<Vec<_>>();
        assert_eq!(
            cut("It's 'ein'  Haus, nah!\n so"),
            ["It's", " '", "ein", "'", " ", " Haus", ",", " nah", "!", "\n", " so"]
        );
        assert_eq!(cut("a "), ["a", " "]);
        assert_eq!(cut(""), [""; 0]);
    }
}
