//! Series with the same columns: one long one, or many short ones, as paths are.

use std::collections::HashMap;
use std::path::Path;

use super::{Calendar, Series, SeriesError, SeriesFault, Transform};
use crate::error::At;
use crate::table::{Column, Table, TableError, TableOptions, read_table};

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
                let date = member.calendar.and_then(|calendar| calendar.written(step));
                let at = date.unwrap_or_else(|| format!("step {}", step + 1));
                let (found, needs) = (member.values[index], transform.needs());
                let fault = NoTransform { column, found, at, needs };
                return Err(SeriesError::NoTransform(At::new(member.name.as_ref(), 0, fault)));
            }
        }
        Ok(())
    }
}

/// Columns of a table of paths that say when something was seen, not where.
const COUNTING: &[&str] = &["frame", "frame_id", "step", "t", "time", "timestamp", "index"];

/// Reads a table in which a column says to which path a row belongs, the first one where left out; rows of a path stand
/// together or not. The other columns, or those that are named, are numbers; one that is called `frame`, `step` and the like and
/// goes up by as much in each row of a path is left out. `notes` takes a sentence for each row that is skipped, and for what else
/// is to be known.
///
/// # Errors
/// Those of [`read_table`], columns that are not there, none of numbers; unless they are skipped, rows with anything but finite
/// ones.
pub fn read_paths(
    path: &Path,
    id: Option<&Column>,
    columns: Option<&[Column]>,
    options: &TableOptions,
    notes: &mut dyn FnMut(&str),
) -> Result<Collection, SeriesError> {
    let table = read_table(path, options)?;
    let first = table.data_columns().next().unwrap_or(0);
    let id = id.map_or(Ok(first), |id| table.column(id))?;
    let picked = match columns {
        Some(columns) => columns.iter().map(|column| table.column(column)).collect::<Result<_, _>>()?,
        None => {
            let mut others: Vec<usize> = table.data_columns().filter(|&column| column != id).collect();
            let counting = others.iter().copied().find(|&column| counts_steps(&table, id, column));
            if let Some(counting) = counting.filter(|_| others.len() > 1) {
                others.retain(|&column| column != counting);
                notes(&format!(
                    "{}: column '{}' only counts the steps of a path, and is left out; series.columns takes it in",
                    path.display(),
                    table.name(counting)
                ));
            }
            others
        }
    };
    if picked.is_empty() {
        return Err(SeriesError::NoColumn { path: path.to_owned(), beside: "the one of paths" });
    }
    let doubts = picked.iter().filter_map(|&column| table.doubt(column));
    table.notes.iter().cloned().chain(doubts).for_each(|note| notes(&note));
    let names = picked.iter().map(|&column| table.name(column)).collect();
    let mut collection = Collection { names, members: Vec::new() };
    let mut skipped: Vec<At<SeriesFault>> =
        table.skipped.iter().map(|at| At::new(path, at.line, at.fault.clone().into())).collect();
    let mut places = HashMap::new();
    for row in &table.rows {
        let number = |(&column, name): (&usize, &String)| {
            let number = table.number_in(row, column).map(|number| number as f32);
            number.filter(|number| number.is_finite()).ok_or_else(|| {
                let fault = SeriesFault::Number { column: name.clone(), found: row.cells[column].to_owned() };
                At::new(path, row.line, fault)
            })
        };
        let step: Vec<f32> = match picked.iter().zip(&collection.names).map(number).collect() {
            Ok(step) => step,
            Err(at) if options.skip_bad => {
                skipped.push(at);
                continue;
            }
            Err(at) => return Err(at.into()),
        };
        let place = *places.entry(&row.cells[id]).or_insert_with_key(|name| {
            let name = (*name).to_owned();
            collection.members.push(Member { name, values: Vec::new(), truth: None, calendar: None });
            collection.members.len() - 1
        });
        collection.members[place].values.extend(step);
    }
    skipped.sort_by_key(|at| at.line);
    skipped.iter().for_each(|at| notes(&format!("{at} (skipped)")));
    if collection.members.is_empty() {
        return Err(TableError::NoRow { path: path.to_owned(), skipped: skipped.len() }.into());
    }
    Ok(collection)
}

/// Whether a column is called so and goes up by as much from each row of a path to the next.
fn counts_steps(table: &Table, id: usize, column: usize) -> bool {
    let called = table.name(column);
    if table.header.is_none() || !COUNTING.iter().any(|name| called.eq_ignore_ascii_case(name)) {
        return false;
    }
    let (mut last, mut step) = (HashMap::new(), None);
    table.rows.iter().all(|row| {
        let Some(number) = table.number_in(row, column) else { return false };
        let Some(before) = last.insert(&row.cells[id], number) else { return true };
        let by = number - before;
        by > 0.0 && *step.get_or_insert(by) == by
    }) && step.is_some()
}
