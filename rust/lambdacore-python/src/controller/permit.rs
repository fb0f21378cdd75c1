//! A permit to run.

use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use lambdacore::Ticket;
use pyo3::prelude::*;
use pyo3::types::{PyString, PyTuple};

use super::owner::{Owner, Target};
use super::throttle::outcome;
use crate::errors::{raise, refuse_copies};

/// A permit to run one invocation. It is true, as opposed to a `Throttle`.
///
/// It is given back once: by `release`, at the end of a ``with`` block, or when the last
/// reference to it is gone; from any thread. It cannot be copied or pickled.
#[pyclass(frozen, module = "lambdacore")]
pub(crate) struct Permit {
    target: Py<Target>,
    ticket: Ticket,
    /// Whether it was not given back yet.
    out: AtomicBool,
}

pub(super) fn error(py: Python<'_>, message: String) -> PyErr {
    raise(py, "PermitError", message, |_| Ok(()))
}

impl Permit {
    /// Should Python have no memory for it, it is given back.
    #[inline]
    pub(super) fn new<'py>(
        target: Bound<'py, Target>,
        permit: lambdacore::Permit<'_>,
    ) -> PyResult<Bound<'py, Self>> {
        let (ticket, out) = (permit.detach(), AtomicBool::new(true));
        Bound::new(target.py(), Self { target: target.unbind(), ticket, out })
    }

    pub(super) fn is_of(&self, owner: &Arc<Owner>) -> bool {
        ptr::eq(Arc::as_ptr(&self.target.get().owner), Arc::as_ptr(owner))
    }

    /// Gives it back, unless somebody did.
    #[inline]
    fn give_back(&self) -> bool {
        // Relaxed: one of those who try is the first; the pool orders what they do.
        let out = self.out.swap(false, Ordering::Relaxed);
        if out {
            self.target.get().owner.core.give_back(self.ticket);
        }
        out
    }
}

impl Drop for Permit {
    #[inline]
    fn drop(&mut self) {
        // A forked child forgets what its parent holds.
        if *self.out.get_mut() && self.target.get().owner.is_at_home() {
            self.target.get().owner.core.give_back(self.ticket);
        }
    }
}

#[pymethods]
impl Permit {
    /// Give the permit back.
    ///
    /// Raises
    /// ------
    /// PermitError
    ///     It was given back before; nothing changes.
    /// ForkError
    ///     It was taken before this process was forked.
    #[pyo3(signature = ())]
    pub(super) fn release(&self, py: Python<'_>) -> PyResult<()> {
        self.target.get().owner.refuse_fork(py)?;
        if self.give_back() {
            return Ok(());
        }
        let function = self.target.get().label.bind(py).repr()?;
        Err(error(py, format!("this permit of {function} was given back before")))
    }

    /// How it was admitted: ``PROVISIONED``, or else ``WARM``.
    #[getter]
    fn outcome<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        outcome(py, self.ticket.outcome())
    }

    /// What is invoked, as it was asked for.
    #[getter]
    fn function(&self, py: Python<'_>) -> Py<PyString> {
        self.target.get().label.clone_ref(py)
    }

    /// Whether it was given back.
    #[getter]
    fn released(&self) -> bool {
        !self.out.load(Ordering::Relaxed)
    }

    /// Raises
    /// ------
    /// PermitError
    ///     It was given back before.
    fn __enter__(slf: Bound<'_, Self>) -> PyResult<Bound<'_, Self>> {
        let permit = slf.get();
        permit.target.get().owner.refuse_fork(slf.py())?;
        if permit.released() {
            return Err(error(slf.py(), format!("{slf:?} cannot be entered")));
        }
        Ok(slf)
    }

    /// Gives the permit back, if that was not done inside; a forked child forgets it.
    #[pyo3(signature = (*_exception))]
    fn __exit__(&self, _exception: &Bound<'_, PyTuple>) {
        if self.target.get().owner.is_at_home() {
            self.give_back();
        }
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let function = self.target.get().label.bind(py).repr()?;
        let name = self.outcome(py)?.getattr("name")?;
        let given_back = if self.released() { ", given back" } else { "" };
        Ok(format!("<Permit of {function}: {name}{given_back}>"))
    }

    fn __reduce__(&self, py: Python<'_>) -> PyResult<()> {
        refuse_copies(py, "a Permit", "it is given back once, by the process that took it")
    }
}
