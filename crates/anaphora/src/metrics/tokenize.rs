//! How BLEU cuts a line into words.

use super::ngrams::{is_space, words};

/// sacreBLEU's tokenizers, by its names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tokenize {
    /// `13a`: that of `mteval-v13a.pl`, which WMT uses. Sets punctuation apart, but for `'`, points and commas between
    /// digits, and dashes that do not follow a digit; only ASCII is punctuation.
    #[default]
    V13a,
    /// `none`: words are what stands between spaces, for text that is already tokenised.
    None,
    /// `char`: each character is a word.
    Char,
}

impl Tokenize {
    /// sacreBLEU's name, for the signature.
    pub fn name(self) -> &'static str {
        match self {
            Tokenize::V13a => "13a",
            Tokenize::None => "none",
            Tokenize::Char => "char",
        }
    }

    /// The words of a line.
    pub fn words(self, line: &str) -> Vec<String> {
        let line = line.trim_end_matches(is_space);
        match self {
            Tokenize::V13a => words(&v13a(line)).into_iter().map(str::to_owned).collect(),
            Tokenize::None => words(line).into_iter().map(str::to_owned).collect(),
            Tokenize::Char => line.chars().filter(|&c| !is_space(c)).map(String::from).collect(),
        }
    }
}

/// The line with a space on both sides of what is a word of its own.
fn v13a(line: &str) -> String {
    let mut line = line.replace("<skipped>", "").replace("-\n", "").replace('\n', " ");
    for (entity, symbol) in [("&quot;", "\""), ("&amp;", "&"), ("&lt;", "<"), ("&gt;", ">")] {
        line = line.replace(entity, symbol);
    }
    let mut apart = String::with_capacity(2 * line.len());
    apart.push(' ');
    for symbol in line.chars() {
        if matches!(symbol, '!'..='&' | '('..='+' | '/' | ':'..='@' | '['..='`' | '{'..='~') {
            apart.extend([' ', symbol, ' ']);
        } else {
            apart.push(symbol);
        }
    }
    apart.push(' ');

    let point = |symbol| matches!(symbol, '.' | ',');
    let digit = |symbol: char| symbol.is_ascii_digit();
    let after_no_digit = replace_pairs(&apart, |a, b| !digit(a) && point(b), |a, b| [a, ' ', b, ' ']);
    let before_no_digit =
        replace_pairs(&after_no_digit, |a, b| point(a) && !digit(b), |a, b| [' ', a, ' ', b]);
    replace_pairs(&before_no_digit, |a, b| digit(a) && b == '-', |a, b| [a, ' ', b, ' '])
}

/// Replaces pairs of symbols from left to right, none overlapping another, as a regular expression of two symbols does.
fn replace_pairs(
    text: &str,
    is_pair: impl Fn(char, char) -> bool,
    replace: impl Fn(char, char) -> [char; 4],
) -> String {
    let mut result = String::with_capacity(text.len());
    let mut symbols = text.chars().peekable();
    while let Some(first) = symbols.next() {
        match symbols.next_if(|&second| is_pair(first, second)) {
            Some(second) => result.extend(replace(first, second)),
            None => result.push(first),
        }
    }
    result
}
