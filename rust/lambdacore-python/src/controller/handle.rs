//! A thread's way in.

use pyo3::prelude::*;

use super::wait::Timeout;
use super::{AdmissionController, Permit};
use crate::errors::refuse_copies;

/// A way into an `AdmissionController` for one thread.
///
/// Decisions are those of the controller. What is noted beside them is kept apart by thread,
/// with or without a handle, so it is no faster in Python than the controller itself; it says
/// in a program that a thread asks on its own account. It cannot be copied or pickled.
#[pyclass(frozen, module = "lambdacore")]
pub(crate) struct Handle {
    controller: Py<AdmissionController>,
}

impl Handle {
    pub(super) fn new(controller: Py<AdmissionController>) -> Self {
        Self { controller }
    }
}

#[pymethods]
impl Handle {
    /// The controller that it leads to.
    #[getter]
    fn controller(&self, py: Python<'_>) -> Py<AdmissionController> {
        self.controller.clone_ref(py)
    }

    /// Ask for a permit, without waiting: see `AdmissionController.try_acquire`.
    #[pyo3(signature = (function))]
    fn try_acquire<'py>(
        &self,
        py: Python<'py>,
        function: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        self.controller.get().try_acquire(py, function)
    }

    /// Ask for a permit, and wait for it if need be: see `AdmissionController.acquire`.
    #[pyo3(
        signature = (function, timeout = Timeout::default()),
        text_signature = "($self, function, timeout=0.0)"
    )]
    fn acquire<'py>(
        &self,
        py: Python<'py>,
        function: &Bound<'py, PyAny>,
        timeout: Timeout,
    ) -> PyResult<Bound<'py, Permit>> {
        self.controller.get().acquire(py, function, timeout)
    }

    fn __repr__(&self) -> String {
        format!("<Handle of {}>", self.controller.get().__repr__())
    }

    fn __reduce__(&self, py: Python<'_>) -> PyResult<()> {
        refuse_copies(py, "a Handle", "ask the controller for another")
    }

    fn __traverse__(&self, visit: pyo3::gc::PyVisit<'_>) -> Result<(), pyo3::gc::PyTraverseError> {
        visit.call(&self.controller)
    }
}
