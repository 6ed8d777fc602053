//! Named arrays with labels: what a model did on one input.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use anaphora_data::error::counted;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde::ser::{SerializeMap, Serializer};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::run::weights::{self, NamedTensor};
use crate::{Error, Result};

/// One array of an [`Inspection`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Array {
    /// The length of each dimension, slowest first.
    pub shape: Vec<usize>,
    /// The name of each dimension: `steps`, `units`, `heads`, …; those of one name have the same length and
    /// [labels](Inspection::labels).
    pub axes: Vec<String>,
    /// What the numbers are, in a clause.
    pub description: String,
    /// The numbers, row-major.
    #[serde(serialize_with = "numbers", deserialize_with = "read_numbers")]
    pub values: Vec<f32>,
}

/// What a model did on one input. Every view, file and answer with such numbers is made from one of these.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub struct Inspection {
    /// What was inspected: the run, its task and backbone, what its steps are called.
    pub about: Map<String, Value>,
    /// The names of the places of an axis, as many as it is long; of an axis that is not here they are its numbers from 0.
    pub labels: BTreeMap<String, Vec<String>>,
    /// What is to be said of the input, a clause each.
    pub notes: Vec<String>,
    /// The views that this model or input has nothing to show in, and why.
    pub not_shown: BTreeMap<String, String>,
    #[serde(deserialize_with = "read_arrays")]
    arrays: Vec<(String, Array)>,
}

impl Inspection {
    /// Adds an array.
    ///
    /// # Panics
    /// Where values, shape and axes do not fit together, or the name is taken.
    pub fn add(
        &mut self,
        name: impl Into<String>,
        axes: &[&str],
        shape: &[usize],
        values: Vec<f32>,
        description: impl Into<String>,
    ) {
        let name = name.into();
        assert_eq!(shape.iter().product::<usize>(), values.len(), "{name}: {shape:?} against its values");
        assert_eq!(axes.len(), shape.len(), "{name}: {axes:?} against {shape:?}");
        assert!(self.get(&name).is_none(), "{name} is there already");
        let axes = axes.iter().map(|&axis| axis.to_owned()).collect();
        self.arrays
            .push((name, Array { shape: shape.to_vec(), axes, description: description.into(), values }));
    }

    /// Adds an array, or what follows of one that comes in parts: of a decoder that is fed with what it found each step comes by
    /// itself. It grows along the axis `steps`; one without that is the same each time.
    ///
    /// # Panics
    /// As [`Inspection::add`].
    pub(super) fn append(
        &mut self,
        name: &str,
        axes: &[&str],
        shape: &[usize],
        values: &[f32],
        description: &str,
    ) {
        let Some((_, there)) = self.arrays.iter_mut().find(|(known, _)| known == name) else {
            return self.add(name, axes, shape, values.to_vec(), description);
        };
        let Some(axis) = axes.iter().position(|axis| *axis == "steps") else { return };
        // Rows of one place of the axes in front: those of the array that is there, and then the new ones.
        let inner = |shape: &[usize]| shape[axis..].iter().product::<usize>();
        let (old, new) = (inner(&there.shape), inner(shape));
        let parts = there.values.chunks_exact(old.max(1)).zip(values.chunks_exact(new.max(1)));
        there.values = parts.flat_map(|(old, new)| old.iter().chain(new)).copied().collect();
        there.shape[axis] += shape[axis];
    }

    /// An array by its name.
    pub fn get(&self, name: &str) -> Option<&Array> {
        self.arrays.iter().find(|(known, _)| known == name).map(|(_, array)| array)
    }

    /// Notes that numbers of what the layers said are not finite, as weights that overflow make them.
    pub(crate) fn note_overflow(&mut self) {
        let count = |array: &Array| array.values.iter().filter(|value| !value.is_finite()).count();
        let said = |name: &str| ["logits", "hidden.", "gates."].iter().any(|start| name.starts_with(start));
        let first = self
            .arrays()
            .filter(|(name, _)| said(name))
            .map(|(name, array)| (name, count(array)))
            .find(|(_, count)| *count > 0);
        if let Some((name, count)) = first {
            let numbers = counted(count, "number");
            self.notes.push(format!("{numbers} of {name} are not finite, so that views are empty there: the model's weights overflow"));
        }
    }

    /// All arrays with their names, in the order in which they were added.
    pub fn arrays(&self) -> impl Iterator<Item = (&str, &Array)> {
        self.arrays.iter().map(|(name, array)| (name.as_str(), array))
    }

    /// Writes the arrays as safetensors, whole or not at all; axes, descriptions and labels stand as JSON in its metadata.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn write(&self, path: &Path) -> Result<()> {
        let tensors: Vec<NamedTensor> = self
            .arrays()
            .map(|(name, array)| NamedTensor::new(name, array.shape.as_slice(), array.values.as_slice()))
            .collect();
        let each = |of: fn(&Array) -> Value| -> Value {
            self.arrays().map(|(name, array)| (name.to_owned(), of(array))).collect::<Map<_, _>>().into()
        };
        let parts = [
            ("about", json!(self.about)),
            ("axes", each(|array| json!(array.axes))),
            ("descriptions", each(|array| json!(array.description))),
            ("labels", json!(self.labels)),
            ("notes", json!(self.notes)),
            ("not_shown", json!(self.not_shown)),
        ];
        // Metadata of a safetensors file are texts.
        let metadata = parts.map(|(name, part)| (name.to_owned(), part.to_string().into()));
        weights::write(path, &tensors, metadata.into_iter().collect())
    }
}

/// Makes inspections ready to be laid over one another: where they did not read the same as the first, that is noted. Those
/// whose models read different symbols are refused, as what they say of one is not what they say of the other.
///
/// # Errors
/// [`Error::Inspect`] with the two runs.
pub fn overlay(inspections: &mut [Inspection]) -> Result<()> {
    check_overlay(inspections)?;
    let Some((first, others)) = inspections.split_first_mut() else { return Ok(()) };
    let run = first.about.get("run").and_then(Value::as_str).unwrap_or_default().to_owned();
    for other in others {
        let parts = READ.iter().filter(|name| first.get(name).is_some() || other.get(name).is_some());
        let mut differing = parts.filter(|name| {
            let of =
                |one: &Inspection| one.get(name).map(|array| (array.shape.clone(), array.values.clone()));
            of(first) != of(other)
        });
        let times = |one: &Inspection| one.labels.get("times").cloned();
        let differs = differing.next();
        if differs.is_none() && times(first) == times(other) {
            continue;
        }
        let name = differs.copied().unwrap_or("input");
        let (own, wanted) = (extent(other, name), extent(first, name));
        let note = if own == wanted {
            format!(
                "it did not read the same {own} as {run}: what is laid over each other is not of one input"
            )
        } else {
            format!("it read {own}, and {run} {wanted}: what is laid over each other is not of one input")
        };
        other.notes.push(note);
    }
    Ok(())
}

/// The arrays of what was read, that in its own units first.
const READ: [&str; 4] = ["input", "picture", "tokens", "encoder.tokens"];

/// How much of what was read there is, in words: rows with their dates, a picture's pixels, symbols.
fn extent(inspection: &Inspection, name: &str) -> String {
    let shape = inspection.get(name).map(|array| array.shape.clone()).unwrap_or_default();
    match (name, &shape[..]) {
        (_, []) => "something else".to_owned(),
        ("picture", [height, width, ..]) => format!("picture of {width}x{height} pixels"),
        ("input", [rows, ..]) => {
            let times = inspection.labels.get("times").map(Vec::as_slice).unwrap_or_default();
            match times {
                [first, .., last] => format!("{} ({first} to {last})", counted(*rows, "row")),
                _ => counted(*rows, "row"),
            }
        }
        (_, [count, ..]) => counted(*count, "symbol"),
    }
}

fn check_overlay(inspections: &[Inspection]) -> Result<()> {
    let symbols = |inspection: &Inspection| inspection.labels.get("symbols").cloned();
    let name = |inspection: &Inspection| {
        inspection.about.get("run").and_then(Value::as_str).unwrap_or("").to_owned()
    };
    let Some((first, others)) = inspections.split_first() else { return Ok(()) };
    let Some(other) = others.iter().find(|other| symbols(other) != symbols(first)) else { return Ok(()) };
    let count = |inspection: &Inspection| {
        symbols(inspection).map_or("no symbols".into(), |all| counted(all.len(), "symbol"))
    };
    Err(Error::Inspect(format!(
        "{} reads {} and {} reads {}, which are not the same; lay runs over one another that have one tokenizer",
        name(first),
        count(first),
        name(other),
        count(other)
    )))
}

impl Serialize for Inspection {
    /// `{"about": …, "labels": …, "notes": …, "not_shown": …, "arrays": {NAME: {"shape", "axes", "description", "values"}}}`.
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        struct Arrays<'a>(&'a [(String, Array)]);
        impl Serialize for Arrays<'_> {
            fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
                serializer.collect_map(self.0.iter().map(|(name, array)| (name, array)))
            }
        }
        let mut map = serializer.serialize_map(Some(5))?;
        map.serialize_entry("about", &self.about)?;
        map.serialize_entry("labels", &self.labels)?;
        map.serialize_entry("notes", &self.notes)?;
        map.serialize_entry("not_shown", &self.not_shown)?;
        map.serialize_entry("arrays", &Arrays(&self.arrays))?;
        map.end()
    }
}

/// Numbers of JSON, null where one is not finite.
fn numbers<S: Serializer>(values: &[f32], serializer: S) -> std::result::Result<S::Ok, S::Error> {
    serializer.collect_seq(values.iter().map(|value| Some(*value).filter(|value| value.is_finite())))
}

/// Numbers as [`numbers`] writes them.
fn read_numbers<'de, D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Vec<f32>, D::Error> {
    let values: Vec<Option<f32>> = Deserialize::deserialize(deserializer)?;
    Ok(values.into_iter().map(|value| value.unwrap_or(f32::NAN)).collect())
}

/// Arrays by their names, in the order in which they are written.
fn read_arrays<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> std::result::Result<Vec<(String, Array)>, D::Error> {
    struct InOrder;
    impl<'de> Visitor<'de> for InOrder {
        type Value = Vec<(String, Array)>;

        fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
            f.write_str("arrays by their names")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<Self::Value, A::Error> {
            let mut arrays = Vec::new();
            while let Some(entry) = map.next_entry()? {
                arrays.push(entry);
            }
            Ok(arrays)
        }
    }
    deserializer.deserialize_map(InOrder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_read_differently_is_noted_where_runs_are_laid_over_one_another() {
        let of = |run: &str, values: &[f32], times: &[&str]| {
            let mut one = Inspection::default();
            one.about.insert("run".into(), run.into());
            one.labels.insert("times".into(), times.iter().map(|&time| time.to_owned()).collect());
            one.add("input", &["times", "channels"], &[values.len(), 1], values.to_vec(), "");
            one
        };
        let mut same = [of("a", &[1.0, 2.0], &["May", "June"]), of("b", &[1.0, 2.0], &["May", "June"])];
        overlay(&mut same).unwrap();
        assert_eq!([&same[0].notes, &same[1].notes], [&[] as &[String]; 2]);
        let mut shorter = [of("a", &[1.0, 2.0], &["May", "June"]), of("b", &[2.0], &["June"])];
        overlay(&mut shorter).unwrap();
        assert_eq!(shorter[0].notes, [""; 0]);
        let note =
            "it read 1 row, and a 2 rows (May to June): what is laid over each other is not of one input";
        assert_eq!(shorter[1].notes, [note]);
        let mut other = [of("a", &[1.0, 2.0], &["May", "June"]), of("b", &[1.0, 3.0], &["May", "June"])];
        overlay(&mut other).unwrap();
        let note = "it did not read the same 2 rows (May to June) as a: what is laid over each other is not of one input";
        assert_eq!(other[1].notes, [note]);
    }

    #[test]
    fn what_is_written_as_json_is_read_back() {
        let mut inspection = Inspection::default();
        inspection.about.insert("run".into(), "runs/a".into());
        inspection.labels.insert("steps".into(), vec!["a".into(), "\n".into()]);
        inspection.notes.push("cut".into());
        inspection.not_shown.insert("gates".into(), "none".into());
        inspection.add("z", &["steps"], &[2], vec![0.1, -3.25e-20], "last by name, first by order");
        inspection.add("a", &["steps", "units"], &[2, 1], vec![1.0, f32::NAN], "");
        let text = serde_json::to_string(&inspection).unwrap();
        let read: Inspection = serde_json::from_str(&text).unwrap();
        assert!(read.get("a").unwrap().values[1].is_nan());
        assert_eq!(serde_json::to_string(&read).unwrap(), text);
    }
}
