//! Files of a run folder beside its weights that convert raw data to a model's numbers and back.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anaphora_data::{Spill, TokenStream, Tokenizer};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::run::weights::WeightsError;
use crate::{Error, Result};

/// The name of the file of a run's tokenizer, where it has one.
pub const TOKENIZER: &str = "tokenizer.json";

/// The folder of a run's token streams, where they are too large to be kept in memory.
pub const TOKENS: &str = "tokens";

/// One of the two sections of a run's data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Half {
    /// Training data.
    Train,
    /// Validation data.
    Validation,
}

/// The files of a run: made from the training data for a new run, read for an existing one.
#[derive(Debug)]
pub struct Assets {
    folder: PathBuf,
    is_new: bool,
    /// The run whose files a new one takes.
    from: Option<PathBuf>,
    made: Vec<(String, String)>,
}

impl Assets {
    /// For a new run in `folder`: every file asked for is made.
    pub fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), is_new: true, from: None, made: Vec::new() }
    }

    /// For a new run in `folder` that goes on from the model of another: every file is that one's.
    pub fn from(run: &Path, folder: &Path) -> Self {
        Self { from: Some(run.to_owned()), ..Self::new(folder) }
    }

    /// For an existing run: every file is read.
    pub fn of(folder: &Path) -> Self {
        Self { is_new: false, ..Self::new(folder) }
    }

    /// The files that were made, each a name and its content.
    pub fn made(&self) -> &[(String, String)] {
        &self.made
    }

    /// Such data as JSON of the run that is resumed or gone on from; none where a model is made anew.
    pub fn known<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>> {
        let folder = if self.is_new { self.from.as_deref() } else { Some(self.folder.as_path()) };
        folder.map(|folder| read_json(folder, name)).transpose()
    }

    /// The run's tokenizer.
    pub fn tokenizer(&mut self, make: impl FnOnce() -> Result<Tokenizer>) -> Result<Tokenizer> {
        self.tokenizer_named(TOKENIZER, make)
    }

    /// A tokenizer, of those runs that have several.
    pub fn tokenizer_named(
        &mut self,
        name: &str,
        make: impl FnOnce() -> Result<Tokenizer>,
    ) -> Result<Tokenizer> {
        if !self.is_new {
            return read_tokenizer(&self.folder.join(name));
        }
        let tokenizer = match &self.from {
            Some(from) => read_tokenizer(&from.join(name))?,
            None => make()?,
        };
        self.made.push((name.to_owned(), tokenizer.to_json()));
        Ok(tokenizer)
    }

    /// The streams to learn from and to validate on, of tokens below `symbols`. Both go to files of the run where the first
    /// has more than `in_memory`; a run that has them is read from them alone.
    pub fn streams(
        &self,
        symbols: usize,
        in_memory: usize,
        mut make: impl FnMut(Half, &Spill) -> Result<TokenStream>,
    ) -> Result<[Arc<TokenStream>; 2]> {
        let files = ["train.tokens", "validation.tokens"].map(|name| self.folder.join(TOKENS).join(name));
        if !self.is_new && files.iter().all(|file| file.exists()) {
            let [train, validation] = files.map(|file| TokenStream::open(&file, symbols));
            return Ok([Arc::new(train?), Arc::new(validation?)]);
        }
        let [train, validation] = files.map(Spill::to);
        let train = make(Half::Train, &train.above(in_memory))?;
        let validation = validation.above(if train.is_in_file() { 0 } else { in_memory });
        Ok([Arc::new(train), Arc::new(make(Half::Validation, &validation)?)])
    }

    /// The same where earlier versions did not write such a file: none where it is not there.
    pub fn json_if_there<T: Serialize + DeserializeOwned>(
        &mut self,
        name: &str,
        make: impl FnOnce() -> Result<T>,
    ) -> Result<Option<T>> {
        let read_from = match &self.from {
            _ if !self.is_new => Some(self.folder.as_path()),
            from => from.as_deref(),
        };
        if read_from.is_some_and(|folder| !folder.join(name).exists()) {
            return Ok(None);
        }
        self.json(name, make).map(Some)
    }

    /// Any other plain data, as JSON.
    pub fn json<T: Serialize + DeserializeOwned>(
        &mut self,
        name: &str,
        make: impl FnOnce() -> Result<T>,
    ) -> Result<T> {
        let written =
            |value: &T| serde_json::to_string_pretty(value).expect("plain data always serialises") + "\n";
        self.written(name, make, written)
    }

    /// An object whose numbers a model computes with: its file carries its sum, as weights do.
    pub fn summed_json<T: Serialize + DeserializeOwned>(
        &mut self,
        name: &str,
        make: impl FnOnce() -> Result<T>,
    ) -> Result<T> {
        self.written(name, make, with_sum)
    }

    fn written<T: DeserializeOwned>(
        &mut self,
        name: &str,
        make: impl FnOnce() -> Result<T>,
        written: impl FnOnce(&T) -> String,
    ) -> Result<T> {
        if !self.is_new {
            return read_json(&self.folder, name);
        }
        let value = match &self.from {
            Some(from) => read_json(from, name)?,
            None => make()?,
        };
        self.made.push((name.to_owned(), written(&value)));
        Ok(value)
    }
}

/// How a file that carries its sum begins: the CRC-32 of all of it, computed with its own eight digits as zeros.
const SUM: &str = "{\n  \"crc32\": \"";
const NO_SUM: &str = "00000000";

/// Plain data as JSON that carries its sum; the data are an object.
fn with_sum<T: Serialize>(value: &T) -> String {
    let text = serde_json::to_string_pretty(value).expect("plain data always serialises");
    let fields = text.trim_start_matches(['{', '\n']);
    let text = format!("{SUM}{NO_SUM}\",\n{fields}\n");
    let sum = crc32fast::hash(text.as_bytes());
    text.replacen(NO_SUM, &format!("{sum:08x}"), 1)
}

/// What is wrong with the sum of a file; nothing with files of earlier versions, which have none.
fn wrong_sum(text: &str) -> Option<String> {
    let altered = "restore the file that the run began with";
    let Some(expected) = text.strip_prefix(SUM).and_then(|rest| rest.get(..NO_SUM.len())) else {
        let elsewhere = "its checksum does not stand where it was written, so it was altered";
        return text.contains("\"crc32\":").then(|| format!("{elsewhere}; {altered}"));
    };
    let found = format!("{:08x}", crc32fast::hash(text.replacen(expected, NO_SUM, 1).as_bytes()));
    let (found, expected) = (found, expected.to_owned());
    (found != expected).then(|| format!("{}; {altered}", WeightsError::Checksum { found, expected }))
}

/// Reads a tokenizer's file.
pub fn read_tokenizer(path: &Path) -> Result<Tokenizer> {
    let text = std::fs::read_to_string(path).map_err(Error::io("read", path))?;
    Tokenizer::from_json(&text).map_err(|source| Error::Tokens { path: path.to_owned(), source })
}

/// Such data of a run whose files are there; where a file carries its sum, it has to be right.
pub fn read_json<T: DeserializeOwned>(folder: &Path, name: &str) -> Result<T> {
    let path = folder.join(name);
    let bytes = std::fs::read(&path).map_err(Error::io("read", &path))?;
    let malformed = |reason: String| Error::Malformed { path: path.clone(), reason };
    let text = std::str::from_utf8(&bytes).map_err(|error| malformed(error.to_string()))?;
    match wrong_sum(text) {
        Some(reason) => Err(malformed(reason)),
        None => serde_json::from_str(text).map_err(|error| malformed(error.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use anaphora_data::StreamBuilder;

    use super::*;

    /// Streams of a few tokens, kept in memory up to `above` of them; and how many were made.
    fn streams(assets: &Assets, above: usize) -> Result<([Arc<TokenStream>; 2], usize)> {
        let mut made = 0;
        let streams = assets.streams(9, above, |half, spill| {
            made += 1;
            let mut builder = StreamBuilder::new(9, spill);
            builder.push(if half == Half::Train { &[1, 2, 3] } else { &[4] })?;
            builder.end(8)?;
            Ok(builder.finish()?)
        })?;
        Ok((streams, made))
    }

    #[test]
    fn a_file_that_carries_its_sum_is_held_to_it() {
        use std::collections::BTreeMap;
        let folder = tempfile::tempdir().unwrap();
        let value = BTreeMap::from([("numbers".to_owned(), vec![1.25f32, 0.5])]);
        let mut assets = Assets::new(folder.path());
        assets.summed_json("x.json", || Ok(value.clone())).unwrap();
        let text = assets.made()[0].1.clone();
        assert!(text.starts_with("{\n  \"crc32\": \"") && text.ends_with("]\n}\n"), "{text}");
        type Read = BTreeMap<String, serde_json::Value>;
        let read = |text: &str| {
            std::fs::write(folder.path().join("x.json"), text).unwrap();
            read_json::<Read>(folder.path(), "x.json").map_err(|error| error.to_string())
        };
        assert_eq!(read(&text).unwrap()["numbers"], serde_json::json!([1.25, 0.5]));
        for altered in [text.replace("1.25", "1.26"), text.replace("0.5", "0.50"), text.trim_end().to_owned()]
        {
            let said = read(&altered).unwrap_err();
            assert!(said.contains("so it was cut short or altered; restore the file"), "{said}");
        }
        let compact: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert!(read(&compact.to_string()).unwrap_err().contains("so it was altered"));
        // Earlier versions wrote none.
        let earlier = text.lines().filter(|line| !line.contains("crc32")).collect::<Vec<_>>().join("\n");
        assert_eq!(read(&earlier).unwrap()["numbers"], serde_json::json!([1.25, 0.5]));
        assert!(read("{\n  \"crc32\": \"é").is_err());
    }

    #[test]
    fn large_streams_are_made_once() {
        let folder = tempfile::tempdir().unwrap();
        let ([train, _], _) = streams(&Assets::new(folder.path()), 4).unwrap();
        assert!(!train.is_in_file() && !folder.path().join(TOKENS).exists());
        let ([train, validation], made) = streams(&Assets::new(folder.path()), 3).unwrap();
        assert!(train.is_in_file() && validation.is_in_file() && made == 2);
        let (again, made) = streams(&Assets::of(folder.path()), 3).unwrap();
        assert_eq!(made, 0);
        assert_eq!(again.map(|stream| stream.fingerprint()), [train.fingerprint(), validation.fingerprint()]);

        let file = folder.path().join("tokens/train.tokens");
        std::fs::write(&file, "none").unwrap();
        let message = streams(&Assets::of(folder.path()), 3).unwrap_err().to_string();
        assert!(
            message.ends_with("it has 4 bytes; remove it, and the tokens are made again from the data"),
            "{message}"
        );
        std::fs::remove_file(file).unwrap();
        assert_eq!(streams(&Assets::of(folder.path()), 3).unwrap().1, 2);
    }
}
