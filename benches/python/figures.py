"""Measure the figures that the project states, in CPU time, medians of interleaved rounds.

    python benches/python/figures.py [invocations]

Absolute times depend on the machine; nothing asserts them.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable

import traffic

import lambdacore as lc
from lambdacore import _core

ROUNDS = 5


def cpu_time(call: Callable[[], object]) -> float:
    start = time.process_time()
    call()
    return time.process_time() - start


def interleaved(
    calls: dict[str, Callable[[], object]], rounds: int = ROUNDS
) -> dict[str, list[float]]:
    """Time each call once a round, in turn."""
    times: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            times[name].append(cpu_time(call))
    return times


Case = tuple[lc.Account, lc.Schedule | None]


def pure_pool(trace: lc.Trace, limit: int) -> Case:
    return lc.Account.for_trace(trace, limit, profile="pure-pools"), None


def environments(trace: lc.Trace, limit: int, profile: str = "pools-2026") -> Case:
    return lc.Account.for_trace(trace, limit, profile=profile, init_duration=0.2), None


def request_rates(trace: lc.Trace, limit: int) -> Case:
    return environments(trace, limit, "aws-2026")


def everything(trace: lc.Trace, limit: int) -> Case:
    """Provision a quarter, reserve an eighth, count all attempts, change something every second."""
    profile = lc.Profile(scaling="sliding10", rps_counts="all")
    names = trace.functions
    account = lc.Account.for_trace(
        trace,
        limit,
        reserve=dict.fromkeys(names[::8], 9),
        provision=dict.fromkeys(names[::4], 3),
        unreserved_floor=0,
        profile=profile,
        init_duration=0.2,
    )
    calls = [
        lc.Call(
            second * 10**9,
            "PutFunctionConcurrency",
            names[second % len(names)],
            value=second % 7 + 6,
        )
        for second in range(int(trace.arrival[-1] / 1e9))
    ]
    return account, lc.Schedule(calls)


def replay(invocations: int) -> None:
    print(f"\nreplay of {invocations:,} invocations through lc.simulate, per invocation")
    print(
        f"{'in flight':>10} {'functions':>9}  {'what':24} "
        f"{'simulate':>9} {'':>10} {'heap':>9} {'ratio':>6}"
    )
    cases: list[tuple[int, int, str, Callable[[lc.Trace, int], Case]]] = [
        (1_000, 1, "one shared pool", pure_pool),
        (100_000, 1, "one shared pool", pure_pool),
        (1_000_000, 1, "one shared pool", pure_pool),
        (1_000, 1, "environments + scaling", environments),
        (1_000, 100, "environments + scaling", environments),
        (1_000, 100, "+ request rates", request_rates),
        (1_000, 100, "everything on", everything),
    ]
    for in_flight, functions, what, make in cases:
        trace = traffic.trace(invocations, in_flight, functions)
        account, schedule = make(trace, in_flight)
        timeline = (schedule or lc.Schedule())._judge(account)[1]
        targets = [account.resolve(name)[0] for name in trace.functions]
        columns = trace._columns()
        times = interleaved(
            {
                "ours": lambda a=account, t=trace, s=schedule: lc.simulate(a, t, s),
                "heap": lambda a=account, c=columns, t=targets, changes=timeline: _core.simulate(
                    a._engine, c, t, timeline=changes, engine="heap"
                ),
            }
        )
        ours, heap = (statistics.median(times[name]) / invocations for name in ("ours", "heap"))
        ratio = statistics.median(h / o for o, h in zip(times["ours"], times["heap"], strict=True))
        print(
            f"{in_flight:>10,} {functions:>9}  {what:24} {ours * 1e9:>6.1f} ns "
            f"{1e-6 / ours:>6.1f} M/s {heap * 1e9:>6.1f} ns {ratio:>6.2f}"
        )


def series(invocations: int) -> None:
    trace = traffic.trace(invocations, 1_000, 100)
    account = lc.Account.for_trace(trace, 1_000, init_duration=0.2)
    both = []
    for _ in range(ROUNDS):
        result = lc.simulate(account, trace)
        both.append(cpu_time(lambda r=result: (r.concurrency(60), r.throttles(60))))
    each = statistics.median(both) / invocations * 1e9
    print(
        f"\nminute series of concurrency and throttles, 100 functions: {each:.1f} ns an invocation"
    )


def memory(invocations: int) -> None:
    """Peak of the process during the run, less what it held before (Linux only)."""

    def kilobytes(field: str) -> int:
        with open("/proc/self/status") as file:
            return next(int(line.split()[1]) for line in file if line.startswith(field))

    trace = traffic.trace(invocations, 1_000)
    account = lc.Account.for_trace(trace)
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")  # begin a new peak
    before = kilobytes("VmRSS")
    result = lc.simulate(account, trace)
    grown = (kilobytes("VmHWM") - before) * 1024
    print(f"memory of lc.simulate beside the trace: {grown / len(result):.2f} bytes an invocation")


def memory_in_a_fresh_process(invocations: int) -> None:
    # Freed blocks go back to the system at once, or the run would reuse what the making of
    # the trace has left.
    command = [sys.executable, __file__, "--memory", str(invocations)]
    subprocess.run(command, env={**os.environ, "MALLOC_MMAP_THRESHOLD_": "65536"}, check=True)


def small_call() -> None:
    trace = traffic.trace(100, 10)
    account = lc.Account.for_trace(trace)
    each = min(
        cpu_time(lambda: [lc.simulate(account, trace) for _ in range(2_000)]) for _ in range(5)
    )
    print(f"lc.simulate of 100 invocations: {each / 2_000 * 1e6:.1f} us")


def permits(pairs: int = 20_000, rounds: int = 50) -> None:
    """Take a permit and give it back: the controller beside Python's semaphores."""
    account = lc.Account(1_000, [lc.Function("f")], profile="pools-2026")
    try_acquire = lc.AdmissionController(account).try_acquire
    bounded = threading.BoundedSemaphore(1_000)

    def ours() -> None:
        for _ in range(pairs):
            try_acquire("f").release()

    def threads() -> None:
        for _ in range(pairs):
            bounded.acquire()
            bounded.release()

    async def tasks() -> float:
        semaphore = asyncio.Semaphore(1_000)
        start = time.process_time()
        for _ in range(pairs):
            await semaphore.acquire()
            semaphore.release()
        return time.process_time() - start

    times: dict[str, list[float]] = {"ours": [], "asyncio": [], "threading": []}
    for _ in range(rounds):
        times["ours"].append(cpu_time(ours))
        times["asyncio"].append(asyncio.run(tasks()))
        times["threading"].append(cpu_time(threads))
    each = {name: statistics.median(found) / pairs * 1e9 for name, found in times.items()}
    ratio = {
        name: statistics.median(
            other / own for own, other in zip(times["ours"], times[name], strict=True)
        )
        for name in ("asyncio", "threading")
    }
    print(
        f"a permit taken and given back: {each['ours']:.0f} ns; "
        f"asyncio.Semaphore {each['asyncio']:.0f} ns ({ratio['asyncio']:.1f} times), "
        f"threading.BoundedSemaphore {each['threading']:.0f} ns ({ratio['threading']:.1f} times)"
    )


def import_time() -> None:
    """Interleaved, in fresh interpreters: import numpy against import numpy, lambdacore."""
    times: dict[str, list[float]] = {"numpy": [], "numpy, lambdacore": []}
    for _ in range(15):
        for modules, found in times.items():
            code = (
                "import time; start = time.perf_counter(); "
                f"import {modules}; print(time.perf_counter() - start)"
            )
            out = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
            found.append(float(out.stdout))
    extra = statistics.median(times["numpy, lambdacore"]) - statistics.median(times["numpy"])
    print(f"import lambdacore adds {extra * 1e3:.1f} ms to import numpy")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--memory"]:
        memory(int(sys.argv[2]))
        sys.exit()
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000_000
    import_time()
    small_call()
    permits()
    memory_in_a_fresh_process(rows)
    replay(rows)
    series(rows)
