"""Measure how fast traces are read, in CPU time, medians of interleaved rounds.

    python benches/python/reading.py [invocations [rounds]]

The same invocations, in times since 1970, are read from each kind of file; with pandas
installed, its `read_csv` reads the two kinds of CSV in the same rounds. Files are in the cache of
the system: this measures the reading and not the disk. Absolute times depend on the machine;
nothing asserts them.
"""

from __future__ import annotations

import importlib.util
import statistics
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from figures import interleaved

import lambdacore as lc

DAYS = 14
EPOCH = 1_612_137_600 * 10**9  # 2021-02-01
FUNCTIONS = 400


def traffic(invocations: int) -> lc.Trace:
    rng = np.random.default_rng(1)
    names = [f"checkout-{i}" for i in range(FUNCTIONS)]
    arrival = np.sort(rng.integers(0, DAYS * 86_400 * 10**9, invocations)) + EPOCH
    duration = rng.exponential(1e9, invocations).astype(np.int64)
    return lc.Trace(arrival, rng.integers(0, FUNCTIONS, invocations), duration, names)


def write_azure2021(trace: lc.Trace, path: Path) -> None:
    """Write the layout of Azure's trace of 2021: two names of 64 digits, the end, the duration."""
    rng = np.random.default_rng(2)
    keys = [f"{rng.bytes(32).hex()},{rng.bytes(32).hex()}" for _ in trace.functions]
    columns = (trace.function, trace.arrival + trace.duration, trace.duration)
    with open(path, "w") as file:
        file.write("app,func,end_timestamp,duration\n")
        for code, end, duration in zip(*(column.tolist() for column in columns), strict=True):
            file.write(f"{keys[code]},{end / 1e9:.6f},{duration / 1e9:.3f}\n")


def size(path: Path) -> int:
    """Bytes of a file, or of the files in a directory."""
    return sum(size(part) for part in path.iterdir()) if path.is_dir() else path.stat().st_size


def main(invocations: int = 2_000_000, rounds: int = 5) -> None:
    trace = traffic(invocations)
    with tempfile.TemporaryDirectory() as folder:
        own, azure, npz, npys = (
            Path(folder) / name for name in ("own.csv", "azure2021.csv", "own.npz", "own.npys")
        )
        for path in (own, npz, npys):
            lc.write_trace(trace, path)
        write_azure2021(trace, azure)
        calls: dict[str, Callable[[], object]] = {}
        files = {"own CSV": own, "Azure 2021": azure, "NPZ": npz, ".npy directory": npys}
        for name, path in files.items():
            calls[name] = lambda path=path: lc.read_trace(path)
        if importlib.util.find_spec("pandas"):
            import pandas as pd

            for name, names in (("own CSV", ["function"]), ("Azure 2021", ["app", "func"])):
                files[f"{name}, pandas"] = path = files[name]
                kinds = dict.fromkeys(names, "category")
                calls[f"{name}, pandas"] = lambda path=path, kinds=kinds: pd.read_csv(
                    path, dtype=kinds
                )
        times = interleaved(calls, rounds)
        print(f"{invocations:,} invocations, median CPU time of {rounds} interleaved rounds")
        print(f"{'':22}{'MB':>7}{'s':>8}{'MB/s':>9}{'M rows/s':>10}")
        for name, path in sorted(files.items()):
            spent, megabytes = statistics.median(times[name]), size(path) / 1e6
            print(
                f"{name:22}{megabytes:7.0f}{spent:8.3f}{megabytes / spent:9,.0f}"
                f"{invocations / spent / 1e6:10.1f}"
            )
    if any("pandas" in name for name in files):
        print(
            "pandas gives times as floats, which hold seconds since 1970 to 238 ns; it neither\n"
            "checks nor sorts rows, names no bad one, and joins no two columns to a function."
        )


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
