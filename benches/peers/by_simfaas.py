"""SimFaaS as its own examples use it: one function, whose environments it scans at each event.

It has no reserved concurrency and no second function, so it cannot do W3. It takes the idle
environment that was *created* last; see `cold.py`.
"""

from __future__ import annotations

import time

import numpy as np
from contest import Contestant, MissingError, Run
from workloads import COLD_MEAN, IDLE, TASKS, WARM_MEAN

try:
    from simfaas.ServerlessSimulator import ServerlessSimulator
except ImportError:
    raise MissingError("SimFaaS", "pip install simfaas") from None


def _timed(key, warm, cold, which):
    task = TASKS[key]

    def run(calls: int, lead: int, seed: int) -> Run:
        np.random.seed(seed)  # noqa: NPY002 (its own draws are numpy's old ones)
        began = time.process_time()
        simulator = ServerlessSimulator(
            arrival_rate=task.rate, warm_service_rate=1 / warm, cold_service_rate=1 / cold,
            expiration_threshold=IDLE, maximum_concurrency=task.limit, max_time=calls / task.rate,
        )  # fmt: skip
        simulator.generate_trace()
        seconds = time.process_time() - began
        times = np.array(simulator.hist_times)
        after = {
            name: int(
                (times[getattr(simulator, f"hist_req_{name}_idxs")] >= lead / task.rate).sum()
            )
            for name in ("cold", "warm", "rej")
        }
        return Run(simulator.total_req_count, seconds, sum(after.values()), after[which])

    return run


def contestant() -> Contestant:
    """Make it."""
    return Contestant(
        "SimFaaS",
        {
            "W1": _timed("W1", 1.0, 1.0, "rej"),
            "W2": _timed("W2", WARM_MEAN, COLD_MEAN, "cold"),
        },
        {"W1": 12_000, "W2": 60_000},
    )
