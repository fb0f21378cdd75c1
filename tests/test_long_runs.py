"""Long runs: Ctrl-C, other threads, progress. Bounds are loose: the machine may be busy."""

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time

import numpy as np
import pytest

import lambdacore as lc


@pytest.fixture(scope="module")
def long_trace():
    rng = np.random.default_rng(5)
    n = 3_000_000
    return lc.Trace(np.cumsum(rng.exponential(1e-3, n)), "f", rng.exponential(1.0, n))


def test_progress_hears_of_the_rows_done_and_may_stop_the_run(long_trace):
    heard = []
    account = lc.Account.for_trace(long_trace)
    result = lc.simulate(account, long_trace, progress=lambda *now: heard.append(now))
    assert heard
    assert heard == sorted(heard)
    assert {total for _, total in heard} == {len(long_trace)}

    def enough(*_now):
        raise RuntimeError("enough")

    with pytest.raises(RuntimeError, match="enough"):
        lc.simulate(account, long_trace, progress=enough)
    with pytest.raises(RuntimeError, match="enough"):
        lc.required_concurrency(long_trace, 0.001, progress=enough)
    # Nothing is left behind: the next run gives the same bytes.
    assert lc.simulate(account, long_trace).outcome.tobytes() == result.outcome.tobytes()


def test_other_python_threads_run_meanwhile(long_trace):
    """The GIL is released: a thread that ticks every millisecond keeps ticking."""
    account = lc.Account.for_trace(long_trace)
    ticks, stop = [], threading.Event()

    def tick():
        while not stop.is_set():
            ticks.append(time.monotonic())
            time.sleep(0.001)

    ticker = threading.Thread(target=tick)
    ticker.start()
    start = time.monotonic()
    for _ in range(3):
        lc.simulate(account, long_trace)
    end = time.monotonic()
    stop.set()
    ticker.join()
    during = [t for t in ticks if start < t < end]
    assert len(during) > (end - start) / 0.05


def test_many_threads_may_share_a_trace_an_account_and_a_result(long_trace):
    account = lc.Account.for_trace(long_trace)
    result = lc.simulate(account, long_trace)
    found = []

    def work():
        outcome = lc.simulate(account, long_trace).outcome
        found.append((outcome.tobytes() == result.outcome.tobytes(), result.throttles(60).sum()))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(found)) == 1
    assert found[0][0]


@pytest.mark.skipif(os.name == "nt", reason="signals differ on Windows")
@pytest.mark.parametrize(
    "call",
    [
        "lc.simulate(account, trace)",
        "result.concurrency(60)",
        "result.totals(); result._cache.clear()",
        "lc.required_concurrency(trace, 0.01)",
    ],
)
def test_ctrl_c_stops_a_long_run_at_once_and_leaves_the_library_usable(call):
    """Promise H: within 100 ms on an idle machine; the bound here allows for a busy one."""
    program = textwrap.dedent(f"""
        import numpy as np, time, sys
        import lambdacore as lc
        n = 2_000_000
        rng = np.random.default_rng(5)
        trace = lc.Trace(np.cumsum(rng.exponential(1e-3, n)), "f", rng.exponential(1.0, n))
        account = lc.Account.for_trace(trace)
        result = lc.simulate(account, trace)
        print("ready", flush=True)
        try:
            while True:
                {call}
                result._cache = {{k: v for k, v in result._cache.items() if k == "totals"}}
        except KeyboardInterrupt:
            caught = time.monotonic()
        print(caught, flush=True)
        assert lc.simulate(account, trace).outcome.tobytes() == result.outcome.tobytes()
        print("usable", flush=True)
    """)
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout.readline() == "ready\n"
        time.sleep(0.3)
        sent = time.monotonic()
        child.send_signal(signal.SIGINT)
        caught = float(child.stdout.readline())
        assert child.stdout.readline() == "usable\n"
    assert child.returncode == 0
    assert caught - sent < 1.0
