//! What happens inside a model, as arrays.

use std::path::PathBuf;

use anaphora::inspect::{Request, Source};
use anaphora::model::Compute;
use anaphora::{Device, Precision, tasks, training};
use numpy::{PyArray1, PyArrayMethods};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use serde_json::json;

use crate::model::known;
use crate::value::to_python;
use crate::work::{work, work_on, wrong_call};

/// What a model did on one input.
#[pyclass(frozen, module = "anaphora._anaphora")]
pub struct Inspection(pub anaphora::inspect::Inspection);

#[pymethods]
impl Inspection {
    /// The arrays by their names, each with the names of its axes and what it is.
    fn arrays<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let arrays = PyDict::new(py);
        for (name, array) in self.0.arrays() {
            let values = PyArray1::from_slice(py, &array.values).reshape(array.shape.clone())?;
            arrays.set_item(name, (values, array.axes.clone(), &array.description))?;
        }
        Ok(arrays)
    }

    /// What was inspected, labels of axes, notes, and the views that are not shown, by these names.
    fn rest<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let anaphora::inspect::Inspection { about, labels, notes, not_shown, .. } = &self.0;
        to_python(py, &json!({ "about": about, "labels": labels, "notes": notes, "not_shown": not_shown }))
    }

    /// The page that shows it.
    fn page(&self, py: Python) -> PyResult<String> {
        work(py, |_| Ok(anaphora_pages::inspection(std::slice::from_ref(&self.0))))
    }

    /// Writes the arrays as safetensors.
    fn write(&self, py: Python, path: PathBuf) -> PyResult<()> {
        work(py, |_| self.0.write(&path))
    }
}

/// What happens inside the model of a run while it reads an input: a text, or the file at `data` and that of its truths.
#[pyfunction]
#[expect(clippy::too_many_arguments, reason = "they are what the package's function takes")]
pub fn inspect(
    py: Python,
    run: PathBuf,
    text: Option<String>,
    data: Option<(PathBuf, Option<PathBuf>)>,
    names: Vec<(PathBuf, String)>,
    index: usize,
    show: Option<Vec<String>>,
    threads: usize,
) -> PyResult<Inspection> {
    let views = show.map(|show| show.iter().map(|view| view.parse()).collect()).transpose();
    let views = views.map_err(|sentence: String| wrong_call(py, sentence))?;
    let source = match (text, data) {
        (Some(text), _) => Source::Text(text),
        (None, Some((path, truths))) => Source::File(path, truths),
        (None, None) => Source::HeldOut,
    };
    let request = Request { source, index, views };
    work_on(py, &known(names), |_| {
        // What is shown is exact: no product is rounded to bf16.
        let (threads, _) = training::threads(threads);
        let mut compute = Compute::new(Device::new(threads, Precision::F32));
        tasks::inspect(&run, &mut compute, &request).map(Inspection)
    })
}
