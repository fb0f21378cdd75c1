//! The engine's account, made and checked when a Python `Account` is.

use lambdacore::{Function, Profile, Scaling};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::errors::configuration_error;

/// A checked account, as the engine runs it.
#[pyclass(frozen, module = "lambdacore._core")]
pub(crate) struct Account {
    pub(crate) account: lambdacore::Account,
}

#[pymethods]
impl Account {
    /// Columns of functions in, times in nanoseconds; `scaling` is (burst, interval) or None.
    #[new]
    #[pyo3(signature = (*, concurrency_limit, unreserved_floor, functions, environments, scaling))]
    fn new(
        py: Python<'_>,
        concurrency_limit: u32,
        unreserved_floor: Option<u32>,
        functions: Vec<(String, Option<u32>, u64, u64)>,
        environments: bool,
        scaling: Option<(u32, u64)>,
    ) -> PyResult<Self> {
        let functions = functions
            .into_iter()
            .map(|(name, reserved_concurrency, init_duration, idle_timeout)| Function {
                name,
                reserved_concurrency,
                init_duration,
                idle_timeout,
            })
            .collect();
        let scaling =
            scaling.map_or(Scaling::Off, |(burst, interval)| Scaling::Bucket { burst, interval });
        let profile = Profile { environments, scaling };
        lambdacore::Account::new(concurrency_limit, unreserved_floor, functions, profile)
            .map(|account| Self { account })
            .map_err(|error| configuration_error(py, &error))
    }

    #[getter]
    fn unreserved_concurrency(&self) -> u32 {
        self.account.unreserved_concurrency()
    }

    #[getter]
    fn unreserved_floor(&self) -> u32 {
        self.account.unreserved_floor()
    }
}

impl Account {
    /// Checks that each function of a trace means a function of the account, and that no
    /// two mean the same.
    pub(crate) fn check_traced(&self, traced: &[u32]) -> PyResult<()> {
        let mut free = vec![true; self.account.functions().len()];
        for &function in traced {
            match free.get_mut(function as usize) {
                Some(free) if *free => *free = false,
                _ => return Err(PyValueError::new_err(format!("traced: bad function {function}"))),
            }
        }
        Ok(())
    }
}
