//! What the Python package is made on: the library's functions, with Python's values in and out. The package itself, in `python/`, makes
//! files of what lies in memory and gives answers the shapes that people expect.

mod export;
mod inspection;
mod model;
mod recipe;
mod training;
mod value;
mod work;
mod writing;

use std::ffi::OsString;

use pyo3::prelude::*;

#[pymodule]
mod _anaphora {
    #[pymodule_export]
    use super::export::{to_huggingface, to_onnx};
    #[pymodule_export]
    use super::inspection::{Inspection, inspect};
    #[pymodule_export]
    use super::model::Model;
    #[pymodule_export]
    use super::recipe::{Recipe, fields};
    #[pymodule_export]
    use super::training::{resume, train};
    #[pymodule_export]
    use super::writing::{Parts, compose, convert, generate, stream};
    #[pymodule_export]
    use super::{main, run_info};
    #[pymodule_export]
    const VERSION: &str = env!("CARGO_PKG_VERSION");
}

/// Does what the arguments of a command line say, and returns the exit code.
#[pyfunction]
fn main(py: Python, arguments: Vec<OsString>) -> u8 {
    py.detach(|| anaphora_cli::run(arguments))
}

/// What `run.json` of a run folder says.
#[pyfunction]
fn run_info<'py>(py: Python<'py>, run: std::path::PathBuf) -> PyResult<Bound<'py, PyAny>> {
    let info = work::work(py, |_| Ok(anaphora::Run::open(run)?.info().clone()))?;
    value::to_python(py, &serde_json::json!(info))
}
