"""How many replications: until an answer is as precise as wanted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lambdacore import _check, _intervals, _samples
from lambdacore._runs_text import REGION
from lambdacore.runs import STATISTICS, Runs

__all__ = ["Precision"]


@dataclass(frozen=True)
class Precision:
    """Replications until an interval is as narrow as wanted.

    Parameters
    ----------
    relative : float
        Half the width of the interval over the mean.
    statistic : str
        Of what; see `Runs`.
    function : str
        Of which function, or ``"Region"``.
    confidence : float
        Of the interval.
    least, most : int
        Replications to begin with, and to end with in any case. `least` keeps a few alike
        replications from ending it by chance.

    Notes
    -----
    Of several accounts or points every one has to be as precise; those in which nothing was seen
    (no throttle, say) have no relative precision, and are left to the others. If none saw anything
    it goes on to `most`. Replications are added half as many again at a time, and looked at after
    each addition. Looking several times makes the true confidence somewhat lower than stated.
    """

    relative: float
    statistic: str = "throttle_ratio"
    function: str = REGION
    confidence: float = 0.95
    least: int = 20
    most: int = 10_000

    def __post_init__(self) -> None:
        _check.rate("relative", self.relative)
        _check.one_of("statistic", self.statistic, STATISTICS)
        _samples.level("confidence", self.confidence)
        _check.whole("least", self.least, 2, 10**9)
        _check.whole("most", self.most, self.least, 10**9)

    def is_reached(self, results: list[list[Runs]]) -> bool:
        """Whether all runs are as precise; those that saw nothing are left to the others."""
        values = [
            runs.values(self.statistic, self.function).astype(np.float64)
            for of_recipe in results
            for runs in of_recipe
        ]
        seen = [each for each in values if np.any(np.nan_to_num(each))]
        enough = (_intervals.enough(each, self.relative, self.confidence) for each in seen)
        return bool(seen) and all(map(bool, enough))
