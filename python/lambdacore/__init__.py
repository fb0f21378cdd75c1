"""lambdacore says which AWS Lambda concurrency limits your traffic needs.

An account of AWS Lambda has a pool of concurrent executions. Functions share it or reserve
a part; what finds no room is throttled. lambdacore replays traffic against such limits,
exactly and fast, and returns numpy arrays of throttles and concurrency; and it enforces them
inside a program, as a limiter for threads.

>>> import lambdacore as lc
>>> trace = lc.Trace(arrival=[0.0] * 30, function="checkout", duration=0.2)
>>> lc.simulate(lc.Account.for_trace(trace, 20, unreserved_floor=0), trace)
<Result: 30 arrivals of 1 function at a limit of 20: 10 throttled (33.3 %)>
"""

import importlib
from typing import Any

from lambdacore import _core
from lambdacore._core import AdmissionController, Handle, Permit, Permits, Throttle
from lambdacore._intervals import Interval
from lambdacore.account import Account
from lambdacore.arrivals import (
    Arrivals,
    Batches,
    Deterministic,
    Every,
    MarkovModulated,
    OnOff,
    Poisson,
    Renewal,
    Superposition,
)
from lambdacore.compare import Comparison, compare
from lambdacore.controller import FunctionSnapshot, PoolSnapshot, Snapshot
from lambdacore.cron import Cron
from lambdacore.distributions import (
    BoundedPareto,
    Constant,
    Distribution,
    Empirical,
    Exponential,
    Gamma,
    LogNormal,
    Mixture,
    Quantiles,
    Uniform,
    Weibull,
)
from lambdacore.engine import Engine
from lambdacore.ensemble.checkpoint import CheckpointError
from lambdacore.ensemble.tasks import Failure, ReplicationError
from lambdacore.errors import (
    ConfigurationError,
    ForkError,
    LambdacoreError,
    PermitError,
    SeriesSizeError,
    ThrottledError,
    TraceError,
)
from lambdacore.function import Function
from lambdacore.monte_carlo import monte_carlo
from lambdacore.outcome import Outcome
from lambdacore.precision import Precision
from lambdacore.profile import Profile
from lambdacore.rate import Rate
from lambdacore.readers import (
    DataQuality,
    ReadLimits,
    WorkloadQuality,
    read_azure2019,
    read_trace,
    write_trace,
)
from lambdacore.recorded import Counts, Recorded
from lambdacore.required import RequiredConcurrency, required_concurrency
from lambdacore.required_workload import RequiredEstimate
from lambdacore.result import Result
from lambdacore.runs import Bands, Runs
from lambdacore.schedule import Answer, Call, Schedule
from lambdacore.simulate import simulate
from lambdacore.summary import Summary
from lambdacore.sweep import Sweep, sweep
from lambdacore.trace import Trace
from lambdacore.workload import Stream, Workload

__version__: str = _core.__version__

__all__ = [
    "Account",
    "AdmissionController",
    "Answer",
    "Arrivals",
    "Bands",
    "Batches",
    "BoundedPareto",
    "Call",
    "CheckpointError",
    "Comparison",
    "ConfigurationError",
    "Constant",
    "Counts",
    "Cron",
    "DataQuality",
    "Deterministic",
    "Distribution",
    "Empirical",
    "Engine",
    "Every",
    "Exponential",
    "Failure",
    "ForkError",
    "Function",
    "FunctionSnapshot",
    "Gamma",
    "Handle",
    "Interval",
    "LambdacoreError",
    "LogNormal",
    "MarkovModulated",
    "Mixture",
    "OnOff",
    "Outcome",
    "Permit",
    "PermitError",
    "Permits",
    "Poisson",
    "PoolSnapshot",
    "Precision",
    "Profile",
    "Quantiles",
    "Rate",
    "ReadLimits",
    "Recorded",
    "Renewal",
    "ReplicationError",
    "RequiredConcurrency",
    "RequiredEstimate",
    "Result",
    "Runs",
    "Schedule",
    "SeriesSizeError",
    "Snapshot",
    "Stream",
    "Summary",
    "Superposition",
    "Sweep",
    "Throttle",
    "ThrottledError",
    "Trace",
    "TraceError",
    "Uniform",
    "Weibull",
    "Workload",
    "WorkloadQuality",
    "compare",
    "monte_carlo",
    "read_azure2019",
    "read_trace",
    "required_concurrency",
    "simulate",
    "sweep",
    "write_trace",
]


def __getattr__(name: str) -> Any:
    # Reached as attributes without an import of their own, and imported only then.
    if name in ("plot", "testing", "theory", "xray"):
        return importlib.import_module(f"lambdacore.{name}")
    raise AttributeError(f"module 'lambdacore' has no attribute {name!r}")


if _core.DEBUG_BUILD:
    import warnings

    warnings.warn(
        "this is a debug build of lambdacore, many times slower: build with --release",
        RuntimeWarning,
        stacklevel=2,
    )
