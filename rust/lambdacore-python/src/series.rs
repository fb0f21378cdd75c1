//! Passes over the columns of a finished run.

use lambdacore::{
    Bins, Concurrency, Invocations, Outcome, Recording, count_by_bin, record_concurrency,
};
use numpy::{PyArray1, PyArray2, PyArrayMethods, PyReadonlyArray1};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::account::Account;
use crate::columns::Columns;
use crate::control::Timeline;
use crate::errors::{raise, trace_error};
use crate::watch::Watch;

/// Maximum concurrency in each bin: by row, of the Region, of the unreserved pool, and claimed.
///
/// `bins` is (period, first, count); `row_of[i]` is the row of the trace's index `i`, or None
/// to leave it out of the `rows` rows; `recording` is (mask of outcome codes that count, whether
/// levels are read at invocations only, whether provisioned runs count as unreserved).
#[pyfunction]
#[pyo3(signature = (account, columns, traced, outcome, *, timeline, recording, bins, row_of, rows))]
#[allow(clippy::too_many_arguments, clippy::type_complexity)]
pub(crate) fn concurrency<'py>(
    py: Python<'py>,
    account: &Bound<'py, Account>,
    columns: Columns<'py>,
    traced: Vec<u32>,
    outcome: PyReadonlyArray1<'py, u8>,
    timeline: Option<&Bound<'py, Timeline>>,
    recording: (u32, bool, bool),
    bins: (u64, u64, usize),
    row_of: Vec<Option<usize>>,
    rows: usize,
) -> PyResult<(Bound<'py, PyArray2<u32>>, [Bound<'py, PyArray1<u32>>; 3])> {
    let account = account.get();
    account.check_traced(&traced)?;
    let invocations = columns.invocations(py)?;
    let outcome = outcome_of(&outcome, invocations)?;
    let bins = checked_bins(py, bins, invocations)?;
    check_rows(&row_of, traced.len(), rows)?;
    let unchanging = lambdacore::Timeline::default();
    let timeline = timeline.map_or(&unchanging, |timeline| &timeline.get().timeline);
    let (wanted, at_invocation, provisioned_is_unreserved) = recording;
    let recording = Recording { wanted, at_invocation, provisioned_is_unreserved };
    let by_row = PyArray2::<u32>::zeros(py, [rows, bins.count], false);
    let [region, unreserved, claimed] =
        std::array::from_fn(|_| PyArray1::<u32>::zeros(py, bins.count, false));
    {
        let mut by_row = by_row.readwrite();
        let (mut region, mut unreserved) = (region.readwrite(), unreserved.readwrite());
        let mut claimed = claimed.readwrite();
        let out = Concurrency {
            by_row: by_row.as_slice_mut()?,
            region: region.as_slice_mut()?,
            unreserved: unreserved.as_slice_mut()?,
            claimed: claimed.as_slice_mut()?,
        };
        let mut watch = Watch::new(None);
        py.detach(|| {
            let mut advance = |done| watch.advance(done);
            let (account, rows) = (&account.account, (traced.as_slice(), row_of.as_slice()));
            record_concurrency(
                account,
                timeline,
                invocations,
                outcome,
                rows,
                recording,
                bins,
                out,
                &mut advance,
            )
        })
        .map(drop)
        .map_err(|error| trace_error(py, &error))?;
        watch.finish()?;
    }
    Ok((by_row, [region, unreserved, claimed]))
}

/// Counts by row and bin of arrival the invocations whose outcome code has its bit in
/// `wanted`.
#[pyfunction]
#[pyo3(signature = (columns, outcome, wanted, *, bins, row_of, rows))]
#[allow(clippy::too_many_arguments)]
pub(crate) fn count<'py>(
    py: Python<'py>,
    columns: Columns<'py>,
    outcome: PyReadonlyArray1<'py, u8>,
    wanted: u32,
    bins: (u64, u64, usize),
    row_of: Vec<Option<usize>>,
    rows: usize,
) -> PyResult<Bound<'py, PyArray2<u64>>> {
    let invocations = columns.invocations(py)?;
    let outcome = outcome_of(&outcome, invocations)?;
    let bins = checked_bins(py, bins, invocations)?;
    check_rows(&row_of, row_of.len(), rows)?;
    let result = PyArray2::<u64>::zeros(py, [rows, bins.count], false);
    {
        let mut written = result.readwrite();
        let counts = written.as_slice_mut()?;
        let mut watch = Watch::new(None);
        py.detach(|| {
            let mut advance = |done| watch.advance(done);
            count_by_bin(invocations, outcome, wanted, &row_of, bins, counts, &mut advance)
        })
        .map(drop)
        .map_err(|error| trace_error(py, &error))?;
        watch.finish()?;
    }
    Ok(result)
}

/// Totals by function of the trace: counts of each outcome code, nanoseconds of permits
/// held, and when the last run ended.
#[pyfunction]
#[allow(clippy::type_complexity)]
pub(crate) fn tally<'py>(
    py: Python<'py>,
    account: &Bound<'py, Account>,
    columns: Columns<'py>,
    traced: Vec<u32>,
    outcome: PyReadonlyArray1<'py, u8>,
) -> PyResult<(Bound<'py, PyArray2<u64>>, Vec<u128>, u64)> {
    let account = account.get();
    account.check_traced(&traced)?;
    let invocations = columns.invocations(py)?;
    let outcome = outcome_of(&outcome, invocations)?;
    let init = account.account.init_durations(&traced);
    let mut watch = Watch::new(None);
    let tally = py
        .detach(|| lambdacore::tally(invocations, outcome, &init, &mut |done| watch.advance(done)))
        .map_err(|error| trace_error(py, &error))?;
    watch.finish()?;
    let tally = tally.expect("a tally is broken off only by an exception");
    let outcomes = PyArray2::<u64>::zeros(py, [traced.len(), Outcome::CODES], false);
    outcomes.readwrite().as_slice_mut()?.copy_from_slice(tally.outcomes.as_flattened());
    Ok((outcomes, tally.occupied, tally.last_completion))
}

fn outcome_of<'a>(
    outcome: &'a PyReadonlyArray1<'_, u8>,
    invocations: Invocations<'_>,
) -> PyResult<&'a [u8]> {
    let outcome = outcome.as_slice()?;
    if outcome.len() != invocations.len() {
        return Err(PyValueError::new_err("outcome: one an invocation is needed"));
    }
    Ok(outcome)
}

/// Bins that hold the first and the last arrival, as a `Result` computes them; where they do
/// not, somebody changed the trace.
fn checked_bins(
    py: Python<'_>,
    (period, first, count): (u64, u64, usize),
    invocations: Invocations<'_>,
) -> PyResult<Bins> {
    let after = first.saturating_add(count as u64);
    let inside = |at: &u64| period > 0 && (first..after).contains(&(at / period));
    let arrival = invocations.arrival;
    if arrival.first().is_none_or(inside) && arrival.last().is_none_or(inside) {
        return Ok(Bins { period, first, count });
    }
    let message = "the bins do not hold every arrival: the trace was changed".to_owned();
    Err(raise(py, "TraceError", message, |_| Ok(())))
}

fn check_rows(row_of: &[Option<usize>], functions: usize, rows: usize) -> PyResult<()> {
    if row_of.len() != functions || row_of.iter().flatten().any(|&row| row >= rows) {
        return Err(PyValueError::new_err("row_of: a row below rows, or None, for each function"));
    }
    Ok(())
}
