//! The fields of a `config.json`, each read or refused by its name.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::error::{Error, Result};

/// The fields of a file; those of an object in it are named `object.field`.
pub(super) struct Fields<'a> {
    path: &'a Path,
    value: Value,
}

impl<'a> Fields<'a> {
    /// Reads a file.
    pub fn read(path: &'a Path) -> Result<Self> {
        let text = fs::read_to_string(path).map_err(Error::io("read", path))?;
        let malformed = |reason: String| Error::Malformed { path: path.to_owned(), reason };
        let value: Value =
            serde_json::from_str(&text).map_err(|error| malformed(format!("not JSON: {error}")))?;
        match value {
            Value::Object(_) => Ok(Self { path, value }),
            _ => Err(malformed("an object of fields is needed".to_owned())),
        }
    }

    /// The file.
    pub fn path(&self) -> &Path {
        self.path
    }

    /// The names of all fields.
    pub fn names(&self) -> impl Iterator<Item = &String> {
        self.value.as_object().into_iter().flat_map(|fields| fields.keys())
    }

    /// What a field holds; null where it is not there.
    pub fn at(&self, field: &str) -> &Value {
        field.split('.').fold(&self.value, |value, name| &value[name])
    }

    /// Whether it is there and holds something.
    pub fn has(&self, field: &str) -> bool {
        !self.at(field).is_null()
    }

    /// The error of a field: what it holds, and what would be right.
    pub fn refuse(&self, field: &'static str, wanted: impl Into<String>) -> Error {
        let inner = field.split('.').try_fold(&self.value, |value, name| value.get(name));
        let found = inner.map_or("missing".to_owned(), Value::to_string);
        Error::Foreign { path: self.path.to_owned(), field, found, wanted: wanted.into() }
    }

    /// Reads a field that need not be there, nor hold anything.
    pub fn if_there<T>(
        &self,
        field: &'static str,
        read: impl FnOnce(&'static str) -> Result<T>,
    ) -> Result<Option<T>> {
        if self.has(field) { read(field).map(Some) } else { Ok(None) }
    }

    /// Refuses another value where the field is there.
    pub fn must_be(&self, field: &'static str, value: impl Into<Value>) -> Result<()> {
        let value = value.into();
        match self.at(field) {
            Value::Null => Ok(()),
            // 1 is 1.0 here.
            found if *found == value || found.is_number() && found.as_f64() == value.as_f64() => Ok(()),
            _ => Err(self.refuse(field, format!("only {value} is known here"))),
        }
    }

    /// A whole number from 1 to `most`.
    pub fn whole(&self, field: &'static str, most: u64) -> Result<usize> {
        let found = self.at(field).as_u64().filter(|number| (1..=most).contains(number));
        let found = found.and_then(|number| usize::try_from(number).ok());
        found.ok_or_else(|| self.refuse(field, format!("a whole number from 1 to {most} is needed")))
    }

    /// A number above `low` and below `high`.
    pub fn number(&self, field: &'static str, low: f64, high: f64) -> Result<f64> {
        let found = self.at(field).as_f64().filter(|&number| number > low && number < high);
        found.ok_or_else(|| self.refuse(field, format!("a number above {low} to below {high} is needed")))
    }

    /// A share that is dropped; `standard` where nothing is said.
    pub fn dropped(&self, field: &'static str, standard: f64) -> Result<f64> {
        let share = |field| {
            let found = self.at(field).as_f64().filter(|share| (0.0..1.0).contains(share));
            found.ok_or_else(|| self.refuse(field, "a number from 0 to below 1 is needed"))
        };
        Ok(self.if_there(field, share)?.unwrap_or(standard))
    }

    /// True or false; `standard` where nothing is said.
    pub fn flag(&self, field: &'static str, standard: bool) -> Result<bool> {
        let flag =
            |field| self.at(field).as_bool().ok_or_else(|| self.refuse(field, "true or false is needed"));
        Ok(self.if_there(field, flag)?.unwrap_or(standard))
    }

    /// The number of a token, where there is one.
    pub fn token(&self, field: &'static str) -> Result<Option<u64>> {
        self.if_there(field, |field| {
            self.at(field).as_u64().ok_or_else(|| self.refuse(field, "the number of one token is needed"))
        })
    }
}
