//! Series with the same columns: one long one, or many short ones, as paths are.

use std::collections::HashMap;
use std::path::Path;

use super::{Calendar, Series, SeriesError, SeriesFault, Transform};
use crate::error::At;
use crate::table::{Column, TableOptions, read_table};

/// Series with the same columns.
#[derive(Clone, Debug, PartialEq)]
pub struct Collection {
    /// Names of the columns.
    pub names: Vec<String>,
    /// The series.
    pub members: Vec<Member>,
}

/// One of several series.
#[derive(Clone, Debug, PartialEq)]
pub struct Member {
    /// What messages and tables call it.
    pub name: String,
    /// Its numbers in their own unit, `[steps, columns]`.
    pub values: Vec<f32>,
    /// The same without the noise of their measurement, where it is known.
    pub truth: Option<Vec<f32>>,
    /// When they were measured, where it is known.
    pub calendar: Option<Calendar>,
}

/// A number that has no transform.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("column {column} is {found} at {at}; {needs}")]
pub struct NoTransform {
    /// The column's name.
    pub column: String,
    /// The number.
    pub found: f32,
    /// Its date, or its step.
    pub at: String,
    /// The valid range or value.
    pub needs: &'static str,
}

impl From<Series> for Collection {
    fn from(series: Series) -> Self {
        let Series { path, names, values, calendar, .. } = series;
        let member = Member { name: path.display().to_string(), values, truth: None, calendar };
        Self { names, members: vec![member] }
    }
}

impl Collection {
    /// Numbers a step.
    pub fn columns(&self) -> usize {
        self.names.len()
    }

    /// Steps of one of the series.
    pub fn steps(&self, member: usize) -> usize {
        self.members[member].values.len() / self.columns()
    }

    /// Refuses numbers that a transform cannot take.
    ///
    /// # Errors
    /// The first of them.
    pub fn check(&self, transform: Transform) -> Result<(), SeriesError> {
        for member in &self.members {
            if let Some(index) = member.values.iter().position(|&value| !transform.takes(value)) {
                let (step, column) = (index / self.columns(), self.names[index % self.columns()].clone());
                let at = match member.calendar.and_then(|calendar| calendar.date(step)) {
                    Some(date) => date.to_string(),
                    None => format!("step {}", step + 1),
                };
                let (found, needs) = (member.values[index], transform.needs());
                let fault = NoTransform { column, found, at, needs };
                return Err(SeriesError::NoTransform(At::new(member.name.as_ref(), 0, fault)));
            }
        }
        Ok(())
    }
}

/// Reads a table in which a column says to which path a row belongs, the first one where left out; rows of a path stand
/// together or not. The other columns, or those that are named, are numbers.
///
/// # Errors
/// Those of [`read_table`], columns that are not there, none of numbers, cells with anything but finite ones.
pub fn read_paths(
    path: &Path,
    id: Option<&Column>,
    columns: Option<&[Column]>,
    options: &TableOptions,
) -> Result<Collection, SeriesError> {
    let table = read_table(path, options)?;
    let id = id.map_or(Ok(0), |id| table.column(id))?;
    let picked = match columns {
        Some(columns) => columns.iter().map(|column| table.column(column)).collect::<Result<_, _>>()?,
        None => (0..table.columns).filter(|&column| column != id).collect::<Vec<_>>(),
    };
    if picked.is_empty() {
        return Err(SeriesError::NoColumn { path: path.to_owned(), beside: "the one of paths" });
    }
    let name = |&column: &usize| match &table.header {
        Some(header) => header[column].clone(),
        None => (column + 1).to_string(),
    };
    let mut collection = Collection { names: picked.iter().map(name).collect(), members: Vec::new() };
    let mut places = HashMap::new();
    for row in &table.rows {
        let place = *places.entry(row.cells[id].as_str()).or_insert_with_key(|name| {
            let name = (*name).to_owned();
            collection.members.push(Member { name, values: Vec::new(), truth: None, calendar: None });
            collection.members.len() - 1
        });
        for (&column, name) in picked.iter().zip(&collection.names) {
            let number = row.cells[column].parse::<f32>().ok().filter(|number| number.is_finite());
            let number = number.ok_or_else(|| {
                let fault = SeriesFault::Number { column: name.clone(), found: row.cells[column].clone() };
                At::new(path, row.line, fault)
            })?;
            collection.members[place].values.push(number);
        }
    }
    Ok(collection)
}
