//! One call, one simulation.

use lambdacore::{
    AtomicCounters, Calendar, Counters, Heap, Invocations, PlainCounters, Simulation, TraceError,
    Unsupported, Wheel,
};
use numpy::{PyArray1, PyArrayMethods};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::account::Account;
use crate::columns::Columns;
use crate::control::Timeline;
use crate::errors::{trace_error, unsupported};
use crate::watch::Watch;

/// Runs a trace against an account; returns one outcome code a row, and the nanosecond at
/// which the last run ends.
///
/// `traced[i]` is the account's target that index `i` of the function column means; `timeline`
/// is what changes during the run. `counters` are plain words or those of the live controller.
#[pyfunction]
#[pyo3(signature = (account, columns, traced, *, timeline = None, calendar = "wheel", counters = "plain", progress = None))]
#[allow(clippy::too_many_arguments)]
pub(crate) fn simulate<'py>(
    py: Python<'py>,
    account: &Bound<'py, Account>,
    columns: Columns<'py>,
    traced: Vec<u32>,
    timeline: Option<&Bound<'py, Timeline>>,
    calendar: &str,
    counters: &str,
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
    let run = match (calendar, counters) {
        ("wheel", "plain") => run::<Wheel, PlainCounters>,
        ("wheel", "atomic") => run::<Wheel, AtomicCounters>,
        ("heap", "plain") => run::<Heap, PlainCounters>,
        ("heap", "atomic") => run::<Heap, AtomicCounters>,
        _ => {
            let message = "calendar: 'wheel' or 'heap'; counters: 'plain' or 'atomic'";
            return Err(PyValueError::new_err(message));
        }
    };
    let changes = timeline.map(|timeline| timeline.get().timeline.clone()).unwrap_or_default();
    let last_completion = py
        .detach(|| run(account, (&traced, changes), invocations, outcome, &mut watch))
        .map_err(|error| match error {
            Failure::Trace(error) => trace_error(py, &error),
            Failure::Unsupported(error) => {
                unsupported(py, &error, "concurrency_limit", ", or counters='plain'")
            }
        })?;
    watch.finish()?;
    drop(written);
    Ok((result, last_completion))
}

/// Why there is no result.
enum Failure {
    Trace(TraceError),
    Unsupported(Unsupported),
}

fn run<C: Calendar, K: Counters>(
    account: &Account,
    (traced, changes): (&[u32], lambdacore::Timeline),
    invocations: Invocations<'_>,
    outcome: &mut [u8],
    watch: &mut Watch,
) -> Result<u64, Failure> {
    let mut simulation = Simulation::<C, K>::with_counters(&account.account, traced, changes)
        .map_err(Failure::Unsupported)?;
    let _stopped = simulation
        .run_watched(invocations, outcome, &mut |done| watch.advance(done))
        .map_err(Failure::Trace)?;
    Ok(simulation.last_completion())
}
