//! One call, one simulation.

use lambdacore::{
    AtomicCounters, Calendar, Counters, Engine, Heap, Invocations, PlainCounters, Ran, Simulation,
    TraceError, Unsupported, Wheel,
};
use numpy::{PyArray1, PyArrayMethods};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::account::Account;
use crate::columns::Columns;
use crate::control::Timeline;
use crate::errors::{trace_error, unsupported};
use crate::watch::Watch;

/// How many rows ran in windows and how many event by event, and why the latter.
type Report = (u64, u64, Option<String>);

/// Runs a trace against an account; returns one outcome code a row, the nanosecond at which the
/// last run ends, and how it ran.
///
/// `traced[i]` is the account's target that index `i` of the function column means; `timeline`
/// is what changes during the run. `engine` is "auto", "stream", "wheel" or "heap"; `counters` are
/// plain words or those of the live controller.
#[pyfunction]
#[pyo3(signature = (account, columns, traced, *, timeline = None, engine = "auto", counters = "plain", progress = None))]
#[allow(clippy::too_many_arguments)]
pub(crate) fn simulate<'py>(
    py: Python<'py>,
    account: &Bound<'py, Account>,
    columns: Columns<'py>,
    traced: Vec<u32>,
    timeline: Option<&Bound<'py, Timeline>>,
    engine: &str,
    counters: &str,
    progress: Option<Py<PyAny>>,
) -> PyResult<(Bound<'py, PyArray1<u8>>, u64, Report)> {
    let account = account.get();
    account.check_traced(&traced)?;
    let invocations = columns.invocations(py)?;
    // numpy allocates: it raises MemoryError where there is too little, and asks for huge pages.
    let result = PyArray1::<u8>::zeros(py, invocations.len(), false);
    let mut written = result.readwrite();
    let outcome = written.as_slice_mut()?;
    let mut watch = Watch::new(progress);
    let on = match engine {
        "auto" => Some(Engine::Automatic),
        "stream" => Some(Engine::Stream),
        "wheel" | "heap" => Some(Engine::Calendar),
        _ => None,
    };
    let run = match (engine, counters) {
        ("heap", "plain") => run::<Heap, PlainCounters>,
        ("heap", "atomic") => run::<Heap, AtomicCounters>,
        (_, "plain") => run::<Wheel, PlainCounters>,
        _ => run::<Wheel, AtomicCounters>,
    };
    let (Some(on), "plain" | "atomic") = (on, counters) else {
        let message = "engine: 'auto', 'stream', 'wheel' or 'heap'; counters: 'plain' or 'atomic'";
        return Err(PyValueError::new_err(message));
    };
    let changes = timeline.map(|timeline| timeline.get().timeline.clone()).unwrap_or_default();
    let (last_completion, ran) = py
        .detach(|| run(account, (&traced, changes), on, invocations, outcome, &mut watch))
        .map_err(|error| match error {
            Failure::Trace(error) => trace_error(py, &error),
            Failure::Unsupported(error) => {
                unsupported(py, &error, "concurrency_limit", ", or counters='plain'")
            }
        })?;
    watch.finish()?;
    drop(written);
    let reason = ran.reason().map(|reason| reason.to_string());
    Ok((result, last_completion, (ran.in_windows, ran.event_by_event(), reason)))
}

/// Why there is no result.
enum Failure {
    Trace(TraceError),
    Unsupported(Unsupported),
}

fn run<C: Calendar, K: Counters>(
    account: &Account,
    (traced, changes): (&[u32], lambdacore::Timeline),
    engine: Engine,
    invocations: Invocations<'_>,
    outcome: &mut [u8],
    watch: &mut Watch,
) -> Result<(u64, Ran), Failure> {
    let mut simulation = Simulation::<C, K>::with_counters(&account.account, traced, changes)
        .map_err(Failure::Unsupported)?
        .on(engine);
    let _stopped = simulation
        .run_watched(invocations, outcome, &mut |done| watch.advance(done))
        .map_err(Failure::Trace)?;
    Ok((simulation.last_completion(), simulation.ran()))
}
