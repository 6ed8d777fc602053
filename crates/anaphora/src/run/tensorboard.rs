//! TensorBoard's event files: scalars that `tensorboard --logdir runs` shows as curves.
//!
//! A file is a sequence of `TFRecord`s (length, masked CRC-32C of the length, data, masked CRC-32C of the data; see
//! `tensorflow/core/lib/io/record_writer.h`), each of which holds a protocol-buffer message `Event`
//! (`tensorflow/core/util/event.proto`). Of those messages so little is needed that they are written by hand.

use std::path::Path;
use std::time::SystemTime;

use crate::error::Result;
use crate::run::atomic::Appender;

/// An event file, open to append to.
#[derive(Debug)]
pub struct EventWriter {
    file: Appender,
}

impl EventWriter {
    /// Begins a new event file in `folder`, beside those of earlier sessions. `resume_at` is the step of the
    /// checkpoint that training goes on from: TensorBoard then forgets what earlier files say of later steps.
    pub fn create(folder: impl AsRef<Path>, resume_at: Option<u64>) -> Result<Self> {
        let time = now();
        // TensorBoard reads the files of a folder in the order of their names: the time comes first, to the
        // microsecond, for a session may follow another within a second.
        let name = format!("events.out.tfevents.{time:017.6}.{}.anaphora", std::process::id());
        let mut writer = Self { file: Appender::open(folder.as_ref().join(name))? };
        writer.write(&event(time, 0, What::FileVersion))?;
        if let Some(step) = resume_at {
            writer.write(&event(time, step + 1, What::SessionStart))?;
        }
        Ok(writer)
    }

    /// Appends one value a tag (`loss/train`, `learning_rate` …) for the state after `step` optimizer steps.
    pub fn scalars(&mut self, step: u64, scalars: &[(&str, f64)]) -> Result<()> {
        self.write(&event(now(), step, What::Scalars(scalars)))
    }

    fn write(&mut self, event: &[u8]) -> Result<()> {
        self.file.append(&record(event))
    }
}

/// Seconds since 1970.
fn now() -> f64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0.0, |time| time.as_secs_f64())
}

/// The content of an event.
enum What<'a> {
    /// The file's first event.
    FileVersion,
    /// A session begins: earlier events of this step and later ones are void.
    SessionStart,
    Scalars(&'a [(&'a str, f64)]),
}

/// Frames data as a `TFRecord`.
fn record(data: &[u8]) -> Vec<u8> {
    let length = (data.len() as u64).to_le_bytes();
    let mut record = Vec::with_capacity(data.len() + 16);
    record.extend_from_slice(&length);
    record.extend_from_slice(&masked_crc(&length).to_le_bytes());
    record.extend_from_slice(data);
    record.extend_from_slice(&masked_crc(data).to_le_bytes());
    record
}

/// The sum is masked, for one over data that hold sums would be weak (`tensorflow/core/lib/hash/crc32c.h`).
fn masked_crc(data: &[u8]) -> u32 {
    crc32c::crc32c(data).rotate_right(15).wrapping_add(0xa282_ead8)
}

/// Encodes an `Event { wall_time = 1, step = 2, file_version = 3, summary = 5, session_log = 7 }`.
fn event(wall_time: f64, step: u64, what: What<'_>) -> Vec<u8> {
    let mut event = Vec::new();
    put_key(&mut event, 1, Wire::Fixed64);
    event.extend_from_slice(&wall_time.to_le_bytes());
    if step > 0 {
        put_key(&mut event, 2, Wire::Varint);
        put_varint(&mut event, step);
    }
    match what {
        What::FileVersion => put_bytes(&mut event, 3, b"brain.Event:2"),
        // SessionLog { status = 1: START }
        What::SessionStart => put_bytes(&mut event, 7, &[1 << 3, 1]),
        What::Scalars(scalars) => {
            // Summary { repeated Value { tag = 1, simple_value = 2 } value = 1 }
            let mut summary = Vec::new();
            for &(tag, scalar) in scalars {
                let mut value = Vec::new();
                put_bytes(&mut value, 1, tag.as_bytes());
                put_key(&mut value, 2, Wire::Fixed32);
                value.extend_from_slice(&(scalar as f32).to_le_bytes());
                put_bytes(&mut summary, 1, &value);
            }
            put_bytes(&mut event, 5, &summary);
        }
    }
    event
}

/// How a protocol-buffer field is encoded.
#[derive(Clone, Copy)]
enum Wire {
    Varint = 0,
    Fixed64 = 1,
    Bytes = 2,
    Fixed32 = 5,
}

fn put_key(message: &mut Vec<u8>, field: u8, wire: Wire) {
    message.push(field << 3 | wire as u8);
}

fn put_varint(message: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        message.push(value as u8 | 0x80);
        value >>= 7;
    }
    message.push(value as u8);
}

fn put_bytes(message: &mut Vec<u8>, field: u8, bytes: &[u8]) {
    put_key(message, field, Wire::Bytes);
    put_varint(message, bytes.len() as u64);
    message.extend_from_slice(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bytes_are_those_of_tensorboards_own_writer() {
        // See events.py beside it.
        let expected = include_bytes!("../../tests/golden/events.tfevents");
        let events = [
            event(1.5, 0, What::FileVersion),
            event(2.5, 301, What::SessionStart),
            event(3.5, 1_000_000, What::Scalars(&[("loss/train", 1.25), ("learning_rate", 1e-3)])),
        ];
        let written: Vec<u8> = events.iter().flat_map(|event| record(event)).collect();
        assert_eq!(written, expected);
    }

    #[test]
    fn files_of_two_sessions_are_in_order() {
        let folder = tempfile::tempdir().unwrap();
        let mut first = EventWriter::create(folder.path(), None).unwrap();
        first.scalars(1, &[("loss/train", 2.0)]).unwrap();
        std::thread::sleep(std::time::Duration::from_millis(2));
        let second = EventWriter::create(folder.path(), Some(1)).unwrap();
        assert!(first.file.path() < second.file.path(), "{:?} {:?}", first.file.path(), second.file.path());
        let name = first.file.path().file_name().unwrap().to_str().unwrap();
        assert!(name.starts_with("events.out.tfevents."), "{name}");
    }
}
