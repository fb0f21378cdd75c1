"""Between the public API and the reference model: the same case, in plain values."""

from __future__ import annotations

import math
from typing import Any

from lambdacore.account import Account
from lambdacore.testing.reference import (
    ReferenceAccount,
    ReferenceFunction,
    Verdict,
    reference_simulate,
)
from lambdacore.trace import Trace

__all__ = ["as_reference", "reference_verdicts"]


def as_reference(account: Account, trace: Trace, **options: Any) -> ReferenceAccount:
    """Give an account to the reference model, its functions in the order of a trace.

    Functions that the trace does not invoke follow: their reservations count.

    Parameters
    ----------
    account : Account
        What `simulate` would run.
    trace : Trace
        Whose function indices the reference model is going to see.
    **options
        What else `ReferenceAccount` takes, such as ``warm_pick`` or ``check_order``.
    """
    names = [
        *trace.functions,
        *(f.name for f in account.functions if f.name not in trace.functions),
    ]
    profile = account.profile
    functions = []
    for name in names:
        timeout = account.effective_idle_timeout(name)
        functions.append(
            ReferenceFunction(
                reserved=account[name].reserved_concurrency,
                init=round(account.effective_init_duration(name) * 1e9),
                idle_timeout=None if math.isinf(timeout) else round(timeout * 1e9),
            )
        )
    return ReferenceAccount(
        limit=account.concurrency_limit,
        functions=tuple(functions),
        environments=profile.environments == "on",
        scaling=profile.scaling,
        burst=profile.scaling_burst,
        interval=round(1e9 / profile.scaling_rate),
        **options,
    )


def reference_verdicts(account: Account, trace: Trace, **options: Any) -> list[Verdict]:
    """Judge a trace with the reference model: what `simulate` must equal, row by row."""
    columns = zip(
        trace.arrival.tolist(), trace.function.tolist(), trace.duration.tolist(), strict=True
    )
    return reference_simulate(as_reference(account, trace, **options), list(columns))
