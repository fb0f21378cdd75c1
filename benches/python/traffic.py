"""Traffic and accounts that the benchmarks share: Poisson calls of one exponential second."""

from __future__ import annotations

import numpy as np

import lambdacore as lc

__all__ = ["RULES", "account", "schedule", "trace", "workload"]

#: The rules that are on: a loss system; environments, inits and the scaling rate; with request
#: rates, the default; everything, with a change every second.
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
    reservation, as far as the limit goes.
    """
    names = traffic.functions if rules == "all" else ()
    share = limit // (4 * len(traffic.functions))
    profiles = {
        "pools": "pure-pools",
        "environments": "pools-2026",
        "rates": "aws-2026",
        "all": lc.Profile(scaling="sliding10", rps_counts="all"),
    }
    return lc.Account.for_trace(
        traffic,
        limit,
        reserve=dict.fromkeys(names[::8], 3 * share),
        provision=dict.fromkeys(names[::4], share),
        unreserved_floor=0,
        profile=profiles[rules],
        init_duration=0.2,
    )


def schedule(traffic: lc.Trace, limit: int, rules: str) -> lc.Schedule | None:
    """With all rules, change a reservation every second; otherwise nothing."""
    if rules != "all":
        return None
    names, share = traffic.functions, limit // (4 * len(traffic.functions))
    return lc.Schedule(
        lc.Call(
            second * 10**9,
            "PutFunctionConcurrency",
            names[second % len(names)],
            value=2 * share + second % 7,
        )
        for second in range(int(traffic.arrival[-1] / 1e9))
    )
