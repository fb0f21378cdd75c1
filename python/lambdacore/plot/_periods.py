"""The picture of a series over replications: bands of quantiles, bin by bin."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import numpy.typing as npt

from lambdacore import _check, _text
from lambdacore._runs_text import REGION
from lambdacore.plot import _caption, _style
from lambdacore.plot._measure import checked_levels, share_text, source
from lambdacore.runs import Bands, Runs

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import PolyCollection
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

__all__ = ["BandsDisplay"]

#: A limit this many times higher than what is shown would flatten it: it is only written.
_FAR = 2.5


class BandsDisplay:
    """A series with its spread across replications.

    Each bin shows quantiles of what the replications have in this very bin: a band is no course
    that a single replication takes. Outer bands are lighter.

    Make it with `from_runs`; the constructor takes what `Runs.bands` returns.

    Parameters
    ----------
    bands : Bands
        The quantiles.
    end : float, keyword
        When the last bin ends, in seconds.
    limit : tuple of int and str, keyword
        A limit and what it is called, for a line.
    detail : str, keyword
        A line below the headline.

    Attributes
    ----------
    figure_ : matplotlib.figure.Figure
        The figure drawn into; ``figure_.savefig(path)`` writes it.
    ax_ : matplotlib.axes.Axes
    areas_ : list of PolyCollection
        The bands, from the outermost inwards.
    median_line_ : Line2D or None
        The level in the middle, where their number is odd.
    limit_line_ : Line2D or None
        The limit, where there is one.
    """

    figure_: Figure
    ax_: Axes
    areas_: list[PolyCollection]
    median_line_: Line2D | None
    limit_line_: Line2D | None

    def __init__(
        self, bands: Bands, *, end: float, limit: tuple[int, str] | None = None, detail: str = ""
    ) -> None:
        self.bands, self.end, self.limit, self.detail = bands, end, limit, detail

    @classmethod
    def from_runs(
        cls,
        runs: Runs,
        statistic: str = "peak_concurrency",
        function: str = REGION,
        *,
        levels: Sequence[float] = (0.05, 0.5, 0.95),
        ax: Axes | None = None,
    ) -> Self:
        """Draw a series of runs that were made with a period.

        Parameters
        ----------
        runs : Runs
            What ``monte_carlo(..., period=60)`` returned.
        statistic : {"peak_concurrency", "arrivals", "throttles", "throttle_ratio"}
            What to show in each bin.
        function : str
            A function, or ``"Region"``.
        levels : sequence of float
            Quantiles: the lowest and the highest are the outer band, and so on inwards.
        ax : matplotlib axes, optional
            Where to draw, with room around it. None makes a figure of its own, without pyplot.

        Returns
        -------
        BandsDisplay

        Raises
        ------
        ConfigurationError
            No runs, or without a period; no such statistic or function; levels that are none.
        LambdacoreError
            matplotlib is not installed.
        """
        _check.instance("runs", runs, "Runs", isinstance(runs, Runs))
        bands = runs.bands(statistic, function, checked_levels(levels, 1, 15))
        limit = _limit(runs, function) if statistic == "peak_concurrency" else None
        end = float(bands.times[0]) + runs.horizon
        return cls(bands, end=end, limit=limit, detail=source(runs)).plot(ax)

    def plot(self, ax: Axes | None = None) -> Self:
        """Draw, into `ax` or a figure of its own; returns itself."""
        if ax is None:
            ax = _style.new_figure(10, 5.4, dpi=100).subplots()
        self.ax_, self.figure_ = ax, _style.root_figure(ax)
        bands, is_ratio = self.bands, self.bands.statistic.endswith("_ratio")
        values = np.asarray(bands.values, dtype=np.float64) * (100 if is_ratio else 1)
        starts = np.rint(np.append(bands.times, self.end) * 1e9).astype(np.int64)
        time = _style.TimeAxis.of(int(starts[0]), int(starts[-1]))
        edges = time.positions(starts)
        if time.dates:
            ax.xaxis_date()
        # Both ends of each bin: a gap beside it takes nothing from it.
        across = np.column_stack([edges[:-1], edges[1:]]).ravel()
        color, pairs = _style.PALETTE[0], len(values) // 2
        marks: dict[str, Any] = {}
        self.areas_ = []
        for i in range(pairs):
            area = ax.fill_between(
                across, _held(values[i]), _held(values[-1 - i]), color=color, linewidth=0,
                alpha=0.2 + 0.25 * i / max(pairs - 1, 1) + 0.1 * (pairs == 1), zorder=2 + 0.1 * i,
            )  # fmt: skip
            self.areas_.append(area)
            low, high = (share_text(bands.levels[k]) for k in (i, -1 - i))
            marks[f"{low} to {high} of replications"] = area
        self.median_line_ = None
        if len(values) % 2:
            middle = bands.levels[pairs]
            (self.median_line_,) = ax.plot(
                across, _held(values[pairs]), color=_style.darker(color), linewidth=1.8, zorder=3
            )
            words = "median of replications" if middle == 0.5 else f"{share_text(middle)} quantile"
            marks[words] = self.median_line_
        _caption.frame(ax, "y")
        _style.thousands(ax.yaxis)
        most = float(np.nanmax(values)) if np.isfinite(values).any() else 0.0
        if is_ratio:
            _percent(ax)
        self._draw_limit(most)
        ax.set_xlim(edges[0], edges[-1])
        period = float(bands.times[1] - bands.times[0]) if len(bands.times) > 1 else self.end
        name, label = _words(bands.statistic, _style.period_text(period))
        ax.set_ylabel(label, color=_style.QUIET, fontsize=11)
        time.apply(ax)
        ax.xaxis.label.set_fontsize(11)
        headline = f"{_text.label(bands.function)}: {name}"
        _caption.caption(ax, headline, f"{self.detail}; bands bin by bin".lstrip("; "), marks)
        return self

    def _draw_limit(self, most: float) -> None:
        from matplotlib.patheffects import withStroke

        ax, self.limit_line_ = self.ax_, None
        height = 1.08 * most or 1.0
        if self.limit is not None:
            limit, words = self.limit
            style: dict[str, Any] = {
                "textcoords": "offset points", "color": _style.INK, "fontsize": 11,
                "fontweight": "bold", "parse_math": False,
                "path_effects": [withStroke(linewidth=3, foreground="white")],
            }  # fmt: skip
            if limit <= _FAR * most:
                height = max(height, 1.1 * limit)
                # Dashed: what lies on the limit all the time shows between the dashes.
                self.limit_line_ = ax.axhline(
                    limit, color=_style.INK, linewidth=2, linestyle=(0, (4, 5)), zorder=4
                )
                ax.annotate(words, (0, limit), (4, 4), xycoords=ax.get_yaxis_transform(), **style)
            else:
                words = f"↑ {words}, far above this scale"
                ax.annotate(words, (0, 1), (4, -4), xycoords="axes fraction", va="top", **style)
                height *= 1.08
        ax.set_ylim(0, height)

    def _repr_png_(self) -> bytes | None:
        """Show the picture in a notebook."""
        return _caption.png(self)


def _held(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Give each bin's value at both of its ends."""
    return np.repeat(values, 2)


def _percent(ax: Axes) -> None:
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    ax.yaxis.set_major_locator(MaxNLocator(nbins=5, steps=[1, 2, 2.5, 5, 10]))
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.10g}"))


def _words(statistic: str, period: str) -> tuple[str, str]:
    """Name a series for the headline, and for the axis with its unit."""
    named = {
        "peak_concurrency": ("peak concurrency", "concurrent executions"),
        "arrivals": ("arrivals", "calls"),
        "throttles": ("throttled", "calls"),
        "throttle_ratio": ("throttled", "% of arrivals"),
    }
    name, unit = named[statistic]
    if statistic in ("arrivals", "throttles"):
        return f"{name} per {period}", f"{unit} per {period}"
    return f"{name} in each {period}", unit


def _limit(runs: Runs, function: str) -> tuple[int, str]:
    """Give the limit of what a function draws on, and its name."""
    account = runs.account
    if function == REGION and REGION not in runs.functions:
        limit = account.concurrency_limit
        return limit, f"account limit {limit:,}"
    declared = account[function]
    held = declared.reserved_concurrency
    if held is not None:
        return held, f"{held:,} reserved for {_text.label(function, 24)}"
    free, ready = account.unreserved_concurrency, sum(declared.provisioned_by_qualifier.values())
    if ready:
        return free + ready, f"{ready:,} provisioned + {free:,} unreserved, shared"
    return free, f"{free:,} unreserved, shared"
