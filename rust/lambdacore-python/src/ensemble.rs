//! One call, many simulations of drawn traffic.

use lambdacore::{Ensemble, Outcome, Statistics};
use numpy::{Element, PyArray1, PyArrayMethods};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::account::Account;
use crate::traffic::Workload;
use crate::watch::Watch;

/// What is run, beside workload and accounts.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
struct Plan {
    seed: u128,
    lead: u64,
    start: u64,
    horizon: u64,
    period: Option<u64>,
    quantiles: Vec<f64>,
    block: Option<usize>,
}

/// Columns of results: for each account and replication, row by row.
struct Columns<'a> {
    outcomes: &'a mut [u64],
    busy: &'a mut [f64],
    peak: &'a mut [u32],
    quantiles: &'a mut [u32],
    arrivals: &'a mut [u64],
    throttles: &'a mut [u64],
    bin_peak: &'a mut [u32],
}

/// Runs replications `first` to `first + count` of a workload on accounts, each given with what
/// the streams name in it; returns flat columns by name, in the order (account, replication,
/// function, and then outcome code, share or bin).
#[pyfunction]
#[pyo3(signature = (workload, accounts, plan, first, count, *, threads = 1, progress = None))]
#[allow(clippy::too_many_arguments)]
pub(crate) fn monte_carlo<'py>(
    py: Python<'py>,
    workload: &Bound<'py, Workload>,
    accounts: Vec<(Bound<'py, Account>, Vec<u32>)>,
    plan: Bound<'py, PyDict>,
    first: u64,
    count: usize,
    threads: usize,
    progress: Option<Py<PyAny>>,
) -> PyResult<Bound<'py, PyDict>> {
    let plan: Plan = plan.extract()?;
    if plan.horizon >> 61 != 0 || plan.lead >> 61 != 0 || plan.start >= plan.horizon {
        return Err(PyValueError::new_err("a horizon below 2^61 ns, after the start"));
    }
    if plan.period == Some(0) || plan.horizon == 0 {
        return Err(PyValueError::new_err("a period and a horizon above 0"));
    }
    let mut checked = Vec::with_capacity(accounts.len());
    for (account, traced) in accounts {
        account.get().check_traced(&traced)?;
        if traced.len() != workload.get().workload.streams().len() {
            return Err(PyValueError::new_err("one target a stream"));
        }
        checked.push((account.get().account.clone(), traced));
    }
    let Some(functions) = checked.first().map(|first| first.0.functions().len()) else {
        return Err(PyValueError::new_err("at least one account"));
    };
    if checked.iter().any(|account| account.0.functions().len() != functions) {
        return Err(PyValueError::new_err("accounts of as many functions each"));
    }
    let ensemble = Ensemble {
        workload: &workload.get().workload,
        accounts: &checked,
        seed: plan.seed,
        lead: plan.lead,
        from: plan.start,
        horizon: plan.horizon,
        period: plan.period,
        quantiles: plan.quantiles,
        block: plan.block,
    };
    let cells = checked.len() * count;
    let (rows, bins, shares) = (functions + 1, ensemble.bins(), ensemble.quantiles.len());
    let columns = PyDict::new(py);
    // numpy allocates: it raises MemoryError where there is too little.
    let outcomes = column::<u64>(&columns, "outcomes", cells * functions * Outcome::CODES)?;
    let busy = column::<f64>(&columns, "busy", cells * functions)?;
    let peak = column::<u32>(&columns, "peak", cells * rows)?;
    let quantiles = column::<u32>(&columns, "quantiles", cells * rows * shares)?;
    let arrivals = column::<u64>(&columns, "arrivals", cells * rows * bins)?;
    let throttles = column::<u64>(&columns, "throttles", cells * rows * bins)?;
    let bin_peak = column::<u32>(&columns, "bin_peak", cells * rows * bins)?;
    let (mut outcomes, mut busy, mut peak) =
        (outcomes.readwrite(), busy.readwrite(), peak.readwrite());
    let (mut quantiles, mut arrivals) = (quantiles.readwrite(), arrivals.readwrite());
    let (mut throttles, mut bin_peak) = (throttles.readwrite(), bin_peak.readwrite());
    let mut out = Columns {
        outcomes: outcomes.as_slice_mut()?,
        busy: busy.as_slice_mut()?,
        peak: peak.as_slice_mut()?,
        quantiles: quantiles.as_slice_mut()?,
        arrivals: arrivals.as_slice_mut()?,
        throttles: throttles.as_slice_mut()?,
        bin_peak: bin_peak.as_slice_mut()?,
    };
    let mut watch = Watch::new(progress);
    py.detach(|| {
        let mut done = |replication: u64, found: Vec<Statistics>| {
            for (account, statistics) in found.into_iter().enumerate() {
                out.write(account * count + (replication - first) as usize, statistics);
            }
        };
        let numbers = first..first + count as u64;
        let _stopped = ensemble.run(numbers, threads, &mut done, &mut |rows| watch.advance(rows));
    });
    watch.finish()?;
    Ok(columns)
}

fn column<'py, T: Element>(
    columns: &Bound<'py, PyDict>,
    name: &str,
    length: usize,
) -> PyResult<Bound<'py, PyArray1<T>>> {
    // By a call of numpy: what rust-numpy allocates itself ends in a panic where there is too little.
    let numpy = columns.py().import("numpy")?;
    let column = numpy.call_method1("zeros", (length, T::get_dtype(columns.py())))?;
    let column: Bound<'py, PyArray1<T>> = column.cast_into()?;
    columns.set_item(name, &column)?;
    Ok(column)
}

impl Columns<'_> {
    /// Writes what became of one replication on one account into its cell.
    #[allow(clippy::cast_precision_loss, reason = "of a time of many runs, 53 bits are enough")]
    fn write(&mut self, cell: usize, found: Statistics) {
        put(self.outcomes, cell, found.outcomes.as_flattened());
        let busy: Vec<f64> = found.busy.iter().map(|&busy| busy as f64).collect();
        put(self.busy, cell, &busy);
        put(self.peak, cell, &found.peak);
        put(self.quantiles, cell, &found.quantiles.concat());
        put(self.arrivals, cell, &found.series.arrivals);
        put(self.throttles, cell, &found.series.throttles);
        put(self.bin_peak, cell, &found.series.peak);
    }
}

fn put<T: Copy>(column: &mut [T], cell: usize, values: &[T]) {
    let start = cell * values.len();
    column[start..start + values.len()].copy_from_slice(values);
}
