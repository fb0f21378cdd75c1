"""How replications are told to people: ratios with their intervals, the table of a run."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from lambdacore import _text

if TYPE_CHECKING:
    from lambdacore._intervals import Interval
    from lambdacore.runs import Runs

__all__ = ["REGION", "UNSEEN", "rows", "share", "with_places"]

#: The name that stands for the account as a whole.
REGION = "Region"

#: Below a table in which something was not seen at all.
UNSEEN = (
    "<: none was seen; a bound if they came singly, too low if in bursts rarer than a replication"
)


def rows(runs: Runs, shown: int) -> tuple[list[str], list[list[str]], str]:
    """Give the table of a run as text: heads, rows (the Region last) and a note."""
    order = [*range(len(runs.functions))]
    notes = []
    if len(order) > shown:
        ratio = np.nan_to_num(runs.throttle_ratio).mean(axis=0)
        order.sort(key=lambda i: -ratio[i])
        notes.append(
            f"… and {_text.count(len(order) - shown, 'more function')}; these are throttled most"
        )
        order = order[:shown]
    names = [*(runs.functions[i] for i in order), REGION]
    body = []
    for name in names:
        throttled = runs.interval("throttle_ratio", name)
        cold = runs.interval("cold_start_ratio", name)
        peaks = runs.values("peak_concurrency", name)
        mean = runs.values("mean_concurrency", name).mean()
        used = runs.values("utilisation", name).mean()  # the same pool in every replication
        body.append(
            [
                _text.label(name),
                f"{runs.values('arrivals', name).mean():,.0f}",
                share(throttled),
                share(cold),
                f"{np.quantile(peaks, 0.5):,.0f}",
                f"{peaks.max():,}",
                f"{mean:,.4g}",
                f"{used:.0%}" if used == used else "-",
            ]
        )
    notes.append(
        f"{_text.count(len(runs), 'replication')} of {runs.horizon:g} s, {runs._started()}, "
        f"seed {runs.seed}, streams {runs.stream_version}; ratios with 95 % intervals of their "
        "mean"
    )
    if any(cell.startswith("<") for row in body for cell in row[1:]):
        notes.append(UNSEEN)
    head = ["function", "arrivals", "throttled", "cold", "peak", "most", "mean", "used"]
    return head, body, "\n".join(notes)


def share(interval: Interval) -> str:
    """Say a ratio with its interval in percent: ``1.23 % ±0.04``, ``< 0.0037 %``."""
    estimate, low, high = (100 * float(x) for x in (interval.estimate, interval.low, interval.high))
    if estimate != estimate:
        return "-"
    if estimate == 0:
        return "0 %" if high == 0 else f"< {high:.2g} %"
    half = (high - low) / 2
    return f"{estimate:.3g} %" if not 0 < half < np.inf else f"{with_places(estimate, half)} %"


def with_places(estimate: float, half: float, sign: str = "") -> str:
    """Write an estimate with as many places as its half width, which has two digits."""
    places = min(max(1 - math.floor(math.log10(half)), 0), 9)
    return f"{estimate:{sign},.{places}f} ±{half:.{places}f}"
