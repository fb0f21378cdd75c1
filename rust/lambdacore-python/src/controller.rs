//! The live controller, as Python has it: `lambdacore.AdmissionController`.
//!
//! A call costs some tens of nanoseconds, so these classes are what users hold, without a layer
//! of Python above: arguments that pass the quick checks here go to the engine, and all others
//! to `lambdacore._check` and `Account.resolve`, which say what is wrong.

mod batch;
mod change;
mod handle;
mod owner;
mod permit;
mod throttle;
mod wait;

use std::sync::Arc;

use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};

pub(crate) use batch::Permits;
pub(crate) use handle::Handle;
pub(crate) use owner::register_at_fork;
use owner::{Owner, Target};
pub(crate) use permit::Permit;
pub(crate) use throttle::Throttle;
use wait::Timeout;

use crate::account::Account;
use crate::errors::{check, refuse_copies, unsupported};

/// Admission to an account, live: the rule of a simulation as a limiter inside a program.
///
/// It decides as `simulate` does whose traffic is the calls: `try_acquire` and `acquire` are
/// arrivals, giving a permit back is a completion. It holds no environments: the scaling rate is
/// off, an admission that is not on a provisioned environment is ``WARM``, and provisioned
/// concurrency is ready at once. Any number of threads may use it, without waiting for each other.
///
/// Parameters
/// ----------
/// account : Account
///     The limits. Request rates, if its profile has them, must be in tumbling windows.
/// clock : callable, optional
///     Gives the time for request rates, and is called for nothing else: integer nanoseconds
///     from a zero of its own, below 2^63, that do not go back. None: the clock of the
///     process, from now on.
///
/// Raises
/// ------
/// ConfigurationError
///     What is not an account or a callable; a limit of 2^24 or more, or other windows of
///     request rates than tumbling ones, which the counters cannot hold.
///
/// Notes
/// -----
/// The account's profile counts. The default one limits requests as well, to ten a second for each
/// unit of concurrency, as AWS does; for concurrency alone take ``profile="pools-2026"``. A small
/// account takes ``unreserved_floor=0``, to reserve all of it. A change takes effect at once,
/// whatever the profile's `config_delay`.
///
/// What it promises to threads is written down in ``docs/rules.md``, P1 to P12. It belongs to
/// the process that made it: in a forked child it raises `ForkError`. It cannot be copied or
/// pickled.
///
/// Examples
/// --------
/// >>> import lambdacore as lc
/// >>> account = lc.Account(functions=[lc.Function("checkout", reserved_concurrency=1)])
/// >>> controller = lc.AdmissionController(account)
/// >>> with controller.acquire("checkout"):
/// ...     controller.try_acquire("checkout")
/// <Throttle of 'checkout': RESERVED_CONCURRENCY>
#[pyclass(frozen, weakref, module = "lambdacore")]
pub(crate) struct AdmissionController {
    owner: Arc<Owner>,
    account: Py<PyAny>,
    clock: Option<Py<PyAny>>,
    /// Targets by label, as they are asked for.
    targets: Py<PyDict>,
}

#[pymethods]
impl AdmissionController {
    #[new]
    #[pyo3(signature = (account, *, clock = None))]
    fn new(account: &Bound<'_, PyAny>, clock: Option<Bound<'_, PyAny>>) -> PyResult<Self> {
        let py = account.py();
        let refuse =
            |name: &str, value, what: &str| check(py, "instance", (name, value, what, false));
        let engine = account.getattr("_engine").ok();
        let Some(engine) = engine.as_ref().and_then(|engine| engine.cast::<Account>().ok()) else {
            refuse("account", account, "an Account")?;
            unreachable!("it was refused");
        };
        if let Some(clock) = clock.as_ref().filter(|clock| !clock.is_callable()) {
            refuse("clock", clock, "a callable that gives nanoseconds")?;
        }
        let core = lambdacore::AdmissionController::new(&engine.get().account)
            .map_err(|error| unsupported(py, &error, "concurrency_limit", ""))?;
        Ok(Self {
            owner: Arc::new(Owner::new(account, core)?),
            account: account.clone().unbind(),
            clock: clock.map(Bound::unbind),
            targets: PyDict::new(py).unbind(),
        })
    }

    /// The account as it was declared. Later changes do not show; see `snapshot`.
    #[getter]
    fn account(&self, py: Python<'_>) -> Py<PyAny> {
        self.account.clone_ref(py)
    }

    /// Ask for a permit, without waiting.
    ///
    /// Parameters
    /// ----------
    /// function : str
    ///     What is invoked, as in a trace: ``"checkout"``, or by alias or version
    ///     ``"checkout:live"``, ``"checkout:3"``.
    ///
    /// Returns
    /// -------
    /// Permit or Throttle
    ///     A permit (true), to be given back when the invocation ends; or a refusal with its
    ///     cause (false).
    ///
    /// Raises
    /// ------
    /// ConfigurationError
    ///     The account declares no such function, version or alias.
    /// ForkError
    ///     The controller was made before this process was forked.
    #[pyo3(signature = (function))]
    fn try_acquire<'py>(
        &self,
        py: Python<'py>,
        function: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let target = self.target(py, function)?;
        let now = self.now(py)?;
        let owner = &*self.owner;
        match owner.core.try_acquire_on(&owner.with_gil, target.get().number, now, false) {
            Ok(permit) => Ok(Permit::new(target, permit)?.into_any()),
            Err(refused) => Ok(Throttle::new(&target, refused, now)?.into_any()),
        }
    }

    /// Ask for a permit, and wait for it if need be.
    ///
    /// Parameters
    /// ----------
    /// function : str
    ///     As for `try_acquire`.
    /// timeout : float or None
    ///     Seconds to wait at most; 0 asks once, None or ``math.inf`` waits for ever. Those who wait are not
    ///     served in the order of coming.
    ///
    /// Returns
    /// -------
    /// Permit
    ///     Also a context manager that gives the permit back.
    ///
    /// Raises
    /// ------
    /// ThrottledError
    ///     There was none in time; ``.throttle`` says why.
    /// ConfigurationError
    ///     An unknown function, or a `timeout` that is negative or NaN.
    /// ForkError
    ///     The controller was made before this process was forked.
    ///
    /// Notes
    /// -----
    /// While it waits, the GIL is released; Ctrl-C ends the wait within 100 ms. A `clock` of
    /// one's own is read 20 times a second. It is one invocation, whatever it waits: admitted, or
    /// throttled where it gives up.
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
        let target = self.target(py, function)?;
        let now = self.now(py)?;
        let owner = &*self.owner;
        let waits = !timeout.is_zero();
        match owner.core.try_acquire_on(&owner.with_gil, target.get().number, now, waits) {
            Ok(permit) => Permit::new(target, permit),
            Err(refused) if !waits => {
                Err(Throttle::error(&Throttle::new(&target, refused, now)?, None))
            }
            Err(_) => self.wait(py, target, timeout),
        }
    }

    /// Give a permit back, as ``permit.release()`` does.
    ///
    /// Parameters
    /// ----------
    /// permit : Permit
    ///     A permit of this controller.
    ///
    /// Raises
    /// ------
    /// PermitError
    ///     It is a permit of another controller, or was given back before; nothing changes.
    /// ForkError
    ///     It was taken before this process was forked.
    #[pyo3(signature = (permit))]
    fn release(&self, py: Python<'_>, permit: &Bound<'_, PyAny>) -> PyResult<()> {
        match permit.cast::<Permit>() {
            Ok(permit) if permit.get().is_of(&self.owner) => permit.get().release(py),
            Ok(_) => Err(permit::error(py, format!("{permit:?} is of another controller"))),
            Err(_) => check(py, "instance", ("permit", permit, "a Permit", false)).map(drop),
        }
    }

    /// Ask for many permits in one call, in order, without waiting.
    ///
    /// Parameters
    /// ----------
    /// functions : iterable of str, or integer array
    ///     What is invoked, one label an invocation; or numbers as `targets` gives them, which
    ///     spares looking labels up.
    ///
    /// Returns
    /// -------
    /// Permits
    ///     All permits that were granted, given back together; and each outcome.
    ///
    /// Raises
    /// ------
    /// ConfigurationError
    ///     A label or number that means nothing; then nothing was asked for.
    /// ForkError
    ///     The controller was made before this process was forked.
    ///
    /// Notes
    /// -----
    /// Each invocation is decided on its own, as by `try_acquire`. The GIL is released. A
    /// `clock` of one's own is read once.
    #[pyo3(signature = (functions))]
    fn try_acquire_many<'py>(
        &self,
        py: Python<'py>,
        functions: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, Permits>> {
        self.acquire_batch(py, functions)
    }

    /// Give the numbers of labels, for `try_acquire_many`.
    ///
    /// Parameters
    /// ----------
    /// functions : iterable of str
    ///     Labels, as for `try_acquire`.
    ///
    /// Returns
    /// -------
    /// numpy.ndarray
    ///     uint32, one a label. They hold for controllers of equal accounts.
    ///
    /// Raises
    /// ------
    /// ConfigurationError
    ///     The account declares no such function, version or alias.
    #[pyo3(signature = (functions))]
    fn targets<'py>(
        &self,
        py: Python<'py>,
        functions: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, numpy::PyArray1<u32>>> {
        Ok(numpy::PyArray1::from_vec(py, self.numbers(py, functions)?))
    }

    /// Give a handle to ask through, for one thread.
    ///
    /// Returns
    /// -------
    /// Handle
    ///     With `try_acquire` and `acquire` as here. Decisions are the same; what is noted
    ///     beside them is kept apart by thread in either case.
    #[pyo3(signature = ())]
    fn handle(slf: Bound<'_, Self>) -> PyResult<Handle> {
        slf.get().owner.refuse_fork(slf.py())?;
        Ok(Handle::new(slf.unbind()))
    }

    /// Change the account's concurrency limit, as Service Quotas grants it (rule 1.9).
    ///
    /// Nothing that runs is stopped: where more runs than may, nothing is admitted until enough
    /// has ended. From the return on, no call goes by the limit before.
    ///
    /// Parameters
    /// ----------
    /// value : int
    ///     The new limit.
    ///
    /// Raises
    /// ------
    /// ConfigurationError
    ///     AWS would refuse it, or the counters cannot hold it; nothing changes.
    /// ForkError
    ///     The controller was made before this process was forked.
    #[pyo3(signature = (value))]
    fn set_concurrency_limit(&self, py: Python<'_>, value: &Bound<'_, PyAny>) -> PyResult<()> {
        change::concurrency_limit(&self.owner, py, value)
    }

    /// Reserve concurrency for a function, as ``PutFunctionConcurrency`` does (rules 1.2 to 1.8).
    ///
    /// Parameters
    /// ----------
    /// function : str
    ///     Its name.
    /// value : int or None
    ///     How much; None takes the reservation back (``DeleteFunctionConcurrency``).
    ///
    /// Raises
    /// ------
    /// ConfigurationError
    ///     AWS would refuse it (see `aws_code`, `aws_message`); nothing changes.
    /// ForkError
    ///     The controller was made before this process was forked.
    #[pyo3(signature = (function, value))]
    fn set_reserved_concurrency(
        &self,
        py: Python<'_>,
        function: &Bound<'_, PyAny>,
        value: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        change::reserved_concurrency(&self.owner, py, function, value)
    }

    /// Provision environments, as ``PutProvisionedConcurrencyConfig`` does (rules 3.1 to 3.18).
    ///
    /// They are ready at once. One that is in use when they are made fewer ends its run.
    ///
    /// Parameters
    /// ----------
    /// label : str
    ///     A version or alias, such as ``"checkout:live"``; the name alone means the alias that
    ///     it leads to.
    /// value : int
    ///     How many; 0 removes them (``DeleteProvisionedConcurrencyConfig``).
    ///
    /// Raises
    /// ------
    /// ConfigurationError
    ///     AWS would refuse it (see `aws_code`, `aws_message`); nothing changes.
    /// ForkError
    ///     The controller was made before this process was forked.
    #[pyo3(signature = (label, value))]
    fn set_provisioned_concurrency(
        &self,
        py: Python<'_>,
        label: &Bound<'_, PyAny>,
        value: &Bound<'_, PyAny>,
    ) -> PyResult<()> {
        change::provisioned_concurrency(&self.owner, py, label, value)
    }

    /// Read all counters, without holding anyone up.
    ///
    /// Returns
    /// -------
    /// Snapshot
    ///     Each counter as it was in one instant of the call, but not all in the same: what moves
    ///     meanwhile may show twice or not at all. Totals never fall. A peak is the most since
    ///     the snapshot before, and begins anew.
    ///
    /// Raises
    /// ------
    /// ForkError
    ///     The controller was made before this process was forked.
    #[pyo3(signature = ())]
    fn snapshot<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.owner.refuse_fork(py)?;
        let read = py.detach(|| self.owner.core.snapshot());
        let pool = |p: lambdacore::PoolSnapshot| (p.limit, p.in_use, p.peak);
        let functions = read.functions.into_iter().map(|f| {
            let provisioned: Vec<_> =
                f.provisioned.into_iter().map(|(version, p)| (version, pool(p))).collect();
            (f.name, f.reserved.map(pool), provisioned, f.admitted, f.throttled)
        });
        let rows: Vec<_> = functions.collect();
        py.import("lambdacore.controller")?
            .getattr("Snapshot")?
            .call_method1("_of", (pool(read.shared), rows))
    }

    fn __repr__(&self) -> String {
        let account = self.owner.core.account();
        let functions = account.functions().len();
        let s = if functions == 1 { "" } else { "s" };
        let limit = account.concurrency_limit();
        format!(
            "<AdmissionController of {functions} function{s}, declared with a limit of {limit}>"
        )
    }

    fn __reduce__(&self, py: Python<'_>) -> PyResult<()> {
        refuse_copies(
            py,
            "an AdmissionController",
            "make one of the same account where it is needed",
        )
    }

    // Nothing to clear: a cycle through the clock goes through something that can be changed.
    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.clock)
    }
}

impl AdmissionController {
    /// What a label means. Looking it up is all there is to it from the second time on.
    #[inline]
    fn target<'py>(
        &self,
        py: Python<'py>,
        label: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, Target>> {
        self.owner.refuse_fork(py)?;
        if let Ok(Some(known)) = self.targets.bind(py).get_item(label)
            && let Ok(target) = known.cast_into()
        {
            return Ok(target);
        }
        self.resolve(py, label)
    }

    #[cold]
    fn resolve<'py>(
        &self,
        py: Python<'py>,
        label: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, Target>> {
        let label = check(py, "name", ("function", label))?.extract::<String>()?;
        let found = self.account.bind(py).call_method1("resolve", (label.as_str(),))?;
        let (number, _) = found.extract::<(u32, u32)>()?;
        // Interned, as names in a program are: they are found by identity.
        let label = PyString::intern(py, &label);
        let target = Bound::new(py, Target::new(&self.owner, number, label.clone().unbind()))?;
        self.targets.bind(py).set_item(label, &target)?;
        Ok(target)
    }

    /// The time for request rates, if there are any.
    #[inline]
    fn now(&self, py: Python<'_>) -> PyResult<u64> {
        if !self.owner.core.has_rates() {
            return Ok(0);
        }
        self.clock.as_ref().map_or_else(|| Ok(self.owner.core.now()), |clock| wait::read(py, clock))
    }
}
