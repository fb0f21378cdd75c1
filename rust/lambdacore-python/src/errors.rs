//! The engine's errors as the exceptions of `lambdacore.errors`: text and fields.

use lambdacore::{ConfigurationError, TraceError, Unsupported};
use pyo3::call::PyCallArgs;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::PyDict;

/// Makes `lambdacore.errors.<class>(message, **fields)`; should even that fail, its failure.
pub(crate) fn raise(
    py: Python<'_>,
    class: &str,
    message: String,
    fields: impl FnOnce(&Bound<'_, PyDict>) -> PyResult<()>,
) -> PyErr {
    let made = || {
        let class = py.import("lambdacore.errors")?.getattr(class)?;
        let keywords = PyDict::new(py);
        fields(&keywords)?;
        PyResult::Ok(PyErr::from_value(class.call((message,), Some(&keywords))?))
    };
    made().unwrap_or_else(|error| error)
}

pub(crate) fn configuration_error(py: Python<'_>, error: &ConfigurationError) -> PyErr {
    let argument = match error {
        ConfigurationError::LimitTooLarge { function: None, .. } => "concurrency_limit".to_owned(),
        ConfigurationError::LimitTooLarge { function: Some(function), .. }
        | ConfigurationError::Refused { function, qualifier: None, .. } => {
            format!("functions[{function}].reserved_concurrency")
        }
        ConfigurationError::Refused { function, qualifier: Some(_), .. } => {
            format!("functions[{function}].provisioned_concurrency")
        }
        ConfigurationError::BadAlias { function, .. }
        | ConfigurationError::AliasOfNothing { function, .. } => {
            format!("functions[{function}].aliases")
        }
        ConfigurationError::TooManyVersions { function } => {
            format!("functions[{function}].versions")
        }
        ConfigurationError::InitTooLong { function } => {
            format!("functions[{function}].init_duration")
        }
        ConfigurationError::EmptyName { function }
        | ConfigurationError::DuplicateName { function, .. } => {
            format!("functions[{function}].name")
        }
        ConfigurationError::ScalingTooSlow { .. } | ConfigurationError::EmptyWindow => {
            "profile".to_owned()
        }
        _ => "account".to_owned(),
    };
    let message = format!("{argument}: {error}");
    raise(py, "ConfigurationError", message, |fields| {
        fields.set_item("argument", argument)?;
        if let Some((code, message)) = error.aws() {
            fields.set_item("aws_code", code)?;
            fields.set_item("aws_message", message)?;
        }
        Ok(())
    })
}

/// What atomic counters cannot hold; `limit` is the argument that gives the account's limit, and
/// `otherwise` what else would do.
pub(crate) fn unsupported(
    py: Python<'_>,
    error: &Unsupported,
    limit: &str,
    otherwise: &str,
) -> PyErr {
    let (argument, remedy) = match error {
        Unsupported::Limit { .. } => (limit, ""),
        Unsupported::RateWindow { .. } => {
            ("profile.rps_window", ": choose rps_window='tumbling' or rps_scope='off'")
        }
        Unsupported::RateLimit { .. } => {
            ("profile.rps_per_concurrency", ": lower it, or choose rps_scope='off'")
        }
        Unsupported::ShortWindow { .. } => {
            ("profile.rps_window_length", ": lengthen them, or choose rps_scope='off'")
        }
        _ => ("account", ""),
    };
    let message = format!("{argument}: {error}{remedy}{otherwise}");
    raise(py, "ConfigurationError", message, |fields| fields.set_item("argument", argument))
}

/// Calls a function of `lambdacore._check`, which words refusals.
pub(crate) fn check<'py>(
    py: Python<'py>,
    name: &str,
    arguments: impl PyCallArgs<'py>,
) -> PyResult<Bound<'py, PyAny>> {
    py.import("lambdacore._check")?.getattr(name)?.call1(arguments)
}

/// For `__reduce__`, by which both copies and pickles are made.
pub(crate) fn refuse_copies(_: Python<'_>, what: &str, why: &str) -> PyResult<()> {
    Err(PyTypeError::new_err(format!("{what} cannot be copied or pickled: {why}")))
}

pub(crate) fn trace_error(py: Python<'_>, error: &TraceError) -> PyErr {
    let (argument, row) = match error {
        TraceError::Unsorted { row } => ("arrival", Some(*row)),
        TraceError::UnknownFunction { row, .. } => ("function", Some(*row)),
        TraceError::TooLate { row } => ("duration", Some(*row)),
        _ => ("trace", None),
    };
    raise(py, "TraceError", error.to_string(), |fields| {
        fields.set_item("argument", argument)?;
        fields.set_item("index", row)
    })
}
