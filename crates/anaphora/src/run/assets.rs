//! Files of a run folder beside its weights that convert raw data to a model's numbers and back.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anaphora_data::{Spill, TokenStream, Tokenizer};
use serde::Serialize;
use serde::de::DeserializeOwned;

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
        if !self.is_new {
            return read_json(&self.folder, name);
        }
        let value = match &self.from {
            Some(from) => read_json(from, name)?,
            None => make()?,
        };
        let text = serde_json::to_string_pretty(&value).expect("plain data always serialises");
        self.made.push((name.to_owned(), text + "\n"));
        Ok(value)
    }
}

/// Reads a tokenizer's file.
pub fn read_tokenizer(path: &Path) -> Result<Tokenizer> {
    let text = std::fs::read_to_string(path).map_err(Error::io("read", path))?;
    Tokenizer::from_json(&text).map_err(|source| Error::Tokens { path: path.to_owned(), source })
}

/// Such data of a run whose files are there.
pub fn read_json<T: DeserializeOwned>(folder: &Path, name: &str) -> Result<T> {
    let path = folder.join(name);
    let text = std::fs::read(&path).map_err(Error::io("read", &path))?;
    let malformed = |error: serde_json::Error| Error::Malformed { path, reason: error.to_string() };
    serde_json::from_slice(&text).map_err(malformed)
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
