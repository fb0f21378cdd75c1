//! The extension module `lambdacore._core`: the one door from Python to the engine.
//!
//! It borrows numpy columns, releases the GIL, looks for Ctrl-C, turns errors into the
//! exceptions of `lambdacore.errors` and hands columns out. It holds no rule: those stand in
//! the engine. Its callers are the modules of `python/lambdacore`, which check what users
//! give; `_core.pyi` is its stub.

// pyo3 hands arguments over by value.
#![allow(clippy::needless_pass_by_value)]
// Docstrings of users' classes are Python's, in numpy's style, and methods are called on objects.
#![allow(clippy::doc_markdown, clippy::unused_self)]

mod account;
mod columns;
mod control;
mod controller;
mod ensemble;
mod errors;
mod required;
mod scan;
mod series;
mod simulate;
mod traffic;
mod watch;

/// The engine of lambdacore.
// Nothing here was audited for an interpreter without the GIL.
#[pyo3::pymodule(gil_used = true)]
mod _core {
    #[pymodule_export]
    use crate::account::Account;
    #[pymodule_export]
    use crate::control::{Timeline, judge_calls};
    #[pymodule_export]
    use crate::controller::{AdmissionController, Handle, Permit, Permits, Throttle};
    #[pymodule_export]
    use crate::ensemble::monte_carlo;
    #[pymodule_export]
    use crate::required::required_concurrency;
    #[pymodule_export]
    use crate::scan::{csv_header, scan_csv};
    #[pymodule_export]
    use crate::series::{concurrency, count, tally};
    #[pymodule_export]
    use crate::simulate::simulate;
    #[pymodule_export]
    use crate::traffic::{Workload, draw_law};

    use pyo3::prelude::*;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        crate::controller::register_at_fork(module.py())?;
        module.add("__version__", env!("CARGO_PKG_VERSION"))?;
        module.add("MAX_LIMIT", lambdacore::MAX_LIMIT)?;
        module.add("DEBUG_BUILD", cfg!(debug_assertions))
    }
}
