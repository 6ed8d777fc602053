//! What a recipe knows of each of its fields, and the macro that makes a section of the recipe from a list of them.

use std::fmt;

use serde::de::{self, DeserializeOwned, Deserializer, Visitor};
use toml::Value;

use super::readers::When;
use super::{RecipeError, Tokenizer, fields};

/// One field of a recipe.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// Its dotted path: `training.batch`.
    pub path: &'static str,
    /// The values it takes.
    pub accepts: Accepts,
    /// The flag that sets it, where it has one.
    pub flag: Option<Flag>,
    /// When it is read: where all of these hold.
    pub(super) readers: &'static [When],
    /// Its doc comment.
    pub(super) doc: &'static str,
}

/// The command-line flag that sets a field.
#[derive(Clone, Copy, Debug)]
pub struct Flag {
    /// Its name without `--`.
    pub name: &'static str,
    /// What its value is called in the help.
    pub value: &'static str,
    /// Whether the short help lists it.
    pub common: bool,
}

/// The values that a field takes. `Display` says it after "it takes".
#[derive(Clone, Copy, Debug)]
pub enum Accepts {
    /// `true` or `false`.
    Bool,
    /// The path of a file or folder.
    Path,
    /// Any text.
    Text,
    /// A [`Tokenizer`].
    Tokens,
    /// An [`Encoding`](anaphora_data::Encoding).
    Encoded,
    /// One of some words; see [`words`].
    OneOf(fn() -> &'static [&'static str]),
    /// A whole number, from the first to the second.
    Whole(i64, i64),
    /// A number, from the first to the second.
    Number(f64, f64),
    /// A number, from the first to below the second.
    Below(f64, f64),
    /// A number above zero.
    Positive,
    /// Two numbers from 0 to below 1.
    Pair,
    /// One or several numbers between 0 and 1.
    Levels,
}

use Accepts::{Below, Bool, Encoded, Levels, Number, OneOf, Pair, Path, Positive, Text, Tokens, Whole};

/// The largest size of one dimension.
pub(super) const WIDE: i64 = 65_536;
/// The largest count of steps, tokens and the like.
pub(super) const MANY: i64 = 1_000_000_000_000;

/// A section of the recipe from its fields, each written once: doc comment, name, type, default, and what
/// [`Field`] knows of it. Makes the structure, its `Default` and the table `FIELDS` of its module.
///
/// The doc comment is also the help of the field's flag and its comment in `recipe.toml`.
macro_rules! section {
    (
        $(#[$meta:meta])*
        $section:ident in $prefix:literal {
            $($(#[doc = $doc:literal])+ $field:ident: $type:ty = $default:expr, $known:expr;)+
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
        #[serde(deny_unknown_fields, default)]
        pub struct $section {
            $($(#[doc = $doc])+ pub $field: $type,)+
        }

        impl Default for $section {
            fn default() -> Self {
                Self { $($field: $default,)+ }
            }
        }

        pub(super) const FIELDS: &[$crate::recipe::Field] = &[
            $($crate::recipe::Field {
                path: concat!($prefix, ".", stringify!($field)),
                doc: concat!($($doc),+),
                ..$known
            },)+
        ];
    };
}
pub(super) use section;

/// A field that takes these values, has no flag and is always read.
pub(super) const fn takes(accepts: Accepts) -> Field {
    Field { path: "", accepts, flag: None, readers: &[], doc: "" }
}

impl Field {
    /// With a flag `--name VALUE`.
    pub(super) const fn flag(self, name: &'static str, value: &'static str) -> Self {
        Self { flag: Some(Flag { name, value, common: false }), ..self }
    }

    /// With a flag that the short help lists, too.
    pub(super) const fn common(self, name: &'static str, value: &'static str) -> Self {
        Self { flag: Some(Flag { name, value, common: true }), ..self }
    }

    /// Read only where all of these hold.
    pub(super) const fn read(self, readers: &'static [When]) -> Self {
        Self { readers, ..self }
    }

    /// What it is, in a line without a full stop.
    pub fn help(&self) -> &'static str {
        let doc = self.doc.trim();
        doc.strip_suffix('.').unwrap_or(doc)
    }

    /// What reads it, where not all do, as it stands behind "read": "by the backbone transformer only".
    pub fn readers(&self) -> Option<String> {
        self.readers.first().map(When::phrase)
    }

    /// The part of the path before the dot; none of `task`.
    pub fn section(&self) -> &'static str {
        self.path.split_once('.').map_or("", |(section, _)| section)
    }

    /// The part of the path behind the dot.
    pub fn name(&self) -> &'static str {
        self.path.split_once('.').map_or(self.path, |(_, name)| name)
    }

    /// The field with this dotted path, or an error with the nearest name.
    pub fn find(path: &str) -> Result<&'static Field, RecipeError> {
        let unknown = || RecipeError::UnknownField { field: path.to_owned(), nearest: nearest(path) };
        fields().find(|field| field.path == path).ok_or_else(unknown)
    }

    /// Refuses a value that the field does not take.
    pub(super) fn check(&self, value: &Value) -> Result<(), RecipeError> {
        if self.accepts.takes(value) { Ok(()) } else { Err(self.refused(value)) }
    }

    /// The error that says which values it takes.
    pub(super) fn refused(&self, value: &Value) -> RecipeError {
        // Tables and long texts would make a sentence of many lines.
        let mut found: String = value.to_string().replace('\n', " ");
        if found.chars().count() > 60 {
            found = found.chars().take(60).chain(" …".chars()).collect();
        }
        RecipeError::Value { field: self.path, found, accepts: self.accepts.to_string() }
    }
}

/// The known field whose name is most like the last part of `path`, or whose path is most like all of it.
fn nearest(path: &str) -> Option<&'static str> {
    let name = |path: &str| path.rsplit('.').next().unwrap_or_default().to_lowercase();
    let likeness = |field: &Field| {
        let names = strsim::jaro_winkler(&name(path), &name(field.path));
        // The whole path decides between equal names only.
        names + 0.01 * strsim::jaro_winkler(path, field.path)
    };
    let best = fields().max_by(|a, b| likeness(a).total_cmp(&likeness(b)))?;
    (likeness(best) > 0.8).then_some(best.path)
}

impl Accepts {
    /// Whether a value is written as text, so that on a command line it needs no quotes.
    pub(super) fn is_text(&self) -> bool {
        matches!(self, Path | Text | Tokens | Encoded | OneOf(_))
    }

    fn takes(&self, value: &Value) -> bool {
        let number = match value {
            Value::Integer(whole) => Some(*whole as f64),
            Value::Float(number) => Some(*number),
            _ => None,
        };
        match *self {
            Bool => value.is_bool(),
            Path | Text => value.as_str().is_some_and(|text| !text.is_empty()),
            Tokens => value.as_str().is_some_and(|text| text.parse::<Tokenizer>().is_ok()),
            Encoded => value.as_str().is_some_and(|text| text.parse::<anaphora_data::Encoding>().is_ok()),
            OneOf(words) => value.as_str().is_some_and(|word| words().contains(&word)),
            Whole(from, to) => value.as_integer().is_some_and(|x| (from..=to).contains(&x)),
            Number(from, to) => number.is_some_and(|x| (from..=to).contains(&x)),
            Below(from, to) => number.is_some_and(|x| (from..to).contains(&x)),
            Positive => number.is_some_and(|x| x > 0.0 && x.is_finite()),
            Pair => value
                .as_array()
                .is_some_and(|pair| pair.len() == 2 && pair.iter().all(|x| Below(0.0, 1.0).takes(x))),
            Levels => value.as_array().is_some_and(|levels| {
                !levels.is_empty() && levels.iter().all(|x| x.as_float().is_some_and(|x| x > 0.0 && x < 1.0))
            }),
        }
    }
}

impl fmt::Display for Accepts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Bool => f.write_str("true or false"),
            Path => f.write_str("the path of a file or folder, in quotes"),
            Text => f.write_str("a text, in quotes"),
            Tokens => f.write_str(
                "character, byte, word, bpe, wordpiece or unigram, the last four with a size if wanted \
                 (bpe:4096), the path of a tokenizer's .json file, or auto for texts with a class or a number",
            ),
            Encoded => f.write_str(
                "auto or the name of an encoding, such as utf-8, windows-1252, utf-16le or shift_jis",
            ),
            OneOf(words) => f.write_str(&listed(words(), "or")),
            Whole(from, MANY) => write!(f, "a whole number from {from} on"),
            Whole(from, to) => write!(f, "a whole number from {from} to {to}"),
            Number(from, f64::MAX) => write!(f, "a number from {from} on"),
            Number(from, to) => write!(f, "a number from {from} to {to}"),
            Below(from, to) => write!(f, "a number from {from} to below {to}"),
            Positive => f.write_str("a number above 0"),
            Pair => f.write_str("two numbers from 0 to below 1, as in [0.9, 0.999]"),
            Levels => f.write_str("numbers between 0 and 1, as in [0.1, 0.5, 0.9]"),
        }
    }
}

/// Words with commas, and `last` before the last one.
pub(super) fn listed<S: AsRef<str>>(words: &[S], last: &str) -> String {
    let words: Vec<&str> = words.iter().map(AsRef::as_ref).collect();
    match words.split_last() {
        Some((end, others)) if !others.is_empty() => format!("{} {last} {end}", others.join(", ")),
        _ => words.concat(),
    }
}

/// The word of an enumeration's value, as serde writes it.
pub(super) fn word(value: impl serde::Serialize) -> String {
    let value = serde_json::to_value(value).ok();
    value.as_ref().and_then(serde_json::Value::as_str).unwrap_or_default().to_owned()
}

/// The words of an enumeration, as serde reads them: its deserialiser is asked which ones it knows.
pub fn words<T: DeserializeOwned>() -> &'static [&'static str] {
    match T::deserialize(Ask) {
        Err(Known(words)) => words,
        Ok(_) => &[],
    }
}

/// A deserialiser that has no value, but learns which ones would do.
struct Ask;

/// The words that would have done.
#[derive(Debug)]
struct Known(&'static [&'static str]);

impl fmt::Display for Known {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&listed(self.0, "or"))
    }
}

impl std::error::Error for Known {}

impl de::Error for Known {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Known(&[])
    }
}

impl<'de> Deserializer<'de> for Ask {
    type Error = Known;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Known> {
        Err(Known(&[]))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Known> {
        Err(Known(variants))
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map struct identifier ignored_any
    }
}
