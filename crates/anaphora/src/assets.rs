//! What turns raw data into a model's numbers and back: the files of a run folder beside its weights.

use std::path::{Path, PathBuf};

use anaphora_data::Tokenizer;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::corpus::read_tokenizer;
use crate::{Error, Result};

/// The name of the file of a run's tokenizer, where it has one.
pub const TOKENIZER: &str = "tokenizer.json";

/// The files of a run: made of the training data where the run is new, else read.
#[derive(Debug, Default)]
pub struct Assets {
    folder: Option<PathBuf>,
    made: Vec<(String, String)>,
}

impl Assets {
    /// None yet: all that is asked for is made.
    pub fn new() -> Self {
        Self::default()
    }

    /// Those of a run.
    pub fn of(folder: &Path) -> Self {
        Self { folder: Some(folder.to_owned()), made: Vec::new() }
    }

    /// The files that were made, each a name and its content.
    pub fn made(&self) -> &[(String, String)] {
        &self.made
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
        if let Some(folder) = &self.folder {
            return read_tokenizer(&folder.join(name));
        }
        let tokenizer = make()?;
        self.made.push((name.to_owned(), tokenizer.to_json()));
        Ok(tokenizer)
    }

    /// Any other plain data, as JSON.
    pub fn json<T: Serialize + DeserializeOwned>(
        &mut self,
        name: &str,
        make: impl FnOnce() -> Result<T>,
    ) -> Result<T> {
        if let Some(folder) = &self.folder {
            return read_json(folder, name);
        }
        let value = make()?;
        let text = serde_json::to_string_pretty(&value).expect("plain data always serialises");
        self.made.push((name.to_owned(), text + "\n"));
        Ok(value)
    }
}

/// Such data of a run whose files are there.
pub fn read_json<T: DeserializeOwned>(folder: &Path, name: &str) -> Result<T> {
    let path = folder.join(name);
    let text = std::fs::read(&path).map_err(Error::io("read", &path))?;
    let malformed = |error: serde_json::Error| Error::Malformed { path, reason: error.to_string() };
    serde_json::from_slice(&text).map_err(malformed)
}
