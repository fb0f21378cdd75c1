"""Draws the rows of a comparison: spread, interval, figures and names."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from lambdacore import _intervals, _text
from lambdacore._runs_text import REGION, with_places
from lambdacore.plot import _style
from lambdacore.plot._measure import share_text

if TYPE_CHECKING:
    from lambdacore.plot._forest import ForestDisplay

__all__ = ["ForestRow", "draw_labels", "draw_row", "marks", "places_of"]

#: Up to so many replications each has a dot.
_DOTTED = 200
#: What the light bar spans.
_SPREAD = (0.05, 0.95)
_SIGNS = {"equivalent": "= equivalent", "different": "≠ different", "undecided": "? undecided"}


@dataclass(frozen=True)
class ForestRow:
    """One row: a candidate's differences of one function, in the units of the axis.

    Attributes
    ----------
    function, candidate : str
        Of which function, or the Region; of which candidate.
    differences : ndarray of float64, shape (replications,)
        Candidate minus baseline; NaN where a replication has none.
    interval : Interval
        Of their mean.
    verdict : str or None
        ``"equivalent"``, ``"different"`` or ``"undecided"``, where there is a tolerance.
    """

    function: str
    candidate: str
    differences: npt.NDArray[np.float64]
    interval: _intervals.Interval
    verdict: str | None

    @property
    def is_known(self) -> bool:
        """Whether there is anything to draw."""
        return not bool(np.isnan(self.differences).all())

    @property
    def text(self) -> str:
        """The mean and its interval in figures."""
        if not self.is_known:
            return "no value"
        mean, half = float(self.interval.estimate), float(self.interval.half_width)
        number = (
            with_places(mean, half, "+") if 0 < half < np.inf else f"{mean:+.3g}" if mean else "0"
        )
        return number.replace("-", "−")


def places_of(rows: list[ForestRow]) -> list[float]:
    """Place the rows from zero on: candidates close together, functions apart."""
    places, place = [0.0], 0.0
    for before, row in itertools.pairwise(rows):
        many = before.candidate != row.candidate
        place += 0.8 if many and before.function == row.function else 1.25 if many else 1.0
        places.append(place)
    return places


def draw_row(display: ForestDisplay, row: ForestRow, place: float, color: str) -> None:
    from matplotlib.patches import Rectangle

    ax, known = display.ax_, row.differences[~np.isnan(row.differences)]
    low, high = np.quantile(known, _SPREAD) if len(known) else (np.nan, np.nan)
    bar = Rectangle(
        (low, place - 0.2), high - low, 0.4, facecolor=color, alpha=0.32, linewidth=0, zorder=2
    )
    display.spread_bars_.append(bar)
    dark = _style.darker(color)
    start, end = float(row.interval.low), float(row.interval.high)
    bounded = np.isfinite([start, end]).all()
    (line,) = ax.plot(
        [start, end] if bounded else [np.nan, np.nan], [place, place], color=dark,
        linewidth=7, solid_capstyle="butt", zorder=4,
    )  # fmt: skip
    (mean,) = ax.plot(
        [row.interval.estimate], [place], marker="d", markersize=6.5, color="white",
        markeredgecolor=dark, markeredgewidth=1.2, zorder=5, linestyle="none",
    )  # fmt: skip
    display.interval_lines_.append(line)
    display.mean_marks_.append(mean)
    if len(known):
        ax.add_patch(bar)
    if len(row.differences) <= _DOTTED:
        # Spread by the golden ratio: near one another in value, apart in height.
        jitter = (np.arange(len(known)) * 0.618034) % 1 - 0.5
        dots = ax.scatter(
            known, place + 0.4 * jitter, s=8, color=color, alpha=0.35, linewidths=0, zorder=3
        )
        display.spread_dots_.append(dots)
    style: dict[str, Any] = {
        "xycoords": ax.get_yaxis_transform(), "textcoords": "offset points", "va": "center",
        "color": _style.INK, "fontsize": 11,
    }  # fmt: skip
    ax.annotate(row.text, (1, place), (8, 0), **style)
    if row.verdict is not None:
        aside = 20 + 6.6 * max(len(other.text) for other in display.rows_)
        ax.annotate(_SIGNS[row.verdict], (1, place), (aside, 0), **style)


def draw_labels(display: ForestDisplay, places: list[float]) -> float:
    """Name the rows on the left; returns the inches that this takes."""
    ax, axis, several = display.ax_, display.ax_.yaxis, display.is_several
    groups: dict[str, list[float]] = {}
    for row, place in zip(display.rows_, places, strict=True):
        groups.setdefault(row.function, []).append(place)
    functions = [_text.label(name, 28) for name in groups]
    candidates = [_text.label(row.candidate, 20) for row in display.rows_] if several else []
    letters = max(map(len, candidates), default=0)
    axis.remove_overlapping_locs = False
    ax.set_yticks([*map(np.mean, groups.values())], functions, parse_math=False)
    if several:
        ax.set_yticks(places, candidates, minor=True, parse_math=False)
        ax.tick_params(axis="y", which="minor", labelcolor=_style.QUIET, labelsize=10, pad=4)
        # The functions stand to the left of the candidates, which are of 10 points.
        ax.tick_params(axis="y", which="major", pad=14 + 5.9 * letters)
    for label, name in zip(axis.get_ticklabels(), groups, strict=True):
        label.set_fontweight("bold" if several or name == REGION else "normal")
    return (6.5 * max(map(len, functions)) + 5.9 * letters + 14 * several) / 72


def marks(display: ForestDisplay) -> dict[str, Any]:
    """Give the marks of the legend."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    several = display.is_several
    color = _style.QUIET if several else _style.PALETTE[0]
    spread = f"spread: {share_text(_SPREAD[0])} to {share_text(_SPREAD[1])} of replications"
    found: dict[str, Any] = {spread: Patch(facecolor=color, alpha=0.32, linewidth=0)}
    if any(np.isfinite(row.interval.low) for row in display.rows_):
        dark = _style.INK if several else _style.darker(color)
        found[f"mean and its {share_text(display.confidence)} interval"] = Line2D(
            [], [], color=dark, linewidth=7, marker="d", markersize=6.5,
            markerfacecolor="white", markeredgecolor=dark, markeredgewidth=1.2,
            solid_capstyle="butt",
        )  # fmt: skip
    if display.tolerance is not None:
        words = f"tolerance ±{display.tolerance:.6g} {display.measure.difference_unit}"
        found[words] = Patch(facecolor=_style.GREY, alpha=0.28, linewidth=0)
    return found
