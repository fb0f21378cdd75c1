//! Calls of the Lambda API, judged one after the other.

use lambdacore::{Call, ControlPlane, MAX_LIMIT, Refusal, Response, Status};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::account::Account;
use crate::watch::Watch;

/// What changes during a run, as the engine meets it.
#[pyclass(frozen, module = "lambdacore._core")]
pub(crate) struct Timeline {
    pub(crate) timeline: lambdacore::Timeline,
}

#[pymethods]
impl Timeline {
    /// The changes: nanosecond, what changes, of which function, version or alias, to what.
    /// A version is given with its function, and what is requested of it and available.
    fn changes(&self) -> Vec<(u64, &'static str, u32, Option<u32>, u32)> {
        use lambdacore::Change;
        let row = |&(at, change): &(u64, Change)| match change {
            Change::Limit(limit) => (at, "limit", 0, Some(limit), 0),
            Change::Reserved { function, reserved } => (at, "reserved", function, reserved, 0),
            Change::Provisioned { version, requested, available } => {
                (at, "provisioned", version, Some(requested), available)
            }
            Change::Alias { alias, version } => (at, "alias", alias, Some(version), 0),
        };
        self.timeline.changes().iter().map(row).collect()
    }
}

/// A call: nanosecond, operation, function, qualifier, value, version, and whether the
/// function's init fails.
#[derive(FromPyObject)]
pub(crate) struct CallRow(u64, String, String, String, i64, String, bool);

/// An answer: AWS's code, HTTP status and message, and our text, for a refusal; else what was
/// answered about reserved or provisioned concurrency.
type Answer = (
    Option<(&'static str, u16, String, String)>,
    Option<u32>,
    Vec<(String, u32, u32, &'static str)>,
);

/// Judges calls, in order of time, against an account.
#[pyfunction]
pub(crate) fn judge_calls(
    py: Python<'_>,
    account: &Bound<'_, Account>,
    calls: Vec<CallRow>,
) -> PyResult<(Vec<Answer>, Timeline)> {
    let calls = calls.into_iter().map(read).collect::<PyResult<Vec<_>>>()?;
    if !calls.is_sorted_by_key(|(at, _)| *at) {
        return Err(PyValueError::new_err("calls: back in time"));
    }
    let mut watch = Watch::new(None);
    let account = &account.get().account;
    let judged = py.detach(|| {
        let mut plane = ControlPlane::new(account);
        let mut answers = Vec::with_capacity(calls.len());
        for (at, call) in &calls {
            if watch.advance(1).is_break() {
                break;
            }
            answers.push(answer(plane.call(*at, call)));
        }
        (answers, Timeline { timeline: plane.finish() })
    });
    watch.finish()?;
    Ok(judged)
}

fn answer(judged: Result<Response, Refusal>) -> Answer {
    match judged {
        Err(refusal) => {
            let (code, status, message) = refusal.aws();
            (Some((code, status, message, refusal.to_string())), None, vec![])
        }
        Ok(Response::Done) => (None, None, vec![]),
        Ok(Response::Reserved(reserved)) => (None, reserved, vec![]),
        Ok(Response::Provisioned(configs)) => {
            let row = |config: lambdacore::Provisioned| {
                let status = match config.status {
                    Status::InProgress => "IN_PROGRESS",
                    Status::Ready => "READY",
                    Status::Failed => "FAILED",
                };
                (config.qualifier, config.requested, config.allocated, status)
            };
            (None, None, configs.into_iter().map(row).collect())
        }
    }
}

fn read(row: CallRow) -> PyResult<(u64, Call)> {
    let CallRow(at, operation, function, qualifier, value, version, fails) = row;
    let limit = || {
        let limit = u32::try_from(value).ok().filter(|&limit| limit <= MAX_LIMIT);
        limit.ok_or_else(|| PyValueError::new_err("value: out of range"))
    };
    let call = match operation.as_str() {
        "SetConcurrencyLimit" => Call::SetConcurrencyLimit { value: limit()? },
        "PutFunctionConcurrency" => Call::PutFunctionConcurrency { function, value: limit()? },
        "GetFunctionConcurrency" => Call::GetFunctionConcurrency { function },
        "DeleteFunctionConcurrency" => Call::DeleteFunctionConcurrency { function },
        "PutProvisionedConcurrencyConfig" => {
            Call::PutProvisionedConcurrency { function, qualifier, value, fails }
        }
        "GetProvisionedConcurrencyConfig" => {
            Call::GetProvisionedConcurrency { function, qualifier }
        }
        "ListProvisionedConcurrencyConfigs" => Call::ListProvisionedConcurrency { function },
        "DeleteProvisionedConcurrencyConfig" => {
            Call::DeleteProvisionedConcurrency { function, qualifier }
        }
        "UpdateAlias" => Call::UpdateAlias { function, alias: qualifier, version },
        "DeleteAlias" => Call::DeleteAlias { function, alias: qualifier },
        _ => return Err(PyValueError::new_err(format!("operation: unknown {operation}"))),
    };
    Ok((at, call))
}
