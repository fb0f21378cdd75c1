"""Permits come back once, whatever happens; who waits for one gets it (P2, P6 to P8)."""

import copy
import gc
import pickle
import sys
import threading
import time
import weakref
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import lambdacore as lc

POOLS = lc.Profile.named("pure-pools")


def controller(limit=4, *functions, **keywords):
    functions = functions or (lc.Function("f"), lc.Function("g", reserved_concurrency=2))
    account = lc.Account(limit, functions, unreserved_floor=0, profile=POOLS)
    return lc.AdmissionController(account, **keywords)


def in_use(live):
    return live.snapshot().in_use


# P7: given back once


class BoomError(Exception):
    pass


WAYS = ["release", "controller", "with", "exception", "drop", "generator", "thread", "batch"]


def hold_and_lose(live, way):
    """Take a permit and lose it in one of the ways there are."""
    if way == "release":
        live.try_acquire("f").release()
    elif way == "controller":
        live.release(live.acquire("f"))
    elif way == "with":
        with live.acquire("f"):
            assert in_use(live)
    elif way == "exception":
        with pytest.raises(BoomError), live.acquire("f"):
            raise BoomError
    elif way == "drop":
        live.try_acquire("f")
    elif way == "generator":

        def work():
            with live.acquire("f"):
                yield

        working = work()
        next(working)
        working.close()
    elif way == "thread":
        held = [live.acquire("f")]
        thread = threading.Thread(target=held.clear)
        thread.start()
        thread.join()
    else:
        with live.try_acquire_many(["f", "g", "f"]):
            pass


@given(st.lists(st.sampled_from(WAYS), max_size=12))
@settings(max_examples=100)
def test_a_permit_is_given_back_once_in_every_way_of_losing_it(ways):
    """P7."""
    live = controller()
    for way in ways:
        hold_and_lose(live, way)
        assert in_use(live) == 0


def test_a_hundred_thousand_exceptions_leave_no_permit_out():
    """P7: the target of reliability, at one call a time."""
    live = controller(1, lc.Function("f"))
    for _ in range(100_000):
        try:
            with live.acquire("f"):
                raise BoomError
        except BoomError:
            pass
    assert in_use(live) == 0


def test_permits_of_a_thread_that_dies_come_back():
    """P7."""
    live = controller()
    caught = []

    def work():
        permit = live.acquire("f")
        raise BoomError(permit.function)

    hook, threading.excepthook = threading.excepthook, lambda args: caught.append(args.exc_type)
    try:
        threads = [threading.Thread(target=work) for _ in range(2)]
        for thread in threads:
            thread.start()
            thread.join()
    finally:
        threading.excepthook = hook
    assert caught == [BoomError, BoomError]
    assert in_use(live) == 0


def test_permits_in_a_cycle_come_back_with_garbage_collection():
    """P7."""
    live = controller()
    cycle = [live.try_acquire("f"), live.try_acquire_many(["f", "g"])]
    cycle.append(cycle)
    assert in_use(live) == 3
    del cycle
    gc.collect()
    assert in_use(live) == 0


def test_a_controller_in_a_cycle_with_its_clock_is_collected():
    class Program:
        def __init__(self):
            self.controller = controller(clock=self.now)
            self.handle = self.controller.handle()

        def now(self):
            return 0

    alive = weakref.ref(Program().controller)
    gc.collect()
    assert alive() is None


def test_a_permit_outlives_its_controller():
    permit = controller().try_acquire("f")
    gc.collect()
    assert permit.function == "f"
    permit.release()
    assert permit.released


def test_with_gives_back_once_even_if_that_was_done_inside():
    live = controller()
    with live.acquire("f") as permit, live.try_acquire_many(["f"]) as permits:
        permit.release()
        permits.release()
    assert in_use(live) == 0
    for again in (permit, permits):
        with pytest.raises(lc.PermitError, match="cannot be entered"), again:
            pass


# P8: errors of their own


def test_a_second_release_is_an_error_and_changes_nothing():
    """P8."""
    live = controller()
    other, permit, permits = live.acquire("f"), live.acquire("f"), live.try_acquire_many(["g"])
    permit.release()
    permits.release()
    for again in (permit.release, permits.release, lambda: live.release(permit)):
        with pytest.raises(lc.PermitError, match="given back before"):
            again()
        assert in_use(live) == 1
    other.release()


def test_of_threads_that_release_one_permit_one_succeeds():
    """P8."""
    live = controller()
    for _ in range(50):
        permit, done, barrier = live.acquire("f"), [], threading.Barrier(8)

        def release(permit=permit, done=done, barrier=barrier):
            barrier.wait()
            try:
                permit.release()
            except lc.PermitError:
                return
            done.append(1)

        threads = [threading.Thread(target=release) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert done == [1]
        assert in_use(live) == 0


def test_a_permit_of_another_controller_is_refused_and_neither_changes():
    """P8."""
    mine, others = controller(), controller()
    permit = others.acquire("f")
    with pytest.raises(lc.PermitError, match="of another controller"):
        mine.release(permit)
    assert (in_use(mine), in_use(others), permit.released) == (0, 1, False)
    others.release(permit)
    for bad in (None, "f", mine, others.try_acquire_many(["f"])):
        with pytest.raises(lc.ConfigurationError) as refused:
            mine.release(bad)
        assert refused.value.argument == "permit"


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, pickle.dumps])
def test_copies_and_pickles_are_refused(copied):
    """P8."""
    live = controller()
    permit, permits = live.acquire("f"), live.try_acquire_many(["g"])
    for thing in (live, live.handle(), permit, permits):
        with pytest.raises(TypeError, match="cannot be copied or pickled: "):
            copied(thing)
    assert in_use(live) == 2
    permit.release()
    permits.release()
    assert in_use(live) == 0


def test_permits_and_controllers_cannot_be_made_or_changed_by_hand():
    live = controller()
    for kind in (lc.Permit, lc.Permits, lc.Handle):
        with pytest.raises(TypeError):
            kind()
    permit = live.acquire("f")
    with pytest.raises(AttributeError):
        permit.released = True
    with pytest.raises(TypeError):
        type("Mine", (lc.AdmissionController,), {})


# Waiting


def waiting(live, function="f", timeout=20.0, count=1):
    """Threads that wait for a permit, and what they got."""
    got = []

    def wait():
        with live.acquire(function, timeout):
            got.append(time.perf_counter())

    threads = [threading.Thread(target=wait) for _ in range(count)]
    for thread in threads:
        thread.start()
    time.sleep(0.1)
    assert not got
    return threads, got


def joined(threads):
    for thread in threads:
        thread.join(20)
    return not any(thread.is_alive() for thread in threads)


@pytest.mark.parametrize("timeout", [20.0, None, float("inf")])
@pytest.mark.parametrize("way", ["release", "drop", "limit", "reservation", "batch"])
def test_who_waits_is_woken_by_a_release_and_by_a_change(way, timeout):
    """P6."""
    live = controller(3)
    held = live.try_acquire_many(["f"]) if way == "batch" else live.acquire("f")
    threads, _ = waiting(live, timeout=timeout, count=2)
    if way in ("release", "batch"):
        held.release()
    elif way == "drop":
        del held
    elif way == "limit":
        live.set_concurrency_limit(4)
    else:
        live.set_reserved_concurrency("g", None)
    assert joined(threads)
    assert in_use(live) == (way in ("limit", "reservation"))


def test_a_wait_ends_in_time_with_an_error():
    live = controller(0, lc.Function("f"))
    for timeout in (0.01, 0.12):
        begin = time.perf_counter()
        with pytest.raises(lc.ThrottledError):
            live.acquire("f", timeout)
        assert timeout <= time.perf_counter() - begin < timeout + 5


def test_who_waits_for_a_rate_is_served_when_the_clock_of_ones_own_says_so():
    profile = POOLS.replace(rps_scope="documented", rps_per_concurrency=1)
    account = lc.Account(1, [lc.Function("f")], unreserved_floor=0, profile=profile)
    times = [0]
    live = lc.AdmissionController(account, clock=lambda: times[0])
    live.acquire("f").release()
    threads, _ = waiting(live)
    times[0] = 10**9
    assert joined(threads)

    def broken():
        return 1 // 0 if times[0] == 2 else 0

    live = lc.AdmissionController(account, clock=broken)
    live.acquire("f").release()
    threading.Timer(0.1, lambda: times.__setitem__(0, 2)).start()
    with pytest.raises(ZeroDivisionError):
        live.acquire("f", timeout=None)


def test_the_clock_of_the_process_opens_a_rate_in_its_next_second():
    profile = POOLS.replace(rps_scope="documented", rps_per_concurrency=1, rps_window_length=0.25)
    account = lc.Account(1, [lc.Function("f")], unreserved_floor=0, profile=profile)
    live = lc.AdmissionController(account)
    begin = time.perf_counter()
    for _ in range(4):
        live.acquire("f", timeout=None).release()
    assert 0.45 < time.perf_counter() - begin < 20


# Threads


def test_sixteen_threads_and_changes_leave_every_pool_empty():
    """P2, P6: with Python's threads switching as often as they can."""
    live = controller(8)
    held, most, lock = [0], [0], threading.Lock()
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)

    def work(seed):
        rng = np.random.default_rng(seed)
        for kind in rng.integers(0, 6, 400).tolist():
            if kind == 0:
                with live.try_acquire_many(["f", "g", "f"]):
                    pass
            elif kind == 1:
                with suppress(lc.ThrottledError):
                    live.acquire("g", timeout=0.001).release()
            elif permit := live.try_acquire("f"):
                with lock:
                    held[0] += 1
                    most[0] = max(most[0], held[0])
                with lock:
                    held[0] -= 1
                permit.release()

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(16)]
    for thread in threads:
        thread.start()
    for step in range(200):
        live.set_concurrency_limit(4 + step % 5)
        live.set_reserved_concurrency("g", step % 4)
    for thread in threads:
        thread.join()
    sys.setswitchinterval(interval)
    assert most[0] <= 8
    snapshot = live.snapshot()
    assert snapshot.in_use == 0
    # And all room is there again, no more and no less.
    live.set_concurrency_limit(8)
    live.set_reserved_concurrency("g", 3)
    with live.try_acquire_many(["f"] * 9 + ["g"] * 9) as permits:
        assert permits.admitted == 8


def test_a_long_batch_lets_other_threads_run():
    live = controller(100)
    numbers = np.repeat(live.targets(["f"]), 10_000_000)
    ticks, stop = [time.perf_counter()], threading.Event()

    def tick():
        while not stop.is_set():
            ticks.append(time.perf_counter())
            time.sleep(0.001)

    ticker = threading.Thread(target=tick)
    ticker.start()
    begin = time.perf_counter()
    with live.try_acquire_many(numbers) as permits:
        end = time.perf_counter()
    stop.set()
    ticker.join()
    assert permits.admitted == 98
    during = [at for at in ticks if begin < at < end]
    assert end - begin > 0.05
    assert len(during) > (end - begin) / 0.05
