//! Scans CSV files by a schema that a reader in Python describes.

use pyo3::exceptions::PyNotImplementedError;
use pyo3::prelude::*;

/// Not there yet.
#[pyfunction]
pub(crate) fn scan_csv() -> PyResult<()> {
    Err(PyNotImplementedError::new_err("scan_csv"))
}
