"""Run a trace against an account."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from lambdacore import _check, _core
from lambdacore._series import traced_targets
from lambdacore.account import Account
from lambdacore.engine import ENGINES, Engine
from lambdacore.result import Result
from lambdacore.schedule import Schedule
from lambdacore.trace import Trace

__all__ = ["simulate"]


def simulate(
    account: Account,
    trace: Trace,
    schedule: Schedule | None = None,
    *,
    engine: Literal["auto", "stream", "wheel", "heap"] = "auto",
    counters: Literal["plain", "atomic"] = "plain",
    progress: Callable[[int, int], object] | None = None,
) -> Result:
    """Simulate every invocation of a trace against the limits of an account.

    Each invocation needs a permit: of the provisioned environments of its version, else of
    the pool its function draws on (its reservation, or the unreserved rest of the account).
    On the latter it needs an execution environment too: an idle one, the most recently used
    first, or a new one, which the scaling rate must allow and whose init occupies the permit
    as well. Requests a second are limited beside. What finds no room is throttled and gone:
    nothing queues, nothing is retried. At one instant, completions come first, then changes of
    the configuration, then arrivals in the order of the trace. The rules, by number and with
    their sources: ``docs/rules.md``.

    Parameters
    ----------
    account : Account
        The limits. It must declare every function of the trace; see `Account.for_trace`.
    trace : Trace
        The traffic. It may name versions and aliases, such as ``"checkout:live"``.
    schedule : Schedule, optional
        Changes of the configuration while the traffic runs; ``result.answers`` says which of
        them were refused.
    engine : {"auto", "stream", "wheel", "heap"}
        How events are gone through, which matters for nothing but time: in windows of many
        arrivals wherever that is faster (``"auto"``) or possible (``"stream"``), or event by event
        on a timing wheel or on a plain heap. ``result.engine`` says which ran, and why.
    counters : {"plain", "atomic"}
        On what the engine counts: plain words, or those of `AdmissionController`, which
        threads share. The outcomes are the same; plain words are faster and hold every account.
    progress : callable, optional
        Called now and then, and at the end, with (invocations done, invocations in all); if it
        raises, the run stops with that exception.

    Returns
    -------
    Result
        One outcome code an invocation, and all that is read off them.

    Raises
    ------
    ConfigurationError
        The trace invokes a function, version or alias that the account does not declare; or
        `counters` is ``"atomic"`` and they cannot hold the account: a limit of 2^24 or more, or
        request rates in other than tumbling windows.

    Notes
    -----
    Exact and deterministic: times are whole nanoseconds, nothing is random. It takes O(1)
    time an invocation and one byte an invocation beside the trace. The GIL is released,
    and Ctrl-C stops the run within 100 ms.

    Examples
    --------
    >>> import lambdacore as lc
    >>> trace = lc.Trace(arrival=[0.0] * 101, function="checkout", duration=1.0)
    >>> account = lc.Account.for_trace(trace, reserve={"checkout": 100})
    >>> result = lc.simulate(account, trace)
    >>> lc.Outcome(result.outcome[-1]).name
    'RESERVED_CONCURRENCY'
    """
    traced = traced_targets(account, trace)
    _check.instance("schedule", schedule, "a Schedule", isinstance(schedule, Schedule | None))
    _check.one_of("engine", engine, ENGINES)
    _check.one_of("counters", counters, ("plain", "atomic"))
    answers, timeline = (schedule or Schedule())._judge(account)
    total = len(trace)
    outcome, last_completion, ran = _core.simulate(
        account._engine,
        trace._columns(),
        traced.targets,
        timeline=timeline,
        engine=engine,
        counters=counters,
        progress=None if progress is None else lambda done: progress(done, total),
    )
    if progress is not None:
        progress(total, total)
    result = Result(account, trace, outcome, schedule)
    result._last_completion, result._judged = last_completion, (answers, timeline)
    result._engine = Engine.of(engine, *ran)
    return result
