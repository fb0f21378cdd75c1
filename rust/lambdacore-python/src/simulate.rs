//! One call, one simulation.

use lambdacore::{Calendar, Heap, Invocations, Simulation, TraceError, Wheel};
use numpy::{PyArray1, PyArrayMethods};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::account::Account;
use crate::columns::Columns;
use crate::control::Timeline;
use crate::errors::trace_error;
use crate::watch::Watch;

/// Runs a trace against an account; returns one outcome code a row, and the nanosecond at
/// which the last run ends.
///
/// `traced[i]` is the account's target that index `i` of the function column means; `timeline`
/// is what changes during the run.
#[pyfunction]
#[pyo3(signature = (account, columns, traced, *, timeline = None, calendar = "wheel", progress = None))]
pub(crate) fn simulate<'py>(
    py: Python<'py>,
    account: &Bound<'py, Account>,
    columns: Columns<'py>,
    traced: Vec<u32>,
    timeline: Option<&Bound<'py, Timeline>>,
    calendar: &str,
    progress: Option<Py<PyAny>>,
) -> PyResult<(Bound<'py, PyArray1<u8>>, u64)> {
    let account = account.get();
    account.check_traced(&traced)?;
    let invocations = columns.invocations(py)?;
    // numpy allocates: it raises MemoryError where there is too little, and asks for huge pages.
    let result = PyArray1::<u8>::zeros(py, invocations.len(), false);
    let mut written = result.readwrite();
    let outcome = written.as_slice_mut()?;
    let mut watch = Watch::new(progress);
    let run = match calendar {
        "wheel" => run::<Wheel>,
        "heap" => run::<Heap>,
        _ => return Err(PyValueError::new_err("calendar: 'wheel' or 'heap'")),
    };
    let changes = timeline.map(|timeline| timeline.get().timeline.clone()).unwrap_or_default();
    let last_completion = py
        .detach(|| run(account, (&traced, changes), invocations, outcome, &mut watch))
        .map_err(|error| trace_error(py, &error))?;
    watch.finish()?;
    drop(written);
    Ok((result, last_completion))
}

fn run<C: Calendar>(
    account: &Account,
    (traced, changes): (&[u32], lambdacore::Timeline),
    invocations: Invocations<'_>,
    outcome: &mut [u8],
    watch: &mut Watch,
) -> Result<u64, TraceError> {
    let mut simulation = Simulation::<C>::with_calendar(&account.account, traced, changes);
    let _stopped = simulation.run_watched(invocations, outcome, &mut |done| watch.advance(done))?;
    Ok(simulation.last_completion())
}
