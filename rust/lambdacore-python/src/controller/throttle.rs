//! A refusal.

use lambdacore::Outcome;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyString, PyTuple, PyType};

use super::owner::Target;
use crate::errors::raise;

/// A refusal, and why. It is false, as opposed to a `Permit`.
#[pyclass(frozen, module = "lambdacore")]
pub(crate) struct Throttle {
    function: Py<PyString>,
    code: u8,
    reason: Option<Py<PyString>>,
    retry_after: Option<f64>,
}

/// The member of `lambdacore.Outcome`.
pub(super) fn outcome(py: Python<'_>, code: Outcome) -> PyResult<Bound<'_, PyAny>> {
    by_code(py, code as u8)
}

fn by_code(py: Python<'_>, code: u8) -> PyResult<Bound<'_, PyAny>> {
    static CLASS: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    CLASS.import(py, "lambdacore.outcome", "Outcome")?.call1((code,))
}

impl Throttle {
    pub(super) fn new<'py>(
        target: &Bound<'py, Target>,
        refused: lambdacore::Throttle,
        now: u64,
    ) -> PyResult<Bound<'py, Self>> {
        let (py, target) = (target.py(), target.get());
        let function = target.label.clone_ref(py);
        #[allow(clippy::cast_precision_loss, reason = "seconds for people")]
        let retry_after = refused.retry_at.map(|at| at.saturating_sub(now) as f64 / 1e9);
        let reason = target.owner.reason(py, refused.outcome);
        Bound::new(py, Self { function, code: refused.outcome as u8, reason, retry_after })
    }

    /// `ThrottledError` with this refusal, after a wait.
    pub(super) fn error(slf: &Bound<'_, Self>, waited: Option<f64>) -> PyErr {
        let said = || {
            let throttle = slf.get();
            let name = throttle.outcome(slf.py())?.getattr("name")?;
            let function = throttle.function.bind(slf.py()).repr()?;
            let after = waited.map_or(String::new(), |seconds| format!(" after {seconds} s"));
            let reason = throttle.reason.as_ref().map_or(String::new(), |r| format!(" ({r})"));
            let text = format!("{function} is throttled{after}: {name}{reason}");
            PyResult::Ok(text)
        };
        match said() {
            Ok(text) => {
                raise(slf.py(), "ThrottledError", text, |fields| fields.set_item("throttle", slf))
            }
            Err(error) => error,
        }
    }
}

#[pymethods]
impl Throttle {
    #[new]
    #[pyo3(signature = (function, outcome, reason, retry_after))]
    fn make(
        function: Py<PyString>,
        outcome: u8,
        reason: Option<Py<PyString>>,
        retry_after: Option<f64>,
    ) -> Self {
        Self { function, code: outcome, reason, retry_after }
    }

    /// For which cause.
    #[getter]
    fn outcome<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        by_code(py, self.code)
    }

    /// ``Reason`` in AWS's 429 response, as the account's profile has it.
    #[getter]
    fn reason(&self, py: Python<'_>) -> Option<Py<PyString>> {
        self.reason.as_ref().map(|reason| reason.clone_ref(py))
    }

    /// What was invoked, as it was asked for.
    #[getter]
    fn function(&self, py: Python<'_>) -> Py<PyString> {
        self.function.clone_ref(py)
    }

    /// Seconds until a request rate lets requests pass again, where one is the cause; None where
    /// only the end of a run or a change helps.
    #[getter]
    fn retry_after(&self) -> Option<f64> {
        self.retry_after
    }

    fn __bool__(&self) -> bool {
        false
    }

    /// Raises
    /// ------
    /// ThrottledError
    ///     Always: in ``with controller.try_acquire(...)`` there is no permit.
    fn __enter__(slf: Bound<'_, Self>) -> PyResult<()> {
        Err(Self::error(&slf, None))
    }

    #[pyo3(signature = (*_exception))]
    #[allow(clippy::unused_self, reason = "Python looks for it before it enters")]
    fn __exit__(&self, _exception: &Bound<'_, PyTuple>) {}

    fn __eq__(&self, py: Python<'_>, other: &Bound<'_, PyAny>) -> PyResult<bool> {
        let Ok(other) = other.cast::<Self>() else { return Ok(false) };
        self.fields(py)?.eq(other.get().fields(py)?)
    }

    fn __hash__(&self, py: Python<'_>) -> PyResult<isize> {
        self.fields(py)?.hash()
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let name = self.outcome(py)?.getattr("name")?;
        let function = self.function.bind(py).repr()?;
        let again = self.retry_after.map_or(String::new(), |s| format!(", again in {s} s"));
        Ok(format!("<Throttle of {function}: {name}{again}>"))
    }

    fn __reduce__<'py>(
        &self,
        py: Python<'py>,
    ) -> PyResult<(Bound<'py, PyType>, Bound<'py, PyAny>)> {
        Ok((py.get_type::<Self>(), self.fields(py)?))
    }
}

impl Throttle {
    fn fields<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let fields = (&self.function, self.code, &self.reason, self.retry_after);
        Ok(fields.into_pyobject(py)?.into_any())
    }
}
