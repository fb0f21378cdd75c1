"""lambdacore: Monte Carlo on one thread, and the replay of a trace on the wheel and on the heap.

The heap is the loop that stays in the engine as the reference: `BinaryHeap` of Rust's standard
library, under the very same rules. The trace of a replay is drawn before it is timed.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable

import numpy as np
from contest import FIRST, Contestant, Run
from workloads import IDLE, TASKS, WORKLOADS

import lambdacore as lc
from lambdacore import _core

ACCOUNTS = {
    key: lc.Account.for_trace(
        WORKLOADS[key], task.limit, unreserved_floor=0,
        reserve={f.name: f.reserved for f in task.functions if f.reserved is not None},
        # W2 needs environments; its scaling rate never binds. What is off costs nothing.
        profile="pools-2026" if key == "W2" else "pure-pools", idle_timeout=IDLE,
    )
    for key, task in TASKS.items()
}  # fmt: skip


def _monte_carlo(key: str, calls: int, lead: int, seed: int) -> Run:
    rate = TASKS[key].rate
    began = time.process_time()
    runs = lc.monte_carlo(
        ACCOUNTS[key], WORKLOADS[key], horizon=(calls - lead) / rate, warm_up=lead / rate,
        replications=1, rng=seed, threads=1, progress=False,
    )  # fmt: skip
    seconds = time.process_time() - began
    found = runs.cold_starts if TASKS[key].share == "cold" else runs.throttles
    counted = float(runs.arrivals.sum())
    # Those of the lead are not counted: about as many a second.
    return Run(counted * calls / (calls - lead), seconds, counted, float(found.sum()))


@functools.lru_cache(maxsize=1)
def _trace(key: str, calls: int, seed: int) -> lc.Trace:
    return WORKLOADS[key].sample(calls / TASKS[key].rate, seed)


def _wheel(account: lc.Account, trace: lc.Trace) -> np.ndarray:
    return lc.simulate(account, trace).outcome


def _heap(account: lc.Account, trace: lc.Trace) -> np.ndarray:
    targets = [account.resolve(name)[0] for name in trace.functions]
    timeline = lc.Schedule()._judge(account)[1]
    columns = trace._columns()
    return _core.simulate(account._engine, columns, targets, timeline=timeline, engine="heap")[0]


Replay = Callable[[lc.Account, lc.Trace], np.ndarray]


def _replay(key: str, replay: Replay, calls: int, lead: int, seed: int) -> Run:
    trace = _trace(key, calls, seed)
    began = time.process_time()
    outcome = replay(ACCOUNTS[key], trace)
    seconds = time.process_time() - began
    rest = outcome[lead:]
    wanted = rest == lc.Outcome.COLD if TASKS[key].share == "cold" else rest >= FIRST_THROTTLED
    return Run(len(trace), seconds, len(rest), float(wanted.sum()))


FIRST_THROTTLED = min(code for code in lc.Outcome if code.throttled)


def contestants() -> list[Contestant]:
    """Make them."""
    replays: dict[str, Replay] = {FIRST[False]: _wheel, "Rust BinaryHeap, replay": _heap}
    calls = {"W1": 8_000_000, "W2": 10_000_000, "W3": 6_000_000}
    return [
        Contestant(
            FIRST[True], {key: functools.partial(_monte_carlo, key) for key in TASKS}, calls
        ),
        *(
            Contestant(
                name,
                {key: functools.partial(_replay, key, replay) for key in TASKS},
                dict.fromkeys(TASKS, 4_000_000),
                draws=False,
            )
            for name, replay in replays.items()
        ),
    ]
