//! Changes of the configuration of a running controller.

use lambdacore::{AdmissionController, ChangeError, Refusal};
use pyo3::prelude::*;

use super::owner::Owner;
use crate::errors::{check, raise, unsupported};

pub(super) fn concurrency_limit(
    owner: &Owner,
    py: Python<'_>,
    value: &Bound<'_, PyAny>,
) -> PyResult<()> {
    let value = limit(value)?;
    change(owner, py, "", |core| core.set_concurrency_limit(value))
}

pub(super) fn reserved_concurrency(
    owner: &Owner,
    py: Python<'_>,
    function: &Bound<'_, PyAny>,
    value: Option<&Bound<'_, PyAny>>,
) -> PyResult<()> {
    let function = check(py, "name", ("function", function))?.extract::<String>()?;
    let value = value.map(limit).transpose()?;
    change(owner, py, "function", |core| core.set_reserved_concurrency(&function, value))
}

pub(super) fn provisioned_concurrency(
    owner: &Owner,
    py: Python<'_>,
    label: &Bound<'_, PyAny>,
    value: &Bound<'_, PyAny>,
) -> PyResult<()> {
    let label = check(py, "name", ("label", label))?.extract::<String>()?;
    let value = limit(value)?;
    let account = owner.core.account();
    // The name alone means the alias that it leads to, as in a trace.
    let (name, qualifier) = label.split_once(':').unwrap_or_else(|| {
        let function = account.function(&label).map(|f| &account.functions()[f as usize]);
        let alias = function.and_then(|function| function.unqualified.as_deref());
        (&label, alias.unwrap_or("$LATEST"))
    });
    change(owner, py, "label", |core| core.set_provisioned_concurrency(name, qualifier, value))
}

fn limit(value: &Bound<'_, PyAny>) -> PyResult<u32> {
    check(value.py(), "limit", ("value", value))?.extract()
}

/// `named` is the argument that names what is changed; the other is `value`.
fn change(
    owner: &Owner,
    py: Python<'_>,
    named: &str,
    change: impl FnOnce(&AdmissionController) -> Result<(), ChangeError> + Send,
) -> PyResult<()> {
    owner.refuse_fork(py)?;
    py.detach(|| change(&owner.core)).map_err(|error| match error {
        ChangeError::Unsupported(error) => unsupported(py, &error, "value", ""),
        ChangeError::Refused(refusal) => {
            let unknown = matches!(
                refusal,
                Refusal::UnknownFunction { .. } | Refusal::UnknownQualifier { .. }
            );
            let argument = if unknown { named } else { "value" };
            let (code, _, message) = refusal.aws();
            raise(py, "ConfigurationError", refusal.to_string(), |fields| {
                fields.set_item("argument", argument)?;
                fields.set_item("aws_code", code)?;
                fields.set_item("aws_message", message)
            })
        }
    })
}
