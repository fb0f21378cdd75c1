//! Many permits at once.

use std::sync::{Arc, Mutex, PoisonError};

use lambdacore::Ticket;
use numpy::{PyArray1, PyArrayMethods, PyReadonlyArray1, PyUntypedArray};
use pyo3::exceptions::PyMemoryError;
use pyo3::prelude::*;
use pyo3::types::{PyString, PyTuple};

use super::owner::Owner;
use super::{AdmissionController, permit};
use crate::errors::{check, raise, refuse_copies};
use crate::watch::Watch;

/// Permits that are out, until this is dropped.
struct Held {
    owner: Arc<Owner>,
    tickets: Vec<Ticket>,
}

impl Drop for Held {
    fn drop(&mut self) {
        // A forked child forgets what its parent holds.
        if self.owner.is_at_home() {
            for ticket in self.tickets.drain(..) {
                self.owner.core.give_back(ticket);
            }
        }
    }
}

/// The permits of one call of `AdmissionController.try_acquire_many`, given back together.
///
/// They are given back once: by `release`, at the end of a ``with`` block, or when the last
/// reference is gone. Its length is the number of invocations that were asked for. It cannot be
/// copied or pickled.
#[pyclass(frozen, module = "lambdacore")]
pub(crate) struct Permits {
    owner: Arc<Owner>,
    outcome: Py<PyArray1<u8>>,
    asked: usize,
    admitted: usize,
    held: Mutex<Option<Held>>,
}

impl AdmissionController {
    pub(super) fn acquire_batch<'py>(
        &self,
        py: Python<'py>,
        functions: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, Permits>> {
        /// Decisions between two looks at the clock for Ctrl-C.
        const PIECE: usize = 4_096;
        self.owner.refuse_fork(py)?;
        let numbers = self.numbers(py, functions)?;
        // A clock of one's own; that of the process is read for each.
        let read = if self.clock.is_some() { Some(self.now(py)?) } else { None };
        let mut watch = Watch::new(None);
        let mut held = Held { owner: Arc::clone(&self.owner), tickets: vec![] };
        // numpy allocates, and raises MemoryError where there is too little.
        let outcome = PyArray1::<u8>::zeros(py, numbers.len(), false);
        let mut written = outcome.readwrite();
        let codes = written.as_slice_mut()?;
        py.detach(|| {
            let core = &self.owner.core;
            for (piece, codes) in numbers.chunks(PIECE).zip(codes.chunks_mut(PIECE)) {
                for (&number, code) in piece.iter().zip(codes) {
                    let asked = match read {
                        Some(now) => core.try_acquire_at(number, now),
                        None => core.try_acquire(number),
                    };
                    *code = match asked {
                        Ok(permit) => {
                            let outcome = permit.outcome();
                            held.tickets.push(permit.detach());
                            outcome as u8
                        }
                        Err(refused) => refused.outcome as u8,
                    };
                }
                if watch.advance(piece.len()).is_break() {
                    break;
                }
            }
        });
        // With an exception, what was taken is given back.
        watch.finish()?;
        drop(written);
        outcome.getattr("flags")?.setattr("writeable", false)?;
        let permits = Permits {
            owner: Arc::clone(&self.owner),
            outcome: outcome.unbind(),
            asked: numbers.len(),
            admitted: held.tickets.len(),
            held: Mutex::new(Some(held)),
        };
        Bound::new(py, permits)
    }

    /// The numbers of targets, from labels or as they are.
    pub(super) fn numbers(
        &self,
        py: Python<'_>,
        functions: &Bound<'_, PyAny>,
    ) -> PyResult<Vec<u32>> {
        let account = self.owner.core.account();
        if let Ok(array) = functions.extract::<PyReadonlyArray1<'_, u32>>()
            && array.getattr("flags")?.getattr("aligned")?.is_truthy()?
        {
            // A copy: others may write to the array while the GIL is released.
            let mut numbers = vec![];
            if numbers.try_reserve_exact(array.len()?).is_err() {
                return Err(PyMemoryError::new_err("functions: too many for the memory"));
            }
            numbers.extend(array.as_array().iter().copied());
            let wrong = numbers.iter().position(|&number| !account.is_target(number));
            return wrong.map_or(Ok(numbers), |row| Err(no_target(functions, row)));
        }
        if let Ok(array) = functions.cast::<PyUntypedArray>() {
            let kind = array.getattr("dtype")?.getattr("kind")?.extract::<char>()?;
            if kind == 'i' || kind == 'u' {
                let flat = array.getattr("ndim")?.eq(1)?;
                check(py, "instance", ("functions", array, "an array of one dimension", flat))?;
                let numbers = array.call_method0("tolist")?.extract::<Vec<i128>>()?;
                let number = |(row, given)| {
                    let number = u32::try_from(given).ok().filter(|&n| account.is_target(n));
                    number.ok_or_else(|| no_target(functions, row))
                };
                return numbers.into_iter().enumerate().map(number).collect();
            }
        }
        let labels = functions.try_iter().ok().filter(|_| !functions.is_instance_of::<PyString>());
        let Some(labels) = labels else {
            let what = "a list of functions, or an array of their numbers";
            check(py, "instance", ("functions", functions, what, false))?;
            return Ok(vec![]);
        };
        labels.map(|label| Ok(self.target(py, &label?)?.get().number)).collect()
    }
}

fn no_target(numbers: &Bound<'_, PyAny>, row: usize) -> PyErr {
    let given = numbers.get_item(row).map_or_else(|_| String::new(), |given| given.to_string());
    let message = format!(
        "functions[{row}] = {given} is the number of nothing in the account: see \
         AdmissionController.targets"
    );
    raise(numbers.py(), "ConfigurationError", message, |fields| {
        fields.set_item("argument", "functions")
    })
}

#[pymethods]
impl Permits {
    /// Outcome codes (uint8, read-only), one an invocation; see `Outcome`.
    #[getter]
    fn outcome(&self, py: Python<'_>) -> Py<PyArray1<u8>> {
        self.outcome.clone_ref(py)
    }

    /// How many were admitted.
    #[getter]
    fn admitted(&self) -> usize {
        self.admitted
    }

    /// Whether they were given back.
    #[getter]
    fn released(&self) -> bool {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).is_none()
    }

    /// Give all of them back.
    ///
    /// Raises
    /// ------
    /// PermitError
    ///     They were given back before; nothing changes.
    /// ForkError
    ///     They were taken before this process was forked.
    #[pyo3(signature = ())]
    fn release(&self, py: Python<'_>) -> PyResult<()> {
        self.owner.refuse_fork(py)?;
        match self.take() {
            Some(held) => {
                py.detach(|| drop(held));
                Ok(())
            }
            None => Err(permit::error(py, "these permits were given back before".to_owned())),
        }
    }

    fn __len__(&self) -> usize {
        self.asked
    }

    /// Raises
    /// ------
    /// PermitError
    ///     They were given back before.
    fn __enter__(slf: Bound<'_, Self>) -> PyResult<Bound<'_, Self>> {
        slf.get().owner.refuse_fork(slf.py())?;
        if slf.get().released() {
            return Err(permit::error(slf.py(), format!("{slf:?} cannot be entered")));
        }
        Ok(slf)
    }

    /// Gives them back, if that was not done inside; a forked child forgets them.
    #[pyo3(signature = (*_exception))]
    fn __exit__(&self, py: Python<'_>, _exception: &Bound<'_, PyTuple>) {
        let held = self.take();
        py.detach(|| drop(held));
    }

    fn __repr__(&self) -> String {
        let given_back = if self.released() { ", given back" } else { "" };
        format!("<Permits: {} of {} admitted{given_back}>", self.admitted, self.asked)
    }

    fn __reduce__(&self, py: Python<'_>) -> PyResult<()> {
        refuse_copies(py, "Permits", "they are given back once, by the process that took them")
    }
}

impl Permits {
    fn take(&self) -> Option<Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}
