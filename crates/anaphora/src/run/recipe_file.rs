//! Recipe files.

use std::io::Write;
use std::path::Path;

use super::atomic::write_atomic;
use crate::error::{Error, Result};
use crate::recipe::{Recipe, RecipeError};

impl Recipe {
    /// Reads a recipe file and validates it.
    pub fn read(path: impl AsRef<Path>) -> Result<Self> {
        read_with(path.as_ref(), Self::parse)
    }

    /// Reads a recipe file that overrides will complete; see [`parse_unvalidated`](Self::parse_unvalidated).
    pub fn read_unvalidated(path: impl AsRef<Path>) -> Result<Self> {
        read_with(path.as_ref(), Self::parse_unvalidated)
    }

    /// Reads a recipe file whose defaults others decide; see [`parse_under`](Self::parse_under).
    pub fn read_under(path: impl AsRef<Path>, setting: impl Fn(&str) -> Option<String>) -> Result<Self> {
        read_with(path.as_ref(), |text| Self::parse_under(text, setting))
    }

    /// Writes the recipe as [`to_toml`](Self::to_toml) gives it, whole or not at all.
    pub fn write(&self, path: impl AsRef<Path>) -> Result<()> {
        let text = self.to_toml()?;
        write_atomic(path, |writer| writer.write_all(text.as_bytes()))
    }
}

fn read_with(path: &Path, parse: impl FnOnce(&str) -> Result<Recipe, RecipeError>) -> Result<Recipe> {
    let text = std::fs::read_to_string(path).map_err(Error::io("read", path))?;
    parse(&text).map_err(|source| Error::RecipeFile { path: path.to_owned(), source })
}
