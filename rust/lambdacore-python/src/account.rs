//! The engine's account, made and checked when a Python `Account` is.

use lambdacore::{
    Function, Profile, Provisioning, RateRamp, RateScope, RateWindow, Rates, Scaling, UnknownTarget,
};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::errors::configuration_error;

/// A checked account, as the engine runs it.
#[pyclass(frozen, module = "lambdacore._core")]
pub(crate) struct Account {
    pub(crate) account: lambdacore::Account,
}

/// A function, field by field, as `Account` in Python lists them.
#[derive(FromPyObject)]
struct FunctionRow(
    String,
    Option<u32>,
    u64,
    u64,
    u32,
    Vec<(String, u32)>,
    Vec<(String, u32)>,
    Option<String>,
);

/// A profile, field by field; times in nanoseconds.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
#[allow(clippy::struct_excessive_bools)]
struct ProfileRow {
    environments: bool,
    scaling: String,
    scaling_burst: u32,
    scaling_interval: u64,
    scaling_window: u64,
    rps_scope: String,
    rps_window: String,
    rps_count_all: bool,
    rps_per_concurrency: u32,
    rps_window_length: u64,
    rps_burst: u64,
    rps_ramp: bool,
    rps_ramp_burst: u32,
    rps_ramp_interval: u64,
    pc_prep: u64,
    pc_interval: u64,
    pc_burst: Option<u32>,
    pc_claim_allocated: bool,
    pc_throttle_excess: bool,
    keep_overhang: bool,
    hard_account_cap: bool,
    config_delay: u64,
}

#[pymethods]
impl Account {
    /// Functions as (name, reserved, init, idle timeout, versions, aliases, provisioned, the
    /// alias that the name alone means), times in nanoseconds; the profile as a dict.
    #[new]
    #[pyo3(signature = (*, concurrency_limit, unreserved_floor, functions, profile))]
    fn new(
        py: Python<'_>,
        concurrency_limit: u32,
        unreserved_floor: Option<u32>,
        functions: Vec<FunctionRow>,
        profile: ProfileRow,
    ) -> PyResult<Self> {
        let functions = functions.into_iter().map(FunctionRow::into_function).collect();
        lambdacore::Account::new(concurrency_limit, unreserved_floor, functions, profile.read()?)
            .map(|account| Self { account })
            .map_err(|error| configuration_error(py, &error))
    }

    #[getter]
    fn unreserved_concurrency(&self) -> u32 {
        self.account.unreserved_concurrency()
    }

    #[getter]
    fn unreserved_floor(&self) -> u32 {
        self.account.unreserved_floor(self.account.concurrency_limit())
    }

    /// What a label of a trace names: its target and the row of its function. `None` where no
    /// function is known, and no target where only the version or alias is not.
    fn target(&self, label: &str) -> Option<(Option<u32>, u32)> {
        match self.account.target(label) {
            Ok(target) => Some((Some(target), self.account.function_of(target))),
            Err(UnknownTarget::Function) => None,
            Err(UnknownTarget::Qualifier) => {
                let name = label.split_once(':').map_or(label, |(name, _)| name);
                self.account.function(name).map(|function| (None, function))
            }
        }
    }

    /// The version, as a target, that a target means at the start.
    fn version_of(&self, target: u32) -> PyResult<u32> {
        self.check_traced(&[target])?;
        Ok(self.account.version_of(target))
    }

    /// The versions of a function, as targets, `$LATEST` first.
    fn versions(&self, function: usize) -> PyResult<Vec<u32>> {
        if function >= self.account.functions().len() {
            return Err(PyValueError::new_err("function: no such row"));
        }
        Ok(self.account.versions_of(function).collect())
    }

    /// What is provisioned at the start: versions, as targets, and how many of each.
    fn provisioned(&self) -> Vec<(u32, u32)> {
        self.account.provisioned().collect()
    }
}

impl FunctionRow {
    fn into_function(self) -> Function {
        Function {
            name: self.0,
            reserved_concurrency: self.1,
            init_duration: self.2,
            idle_timeout: self.3,
            versions: self.4,
            aliases: self.5,
            provisioned_concurrency: self.6,
            unqualified: self.7,
        }
    }
}

impl ProfileRow {
    fn read(&self) -> PyResult<Profile> {
        let unknown = |what: &str| PyValueError::new_err(format!("{what}: unknown"));
        let (burst, interval, length) =
            (self.scaling_burst, self.scaling_interval, self.scaling_window);
        let scaling = match self.scaling.as_str() {
            "off" => Scaling::Off,
            "bucket" => Scaling::Bucket { burst, interval, regional: false },
            "legacy" => Scaling::Bucket { burst, interval, regional: true },
            "step10" => Scaling::Tumbling { burst, length },
            "sliding10" => Scaling::Sliding { burst, length },
            _ => return Err(unknown("scaling")),
        };
        let rates = Rates {
            scope: match self.rps_scope.as_str() {
                "off" => RateScope::Off,
                "documented" => RateScope::Documented,
                "partitioned" => RateScope::Partitioned,
                _ => return Err(unknown("rps_scope")),
            },
            window: match self.rps_window.as_str() {
                "tumbling" => RateWindow::Tumbling,
                "sliding" => RateWindow::Sliding,
                "bucket" => RateWindow::Bucket { burst: self.rps_burst },
                _ => return Err(unknown("rps_window")),
            },
            count_all: self.rps_count_all,
            per_unit: self.rps_per_concurrency,
            second: self.rps_window_length,
        };
        let provisioning = Provisioning {
            prep: self.pc_prep,
            interval: self.pc_interval,
            regional_burst: self.pc_burst,
            claim_allocated: self.pc_claim_allocated,
            throttle_excess: self.pc_throttle_excess,
        };
        Ok(Profile {
            environments: self.environments,
            scaling,
            rates,
            ramp: self.rps_ramp.then_some(RateRamp {
                burst: self.rps_ramp_burst,
                interval: self.rps_ramp_interval,
                second: self.rps_window_length,
            }),
            provisioning,
            keep_overhang: self.keep_overhang,
            hard_account_cap: self.hard_account_cap,
            config_delay: self.config_delay,
        })
    }
}

impl Account {
    /// Checks that each index of a trace means a target of the account.
    pub(crate) fn check_traced(&self, traced: &[u32]) -> PyResult<()> {
        match traced.iter().find(|&&target| !self.account.is_target(target)) {
            None => Ok(()),
            Some(target) => Err(PyValueError::new_err(format!("traced: bad target {target}"))),
        }
    }
}
