"""Executors of any kind: twice, in any order, failing, dying; the merge does not mind."""

import multiprocessing
import os
import pickle
import random
import subprocess
import sys
import time
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor, wait

import numpy as np
import pytest

import lambdacore as lc
from lambdacore.ensemble import tasks

WORKLOAD = lc.Workload(
    {
        "f": lc.Stream(lc.Poisson(20), lc.LogNormal(0.3, 1.5)),
        "g": lc.Stream(lc.OnOff(30, on=1, off=4), lc.Exponential(0.5)),
    }
)
ACCOUNT = lc.Account.for_trace(WORKLOAD, 12, unreserved_floor=0)


def run(**values):
    options = {"horizon": 20, "replications": 12, "rng": 4, "chunk": 2} | values
    return lc.monte_carlo(ACCOUNT, WORKLOAD, **options)


@pytest.fixture(scope="module")
def reference():
    return run()


class Direct(Executor):
    """Does a task at once, in the thread that submits it; subclasses meddle."""

    def __init__(self):
        self.done = []

    def call(self, fn, args):
        return fn(*args)

    def submit(self, fn, /, *args, **kwargs):
        assert not kwargs
        future = Future()
        try:
            future.set_result(self.call(fn, args))
        except Exception as error:
            future.set_exception(error)
        self.done.append(args[1:3])
        return future


class Twice(Direct):
    """As a cluster does that lost the worker with a finished result."""

    def call(self, fn, args):
        first, again = fn(*args), fn(*args)
        for name, values in first.items():
            assert np.array_equal(values, again[name])
        return again


class Shuffled(Executor):
    """Finishes tasks late, in an order that nobody expects."""

    def __init__(self, seed, last):
        self.pick, self.held, self.last = random.Random(seed), [], last

    def submit(self, fn, /, *args):
        future = Future()
        self.held.append((future, fn, args))
        if len(self.held) == self.last:
            self.pick.shuffle(self.held)
            for held, task, given in self.held:
                held.set_result(task(*given))
        return future


class Flaky(Direct):
    """Fails on the replications from some number on, so many times."""

    def __init__(self, first, times):
        super().__init__()
        self.first, self.times = first, times

    def call(self, fn, args):
        if args[1] == self.first and self.times > 0:
            self.times -= 1
            raise OSError("the disk is on fire")
        return fn(*args)


def test_a_task_that_is_run_twice_counts_once(reference):
    assert run(executor=Twice()).digest() == reference.digest()


@pytest.mark.parametrize("seed", range(5))
def test_the_order_in_which_tasks_finish_does_not_matter(reference, seed):
    assert run(executor=Shuffled(seed, 6)).digest() == reference.digest()


def test_a_sweep_on_an_executor_merges_its_points_in_any_order():
    grid = {"concurrency_limit": [8, 12], "workload.f.arrivals.rate": [10, 20]}
    common = {"horizon": 20, "replications": 6, "rng": 4, "chunk": 2}
    here = lc.sweep(ACCOUNT, WORKLOAD, grid, **common)
    there = lc.sweep(ACCOUNT, WORKLOAD, grid, executor=Shuffled(3, 6), **common)
    assert [r.digest() for r in there.runs] == [r.digest() for r in here.runs]


def test_a_task_that_fails_once_is_tried_again(reference):
    flaky = Flaky(4, times=1)
    assert run(executor=flaky, retries=1).digest() == reference.digest()
    assert flaky.done.count((4, 2)) == 2
    assert len(flaky.done) == 7


def test_a_task_that_keeps_failing_ends_the_run_and_is_named():
    with pytest.raises(
        lc.ReplicationError, match=r"replications 4 to 5 failed: OSError: the disk is on fire"
    ) as caught:
        run(executor=Flaky(4, times=9), retries=2)
    assert isinstance(caught.value.__cause__, OSError)
    assert isinstance(caught.value, lc.LambdacoreError)


def test_a_task_that_keeps_failing_can_be_left_out(reference):
    runs = run(executor=Flaky(4, times=9), retries=2, on_error="skip")
    (failure,) = runs.failures
    assert failure == lc.Failure(range(4, 6), "OSError: the disk is on fire")
    assert runs.replications.tolist() == [0, 1, 2, 3, 6, 7, 8, 9, 10, 11]
    kept = runs.replications
    for name in ("throttles", "peak_concurrency", "mean_concurrency"):
        assert runs.values(name).tolist() == reference.values(name)[kept].tolist()
    assert "2 failed" in repr(runs)
    assert "10 replications" in repr(runs)
    again = pickle.loads(pickle.dumps(runs))
    assert again.failures == runs.failures


def test_a_task_that_somebody_cancels_is_a_failure_of_it():
    class Cancelling(Direct):
        def submit(self, fn, /, *args):
            if args[1] != 6:
                return super().submit(fn, *args)
            future = Future()
            future.cancel()
            future.set_running_or_notify_cancel()
            return future

    with pytest.raises(lc.ReplicationError, match="6 to 7 failed: CancelledError"):
        run(executor=Cancelling())
    assert len(run(executor=Cancelling(), on_error="skip")) == 10


def test_where_all_tasks_fail_there_is_nothing_to_give():
    class Broken(Direct):
        def call(self, fn, args):
            raise OSError("no")

    with pytest.raises(lc.ReplicationError, match="all replications failed: OSError: no"):
        run(executor=Broken(), on_error="skip")


def test_with_a_checkpoint_a_failure_costs_only_itself(reference, tmp_path):
    with pytest.raises(lc.ReplicationError):
        run(executor=Flaky(8, times=9), checkpoint=tmp_path / "c")
    again = Direct()
    assert run(executor=again, checkpoint=tmp_path / "c").digest() == reference.digest()
    assert again.done == [(8, 2)]
    skipped = run(executor=Flaky(2, times=9), checkpoint=tmp_path / "d", on_error="skip")
    assert len(skipped) == 10
    whole = run(executor=Flaky(2, times=0), checkpoint=tmp_path / "d", on_error="skip")
    assert whole.digest() == reference.digest()
    assert not whole.failures


def test_a_failure_at_one_point_of_a_sweep_leaves_its_replications_out_at_all():
    """All points keep the same replications, or pairs would be none."""

    class OnePart(Direct):
        def call(self, fn, args):
            if args[1] == 2 and args[0].workload["f"].arrivals.rate == lc.Poisson(10).rate:
                raise OSError("no")
            return fn(*args)

    grid = {"workload.f.arrivals.rate": [10, 20]}
    swept = lc.sweep(ACCOUNT, WORKLOAD, grid, horizon=20, replications=6, rng=4, chunk=2,
                     executor=OnePart(), on_error="skip")  # fmt: skip
    assert [r.replications.tolist() for r in swept.runs] == [[0, 1, 4, 5]] * 2


def test_an_executor_that_was_shut_down_is_refused_at_once():
    pool = ThreadPoolExecutor(1)
    pool.shutdown()
    with pytest.raises(lc.ReplicationError, match="shutdown"):
        run(executor=pool)


class Poisoned(Executor):
    """Passes tasks to a pool of processes; the worker that gets one of them dies."""

    def __init__(self, pool, first):
        self.pool, self.first, self.others = pool, first, []

    def submit(self, fn, /, *args):
        if args[1] == self.first:
            wait(self.others)
            return self.pool.submit(os._exit, 1)
        self.others.append(self.pool.submit(fn, *args))
        return self.others[-1]


def test_a_worker_that_is_killed_ends_the_run_and_the_finished_ones_are_kept(reference, tmp_path):
    context = multiprocessing.get_context("spawn")
    began = time.monotonic()
    said = r"replications 10 to 11 failed: BrokenProcess"
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        pool.submit(int).result()
        poisoned = Poisoned(pool, 10)
        with pytest.raises(lc.ReplicationError, match=said):
            run(executor=poisoned, checkpoint=tmp_path / "c")
    assert time.monotonic() - began < 10
    again = Direct()
    assert run(executor=again, checkpoint=tmp_path / "c").digest() == reference.digest()
    assert again.done == [(10, 2)]
    assert not (tmp_path / "c" / "lock").exists()


def test_threads_of_this_process_stop_with_the_run():
    """What an error leaves under way on threads is broken off, not worked out."""
    with ThreadPoolExecutor(2) as pool:
        began = time.monotonic()

        def told(*_):
            raise RuntimeError("enough")

        with pytest.raises(RuntimeError, match="enough"):
            run(executor=pool, horizon=2_000_000, chunk=6, progress=told)
    assert time.monotonic() - began < 10  # the whole would take minutes
    assert not tasks._broken_off


def test_tasks_are_small():
    """They are sent to workers: a workload without records, and what a worker needs besides."""
    sizes = []

    class Weighed(Direct):
        def submit(self, fn, /, *args):
            sizes.append(len(pickle.dumps((fn, args))))
            return super().submit(fn, *args)

    streams = {f"function-{i}": lc.Stream(lc.Poisson(1), lc.LogNormal(0.2, 1.5)) for i in range(20)}
    many = lc.Workload(streams)
    lc.monte_carlo(lc.Account.for_trace(many), many, horizon=5, replications=4, rng=1,
                   executor=Weighed(), chunk=2)  # fmt: skip
    assert max(sizes) < 20_000
    assert len(sizes) == 2


DASK = """
import warnings
warnings.simplefilter("ignore")
import logging
import distributed
import lambdacore as lc

if __name__ == "__main__":
    logging.getLogger("distributed").setLevel(logging.ERROR)
    workload = lc.Workload({"f": lc.Stream(lc.Poisson(20), lc.LogNormal(0.3, 1.5))})
    account = lc.Account.for_trace(workload, 8, unreserved_floor=0)
    common = {"horizon": 20, "replications": 8, "rng": 4, "chunk": 2}
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
    ) as cluster, distributed.Client(cluster) as client:
        there = lc.monte_carlo(account, workload, executor=client.get_executor(), **common)
    assert there.digest() == lc.monte_carlo(account, workload, **common).digest()
    print("equal")
"""


def test_dask_gives_the_same_bytes(tmp_path):
    """In a process of its own: what distributed warns of is its own affair."""
    pytest.importorskip("distributed", reason="distributed is not installed")
    script = tmp_path / "dask_here.py"
    script.write_text(DASK)
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=60)
    assert done.stdout == "equal\n", done.stderr


def test_ray_that_is_not_there_is_named_with_the_remedy(monkeypatch):
    from lambdacore.executors import RayExecutor

    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(lc.LambdacoreError, match=r"ray is needed.*lambdacore-sim\[distributed\]"):
        RayExecutor()


class RayOfThreads:
    """As much of Ray as the adapter uses, on threads."""

    def __init__(self):
        self.pool, self.sent, self.options = ThreadPoolExecutor(2), 0, None

    def remote(self, *functions, **options):
        if not functions:
            self.options = options
            return self.remote
        self.sent += 1
        pool, (function,) = self.pool, functions

        class Remote:
            @staticmethod
            def remote(*args, **kwargs):
                class Reference:
                    @staticmethod
                    def future():
                        return pool.submit(function, *args, **kwargs)

                return Reference

        return Remote


def test_the_adapter_of_ray_keeps_to_the_interface_of_executors(reference, monkeypatch):
    from lambdacore.executors import RayExecutor

    ray = RayOfThreads()
    monkeypatch.setitem(sys.modules, "ray", ray)
    with ray.pool, RayExecutor(num_cpus=1) as executor:
        assert run(executor=executor).digest() == reference.digest()
        assert ray.sent == 1, "the function is sent once"
        assert ray.options == {"num_cpus": 1}
        assert list(executor.map(pow, [2, 3], [5, 2])) == [32, 9]
        with pytest.raises(ZeroDivisionError):
            executor.submit(divmod, 1, 0).result()
        late = executor.submit(time.sleep, 0.1)
        executor.shutdown()
        assert late.done()
        with pytest.raises(RuntimeError, match="shutdown"):
            executor.submit(int)


@pytest.mark.skipif(os.environ.get("LAMBDACORE_RAY") != "1", reason="LAMBDACORE_RAY=1 runs it")
def test_ray_gives_the_same_bytes(reference):
    ray = pytest.importorskip("ray", reason="ray is not installed")
    from lambdacore.executors import RayExecutor

    ray.init(num_cpus=2, include_dashboard=False)
    try:
        with RayExecutor(num_cpus=1) as executor:
            assert run(executor=executor).digest() == reference.digest()
    finally:
        ray.shutdown()
