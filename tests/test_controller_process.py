"""The controller and the end of things: forks, exits, Ctrl-C (docs/rules.md, P7, P12)."""

import os
import subprocess
import sys
import textwrap

import pytest

SETUP = """
import os, signal, sys, threading, time
import lambdacore as lc

account = lc.Account(2, [lc.Function("f")], unreserved_floor=0, profile="pure-pools")
live = lc.AdmissionController(account)
"""


def run(code, *, status=0):
    """Run a program of its own, at most 20 s; give what it prints."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", SETUP + textwrap.dedent(code)],
        capture_output=True, text=True, timeout=20,
    )  # fmt: skip
    assert done.returncode == status, done.stderr
    assert not done.stderr, done.stderr
    return done.stdout


needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")


@needs_fork
def test_a_forked_child_is_refused_the_parents_controller_and_permits():
    """P12: all that a child may do raises, drops are silent, and the parent notices nothing."""
    out = run("""
        held, batch, handle = live.acquire("f"), live.try_acquire_many(["f"]), live.handle()
        # A thread that waits, so that locks are in use while the process is forked.
        waits = threading.Thread(target=lambda: live.acquire("f", timeout=None).release())
        waits.start()
        time.sleep(0.1)
        child = os.fork()
        if child == 0:
            calls = [
                lambda: live.try_acquire("f"), lambda: live.acquire("f"), handle.controller.handle,
                lambda: handle.acquire("f"), lambda: live.acquire("f", timeout=None),
                lambda: live.try_acquire_many(["f"]), lambda: live.snapshot(),
                lambda: live.release(held), held.release, batch.release, held.__enter__,
                lambda: live.set_concurrency_limit(3), lambda: live.targets(["f"]),
                lambda: live.set_reserved_concurrency("f", 1),
            ]
            for call in calls:
                try:
                    call()
                except lc.ForkError as error:
                    assert isinstance(error, lc.PermitError)
                    assert str(os.getppid()) in str(error) and "make a controller" in str(error)
                else:
                    os._exit(3)
            repr(live), repr(held), repr(batch)
            held.__exit__(None, None, None)
            batch.__exit__(None, None, None)
            del held, batch
            own = lc.AdmissionController(account)
            with own.acquire("f"), own.acquire("f"):
                assert not own.try_acquire("f")
            assert own.snapshot().in_use == 0
            sys.exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert live.snapshot().in_use == 2
        held.release()
        waits.join()
        batch.release()
        print(live.snapshot().in_use)
    """)
    assert out == "0\n"


@needs_fork
def test_a_block_that_a_fork_leaves_twice_gives_back_once():
    """P12: the child leaves the block as well, in silence."""
    out = run("""
        with live.acquire("f"), live.try_acquire_many(["f"]):
            child = os.fork()
        if child == 0:
            sys.exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        print(live.snapshot().in_use, live.try_acquire_many(["f"] * 3).admitted)
    """)
    assert out == "0 2\n"


@needs_fork
def test_workers_of_multiprocessing_make_controllers_of_their_own():
    """P12, by fork and by spawn."""
    out = run("""
        import multiprocessing

        def work(_):
            try:
                live.try_acquire("f")
            except lc.ForkError as error:
                return str(error)

        with multiprocessing.get_context("fork").Pool(2) as pool:
            print(sum("was forked" in said for said in pool.map(work, range(4))))
    """)
    assert out == "4\n"


def test_the_interpreter_ends_cleanly_with_permits_out_and_threads_waiting():
    """P7: daemon threads wait, with and without an end, while the interpreter ends."""
    out = run("""
        import atexit

        held = live.try_acquire_many(["f", "f"])

        def keep_waiting():
            while True:
                try:
                    live.acquire("f", timeout=0.001)
                except lc.ThrottledError:
                    pass

        for wait in [lambda: live.acquire("f", None), keep_waiting] * 4:
            threading.Thread(target=wait, daemon=True).start()
        time.sleep(0.2)

        atexit.register(lambda: print(live.snapshot().in_use))
    """)
    assert out == "2\n"


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
@pytest.mark.parametrize("wait", ["acquire", "handle", "rates"])
def test_ctrl_c_ends_a_wait_without_end_and_the_controller_goes_on(wait):
    """Within 100 ms; looser here, the machine may be busy."""
    out = run(f"""
        wait = {wait!r}
        if wait == "rates":
            profile = account.profile.replace(rps_scope="documented", rps_per_concurrency=1)
            live = lc.AdmissionController(account.replace(profile=profile), clock=lambda: 0)
        held = [live.acquire("f") for _ in range(2)]
        if wait == "rates":
            held.clear()
        took = []
        for _ in range(10):
            sent = []
            def interrupt():
                time.sleep(0.06)
                sent.append(time.perf_counter())
                os.kill(os.getpid(), signal.SIGINT)
            threading.Thread(target=interrupt).start()
            try:
                (live.handle() if wait == "handle" else live).acquire("f", timeout=None)
            except KeyboardInterrupt:
                took.append(time.perf_counter() - sent[0])
        assert len(took) == 10
        assert sorted(took)[5] < 0.1 and max(took) < 2, took
        held.clear()
        print(live.snapshot().in_use)
        if wait != "rates":
            live.acquire("f").release()
    """)
    assert out == "0\n"


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_ctrl_c_ends_a_long_batch_and_gives_back_what_it_took():
    """P7: what was taken so far comes back."""
    out = run("""
        import numpy as np

        live = lc.AdmissionController(account.replace(concurrency_limit=2**23))
        numbers = np.repeat(live.targets(["f"]), 20_000_000)
        threading.Timer(0.1, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
        try:
            while True:
                live.try_acquire_many(numbers)
        except KeyboardInterrupt:
            print(live.snapshot().in_use)
    """)
    assert out == "0\n"
