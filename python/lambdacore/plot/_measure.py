"""What a statistic and a parameter are called on an axis, and in which units they stand there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from lambdacore import _check, _text
from lambdacore.errors import ConfigurationError
from lambdacore.runs import STATISTICS, Runs

__all__ = ["Measure", "checked_levels", "is_numeric", "parameter_label", "share_text", "source"]

_NAMES = {
    "throttle_ratio": ("throttled", "% of arrivals"),
    "cold_start_ratio": ("cold starts", "% of what was admitted"),
    "provisioned_ratio": ("on provisioned environments", "% of what was admitted"),
    "utilisation": ("utilisation", "% of the limit"),
    "peak_concurrency": ("peak concurrency", "concurrent executions"),
    "mean_concurrency": ("mean concurrency", "concurrent executions"),
    "arrivals": ("arrivals", "calls"),
    "throttles": ("throttled", "calls"),
    "cold_starts": ("cold starts", "calls"),
}
_EXECUTIONS = (
    "concurrency_limit", "reserved_concurrency", "provisioned_concurrency", "unreserved_floor"
)  # fmt: skip


class Measure(NamedTuple):
    """A statistic as it is drawn: ratios in percent, counts as they are."""

    statistic: str
    name: str
    unit: str
    #: What a value is multiplied with to stand on the axis.
    factor: float

    @classmethod
    def of(cls, statistic: str) -> Measure:
        """Look a statistic up; refuse what is none."""
        name, unit = _NAMES[_check.one_of("statistic", statistic, STATISTICS)]
        return cls(statistic, name, unit, 100.0 if unit.startswith("%") else 1.0)

    @property
    def is_ratio(self) -> bool:
        """Whether its values are shares, drawn in percent."""
        return self.factor != 1

    @property
    def label(self) -> str:
        """Title of an axis of the statistic."""
        return f"{self.name} ({self.unit})"

    @property
    def difference_unit(self) -> str:
        """Unit of a difference of two values."""
        return "percentage points" if self.is_ratio else self.unit

    def scaled(self, values: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Convert values to the units of the axis; what is infinite is not drawn."""
        array = np.asarray(values, dtype=np.float64) * self.factor
        return np.where(np.isfinite(array), array, np.nan)

    def text(self, value: float) -> str:
        """Write a value that is in the units of the axis."""
        number = f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
        return f"{number} %" if self.is_ratio else number


def is_numeric(values: Sequence[Any]) -> bool:
    """Whether the values of a parameter are places on a scale."""
    return all(
        isinstance(value, int | float | np.integer | np.floating)
        and not isinstance(value, bool)
        and bool(np.isfinite(value))
        for value in values
    )


def parameter_label(name: str) -> str:
    """Title of an axis of a parameter, with its unit where that is known."""
    last = name.rpartition(".")[2]
    label = _text.label(name, 60)
    if last in _EXECUTIONS:
        return f"{label} (concurrent executions)"
    if last in ("init_duration", "idle_timeout") or name.endswith(".duration.mean"):
        return f"{label} (s)"
    return f"{label} (a second)" if last == "rate" else label


def share_text(share: float) -> str:
    """Say a confidence or a level of quantiles: ``95 %``."""
    return f"{100 * share:.10g} %"


def source(runs: Runs) -> str:
    """Say what a picture rests on."""
    return f"{_text.count(len(runs), 'replication')} of {runs.horizon:,g} s"


def checked_levels(levels: Sequence[float], least: int, most: int) -> tuple[float, ...]:
    """Read quantiles, from the lowest to the highest."""
    if isinstance(levels, str) or not np.iterable(levels):
        raise ConfigurationError(
            f"levels = {levels!r}: quantiles such as (0.05, 0.95) are needed", argument="levels"
        )
    shares = tuple(sorted(_check.ratio(f"levels[{i}]", level) for i, level in enumerate(levels)))
    if not least <= len(set(shares)) == len(shares) <= most:
        number = f"{least}" if least == most else f"{least} to {most}"
        raise ConfigurationError(
            f"levels = {tuple(levels)!r}: {number} different quantiles from 0 to 1 are needed",
            argument="levels",
        )
    return shares
