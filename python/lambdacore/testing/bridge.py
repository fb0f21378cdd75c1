"""Between the public API and the reference model: the same case, in plain values."""

from __future__ import annotations

import math
from typing import Any

from lambdacore.account import Account
from lambdacore.function import split_label, version_number
from lambdacore.schedule import Schedule
from lambdacore.testing.reference import (
    Call,
    ReferenceAccount,
    ReferenceFunction,
    Verdict,
    reference_simulate,
)
from lambdacore.trace import Trace

__all__ = ["as_reference", "reference_calls", "reference_targets", "reference_verdicts"]


def as_reference(account: Account, **options: Any) -> ReferenceAccount:
    """Give an account to the reference model, its functions in the same order.

    Parameters
    ----------
    account : Account
        What `simulate` would run.
    **options
        What else `ReferenceAccount` takes, such as ``warm_pick`` or ``check_order``.
    """
    profile = account.profile
    functions = []
    for function in account.functions:
        timeout = account.effective_idle_timeout(function.name)
        _, reserved, init, _, versions, aliases, provisioned, _ = function._engine_row(
            round(account.effective_init_duration(function.name) * 1e9), 0
        )
        functions.append(
            ReferenceFunction(
                reserved=reserved,
                init=init,
                idle_timeout=None if math.isinf(timeout) else round(timeout * 1e9),
                versions=versions,
                aliases=tuple(aliases),
                provisioned=tuple(provisioned),
            )
        )
    return ReferenceAccount(
        limit=account.concurrency_limit,
        functions=tuple(functions),
        floor=account.unreserved_floor,
        environments=profile.environments == "on",
        scaling=profile.scaling,
        burst=profile.scaling_burst,
        interval=round(1e9 / profile.scaling_rate),
        scaling_window=round(profile.scaling_window * 1e9),
        rps_scope=profile.rps_scope,
        rps_window=profile.rps_window,
        rps_counts=profile.rps_counts,
        rps_per_unit=profile.rps_per_concurrency,
        rps_second=round(profile.rps_window_length * 1e9),
        rps_burst=round(profile.rps_burst * 1e9),
        rps_ramp=profile.rps_ramp,
        rps_ramp_burst=profile.rps_ramp_burst,
        rps_ramp_interval=round(1e9 / profile.rps_ramp_rate),
        pc_rps_excess=profile.pc_rps_excess,
        pc_claim=profile.pc_claim,
        pc_prep=round(profile.pc_prep_s * 1e9),
        pc_interval=round(1e9 / profile.pc_ramp_rate),
        pc_burst=profile.pc_ramp_burst,
        overhang=profile.overhang,
        hard_account_cap=profile.hard_account_cap == "on",
        config_delay=round(profile.config_delay * 1e9),
        **options,
    )


def reference_targets(account: Account, trace: Trace) -> list[tuple[int, str]]:
    """Say what each name of a trace means: index of the function, and qualifier."""
    targets = []
    for label in trace.functions:
        name, qualifier = (label, "") if label in account else split_label(label)
        function = account.index(name)
        alone = account.functions[function]._engine_row(0, 0)[-1]
        targets.append((function, qualifier or alone or ""))
    return targets


def reference_calls(account: Account, schedule: Schedule | None) -> list[Call]:
    """Give the calls of a schedule that change something; their functions must exist."""
    return [
        Call(
            call.at,
            call.operation,
            0 if call.operation == "SetConcurrencyLimit" else account.index(call.function),
            call.qualifier,
            version_number(call.version) if call.operation == "UpdateAlias" else call.value,
        )
        for call in schedule or ()
    ]


def reference_verdicts(
    account: Account, trace: Trace, schedule: Schedule | None = None, **options: Any
) -> list[Verdict]:
    """Judge a trace with the reference model: what `simulate` must equal, row by row."""
    columns = [trace.arrival.tolist(), trace.function.tolist(), trace.duration.tolist()]
    if trace.init is not None:
        columns.append([None if init < 0 else init for init in trace.init.tolist()])
    return reference_simulate(
        as_reference(account, **options),
        [*zip(*columns, strict=True)],
        reference_targets(account, trace),
        reference_calls(account, schedule),
    )
