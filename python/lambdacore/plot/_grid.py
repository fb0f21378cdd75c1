"""The numbers of a sweep's picture, in the units and the order of its axes."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from lambdacore import _text
from lambdacore.plot._measure import Measure, is_numeric, parameter_label
from lambdacore.sweep import Sweep

__all__ = ["Axis", "Grid"]

Floats = npt.NDArray[np.float64]


class Axis(NamedTuple):
    """A parameter that varies; the points of a list are one axis."""

    name: str
    label: str
    values: tuple[Any, ...]
    texts: list[str]
    is_numeric: bool


class Grid(NamedTuple):
    """A statistic at each point: the mean, its interval, and quantiles of the replications."""

    axes: tuple[Axis, ...]
    mean: Floats
    #: Interval of the mean; NaN where it is infinite.
    low: Floats
    high: Floats
    #: Spread between replications.
    below: Floats
    above: Floats
    #: Parameters with one value only, for people.
    fixed: str
    is_ratio_of_counts: bool

    @classmethod
    def of(
        cls, sweep: Sweep, measure: Measure, function: str, levels: tuple[float, ...],
        confidence: float,
    ) -> Grid:  # fmt: skip
        """Compute it; numbers ascend along an axis."""
        statistic = measure.statistic
        interval = sweep.interval(statistic, function, confidence=confidence)
        spread = np.array(
            [_quantiles(runs.values(statistic, function), levels) for runs in sweep.runs]
        )
        shape = sweep.shape
        below, above = (spread[:, i].reshape(shape) for i in (0, 1))
        arrays = [interval.estimate, interval.low, interval.high, below, above]
        arrays = [measure.scaled(array) for array in arrays]
        if not sweep.is_grid:
            names = [name.rpartition(".")[2] for name in sweep.parameters]
            if len(set(names)) < len(names):
                names = list(sweep.parameters)
            said = [
                "\n".join(
                    f"{_text.label(name, 30)} = {_value_text(value)}"
                    for name, value in zip(names, point.values(), strict=True)
                )
                for point in sweep.points()
            ]
            axes: tuple[Axis, ...] = (Axis("point", "", (*range(len(said)),), said, False),)
            fixed = ""
        else:
            axes, arrays, fixed = _arranged(sweep, arrays)
        mean, low, high, below, above = arrays
        return cls(axes, mean, low, high, below, above, fixed, statistic.endswith("_ratio"))

    @property
    def unseen(self) -> npt.NDArray[np.bool_]:
        """Where a ratio of counts is zero in every replication."""
        unseen: npt.NDArray[np.bool_] = (self.mean == 0) & self.is_ratio_of_counts
        return unseen

    @property
    def is_logarithmic(self) -> bool:
        """Whether ratios span more than two decades."""
        seen = self.mean[self.mean > 0]
        return bool(self.is_ratio_of_counts and len(seen) and seen.max() > 100 * seen.min())


def _arranged(sweep: Sweep, arrays: list[Floats]) -> tuple[tuple[Axis, ...], list[Floats], str]:
    """Drop the parameters that do not vary, and sort those that are numbers."""
    axes, fixed = [], []
    every = list(sweep.parameters.items())
    # Where nothing varies, one parameter remains to stand on the axis.
    varying = [name for name, values in every if len(values) > 1] or [every[-1][0]]
    for name, values in reversed(every):
        dimension = list(sweep.parameters).index(name)
        if name not in varying:
            arrays = [array.squeeze(dimension) for array in arrays]
            fixed.append(f"; {_text.label(name, 60)} = {_value_text(values[0])}")
            continue
        numeric = is_numeric(values)
        if numeric:
            order = np.argsort(np.array(values, dtype=np.float64), kind="stable")
            arrays = [array.take(order, axis=dimension) for array in arrays]
            values = tuple(values[i] for i in order)
        texts = [_value_text(value) for value in values]
        axes.append(Axis(name, parameter_label(name), values, texts, numeric))
    return tuple(reversed(axes)), arrays, "".join(reversed(fixed))


def _quantiles(values: npt.NDArray[Any], levels: tuple[float, ...]) -> Floats:
    known = values[~np.isnan(values.astype(np.float64))].astype(np.float64)
    return np.quantile(known, levels) if len(known) else np.full(len(levels), np.nan)


def _value_text(value: Any) -> str:
    if is_numeric([value]):
        return f"{value:,}" if isinstance(value, int | np.integer) else f"{value:.6g}"
    return _text.label(str(value), 24)
