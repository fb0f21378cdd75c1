//! Waiting for a permit without the GIL.

use std::cell::Cell;
use std::ops::ControlFlow;
use std::time::Duration;

use pyo3::prelude::*;
use pyo3::types::IntoPyDict;

use super::owner::Target;
use super::{AdmissionController, Permit, Throttle};
use crate::errors::check;

/// How long to wait; `None` for ever.
pub(crate) struct Timeout(Option<Duration>);

impl Default for Timeout {
    /// Not at all.
    fn default() -> Self {
        Self(Some(Duration::ZERO))
    }
}

impl Timeout {
    pub(super) fn is_zero(&self) -> bool {
        self.0.is_some_and(|wait| wait.is_zero())
    }
}

impl<'py> FromPyObject<'_, 'py> for Timeout {
    type Error = PyErr;

    fn extract(given: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        if given.is_none() {
            return Ok(Self(None));
        }
        let infinite = [("infinite", true)].into_py_dict(given.py())?;
        let seconds = given.py().import("lambdacore._check")?.call_method(
            "seconds",
            ("timeout", given),
            Some(&infinite),
        )?;
        // What is beyond all time is for ever.
        Ok(Self(Duration::try_from_secs_f64(seconds.extract()?).ok()))
    }
}

/// What a clock says.
pub(super) fn read(py: Python<'_>, clock: &Py<PyAny>) -> PyResult<u64> {
    let said = clock.bind(py).call0()?;
    match said.extract::<u64>() {
        Ok(now) if now < 1 << 63 => Ok(now),
        _ => check(py, "whole", ("clock()", said, 0, (1_u64 << 63) - 1))?.extract(),
    }
}

fn is_main_thread(py: Python<'_>) -> PyResult<bool> {
    let threading = py.import("threading")?;
    let main = threading.call_method0("main_thread")?.getattr("ident")?;
    main.eq(threading.call_method0("get_ident")?)
}

impl AdmissionController {
    pub(super) fn wait<'py>(
        &self,
        py: Python<'py>,
        target: Bound<'py, Target>,
        Timeout(timeout): Timeout,
    ) -> PyResult<Bound<'py, Permit>> {
        let (core, number) = (&self.owner.core, target.get().number);
        let clock = self.clock.as_ref().filter(|_| core.has_rates());
        let begin = self.now(py)?;
        // Signals are for the main thread. Others then need the interpreter only once they have
        // a permit, and may go on waiting while it ends.
        let looks = is_main_thread(py)? || clock.is_some();
        let mut error = None;
        let (waited, now) = py.detach(|| {
            // A clock of Python's is not read under a lock of the engine, but here and there.
            let read_last = Cell::new(begin);
            let watch = &mut || {
                if !looks {
                    return ControlFlow::Continue(());
                }
                let looked = Python::try_attach(|py| {
                    py.check_signals()?;
                    if let Some(clock) = clock {
                        read_last.set(read(py, clock)?);
                    }
                    PyResult::Ok(())
                });
                if let Some(Err(raised)) = looked {
                    error = Some(raised);
                    return ControlFlow::Break(());
                }
                ControlFlow::Continue(())
            };
            let now = || match clock {
                Some(_) => read_last.get(),
                None if core.has_rates() => core.now(),
                None => 0,
            };
            (core.acquire_watched(number, timeout, &now, watch), now())
        });
        match waited {
            Ok(Some(permit)) => Permit::new(target, permit),
            Ok(None) => Err(error.expect("only an exception breaks the wait off")),
            Err(refused) => {
                let waited = timeout.map(|wait| wait.as_secs_f64());
                Err(Throttle::error(&Throttle::new(&target, refused, now)?, waited))
            }
        }
    }
}
