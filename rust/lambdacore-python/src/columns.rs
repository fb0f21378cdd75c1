//! Columns of a trace as Python hands them over, borrowed without a copy.

use lambdacore::Invocations;
use numpy::PyReadonlyArray1;
use pyo3::prelude::*;

use crate::errors::trace_error;

/// Arrival, function and duration of a trace, held for as long as the engine reads them.
///
/// They are a `Trace`'s own, which nobody writes; the engine checks every row it reads all
/// the same, so that a column changed by force gives an error and not a wrong number.
#[derive(FromPyObject)]
pub(crate) struct Columns<'py>(
    PyReadonlyArray1<'py, u64>,
    PyReadonlyArray1<'py, u32>,
    PyReadonlyArray1<'py, u64>,
);

impl Columns<'_> {
    pub(crate) fn invocations(&self, py: Python<'_>) -> PyResult<Invocations<'_>> {
        let Self(arrival, function, duration) = self;
        Invocations::new(arrival.as_slice()?, function.as_slice()?, duration.as_slice()?)
            .map_err(|error| trace_error(py, &error))
    }
}
