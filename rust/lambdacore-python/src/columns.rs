//! Columns of a trace as Python hands them over, borrowed without a copy.

use lambdacore::Invocations;
use numpy::PyReadonlyArray1;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use crate::errors::trace_error;

/// Arrival, function and duration of a trace, and its init if it has that column, held for as
/// long as the engine reads them.
///
/// They are a `Trace`'s own, which nobody writes; the engine checks every row it reads all
/// the same, so that a column changed by force gives an error and not a wrong number.
pub(crate) struct Columns<'py>(Three<'py>, Option<PyReadonlyArray1<'py, u64>>);

type Three<'py> =
    (PyReadonlyArray1<'py, u64>, PyReadonlyArray1<'py, u32>, PyReadonlyArray1<'py, u64>);

impl<'py> FromPyObject<'_, 'py> for Columns<'py> {
    type Error = PyErr;

    fn extract(columns: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        if columns.cast::<PyTuple>()?.len() == 3 {
            return Ok(Self(columns.extract()?, None));
        }
        let (arrival, function, duration, init) = columns.extract()?;
        Ok(Self((arrival, function, duration), init))
    }
}

impl Columns<'_> {
    pub(crate) fn invocations(&self, py: Python<'_>) -> PyResult<Invocations<'_>> {
        let Self((arrival, function, duration), init) = self;
        let three =
            Invocations::new(arrival.as_slice()?, function.as_slice()?, duration.as_slice()?);
        let columns = match init {
            None => three,
            Some(init) => {
                let init = init.as_slice()?;
                three.and_then(|three| three.with_init(init))
            }
        };
        columns.map_err(|error| trace_error(py, &error))
    }
}
