//! What was read, as a text whose parts are the steps.

use std::collections::BTreeMap;

use anaphora::inspect::Inspection;
use serde::Serialize;
use serde_json::Value;

/// The parts of a text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Pieces {
    /// The text of each step; empty where it stands for none, such as an end.
    pub pieces: Vec<String>,
    /// What stands between two.
    pub between: &'static str,
}

/// The texts of the axes that are read: `steps`, and of a model that reads another sequence first `source`.
pub fn of_axes(inspection: &Inspection) -> BTreeMap<&'static str, Pieces> {
    let given = |key: &str| -> Option<Vec<String>> {
        let all = inspection.about.get(key)?.as_array()?;
        all.iter().map(|piece| piece.as_str().map(str::to_owned)).collect()
    };
    let text = |key: &str| inspection.about.get(key).and_then(Value::as_str);
    let of = |(axis, whole, parts): (&'static str, &str, &str)| {
        let names = inspection.labels.get(axis)?;
        let pieces = given(parts).filter(|pieces| pieces.len() == names.len());
        Some((axis, pieces.map_or_else(|| of_names(names, text(whole)), joined)))
    };
    let axes = [("steps", "text", "pieces"), ("source", "source", "source_pieces")];
    axes.into_iter().filter_map(of).collect()
}

fn joined(pieces: Vec<String>) -> Pieces {
    Pieces { pieces, between: "" }
}

/// The text of steps with names: the names themselves, with blanks between them where they do not make up the text.
fn of_names(names: &[String], text: Option<&str>) -> Pieces {
    let pieces: Vec<String> = names.iter().map(|name| unescaped(name)).collect();
    let is_special = |piece: &str| piece.starts_with('<') && piece.ends_with('>') && piece.len() > 2;
    let plain: Vec<String> =
        pieces.iter().map(|piece| if is_special(piece) { String::new() } else { piece.clone() }).collect();
    let between = match text {
        Some(text) if text == plain.concat() => return joined(plain),
        Some(text) if text == pieces.concat() => "",
        // Characters, of which one that the model does not know has another name.
        _ if plain.iter().all(|piece| piece.chars().count() <= 1) => return joined(plain),
        _ => " ",
    };
    Pieces { pieces, between }
}

/// Names as the script has them: those of symbols without the escapes that make them printable, for it shows by itself what cannot be seen.
pub fn shown_names(axis: &str, names: &[String]) -> Vec<String> {
    let is_of_symbols = ["steps", "source", "symbols", "source_symbols"].contains(&axis);
    names.iter().map(|name| if is_of_symbols { unescaped(name) } else { name.clone() }).collect()
}

/// The text that [`str::escape_debug`] made printable; one that it would not have made stays as it is.
fn unescaped(name: &str) -> String {
    let mut text = String::with_capacity(name.len());
    let mut rest = name;
    while let Some(at) = rest.find('\\') {
        text.push_str(&rest[..at]);
        let behind = &rest[at + 1..];
        let mut letters = behind.chars();
        let (known, length) = match letters.next() {
            Some('n') => (Some('\n'), 1),
            Some('r') => (Some('\r'), 1),
            Some('t') => (Some('\t'), 1),
            Some('0') => (Some('\0'), 1),
            Some(letter @ ('\\' | '\'' | '"')) => (Some(letter), 1),
            Some('u') => match behind[1..].strip_prefix('{').and_then(|code| code.split_once('}')) {
                Some((code, _)) => {
                    (u32::from_str_radix(code, 16).ok().and_then(char::from_u32), code.len() + 3)
                }
                None => (None, 0),
            },
            _ => (None, 0),
        };
        match known {
            Some(letter) => {
                text.push(letter);
                rest = &behind[length..];
            }
            None => {
                text.push('\\');
                rest = behind;
            }
        }
    }
    text.push_str(rest);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owned(all: &[&str]) -> Vec<String> {
        all.iter().map(|&text| text.to_owned()).collect()
    }

    #[test]
    fn names_that_were_made_printable_are_read_back() {
        for text in ["\n", "\t", "\\n", "\"", "'", "\u{202e}", "\0", "é", "a\\b", "👍🏽", "\u{301}"] {
            assert_eq!(unescaped(&text.escape_debug().to_string()), text, "{text:?}");
        }
        for plain in ["\\x", "\\u{zz}", "\\u{12", "\\", "<end>"] {
            assert_eq!(unescaped(plain), plain);
        }
    }

    #[test]
    fn a_text_is_made_of_its_pieces() {
        let characters = of_names(&owned(&["<end>", "a", "\\n", "b"]), Some("a\nb"));
        assert_eq!((characters.pieces.concat().as_str(), characters.between), ("a\nb", ""));
        let words = of_names(&owned(&["not", "<b>", "bad"]), Some("not <b> bad"));
        let unknown = of_names(&owned(&["K", "o", "�"]), Some("Kow"));
        assert_eq!((unknown.pieces.concat().as_str(), unknown.between), ("Ko�", ""));
        assert_eq!((words.pieces.join(words.between).as_str(), words.between), ("not <b> bad", " "));
    }
}
