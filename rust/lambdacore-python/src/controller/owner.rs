//! What permits, targets and the controller share, and to which process it belongs.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use lambdacore::{Lane, Outcome};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};

use crate::errors::raise;

/// How often this process came out of a fork, by generations. Asking for the process's number
/// would be a system call.
static FORKS: AtomicU32 = AtomicU32::new(0);

#[pyfunction]
fn after_fork() {
    // Relaxed: the child has one thread.
    FORKS.fetch_add(1, Ordering::Relaxed);
}

/// Lets Python's forks be noticed. (What C code forks past Python is not.)
pub(crate) fn register_at_fork(py: Python<'_>) -> PyResult<()> {
    let os = py.import("os")?;
    if os.hasattr("register_at_fork")? {
        let hook = PyDict::new(py);
        hook.set_item("after_in_child", wrap_pyfunction!(after_fork, py)?)?;
        os.call_method("register_at_fork", (), Some(&hook))?;
    }
    Ok(())
}

/// The engine's controller, in the process that made it.
pub(crate) struct Owner {
    pub(crate) core: lambdacore::AdmissionController,
    /// For calls that hold the GIL from end to end.
    pub(crate) with_gil: Lane,
    generation: u32,
    process: u32,
    /// AWS's reason by outcome code.
    reasons: Vec<Option<Py<PyString>>>,
}

impl Owner {
    pub(crate) fn new(
        account: &Bound<'_, PyAny>,
        core: lambdacore::AdmissionController,
    ) -> PyResult<Self> {
        let py = account.py();
        let (profile, reserved) = (account.getattr("profile")?, PyDict::new(py));
        // It only matters for the scaling rate, which is off.
        reserved.set_item("reserved", false)?;
        let mut reasons: Vec<_> = (0..Outcome::CODES).map(|_| None).collect();
        for outcome in py.import("lambdacore.outcome")?.getattr("THROTTLED")?.try_iter()? {
            let outcome = outcome?;
            let reason = profile.call_method("reason", (&outcome,), Some(&reserved))?;
            reasons[outcome.extract::<usize>()?] = reason.extract()?;
        }
        let generation = FORKS.load(Ordering::Relaxed);
        Ok(Self { with_gil: core.lane(), core, generation, process: std::process::id(), reasons })
    }

    /// Whether this is the process that made it.
    #[inline]
    pub(crate) fn is_at_home(&self) -> bool {
        // Relaxed: it changes only while a forked child has one thread.
        self.generation == FORKS.load(Ordering::Relaxed)
    }

    #[inline]
    pub(crate) fn refuse_fork(&self, py: Python<'_>) -> PyResult<()> {
        if self.is_at_home() { Ok(()) } else { Err(self.fork_error(py)) }
    }

    #[cold]
    fn fork_error(&self, py: Python<'_>) -> PyErr {
        let message = format!(
            "this controller belongs to process {}, of which this one, {}, was forked: make a \
             controller in each process",
            self.process,
            std::process::id()
        );
        raise(py, "ForkError", message, |_| Ok(()))
    }

    pub(crate) fn reason(&self, py: Python<'_>, outcome: Outcome) -> Option<Py<PyString>> {
        self.reasons[outcome as usize].as_ref().map(|reason| reason.clone_ref(py))
    }
}

/// What a label means to a controller. Permits refer to it, so that one reference is all they
/// count.
#[pyclass(frozen, module = "lambdacore._core")]
pub(crate) struct Target {
    pub(crate) owner: Arc<Owner>,
    pub(crate) number: u32,
    pub(crate) label: Py<PyString>,
}

impl Target {
    pub(crate) fn new(owner: &Arc<Owner>, number: u32, label: Py<PyString>) -> Self {
        Self { owner: Arc::clone(owner), number, label }
    }
}
