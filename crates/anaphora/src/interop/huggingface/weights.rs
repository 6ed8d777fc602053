//! The weights of a folder: one file, or parts with an index; and theirs as ours, and ours as theirs.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::family::{Family, Part, Shape};
use crate::error::{Error, Result};
use crate::run::weights::{NamedTensor, arrange, read_wanted};

/// The name of a single file, and that of the list of parts.
pub(super) const WEIGHTS: &str = "model.safetensors";
const INDEX: &str = "model.safetensors.index.json";

/// The head's, whose name never begins with that of the model.
const HEAD: &str = "lm_head.weight";

/// What names begin with where PyTorch had wrapped the model to train on several machines, or to compile it.
const WRAPPERS: [&str; 2] = ["module.", "_orig_mod."];

/// A tensor's name without what wrappers and a model's head put before it.
pub(super) fn bare<'a>(mut name: &'a str, prefix: &str) -> &'a str {
    let prefixes = || WRAPPERS.into_iter().chain([prefix]).filter(|prefix| !prefix.is_empty());
    while let Some(rest) = prefixes().find_map(|prefix| name.strip_prefix(prefix)) {
        name = rest;
    }
    name
}

/// All weights of a model.
fn parts(family: &Family, shape: &Shape) -> Vec<Part> {
    let mut parts = (family.parts)(shape);
    if !shape.model.tied_weights {
        parts.push(Part::new("head.weight", HEAD, &[shape.vocab_size, shape.model.hidden_size]));
    }
    parts
}

/// Their weights under our names and in our layout; and the file that messages name.
pub(super) fn read(
    folder: &Path,
    family: &Family,
    shape: &Shape,
) -> Result<(PathBuf, Vec<NamedTensor<'static>>)> {
    // A head that is the embedding again is saved twice sometimes.
    let counts = |name: &str| {
        let computed = family.computed.iter().any(|end| name.ends_with(end));
        !(computed || shape.model.tied_weights && bare(name, family.prefix) == HEAD)
    };
    let (path, mut tensors) = read_all(folder, counts)?;
    let refuse = |source| Error::Weights { path: path.clone(), source };
    for tensor in &mut tensors {
        // Messages say the names as the file has them, but for wrappers.
        let prefix = if tensor.name.contains(family.prefix) { family.prefix } else { "" };
        tensor.name = format!("{prefix}{}", bare(&tensor.name, family.prefix)).into();
    }
    let headed = tensors.iter().any(|tensor| tensor.name.starts_with(family.prefix));
    let prefix = if headed { family.prefix } else { "" };
    let mut parts = parts(family, shape);
    for (name, _) in parts.iter_mut().flat_map(|part| &mut part.theirs).filter(|(name, _)| name != HEAD) {
        name.insert_str(0, prefix);
    }
    let theirs = parts.iter().flat_map(|part| &part.theirs);
    let expected: Vec<_> = theirs.map(|(name, shape)| (name.as_str(), shape.as_slice())).collect();
    let mut tensors = arrange(tensors, &expected).map_err(refuse)?.into_iter();
    let ours = |part: &Part| {
        let stacked: Vec<NamedTensor> = tensors.by_ref().take(part.theirs.len()).collect();
        let mut shape = part.theirs[0].1.clone();
        shape[0] = part.theirs.iter().map(|(_, shape)| shape[0]).sum();
        let data = match <[_; 1]>::try_from(stacked) {
            Ok([only]) => only.data,
            Err(several) => several.iter().flat_map(|tensor| tensor.data.iter().copied()).collect(),
        };
        match *shape {
            [rows, cols] if part.transposed => {
                NamedTensor::new(part.ours.clone(), vec![cols, rows], transpose(&data, rows))
            }
            _ => NamedTensor::new(part.ours.clone(), shape, data),
        }
    };
    let tensors = parts.iter().map(ours).collect();
    Ok((path, tensors))
}

/// Our weights under their names and in their layout. Where ours has no biases theirs are zeros.
pub(super) fn write<'a>(tensors: &[NamedTensor<'a>], family: &Family, shape: &Shape) -> Vec<NamedTensor<'a>> {
    let mut all = Vec::new();
    for part in parts(family, shape) {
        let found = tensors.iter().find(|tensor| tensor.name == part.ours);
        let mut begin = 0;
        for (name, shape) in part.theirs {
            let end = begin + shape.iter().product::<usize>();
            let prefix = if name == HEAD { "" } else { family.prefix };
            let data: Cow<[f32]> = match found.map(|tensor| &tensor.data) {
                Some(data) if part.transposed => transpose(data, shape[1]).into(),
                Some(&Cow::Borrowed(data)) => Cow::Borrowed(&data[begin..end]),
                Some(Cow::Owned(data)) => data[begin..end].to_vec().into(),
                None => vec![0.0; end - begin].into(),
            };
            all.push(NamedTensor::new(format!("{prefix}{name}"), shape, data));
            begin = end;
        }
    }
    all
}

/// The transpose of a matrix with so many rows.
pub(super) fn transpose(values: &[f32], rows: usize) -> Vec<f32> {
    let cols = values.len().checked_div(rows).unwrap_or(0);
    (0..values.len()).map(|at| (at / rows, at % rows)).map(|(col, row)| values[row * cols + col]).collect()
}

/// The tensors of a folder whose names count, as they are; and the file that messages name: a single one, or the index of parts.
pub(super) fn read_all(
    folder: &Path,
    counts: impl Fn(&str) -> bool,
) -> Result<(PathBuf, Vec<NamedTensor<'static>>)> {
    let (whole, index) = (folder.join(WEIGHTS), folder.join(INDEX));
    if whole.exists() {
        let tensors = read_wanted(&whole, counts)?;
        return Ok((whole, tensors));
    }
    if !index.exists() {
        return Err(no_weights(folder)?);
    }
    let malformed = |reason: String| Error::Malformed { path: index.clone(), reason };
    let files = listed(folder, &index)?;
    let (mut tensors, mut found) = (Vec::new(), BTreeSet::new());
    for part in files.values().collect::<BTreeSet<_>>() {
        for tensor in read_wanted(&folder.join(part), &counts)? {
            let name = tensor.name.to_string();
            // One that is not listed is part of the model all the same, as `transformers` has it.
            if let Some(other) = files.get(&name).filter(|listed| *listed != part) {
                return Err(malformed(format!(
                    "tensor {name} is in {part}, and weight_map has it in {other}"
                )));
            }
            found.insert(name);
            tensors.push(tensor);
        }
    }
    match files.iter().find(|(name, _)| counts(name) && !found.contains(*name)) {
        Some((name, part)) => {
            Err(malformed(format!("weight_map has tensor {name} in {part}, and there it is not")))
        }
        None => Ok((index, tensors)),
    }
}

/// The file of each tensor, as an index lists them; all are there.
fn listed(folder: &Path, index: &Path) -> Result<BTreeMap<String, String>> {
    let text = fs::read_to_string(index).map_err(Error::io("read", index))?;
    let malformed = |reason: String| Error::Malformed { path: index.to_owned(), reason };
    let value: Value =
        serde_json::from_str(&text).map_err(|error| malformed(format!("not JSON: {error}")))?;
    let map = value["weight_map"].as_object().filter(|map| !map.is_empty());
    let map = map.ok_or_else(|| {
        malformed("field weight_map is missing, which says the file of each tensor".to_owned())
    })?;
    let mut files = BTreeMap::new();
    for (tensor, file) in map {
        // A part lies beside its index.
        let name = file.as_str().filter(|name| Path::new(name).file_name() == Some(name.as_ref()));
        let name = name.ok_or_else(|| {
            malformed(format!(
                "the file of {tensor} is {file}, and the name of one in the same folder is needed"
            ))
        })?;
        if !folder.join(name).exists() {
            let sentence =
                format!("{name}, which holds {tensor}, is not in the folder; copy all parts into it");
            return Err(malformed(sentence));
        }
        files.insert(tensor.clone(), name.to_owned());
    }
    Ok(files)
}

/// What is wrong with a folder that has no weights that are read.
fn no_weights(folder: &Path) -> Result<Error> {
    let others = fs::read_dir(folder)
        .map_err(Error::io("read", folder))?
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let endings = [".bin", ".pt", ".pth", ".h5", ".msgpack", ".ckpt"];
    let other = others.filter(|name| endings.iter().any(|end| name.ends_with(end))).min();
    let instead = other.map_or(String::new(), |name| {
        format!(
            "; {name} is not read, and save_pretrained(folder, safe_serialization=True) writes what is, or of a module of your own safetensors.torch.save_file(module.state_dict(), \"{WEIGHTS}\")"
        )
    });
    let reason = format!("there is no {WEIGHTS} in it, and no {INDEX} that lists its parts{instead}");
    Ok(Error::Malformed { path: folder.to_owned(), reason })
}
