"""Which interval a statistic of replications has: t, or Wilson's bound where nothing was seen."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from lambdacore import _check, _intervals
from lambdacore._intervals import Interval
from lambdacore._runs_text import REGION
from lambdacore.errors import ConfigurationError
from lambdacore.outcome import Outcome

if TYPE_CHECKING:
    from lambdacore.runs import Runs

__all__ = ["Method", "interval"]

Method = Literal["auto", "t", "ratio t", "bootstrap", "wilson"]


def interval(
    runs: Runs, statistic: str, function: str | None, confidence: float, method: Method
) -> Interval:
    """Give the mean over replications with its interval, as `Runs.interval` says."""
    _check.one_of("method", method, get_args(Method))
    values = runs.values(statistic, function).astype(np.float64)
    if method == "bootstrap":
        return _intervals.bootstrap(values, confidence, seed=0)
    if method == "ratio t":
        return _intervals.ratio_t(*_parts_of_ratio(runs, statistic, function), confidence)
    if method == "wilson":
        return _wilson(*_parts_of_ratio(runs, statistic, function), confidence)
    plain = _intervals.mean_t(values, confidence)
    if not statistic.endswith("_ratio"):
        return plain
    # A ratio lies between 0 and 1, and so does its mean; of one replication nothing is known.
    plain = replace(
        plain,
        low=np.where(np.isfinite(plain.low), np.clip(plain.low, 0, 1), plain.low)[()],
        high=np.where(np.isfinite(plain.high), np.clip(plain.high, 0, 1), plain.high)[()],
    )
    if method == "t":
        return plain
    events, trials = _parts_of_ratio(runs, statistic, function)
    unseen = np.asarray(events.sum(axis=0) == 0)
    if not unseen.any():
        return plain
    bound = _wilson(events, trials, confidence)
    if unseen.ndim == 0:
        return bound
    return Interval(
        plain.estimate,
        np.where(unseen, bound.low, plain.low),
        np.where(unseen, bound.high, plain.high),
        plain.confidence,
        "t; wilson where none was seen",
        plain.samples,
    )


def _wilson(events: Any, trials: Any, confidence: float) -> Interval:
    inflation = _intervals.design_effect(events, trials)
    return _intervals.wilson(events.sum(axis=0), trials.sum(axis=0), confidence, inflation)


def _parts_of_ratio(runs: Runs, statistic: str, function: str | None) -> tuple[Any, Any]:
    """Give the counts whose quotient a ratio is."""
    arrivals, throttles = (runs.values(name, function) for name in ("arrivals", "throttles"))
    if statistic == "throttle_ratio":
        return throttles, arrivals
    if statistic == "cold_start_ratio":
        return runs.values("cold_starts", function), arrivals - throttles
    if statistic == "provisioned_ratio":
        counts = runs.outcomes(Outcome.PROVISIONED)
        if function in runs.functions:
            counts = counts[:, runs.functions.index(function)]
        elif function == REGION:
            counts = counts.sum(axis=1)
        return counts, arrivals - throttles
    raise ConfigurationError(
        f"method: {statistic!r} is no ratio of counts; use 't' or 'bootstrap'", argument="method"
    )
