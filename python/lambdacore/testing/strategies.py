"""Hypothesis strategies: small traces and accounts in which everything happens often."""

from __future__ import annotations

from typing import Any

import numpy as np

from lambdacore._optional import needs
from lambdacore.account import Account, Function
from lambdacore.profile import Profile
from lambdacore.trace import Trace

with needs("hypothesis", "testing"):
    from hypothesis import strategies as st

__all__ = ["accounts", "cases", "traces"]

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
) -> Trace:
    """Make traces of a few functions at a few nanoseconds, so that ties are common.

    Parameters
    ----------
    max_functions, max_invocations : int
        How many there are at most; there may be no invocation.
    last_arrival, max_duration : int
        Nanoseconds; durations of zero are common.
    """
    functions = draw(st.integers(1, max_functions))
    rows = st.tuples(
        st.integers(0, last_arrival), st.integers(0, functions - 1), st.integers(0, max_duration)
    )
    drawn = draw(st.lists(rows, max_size=max_invocations))
    arrival, function, duration = np.array(drawn, dtype=np.int64).reshape(-1, 3).T
    return Trace(arrival, function, duration, functions=[f"f{i}" for i in range(functions)])


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
) -> Account:
    """Make accounts for a trace, with small limits and every feature on or off.

    Parameters
    ----------
    trace : Trace
        Whose functions the account declares.
    max_limit : int
        Of the unreserved pool and of each reservation.
    environments, scaling : bool, optional
        Fix a switch; None draws it.
    init, idle_expiry, reserve : bool
        Whether cold starts may take time, idle environments expire, functions reserve.
    """
    small = st.integers(0, max_limit)
    nanoseconds = st.integers(0, 12)
    functions = [
        Function(
            name,
            reserved_concurrency=draw(st.none() | small) if reserve else None,
            init_duration=draw(nanoseconds) * _NANOSECOND if init else 0.0,
            idle_timeout=draw(nanoseconds) * _NANOSECOND
            if idle_expiry and draw(st.booleans())
            else float("inf"),
        )
        for name in trace.functions
    ]
    reserved = sum(f.reserved_concurrency or 0 for f in functions)
    with_environments = draw(st.booleans()) if environments is None else environments
    with_scaling = draw(st.booleans()) if scaling is None else scaling
    profile = Profile(
        name="small",
        environments="on" if with_environments else "off",
        scaling="bucket" if with_scaling else "off",
        scaling_burst=draw(st.integers(0, 3)),
        scaling_rate=1e9 / draw(st.integers(1, 10)),
    )
    return Account(reserved + draw(small), functions, unreserved_floor=0, profile=profile)


@st.composite
def cases(draw: st.DrawFn, /, **account_options: Any) -> tuple[Account, Trace]:
    """Make a trace and an account for it; options as for `accounts`."""
    trace = draw(traces())
    return draw(accounts(trace, **account_options)), trace
