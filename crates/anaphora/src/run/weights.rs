//! Named tensors in safetensors files: a JSON header with names, shapes and offsets, then the numbers, little-endian.
//!
//! Files written here carry a CRC-32 over header and data (`crc32` in the header's metadata, computed with its own
//! eight digits as zeros), so that a truncated or altered file is refused. They are plain safetensors for everyone
//! else: `torch` loads them. Files from elsewhere, without the sum, are read too.
//!
//! A file is read from its beginning to its end, number by number to where each belongs; it is nowhere in memory as a whole.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufReader, Read, Write};
use std::path::Path;

use anaphora_nn::{ParamId, Params, Precision};
use half::{bf16, f16};
use safetensors::tensor::{Metadata, TensorInfo};
use safetensors::{Dtype, SafeTensorError};
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

/// Errors of weights files.
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
    /// A tensor is there under two names, or in two files.
    #[error("tensor {0} is there twice")]
    Twice(String),
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
///
/// # Errors
/// [`Error::Weights`] for a file that is damaged or holds other kinds of numbers, [`Error::Io`] where it cannot be
/// read.
pub fn read_weights(path: impl AsRef<Path>) -> Result<Vec<NamedTensor<'static>>> {
    read_wanted(path.as_ref(), |_| true)
}

/// Reads the weights of a model straight to where they belong. Every one must be there with its shape and finite
/// numbers, and no other. For a `precision` see [`Params::fill`]: with it the model is to predict only.
///
/// # Errors
/// [`Error::Weights`] where the file is damaged or does not fit the model, [`Error::Io`] where it cannot be read.
pub fn read_into(path: impl AsRef<Path>, params: &mut Params, precision: Option<Precision>) -> Result<()> {
    read_file(path.as_ref(), |reader, len| {
        read_through(reader, len, |metadata, data| fill(params, precision, metadata, data)).map(|_| ())
    })
}

/// [`read_into`] behind a header.
fn fill(
    params: &mut Params,
    precision: Option<Precision>,
    metadata: &Metadata,
    data: &mut dyn Read,
) -> Result<(), Failure> {
    // Nothing is laid out before the shapes are known to be those of the file.
    let mut ids: HashMap<String, ParamId> = HashMap::new();
    for id in params.ids() {
        let (name, expected) = (params.name(id), params.shape(id));
        let info = metadata.info(name).ok_or_else(|| WeightsError::Missing(name.to_owned()))?;
        if info.shape != expected {
            let (found, expected) = (info.shape.clone(), expected.to_owned());
            return Err(WeightsError::Shape { name: name.to_owned(), found, expected }.into());
        }
        ids.insert(name.to_owned(), id);
    }
    let names = metadata.offset_keys();
    if let Some(name) = names.iter().filter(|name| !ids.contains_key(*name)).min() {
        return Err(WeightsError::Extra(name.clone()).into());
    }
    for (name, info) in names.iter().filter_map(|name| Some((name, metadata.info(name)?))) {
        check_kind(name, info)?;
        let mut read = 0;
        params.fill(ids[name], precision, |numbers| {
            read_numbers(data, info.dtype, numbers)?;
            if let Some(place) = numbers.iter().position(|x| !x.is_finite()) {
                let (name, value, position) = (name.clone(), numbers[place], read + place);
                return Err(Failure::from(WeightsError::NonFinite { name, value, position }));
            }
            read += numbers.len();
            Ok(())
        })?;
    }
    Ok(())
}

/// Puts `tensors` into the order of `expected`, or says which does not fit.
pub fn arrange<'a>(
    tensors: Vec<NamedTensor<'a>>,
    expected: &[(&str, &[usize])],
) -> Result<Vec<NamedTensor<'a>>, WeightsError> {
    let mut by_name: HashMap<String, NamedTensor<'a>> = HashMap::new();
    for tensor in tensors {
        if let Some(twice) = by_name.insert(tensor.name.to_string(), tensor) {
            return Err(WeightsError::Twice(twice.name.into_owned()));
        }
    }
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

/// The content of a file.
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

/// Why a file could not be read through.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The system gave no more of it.
    Io(io::Error),
    /// What it holds is refused.
    Refused(WeightsError),
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<WeightsError> for Failure {
    fn from(error: WeightsError) -> Self {
        Self::Refused(error)
    }
}

/// Reads the tensors whose names are `wanted` from a file that another program may have written.
pub(crate) fn read_wanted(path: &Path, wanted: impl Fn(&str) -> bool) -> Result<Vec<NamedTensor<'static>>> {
    Ok(read_file(path, |reader, len| parse(reader, len, wanted))?.tensors)
}

/// Opens a file and hands it with its length to `read`.
fn read_file<T>(path: &Path, read: impl FnOnce(BufReader<File>, u64) -> Result<T, Failure>) -> Result<T> {
    let file = File::open(path).map_err(Error::io("read", path))?;
    let len = file.metadata().map_err(Error::io("read", path))?.len();
    read(BufReader::with_capacity(1 << 16, file), len).map_err(|failure| match failure {
        Failure::Io(error) => Error::io("read", path)(error),
        Failure::Refused(source) => Error::Weights { path: path.to_owned(), source },
    })
}

/// Reads the tensors whose names are `wanted` from a file of `len` bytes; where it carries a sum, the sum must be right.
pub(crate) fn parse(reader: impl Read, len: u64, wanted: impl Fn(&str) -> bool) -> Result<Parsed, Failure> {
    let read = |metadata: &Metadata, data: &mut dyn Read| -> Result<_, Failure> {
        let mut tensors = Vec::new();
        for name in metadata.offset_keys() {
            let Some(info) = metadata.info(&name) else { continue };
            if !wanted(&name) {
                let (start, end) = info.data_offsets;
                io::copy(&mut data.take((end - start) as u64), &mut io::sink())?;
                continue;
            }
            check_kind(&name, info)?;
            let mut numbers = vec![0.0; info.shape.iter().product()];
            read_numbers(data, info.dtype, &mut numbers)?;
            tensors.push(NamedTensor::new(name, info.shape.clone(), numbers));
        }
        Ok((tensors, metadata.metadata().clone().unwrap_or_default()))
    };
    let ((tensors, metadata), summed) = read_through(reader, len, read)?;
    Ok(Parsed { tensors, metadata, summed })
}

/// Reads a file of `len` bytes from beginning to end: `take` is given its header and reads of the numbers what it
/// wants. Says too whether the file carries its sum, which then was right; that it is not goes before all else that is
/// wrong.
fn read_through<T>(
    mut reader: impl Read,
    len: u64,
    take: impl FnOnce(&Metadata, &mut dyn Read) -> Result<T, Failure>,
) -> Result<(T, bool), Failure> {
    let mut head = Vec::new();
    reader.by_ref().take(8).read_to_end(&mut head)?;
    let header_len = head.first_chunk().map_or(0, |&bytes| u64::from_le_bytes(bytes));
    // The sum is looked for even where the length is wrong.
    let wanted = header_len.clamp(SUM_AT as u64, MOST_HEADER);
    reader.by_ref().take(wanted).read_to_end(&mut head)?;
    let summed = head.get(8..SUM_AT) == Some(SUM_PREFIX) && head.len() >= SUM_AT + 8;
    let mut rest = Summed { reader, sum: crc32fast::Hasher::new() };
    if summed {
        rest.sum.update(&head[..SUM_AT]);
        rest.sum.update(NO_SUM.as_bytes());
        rest.sum.update(&head[SUM_AT + 8..]);
    }
    let taken = metadata(&head, header_len, len).and_then(|metadata| {
        let (_, numbers) = head.split_at(8 + header_len as usize);
        take(&metadata, &mut numbers.chain(&mut rest))
    });
    if let Err(Failure::Io(error)) = taken {
        return Err(Failure::Io(error));
    }
    if summed {
        io::copy(&mut rest, &mut io::sink())?;
        let (digits, found) = (&head[SUM_AT..SUM_AT + 8], format!("{:08x}", rest.sum.finalize()));
        if digits != found.as_bytes() {
            let expected = String::from_utf8_lossy(digits).into_owned();
            return Err(WeightsError::Checksum { found, expected }.into());
        }
    }
    Ok((taken?, summed))
}

/// The longest header that is read, as the format's own library has it.
const MOST_HEADER: u64 = 100_000_000;

/// What a file of `len` bytes that begins with `head` holds.
fn metadata(head: &[u8], header_len: u64, len: u64) -> Result<Metadata, Failure> {
    let format = |error: SafeTensorError| WeightsError::Format(error.to_string());
    let header = match head.get(8..) {
        None => return Err(format(SafeTensorError::HeaderTooSmall).into()),
        Some(_) if header_len > MOST_HEADER => return Err(format(SafeTensorError::HeaderTooLarge).into()),
        Some(behind) => {
            behind.get(..header_len as usize).ok_or_else(|| format(SafeTensorError::InvalidHeaderLength))?
        }
    };
    let metadata: Metadata = serde_json::from_slice(header)
        .map_err(|error| format(SafeTensorError::InvalidHeaderDeserialization(error)))?;
    if (8 + header_len).checked_add(metadata.data_len() as u64) != Some(len) {
        return Err(format(SafeTensorError::MetadataIncompleteBuffer).into());
    }
    Ok(metadata)
}

/// A reader that computes the sum of everything read through it.
struct Summed<R> {
    reader: R,
    sum: crc32fast::Hasher,
}

impl<R: Read> Read for Summed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.reader.read(buffer)?;
        self.sum.update(&buffer[..read]);
        Ok(read)
    }
}

/// Refuses a tensor of numbers of a kind that is not read.
fn check_kind(name: &str, info: &TensorInfo) -> Result<(), WeightsError> {
    match info.dtype {
        Dtype::F32 | Dtype::F16 | Dtype::BF16 => Ok(()),
        other => Err(WeightsError::Kind { name: name.to_owned(), found: format!("{other:?}") }),
    }
}

/// Reads as many numbers of a kind as `to` has places.
fn read_numbers(data: &mut dyn Read, kind: Dtype, to: &mut [f32]) -> io::Result<()> {
    let mut buffer = [0; 1 << 14];
    let size = if kind == Dtype::F32 { 4 } else { 2 };
    for to in to.chunks_mut(buffer.len() / size) {
        let bytes = &mut buffer[..size * to.len()];
        data.read_exact(bytes)?;
        match kind {
            Dtype::F32 => {
                to.iter_mut().zip(bytes.as_chunks().0).for_each(|(x, &b)| *x = f32::from_le_bytes(b))
            }
            Dtype::F16 => {
                to.iter_mut().zip(bytes.as_chunks().0).for_each(|(x, &b)| *x = f16::from_le_bytes(b).to_f32())
            }
            _ => to
                .iter_mut()
                .zip(bytes.as_chunks().0)
                .for_each(|(x, &b)| *x = bf16::from_le_bytes(b).to_f32()),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
