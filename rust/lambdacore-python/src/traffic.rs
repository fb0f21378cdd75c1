//! Workloads as Python describes them: nested tuples, each with its kind in front.

use lambdacore::traffic::{
    Arrivals, Counts, Gap, Law, Rates, Recorded, Scale, State, States, Stream, TrafficError, Within,
};
use numpy::{IntoPyArray, PyArray1, PyArrayMethods, PyReadonlyArray1};
use pyo3::exceptions::{PyMemoryError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use crate::watch::Watch;

/// A workload, checked: streams of calls that are drawn.
#[pyclass(frozen, module = "lambdacore._core")]
pub(crate) struct Workload {
    pub(crate) workload: lambdacore::traffic::Workload,
}

/// Arrival, function, duration and, where streams say, init.
type Sample<'py> = (
    Bound<'py, PyArray1<u64>>,
    Bound<'py, PyArray1<u32>>,
    Bound<'py, PyArray1<u64>>,
    Option<Bound<'py, PyArray1<u64>>>,
);

#[pymethods]
impl Workload {
    /// `streams` are (name, arrivals, duration or None, init or None).
    #[new]
    fn new(streams: Vec<Bound<'_, PyTuple>>) -> PyResult<Self> {
        let streams = streams.iter().map(stream).collect::<PyResult<_>>()?;
        let workload = lambdacore::traffic::Workload::new(streams).map_err(refused)?;
        Ok(Self { workload })
    }

    /// Calls expected in the first `horizon` nanoseconds.
    fn expected(&self, horizon: u64) -> f64 {
        self.workload.expected(horizon)
    }

    /// Draws the calls of one replication.
    #[pyo3(signature = (seed, replication, lead, horizon, *, block = None, progress = None))]
    #[allow(clippy::too_many_arguments)]
    fn sample<'py>(
        &self,
        py: Python<'py>,
        seed: u128,
        replication: u64,
        lead: u64,
        horizon: u64,
        block: Option<usize>,
        progress: Option<Py<PyAny>>,
    ) -> PyResult<Sample<'py>> {
        let mut watch = Watch::new(progress);
        let keys = (seed, replication);
        let drawn = py.detach(|| {
            let mut advance = |rows| watch.advance(rows);
            lambdacore::sample(&self.workload, keys, (lead, horizon), block, &mut advance)
        });
        watch.finish()?;
        let calls = drawn.map_err(|error| PyMemoryError::new_err(error.to_string()))?;
        let calls = calls.unwrap_or_default();
        Ok((
            calls.arrival.into_pyarray(py),
            calls.function.into_pyarray(py),
            calls.duration.into_pyarray(py),
            calls.init.map(|init| init.into_pyarray(py)),
        ))
    }

    #[classattr]
    #[pyo3(name = "STREAM_VERSION")]
    fn stream_version() -> u32 {
        lambdacore::traffic::STREAM_VERSION
    }
}

/// Draws of a law by their index, in nanoseconds: what a stream named `name` would draw for its
/// durations.
#[pyfunction]
pub(crate) fn draw_law<'py>(
    py: Python<'py>,
    of: &Bound<'py, PyTuple>,
    seed: u128,
    count: usize,
) -> PyResult<Bound<'py, PyArray1<u64>>> {
    let law = law(of)?;
    let drawn = PyArray1::<u64>::zeros(py, count, false);
    let mut written = drawn.readwrite();
    let mut watch = Watch::new(None);
    let (mut first, pieces) = (0, written.as_slice_mut()?.chunks_mut(1 << 16));
    py.detach(|| {
        for piece in pieces {
            law.sample(seed, first, piece);
            first += piece.len() as u64;
            if watch.advance(piece.len()).is_break() {
                break;
            }
        }
    });
    watch.finish()?;
    drop(written);
    Ok(drawn)
}

/// Python checks what users give, and names it; what comes here by force is refused all the same.
fn refused(error: TrafficError) -> PyErr {
    PyValueError::new_err(error.to_string())
}

fn unknown(kind: &str) -> PyErr {
    PyValueError::new_err(format!("no such kind: {kind}"))
}

/// The kind, and what comes after it.
fn split<'py, T: for<'a> FromPyObject<'a, 'py, Error = PyErr>>(
    of: &Bound<'py, PyTuple>,
) -> PyResult<T> {
    of.get_slice(1, of.len()).extract()
}

fn kind(of: &Bound<'_, PyTuple>) -> PyResult<String> {
    of.get_item(0)?.extract()
}

fn stream(of: &Bound<'_, PyTuple>) -> PyResult<Stream> {
    type Parts<'py> = (
        String,
        Vec<Bound<'py, PyTuple>>,
        Option<Bound<'py, PyTuple>>,
        Option<Bound<'py, PyTuple>>,
    );
    let (name, processes, duration, init): Parts<'_> = of.extract()?;
    Ok(Stream {
        name,
        arrivals: processes.iter().map(arrivals).collect::<PyResult<_>>()?,
        duration: duration.as_ref().map(law).transpose()?,
        init: init.as_ref().map(law).transpose()?,
    })
}

fn law(of: &Bound<'_, PyTuple>) -> PyResult<Law> {
    let kind = kind(of)?;
    let made = match kind.as_str() {
        "constant" => Law::constant(split::<(f64,)>(of)?.0),
        "exponential" => Law::exponential(split::<(f64,)>(of)?.0),
        "uniform" | "lognormal" | "gamma" | "weibull" => {
            let (first, second) = split(of)?;
            match kind.as_str() {
                "uniform" => Law::uniform(first, second),
                "lognormal" => Law::log_normal(first, second),
                "gamma" => Law::gamma(first, second),
                _ => Law::weibull(first, second),
            }
        }
        "lognormal-through" => {
            let (low, high) = split(of)?;
            Law::log_normal_through(low, high)
        }
        "bounded-pareto" => {
            let (alpha, low, high) = split(of)?;
            Law::bounded_pareto(alpha, low, high)
        }
        "empirical" => {
            let (samples,): (PyReadonlyArray1<'_, u64>,) = split(of)?;
            Law::empirical(samples.as_slice()?.to_vec())
        }
        "quantiles" => {
            let (probabilities, seconds): (Vec<f64>, Vec<f64>) = split(of)?;
            Law::quantiles(probabilities, &seconds)
        }
        "mixture" => {
            let (weights, laws): (Vec<f64>, Vec<Bound<'_, PyTuple>>) = split(of)?;
            let laws = laws.iter().map(law).collect::<PyResult<Vec<_>>>()?;
            Law::mixture(weights.into_iter().zip(laws).collect())
        }
        _ => return Err(unknown(&kind)),
    };
    made.map_err(refused)
}

fn arrivals(of: &Bound<'_, PyTuple>) -> PyResult<Arrivals> {
    let kind = kind(of)?;
    Ok(match kind.as_str() {
        "renewal" => {
            type Parts<'py> = (Vec<(u64, f64, f64)>, Option<u64>, Bound<'py, PyTuple>);
            let (pieces, period, of_gap): Parts<'_> = split(of)?;
            let rates = Rates::pieces(pieces, period).map_err(refused)?;
            Arrivals::Renewal { rates, gap: gap(&of_gap)? }
        }
        "modulated" => {
            type Of<'py> = (f64, Bound<'py, PyTuple>, Vec<f64>);
            let (states, first): (Vec<Of<'_>>, Option<usize>) = split(of)?;
            let states = states
                .into_iter()
                .map(|(rate, stay, next)| Ok(State { rate, stay: law(&stay)?, next }))
                .collect::<PyResult<_>>()?;
            Arrivals::Modulated(States::new(states, first).map_err(refused)?)
        }
        "batches" => {
            type Parts<'py> = (Bound<'py, PyTuple>, Bound<'py, PyTuple>, Bound<'py, PyTuple>);
            let (base, size, offset): Parts<'_> = split(of)?;
            let base = Box::new(arrivals(&base)?);
            Arrivals::Batches { of: base, size: law(&size)?, offset: law(&offset)? }
        }
        "every" => {
            let (period, offset) = split(of)?;
            Arrivals::Every { period, offset }
        }
        "times" => {
            let (times,): (PyReadonlyArray1<'_, i64>,) = split(of)?;
            Arrivals::Times(times.as_slice()?.to_vec())
        }
        "counts" => {
            let (counts, period, within): (PyReadonlyArray1<'_, u32>, u64, String) = split(of)?;
            let within = match within.as_str() {
                "uniform" => Within::Uniform,
                "even" => Within::Even,
                "start" => Within::Start,
                _ => return Err(unknown(&within)),
            };
            let counts = Counts::new(counts.as_slice()?.to_vec(), period, within);
            Arrivals::Counts(counts.map_err(refused)?)
        }
        "recorded" => {
            type Column<'py> = PyReadonlyArray1<'py, u64>;
            type Parts<'py> = (Column<'py>, Option<Column<'py>>, u64, Option<u64>, String, f64);
            let (arrival, duration, span, block, how, factor): Parts<'_> = split(of)?;
            let scale = match how.as_str() {
                "users" => Scale::Users(factor),
                "faster" => Scale::Faster(factor),
                "stretched" => Scale::Stretched(factor),
                _ => return Err(unknown(&how)),
            };
            let duration =
                duration.map(|duration| PyResult::Ok(duration.as_slice()?.to_vec())).transpose()?;
            let recorded =
                Recorded::new(arrival.as_slice()?.to_vec(), duration, span, block, scale);
            Arrivals::Recorded(recorded.map_err(refused)?)
        }
        _ => return Err(unknown(&kind)),
    })
}

fn gap(of: &Bound<'_, PyTuple>) -> PyResult<Gap> {
    let kind = kind(of)?;
    Ok(match kind.as_str() {
        "exponential" => Gap::Exponential,
        "even" => Gap::Even(split::<(Option<f64>,)>(of)?.0),
        "law" => Gap::Law(law(&split::<(Bound<'_, PyTuple>,)>(of)?.0)?),
        _ => return Err(unknown(&kind)),
    })
}
