//! Recipes as Python objects.

use std::path::PathBuf;

use anaphora::recipe;
use anaphora::tasks::{Asked, Base, Setting};
use pyo3::prelude::*;

use crate::value::to_python;
use crate::work::work;

/// What sets a field, the field's dotted path, and its value as a command line has it.
pub type Set = (String, String, String);

/// Everything that defines a training.
#[pyclass(frozen, module = "anaphora._anaphora")]
pub struct Recipe(pub anaphora::Recipe);

#[pymethods]
impl Recipe {
    /// The defaults for some fields that are set, with these.
    #[new]
    fn new(py: Python, base: Option<PathBuf>, settings: Vec<Set>) -> PyResult<Self> {
        let asked = Asked { base: base.map(Base::File), settings: set(settings), ..Asked::default() };
        work(py, |_| {
            let recipe = asked.recipe(&spell, &mut |_| {})?;
            recipe.validate_without_data()?;
            asked.refuse_unread(&recipe)?;
            Ok(Self(recipe))
        })
    }

    /// The recipe of a run.
    #[staticmethod]
    fn of_run(py: Python, run: PathBuf) -> PyResult<Self> {
        work(py, |_| anaphora::Run::open(run)?.recipe().map(Self))
    }

    /// As the file that a run has, each field with what it means and takes.
    fn to_toml(&self, py: Python) -> PyResult<String> {
        work(py, |_| Ok(self.0.to_toml()?))
    }

    /// The fields that are read and have a value, section by section.
    fn to_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        to_python(py, &work(py, |_| Ok(self.0.to_json()?))?)
    }

    fn __eq__(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

/// All fields of a recipe: path, flag where there is one, meaning, and what it takes.
#[pyfunction]
pub fn fields() -> Vec<(&'static str, Option<&'static str>, &'static str, String)> {
    let known = |field: &'static recipe::Field| {
        (field.path, field.flag.map(|flag| flag.name), field.help(), field.accepts.to_string())
    };
    recipe::fields().map(known).collect()
}

/// Fields that are set.
pub fn set(settings: Vec<Set>) -> Vec<Setting> {
    settings.into_iter().map(|(by, field, value)| Setting { by, field, value }).collect()
}

/// How a caller names a task.
pub fn spell(task: Option<&str>) -> String {
    task.map_or("task".to_owned(), |task| format!("task='{task}'"))
}
