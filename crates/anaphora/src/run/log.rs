//! `metrics.jsonl`: the log of a training, one JSON object a line.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Deserializer, Serialize};

use crate::error::{Error, Result};
use crate::run::atomic::Appender;

/// One line of `metrics.jsonl`. `step` counts the optimizer steps done.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Record {
    /// The state of training since the last such line.
    Train {
        /// Optimizer steps done.
        step: u64,
        /// Passes over the data done.
        epoch: f64,
        /// Mean training loss, nats a symbol. Not finite (`null` in the file) where training diverged.
        #[serde(deserialize_with = "null_is_nan")]
        loss: f64,
        /// Learning rate of the last step.
        learning_rate: f64,
        /// Global norm of the last gradient before clipping. Not finite as the loss.
        #[serde(deserialize_with = "null_is_nan")]
        gradient_norm: f64,
        /// Symbols learnt from a second.
        tokens_per_second: f64,
        /// Seconds of training so far, over all resumptions.
        seconds: f64,
    },
    /// A validation.
    Validation {
        /// Optimizer steps done.
        step: u64,
        /// Mean loss: nats a symbol, where the task predicts symbols.
        #[serde(deserialize_with = "null_is_nan")]
        loss: f64,
        /// Other scores by name, as `macro_f1`.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "scores")]
        scores: BTreeMap<String, f64>,
        /// Whether it is the best so far.
        best: bool,
        /// Seconds of training so far, over all resumptions.
        seconds: f64,
    },
    /// A note for the user: a lowered rate, a retreat, why training ended.
    Note {
        /// Optimizer steps done.
        step: u64,
        /// A sentence.
        text: String,
    },
}

impl Record {
    /// Optimizer steps done when it was written.
    pub fn step(&self) -> u64 {
        match *self {
            Record::Train { step, .. } | Record::Validation { step, .. } | Record::Note { step, .. } => step,
        }
    }
}

/// JSON has no NaN: `serde_json` writes `null` for it.
fn null_is_nan<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or(f64::NAN))
}

/// Scores by name; earlier versions wrote the names as people read them, as `macro F1`.
pub(super) fn scores<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, f64>, D::Error> {
    let scores = BTreeMap::<String, f64>::deserialize(deserializer)?;
    Ok(scores.into_iter().map(|(name, score)| (name.to_lowercase().replace(' ', "_"), score)).collect())
}

/// The file, open to append to.
#[derive(Debug)]
pub struct MetricsLog {
    file: Appender,
}

impl MetricsLog {
    /// Opens the file, and creates it where it is missing. `resume_at` is the step of the checkpoint that training
    /// goes on from: later lines at the end of the file, and half-written ones, are cut off. `None` empties it.
    pub fn open(path: impl Into<PathBuf>, resume_at: Option<u64>) -> Result<Self> {
        let mut file = Appender::open(path)?;
        let keep = match resume_at {
            Some(step) => length_up_to(&fs::read(file.path()).map_err(Error::io("read", file.path()))?, step),
            None => 0,
        };
        file.truncate(keep as u64)?;
        Ok(Self { file })
    }

    /// Appends a line, which is with the operating system when this returns: it survives the end of the process.
    pub fn append(&mut self, record: &Record) -> Result<()> {
        let mut line = serde_json::to_vec(record).expect("strings and numbers always serialise");
        line.push(b'\n');
        self.file.append(&line)
    }

    /// Waits until all lines are on the disk: they survive a power failure. For every checkpoint.
    pub fn sync(&self) -> Result<()> {
        self.file.sync()
    }
}

/// Reads all lines; none where there is no file. A last line without its end is being written, or was when a
/// training was killed, and is left out; any other that is no record is an error with its number.
pub fn read_metrics(path: impl AsRef<Path>) -> Result<Vec<Record>> {
    let path = path.as_ref();
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(Error::io("read", path)(error)),
    };
    let lines = bytes.split_inclusive(|&byte| byte == b'\n').filter(|line| line.ends_with(b"\n"));
    let parse = |(index, line)| {
        serde_json::from_slice(line).map_err(|error| Error::Malformed {
            path: path.to_owned(),
            reason: format!("line {}: not a line of metrics ({error})", index + 1),
        })
    };
    lines.enumerate().map(parse).collect()
}

/// How many bytes stay when the lines at the end that are past `step`, or are no records, go. Only at the end: what
/// lies before is history, also where training once went back to an earlier step.
fn length_up_to(bytes: &[u8], step: u64) -> usize {
    let mut length = bytes.len();
    while length > 0 {
        let start = bytes[..length - 1].iter().rposition(|&byte| byte == b'\n').map_or(0, |end| end + 1);
        let line = &bytes[start..length];
        let stays =
            line.ends_with(b"\n") && serde_json::from_slice(line).is_ok_and(|r: Record| r.step() <= step);
        if stays {
            break;
        }
        length = start;
    }
    length
}

#[cfg(test)]
mod tests {
    use super::*;

    fn train(step: u64, loss: f64) -> Record {
        let (epoch, learning_rate) = (0.1 * step as f64, 1e-3);
        Record::Train {
            step,
            epoch,
            loss,
            learning_rate,
            gradient_norm: 0.3,
            tokens_per_second: 6e4,
            seconds: 1.5,
        }
    }

    fn validation(step: u64) -> Record {
        Record::Validation { step, loss: 1.5, scores: BTreeMap::new(), best: true, seconds: 2.0 }
    }

    fn written(records: &[Record]) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metrics.jsonl");
        let mut log = MetricsLog::open(&path, None).unwrap();
        records.iter().for_each(|record| log.append(record).unwrap());
        log.sync().unwrap();
        (folder, path)
    }

    #[test]
    fn reads_what_it_wrote() {
        let records = [train(10, 0.1 + 0.2), validation(10), Record::Note { step: 10, text: "a\nb".into() }];
        let (_folder, path) = written(&records);
        assert_eq!(read_metrics(&path).unwrap(), records);
        assert_eq!(fs::read_to_string(&path).unwrap().lines().count(), 3);
        assert!(read_metrics(path.with_file_name("none")).unwrap().is_empty());
    }

    #[test]
    fn names_of_scores_have_no_blanks_whoever_wrote_them() {
        let old = r#"{"kind":"validation","step":1,"loss":1.5,"scores":{"macro F1":0.5},"best":true,"seconds":2.0}"#;
        let record: Record = serde_json::from_str(old).unwrap();
        let new = serde_json::to_string(&record).unwrap();
        assert!(new.contains(r#""scores":{"macro_f1":0.5}"#), "{new}");
        let old = r#"{"step":1,"loss":1.5,"scores":{"R2":0.5}}"#;
        let score: crate::run::Score = serde_json::from_str(old).unwrap();
        assert_eq!(score.main(), ("r2", 0.5));
    }

    #[test]
    fn a_loss_that_is_no_number_is_read_back() {
        let (_folder, path) = written(&[train(1, f64::NAN), train(2, f64::INFINITY)]);
        for record in read_metrics(&path).unwrap() {
            assert!(matches!(record, Record::Train { loss, .. } if loss.is_nan()));
        }
    }

    #[test]
    fn resuming_cuts_what_came_after_the_checkpoint() {
        let records = [train(10, 3.0), validation(10), train(20, 2.0), validation(20), train(30, 1.0)];
        let (_folder, path) = written(&records);
        // Killed in the middle of a line:
        let half = br#"{"kind":"tra"#;
        fs::write(&path, [&fs::read(&path).unwrap()[..], half].concat()).unwrap();
        assert_eq!(read_metrics(&path).unwrap(), records);
        MetricsLog::open(&path, Some(20)).unwrap().append(&train(30, 0.5)).unwrap();
        assert_eq!(read_metrics(&path).unwrap(), [&records[..4], &[train(30, 0.5)]].concat());
        drop(MetricsLog::open(&path, Some(5)).unwrap());
        assert!(read_metrics(&path).unwrap().is_empty());
    }

    #[test]
    fn the_end_may_be_cut_anywhere() {
        let records = [train(10, 3.0), validation(10), train(20, 2.0)];
        let (_folder, path) = written(&records);
        let bytes = fs::read(&path).unwrap();
        for length in 0..=bytes.len() {
            fs::write(&path, &bytes[..length]).unwrap();
            let whole = bytes[..length].iter().filter(|&&byte| byte == b'\n').count();
            drop(MetricsLog::open(&path, Some(20)).unwrap());
            assert_eq!(fs::read(&path).unwrap().iter().filter(|&&byte| byte == b'\n').count(), whole);
            assert_eq!(read_metrics(&path).unwrap(), records[..whole]);
        }
    }

    #[test]
    fn the_time_before_a_retreat_stays() {
        let retreat = Record::Note { step: 10, text: "back to step 10".into() };
        let records =
            [train(10, 3.0), train(20, 9.0), train(30, 99.0), retreat, train(20, 2.0), train(30, 1.0)];
        let (_folder, path) = written(&records);
        drop(MetricsLog::open(&path, Some(20)).unwrap());
        assert_eq!(read_metrics(&path).unwrap(), records[..5]);
    }

    #[test]
    fn a_broken_line_is_named() {
        let (_folder, path) = written(&[train(10, 3.0)]);
        fs::write(&path, [b"{}\n", &fs::read(&path).unwrap()[..]].concat()).unwrap();
        let message = read_metrics(&path).unwrap_err().to_string();
        assert!(
            message.starts_with(&format!("{}: line 1: not a line of metrics", path.display())),
            "{message}"
        );
    }
}
