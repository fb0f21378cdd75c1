"""Executors that other packages do not bring along themselves.

`lambdacore.monte_carlo` and its kin take anything with ``submit()``: the pools of
`concurrent.futures`, ``client.get_executor()`` of Dask, ``MPIPoolExecutor`` of mpi4py. Ray has no
such object, so here is one.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any

from lambdacore._optional import needs

__all__ = ["RayExecutor"]


class RayExecutor(Executor):
    """Tasks on a Ray cluster, with the interface of `concurrent.futures`.

    Parameters
    ----------
    **options
        For every task, as ``ray.remote(...)`` takes them: ``num_cpus``, ``scheduling_strategy``,
        ``runtime_env``, ``max_retries``. A task runs on one thread; lambdacore has to be installed
        where it runs.

    Notes
    -----
    Ray is initialised as it is, or with its defaults on the first use; ``ray.init(address=...)``
    before that chooses a cluster. `shutdown` leaves Ray running: others may use it.

    Examples
    --------
    ::

        with RayExecutor(num_cpus=1) as executor:
            runs = lc.monte_carlo(account, workload, horizon=3600, executor=executor)
    """

    def __init__(self, **options: Any) -> None:
        with needs("ray", "distributed"):
            ray = importlib.import_module("ray")  # it has no stubs
        self._ray: Any = ray
        self._options = options
        self._remotes: dict[Callable[..., Any], Any] = {}
        self._waiting: set[Future[Any]] = set()
        self._closed = False

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Run ``fn(*args, **kwargs)`` on the cluster; gives its future at once."""
        if self._closed:
            raise RuntimeError("cannot schedule new futures after shutdown")
        if fn not in self._remotes:
            # A remote function is sent to the cluster once, however many tasks there are.
            remote = self._ray.remote(**self._options) if self._options else self._ray.remote
            self._remotes[fn] = remote(fn)
        future: Future[Any] = self._remotes[fn].remote(*args, **kwargs).future()
        self._waiting.add(future)
        future.add_done_callback(self._waiting.discard)
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take no more tasks, and wait for those that there are; Ray itself goes on running."""
        from concurrent.futures import wait as wait_for

        self._closed = True
        waiting = set(self._waiting)
        if cancel_futures:
            for future in waiting:
                future.cancel()
        if wait:
            wait_for(waiting)
