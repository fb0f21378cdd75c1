"""Long runs: Ctrl-C, other threads, progress. Bounds are loose: the machine may be busy."""

import os
import signal
import statistics
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
    assert heard[-1] == (len(long_trace), len(long_trace))
    assert len(heard) > 1, "nothing was heard in between"
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


class SignalError(Exception):
    """What the handler of a signal raises, as Ctrl-C raises KeyboardInterrupt."""


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no interval timer on Windows")
@pytest.mark.parametrize(
    "call",
    [
        lambda result: lc.simulate(result.account, result.trace),
        lambda result: result.concurrency(60),
        lambda result: lc.required_concurrency(result.trace, 0.01),
    ],
    ids=["simulate", "concurrency", "required_concurrency"],
)
def test_a_signal_stops_a_long_call_long_before_its_end(call):
    """G4, Ctrl-C within 100 ms: here against the call's own time, on a busy machine."""
    rng = np.random.default_rng(6)
    n = 10_000_000
    trace = lc.Trace(np.cumsum(rng.exponential(1e-3, n)), "f", rng.exponential(1.0, n))
    account = lc.Account.for_trace(trace)
    outcome = lc.simulate(account, trace).outcome

    def timed(interrupt):
        result = lc.Result(account, trace, outcome)
        result.totals()
        start = time.monotonic()
        if interrupt:
            signal.setitimer(signal.ITIMER_REAL, 0.05)
        try:
            call(result)
        except SignalError:
            assert interrupt
        else:
            assert not interrupt, "the signal was not heard"
        return time.monotonic() - start

    def handler(*_):
        raise SignalError

    before = signal.signal(signal.SIGALRM, handler)
    try:
        whole = timed(interrupt=False)
        stopped = statistics.median(timed(interrupt=True) for _ in range(3))
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert stopped < 0.05 + whole / 2
    # Nothing is left behind.
    assert lc.simulate(account, trace).outcome.tobytes() == outcome.tobytes()


@pytest.mark.skipif(os.name == "nt", reason="signals differ on Windows")
def test_ctrl_c_raises_keyboard_interrupt_and_leaves_the_library_usable():
    program = textwrap.dedent("""
        import signal
        import numpy as np
        import lambdacore as lc
        # A parent may have told its children to ignore it.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        n = 2_000_000
        rng = np.random.default_rng(5)
        trace = lc.Trace(np.cumsum(rng.exponential(1e-3, n)), "f", rng.exponential(1.0, n))
        account = lc.Account.for_trace(trace)
        result = lc.simulate(account, trace)
        print("ready", flush=True)
        try:
            while True:
                lc.simulate(account, trace)
        except KeyboardInterrupt:
            print("caught", flush=True)
        assert lc.simulate(account, trace).outcome.tobytes() == result.outcome.tobytes()
        print("usable", flush=True)
    """)
    child = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    with child:
        assert child.stdout.readline() == "ready\n"
        time.sleep(0.2)
        child.send_signal(signal.SIGINT)
        try:
            output, _ = child.communicate(timeout=60)
        finally:
            child.kill()
    assert output == "caught\nusable\n"
    assert child.returncode == 0
