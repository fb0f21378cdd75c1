"""Traffic and accounts that the benchmarks share: Poisson calls of one exponential second."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

import lambdacore as lc

__all__ = ["RULES", "account", "schedule", "trace", "workload"]

#: The rules that are on: a loss system; environments, inits and the scaling rate; with request
#: rates, the default; everything, with a change every thousand calls.
RULES = ("pools", "environments", "rates", "all")


def trace(invocations: int, in_flight: int, functions: int = 1) -> lc.Trace:
    """Draw a trace that keeps so many running in the mean, evenly of all functions."""
    rng = np.random.default_rng(in_flight)
    return lc.Trace(
        np.cumsum(rng.exponential(1 / in_flight, invocations)),
        rng.integers(0, functions, invocations),
        rng.exponential(1.0, invocations),
        [f"f{i}" for i in range(functions)],
    )


def workload(in_flight: float, functions: int = 1) -> lc.Workload:
    """Describe the same traffic."""
    stream = lc.Stream(lc.Poisson(in_flight / functions), lc.Exponential(1.0))
    return lc.Workload({f"f{i}": stream for i in range(functions)})


def account(traffic: lc.Trace | lc.Workload, limit: int, rules: str = "pools") -> lc.Account:
    """Make an account that is as large as the mean load, by the rules that are on.

    With all of them a quarter of the functions has provisioned concurrency, an eighth a
    reservation near its mean load, in all no more than a quarter of the limit each.
    """
    names = traffic.functions if rules == "all" else ()
    share = _share(traffic, limit)
    profiles = {
        "pools": "pure-pools",
        "environments": "pools-2026",
        "rates": "aws-2026",
        "all": lc.Profile(scaling="sliding10", rps_counts="all"),
    }
    return lc.Account.for_trace(
        traffic,
        limit,
        reserve=dict.fromkeys(_reserved(names, limit, share), 4 * share),
        provision=dict.fromkeys(names[::4][: limit // (4 * share)], share),
        unreserved_floor=0,
        profile=profiles[rules],
        init_duration=0.2,
    )


def _share(traffic: lc.Trace | lc.Workload, limit: int) -> int:
    return max(1, limit // (4 * len(traffic.functions)))


def _reserved(names: Sequence[str], limit: int, share: int) -> Sequence[str]:
    return names[::8][: limit // (16 * share)]


def schedule(traffic: lc.Trace, limit: int, rules: str) -> lc.Schedule | None:
    """With all rules, change a reservation every thousand calls; otherwise nothing."""
    if rules != "all":
        return None
    share = _share(traffic, limit)
    names = _reserved(traffic.functions, limit, share) or traffic.functions[:1]
    return lc.Schedule(
        lc.Call(
            int(at),
            "PutFunctionConcurrency",
            names[number % len(names)],
            value=min(4 * share + number % 3, limit),
        )
        for number, at in enumerate(traffic.arrival[::1_000])
    )
