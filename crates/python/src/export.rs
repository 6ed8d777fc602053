//! Models for other programs.

use std::path::PathBuf;

use anaphora::interop::{huggingface, onnx};
use pyo3::prelude::*;

use crate::work::{work, wrong_call};

/// Writes a run's model as a graph of ONNX, one file or two.
#[pyfunction]
pub fn to_onnx(
    py: Python,
    run: PathBuf,
    out: PathBuf,
    equal_lengths: bool,
    overwrite: bool,
) -> PyResult<Vec<PathBuf>> {
    let files = work(py, |_| onnx::files(&run, &out))?;
    if let Some(file) = files.iter().find(|file| !overwrite && file.exists()) {
        let file = file.display();
        return Err(wrong_call(py, format!("{file} is there already; overwrite=True writes over it")));
    }
    let lengths = if equal_lengths { onnx::Lengths::Equal } else { onnx::Lengths::Any };
    work(py, |_| onnx::export(&run, &out, lengths))
}

/// Writes a run's model as a folder of Hugging Face's.
#[pyfunction]
pub fn to_huggingface(py: Python, run: PathBuf, out: PathBuf) -> PyResult<()> {
    work(py, |_| huggingface::export(&run, &out))
}
