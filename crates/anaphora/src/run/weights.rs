//! Named tensors in safetensors files: a JSON header with names, shapes and offsets, then the numbers, little-endian.
//!
//! Files written here carry a CRC-32 over header and data (`crc32` in the header's metadata, computed with its own
//! eight digits as zeros), so that a truncated or altered file is refused. They are plain safetensors for everyone
//! else: `torch` loads them. Files from elsewhere, without the sum, are read too.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fs;
use std::io::{self, Write};
use std::path::Path;

use anaphora_nn::Params;
use half::{bf16, f16};
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use serde_json::{Map, Value, json};

use crate::error::{Error, Result};
use crate::run::atomic::write_atomic;

/// A tensor with its name, owned or borrowed from where the parameters lie.
#[derive(Clone, Debug, PartialEq)]
pub struct NamedTensor<'a> {
    /// The name, as PyTorch gives it: `rnn.weight_ih_l0`.
    pub name: Cow<'a, str>,
    /// The length of each dimension, slowest first; none for a single number.
    pub shape: Cow<'a, [usize]>,
    /// The numbers, row-major.
    pub data: Cow<'a, [f32]>,
}

impl<'a> NamedTensor<'a> {
    /// A tensor from its parts.
    ///
    /// # Panics
    /// Where `data` has another length than `shape` says.
    pub fn new(
        name: impl Into<Cow<'a, str>>,
        shape: impl Into<Cow<'a, [usize]>>,
        data: impl Into<Cow<'a, [f32]>>,
    ) -> Self {
        let (name, shape, data) = (name.into(), shape.into(), data.into());
        assert_eq!(
            shape.iter().product::<usize>(),
            data.len(),
            "tensor {name}: shape {shape:?} against its data"
        );
        Self { name, shape, data }
    }
}

/// Why a weights file is refused.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum WeightsError {
    /// The bytes are no safetensors file.
    #[error("it is no valid safetensors file ({0})")]
    Format(String),
    /// The file does not add up to its own sum.
    #[error("its content has checksum {found} where {expected} is recorded, so it was cut short or altered")]
    Checksum {
        /// The sum of what is there.
        found: String,
        /// The sum that the file records.
        expected: String,
    },
    /// A checkpoint without a sum: cut short, or not written by this program.
    #[error("it carries no checksum")]
    NoChecksum,
    /// A checkpoint's training state cannot be read.
    #[error("its training state cannot be read ({0})")]
    State(String),
    /// A tensor of another kind of number.
    #[error("tensor {name} holds {found} numbers where F32, F16 or BF16 is expected")]
    Kind {
        /// The tensor.
        name: String,
        /// Its kind of number, as safetensors names it.
        found: String,
    },
    /// A tensor that the model needs is not there.
    #[error("tensor {0} is missing")]
    Missing(String),
    /// A tensor that the model does not know.
    #[error("tensor {0} is not part of this model")]
    Extra(String),
    /// A tensor has another shape than the model's.
    #[error("tensor {name} has shape {found:?} where the model has {expected:?}")]
    Shape {
        /// The tensor.
        name: String,
        /// The shape in the file.
        found: Vec<usize>,
        /// The shape in the model.
        expected: Vec<usize>,
    },
    /// A tensor holds an infinity or not-a-number.
    #[error("tensor {name} holds {value} at position {position} where a finite number is expected")]
    NonFinite {
        /// The tensor.
        name: String,
        /// The first such number.
        value: f32,
        /// Its index in row-major order.
        position: usize,
    },
}

/// A model's weights by name, in the order in which its layers were made.
pub fn tensors(params: &Params) -> Vec<NamedTensor<'_>> {
    params.ids().map(|id| NamedTensor::new(params.name(id), params.shape(id), params.value(id))).collect()
}

/// Name and shape of each of a model's weights, in the order of [`tensors`].
pub fn expected(params: &Params) -> Vec<(&str, &[usize])> {
    params.ids().map(|id| (params.name(id), params.shape(id))).collect()
}

/// Takes weights over, in the order of [`expected`].
pub fn load(params: &mut Params, tensors: &[NamedTensor]) {
    let ids: Vec<_> = params.ids().collect();
    for (id, tensor) in ids.into_iter().zip(tensors) {
        params.value_mut(id).copy_from_slice(&tensor.data);
    }
}

/// Writes `tensors` to `path` in the order given, whole or not at all.
///
/// # Panics
/// Where two tensors have one name.
pub fn write_weights(path: impl AsRef<Path>, tensors: &[NamedTensor<'_>]) -> Result<()> {
    write(path.as_ref(), tensors, Map::new())
}

/// Reads all tensors of a file in the order in which their numbers lie, whatever model they are for.
pub fn read_weights(path: impl AsRef<Path>) -> Result<Vec<NamedTensor<'static>>> {
    let path = path.as_ref();
    let bytes = fs::read(path).map_err(Error::io("read", path))?;
    parse(&bytes).map(|file| file.tensors).map_err(|source| Error::Weights { path: path.to_owned(), source })
}

/// Reads the weights of a model whose tensors are `expected` (name and shape), in that order. Every one must be
/// there with that shape and finite numbers, and no other.
pub fn read_model_weights(
    path: impl AsRef<Path>,
    expected: &[(&str, &[usize])],
) -> Result<Vec<NamedTensor<'static>>> {
    let path = path.as_ref();
    arrange(read_weights(path)?, expected).map_err(|source| Error::Weights { path: path.to_owned(), source })
}

/// Puts `tensors` into the order of `expected`, or says which does not fit.
pub fn arrange<'a>(
    tensors: Vec<NamedTensor<'a>>,
    expected: &[(&str, &[usize])],
) -> Result<Vec<NamedTensor<'a>>, WeightsError> {
    let mut by_name: HashMap<String, NamedTensor<'a>> =
        tensors.into_iter().map(|tensor| (tensor.name.to_string(), tensor)).collect();
    let mut arranged = Vec::with_capacity(expected.len());
    for &(name, shape) in expected {
        let tensor = by_name.remove(name).ok_or_else(|| WeightsError::Missing(name.to_owned()))?;
        if *tensor.shape != *shape {
            let (found, expected) = (tensor.shape.into_owned(), shape.to_owned());
            return Err(WeightsError::Shape { name: name.to_owned(), found, expected });
        }
        if let Some(position) = tensor.data.iter().position(|x| !x.is_finite()) {
            let value = tensor.data[position];
            return Err(WeightsError::NonFinite { name: name.to_owned(), value, position });
        }
        arranged.push(tensor);
    }
    match by_name.into_keys().min() {
        Some(name) => Err(WeightsError::Extra(name)),
        None => Ok(arranged),
    }
}

/// What a file holds.
pub(crate) struct Parsed {
    pub tensors: Vec<NamedTensor<'static>>,
    pub metadata: HashMap<String, String>,
    /// Whether the file carries its sum (which then was right).
    pub summed: bool,
}

/// The header of a file written here begins with this and the sum's eight digits.
const SUM_PREFIX: &[u8] = br#"{"__metadata__":{"crc32":""#;
const SUM_AT: usize = 8 + SUM_PREFIX.len();
const NO_SUM: &str = "00000000";

/// Writes tensors and metadata (strings under names of the caller's) to `path`.
pub(crate) fn write(path: &Path, tensors: &[NamedTensor<'_>], metadata: Map<String, Value>) -> Result<()> {
    let mut header = header(tensors, metadata);
    let mut sum = crc32fast::Hasher::new();
    sum.update(&header);
    each_chunk(tensors, |bytes| {
        sum.update(bytes);
        Ok(())
    })
    .expect("summing does not fail");
    let digits = format!("{:08x}", sum.finalize());
    header[SUM_AT..SUM_AT + 8].copy_from_slice(digits.as_bytes());
    write_atomic(path, |writer| {
        writer.write_all(&header)?;
        each_chunk(tensors, |bytes| writer.write_all(bytes))
    })
}

/// The length of the header and the header, with zeros for the sum.
fn header(tensors: &[NamedTensor<'_>], metadata: Map<String, Value>) -> Vec<u8> {
    // Built by hand and not from a map of maps, for the sum must come first and the rest in one order always.
    let mut json = SUM_PREFIX.to_vec();
    json.extend_from_slice(format!(r#"{NO_SUM}","format":"pt""#).as_bytes());
    for (key, value) in metadata {
        json.extend_from_slice(format!(",{}:{value}", Value::String(key)).as_bytes());
    }
    json.push(b'}');
    let (mut start, mut names) = (0, std::collections::HashSet::new());
    for tensor in tensors {
        assert!(names.insert(&tensor.name), "two tensors are named {}", tensor.name);
        let end = start + size_of_val::<[f32]>(&tensor.data);
        let info = json!({ "dtype": "F32", "shape": tensor.shape, "data_offsets": [start, end] });
        json.extend_from_slice(format!(",{}:{info}", Value::String(tensor.name.to_string())).as_bytes());
        start = end;
    }
    json.push(b'}');
    // The numbers are to begin at a multiple of eight bytes.
    json.resize(json.len().next_multiple_of(8), b' ');
    let mut header = (json.len() as u64).to_le_bytes().to_vec();
    header.append(&mut json);
    header
}

/// Hands all numbers to `take` as little-endian bytes, some thousand at a time.
fn each_chunk(tensors: &[NamedTensor<'_>], mut take: impl FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
    let mut buffer = [0u8; 1 << 14];
    for tensor in tensors {
        for chunk in tensor.data.chunks(buffer.len() / 4) {
            for (bytes, x) in buffer.chunks_exact_mut(4).zip(chunk) {
                bytes.copy_from_slice(&x.to_le_bytes());
            }
            take(&buffer[..4 * chunk.len()])?;
        }
    }
    Ok(())
}

/// Reads the tensors whose names are `wanted` from a file that another program may have written.
pub(crate) fn read_wanted(path: &Path, wanted: impl Fn(&str) -> bool) -> Result<Vec<NamedTensor<'static>>> {
    let bytes = fs::read(path).map_err(Error::io("read", path))?;
    let parsed = parse_wanted(&bytes, wanted);
    parsed.map(|file| file.tensors).map_err(|source| Error::Weights { path: path.to_owned(), source })
}

/// Reads a file's bytes; where it carries a sum, the sum must be right.
pub(crate) fn parse(bytes: &[u8]) -> Result<Parsed, WeightsError> {
    parse_wanted(bytes, |_| true)
}

fn parse_wanted(bytes: &[u8], wanted: impl Fn(&str) -> bool) -> Result<Parsed, WeightsError> {
    let summed = bytes.get(8..SUM_AT) == Some(SUM_PREFIX) && bytes.len() >= SUM_AT + 8;
    if summed {
        let (before, rest) = bytes.split_at(SUM_AT);
        let (digits, after) = rest.split_at(8);
        let mut sum = crc32fast::Hasher::new();
        sum.update(before);
        sum.update(NO_SUM.as_bytes());
        sum.update(after);
        let found = format!("{:08x}", sum.finalize());
        if digits != found.as_bytes() {
            let expected = String::from_utf8_lossy(digits).into_owned();
            return Err(WeightsError::Checksum { found, expected });
        }
    }
    let format = |error: safetensors::SafeTensorError| WeightsError::Format(error.to_string());
    let (_, header) = SafeTensors::read_metadata(bytes).map_err(format)?;
    let file = SafeTensors::deserialize(bytes).map_err(format)?;
    let mut tensors = Vec::with_capacity(file.len());
    for name in header.offset_keys().into_iter().filter(|name| wanted(name)) {
        let view = file.tensor(&name).map_err(format)?;
        let Some(data) = numbers(&view) else {
            return Err(WeightsError::Kind { name, found: format!("{:?}", view.dtype()) });
        };
        tensors.push(NamedTensor {
            name: name.into(),
            shape: view.shape().to_vec().into(),
            data: data.into(),
        });
    }
    Ok(Parsed { tensors, metadata: header.metadata().clone().unwrap_or_default(), summed })
}

/// A tensor's numbers, where it is of a kind that is read.
fn numbers(view: &TensorView) -> Option<Vec<f32>> {
    let bytes = view.data();
    match view.dtype() {
        Dtype::F32 => Some(bytes.as_chunks().0.iter().map(|&x| f32::from_le_bytes(x)).collect()),
        Dtype::F16 => Some(bytes.as_chunks().0.iter().map(|&x| f16::from_le_bytes(x).to_f32()).collect()),
        Dtype::BF16 => Some(bytes.as_chunks().0.iter().map(|&x| bf16::from_le_bytes(x).to_f32()).collect()),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
