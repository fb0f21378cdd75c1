"""Hypothesis strategies: small traces and accounts in which everything happens often."""

from __future__ import annotations

from typing import Any

import numpy as np

from lambdacore._optional import needs
from lambdacore.account import Account
from lambdacore.function import declare
from lambdacore.profile import Profile
from lambdacore.schedule import Schedule
from lambdacore.trace import Trace

with needs("hypothesis", "testing"):
    from hypothesis import strategies as st

__all__ = ["accounts", "cases", "schedules", "traces"]

_NANOSECOND = 1e-9


@st.composite
def traces(
    draw: st.DrawFn,
    /,
    *,
    max_functions: int = 3,
    max_invocations: int = 40,
    last_arrival: int = 30,
    max_duration: int = 12,
    qualified: bool = False,
    init: bool = True,
) -> Trace:
    """Make traces of a few functions at a few nanoseconds, so that ties are common.

    Parameters
    ----------
    max_functions, max_invocations : int
        How many there are at most; there may be no invocation.
    last_arrival, max_duration : int
        Nanoseconds; durations of zero are common.
    qualified : bool
        Whether functions are also invoked by version and alias; then each has two versions and
        an alias ``live``.
    init : bool
        Whether traces may have a column of inits, in which a row may leave it to the account.
    """
    functions = draw(st.integers(1, max_functions))
    names = [f"f{i}" for i in range(functions)]
    if qualified:
        names = [f"{name}{q}" for name in names for q in ("", ":live", ":1", ":2", ":$LATEST")]
    rows = st.tuples(
        st.integers(0, last_arrival), st.integers(0, len(names) - 1), st.integers(0, max_duration)
    )
    drawn = draw(st.lists(rows, max_size=max_invocations))
    arrival, function, duration = np.array(drawn, dtype=np.int64).reshape(-1, 3).T
    own = st.lists(st.integers(-1, 12), min_size=len(drawn), max_size=len(drawn))
    inits = draw(st.none() | own) if init else None
    return Trace(
        arrival,
        function,
        duration,
        functions=names,
        init=None if inits is None else np.array(inits, dtype=np.int64),
    )


@st.composite
def accounts(
    draw: st.DrawFn,
    /,
    trace: Trace,
    *,
    max_limit: int = 4,
    environments: bool | None = None,
    scaling: bool | None = None,
    init: bool = True,
    idle_expiry: bool = True,
    reserve: bool = True,
    provision: bool = True,
    rates: str | None = None,
) -> Account:
    """Make accounts for a trace, with small limits and every feature on or off.

    Parameters
    ----------
    trace : Trace
        Whose functions the account declares.
    max_limit : int
        Of the unreserved pool and of each reservation.
    environments, scaling : bool, optional
        Fix a switch; None draws it. With scaling fixed to True it is a bucket for each
        function; drawn, it may be of any regime.
    init, idle_expiry, reserve, provision : bool
        Whether the account lets cold starts take time, idle environments expire, functions
        reserve, and have provisioned concurrency.
    rates : str, optional
        The scope of request rates; None draws it.
    """
    small = st.integers(0, max_limit)
    nanoseconds = st.integers(0, 12)
    functions = []
    for declared in declare(trace.functions):
        reserved = draw(st.none() | small) if reserve else None
        most = min(max_limit if reserved is None else reserved, 3)
        provisioned: Any = draw(st.integers(0, most)) if provision else 0
        if provisioned and declared.aliases:
            provisioned = {draw(st.sampled_from(["live", "1"])): provisioned}
        functions.append(
            declared.replace(
                reserved_concurrency=reserved,
                provisioned_concurrency=provisioned or None,
                init_duration=draw(nanoseconds) * _NANOSECOND if init else 0.0,
                idle_timeout=draw(nanoseconds) * _NANOSECOND
                if idle_expiry and draw(st.booleans())
                else float("inf"),
            )
        )
    with_environments = draw(st.booleans()) if environments is None else environments
    regime = "bucket" if scaling else "off"
    if scaling is None:
        regime = draw(st.sampled_from(["bucket", "step10", "sliding10", "legacy", "off"]))
    # Lengths that divide a second, so that a shift by whole seconds moves no window.
    lengths = st.sampled_from([1, 2, 5, 10])

    def word(*options: str) -> str:
        return draw(st.sampled_from(options))

    values: dict[str, Any] = {
        "environments": "on" if with_environments else "off",
        "scaling": regime,
        "scaling_burst": draw(st.integers(0, 3)),
        "scaling_rate": 1e9 / draw(st.integers(1, 10)),
        "scaling_window": draw(lengths) * _NANOSECOND,
        "rps_scope": rates or word("off", "documented", "partitioned"),
    }
    if values["rps_scope"] != "off":
        values |= {
            "rps_per_concurrency": draw(st.integers(1, 3)),
            "rps_window": word("tumbling", "sliding", "bucket"),
            "rps_counts": word("admitted", "all"),
            "rps_window_length": draw(lengths) * _NANOSECOND,
            "rps_burst": draw(lengths) * _NANOSECOND,
        }
    if scaling is None and rates is None and draw(st.booleans()):
        values |= {
            "rps_ramp": "level",
            "rps_ramp_burst": draw(st.integers(0, 3)),
            "rps_ramp_rate": 1e9 / draw(st.integers(1, 10)),
        }
    if provision:
        values |= {
            "pc_rps_excess": word("spill", "throttle"),
            "pc_claim": word("requested", "allocated"),
            "pc_prep_s": draw(nanoseconds) * _NANOSECOND,
            "pc_ramp_rate": 1e9 / draw(st.integers(1, 4)),
            "pc_ramp_burst": draw(st.none() | small),
        }
    account = Account(2**31 - 1, functions, unreserved_floor=0, profile=Profile("small", **values))
    claimed = account.concurrency_limit - account.unreserved_concurrency
    return account.replace(concurrency_limit=claimed + draw(small))


@st.composite
def schedules(
    draw: st.DrawFn, /, account: Account, *, max_calls: int = 8, last: int = 30
) -> Schedule:
    """Make calls that change an account's configuration, many of which are refused.

    Parameters
    ----------
    account : Account
        Whose functions they are about.
    max_calls : int
        How many there are at most.
    last : int
        Nanosecond of the last one at most.
    """
    schedule = Schedule()
    qualifiers = st.sampled_from(["live", "1", "2", "$LATEST"])
    small = st.integers(0, 6)
    for at in sorted(draw(st.lists(st.integers(0, last), max_size=max_calls))):
        function = draw(st.sampled_from(account.functions)).name
        call = draw(st.integers(0, 5))
        if call == 0:
            schedule = schedule.set_concurrency_limit(at, draw(st.integers(0, 12)))
        elif call == 1:
            schedule = schedule.put_function_concurrency(at, function, draw(small))
        elif call == 2:
            schedule = schedule.delete_function_concurrency(at, function)
        elif call == 3:
            qualifier, value = draw(qualifiers), draw(small)
            schedule = schedule.put_provisioned_concurrency_config(at, function, qualifier, value)
        elif call == 4:
            qualifier = draw(qualifiers)
            schedule = schedule.delete_provisioned_concurrency_config(at, function, qualifier)
        else:
            schedule = schedule.update_alias(at, function, "live", draw(st.integers(0, 2)))
    return schedule


@st.composite
def cases(
    draw: st.DrawFn, /, *, qualified: bool = False, **account_options: Any
) -> tuple[Account, Trace]:
    """Make a trace and an account for it; options as for `traces` and `accounts`."""
    trace = draw(traces(qualified=qualified, init=account_options.get("init", True)))
    return draw(accounts(trace, **account_options)), trace
