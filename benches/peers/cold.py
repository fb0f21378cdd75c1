"""The exact answer of W2: how many calls start cold.

    python benches/peers/cold.py [CALLS]

The most recently *used* idle environment is taken first, as lambdacore does: then a call that
finds n running starts cold just if n + 1 never ran at once in the last 600 s, that is, if the
number in flight, having left n + 1 for n, took longer than that to come back. Where cold runs last
as long as warm ones, the number in flight is M/M/∞ and the sum over n of these first passages is
exact. A longer cold run, and the order by *creation* that SimFaaS has, change it a little: by
differences over the same calls, which `cold.cpp` simulates.

By creation, the oldest environment may be taken while a newer one is still busy and be given back
after it, so it expires later than the peak that needed it; and among the idle, who was made last is
not who was used last.
"""

from __future__ import annotations

import subprocess
import sys

import numpy as np
from compiled import build
from workloads import IDLE, TASKS, WARM_MEAN


def equal_laws(load: float, mean: float, idle: float) -> float:
    """Compute the share of cold starts in M/M/∞, the most recently used taken first."""
    total, weight = 0.0, np.exp(-load)
    for n in range(int(load + 20 * np.sqrt(load))):
        total += weight * _late(n, load, idle / mean)
        weight *= load / (n + 1)
    return float(total)


def _late(n: int, load: float, time: float) -> float:
    """Compute how likely the passage from n to n + 1 takes longer, in units of the mean."""
    levels = np.arange(n + 1.0)
    # The generator on 0..n, made symmetric by the weights of the stationary law.
    beside = np.sqrt(load * levels[1:])
    values, vectors = np.linalg.eigh(
        np.diag(-load - levels) + np.diag(beside, 1) + np.diag(beside, -1)
    )
    # Row n of exp(Q t), summed: sqrt(w_j / w_n) for the states where the passage may still be.
    logs = np.concatenate([[0.0], np.cumsum(np.log(load / levels[1:]))])
    scale = np.exp((logs - logs[n]) / 2)
    return float((vectors[n] * np.exp(values * time)) @ (vectors.T @ scale))


def differences(calls: int, runs: int = 40) -> tuple[np.ndarray, np.ndarray]:
    """Simulate what the law of cold service and the order change, with standard errors."""
    binary = build("cold.cpp")
    counts = []
    for seed in range(runs):
        command = [binary, str(calls // runs), str(seed)]
        said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        counts.append([int(word) for word in said.split()])
    shares = np.array(counts) / (calls // runs)
    changes = shares - shares[:, :1]
    return changes.mean(axis=0), changes.std(axis=0, ddof=1) / np.sqrt(runs)


def main() -> None:
    """Print the three numbers."""
    calls = int(float(sys.argv[1])) if len(sys.argv) > 1 else 400_000_000
    exact = equal_laws(TASKS["W2"].rate * WARM_MEAN, WARM_MEAN, IDLE)
    change, error = differences(calls)
    names = (
        "most recently used first, cold as warm", "most recently used first, cold 2.5 s",
        "newest first, cold 2.5 s",
    )  # fmt: skip
    for name, more, unknown in zip(names, change, error, strict=True):
        print(f"{name:40} {exact + more:.4e} ± {unknown:.1e}")


if __name__ == "__main__":
    main()
