"""Tools to test against lambdacore: a reference model, and strategies for hypothesis.

`reference_simulate` is a slow, plain model of the same rules, written from the rules alone
by an author who had not seen the engine; `reference_verdicts` runs it on an `Account` and a
`Trace`. `accounts` and `traces` are hypothesis strategies (extra ``testing``) that make
small cases in which ties, zero durations and full pools are common.
"""

from typing import TYPE_CHECKING, Any

from lambdacore.testing.bridge import (
    as_reference,
    reference_calls,
    reference_targets,
    reference_verdicts,
)
from lambdacore.testing.reference import (
    ReferenceAccount,
    ReferenceFunction,
    Verdict,
    reference_answers,
    reference_concurrency,
    reference_simulate,
)

if TYPE_CHECKING:
    from lambdacore.testing.strategies import accounts, cases, schedules, traces

__all__ = [
    "ReferenceAccount",
    "ReferenceFunction",
    "Verdict",
    "accounts",
    "as_reference",
    "cases",
    "reference_answers",
    "reference_calls",
    "reference_concurrency",
    "reference_simulate",
    "reference_targets",
    "reference_verdicts",
    "schedules",
    "traces",
]


def __getattr__(name: str) -> Any:
    # hypothesis is only needed for the strategies.
    if name in ("accounts", "cases", "schedules", "traces"):
        from lambdacore.testing import strategies

        return getattr(strategies, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
