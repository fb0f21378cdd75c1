"""What is simulated, and what the exact answers are."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

import lambdacore as lc

__all__ = ["COLD_MEAN", "IDLE", "TASKS", "WARM_MEAN", "WORKLOADS", "Function", "Task"]

#: W2: mean seconds of a warm and of a cold run, and of the time that idle environments last.
WARM_MEAN, COLD_MEAN, IDLE = 2.0, 2.5, 600.0


@dataclass(frozen=True)
class Function:
    """A function of W3."""

    name: str
    rate: float
    mean: float
    sigma: float
    reserved: int | None

    @property
    def mu(self) -> float:
        """Mean of the logarithm of the duration."""
        return float(np.log(self.mean) - self.sigma**2 / 2)


def _functions() -> tuple[Function, ...]:
    weights = 1 / np.arange(1, 201)
    means, sigmas = (0.25, 0.55, 0.8, 0.45, 0.65), (0.5, 1.0, 1.5)
    reserved = {1: 80, 3: 90, 7: 30, 20: 10, 50: 5}
    return tuple(
        Function(
            f"f{i}",
            float(2_000 * weights[i - 1] / weights.sum()),
            means[(i - 1) % 5],
            sigmas[(i - 1) % 3],
            reserved.get(i),
        )
        for i in range(1, 201)
    )


@dataclass(frozen=True)
class Task:
    """A workload as the peers simulate it, and the number that they are to find."""

    key: str
    title: str
    #: What is counted: the share of calls that is throttled, or that starts cold.
    share: str
    #: Calls a second.
    rate: float
    limit: int
    #: The share, and how far it is unknown itself (a standard error).
    exact: float
    source: str
    #: Seconds that are run before anything is counted, for all begin empty.
    lead: float
    unknown: float = 0.0
    functions: tuple[Function, ...] = field(default=(), repr=False)

    @property
    def pools(self) -> list[int]:
        """W3: limits of the pools, the one that functions share first."""
        reserved = [f.reserved for f in self.functions if f.reserved is not None]
        return [self.limit - sum(reserved), *reserved]

    @property
    def pool_of(self) -> list[int]:
        """W3: the pool of each function."""
        found, own = [], 0
        for function in self.functions:
            own += function.reserved is not None
            found.append(own if function.reserved is not None else 0)
        return found


def _one_pool() -> Task:
    return Task(
        "W1", "one pool: Poisson 1,000/s, exponential 1 s, limit 1,000", "throttled",
        1_000.0, 1_000, float(lc.theory.erlang_b(1_000, 1_000.0)), "Erlang B", lead=20,
    )  # fmt: skip


def _environments() -> Task:
    # `python benches/peers/cold.py` explains and makes the number. What ran before counts for as
    # long as idle environments last, and no longer: the lead is longer than that.
    return Task(
        "W2", "environments: Poisson 10/s, warm 2.0 s, cold 2.5 s, idle for 600 s", "cold",
        10.0, 1_000, 2.9134e-4, "first passages of M/M/∞, corrected: cold.py", lead=1_000,
        unknown=1e-7,
    )  # fmt: skip


def _many() -> Task:
    functions = _functions()
    rate = sum(f.rate for f in functions)
    task = Task(
        "W3", "200 functions: Zipf, 2,000/s, lognormal, limit 1,000, 5 reservations", "throttled",
        rate, 1_000, 0.0, "Erlang B by pool", lead=100, functions=functions,
    )  # fmt: skip
    # Pools do not overlap, and a loss system heeds only the mean of a law.
    rates, loads = np.zeros(len(task.pools)), np.zeros(len(task.pools))
    for function, pool in zip(functions, task.pool_of, strict=True):
        rates[pool] += function.rate
        loads[pool] += function.rate * function.mean
    lost = rates @ lc.theory.erlang_b(task.pools, loads) / rate
    return replace(task, exact=float(lost))


TASKS = {task.key: task for task in (_one_pool(), _environments(), _many())}


def _many_streams() -> dict[str, lc.Stream]:
    return {
        f.name: lc.Stream(
            lc.Poisson(f.rate), lc.LogNormal(f.mean, float(np.sqrt(np.expm1(f.sigma**2))))
        )
        for f in TASKS["W3"].functions
    }


#: An init after which, with the duration, a cold run is exponential with mean 2.5 s: its transform
#: (1 + 2 s) / (1 + 2.5 s) is 0.8 + 0.2 / (1 + 2.5 s), nothing or else as long as a whole cold run.
_INIT = lc.Mixture(
    [0.0, lc.Exponential(COLD_MEAN)], [WARM_MEAN / COLD_MEAN, 1 - WARM_MEAN / COLD_MEAN]
)

#: The same as lambdacore has it: the account and its traffic.
WORKLOADS = {
    "W1": lc.Workload({"f": lc.Stream(lc.Poisson(1_000), lc.Exponential(1.0))}),
    "W2": lc.Workload({"f": lc.Stream(lc.Poisson(10), lc.Exponential(WARM_MEAN), init=_INIT)}),
    "W3": lc.Workload(_many_streams()),
}
