//! The part of ONNX's protobuf that a model needs, written by hand: a handful of messages, and tensors that are written straight
//! from where their numbers lie, so that a file is nowhere in memory as a whole.
//!
//! The numbers of fields are those of `onnx.proto`.

use std::borrow::Cow;
use std::io::{self, Write};

/// The largest message that protobuf takes.
const MOST_BYTES: u64 = (1 << 31) - 1;

/// A message's fields as bytes.
#[derive(Clone, Debug, Default)]
pub struct Message(Vec<u8>);

impl Message {
    /// A whole number; negative ones take ten bytes.
    pub fn int(mut self, field: u32, value: i64) -> Self {
        varint(&mut self.0, u64::from(field << 3));
        varint(&mut self.0, value as u64);
        self
    }

    /// A number of 32 bits.
    pub fn float(mut self, field: u32, value: f32) -> Self {
        varint(&mut self.0, u64::from(field << 3 | 5));
        self.0.extend_from_slice(&value.to_le_bytes());
        self
    }

    /// Bytes, or a text.
    pub fn bytes(mut self, field: u32, value: impl AsRef<[u8]>) -> Self {
        let value = value.as_ref();
        varint(&mut self.0, u64::from(field << 3 | 2));
        varint(&mut self.0, value.len() as u64);
        self.0.extend_from_slice(value);
        self
    }

    /// A message within this one.
    pub fn message(self, field: u32, value: Message) -> Self {
        self.bytes(field, value.0)
    }

    /// The fields of another message behind its own.
    pub fn append(&mut self, other: Message) {
        self.0.extend_from_slice(&other.0);
    }
}

fn varint(bytes: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

/// A kind of number in a tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    F32 = 1,
    I32 = 6,
    I64 = 7,
}

/// A tensor's numbers.
#[derive(Clone, Debug, PartialEq)]
pub enum Numbers<'a> {
    F32(Cow<'a, [f32]>),
    I64(Vec<i64>),
}

impl Numbers<'_> {
    fn kind(&self) -> Kind {
        match self {
            Self::F32(_) => Kind::F32,
            Self::I64(_) => Kind::I64,
        }
    }

    fn byte_count(&self) -> usize {
        match self {
            Self::F32(numbers) => 4 * numbers.len(),
            Self::I64(numbers) => 8 * numbers.len(),
        }
    }

    /// Writes the bytes, little-endian, some at a time.
    fn write(&self, writer: &mut dyn Write) -> io::Result<()> {
        let mut bytes = Vec::with_capacity(1 << 16);
        match self {
            Self::F32(numbers) => {
                for numbers in numbers.chunks(1 << 14) {
                    bytes.clear();
                    numbers.iter().for_each(|number| bytes.extend_from_slice(&number.to_le_bytes()));
                    writer.write_all(&bytes)?;
                }
                Ok(())
            }
            Self::I64(numbers) => {
                numbers.iter().for_each(|number| bytes.extend_from_slice(&number.to_le_bytes()));
                writer.write_all(&bytes)
            }
        }
    }
}

/// A constant of a graph: a weight, or a number that the model was made with.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor<'a> {
    pub name: String,
    pub shape: Vec<usize>,
    pub numbers: Numbers<'a>,
}

impl Tensor<'_> {
    /// All of a `TensorProto` but its numbers.
    fn head(&self) -> Vec<u8> {
        let mut head = Message::default();
        for &size in &self.shape {
            head = head.int(1, size as i64);
        }
        let mut head = head.int(2, self.numbers.kind() as i64).bytes(8, &self.name).0;
        varint(&mut head, 9 << 3 | 2);
        varint(&mut head, self.numbers.byte_count() as u64);
        head
    }
}

/// A value that goes into a graph or comes out of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Value {
    pub name: String,
    pub kind: Kind,
    pub shape: Vec<Size>,
    /// What it is, for people.
    pub about: String,
}

/// The size of a dimension.
#[derive(Clone, Debug, PartialEq)]
pub enum Size {
    Fixed(usize),
    /// Any; where two have one name, they are the same.
    Any(&'static str),
}

impl From<usize> for Size {
    fn from(size: usize) -> Self {
        Self::Fixed(size)
    }
}

impl From<&'static str> for Size {
    fn from(name: &'static str) -> Self {
        Self::Any(name)
    }
}

impl Value {
    /// A `ValueInfoProto`.
    pub fn message(&self) -> Message {
        let mut shape = Message::default();
        for size in &self.shape {
            let size = match size {
                Size::Fixed(size) => Message::default().int(1, *size as i64),
                Size::Any(name) => Message::default().bytes(2, name),
            };
            shape = shape.message(1, size);
        }
        let tensor = Message::default().int(1, self.kind as i64).message(2, shape);
        let value = Message::default().bytes(1, &self.name);
        value.message(2, Message::default().message(1, tensor)).bytes(3, &self.about)
    }
}

/// An attribute of an operator.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Attribute<'a> {
    Int(i64),
    Ints(&'a [i64]),
    Text(&'a str),
    Texts(&'a [&'a str]),
    Float(f32),
}

impl Attribute<'_> {
    /// An `AttributeProto`.
    pub fn message(&self, name: &str) -> Message {
        let named = Message::default().bytes(1, name);
        match self {
            Self::Float(value) => named.float(2, *value).int(20, 1),
            Self::Int(value) => named.int(3, *value).int(20, 2),
            Self::Text(value) => named.bytes(4, value).int(20, 3),
            Self::Ints(values) => values.iter().fold(named, |named, &value| named.int(8, value)).int(20, 7),
            Self::Texts(values) => values.iter().fold(named, |named, value| named.bytes(9, value)).int(20, 8),
        }
    }
}

/// A file: a model's head, its graph but for the tensors, and these.
#[derive(Debug)]
pub struct File<'a> {
    /// Fields of a `ModelProto` but for its graph.
    pub model: Message,
    /// Fields of a `GraphProto` but for its tensors.
    pub graph: Message,
    pub tensors: Vec<Tensor<'a>>,
}

impl File<'_> {
    /// Bytes of the graph.
    fn graph_bytes(&self) -> u64 {
        let tensors = self.tensors.iter().map(|tensor| {
            let size = (tensor.head().len() + tensor.numbers.byte_count()) as u64;
            let mut tag = Vec::new();
            varint(&mut tag, size);
            1 + tag.len() as u64 + size
        });
        self.graph.0.len() as u64 + tensors.sum::<u64>()
    }

    /// Bytes of the file, at most a few too many.
    fn bytes(&self) -> u64 {
        self.model.0.len() as u64 + 11 + self.graph_bytes()
    }

    /// The file's bytes where they are more than protobuf takes.
    pub fn excess(&self) -> Option<u64> {
        Some(self.bytes()).filter(|&bytes| bytes > MOST_BYTES)
    }

    /// Writes the file.
    pub fn write(&self, writer: &mut dyn Write) -> io::Result<()> {
        let mut head = self.model.0.clone();
        varint(&mut head, 7 << 3 | 2);
        varint(&mut head, self.graph_bytes());
        writer.write_all(&head)?;
        writer.write_all(&self.graph.0)?;
        for tensor in &self.tensors {
            let (mut begin, head) = (Vec::new(), tensor.head());
            varint(&mut begin, 5 << 3 | 2);
            varint(&mut begin, (head.len() + tensor.numbers.byte_count()) as u64);
            writer.write_all(&begin)?;
            writer.write_all(&head)?;
            tensor.numbers.write(writer)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_written_as_protobuf_has_them() {
        // The examples of protobuf's own description of its encoding.
        assert_eq!(Message::default().int(1, 150).0, [0x08, 0x96, 0x01]);
        assert_eq!(Message::default().bytes(2, "testing").0, b"\x12\x07testing");
        assert_eq!(Message::default().message(3, Message::default().int(1, 150)).0, [0x1a, 3, 8, 0x96, 1]);
        assert_eq!(Message::default().int(1, -2).0, [8, 254, 255, 255, 255, 255, 255, 255, 255, 255, 1]);
        assert_eq!(Message::default().float(2, 1.0).0, [0x15, 0, 0, 0x80, 0x3f]);
        assert_eq!(Message::default().int(20, 7).0, [0xa0, 1, 7]);
    }

    #[test]
    fn a_file_has_as_many_bytes_as_it_says() {
        let tensor = |count: usize| Tensor {
            name: "x".into(),
            shape: vec![count],
            numbers: Numbers::F32(vec![0.5; count].into()),
        };
        let file = File {
            model: Message::default().int(1, 8),
            graph: Message::default().bytes(2, "graph"),
            tensors: vec![tensor(3), tensor(40_000)],
        };
        let mut bytes = Vec::new();
        file.write(&mut bytes).unwrap();
        // The model's own two bytes, the tag of the graph, and its size in three.
        assert_eq!(bytes.len() as u64, 2 + 1 + 3 + file.graph_bytes());
        assert!((bytes.len() as u64..bytes.len() as u64 + 8).contains(&file.bytes()));
        assert_eq!(&bytes[bytes.len() - 4..], 0.5f32.to_le_bytes());
        assert_eq!(file.excess(), None);
    }

    #[test]
    fn what_protobuf_cannot_hold_is_known_before_it_is_written() {
        let numbers = vec![0.0; 1 << 24];
        let tensor = |number: usize| Tensor {
            name: format!("x{number}"),
            shape: vec![1 << 24],
            numbers: Numbers::F32(Cow::Borrowed(&numbers)),
        };
        let of = |count: usize| File {
            model: Message::default(),
            graph: Message::default(),
            tensors: (0..count).map(tensor).collect(),
        };
        assert_eq!(of(31).excess(), None);
        assert!(of(32).excess().is_some_and(|bytes| bytes > 32 << 26));
    }
}
