//! The smallest limits that are enough.

use pyo3::prelude::*;

use crate::columns::Columns;
use crate::errors::trace_error;
use crate::watch::Watch;

/// Smallest limits by function and for the account, and the peaks without a limit.
///
/// `allowed[i]` invocations of the trace's function `i` may be throttled, and
/// `allowed_account` of all.
#[pyfunction]
#[pyo3(signature = (columns, allowed, allowed_account, *, progress = None))]
pub(crate) fn required_concurrency(
    py: Python<'_>,
    columns: Columns<'_>,
    allowed: Vec<u64>,
    allowed_account: u64,
    progress: Option<Py<PyAny>>,
) -> PyResult<(Vec<u32>, u32, Vec<u32>, u32)> {
    let invocations = columns.invocations(py)?;
    let mut watch = Watch::new(progress);
    let found = py
        .detach(|| {
            let mut advance = |done| watch.advance(done);
            lambdacore::required_concurrency(invocations, &allowed, allowed_account, &mut advance)
        })
        .map_err(|error| trace_error(py, &error))?;
    watch.finish()?;
    let found = found.expect("a search is broken off only by an exception");
    Ok((found.by_function, found.account, found.peak_by_function, found.peak_account))
}
