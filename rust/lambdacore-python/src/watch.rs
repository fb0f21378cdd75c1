//! Looks up from a long run now and then: signals (Ctrl-C) and the caller's progress.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use pyo3::prelude::*;

/// Between two looks at the interpreter. Ctrl-C is promised within 100 ms.
const PAUSE: Duration = Duration::from_millis(25);

/// Watches over one long call that runs without the GIL.
pub(crate) struct Watch {
    progress: Option<Py<PyAny>>,
    done: u64,
    last_look: Instant,
    error: Option<PyErr>,
}

impl Watch {
    /// `progress`, if given, is called with the amount done so far.
    pub(crate) fn new(progress: Option<Py<PyAny>>) -> Self {
        Self { progress, done: 0, last_look: Instant::now(), error: None }
    }

    /// More is done; breaks where a signal handler or the progress callback raised.
    pub(crate) fn advance(&mut self, amount: usize) -> ControlFlow<()> {
        self.done += amount as u64;
        if self.last_look.elapsed() < PAUSE {
            return ControlFlow::Continue(());
        }
        let looked = Python::attach(|py| {
            py.check_signals()?;
            if let Some(progress) = &self.progress {
                progress.call1(py, (self.done,))?;
            }
            PyResult::Ok(())
        });
        self.last_look = Instant::now();
        match looked {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => {
                self.error = Some(error);
                ControlFlow::Break(())
            }
        }
    }

    /// The exception that ended the run, if one did.
    pub(crate) fn finish(self) -> PyResult<()> {
        self.error.map_or(Ok(()), Err)
    }
}
