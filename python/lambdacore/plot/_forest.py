"""The picture of a comparison: what each candidate changes, with its error."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Self

import numpy as np
import numpy.typing as npt

from lambdacore import _check, _intervals, _text
from lambdacore._runs_text import REGION
from lambdacore.compare import Comparison
from lambdacore.errors import ConfigurationError
from lambdacore.plot import _caption, _style
from lambdacore.plot._forest_rows import ForestRow, draw_labels, draw_row, marks, places_of
from lambdacore.plot._measure import Measure, source

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import PathCollection
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D
    from matplotlib.patches import Polygon, Rectangle

__all__ = ["ForestDisplay"]

#: So many functions are shown, unless they are named.
_MOST = 12


class ForestDisplay:
    """Differences between accounts that met the same calls: a row for each function.

    Two marks say two things. The light bar, with a dot for each replication where there are few,
    is the spread: how differently single replications turn out. The dark line with its diamond is
    the interval of the mean: how well the mean difference is known, which more replications make
    narrower. Beside each row both are written in figures.

    Make it with `from_comparison`.

    Attributes
    ----------
    figure_ : matplotlib.figure.Figure
        The figure drawn into; ``figure_.savefig(path)`` writes it.
    ax_ : matplotlib.axes.Axes
    rows_ : list of ForestRow
        What is shown, from top to bottom.
    spread_bars_ : list of Rectangle
        From the 5th to the 95th percentile of the differences, row by row.
    spread_dots_ : list of PathCollection
        The replications, row by row; empty above 200 of them.
    interval_lines_ : list of Line2D
        The interval of the mean, row by row.
    mean_marks_ : list of Line2D
        The mean, row by row.
    zero_line_ : Line2D
    tolerance_band_ : Rectangle or None
    """

    figure_: Figure
    ax_: Axes
    spread_bars_: list[Rectangle]
    spread_dots_: list[PathCollection]
    interval_lines_: list[Line2D]
    mean_marks_: list[Line2D]
    zero_line_: Line2D
    tolerance_band_: Rectangle | Polygon | None

    def __init__(
        self, rows: Sequence[ForestRow], measure: Measure, *, detail: str, confidence: float,
        tolerance: float | None = None,
    ) -> None:  # fmt: skip
        self.rows_ = [*rows]
        self.measure, self.detail = measure, detail
        self.confidence, self.tolerance = confidence, tolerance

    @classmethod
    def from_comparison(
        cls,
        comparison: Comparison,
        statistic: str = "throttle_ratio",
        *,
        functions: Sequence[str] | None = None,
        confidence: float = 0.95,
        tolerance: float | None = None,
        ax: Axes | None = None,
    ) -> Self:
        """Draw candidate minus baseline for each function and candidate.

        Parameters
        ----------
        comparison : Comparison
            What `lambdacore.compare` returned.
        statistic : str
            See `Runs`.
        functions : sequence of str, optional
            Which, in this order, and ``"Region"`` among them if it is wanted. None takes all and
            the Region; of more than 12 those that differ most.
        confidence : float
            Of the intervals, and of the verdicts.
        tolerance : float, optional
            A difference up to which accounts count as the same, in units of the statistic (0.01
            is a percentage point of a ratio): draws a band, and writes `Comparison.verdict`.
        ax : matplotlib axes, optional
            Where to draw, with room around it. None makes a figure of its own, without pyplot.

        Returns
        -------
        ForestDisplay

        Raises
        ------
        ConfigurationError
            No comparison; no such statistic or function; a tolerance below zero.
        LambdacoreError
            matplotlib is not installed.
        """
        good = isinstance(comparison, Comparison)
        _check.instance("comparison", comparison, "a Comparison", good)
        measure, factor = Measure.of(statistic), Measure.of(statistic).factor
        shown, note = _chosen(comparison, statistic, functions)
        rows = []
        for function in shown:
            for candidate in comparison.names[1:]:
                values = _differences(comparison, statistic, function, candidate)
                verdict = None
                if tolerance is not None:
                    verdict = _intervals.equivalence(values, tolerance, confidence)
                interval = _intervals.mean_t(factor * values, confidence)
                label = _name(comparison, function)
                rows.append(ForestRow(label, candidate, factor * values, interval, verdict))
        detail = f"{source(comparison.runs[0])} on common random numbers{note}"
        band = None if tolerance is None else factor * float(tolerance)
        display = cls(rows, measure, detail=detail, confidence=confidence, tolerance=band)
        return display.plot(ax)

    def plot(self, ax: Axes | None = None) -> Self:
        """Draw, into `ax` or a figure of its own; returns itself."""
        places = places_of(self.rows_)
        if ax is None:
            height = 2.5 + 0.36 * (1 + max(places))
            ax = _style.new_figure(10, height, dpi=100).subplots()
        self.ax_, self.figure_ = ax, _style.root_figure(ax)
        colors = _style.colors_of([*dict.fromkeys(row.candidate for row in self.rows_)], None)
        self.zero_line_ = ax.axvline(0, color=_style.INK, linewidth=1.2, zorder=2.5)
        self.tolerance_band_ = None
        if self.tolerance is not None:
            self.tolerance_band_ = ax.axvspan(
                -self.tolerance,
                self.tolerance,
                color=_style.GREY,
                alpha=0.28,
                linewidth=0,
                zorder=1,
            )
        self.spread_bars_, self.spread_dots_ = [], []
        self.interval_lines_, self.mean_marks_ = [], []
        for row, place in zip(self.rows_, places, strict=True):
            draw_row(self, row, place, colors[row.candidate])
        ax.set_ylim(max(places) + 0.6, -0.6)
        _caption.frame(ax, "x")
        beside = 0.4 + draw_labels(self, places)
        ax.set_xlabel(
            f"{self.measure.name}, difference ({self.measure.difference_unit})",
            color=_style.QUIET, fontsize=11,
        )  # fmt: skip
        ax.margins(x=0.06)
        who = "candidate" if self.is_several else _text.label(self.rows_[0].candidate, 40)
        headline = f"{self.measure.name.capitalize()}: {who} minus baseline"
        _caption.caption(ax, headline, self.detail, marks(self), beside=beside)
        return self

    @property
    def is_several(self) -> bool:
        """Whether there is more than one candidate."""
        return len({row.candidate for row in self.rows_}) > 1

    def _repr_png_(self) -> bytes | None:
        """Show the picture in a notebook."""
        return _caption.png(self)


def _name(comparison: Comparison, function: str | None) -> str:
    if function is not None:
        return function
    # A function may be called so too.
    return f"{REGION} (account)" if REGION in comparison.functions else REGION


def _differences(
    comparison: Comparison, statistic: str, function: str | None, candidate: str
) -> npt.NDArray[np.float64]:
    """Give candidate minus baseline of a function, or of the Region (None)."""
    both = (comparison[candidate], comparison.runs[0])
    found = (
        r.region(statistic) if function is None else r.values(statistic, function) for r in both
    )
    other, base = (values.astype(np.float64) for values in found)
    difference: npt.NDArray[np.float64] = other - base
    return difference


def _chosen(
    comparison: Comparison, statistic: str, functions: Sequence[str] | None
) -> tuple[list[str | None], str]:
    """Choose the functions that are shown (None is the Region), and say what is not."""
    names = comparison.functions
    if functions is not None:
        if isinstance(functions, str) or not len(functions):
            raise ConfigurationError(
                "functions: a sequence of one name or more is needed", argument="functions"
            )
        known = [*names, REGION]
        asked = [_check.one_of("functions", name, known) for name in functions]
        return [name if name in names else None for name in dict.fromkeys(asked)], ""
    if len(names) <= _MOST:
        return [*names, None], ""
    moved = np.zeros(len(names))
    for candidate in comparison.names[1:]:
        values = comparison.difference(statistic, candidate=candidate)
        means = np.abs(np.nan_to_num(_intervals.mean_t(values, 0.95).estimate))
        moved = np.maximum(moved, means)
    largest = sorted(np.argsort(-moved, kind="stable")[:_MOST], key=lambda i: -moved[i])
    note = f"; the {_MOST} of {len(names):,} functions that differ most"
    return [*(names[i] for i in largest), None], note
